"""Which messages come back, and who is known to have launched what they name."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.model.outcome import CREATOR_NOT_LOOKED_UP, CREATOR_UNREADABLE, Result
from tag_policy.runs.engine import Engine
from tag_policy.runs.event_run import judge_one, put_right
from tag_policy.triggers.instance_event import InstanceEvent
from tag_policy.triggers.sqs_batch import Message
from tests.support.builders import NOW, mark
from tests.support.clock import SimulatedClock
from tests.support.small_aws import CREATED_BY, EVENTS, PROJECT, SmallAws, context, refusal

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
ONE, TWO = "i-0000000000000001", "i-0000000000000002"
ANN: Mapping[str, Any] = {"type": "IAMUser", "userName": "ann"}
FINE = {"ProjectCode": "Apollo", "CreatedBy": "ann"}
HOURLY = {"schedule": "rate(1 hour)"}


def engine(aws: SmallAws, *, clock: SimulatedClock | None = None, **changes: str) -> Engine:
    this = Engine(context(aws, EVENTS, clock=clock, **changes))
    assert this._read_rules()
    return this


def small_aws(**changes: Any) -> SmallAws:
    return SmallAws(**({"rules": [PROJECT, CREATED_BY]} | changes))


def message(
    *ids: str,
    name: str = "m",
    time: datetime = NOW,
    tries: int = 1,
    launch: LaunchEvent | None = None,
) -> Message:
    event = InstanceEvent(time, frozenset(ids), launch)
    return Message(name, f"receipt of {name}", tries, event)


def launch(
    *ids: str, time: datetime = NOW, identity: Mapping[str, Any] | None = ANN
) -> LaunchEvent:
    return LaunchEvent("event-1", time, frozenset(ids), identity, complete=bool(ids))


def names(messages: Iterable[Message]) -> list[str]:
    return [one.message_id for one in messages]


# Which messages come back


def test_what_was_put_right_does_not_come_back() -> None:
    aws = small_aws()
    aws.add(ONE, {"CreatedBy": "ann"})

    assert put_right(engine(aws), [message(ONE)]) == []

    assert aws.tags(ONE) == {"CreatedBy": "ann", "ProjectCode": "Proj007"}


def test_a_message_that_cannot_be_read_fails_alone() -> None:
    aws = small_aws()
    aws.add(ONE, {"CreatedBy": "ann"})
    poison = Message("poison", "r", 1, None)

    assert put_right(engine(aws), [poison, message(ONE)]) == [poison]

    assert "ProjectCode" in aws.tags(ONE)


@pytest.mark.parametrize(
    ("age", "comes_back"), [(timedelta(), True), (MINUTE - SECOND, True), (MINUTE, False)]
)
def test_an_instance_that_is_not_shown_is_waited_for_while_its_event_is_new(
    age: timedelta, comes_back: bool
) -> None:
    failed = put_right(engine(small_aws()), [message(ONE, time=NOW - age)])

    assert bool(failed) is comes_back


def test_one_instance_of_several_that_is_not_shown_brings_its_message_back() -> None:
    aws = small_aws()
    aws.add(ONE, FINE)

    assert names(put_right(engine(aws), [message(ONE, TWO)])) == ["m"]


@pytest.mark.parametrize("changes", [{"vpc_id": "vpc-0def"}, {"state": "terminated"}], ids=str)
def test_what_is_shown_and_is_no_concern_of_ours_is_dropped_however_new(
    changes: dict[str, str],
) -> None:
    aws = small_aws()
    aws.add(ONE, {"CreatedBy": "ann"}, **changes)

    assert put_right(engine(aws), [message(ONE)]) == []
    assert "CreateTags" not in aws.calls


def test_only_the_messages_about_what_could_not_be_done_now_come_back() -> None:
    aws = small_aws(failing={"CreateTags": [refusal("RequestTimeout")]})
    aws.add(ONE, {"CreatedBy": "ann"})
    aws.add(TWO, FINE)

    failed = put_right(engine(aws), [message(ONE, name="one"), message(TWO, name="two")])

    assert names(failed) == ["one"]


def test_every_message_about_an_instance_comes_back_with_it() -> None:
    """Each is dealt with on its own from there on; none may count as done by another."""
    aws = small_aws(failing={"CreateTags": [refusal("RequestTimeout")]})
    aws.add(ONE, {"CreatedBy": "ann"})

    failed = put_right(engine(aws), [message(ONE, name="a"), message(ONE, name="b")])

    assert names(failed) == ["a", "b"]


def test_what_aws_refuses_for_good_does_not_come_back_and_is_told() -> None:
    aws = small_aws(failing={"CreateTags": [refusal("UnauthorizedOperation", 403)]})
    aws.add(ONE, {"CreatedBy": "ann"})
    this = engine(aws)

    assert put_right(this, [message(ONE)]) == []

    assert this.outcomes.counted[Result.FAILED] == 1


@pytest.mark.parametrize(("age", "comes_back"), [(MINUTE - SECOND, True), (MINUTE, False)])
def test_an_instance_that_is_shown_and_cannot_be_tagged_yet_is_waited_for_too(
    age: timedelta, comes_back: bool
) -> None:
    aws = small_aws(failing={"CreateTags": [refusal("InvalidInstanceID.NotFound")]})
    aws.add(ONE, {"CreatedBy": "ann"})

    assert bool(put_right(engine(aws), [message(ONE, time=NOW - age)])) is comes_back


def test_where_the_time_was_up_while_listing_all_messages_come_back() -> None:
    aws = small_aws()
    aws.add(ONE, FINE)
    aws.add(TWO, FINE)
    clock = SimulatedClock(NOW)
    this = engine(aws, clock=clock)
    clock.sleep(800)

    failed = put_right(this, [message(ONE, name="one"), message(TWO, name="two")])

    assert names(failed) == ["one", "two"]


def test_a_listing_that_breaks_off_brings_back_what_it_has_not_shown() -> None:
    aws = small_aws(failing={"DescribeInstances": [refusal("UnauthorizedOperation", 403)]})
    aws.add(ONE, FINE)
    this = engine(aws)

    assert names(put_right(this, [message(ONE)])) == ["m"]

    assert this.report.failed, "and an old one comes back with the whole batch: handler"


# What is done


def test_what_follows_from_having_no_tags_is_left_to_the_sweep() -> None:
    aws = small_aws()
    aws.add(ONE)

    assert put_right(engine(aws), [message(ONE)]) == []

    assert aws.tags(ONE) == {}


def test_a_mark_is_taken_back_at_once() -> None:
    aws = small_aws()
    aws.add(ONE, {**FINE, "tag-policy:due": str(mark(NOW + DAY, NOW))})

    assert put_right(engine(aws), [message(ONE)]) == []

    assert aws.tags(ONE) == FINE


def test_an_instance_that_several_messages_name_is_listed_and_tagged_once() -> None:
    aws = small_aws()
    aws.add(ONE, {"CreatedBy": "ann"})

    put_right(engine(aws), [message(ONE, name=f"m-{n}") for n in range(10)])

    assert (aws.calls.count("DescribeInstances"), aws.calls.count("CreateTags")) == (1, 1)


# Who launched it


def new(aws: SmallAws, age: timedelta = timedelta()) -> str:
    return aws.add(ONE, {"ProjectCode": "Apollo"}, created_at=NOW - age)


def test_the_event_of_the_launch_says_who_it_was_and_cloudtrail_is_not_asked() -> None:
    aws = small_aws()
    new(aws)

    assert put_right(engine(aws, **HOURLY), [message(ONE, launch=launch(ONE))]) == []

    assert aws.tags(ONE)["CreatedBy"] == "ann"
    assert "LookupEvents" not in aws.calls


def test_of_several_launches_that_name_an_instance_the_earliest_says_who_it_was() -> None:
    aws = small_aws()
    new(aws)
    bob = {"type": "IAMUser", "userName": "bob"}
    repeated = launch(ONE, time=NOW + SECOND, identity=bob)

    messages = [message(ONE, launch=repeated), message(ONE, launch=launch(ONE))]
    put_right(engine(aws, **HOURLY), messages)

    assert aws.tags(ONE)["CreatedBy"] == "ann"


@pytest.mark.parametrize(
    "event",
    [
        None,
        launch(TWO),
        launch(ONE, time=NOW + 16 * SECOND),
        launch(ONE, identity=None),
        launch(ONE, identity={"type": "SomethingNew"}),
    ],
    ids=["no launch", "of another", "perhaps repeated", "unreadable", "of a new kind"],
)
def test_who_launched_it_is_left_to_the_sweep_where_no_event_says_it_for_sure(
    event: LaunchEvent | None, caplog: pytest.LogCaptureFixture
) -> None:
    aws = small_aws()
    aws.add(ONE, {"Name": "web"}, created_at=NOW)
    this = engine(aws, **HOURLY)

    with caplog.at_level(logging.INFO, "tag_policy"):
        assert put_right(this, [message(ONE, launch=event)]) == []

    assert aws.tags(ONE) == {"Name": "web", "ProjectCode": "Proj007"}, "all but that"
    assert this.outcomes.counted == {Result.TAGGED: 1}, "without a word to anybody"
    assert f"left to the sweep {ONE}: who launched it" in caplog.text
    assert "LookupEvents" not in aws.calls


@pytest.mark.parametrize(
    ("age", "is_asked"), [(30 * MINUTE - SECOND, False), (30 * MINUTE, True), (DAY, True)]
)
def test_cloudtrail_is_asked_as_soon_as_it_can_know(age: timedelta, is_asked: bool) -> None:
    aws = small_aws()
    new(aws, age)

    put_right(engine(aws, **HOURLY), [message(ONE)])

    assert ("LookupEvents" in aws.calls) is is_asked


@pytest.mark.parametrize(("tries", "comes_back"), [(1, True), (2, True), (3, False), (4, False)])
def test_without_a_sweep_a_creator_is_waited_for_twice_and_then_people_are_told(
    tries: int, comes_back: bool
) -> None:
    aws = small_aws()
    new(aws)
    this = engine(aws)

    assert bool(put_right(this, [message(ONE, tries=tries)])) is comes_back

    codes = [one.code for one in this.outcomes.of(Result.DEFERRED)]
    assert codes == ([] if comes_back else [CREATOR_NOT_LOOKED_UP])


def test_of_several_messages_only_those_come_back_that_have_tries_left() -> None:
    """Else a message would become a dead letter for a creator that another still waits for."""
    aws = small_aws()
    new(aws)
    messages = [message(ONE, name="new"), message(ONE, name="old", tries=3)]

    assert names(put_right(engine(aws), messages)) == ["new"]


def test_without_a_sweep_a_launch_that_may_be_a_repetition_is_believed_at_the_last_try() -> None:
    aws = small_aws()
    new(aws)
    late = launch(ONE, time=NOW + 16 * SECOND)

    assert put_right(engine(aws), [message(ONE, launch=late, tries=2)])
    assert "CreatedBy" not in aws.tags(ONE)
    assert put_right(engine(aws), [message(ONE, launch=late, tries=3)]) == []
    assert aws.tags(ONE)["CreatedBy"] == "ann"


def test_without_a_sweep_a_launch_that_nobody_can_read_is_told_for_a_person_to_mend() -> None:
    aws = small_aws()
    new(aws)
    this = engine(aws)

    put_right(this, [message(ONE, launch=launch(ONE, identity=None), tries=3)])

    assert [one.code for one in this.outcomes.of(Result.DEFERRED)] == [CREATOR_UNREADABLE]


def test_a_launch_too_large_to_name_anybody_is_a_problem_only_where_no_sweep_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told, left = engine(small_aws()), engine(small_aws(), **HOURLY)

    for this in (told, left):
        put_right(this, [message(launch=launch())])

    assert [
        "no schedule looks for its instances" in problem for problem in told.report.problems
    ] == [True]
    assert left.report.complete
    assert "left to the sweep: the launch in event event-1" in caplog.text


# One instance, for AWS Config


def test_an_instance_in_order_has_a_verdict_and_nothing_to_be_done() -> None:
    aws = small_aws()
    aws.add(ONE, FINE)

    verdict, to_do = judge_one(engine(aws), ONE)

    assert verdict is not None
    assert (verdict.compliant, to_do) == (True, [])


def test_what_is_left_to_the_sweep_is_a_part_of_the_verdict_all_the_same() -> None:
    aws = small_aws()
    aws.add(ONE)

    verdict, to_do = judge_one(engine(aws), ONE)

    assert verdict is not None
    assert len(verdict.findings) == 1
    assert to_do == [[]]


@pytest.mark.parametrize("changes", [{"vpc_id": "vpc-0def"}, {"state": "terminated"}], ids=str)
def test_an_instance_that_is_gone_or_elsewhere_has_no_verdict(changes: dict[str, str]) -> None:
    aws = small_aws()
    aws.add(ONE, **changes)
    this = engine(aws)

    assert judge_one(this, ONE) == (None, [])
    assert not this.report.failed


def test_an_instance_that_cannot_be_looked_at_has_none_either_and_the_run_failed() -> None:
    aws = small_aws(failing={"DescribeInstances": [refusal("UnauthorizedOperation", 403)]})
    aws.add(ONE, FINE)
    this = engine(aws)

    assert judge_one(this, ONE) == (None, [])
    assert this.report.failed
