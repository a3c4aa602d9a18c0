"""The schedule of EventBridge: what is one of its events, and what only looks like one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.triggers import schedule
from tag_policy.triggers.dispatch import read_event
from tag_policy.triggers.request import EventError, SweepRequest
from tests.support.builders import HOME, settings

EVENTS = Path(__file__).parents[1] / "events"
RECORDED = json.loads((EVENTS / "scheduled.json").read_text())


@pytest.mark.parametrize("narrowing", [{"mode": "audit"}, {"vpc_ids": ["vpc-0def"]}])
def test_a_scheduled_event_that_asks_for_less_is_refused_because_eventbridge_sends_none(
    narrowing: dict[str, object],
) -> None:
    event = json.loads((EVENTS / "scheduled.json").read_text())

    with pytest.raises(EventError, match="EventBridge never sends"):
        read_event(event | narrowing, settings(), HOME)


def test_a_recorded_event_is_accepted_and_asks_for_everything_in_the_mode_that_is_deployed() -> (
    None
):
    for mode in Mode:
        how = settings(mode=mode)

        assert schedule.accepts(RECORDED, how)
        assert schedule.read(RECORDED, how, HOME) == SweepRequest(
            Assignment(Trigger.SCHEDULE, Scope.ALL, ("vpc-abc123c1", "vpc-0def"), mode)
        )


def test_what_the_scheduler_is_told_to_send_is_accepted() -> None:
    sent = {"source": "aws.scheduler", "detail-type": "Scheduled Event"}

    assert read_event(sent, settings(), HOME) == SweepRequest(
        Assignment(Trigger.SCHEDULE, Scope.ALL, ("vpc-abc123c1", "vpc-0def"), settings().mode)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"source": "aws.ec2"},
        {"source": None},
        {"detail-type": "EC2 Instance State-change Notification"},
        {"detail-type": ["Scheduled Event"]},
    ],
    ids=str,
)
def test_any_other_event_of_eventbridge_is_not_of_the_schedule(change: dict[str, Any]) -> None:
    assert not schedule.accepts(RECORDED | change, settings())


def test_both_ways_of_asking_for_less_are_named_in_the_refusal() -> None:
    with pytest.raises(EventError, match="the scheduled event has 'vpc_ids' and 'mode'"):
        schedule.read(RECORDED | {"mode": "audit", "vpc_ids": []}, settings(), HOME)


def test_asking_for_less_in_no_words_is_refused_too() -> None:
    with pytest.raises(EventError, match="the scheduled event has 'mode'"):
        schedule.read(RECORDED | {"mode": None}, settings(), HOME)
