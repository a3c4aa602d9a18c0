"""What a person may ask for: everything, or less; never more than the settings allow."""

from typing import Any

import pytest

from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.triggers import manual
from tag_policy.triggers.dispatch import read_event
from tag_policy.triggers.request import EventError, SweepRequest
from tests.support.builders import HOME, settings

BOTH = ("vpc-abc123c1", "vpc-0def")


def asked(event: dict[str, Any], mode: str = "enforce") -> Assignment:
    return manual.read(event, settings(mode=mode), HOME).assignment


def test_a_manual_event_may_narrow_the_sweep_and_make_it_safer() -> None:
    event = {"vpc_ids": ["vpc-0def"], "mode": "audit"}

    narrowed = SweepRequest(
        Assignment(Trigger.MANUAL, Scope.SOME, ("vpc-0def",), Mode.AUDIT, rehearsal=True)
    )
    assert read_event(event, settings(), HOME) == narrowed


def test_a_manual_event_that_names_every_vpc_is_a_full_sweep() -> None:
    request = read_event({"vpc_ids": list(reversed(BOTH))}, settings(), HOME)

    assert isinstance(request, SweepRequest)
    assert request.assignment.scope is Scope.ALL


def test_what_is_deployed_to_audit_cannot_be_told_to_enforce() -> None:
    with pytest.raises(EventError, match="deployed to audit only"):
        read_event({"mode": "enforce"}, settings(mode="audit"), HOME)


def test_a_vpc_that_is_not_configured_is_refused() -> None:
    with pytest.raises(EventError, match=r"'vpc-0bad'.*expected some of vpc-abc123c1, vpc-0def"):
        read_event({"vpc_ids": ["vpc-0def", "vpc-0bad"]}, settings(), HOME)


def test_who_asks_for_nothing_in_particular_gets_all_that_is_configured() -> None:
    assert asked({}) == Assignment(Trigger.MANUAL, Scope.ALL, BOTH, Mode.ENFORCE)


@pytest.mark.parametrize(
    ("deployed", "wanted", "mode", "rehearsal"),
    [
        ("enforce", "enforce", Mode.ENFORCE, False),
        ("enforce", "audit", Mode.AUDIT, True),
        ("audit", "audit", Mode.AUDIT, False),
    ],
)
def test_only_an_audit_of_an_engine_that_enforces_is_a_rehearsal(
    deployed: str, wanted: str, mode: Mode, rehearsal: bool
) -> None:
    """Which is no point of the chart; see ``reporting.archive``."""
    found = asked({"mode": wanted}, deployed)

    assert (found.mode, found.rehearsal) == (mode, rehearsal)


def test_a_run_about_some_of_the_vpcs_is_about_a_part_and_one_about_all_is_not() -> None:
    """Limits hold against the whole, so that a run about a part ends nothing."""
    assert asked({"vpc_ids": [BOTH[0]]}).scope is Scope.SOME
    assert asked({"vpc_ids": [BOTH[0], BOTH[0]]}).scope is Scope.SOME, "twice the same is no two"
    assert asked({"vpc_ids": [*BOTH, BOTH[0]]}).scope is Scope.ALL


def test_a_vpc_that_is_named_twice_is_swept_once() -> None:
    assert asked({"vpc_ids": ["vpc-0def", "vpc-0def"]}).vpc_ids == ("vpc-0def",)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"VPC_IDS": ["vpc-0def"]}, "the event has 'VPC_IDS'; accepted are"),
        ({"vpc": "vpc-0def", "dry_run": True}, "the event has 'dry_run', 'vpc'; accepted are"),
        ({1: "x"}, "the event has '1'"),
        ({"vpc_ids": []}, r"vpc_ids is \[\]; expected a list with at least one VPC id"),
        ({"vpc_ids": "vpc-0def"}, "vpc_ids is 'vpc-0def'; expected a list"),
        ({"vpc_ids": [{}]}, r"vpc_ids names \{\}, which this function is not configured for"),
        ({"mode": "Audit"}, "mode is 'Audit'; expected one of 'enforce', 'audit'"),
        ({"mode": ["audit"]}, r"mode is \['audit'\]; expected one of"),
        ({"mode": ""}, "mode is ''; expected one of"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_refused_and_nothing_is_guessed(
    event: dict[Any, Any], message: str
) -> None:
    """A mistyped key must not turn a narrowed audit into a run about everything."""
    with pytest.raises(EventError, match=message):
        asked(event)


def test_an_error_about_what_somebody_wrote_is_one_line() -> None:
    with pytest.raises(EventError) as error:
        asked({"vpc_ids": ["vpc-1\nERROR all is well\u202e"]})

    assert str(error.value).isprintable()


def test_any_object_may_be_meant_for_this_trigger_because_it_is_asked_last() -> None:
    assert manual.accepts({"source": "aws.ec2"}, settings())
