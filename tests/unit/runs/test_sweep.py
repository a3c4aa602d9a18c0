"""The sweep: everything is looked at, or it is said what was not."""

import gc
from contextlib import nullcontext
from typing import Any

import pytest

from tag_policy.model.finding import Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.outcome import PART, Result
from tag_policy.runs.engine import TIME_WAS_UP, Engine
from tag_policy.runs.sweep import _drawn, judge_all, sweep
from tests.support.builders import NOW
from tests.support.clock import SimulatedClock
from tests.support.small_aws import CREATED_BY, PROJECT, SWEEP, VPC, SmallAws, context, refusal

ONE, TWO = "i-0000000000000001", "i-0000000000000002"
FINE = {"ProjectCode": "Apollo", "CreatedBy": "ann"}


def engine(aws: SmallAws, clock: SimulatedClock | None = None, **changes: str) -> Engine:
    this = Engine(context(aws, SWEEP, clock=clock, **changes))
    assert this._read_rules()
    return this


def small_aws(**changes: Any) -> SmallAws:
    return SmallAws(**({"rules": [PROJECT, CREATED_BY]} | changes))


def test_every_live_instance_of_the_vpcs_is_judged_and_no_other() -> None:
    aws = small_aws()
    aws.add(ONE, FINE)
    aws.add(TWO, {"CreatedBy": "ann"}, state="stopped")
    aws.add("i-0000000000000003", vpc_id="vpc-0def")
    aws.add("i-0000000000000004", state="terminated")
    judged: dict[str, Verdict] = {}
    this = engine(aws)

    def note(instance: Instance, verdict: Verdict) -> None:
        judged[instance.ref.resource_id] = verdict

    found = list(judge_all(this, note))

    assert {instance_id: verdict.compliant for instance_id, verdict in judged.items()} == {
        ONE: True,
        TWO: False,
    }
    assert [some[0].resource.resource_id for some in found] == [TWO]
    assert this.report.complete


def test_a_vpc_that_does_not_exist_is_not_taken_for_one_in_perfect_order() -> None:
    aws = small_aws(vpcs=set())
    this = engine(aws)

    assert list(judge_all(this)) == []

    assert this.report.problems == [f"{VPC} does not exist in this account and region"]


def test_where_vpcs_cannot_be_asked_for_their_instances_are_judged_all_the_same() -> None:
    aws = small_aws(failing={"DescribeVpcs": [refusal("UnauthorizedOperation", 403)]})
    aws.add(ONE, {"CreatedBy": "ann"})
    this = engine(aws)

    assert len(list(judge_all(this))) == 1

    assert "it could not be checked whether the VPCs exist" in this.report.problems[0]
    assert not this.report.failed


def test_vpcs_are_asked_for_again_where_that_is_throttled() -> None:
    aws = small_aws(failing={"DescribeVpcs": [refusal("RequestLimitExceeded", 503)]})
    this = engine(aws)

    list(judge_all(this))

    assert this.report.complete


def test_that_an_sdk_cannot_ask_for_hidden_instances_is_a_note_and_no_problem() -> None:
    this = engine(small_aws())

    list(judge_all(this))

    assert "this run does not see them" in this.report.notes[0]
    assert this.report.complete


@pytest.mark.parametrize(("seconds", "is_late"), [(584, False), (586, True)])
def test_after_three_quarters_of_the_time_the_rest_is_left_and_nothing_is_ended(
    seconds: float, is_late: bool
) -> None:
    """Of the 780 seconds to act in, 195 are for what waits for the end of the listing."""
    aws = small_aws()
    aws.add(ONE, FINE)
    clock = SimulatedClock(NOW)
    this = engine(aws, clock)

    list(judge_all(this, lambda *_: clock.sleep(seconds)))

    assert bool(this.may_not_end) is is_late
    assert list(this.report.problems) == ([TIME_WAS_UP] if is_late else [])


def test_a_listing_that_is_given_up_between_two_instances_ends_nothing_either() -> None:
    """Where there is no time for all, the rest is listed in parts, each run in another order."""
    clock = SimulatedClock(NOW)
    aws = small_aws(page_size=1)
    this = engine(aws, clock)
    drawn = _drawn("0123456789abcdef", this.context.request_id)
    seen, unseen = (f"i-000000000000000{digit}" for digit in (drawn[0], drawn[-1]))
    aws.add(seen, FINE)
    aws.add(unseen)

    def part_takes_long(operation: str) -> None:
        if operation == "DescribeInstances" and aws.calls.count(operation) > 2:
            clock.sleep(200)

    aws.on_call = part_takes_long
    judged: list[str] = []

    def note(instance: Instance, _: Verdict) -> None:
        judged.append(instance.ref.resource_id)
        clock.sleep(400)

    list(judge_all(this, note))

    assert judged == [seen]
    assert this.may_not_end
    assert this.report.problems == [TIME_WAS_UP]


def test_what_was_seen_of_a_part_is_put_right_and_not_ended() -> None:
    aws = small_aws()
    aws.add(ONE, {"CreatedBy": "ann"})
    aws.add(TWO)
    this = engine(aws, grace_period="0s")
    this.has_seen_a_part()

    sweep(this)

    assert aws.tags(ONE)["ProjectCode"] == "Proj007"
    assert aws.tags(TWO) == {}
    (held,) = this.outcomes.of(Result.DEFERRED)
    assert held.code == PART


@pytest.mark.parametrize("error", [None, ZeroDivisionError()], ids=["done", "broken off"])
def test_garbage_is_collected_as_before_whatever_becomes_of_a_sweep(
    error: Exception | None,
) -> None:
    """The process lives on, and deals with other events."""
    before = gc.get_threshold()
    gc.set_threshold(1_234, 5, 6)
    meanwhile: list[tuple[int, int, int]] = []
    aws = small_aws(failing={"DescribeInstances": [error]})
    aws.on_call = lambda _: meanwhile.append(gc.get_threshold())

    try:
        with nullcontext() if error is None else pytest.raises(ZeroDivisionError):
            sweep(engine(aws))
        afterwards = gc.get_threshold()
    finally:
        gc.set_threshold(*before)

    assert afterwards == (1_234, 5, 6)
    assert meanwhile[-1] == (500_000, 5, 6), "less often while instances are listed"


def test_each_run_draws_an_order_of_its_own_and_leaves_no_digit_out() -> None:
    """Where a sweep is never done, each part of the instances must have its turn in some run."""
    digits = "0123456789abcdef"
    orders = [_drawn(digits, f"request-{number}") for number in range(200)]

    assert all(sorted(order) == list(digits) for order in orders)
    assert {order[0] for order in orders} == set(digits)
    assert _drawn(digits, "request-1") == orders[1]
