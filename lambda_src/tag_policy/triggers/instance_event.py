"""What an event of EventBridge says about instances. Pure.

Three kinds tell of something that may need a tag: a launch, an instance that has started, and tags
that have changed.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tag_policy.creators.run_instances import LaunchEvent, is_launch, launch_of
from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import INSTANCE_ID
from tag_policy.model.target import Target
from tag_policy.model.text import printable

_SHOWN = 100
"""Characters that an error shows of what it is about."""


class InstanceEventError(TagPolicyError):
    """An event is of no kind that the engine asked EventBridge for, or lacks what these have."""


@dataclass(frozen=True, slots=True)
class InstanceEvent:
    """An event, and the instances that it is about: none where it tells of nothing to look at.

    ``launch`` is what a launch says of who launched them. Its record may name none of them, where
    CloudTrail left them out.
    """

    time: datetime
    instance_ids: frozenset[str]
    launch: LaunchEvent | None = None


def read_instance_event(body: str, home: Target) -> InstanceEvent:
    """Return what an event says, from the JSON that EventBridge sends.

    ``home`` is where the function runs: an event of another account or region is about instances
    that are no affair of it, whoever has sent it and by whatever rule. Raises InstanceEventError
    for that, and for what is no such event.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InstanceEventError(f"the event is no JSON: {error}") from error
    event = _mapping(event, "the event")
    where = event.get("account"), event.get("region")
    if where != (home.account_id, home.region):
        raise InstanceEventError(
            f"the event is of the account {_shown(where[0])} and the region {_shown(where[1])}; "
            f"expected one of {home.account_id!r} and {home.region!r}"
        )
    time = _time(event.get("time"))
    detail = _mapping(event.get("detail"), "its detail")
    match event.get("source"), event.get("detail-type"):
        case "aws.ec2", "AWS API Call via CloudTrail":
            return _launch(detail, time)
        case "aws.ec2", "EC2 Instance State-change Notification":
            running = detail.get("state") == "running"
            return InstanceEvent(time, _ids([detail.get("instance-id")] if running else []))
        case "aws.tag", "Tag Change on Resource":
            of_an_instance = (detail.get("service"), detail.get("resource-type")) == (
                "ec2",
                "instance",
            )
            ids = _named(event.get("resources"), home) if of_an_instance else _NONE
            return InstanceEvent(time, ids)
        case source, kind:
            raise InstanceEventError(
                f"the event is {_shown(kind)} of {_shown(source)}; expected a RunInstances call, "
                "a state change of an instance, or a change of its tags"
            )


_NONE: frozenset[str] = frozenset()


def _launch(record: Mapping[str, Any], time: datetime) -> InstanceEvent:
    if not is_launch(record):
        return InstanceEvent(time, _NONE)
    launch = launch_of(record, time)
    return InstanceEvent(time, _ids(launch.instance_ids), launch)


def _named(arns: object, home: Target) -> frozenset[str]:
    if not isinstance(arns, list):
        raise InstanceEventError(f"its resources are {_shown(arns)}; expected a list of ARNs")
    of_ours = re.compile(rf"arn:[^:]+:ec2:[^:]+:{re.escape(home.account_id)}:instance/(.+)")
    matches = [(arn, of_ours.fullmatch(str(arn))) for arn in arns]
    return _ids(match[1] if match else arn for arn, match in matches)


def _ids(ids: Iterable[object]) -> frozenset[str]:
    found = set()
    for instance_id in ids:
        if not isinstance(instance_id, str) or not INSTANCE_ID.fullmatch(instance_id):
            raise InstanceEventError(
                f"it names {_shown(instance_id)}; expected the id of an instance, "
                "such as 'i-0123456789abcdef0'"
            )
        found.add(instance_id)
    return frozenset(found)


def _time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InstanceEventError(
            f"its time is {_shown(value)}; expected a time such as '2026-11-23T08:00:00Z'"
        )
    return time


def _shown(value: object) -> str:
    return printable(repr(value), _SHOWN)


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InstanceEventError(f"{what} is a {type(value).__name__}; expected an object")
    return value
