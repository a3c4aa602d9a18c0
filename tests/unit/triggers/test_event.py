import json
from pathlib import Path

import pytest

from tag_policy.model import Mode
from tag_policy.triggers.event import EventError, Scope, read_event
from tests.support.builders import FUNCTION, settings

EVENTS = Path(__file__).parents[1] / "events"
BOTH = ("vpc-abc123c1", "vpc-0def")


def test_a_scheduled_event_is_a_full_sweep() -> None:
    event = json.loads((EVENTS / "scheduled.json").read_text())

    assert read_event(event, settings(), FUNCTION) == Scope("schedule", BOTH, Mode.ENFORCE)


def test_an_empty_event_is_a_full_sweep() -> None:
    assert read_event({}, settings(), FUNCTION) == Scope("manual", BOTH, Mode.ENFORCE)


def test_a_manual_event_may_narrow_the_sweep_and_make_it_safer() -> None:
    event = {"vpc_ids": ["vpc-0def"], "mode": "audit"}

    assert read_event(event, settings(), FUNCTION) == Scope("manual", ("vpc-0def",), Mode.AUDIT)


def test_a_scheduled_event_with_a_mode_or_vpcs_is_taken_at_its_word() -> None:
    event = json.loads((EVENTS / "scheduled.json").read_text())

    scope = read_event(event | {"mode": "audit", "vpc_ids": ["vpc-0def"]}, settings(), FUNCTION)

    assert scope == Scope("schedule", ("vpc-0def",), Mode.AUDIT)
    with pytest.raises(EventError):
        read_event(event | {"vpc_ids": ["vpc-0bad"]}, settings(), FUNCTION)


def test_what_is_deployed_to_audit_cannot_be_told_to_enforce() -> None:
    with pytest.raises(EventError, match="deployed to audit only"):
        read_event({"mode": "enforce"}, settings(mode="audit"), FUNCTION)


def test_a_vpc_that_is_not_configured_is_refused() -> None:
    with pytest.raises(EventError, match=r"'vpc-0bad'.*expected some of vpc-abc123c1, vpc-0def"):
        read_event({"vpc_ids": ["vpc-0def", "vpc-0bad"]}, settings(), FUNCTION)


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
        read_event(event, settings(), FUNCTION)
