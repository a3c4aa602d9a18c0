"""Calls, their order and their parts, and what is given up because it is refused to all alike."""

from dataclasses import replace
from typing import Any

import pytest

from tag_policy.aws.errors import NotConfirmedError, Refusal
from tag_policy.model.finding import Code, Finding
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import End, Remedy
from tag_policy.resources.remedy_queue import (
    CHANGED,
    OUT_OF_TIME,
    RESULT_OF,
    Call,
    Queue,
    tags_of,
)
from tests.support.builders import NOW, mark, ref
from tests.support.fake_ec2 import number, refusal

DENIED = refusal("UnauthorizedOperation", message="you may not")
ABOUT_ONE = refusal("TagLimitExceeded")


def tag(at: int, key: str = "Owner", value: str | None = "jane", **more: Any) -> Finding:
    return Finding(ref(number(at)), Remedy.TAG, Code.MISSING, "", tag_key=key, value=value, **more)


def call(*ats: int, keys: tuple[str, ...] = ("Owner",), **more: Any) -> Call:
    findings = {number(at): [tag(at, key) for key in keys] for at in ats}
    tags = tuple((key, "jane") for key in keys)
    return Call(Remedy.TAG, tags, findings, NOW, **more)


def ending(*ats: int, remedy: Remedy = Remedy.TERMINATE) -> Call:
    findings = {number(at): [Finding(ref(number(at)), remedy, Code.UNTAGGED, "")] for at in ats}
    return Call(remedy, (), findings, NOW)


def parts(calls: Any) -> list[list[str]]:
    return [list(one.findings) for one in calls]


def test_the_gentlest_call_comes_first_and_nothing_after_what_ends_an_instance() -> None:
    remedies = list(RESULT_OF)

    calls = [Call(remedy, (), {}, NOW) for remedy in reversed(remedies)]

    assert [one.remedy for one in sorted(calls, key=lambda one: one.order)] == [
        Remedy.NOTIFY,
        Remedy.LEAVE,
        Remedy.REPORT,
        Remedy.TAG,
        Remedy.UNMARK,
        Remedy.MARK,
        Remedy.REMOVE,
        Remedy.ISOLATE,
        Remedy.STOP,
        Remedy.TERMINATE,
    ]


def test_one_that_has_to_be_looked_at_right_before_is_enough_for_the_whole_call() -> None:
    both = replace(call(1), findings={number(1): [tag(1)], number(2): [tag(2, unlocked=True)]})

    assert both.is_unlocked
    assert not both.of([number(1)]).is_unlocked


def test_calls_of_one_remedy_are_in_the_order_of_their_tags() -> None:
    assert call(1, keys=("A",)).order < call(1, keys=("B",)).order


def test_a_call_that_was_carried_out_tells_of_each_finding_what_it_resulted_in() -> None:
    with_detail = tag(1, detail_refused="TagLimitExceeded")
    other = Finding(ref(number(2)), Remedy.UNMARK, Code.NO_LONGER_DUE, "", tag_key="due")
    findings = {number(1): [with_detail, tag(1, "Team")], number(2): [other]}

    assert list(Call(Remedy.TAG, (), findings, NOW).done()) == [
        Outcome(with_detail, Result.TAGGED, code="TagLimitExceeded"),
        Outcome(tag(1, "Team"), Result.TAGGED),
        Outcome(other, Result.UNMARKED),
    ]


def test_a_call_that_was_refused_tells_of_each_finding_why() -> None:
    why = Refusal(Result.FAILED, "you may not", "Denied")

    assert list(call(1, 2).refused(why)) == [
        Outcome(tag(1), Result.FAILED, "you may not", "Denied"),
        Outcome(tag(2), Result.FAILED, "you may not", "Denied"),
    ]


def test_what_the_next_run_goes_on_with_is_deferred_and_told_why() -> None:
    assert (
        Refusal(Result.DEFERRED, "the time of this run was up; the next run goes on here")
        == OUT_OF_TIME
    )
    assert (
        Refusal(
            Result.DEFERRED,
            "it changed while the run was under way; the next run looks again",
        )
        == CHANGED
    )


def test_a_call_for_some_of_its_instances_is_the_same_otherwise() -> None:
    whole = call(1, 2, 3, tried=True, looks=2)

    assert whole.of([number(3), number(1)]) == call(3, 1, tried=True, looks=2)


