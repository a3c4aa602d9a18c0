"""Findings to calls, in their order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from tag_policy.model.assignment import Mode
from tag_policy.model.finding import Code, Finding
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.resources.remedy_queue import BATCH_SIZE
from tests.support.acting import A_MINUTE_AGO, World, failing, told, world
from tests.support.builders import CREATED_BY, NOW, PROJECT_CODE, mark, ref, settings
from tests.support.fake_ec2 import Asked, Description, described, number, refusal

DUE = "tag-policy:due"
A, B, C = number(1), number(2), number(3)
SECOND = timedelta(seconds=1)


def untidy(instance_id: str) -> Description:
    """Return an instance that lacks the tag ProjectCode."""
    return described(instance_id, {"Name": "web"})


def take(made: World, *instance_ids: str) -> list[Outcome]:
    outcomes = []
    for one in instance_ids:
        outcomes += made.remediation.take(made.findings(one))
    return outcomes


def changes(made: World) -> list[str]:
    return [one for one in made.fleet.operations() if one != "describe_instances"]


def test_in_audit_mode_all_is_told_as_it_would_be_done_and_nothing_is() -> None:
    made = world(untidy(A), described(B), mode=Mode.AUDIT)

    outcomes = take(made, A, B)

    assert told(outcomes) == [(A, Result.TAGGED, ""), (B, Result.TERMINATED, "")]
    assert [one.finding for one in outcomes] == [*made.findings(A), *made.findings(B)]
    assert list(made.remediation.finish()) == []
    assert made.fleet.asked == []


@pytest.mark.parametrize(
    ("remedy", "result"), [(Remedy.NOTIFY, Result.NOTIFIED), (Remedy.LEAVE, Result.LEFT)]
)
def test_what_is_only_told_is_told_at_once(remedy: Remedy, result: Result) -> None:
    made = world()
    finding = Finding(ref(A), remedy, Code.UNTAGGED, "")

    assert list(made.remediation.take([finding])) == [Outcome(finding, result)]
    assert list(made.remediation.finish()) == []
    assert made.fleet.asked == []


def test_what_needs_the_same_tags_shares_a_call_that_waits_until_the_end() -> None:
    made = world(untidy(A), untidy(B))

    assert take(made, A, B) == []
    assert made.fleet.asked == []

    assert told(made.remediation.finish()) == [(A, Result.TAGGED, ""), (B, Result.TAGGED, "")]
    assert [one["Resources"] for one in made.fleet.requests("create_tags")] == [[A, B]]
    assert list(made.remediation.finish()) == [], "it is done"


def test_a_call_is_made_as_soon_as_it_is_full() -> None:
    ids = [number(at) for at in range(BATCH_SIZE + 1)]
    made = world(*(untidy(one) for one in ids))

    assert take(made, *ids[:-2]) == []
    assert len(take(made, ids[-2])) == BATCH_SIZE
    assert take(made, ids[-1]) == []

    assert told(made.remediation.finish()) == [(ids[-1], Result.TAGGED, "")]


def test_what_is_to_be_ended_waits_for_the_end_even_where_its_call_is_full() -> None:
    ids = [number(at) for at in range(BATCH_SIZE + 1)]
    made = world(*(described(one, {DUE: str(mark(NOW, None))}) for one in ids))

    assert take(made, *ids) == []
    assert made.fleet.asked == []

    assert len(list(made.remediation.finish())) == len(ids)
    ended = [len(one["InstanceIds"]) for one in made.fleet.requests("terminate_instances")]
    assert sorted(ended) == [1, BATCH_SIZE]
    assert list(made.remediation.finish()) == []


def test_all_tags_of_an_instance_are_written_in_one_call() -> None:
    made = world(untidy(A), rules=(PROJECT_CODE, replace(CREATED_BY, action=PROJECT_CODE.action)))

    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.TAGGED, "")] * 2
    assert made.fleet.requests("create_tags")[0]["Tags"] == [
        {"Key": "ProjectCode", "Value": "Proj007"},
        {"Key": "CreatedBy", "Value": "Undefined"},
    ]


def test_each_mark_is_deleted_by_a_call_of_its_own_with_its_value() -> None:
    value = str(mark(NOW, None))
    made = world(
        described(A, {DUE: value, "old": value, "ProjectCode": "P"}),
        settings=settings(former_marker_tag_keys='["old"]'),
    )

    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.UNMARKED, "")] * 2
    assert [one["Tags"] for one in made.fleet.requests("delete_tags")] == [
        [{"Key": "old", "Value": value}],
        [{"Key": DUE, "Value": value}],
    ]


def test_the_gentlest_call_is_made_first() -> None:
    made = world(
        described(A, {DUE: str(mark(NOW, None))}),
        described(B, {DUE: str(mark(NOW, None)), "ProjectCode": "P"}),
        untidy(C),
    )

    take(made, A, B, C)

    assert told(made.remediation.finish()) == [
        (C, Result.TAGGED, ""),
        (B, Result.UNMARKED, ""),
        (A, Result.TERMINATED, ""),
    ]
    assert changes(made) == ["create_tags", "delete_tags", "terminate_instances"]


def test_what_is_to_be_ended_without_a_grace_period_is_marked_first_and_looked_at_twice() -> None:
    made = world(described(A))

    take(made, A)
    assert told(made.remediation.finish()) == [(A, Result.TERMINATED, "")]

    assert made.fleet.operations() == [
        "describe_instances",
        "create_tags",
        "describe_instances",
        "terminate_instances",
    ]
    assert made.fleet.tags(A) == {DUE: str(mark(NOW, None))}


def test_an_instance_that_gets_a_tag_between_its_mark_and_its_end_is_not_ended() -> None:
    made = world(described(A))

    def tag(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(A, {"Name": "web"})

    made.fleet.after = tag
    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.DEFERRED, "")]
    assert made.fleet.state(A) == "running"


def test_what_is_to_be_announced_is_marked_and_not_ended() -> None:
    made = world(described(A), settings=settings(grace_period="24h"))

    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.MARKED, "")]
    assert changes(made) == ["create_tags"]


def test_a_call_is_as_old_as_the_first_look_at_any_of_its_instances() -> None:
    made = world(untidy(A), untidy(B), untidy(C))
    for one, ago in ((A, 5), (B, 12), (C, 5)):
        list(made.remediation.take(made.findings(one, NOW - ago * SECOND)))

    assert len(list(made.remediation.finish())) == 3
    assert made.fleet.operations() == [*["describe_instances"] * 2, "create_tags"]

    fresh = world(untidy(A), untidy(B))
    for one in (A, B):
        list(fresh.remediation.take(fresh.findings(one, NOW - 5 * SECOND)))
    assert len(list(fresh.remediation.finish())) == 2
    assert fresh.fleet.operations() == ["create_tags"]


def test_where_the_time_is_up_nothing_more_is_done_and_all_is_deferred() -> None:
    made = world(untidy(A), described(B, {DUE: str(mark(NOW, None))}), time_is_up=lambda: True)

    take(made, A, B)
    outcomes = list(made.remediation.finish())

    assert told(outcomes) == [(A, Result.DEFERRED, ""), (B, Result.DEFERRED, "")]
    assert {one.detail for one in outcomes} == {
        "the time of this run was up; the next run goes on here"
    }
    assert made.fleet.asked == []


def after_the_first_change(made: World) -> Callable[[], bool]:
    return lambda: bool(changes(made))


def test_what_was_tried_when_the_time_was_up_is_told_as_ended_where_it_is_ending() -> None:
    """A call that reports an error may have ended the instances of other zones."""
    made = world(*(described(one, {DUE: str(mark(NOW, None))}) for one in (A, B)))
    made.time_is_up = after_the_first_change(made)

    def end_one(asked: Asked) -> None:
        if asked.operation == "terminate_instances":
            made.fleet.descriptions[A]["State"] = {"Name": "shutting-down"}
            raise refusal("IncorrectInstanceState")

    made.fleet.before = end_one
    take(made, A, B)

    assert told(made.remediation.finish()) == [
        (A, Result.TERMINATED, ""),
        (B, Result.DEFERRED, ""),
    ]


def test_what_was_marked_when_the_time_was_up_is_left_to_the_next_run() -> None:
    made = world(described(A))
    made.time_is_up = after_the_first_change(made)
    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.DEFERRED, "")]
    assert made.fleet.state(A) == "running"


def test_what_was_to_be_marked_when_the_time_was_up_is_not_asked_for_its_state() -> None:
    made = world(described(A), described(B))
    made.time_is_up = after_the_first_change(made)
    made.fleet.before = failing("create_tags", refusal("TagLimitExceeded"))
    take(made, A, B)

    assert told(made.remediation.finish()) == [(A, Result.DEFERRED, ""), (B, Result.DEFERRED, "")]
    assert made.fleet.operations() == ["describe_instances", "create_tags", "describe_instances"]


def test_what_is_refused_to_three_and_granted_to_nobody_is_asked_for_no_more() -> None:
    ids = [number(at) for at in range(10)]
    made = world(*(untidy(one) for one in ids))
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"))
    take(made, *ids)

    outcomes = list(made.remediation.finish())

    assert {one.finding.instance.instance_id for one in outcomes} == set(ids)
    assert {one.result for one in outcomes} == {Result.FAILED}
    assert len(made.fleet.requests("create_tags")) == 1 + 3


def test_the_parts_that_are_to_be_tried_at_once_come_before_every_other_call() -> None:
    ids = [number(at) for at in range(1, 5)]
    other = described(number(9), {"ProjectCode": "P", DUE: str(mark(NOW, None))})
    made = world(*(untidy(one) for one in ids), other)
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"), None)
    take(made, *ids, number(9))

    assert len(list(made.remediation.finish())) == 5

    assert changes(made) == [*["create_tags"] * 4, "delete_tags", "create_tags"]


def test_the_calls_of_several_instances_for_one_remedy_go_on_after_a_lost_answer() -> None:
    made = world(untidy(A), untidy(B))
    made.fleet.after = failing("create_tags", ReadTimeoutError(endpoint_url="https://ec2"))
    take(made, A, B)

    assert told(made.remediation.finish()) == [(A, Result.TAGGED, ""), (B, Result.TAGGED, "")]


def test_what_is_to_wait_is_never_called() -> None:
    made = world()
    ids = [number(at) for at in range(BATCH_SIZE)]

    with pytest.raises(AssertionError, match=r"^nothing is called for a remedy of wait$"):
        for one in ids:
            list(made.remediation.take([Finding(ref(one), Remedy.WAIT, Code.TOO_YOUNG, "")]))
    assert made.fleet.asked == []


def test_marks_are_completed_by_the_same_client() -> None:
    grace = settings(grace_period="24h")
    announced = mark(NOW + timedelta(days=1), None)
    made = world(described(A, {DUE: announced.announcing}), settings=grace)
    (finding,) = made.findings(A, A_MINUTE_AGO)

    pairs = list(
        made.remediation.marks.complete(
            [Outcome(finding, Result.MARKED)], NOW, lambda: made.time_is_up()
        )
    )

    assert [after.result for _, after in pairs] == [Result.MARKED]
    assert [one.client for one in made.fleet.asked] == ["look", "once"]
