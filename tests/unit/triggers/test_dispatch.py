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


def test_a_manual_event_may_narrow_the_sweep_and_make_it_safer() -> None:
    event = {"vpc_ids": ["vpc-0def"], "mode": "audit"}

    narrowed = sweep_of(Trigger.MANUAL, Scope.SOME, ("vpc-0def",), Mode.AUDIT)
    assert read_event(event, settings(), HOME) == narrowed


def test_a_manual_event_that_names_every_vpc_is_a_full_sweep() -> None:
    request = read_event({"vpc_ids": list(reversed(BOTH))}, settings(), HOME)

    assert isinstance(request, SweepRequest)
    assert request.assignment.scope is Scope.ALL


@pytest.mark.parametrize("narrowing", [{"mode": "audit"}, {"vpc_ids": ["vpc-0def"]}])
def test_a_scheduled_event_that_asks_for_less_is_refused_because_eventbridge_sends_none(
    narrowing: dict[str, object],
) -> None:
    event = json.loads((EVENTS / "scheduled.json").read_text())

    with pytest.raises(EventError, match="EventBridge never sends"):
        read_event(event | narrowing, settings(), HOME)


def test_what_is_deployed_to_audit_cannot_be_told_to_enforce() -> None:
    with pytest.raises(EventError, match="deployed to audit only"):
        read_event({"mode": "enforce"}, settings(mode="audit"), HOME)


def test_a_vpc_that_is_not_configured_is_refused() -> None:
    with pytest.raises(EventError, match=r"'vpc-0bad'.*expected some of vpc-abc123c1, vpc-0def"):
        read_event({"vpc_ids": ["vpc-0def", "vpc-0bad"]}, settings(), HOME)


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
