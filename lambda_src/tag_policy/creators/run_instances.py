"""What a record of CloudTrail says about launches. Pure.

EventBridge delivers the record itself. An event of ``LookupEvents`` carries it as JSON, next to an
index of the resources that it names:
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Event.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.type_defs import EventTypeDef

LAUNCHED_BY = "RunInstances"
"""The one event that launches instances, whoever or whatever asked for it."""


@dataclass(frozen=True, slots=True)
class LaunchEvent:
    """A launch that succeeded. ``user_identity`` is None where the record cannot be read.

    ``instance_ids`` may lack some or all: CloudTrail leaves fields out of a record that would be
    too large, and marks them as ``omitted``.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """

    event_id: str
    event_time: datetime
    instance_ids: frozenset[str]
    user_identity: Mapping[str, Any] | None


def read_launch(event: "EventTypeDef") -> LaunchEvent | None:
    """Return the launch that an event tells of; None when it tells of none, or of a failed one."""
    if event.get("EventName") != LAUNCHED_BY:
        return None
    record = _record(event)
    if record is not None and not is_launch({"eventName": LAUNCHED_BY, **record}):
        return None
    return LaunchEvent(
        event_id=event.get("EventId", ""),
        event_time=time_of(event),
        instance_ids=frozenset(_indexed(event) | _answered(record or {})),
        user_identity=_identity(record or {}),
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
    event_id = record.get("eventID")
    return LaunchEvent(
        event_id=event_id if isinstance(event_id, str) else "",
        event_time=event_time if event_time.tzinfo else time,
        instance_ids=frozenset(_answered(record)),
        user_identity=_identity(record),
    )


def time_of(event: "EventTypeDef") -> datetime:
    """Return the time of an event; the beginning of time for one that does not say."""
    return event.get("EventTime", datetime.min.replace(tzinfo=UTC))


def _identity(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    identity = record.get("userIdentity")
    return identity if isinstance(identity, dict) else None


def _record(event: "EventTypeDef") -> dict[str, Any] | None:
    try:
        record = json.loads(event["CloudTrailEvent"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _indexed(event: "EventTypeDef") -> set[str]:
    """Return the instances in the index, which also names the network, the image and so on."""
    names = (resource.get("ResourceName", "") for resource in event.get("Resources", []))
    return {name for name in names if name.startswith("i-")}


def _answered(record: Mapping[str, Any]) -> set[str]:
    """Return the instances in the answer that EC2 gave to the launch."""
    try:
        items = record["responseElements"]["instancesSet"]["items"]
        names = [item.get("instanceId") for item in items]
    except (AttributeError, KeyError, TypeError):
        return set()
    return {name for name in names if isinstance(name, str)}
