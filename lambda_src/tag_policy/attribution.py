"""Who launched an instance, from CloudTrail's event history.

There are three answers, never two: a creator, nobody, or *not known yet*. What CloudTrail could not
be asked about, or cannot know yet, is left for the next run and never written as nobody.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tag_policy.aws import AWS_ERRORS
from tag_policy.identity import creator_of
from tag_policy.model import InstanceRef

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.client import CloudTrailClient
    from mypy_boto3_cloudtrail.type_defs import EventTypeDef

EVENT_DELAY = timedelta(minutes=30)
"""How long after a launch its event may still be on its way.

CloudTrail delivers within about 5 minutes on average and guarantees nothing.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html
"""

EVENT_HISTORY = timedelta(days=90)
"""How far back the event history reaches.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
"""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True, slots=True)
class Known:
    """The creator, and the event that proves it."""

    creator: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Nobody:
    """CloudTrail was asked everything, and it is not there."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotKnownYet:
    """CloudTrail could not be asked, or its answer may still be on its way."""

    reason: str
    code: str = ""


Answer = Known | Nobody | NotKnownYet

_OUT_OF_TIME = NotKnownYet("the time of this run was up")


def attribute(
    cloudtrail: "CloudTrailClient",
    instances: Iterable[InstanceRef],
    now: datetime,
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[str, Answer]]:
    """Yield an answer for each instance, with its id.

    ``now`` is the time of the run (time zone aware); ``out_of_time`` tells when to ask no more.
    Raises nothing of CloudTrail's: an error there is an answer of *not known yet*. When CloudTrail
    denies the call once, it is not asked again in this run.
    """
    denied: NotKnownYet | None = None
    for instance in instances:
        if denied is not None:
            yield instance.instance_id, denied
            continue
        if out_of_time():
            yield instance.instance_id, _OUT_OF_TIME
            continue
        answer = _answer(cloudtrail, instance, now, out_of_time)
        if isinstance(answer, NotKnownYet) and answer.code in _DENIED:
            denied = answer
        yield instance.instance_id, answer


def _answer(
    cloudtrail: "CloudTrailClient",
    instance: InstanceRef,
    now: datetime,
    out_of_time: Callable[[], bool],
) -> Answer:
    age = now - instance.created_at
    if age > EVENT_HISTORY:
        return Nobody(f"as it was launched more than {EVENT_HISTORY.days} days ago")
    try:
        for events in _pages_naming(cloudtrail, instance):
            for event in events:
                answer = _read(event, instance)
                if answer is not None:
                    return answer
            if out_of_time():
                return _OUT_OF_TIME
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return NotKnownYet(f"CloudTrail refused to answer ({code})", code)
    except AWS_ERRORS as error:
        return NotKnownYet(f"CloudTrail did not answer ({type(error).__name__})")
    if age < EVENT_DELAY:
        return NotKnownYet("it is so new that its launch event may still be on its way")
    return Nobody("as CloudTrail has no launch event that names it")


def _pages_naming(
    cloudtrail: "CloudTrailClient", instance: InstanceRef
) -> Iterator[list["EventTypeDef"]]:
    """Yield the pages of events that name the instance, newest first, from its creation back.

    What happened to it later could be thousands of events, and its launch the last of them.
    """
    pages = cloudtrail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": instance.instance_id}],
        EndTime=instance.created_at + timedelta(hours=1),
    )
    for page in pages:
        yield page["Events"]


def _read(event: "EventTypeDef", instance: InstanceRef) -> Answer | None:
    """Return what one event says of the instance's launch; None when it is not its launch.

    A launch that cannot be read is *not known yet*: an event exists, so nobody would be untrue.
    """
    if event.get("EventName") != "RunInstances":
        return None
    event_id = event.get("EventId", "")
    try:
        record = json.loads(event["CloudTrailEvent"])
    except (KeyError, ValueError):
        return NotKnownYet(f"its launch event {event_id} cannot be read")
    if not isinstance(record, dict):
        return NotKnownYet(f"its launch event {event_id} cannot be read")
    if record.get("errorCode") or not _launched(event, record, instance.instance_id):
        return None
    user_identity = record.get("userIdentity")
    if not isinstance(user_identity, dict):
        return NotKnownYet(f"its launch event {event_id} cannot be read")
    creator = creator_of(user_identity, instance.autoscaling_group)
    if creator is None:
        return Nobody(f"as its launch event {event_id} names nobody")
    return Known(creator, event_id)


def _launched(event: "EventTypeDef", record: Mapping[str, Any], instance_id: str) -> bool:
    """Tell whether the event launched the instance.

    ``Resources`` also lists the network, the image and so on, and ``responseElements`` is left out
    of an event that would be too large: either of them will do.
    """
    for resource in event.get("Resources", []):
        if resource.get("ResourceName") == instance_id:
            return True
    try:
        items = record["responseElements"]["instancesSet"]["items"]
        return any(item["instanceId"] == instance_id for item in items)
    except (KeyError, TypeError):
        return False
