"""Isolating, stopping, terminating: one attempt, right after a look, and what is said of it."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tag_policy.aws.errors import refusal_of
from tag_policy.model.outcome import IN_PART, Result
from tag_policy.model.remedy import End, Remedy
from tag_policy.resources.remedy_queue import CHANGED, OUT_OF_TIME, Call
from tests.support.acting import World, failing, told, world
from tests.support.builders import NOW, mark, settings
from tests.support.fake_ec2 import Asked, Description, described, number, refusal

DUE = "tag-policy:due"
A, B, C = number(1), number(2), number(3)
SECOND = timedelta(seconds=1)
NO_ANSWER = ReadTimeoutError(endpoint_url="https://ec2")
DENIED = refusal("UnauthorizedOperation", message="you may not")


def due(instance_id: str) -> Description:
    """Return an instance without tags, which has the mark that it needs to be ended."""
    return described(instance_id, {DUE: str(mark(NOW, None))})


def due_to_stop(instance_id: str) -> Description:
    return described(instance_id, {DUE: str(mark(NOW, None, End.STOP))})


def drained(made: World, call: Call) -> list[tuple[str, Result, str]]:
    """Return what comes of a call, and of what it queues, which is to be made by ``end``, too."""
    outcomes = list(made.ending.end(call))
    while made.queue.later or made.queue.at_once:
        queue = made.queue.at_once or made.queue.later
        outcomes += made.ending.end(queue.popleft())
    return told(outcomes)


def test_an_instance_is_terminated_right_after_a_look_that_shows_it_as_it_was() -> None:
    made = world(due(A), due(B))

    outcomes = list(made.ending.end(made.call(A, B)))

    assert told(outcomes) == [(A, Result.TERMINATED, ""), (B, Result.TERMINATED, "")]
    assert [made.fleet.state(one) for one in (A, B)] == ["shutting-down"] * 2
    assert [(one.client, one.operation) for one in made.fleet.asked] == [
        ("once", "describe_instances"),
        ("once", "terminate_instances"),
    ], "with one client, whose connection is open"
    assert made.fleet.requests("terminate_instances") == [{"InstanceIds": [A, B]}]
    assert not made.queue.later


def test_an_instance_is_stopped_where_that_is_its_remedy() -> None:
    made = world(due_to_stop(A), settings=settings(untagged_action="stop"))

    assert told(made.ending.end(made.call(A))) == [(A, Result.STOPPED, "")]
    assert made.fleet.requests("stop_instances") == [{"InstanceIds": [A]}]
    assert made.fleet.state(A) == "stopping"


def test_it_is_asked_for_again_ten_seconds_after_the_latest_of_the_looks_that_showed_it() -> None:
    """For as long EC2 may show the moment in which somebody replaces the only tag."""
    made = world(due(A), due(B))
    call = made.call(A, seen_at=NOW - 8 * SECOND)
    call.findings.update(made.call(B, seen_at=NOW - 3 * SECOND).findings)
    made.clock.on_sleep = lambda: order.append("sleep")
    made.fleet.before = lambda asked: order.append(asked.operation)
    order: list[str] = []

    assert len(list(made.ending.end(call))) == 2

    assert order == ["sleep", "describe_instances", "terminate_instances"]
    assert made.clock.slept == 7 * SECOND


@pytest.mark.parametrize(
    ("ago", "waits"), [(-5, 10), (0, 10), (9.5, 0.5), (10, 0), (11, 0)], ids=str
)
def test_it_waits_for_no_longer_than_ten_seconds_whatever_becomes_of_the_clock(
    ago: float, waits: float
) -> None:
    made = world(due(A))
    slept: list[timedelta] = []
    made.clock.on_sleep = lambda: slept.append(made.clock.slept)

    list(made.ending.end(made.call(A, seen_at=NOW - timedelta(seconds=ago))))

    assert slept == ([timedelta(seconds=waits)] if waits else [])


def test_the_wait_for_the_pace_comes_before_the_look() -> None:
    made = world(due(A))
    made.paced(iter_calls(refusal("RequestLimitExceeded"), "answer"))
    slept = made.clock.slept
    seen: list[timedelta] = []
    made.fleet.before = lambda _: seen.append(made.clock.slept)

    list(made.ending.end(made.call(A)))

    looked, ended = seen
    assert looked > slept
    assert ended == looked


def iter_calls(*answers: Exception | str) -> Any:
    left = list(answers)

    def call() -> str:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


def test_what_has_got_a_tag_in_the_meantime_is_left_and_the_others_are_ended() -> None:
    made = world(due(A), due(B), due(C))
    call = made.call(C, B, A)
    made.fleet.set(B, {"Name": "web"})
    made.fleet.set(A, {"Name": "web"})

    outcomes = list(made.ending.end(call))

    assert told(outcomes) == [
        (C, Result.TERMINATED, ""),
        (A, Result.DEFERRED, ""),
        (B, Result.DEFERRED, ""),
    ]
    assert outcomes[1].detail == CHANGED.detail
    assert made.fleet.requests("terminate_instances") == [{"InstanceIds": [C]}]


def test_where_all_have_changed_nothing_is_ended() -> None:
    made = world(due(A))
    call = made.call(A)
    made.fleet.set(A, {DUE: None, "Name": "web"})

    assert told(made.ending.end(call)) == [(A, Result.DEFERRED, "")]
    assert made.fleet.operations() == ["describe_instances"]
    assert made.fleet.state(A) == "running"


def test_what_has_ended_by_itself_is_left() -> None:
    made = world(due(A))
    call = made.call(A)
    made.fleet.descriptions[A]["State"] = {"Name": "terminated"}

    assert told(made.ending.end(call)) == [(A, Result.DEFERRED, "")]
    assert made.fleet.operations() == ["describe_instances"]


def test_a_look_that_is_refused_ends_nothing_and_is_no_reason_to_look_again() -> None:
    made = world(due(A))
    made.fleet.before = failing("describe_instances", DENIED)

    (outcome,) = made.ending.end(made.call(A))

    assert told([outcome]) == [(A, Result.FAILED, "UnauthorizedOperation")]
    assert outcome.detail == "you may not"
    assert made.fleet.operations() == ["describe_instances"]
    assert not made.queue.later


def test_a_look_that_is_not_answered_is_taken_again_and_then_it_is_ended() -> None:
    made = world(due(A))
    made.fleet.before = failing("describe_instances", NO_ANSWER, NO_ANSWER, None)

    assert drained(made, made.call(A)) == [(A, Result.TERMINATED, "")]
    assert made.fleet.operations() == [*["describe_instances"] * 3, "terminate_instances"]


def test_after_three_looks_that_are_not_answered_it_is_left_to_the_next_run() -> None:
    made = world(due(A))
    made.fleet.before = failing("describe_instances", NO_ANSWER)

    assert drained(made, made.call(A)) == [(A, Result.DEFERRED, "ReadTimeoutError")]
    assert made.fleet.operations() == ["describe_instances"] * 3
    assert made.fleet.state(A) == "running"


@pytest.mark.parametrize(("takes", "ends"), [(5, True), (5.1, False)])
def test_a_look_that_is_older_than_five_seconds_when_it_is_answered_ends_nothing(
    takes: float, ends: bool
) -> None:
    made = world(due(A))

    def answer_slowly(asked: Asked) -> None:
        if asked.operation == "describe_instances":
            made.clock.slept += timedelta(seconds=takes)

    made.fleet.after = answer_slowly
    call = made.call(A)

    if ends:
        assert drained(made, call) == [(A, Result.TERMINATED, "")]
        return
    assert list(made.ending.end(call)) == []
    ((later, looks),) = [(one.findings, one.looks) for one in made.queue.later]
    assert (later, looks) == (call.findings, 1)
    made.queue.later.clear()

    made.queue.later.append(call)
    outcomes = []
    for _ in range(3):
        outcomes += made.ending.end(made.queue.later.popleft())
    (outcome,) = outcomes
    assert told([outcome]) == [(A, Result.DEFERRED, "TooSlow")]
    assert outcome.detail == (
        "EC2 took too long to show the instance right before the call; the next run looks again"
    )
    assert not made.queue.later
    assert made.fleet.state(A) == "running"


def test_a_call_that_is_throttled_is_made_later_with_a_look_of_its_own() -> None:
    made = world(due(A))
    made.fleet.before = failing("terminate_instances", refusal("RequestLimitExceeded"), None)
    call = made.call(A)

    assert list(made.ending.end(call)) == []
    assert list(made.queue.later) == [call]
    assert drained(made, made.queue.later.popleft()) == [(A, Result.TERMINATED, "")]
    assert made.fleet.operations() == ["describe_instances", "terminate_instances"] * 2


def test_a_call_that_is_refused_is_split_and_one_bad_instance_is_no_bar_to_the_others() -> None:
    made = world(due(A), due(B), due(C))

    def refuse_b(asked: Asked) -> None:
        if asked.operation == "terminate_instances" and B in asked.request["InstanceIds"]:
            raise refusal("OperationNotPermitted", message="it is protected")

    made.fleet.before = refuse_b

    assert sorted(drained(made, made.call(A, B, C))) == [
        (A, Result.TERMINATED, ""),
        (B, Result.FAILED, "OperationNotPermitted"),
        (C, Result.TERMINATED, ""),
    ]


def test_the_parts_of_a_refused_call_are_known_to_have_been_tried() -> None:
    """AWS may have carried out a part of it."""
    made = world(due(A), due(B))
    made.fleet.before = failing("terminate_instances", refusal("IncorrectInstanceState"))

    assert list(made.ending.end(made.call(A, B))) == []
    assert [(list(one.findings), one.tried) for one in made.queue.later] == [
        ([A], True),
        ([B], True),
    ]


def test_what_is_denied_to_three_is_denied_to_all_alike_and_counted_as_that() -> None:
    made = world(*(due(number(at)) for at in range(1, 5)))
    made.fleet.before = failing("terminate_instances", DENIED)

    for at in (1, 2, 3):
        assert told(made.ending.end(made.call(number(at)))) == [
            (number(at), Result.FAILED, "UnauthorizedOperation")
        ]

    left, refused = made.queue.without_what_is_given_up(made.call(number(4)))
    assert not left.findings
    assert told(refused) == [(number(4), Result.FAILED, "UnauthorizedOperation")]


def test_an_instance_that_was_ended_is_a_sign_that_it_is_not_denied_to_all_alike() -> None:
    made = world(*(due(number(at)) for at in range(1, 6)))
    assert list(made.ending.end(made.call(number(5))))
    made.fleet.before = failing("terminate_instances", DENIED)

    for at in (1, 2, 3):
        list(made.ending.end(made.call(number(at))))

    left, refused = made.queue.without_what_is_given_up(made.call(number(4)))
    assert (list(left.findings), refused) == ([number(4)], [])


def test_what_passes_by_itself_is_not_split_nor_counted() -> None:
    made = world(*(due(number(at)) for at in range(1, 5)))
    made.fleet.before = failing("terminate_instances", refusal("ServiceUnavailable"))

    assert told(made.ending.end(made.call(A, B))) == [
        (A, Result.DEFERRED, "ServiceUnavailable"),
        (B, Result.DEFERRED, "ServiceUnavailable"),
    ]
    assert not made.queue.later
    assert not made.queue.at_once
    for at in (1, 2, 3):
        list(made.ending.end(made.call(number(at))))
    assert made.queue.without_what_is_given_up(made.call(number(4)))[1] == []


def test_of_a_call_whose_answer_was_lost_what_is_ending_is_told_as_ended() -> None:
    made = world(due(A), due(B))
    made.fleet.unconfirmed = {B}
    made.fleet.after = failing("terminate_instances", NO_ANSWER)

    assert told(made.ending.end(made.call(A, B))) == [
        (A, Result.TERMINATED, ""),
        (B, Result.DEFERRED, "ReadTimeoutError"),
    ]
    state_look = made.fleet.asked[-1]
    assert (state_look.client, state_look.operation) == ("look", "describe_instances")


def test_of_a_call_whose_answer_was_lost_nothing_is_told_as_ended_where_nobody_can_say_it() -> None:
    made = world(due(A))
    made.fleet.after = failing("terminate_instances", NO_ANSWER)
    made.fleet.before = failing("describe_instances", None, DENIED)

    assert told(made.ending.end(made.call(A))) == [(A, Result.DEFERRED, "ReadTimeoutError")]


def test_what_nobody_can_say_has_a_code_of_its_own_where_there_is_none() -> None:
    made = world(due(A))
    tried = Call(Remedy.TERMINATE, (), made.call(A).findings, NOW, tried=True)
    made.fleet.before = failing("describe_instances", DENIED)

    assert told(made.ending.refused(tried, OUT_OF_TIME)) == [(A, Result.DEFERRED, "NotConfirmed")]


def test_what_was_never_tried_is_refused_without_a_look() -> None:
    made = world(due(A))

    assert told(made.ending.refused(made.call(A), OUT_OF_TIME)) == [(A, Result.DEFERRED, "")]
    assert made.fleet.asked == []


def test_of_no_instance_nothing_is_asked_or_said() -> None:
    made = world()
    nothing = Call(Remedy.TERMINATE, (), {}, NOW, tried=True)

    assert list(made.ending.refused(nothing, OUT_OF_TIME)) == []
    assert made.fleet.asked == []


def test_what_aws_does_not_confirm_to_be_ending_is_told_as_that() -> None:
    made = world(due(A))
    made.fleet.unconfirmed = {A}

    (outcome,) = made.ending.end(made.call(A))

    assert told([outcome]) == [(A, Result.FAILED, "NotConfirmed")]
    assert outcome.detail == f"AWS does not confirm that {A} is shutting-down"


def test_what_aws_does_not_confirm_is_asked_for_by_halves() -> None:
    made = world(due(A), due(B))
    made.fleet.unconfirmed = {A, B}

    outcomes = list(made.ending.end(made.call(A, B)))

    assert outcomes == []
    assert [list(one.findings) for one in made.queue.later] == [[A], [B]]


def test_an_instance_that_is_gone_already_counts_as_terminated() -> None:
    made = world(due(A))

    def gone(asked: Asked) -> None:
        if asked.operation == "terminate_instances":
            made.fleet.descriptions[A]["State"] = {"Name": "terminated"}
            raise NO_ANSWER

    made.fleet.before = gone

    assert told(made.ending.end(made.call(A))) == [(A, Result.TERMINATED, "")]


def test_a_connection_that_never_came_about_has_ended_nothing() -> None:
    made = world(due(A))
    error = EndpointConnectionError(endpoint_url="https://ec2")
    made.fleet.before = failing("terminate_instances", error)

    (outcome,) = made.ending.end(made.call(A))

    assert told([outcome]) == [(A, Result.DEFERRED, "EndpointConnectionError")]
    assert outcome.detail == refusal_of(error).detail
    assert made.fleet.state(A) == "running"


@pytest.mark.parametrize(
    ("remedy", "found", "how"),
    [
        (Remedy.NOTIFY, described(A), {"untagged_action": "notify"}),
        (Remedy.LEAVE, described(A, {DUE: "soon"}), {}),
        (Remedy.TAG, described(A, {"Name": "web"}), {}),
        (Remedy.MARK, described(A), {"grace_period": "24h"}),
        (Remedy.UNMARK, described(A, {"ProjectCode": "P", DUE: str(mark(NOW, None))}), {}),
        (Remedy.WAIT, described(A, launched=NOW), {}),
    ],
    ids=str,
)
def test_no_other_remedy_ever_ends_anything(
    remedy: Remedy, found: Description, how: dict[str, str]
) -> None:
    made = world(found, settings=settings(**how))
    call = made.call(A)
    assert call.remedy is remedy

    with pytest.raises(AssertionError, match=f"^{remedy} ends nothing$"):
        list(made.ending.end(call))
    assert made.fleet.operations() == ["describe_instances"]


# Isolating: a call for each network interface, and what it had is kept before

VPC = "vpc-abc123c1"
ISOLATE = settings(untagged_action="isolate", isolation_security_groups=json.dumps({VPC: "sg-150"}))


def reachable(instance_id: str, *groups: Sequence[str]) -> Description:
    """Return an instance without tags that is due to be isolated, with some interfaces."""
    interfaces = [
        {
            "NetworkInterfaceId": f"eni-{instance_id[-2:]}{at}",
            "VpcId": VPC,
            "Groups": [{"GroupId": group} for group in some],
        }
        for at, some in enumerate(groups)
    ]
    tags = {DUE: str(mark(NOW, None, End.ISOLATE))}
    return described(instance_id, tags, SubnetId="subnet-1", NetworkInterfaces=interfaces)


def groups_of(made: World, instance_id: str) -> list[list[str]]:
    shown: Any = made.fleet.descriptions[instance_id]["NetworkInterfaces"]
    return [[group["GroupId"] for group in one["Groups"]] for one in shown]


def kept(made: World) -> dict[str, list[tuple[str, ...]]]:
    return {i: [one.groups for one in interfaces] for i, interfaces in made.kept.items()}


def test_each_interface_gets_the_group_alone_and_what_it_had_is_kept_and_told() -> None:
    made = world(reachable(A, ["sg-2", "sg-1"], ["sg-3"]), settings=ISOLATE)

    (outcome,) = made.ending.end(made.call(A))

    assert outcome.result is Result.ISOLATED
    assert outcome.finding.found == "eni-010: sg-1, sg-2; eni-011: sg-3"
    assert groups_of(made, A) == [["sg-150"], ["sg-150"]]
    assert kept(made) == {A: [("sg-1", "sg-2"), ("sg-3",)]}
    assert made.fleet.operations() == [
        "describe_instances",
        "describe_instances",  # once more, because keeping it takes time
        "modify_network_interface_attribute",
        "modify_network_interface_attribute",
    ]
    assert made.fleet.requests("modify_network_interface_attribute")[0] == {
        "NetworkInterfaceId": "eni-010",
        "Groups": ["sg-150"],
    }


def test_each_instance_is_looked_at_on_its_own() -> None:
    made = world(reachable(A, ["sg-1"]), reachable(B, ["sg-2"]), settings=ISOLATE)

    assert drained(made, made.call(A, B)) == [
        (A, Result.ISOLATED, ""),
        (B, Result.ISOLATED, ""),
    ]
    assert made.fleet.operations().count("describe_instances") == 4


def test_an_interface_that_is_isolated_already_is_left_and_not_kept_over_what_it_had() -> None:
    made = world(reachable(A, ["sg-150"], ["sg-3"]), settings=ISOLATE)

    (outcome,) = made.ending.end(made.call(A))

    assert (outcome.result, outcome.finding.found) == (Result.ISOLATED, "eni-011: sg-3")
    assert kept(made) == {A: [("sg-3",)]}
    assert len(made.fleet.requests("modify_network_interface_attribute")) == 1


def test_what_cannot_be_kept_is_not_isolated() -> None:
    made = world(reachable(A, ["sg-1"]), settings=ISOLATE)
    made.keeps = False

    (outcome,) = made.ending.end(made.call(A))

    assert outcome.result is Result.DEFERRED
    assert outcome.detail.startswith("its security groups could not be recorded")
    assert groups_of(made, A) == [["sg-1"]]


@pytest.mark.parametrize("act", ["tags it", "gives it another group", "starts what is another"])
def test_what_somebody_changes_between_the_two_looks_is_left_for_the_next_run(act: str) -> None:
    made = world(reachable(A, ["sg-1"]), settings=ISOLATE)

    def between(_: Asked) -> None:
        if len(made.fleet.asked) == 1:
            match act:
                case "tags it":
                    made.fleet.set(A, {"Name": "web"})
                case "gives it another group":
                    shown: Any = made.fleet.descriptions[A]["NetworkInterfaces"]
                    shown[0]["Groups"] = [{"GroupId": "sg-7"}]
                case _:
                    del made.fleet.descriptions[A]

    made.fleet.after = between

    (outcome,) = made.ending.end(made.call(A))
    assert (outcome.result, outcome.detail) == (CHANGED.result, CHANGED.detail)
    assert "modify_network_interface_attribute" not in made.fleet.operations()


def test_a_throttled_call_goes_back_and_what_is_left_is_isolated_and_all_of_it_told() -> None:
    made = world(reachable(A, ["sg-1"], ["sg-2"]), settings=ISOLATE)
    tries: list[Asked] = []

    def throttle(asked: Asked) -> None:
        if asked.operation == "modify_network_interface_attribute":
            tries.append(asked)
            if len(tries) == 2:
                raise refusal("RequestLimitExceeded", status=503)

    made.fleet.before = throttle
    call = made.call(A)
    outcomes = [*made.ending.end(call), *made.ending.end(made.queue.later.popleft())]

    (outcome,) = outcomes
    assert (outcome.result, outcome.finding.found) == (
        Result.ISOLATED,
        "eni-010: sg-1; eni-011: sg-2",
    )
    assert [one.request["NetworkInterfaceId"] for one in tries] == ["eni-010", "eni-011", "eni-011"]
    assert kept(made) == {A: [("sg-1",), ("sg-2",), ("sg-2",)]}, "each as it was"


def test_what_is_isolated_in_part_is_told_so_with_what_that_part_had() -> None:
    """Else nobody would put it back: its owner has mended it in the meantime."""
    made = world(reachable(A, ["sg-1"], ["sg-2"]), settings=ISOLATE)

    def throttle(asked: Asked) -> None:
        if asked.request.get("NetworkInterfaceId") == "eni-011":
            made.fleet.set(A, {"Name": "web"})
            raise refusal("RequestLimitExceeded", status=503)

    made.fleet.before = throttle
    outcomes = list(made.ending.end(made.call(A)))
    made.fleet.before = lambda _: None
    outcomes += made.ending.end(made.queue.later.popleft())

    (outcome,) = outcomes
    assert (outcome.result, outcome.code) == (Result.FAILED, IN_PART)
    assert outcome.finding.found == "eni-010: sg-1"
    assert outcome.detail.startswith("may be isolated only in part: ")
    assert CHANGED.detail in outcome.detail
    assert groups_of(made, A) == [["sg-150"], ["sg-2"]]


def test_what_is_refused_for_one_interface_is_told_with_aws_code_and_with_what_the_other_had() -> (
    None
):
    made = world(reachable(A, ["sg-1"], ["sg-2"]), settings=ISOLATE)

    def refuse(asked: Asked) -> None:
        if asked.request.get("NetworkInterfaceId") == "eni-011":
            raise DENIED

    made.fleet.before = refuse

    (outcome,) = made.ending.end(made.call(A))

    assert (outcome.result, outcome.code) == (Result.FAILED, "UnauthorizedOperation")
    assert outcome.finding.found == "eni-010: sg-1"


def test_where_nothing_can_be_seen_any_more_what_may_be_isolated_is_told() -> None:
    made = world(reachable(A, ["sg-1"]), settings=ISOLATE)
    lost: list[Asked] = []

    def lose(asked: Asked) -> None:
        if asked.operation == "modify_network_interface_attribute":
            lost.append(asked)
            raise NO_ANSWER
        if lost:
            raise DENIED

    made.fleet.after = lose

    (outcome,) = made.ending.end(made.call(A))

    assert (outcome.result, bool(outcome.code)) == (Result.FAILED, True)
    assert outcome.finding.found == "eni-010: sg-1"


def test_nothing_is_kept_of_what_is_not_to_be_isolated_any_more() -> None:
    made = world(reachable(A, ["sg-1"]), settings=ISOLATE)
    call = made.call(A)
    made.fleet.set(A, {"Name": "web"})

    (outcome,) = made.ending.end(call)

    assert (outcome.result, made.kept) == (CHANGED.result, {})


def test_a_slow_answer_has_the_next_interface_looked_at_again() -> None:
    made = world(reachable(A, ["sg-1"], ["sg-2"]), settings=ISOLATE)

    def slow(asked: Asked) -> None:
        if asked.operation == "modify_network_interface_attribute":
            made.clock.sleep(6)

    made.fleet.after = slow

    assert drained(made, made.call(A)) == [(A, Result.ISOLATED, "")]
    assert made.fleet.operations().count("describe_instances") == 4


@pytest.mark.parametrize("is_done", [True, False])
def test_a_lost_answer_is_asked_for_before_anything_is_said(is_done: bool) -> None:
    made = world(reachable(A, ["sg-1"]), settings=ISOLATE)

    def lose(asked: Asked) -> None:
        if asked.operation == "modify_network_interface_attribute":
            if not is_done:
                shown: Any = made.fleet.descriptions[A]["NetworkInterfaces"]
                shown[0]["Groups"] = [{"GroupId": "sg-1"}]
            raise NO_ANSWER

    made.fleet.after = lose

    (outcome,) = made.ending.end(made.call(A))

    if is_done:
        assert (outcome.result, outcome.finding.found) == (Result.ISOLATED, "eni-010: sg-1")
    else:
        assert (outcome.result, bool(outcome.code)) == (Result.DEFERRED, True)


def test_what_is_refused_is_told_with_aws_code() -> None:
    made = world(reachable(A, ["sg-1"]), settings=ISOLATE)

    def refuse(asked: Asked) -> None:
        if asked.operation == "modify_network_interface_attribute":
            raise DENIED

    made.fleet.before = refuse

    (outcome,) = made.ending.end(made.call(A))

    assert (outcome.result, outcome.code) == (Result.FAILED, "UnauthorizedOperation")
    assert groups_of(made, A) == [["sg-1"]]
