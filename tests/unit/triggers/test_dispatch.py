import json
from pathlib import Path

import pytest

from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.triggers.dispatch import read_event
from tag_policy.triggers.request import EventError, SweepRequest
from tests.support.builders import HOME, settings

EVENTS = Path(__file__).parents[1] / "events"
BOTH = ("vpc-abc123c1", "vpc-0def")


def sweep_of(
    trigger: Trigger, scope: Scope, vpc_ids: tuple[str, ...], mode: Mode = Mode.ENFORCE
) -> SweepRequest:
    rehearsal = mode is Mode.AUDIT
    return SweepRequest(Assignment(trigger, scope, vpc_ids, mode, rehearsal=rehearsal))


def test_a_scheduled_event_is_a_full_sweep() -> None:
    event = json.loads((EVENTS / "scheduled.json").read_text())

    assert read_event(event, settings(), HOME) == sweep_of(Trigger.SCHEDULE, Scope.ALL, BOTH)


def test_an_empty_event_is_a_full_sweep() -> None:
    assert read_event({}, settings(), HOME) == sweep_of(Trigger.MANUAL, Scope.ALL, BOTH)


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "sweep",
        {"vpc": "vpc-0def"},
        {"Records": []},
        {"vpc_ids": []},
        {"vpc_ids": "vpc-0def"},
        {"vpc_ids": [["vpc-0def"]]},
        {"vpc_ids": None},
        {"mode": "AUDIT"},
        {"mode": None},
        {"mode": ["audit"]},
        {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"},
        {"source": "aws.events"},
    ],
    ids=json.dumps,
)
def test_any_other_event_is_an_error_that_says_what_would_do(event: object) -> None:
    with pytest.raises(EventError, match=r"accepted are|expected"):
        read_event(event, settings(), HOME)