def test_a_call_without_some_tags_has_what_is_left_of_each_instance() -> None:
    whole = call(1, 2, keys=("Owner", "Team"), tried=True)

    assert whole.without([]) is whole
    assert whole.without(["Team"]) == call(1, 2, tried=True)
    nothing = whole.without(["Owner", "Team"])
    assert (nothing.findings, nothing.tags) == ({}, ())


def test_an_instance_of_which_nothing_is_left_is_left_out() -> None:
    mixed = replace(call(1), findings={number(1): [tag(1)], number(2): [tag(2, "Team")]})

    left = mixed.without(["Owner"])

    assert list(left.findings) == [number(2)]
    assert left.tags == (("Team", "jane"),)


def test_what_a_call_is_about_is_its_remedy_with_each_of_its_tags() -> None:
    assert call(1, keys=("Owner", "Team")).whats == {(Remedy.TAG, "Owner"), (Remedy.TAG, "Team")}
    assert ending(1).whats == {(Remedy.TERMINATE, "")}


def test_the_tags_of_findings_are_those_that_they_write_each_once_and_details_first() -> None:
    findings = [
        tag(1, "Owner", detail_tag=("By", "arn")),
        tag(1, "Team", None),
        tag(1, "Owner", "joe"),
    ]

    assert tags_of(findings) == (("By", "arn"), ("Owner", "joe"), ("Team", ""))


def test_a_detail_never_takes_the_place_of_a_tag() -> None:
    findings = [tag(1, "Owner", detail_tag=("Team", "arn")), tag(1, "Team", "red")]

    assert dict(tags_of(findings))["Team"] == "red"


@pytest.mark.parametrize(
    ("remedy", "tags"),
    [
        (Remedy.UNMARK, (("due", "what it says"),)),
        (Remedy.MARK, (("due", mark(NOW, NOW).announcing),)),
        (Remedy.TERMINATE, (("due", str(mark(NOW, NOW))),)),
        (Remedy.STOP, (("due", str(mark(NOW, NOW))),)),
    ],
)
def test_the_tag_of_a_mark_is_what_is_to_stand_there_or_to_be_deleted(
    remedy: Remedy, tags: tuple[tuple[str, str]]
) -> None:
    finding = Finding(
        ref(),
        remedy,
        Code.UNTAGGED,
        "",
        tag_key="due",
        value="what it says",
        mark=mark(NOW, NOW, End.TERMINATE),
    )

    assert tags_of([finding]) == tags


def test_what_has_its_mark_writes_no_tag() -> None:
    due = Finding(ref(), Remedy.TERMINATE, Code.UNTAGGED, "", tag_key="due", value="it says")

    assert tags_of([due]) == ()
    assert tags_of([replace(due, remedy=Remedy.MARK)]) == ()


# What is refused


def refused_to(queue: Queue, *ats: int, error: Exception = DENIED, key: str = "Owner") -> None:
    for at in ats:
        queue.refused_to_one(call(at, keys=(key,)), error)


def given_up(queue: Queue, asked: Call) -> list[Outcome]:
    return queue.without_what_is_given_up(asked)[1]


def test_what_is_refused_to_three_and_granted_to_nobody_is_asked_for_no_more() -> None:
    queue = Queue()

    refused_to(queue, 1, 2)
    assert given_up(queue, call(4)) == []
    refused_to(queue, 3)
    left, refused = queue.without_what_is_given_up(call(4, keys=("Owner", "Team")))

    assert refused == [
        Outcome(
            tag(4),
            Result.FAILED,
            "you may not (refused for all that were tried; the others were not tried)",
            "UnauthorizedOperation",
        )
    ]
    assert left == call(4, keys=("Team",))


def test_what_rests_on_a_tag_that_is_given_up_is_left_out_and_the_rest_goes_on() -> None:
    queue = Queue()
    for at in (1, 2, 3):
        queue.refused_to_one(call(at), DENIED)
    whole = call(4, keys=("Owner", "Team", "Cost", "Name"))
    rests = {"Team": frozenset({"Owner"}), "Cost": frozenset({"Team"})}
    found = [
        replace(f, rests_on=rests.get(f.tag_key, frozenset())) for f in whole.findings[number(4)]
    ]

    left, refused = queue.without_what_is_given_up(replace(whole, findings={number(4): found}))

    assert left.tags == (("Name", "jane"),)
    assert {(one.finding.tag_key, one.result) for one in refused} == {
        ("Owner", Result.FAILED),
        ("Team", Result.DEFERRED),
        ("Cost", Result.DEFERRED),
    }


