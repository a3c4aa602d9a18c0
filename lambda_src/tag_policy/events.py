"""What an event asks for: the trigger, and the scope within what the settings allow. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tag_policy.model import Mode, TagPolicyError
from tag_policy.settings import Settings


class EventError(TagPolicyError):
    """The event is none that the function accepts, or asks for what it may not."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one event asks for, within what the settings allow."""

    trigger: str
    vpc_ids: tuple[str, ...]
    mode: Mode


def read_event(event: object, settings: Settings) -> Scope:
    """Return what an event asks for; raises EventError when it may not ask for that."""
    if not isinstance(event, Mapping):
        raise EventError(f"the event is a {type(event).__name__}; {_ACCEPTED}")
    if event.get("source") == "aws.events" and event.get("detail-type") == "Scheduled Event":
        trigger = "schedule"
    else:
        trigger = "manual"
        unknown = sorted(str(key) for key in event if key not in ("vpc_ids", "mode"))
        if unknown:
            raise EventError(f"the event has {', '.join(map(repr, unknown))}; {_ACCEPTED}")
    return Scope(trigger, _event_vpc_ids(event, settings), _event_mode(event, settings))


_ACCEPTED = (
    "accepted are an EventBridge scheduled event, {}, and an object with 'vpc_ids', 'mode' or "
    'both, such as {"vpc_ids": ["vpc-0a1b2c3d"], "mode": "audit"}'
)


def _event_vpc_ids(event: Mapping[Any, Any], settings: Settings) -> tuple[str, ...]:
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


def _event_mode(event: Mapping[Any, Any], settings: Settings) -> Mode:
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
