"""CloudTrail's ``LookupEvents``, which moto lacks, fed by every ``RunInstances``.

Shapes follow the CloudTrail user guide:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudtrail.models import CloudTrailBackend, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend, Reservation
from moto.moto_api._internal import mock_random

from tests.support.calls import Call, current_call
from tests.support.extensions import add, replace

EVENT_HISTORY = timedelta(days=90)
PAGE_SIZE = 50

Event = dict[str, Any]
"""An event as LookupEvents returns it, with ``EventTime`` a datetime."""


def extend() -> None:
    """Add LookupEvents, and record every launch of an instance."""
    add(CloudTrailResponse, "lookup_events", _lookup_events)
    replace(InstanceBackend, "run_instances", _make_run_instances)


def events_of(backend: CloudTrailBackend) -> list[Event]:
    """Return the event history of one account and region; gone with the backend's reset."""
    events: list[Event] = backend.__dict__.setdefault("event_history", [])
    return events


def record_event(
    account_id: str,
    region: str,
    name: str,
    user_identity: Mapping[str, Any],
    instance_ids: Iterable[str],
    time: datetime | None = None,
    error_code: str | None = None,
) -> Event:
    """Add an event of EC2 that names some instances to the history, and return it."""
    ids = list(instance_ids)
    at = (time or datetime.now(UTC)).astimezone(UTC)
    event_id = str(mock_random.uuid4())
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": dict(user_identity),
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "eventID": event_id,
        "eventType": "AwsApiCall",
        "recipientAccountId": account_id,
        "responseElements": {"instancesSet": {"items": [{"instanceId": i} for i in ids]}},
    }
    if error_code:
        record |= {"errorCode": error_code, "responseElements": None}
    event: Event = {
        "EventId": event_id,
        "EventName": name,
        "EventSource": "ec2.amazonaws.com",
        "EventTime": at,
        "ReadOnly": "false",
        "Resources": [{"ResourceType": "AWS::EC2::Instance", "ResourceName": i} for i in ids],
        "CloudTrailEvent": json.dumps(record),
    }
    events_of(cloudtrail_backends[account_id][region]).append(event)
    return event


def _make_run_instances(original: Callable[..., Reservation]) -> Callable[..., Reservation]:
    def run_instances(self: Any, *args: Any, **kwargs: Any) -> Reservation:
        tags = (kwargs.get("tags") or {}).get("instance") or {}
        by_auto_scaling = "aws:autoscaling:groupName" in tags  # moto takes tags out of kwargs
        reservation = original(self, *args, **kwargs)
        call = current_call()
        if by_auto_scaling or call is None:
            identity = auto_scaling_identity(self.account_id)
        else:
            identity = user_identity(call)
        ids = [instance.id for instance in reservation.instances]
        record_event(self.account_id, self.region_name, "RunInstances", identity, ids)
        return reservation

    return run_instances


def user_identity(call: Call) -> dict[str, Any]:
    """Return who made a call, as CloudTrail writes it, from moto's own IAM and STS."""
    account_id = call.account_id
    role = call.assumed_role
    if role is not None:
        principal_id, _, session_name = role.user_id.partition(":")
        return {
            "type": "AssumedRole",
            "principalId": f"{principal_id}:{session_name}",
            "arn": role.arn,
            "accountId": account_id,
            "accessKeyId": call.access_key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": principal_id,
                    "arn": role.role_arn,
                    "accountId": account_id,
                    "userName": role.role_arn.rsplit("/", 1)[-1],
                },
                "attributes": {"mfaAuthenticated": "false"},
            },
        }
    if call.user_name is not None:
        return {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::{account_id}:user/{call.user_name}",
            "accountId": account_id,
            "accessKeyId": call.access_key,
            "userName": call.user_name,
        }
    return {"type": "Root", "arn": f"arn:aws:iam::{account_id}:root", "accountId": account_id}


def auto_scaling_identity(account_id: str) -> dict[str, Any]:
    """Return the identity with which EC2 Auto Scaling launches the members of a group."""
    role = "AWSServiceRoleForAutoScaling"
    path = "aws-service-role/autoscaling.amazonaws.com"
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLEAUTOSCALING:AutoScaling",
        "arn": f"arn:aws:sts::{account_id}:assumed-role/{role}/AutoScaling",
        "accountId": account_id,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "arn": f"arn:aws:iam::{account_id}:role/{path}/{role}",
                "accountId": account_id,
                "userName": role,
            },
        },
        "invokedBy": "autoscaling.amazonaws.com",
    }


def _lookup_events(self: CloudTrailResponse) -> ActionResult:
    attributes = self._get_param("LookupAttributes") or []
    if len(attributes) > 1:
        raise ServiceException("InvalidLookupAttributesException", "One attribute at most.")
    start = _time(self._get_param("StartTime")) or datetime.min.replace(tzinfo=UTC)
    end = _time(self._get_param("EndTime")) or datetime.max.replace(tzinfo=UTC)
    horizon = datetime.now(UTC) - EVENT_HISTORY
    matching = [
        event
        for event in events_of(self.cloudtrail_backend)
        if max(start, horizon) <= event["EventTime"] <= end
        and all(_matches(event, attribute) for attribute in attributes)
    ]
    matching.sort(key=lambda event: event["EventTime"], reverse=True)

    size = min(int(self._get_param("MaxResults") or PAGE_SIZE), PAGE_SIZE)
    offset = int(self._get_param("NextToken") or 0)
    answer: dict[str, Any] = {"Events": matching[offset : offset + size]}
    if offset + size < len(matching):
        answer["NextToken"] = str(offset + size)
    return ActionResult(answer)


def _time(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)


def _matches(event: Event, attribute: Mapping[str, str]) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key == "ResourceName":
        return any(resource["ResourceName"] == value for resource in event["Resources"])
    if key == "ResourceType":
        return any(resource["ResourceType"] == value for resource in event["Resources"])
    return bool(event.get(key) == value)