def test_what_is_refused_goes_by_remedy_tag_and_reason() -> None:
    queue = Queue()

    refused_to(queue, 1, 2, 3)
    assert given_up(queue, call(4, keys=("Team",))) == [], "another tag"
    unmark = replace(
        call(4), remedy=Remedy.UNMARK, findings={number(4): [replace(tag(4), remedy=Remedy.UNMARK)]}
    )
    assert given_up(queue, unmark) == [], "another remedy"

    other = Queue()
    refused_to(other, 1, 2)
    refused_to(other, 3, error=refusal("InvalidParameterValue"))
    assert given_up(other, call(4)) == [], "for another reason"


def test_what_was_granted_to_somebody_is_not_refused_to_all_alike() -> None:
    queue = Queue()
    queue.worked(call(9, keys=("Other",)))
    queue.worked(call(9))

    refused_to(queue, 1, 2, 3)
    assert given_up(queue, call(4)) == []
    refused_to(queue, 1, 2, 3, key="Other")
    assert given_up(queue, call(4, keys=("Other",))) == [], "nor what was granted before"


@pytest.mark.parametrize("error", [ABOUT_ONE, NotConfirmedError("it is not known")], ids=repr)
def test_what_is_about_one_instance_says_nothing_of_the_others(error: Exception) -> None:
    queue = Queue()

    refused_to(queue, 1, 2, 3, error=error)

    assert given_up(queue, call(4)) == []


def test_a_refused_call_of_several_tags_is_split_by_tag_and_its_parts_come_at_once() -> None:
    queue = Queue()

    queue.split(call(1, 2, keys=("Owner", "Team"), tried=True), DENIED)

    assert list(queue.at_once) == [
        call(1, 2, keys=("Owner",), tried=True),
        call(1, 2, keys=("Team",), tried=True),
    ]
    assert not queue.later


def test_a_call_of_several_tags_that_is_refused_for_one_instance_is_split_by_tag_for_later() -> (
    None
):
    queue = Queue()

    queue.split(call(1, keys=("Owner", "Team")), ABOUT_ONE)

    assert list(queue.later) == [call(1, keys=("Owner",)), call(1, keys=("Team",))]
    assert not queue.at_once


def test_a_call_that_is_refused_for_one_of_its_instances_is_halved() -> None:
    queue = Queue()

    queue.split(call(1, 2, 3, 4, 5), ABOUT_ONE)

    assert parts(queue.later) == [
        [number(1), number(2)],
        [number(3), number(4), number(5)],
    ]
    assert not queue.at_once


def test_a_call_about_what_was_granted_before_is_halved_too() -> None:
    queue = Queue()
    queue.worked(call(9))

    queue.split(call(1, 2), DENIED)

    assert parts(queue.later) == [[number(1)], [number(2)]]
    assert not queue.at_once


def test_of_a_call_that_may_be_refused_to_all_the_first_the_last_and_one_between_are_tried() -> (
    None
):
    queue = Queue()
    queue.at_once.append(ending(99))

    queue.split(call(*range(1, 10)), DENIED)

    assert parts(queue.at_once) == [[number(1)], [number(5)], [number(9)], [number(99)]]
    assert parts(queue.later) == [[number(at) for at in (2, 3, 4, 6, 7, 8)]]


@pytest.mark.parametrize(
    ("ats", "tried"),
    [((1, 2), [1, 2]), ((1, 2, 3), [1, 2, 3]), ((1, 2, 3, 4), [1, 2, 4])],
)
def test_of_a_few_all_or_nearly_all_are_tried_and_nobody_twice(
    ats: tuple[int, ...], tried: list[int]
) -> None:
    queue = Queue()

    queue.split(call(*ats), DENIED)

    assert parts(queue.at_once) == [[number(at)] for at in tried]
    rest = [number(at) for at in ats if at not in tried]
    assert parts(queue.later) == ([rest] if rest else [])
