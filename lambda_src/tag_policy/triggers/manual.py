"""A person, or a pipeline, that invokes the function: for everything, or for less."""

from collections.abc import Mapping
from typing import Any

from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.model.target import Target
from tag_policy.settings import Settings
from tag_policy.triggers.request import ACCEPTED, EventError, SweepRequest

NARROWING = ("vpc_ids", "mode")
"""What an event may have to make a run smaller, or safer."""


def accepts(_event: Mapping[Any, Any], _settings: Settings) -> bool:
    """Tell that any object may be meant for this trigger: it is the last one to be asked."""
    return True


def read(event: Mapping[Any, Any], settings: Settings, _home: Target) -> SweepRequest:
    """Return what a person asks for.

    Raises EventError for what is not known here, and for more than the settings allow.
    """
    unknown = sorted(str(key) for key in event if key not in NARROWING)
    if unknown:
        raise EventError(f"the event has {', '.join(map(repr, unknown))}; {ACCEPTED}")
    vpc_ids = _vpc_ids(event, settings)
    scope = Scope.ALL if set(vpc_ids) == set(settings.vpc_ids) else Scope.SOME
    mode = _mode(event, settings)
    rehearsal = mode is not settings.mode
    return SweepRequest(Assignment(Trigger.MANUAL, scope, vpc_ids, mode, rehearsal=rehearsal))


def _vpc_ids(event: Mapping[Any, Any], settings: Settings) -> tuple[str, ...]:
    if "vpc_ids" not in event:
        return settings.vpc_ids
    vpc_ids = event["vpc_ids"]
    if not isinstance(vpc_ids, list) or not vpc_ids:
        raise EventError(f"vpc_ids is {vpc_ids!r}; expected a list with at least one VPC id")
    foreign = [vpc_id for vpc_id in vpc_ids if vpc_id not in settings.vpc_ids]
    if foreign:
        raise EventError(
            f"vpc_ids names {', '.join(map(repr, foreign))}, which this function is not "
            f"configured for; expected some of {', '.join(settings.vpc_ids)}"
        )
    return tuple(dict.fromkeys(vpc_ids))


def _mode(event: Mapping[Any, Any], settings: Settings) -> Mode:
    if "mode" not in event:
        return settings.mode
    mode = event["mode"]
    if not isinstance(mode, str) or mode not in list(Mode):
        raise EventError(
            f"mode is {mode!r}; expected one of {', '.join(map(repr, map(str, Mode)))}"
        )
    if settings.mode is Mode.AUDIT and mode != Mode.AUDIT:
        raise EventError("mode is 'enforce', but this function is deployed to audit only")
    return Mode(mode)
