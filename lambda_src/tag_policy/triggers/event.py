"""What an event asks for: the trigger, and the scope within what the settings allow. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tag_policy.aws.function_arn import FunctionArn
from tag_policy.model import Mode, TagPolicyError, Trigger
from tag_policy.settings import Settings
from tag_policy.triggers.config_rule import ConfigRequest, is_config_request, read_config_request
from tag_policy.triggers.sqs_batch import Message, is_batch, read_messages


class EventError(TagPolicyError):
    """The event is none that the function accepts, or asks for what it may not."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is to be about, within what the settings allow."""

    trigger: Trigger
    vpc_ids: tuple[str, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of the event queue."""

    messages: tuple[Message, ...]


def read_event(
    event: object, settings: Settings, function: FunctionArn
) -> Scope | Batch | ConfigRequest:
    """Return what an event asks for: a sweep, what events have named, or what AWS Config has.

    ``function`` is the engine's own, with the account and the region that events must be of. Raises
    EventError when it may not ask for that, and ConfigRequestError when it comes from AWS Config
    and cannot be read.
    """
    if not isinstance(event, Mapping):
        raise EventError(f"the event is a {type(event).__name__}; {_ACCEPTED}")
    if is_batch(event) and settings.queue_url:
        return Batch(tuple(read_messages(event["Records"], function)))
    if is_config_request(event) and settings.config_rule:
        return read_config_request(event)
    if event.get("source") == "aws.events" and event.get("detail-type") == "Scheduled Event":
        trigger = Trigger.SCHEDULE
    else:
        trigger = Trigger.MANUAL
        unknown = sorted(str(key) for key in event if key not in ("vpc_ids", "mode"))
        if unknown:
            raise EventError(f"the event has {', '.join(map(repr, unknown))}; {_ACCEPTED}")
    return Scope(trigger, _event_vpc_ids(event, settings), _event_mode(event, settings))


def whole(trigger: Trigger, settings: Settings) -> Scope:
    """Return all that the settings allow."""
    return Scope(trigger, settings.vpc_ids, settings.mode)


_ACCEPTED = (
    "accepted are an EventBridge scheduled event, {}, an object with 'vpc_ids', 'mode' or both, "
    'such as {"vpc_ids": ["vpc-0a1b2c3d"], "mode": "audit"}, and, where event_triggers or '
    "config_rule are set, what the event queue and AWS Config send"
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
