"""What a record of CloudTrail says about launches. Pure.

EventBridge delivers the record itself. An event of ``LookupEvents`` carries it as JSON, next to an
index of the resources that it names:
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Event.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tag_policy.model.instance import INSTANCE_ID
from tag_policy.model.text import printable

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.type_defs import EventTypeDef

LAUNCHED_BY = "RunInstances"
"""The one event that launches instances, whoever or whatever asked for it."""

_INSTANCE = "AWS::EC2::Instance"
"""The type of a resource whose name is an instance's id.

The names of key pairs and security groups, which stand in the same lists, are chosen by users.
"""

_INSTANCE_ARN = re.compile(rf"arn:[^:]+:ec2:[^:]*:\d*:instance/({INSTANCE_ID.pattern})")

_EVENT_ID_LIMIT = 64
"""Characters of an event's id that are kept; CloudTrail's have 36."""


@dataclass(frozen=True, slots=True)
class LaunchEvent:
    """A launch that succeeded. ``user_identity`` is None where the record cannot be read.

    ``instance_ids`` may lack some or all, unless the launch is ``complete``: CloudTrail leaves
    fields out of a record that would be too large, and marks them as ``omitted``.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """

    event_id: str
    event_time: datetime
    instance_ids: frozenset[str]
    user_identity: Mapping[str, Any] | None
    complete: bool


def read_launch(event: "EventTypeDef") -> LaunchEvent | None:
    """Return the launch that an event tells of; None when it tells of none, or of a failed one."""
    record = _record(event)
    if event.get("EventName", LAUNCHED_BY) != LAUNCHED_BY:
        return None
    if record is not None and not is_launch({"eventName": LAUNCHED_BY, **record}):
        return None
    return _launch(
        record or {},
        _event_id(event.get("EventId")),
        time_of(event),
        (
            resource.get("ResourceName", "")
            for resource in event.get("Resources", [])
            if resource.get("ResourceType") == _INSTANCE
        ),
    )


def is_launch(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is one of a launch that succeeded."""
    return (
        record.get("eventName") == LAUNCHED_BY
        and record.get("eventSource", "ec2.amazonaws.com") == "ec2.amazonaws.com"
        and not record.get("errorCode")
    )


def launch_of(record: Mapping[str, Any], time: datetime) -> LaunchEvent:
    """Return the launch that a record tells of; ``time`` is for a record that does not say its own.

    The record must be one for which ``is_launch`` holds.
    """
    try:
        event_time = datetime.fromisoformat(record["eventTime"])
    except (KeyError, TypeError, ValueError):
        event_time = time
    return _launch(
        record, _event_id(record.get("eventID")), event_time if event_time.tzinfo else time
    )


def _launch(
    record: Mapping[str, Any], event_id: str, time: datetime, indexed: Iterable[str] = ()
) -> LaunchEvent:
    """Make a launch. What EC2 answered is all that counts; the lists of resources stand in for it.

    Of these, CloudTrail promises nowhere that they are whole.
    """
    answered, complete = _answered(record)
    return LaunchEvent(
        event_id=event_id,
        event_time=time,
        instance_ids=answered if complete else answered.union(indexed, _resources(record)),
        user_identity=_identity(record),
        complete=complete,
    )


def time_of(event: "EventTypeDef") -> datetime:
    """Return the time of an event; the end of time for one that does not say, as none is earliest.

    CloudTrail's model says of no field that it is always there.
    """
    return event.get("EventTime", datetime.max.replace(tzinfo=UTC))


def _event_id(event_id: object) -> str:
    return printable(event_id, _EVENT_ID_LIMIT) if isinstance(event_id, str) else ""


def _identity(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return who acted; None where that is left out of the record."""
    identity = record.get("userIdentity")
    return (
        identity if isinstance(identity, dict) and isinstance(identity.get("type"), str) else None
    )


def _record(event: "EventTypeDef") -> dict[str, Any] | None:
    try:
        record = json.loads(event["CloudTrailEvent"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _answered(record: Mapping[str, Any]) -> tuple[frozenset[str], bool]:
    """Return the instances in EC2's answer to the launch, and whether that names all of them."""
    try:
        items = record["responseElements"]["instancesSet"]["items"]
        names = [item.get("instanceId") for item in items]
    except (AttributeError, KeyError, TypeError):
        return frozenset(), False
    found = frozenset(name for name in names if isinstance(name, str))
    return found, bool(names) and len(found) == len(names)


def _resources(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the instances that a record of version 1.11 or later lists by their ARNs."""
    resources = record.get("resources")
    for resource in resources if isinstance(resources, list) else ():
        if isinstance(resource, dict) and resource.get("type") == _INSTANCE:
            arn = _INSTANCE_ARN.fullmatch(str(resource.get("ARN")))
            if arn:
                yield arn[1]
