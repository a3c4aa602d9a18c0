"""Writing and deleting tags: one attempt each, and what is done about what is refused."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from tag_policy.model.finding import Code, Finding
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import End, Remedy
from tag_policy.resources.remedy_queue import CHANGED, LONG_AGO, Call, tags_of
from tests.support.acting import A_MINUTE_AGO, World, failing, told, world
from tests.support.builders import CREATED_BY, NOW, PROJECT_CODE, mark, settings
from tests.support.fake_ec2 import Asked, Description, described, number, refusal

DUE = "tag-policy:due"
A, B, C, D = (number(at) for at in range(1, 5))
DAY = timedelta(days=1)
NO_ANSWER = ReadTimeoutError(endpoint_url="https://ec2")
DENIED = refusal("UnauthorizedOperation", message="you may not")
QUICK_LOOK = ["describe_instances"] * 2
"""One for what has ended, one for what has the tag by now."""


def untidy(instance_id: str, **tags: str) -> Description:
    """Return an instance that lacks the tag ProjectCode."""
    return described(instance_id, {"Name": "web"} | tags)


def written(made: World, *instance_ids: str) -> list[str]:
    return [made.fleet.tags(one).get("ProjectCode", "") for one in instance_ids]


def with_creator(call: Call, detail: bool = False) -> Call:
    """Return a call with the creators that were looked up, for whom a detail is to be written."""
    findings = {
        i: [
            replace(f, value="jane", detail_tag=("By", "arn") if detail else None)
            if f.value is None
            else f
            for f in some
        ]
        for i, some in call.findings.items()
    }
    (some, *_) = findings.values()
    return replace(call, findings=findings, tags=tags_of(some))


def test_a_tag_is_written_after_a_quick_look() -> None:
    made = world(untidy(A), untidy(B))

    outcomes = list(made.write(made.call(A, B)))

    assert told(outcomes) == [(A, Result.TAGGED, ""), (B, Result.TAGGED, "")]
    assert made.fleet.operations() == [*QUICK_LOOK, "create_tags"]
    (asked,) = [one for one in made.fleet.asked if one.operation == "create_tags"]
    assert asked.client == "once"
    assert asked.request == {
        "Resources": [A, B],
        "Tags": [{"Key": "ProjectCode", "Value": "Proj007"}],
    }


@pytest.mark.parametrize(("ago", "looks"), [(9.9, []), (10, QUICK_LOOK)])
def test_a_tag_is_written_without_another_look_where_the_first_is_less_than_ten_seconds_old(
    ago: float, looks: list[str]
) -> None:
    made = world(untidy(A))

    call = made.call(A, seen_at=NOW - timedelta(seconds=ago))

    assert told(made.write(call)) == [(A, Result.TAGGED, "")]
    assert made.fleet.operations() == [*looks, "create_tags"]


def test_what_was_tried_before_is_looked_at_as_a_whole() -> None:
    made = world(untidy(A))

    list(made.write(replace(made.call(A), tried=True)))

    assert made.fleet.operations() == ["describe_instances", "create_tags"]


def test_however_fresh_the_look_was_a_mark_is_deleted_after_another_one() -> None:
    value = str(mark(NOW, None))
    made = world(described(A, {DUE: value, "ProjectCode": "P"}))

    assert told(made.write(made.call(A, seen_at=NOW))) == [(A, Result.UNMARKED, "")]

    assert made.fleet.operations() == ["describe_instances", "delete_tags"]
    assert made.fleet.requests("delete_tags") == [
        {"Resources": [A], "Tags": [{"Key": DUE, "Value": value}]}
    ]
    assert made.fleet.tags(A) == {"ProjectCode": "P"}


def test_a_mark_of_which_people_are_to_be_told_is_written_as_one_that_is_being_announced() -> None:
    made = world(described(A), settings=settings(grace_period="24h"))

    assert told(made.write(made.call(A, seen_at=NOW))) == [(A, Result.MARKED, "")]

    assert made.fleet.operations() == ["describe_instances", "create_tags"]
    assert made.fleet.tags(A) == {DUE: mark(NOW + DAY, None).announcing}
    assert not made.queue.later


def test_a_mark_that_gave_way_to_another_is_nothing_that_the_end_goes_by() -> None:
    made = world(described(A, {DUE: str(mark(NOW, None, End.STOP))}))

    list(made.write(made.call(A)))

    assert made.fleet.tags(A) == {DUE: str(mark(NOW, None))}
    (following,) = made.queue.later
    (finding,) = following.findings[A]
    assert (finding.tag_key, finding.value, finding.mark) == ("", None, None)


def test_what_is_to_be_ended_gets_its_mark_and_goes_back_to_the_queue_to_be_ended() -> None:
    made = world(described(A))
    call = made.call(A)

    assert list(made.write(replace(call, tried=True))) == []

    assert made.fleet.tags(A) == {DUE: str(mark(NOW, None))}
    (following,) = made.queue.later
    assert (following.remedy, following.tags, following.tried) == (Remedy.TERMINATE, (), False)
    assert following.findings == {A: made.findings(A)}, "as a look finds it, now it has its mark"
    assert made.fleet.state(A) == "running"


def test_the_wait_for_the_pace_comes_before_the_look() -> None:
    made = world(untidy(A))
    made.fleet.before = failing("create_tags", refusal("RequestLimitExceeded"), None)
    list(made.write(made.call(A)))
    slept = made.clock.slept
    seen: list[timedelta] = []
    made.fleet.before = lambda _: seen.append(made.clock.slept)

    list(made.write(made.queue.later.popleft()))

    looked, wrote = seen
    assert looked > slept
    assert wrote == looked


def test_a_look_that_fails_writes_nothing() -> None:
    made = world(untidy(A))
    made.fleet.before = failing("describe_instances", DENIED)

    (outcome,) = made.write(made.call(A))

    assert told([outcome]) == [(A, Result.FAILED, "UnauthorizedOperation")]
    assert outcome.detail == "you may not"
    assert "create_tags" not in made.fleet.operations()


def test_what_has_the_tag_by_now_is_left_and_the_others_are_written() -> None:
    made = world(untidy(A), untidy(B), untidy(C))
    call = made.call(C, B, A)
    made.fleet.set(A, {"ProjectCode": "somebody's"})
    made.fleet.set(B, {"ProjectCode": "somebody's"})

    outcomes = list(made.write(call))

    assert told(outcomes) == [
        (A, Result.DEFERRED, ""),
        (B, Result.DEFERRED, ""),
        (C, Result.TAGGED, ""),
    ]
    assert outcomes[0].detail == CHANGED.detail
    assert written(made, A, B, C) == ["somebody's", "somebody's", "Proj007"]


def test_where_all_have_changed_nothing_is_written() -> None:
    made = world(untidy(A))
    call = made.call(A)
    made.fleet.set(A, {"ProjectCode": "somebody's"})

    assert told(made.write(call)) == [(A, Result.DEFERRED, "")]
    assert "create_tags" not in made.fleet.operations()


def test_a_call_that_is_throttled_is_made_later_and_after_another_look_however_fresh_it_was() -> (
    None
):
    made = world(untidy(A))
    made.fleet.before = failing("create_tags", refusal("RequestLimitExceeded"), None)
    call = made.call(A, seen_at=NOW)

    assert list(made.write(call)) == []
    assert list(made.queue.later) == [replace(call, tried=True, seen_at=LONG_AGO)]

    made.fleet.set(A, {"ProjectCode": "somebody's"})
    assert told(made.write(made.queue.later.popleft())) == [(A, Result.DEFERRED, "")]
    assert written(made, A) == ["somebody's"]


def test_a_call_of_which_the_answer_was_lost_is_told_as_done_where_the_tags_are_there() -> None:
    made = world(untidy(A), untidy(B))
    call = made.call(A, B)

    def lose_the_answer(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(B, {"ProjectCode": None})
            raise NO_ANSWER

    made.fleet.after = lose_the_answer

    assert told(made.write(call)) == [
        (A, Result.TAGGED, ""),
        (B, Result.DEFERRED, "ReadTimeoutError"),
    ]
    assert not made.queue.later


def test_a_call_of_which_the_answer_was_lost_is_told_as_not_done_where_no_tag_is_there() -> None:
    made = world(untidy(A), untidy(B))
    made.fleet.before = failing("create_tags", NO_ANSWER)

    assert told(made.write(made.call(B, A))) == [
        (A, Result.DEFERRED, "ReadTimeoutError"),
        (B, Result.DEFERRED, "ReadTimeoutError"),
    ]
    assert written(made, A, B) == ["", ""]


def test_what_got_its_mark_by_a_call_of_which_the_answer_was_lost_goes_on_to_be_ended() -> None:
    made = world(described(A), described(B))

    def lose_the_answer(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(B, {DUE: None})
            raise NO_ANSWER

    made.fleet.after = lose_the_answer

    assert told(made.write(made.call(A, B))) == [
        (B, Result.DEFERRED, "ReadTimeoutError"),
    ]
    assert [(list(one.findings), one.tags) for one in made.queue.later] == [([A], ())]


def test_what_got_no_mark_by_a_call_that_was_not_answered_is_not_ended() -> None:
    made = world(described(A))
    made.fleet.before = failing("create_tags", NO_ANSWER)

    assert told(made.write(made.call(A))) == [(A, Result.DEFERRED, "ReadTimeoutError")]
    assert not made.queue.later


def test_a_mark_is_told_as_deleted_where_it_is_gone_and_its_instance_is_there() -> None:
    value = str(mark(NOW, None))
    made = world(*(described(one, {DUE: value, "ProjectCode": "P"}) for one in (A, B, C)))

    def lose_the_answer(asked: Asked) -> None:
        if asked.operation == "delete_tags":
            made.fleet.set(B, {DUE: value})
            del made.fleet.descriptions[C]
            raise NO_ANSWER

    made.fleet.after = lose_the_answer

    assert told(made.write(made.call(A, B, C))) == [
        (A, Result.UNMARKED, ""),
        (B, Result.DEFERRED, "ReadTimeoutError"),
        (C, Result.DEFERRED, "ReadTimeoutError"),
    ]


def test_where_nobody_can_say_what_became_of_a_call_it_is_told_as_not_done() -> None:
    made = world(untidy(A))
    made.fleet.after = failing("create_tags", NO_ANSWER)
    made.fleet.before = failing("describe_instances", None, None, DENIED)

    assert told(made.write(made.call(A))) == [(A, Result.DEFERRED, "ReadTimeoutError")]


def test_a_call_that_is_refused_to_many_is_split() -> None:
    made = world(untidy(A), untidy(B))
    made.fleet.before = failing("create_tags", refusal("TagLimitExceeded"))
    call = made.call(A, B)

    assert list(made.write(call)) == []
    assert list(made.queue.later) == [
        replace(call.of([one]), tried=True, seen_at=NOW) for one in (A, B)
    ], "they were looked at right now"


def test_a_call_of_several_tags_that_is_refused_to_one_is_split_by_tag() -> None:
    made = world(described(A, {"Name": "web"}), rules=(PROJECT_CODE, CREATED_BY))
    made.fleet.before = failing("create_tags", refusal("TagLimitExceeded"))

    assert list(made.write(with_creator(made.call(A)))) == []
    assert [one.tags for one in made.queue.later] == [
        (("ProjectCode", "Proj007"),),
        (("CreatedBy", "jane"),),
    ]


def test_a_tag_that_is_refused_to_one_is_told_as_failed_and_counted() -> None:
    made = world(*(untidy(one) for one in (A, B, C, D)))
    made.fleet.before = failing("create_tags", DENIED)

    for one in (A, B, C):
        (outcome,) = made.write(made.call(one))
        assert told([outcome]) == [(one, Result.FAILED, "UnauthorizedOperation")]
        assert outcome.detail == "you may not"

    _, refused = made.queue.without_what_is_given_up(made.call(D))
    assert told(refused) == [(D, Result.FAILED, "UnauthorizedOperation")]


def test_a_tag_that_was_written_to_one_is_not_refused_to_all_alike() -> None:
    made = world(*(untidy(number(at)) for at in range(1, 6)))
    list(made.write(made.call(number(5))))
    made.fleet.before = failing("create_tags", DENIED)

    for one in (A, B, C):
        list(made.write(made.call(one)))

    assert made.queue.without_what_is_given_up(made.call(D))[1] == []


def test_what_has_changed_by_the_time_of_a_refusal_may_have_been_its_reason() -> None:
    made = world(untidy(A), untidy(B), untidy(C))
    call = made.call(C, B, A)

    def refuse(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(A, {"ProjectCode": "somebody's"})
            made.fleet.set(B, {"ProjectCode": "somebody's"})
            raise DENIED

    made.fleet.before = refuse

    outcomes = list(made.write(call))

    assert told(outcomes) == [(A, Result.DEFERRED, ""), (B, Result.DEFERRED, "")]
    assert outcomes[0].detail == CHANGED.detail
    assert list(made.queue.later) == [replace(call.of([C]), tried=True, seen_at=NOW)]


def test_where_all_have_changed_by_the_time_of_a_refusal_nothing_is_left_to_do() -> None:
    made = world(untidy(A))

    def refuse(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(A, {"ProjectCode": "somebody's"})
            raise DENIED

    made.fleet.before = refuse

    assert told(made.write(made.call(A))) == [(A, Result.DEFERRED, "")]
    assert not made.queue.later


def test_a_creator_is_written_without_its_detail_where_the_two_are_refused() -> None:
    made = world(described(A, {"Name": "web"}), rules=(CREATED_BY,))

    def refuse_details(asked: Asked) -> None:
        if asked.operation == "create_tags" and len(asked.request["Tags"]) > 1:
            raise refusal("TagLimitExceeded")

    made.fleet.before = refuse_details
    call = with_creator(made.call(A), detail=True)
    assert call.tags == (("By", "arn"), ("CreatedBy", "jane"))

    assert list(made.write(call)) == []
    (bare,) = made.queue.later
    assert bare.tags == (("CreatedBy", "jane"),)
    (outcome,) = made.write(made.queue.later.popleft())

    assert told([outcome]) == [(A, Result.TAGGED, "TagLimitExceeded")]
    assert outcome.finding.reason == "required tag missing; By could not be written next to it"
    assert outcome.finding.detail_tag is None
    assert made.fleet.tags(A) == {"Name": "web", "CreatedBy": "jane"}


def test_a_detail_that_is_refused_is_no_sign_that_the_creator_is_refused_to_all_alike() -> None:
    made = world(*(described(one, {"Name": "web"}) for one in (A, B, C, D)), rules=(CREATED_BY,))
    made.fleet.before = failing("create_tags", DENIED)

    for one in (A, B, C):
        assert list(made.write(with_creator(made.call(one), detail=True))) == []

    assert made.queue.without_what_is_given_up(with_creator(made.call(D)))[1] == []


def test_a_tag_that_holds_blanks_when_it_is_looked_at_again_is_not_overwritten() -> None:
    made = world(untidy(A))
    call = made.call(A)
    made.fleet.set(A, {"ProjectCode": " "})

    assert told(made.write(replace(call, tried=True))) == [(A, Result.DEFERRED, "")]
    assert written(made, A) == [" "]


def test_a_finding_about_an_empty_tag_is_looked_at_as_a_whole() -> None:
    made = world(untidy(A, ProjectCode=""))
    call = made.call(A)
    assert [one.code for one in call.findings[A]] == [Code.EMPTY]

    assert told(made.write(call)) == [(A, Result.TAGGED, "")]
    assert made.fleet.operations() == ["describe_instances", "create_tags"]


def test_the_outcome_is_that_of_the_finding_as_it_was_found() -> None:
    made = world(untidy(A))
    (finding,) = made.findings(A)
    call = Call(finding.remedy, tags_of([finding]), {A: [finding]}, A_MINUTE_AGO)

    assert list(made.write(call)) == [Outcome(finding, Result.TAGGED)]
    assert isinstance(finding, Finding)


def test_a_call_whose_turn_comes_when_the_time_is_up_is_not_made() -> None:
    made = world(untidy(A))
    call = made.call(A)
    made.time_is_up = lambda: True

    assert told(made.write(call)) == [(A, Result.DEFERRED, "")]
    assert made.fleet.asked == []
