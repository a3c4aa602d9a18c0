"""A launch that is told twice, where the first record says little, or is not there."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tag_policy.creators.attribution import attribute
from tag_policy.creators.decision import launch_among
from tag_policy.creators.run_instances import read_launch
from tag_policy.model.launch import Answer, Known, Nobody, NotKnownYet
from tag_policy.model.resource import ResourceRef
from tests.integration.conftest import Engine
from tests.support import fleet
from tests.support.clock import SimulatedClock
from tests.support.event_history import Event, make_event
from tests.support.launches import embedded_cloudtrail, questions

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DELAY = timedelta(minutes=30)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
ALICE = {"type": "IAMUser", "userName": "alice"}
MALLORY = {"type": "IAMUser", "userName": "mallory"}
ONE, OTHER = "i-0123456789abcdef0", "i-0123456789abcdef1"


def ref(instance_id: str, created_at: datetime) -> ResourceRef:
    return ResourceRef(instance_id, "vpc-0a1b2c3d", "", created_at, {})


def ask(instances: Iterable[ResourceRef], events: Iterable[Event]) -> Answer:
    """Return the answer about ONE."""
    clock = SimulatedClock(NOW)
    with embedded_cloudtrail(clock) as (history, client):
        history.events.extend(events)
        found = attribute(instances, questions(client, clock), clock.now(), DELAY)
    return found.answers[ONE]


def too_large(event: Event) -> Event:
    record = json.loads(event["CloudTrailEvent"])
    record["responseElements"] = {"omitted": True}
    return event | {"CloudTrailEvent": json.dumps(record), "Resources": []}


@pytest.mark.parametrize("in_a_window", [False, True])
def test_who_repeats_a_launch_that_cannot_be_read_is_not_the_creator(in_a_window: bool) -> None:
    at = NOW - DAY
    events = [
        too_large(make_event("RunInstances", ALICE, [ONE], at)),
        make_event("RunInstances", MALLORY, [ONE], at + 90 * SECOND),
    ]
    instances = [ref(ONE, at)]
    if in_a_window:
        instances.append(ref(OTHER, at + 20 * SECOND))
        events.append(make_event("RunInstances", ALICE, [OTHER], at + 20 * SECOND))

    answer = ask(instances, events)

    assert isinstance(answer, NotKnownYet)
    assert answer.by_hand


def test_a_late_launch_is_the_launch_where_there_is_no_other() -> None:
    at = NOW - DAY

    answer = ask([ref(ONE, at)], [make_event("RunInstances", ALICE, [ONE], at + 90 * SECOND)])

    assert isinstance(answer, Known)
    assert answer.launch.name == "alice"


def test_who_repeats_a_launch_that_has_left_the_history_is_not_the_creator() -> None:
    at = NOW - 90 * DAY - 30 * SECOND
    events = [
        make_event("RunInstances", ALICE, [ONE], at),
        make_event("RunInstances", MALLORY, [ONE], at + 90 * SECOND),
    ]

    assert isinstance(ask([ref(ONE, at)], events), Nobody)


def test_an_event_without_a_time_is_no_launch_of_any_time() -> None:
    at = NOW - DAY
    timeless: Any = make_event("RunInstances", MALLORY, [ONE], at)
    del timeless["EventTime"]
    repetition, launch = (
        read_launch(timeless),
        read_launch(make_event("RunInstances", ALICE, [ONE], at)),
    )

    assert repetition is not None
    assert launch is not None
    assert launch_among([repetition, launch], ref(ONE, at), whole_history=True) == launch
    assert launch_among([repetition], ref(ONE, at), whole_history=True) is None


def test_without_a_schedule_a_run_by_hand_says_that_nobody_will_ask_again(
    make_engine: Any,
) -> None:
    engine: Engine = make_engine("events")
    engine.environment = {**engine.environment, "TAG_POLICY_SCHEDULE": ""}
    engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.history().clear()

    engine.run({})

    (mail,) = engine.emails()
    assert mail.text.startswith("PLEASE CHECK")
    assert "no schedule looks for it later" in mail.text
