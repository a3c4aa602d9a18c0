"""CloudTrail's ``LookupEvents``, which moto lacks, fed by every ``RunInstances``.

Shapes follow the CloudTrail user guide:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudtrail.models import CloudTrailBackend, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend, Reservation

from tests.support import moto_events
from tests.support.calls import AwsError, Call, current_call, refusal
from tests.support.event_history import PAGE_SIZE, Event, EventHistory, make_event
from tests.support.extensions import add, replace


def extend() -> None:
    """Add LookupEvents, and record every launch of an instance."""
    add(CloudTrailResponse, "lookup_events", _lookup_events)
    replace(InstanceBackend, "run_instances", _make_run_instances)


def history_of(backend: CloudTrailBackend) -> EventHistory:
    """Return the event history of one account and region; gone with the backend's reset."""
    history: EventHistory = backend.__dict__.setdefault("event_history", EventHistory())
    return history


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
    history = history_of(cloudtrail_backends[account_id][region])
    event = make_event(
        name,
        user_identity,
        instance_ids,
        time or history.clock.now(),
        account_id=account_id,
        region=region,
        error_code=error_code,
    )
    history.events.append(event)
    return event


def _make_run_instances(original: Callable[..., Reservation]) -> Callable[..., Reservation]:
    def run_instances(self: Any, *args: Any, **kwargs: Any) -> Reservation:
        tags = (kwargs.get("tags") or {}).get("instance") or {}
        by_auto_scaling = "aws:autoscaling:groupName" in tags  # moto takes tags out of kwargs
        with moto_events.silence():
            reservation = original(self, *args, **kwargs)
        call = current_call()
        if by_auto_scaling or call is None:
            identity = auto_scaling_identity(self.account_id)
        else:
            identity = user_identity(call)
        ids = [instance.id for instance in reservation.instances]
        at = min(instance.launch_time for instance in reservation.instances).replace(tzinfo=UTC)
        event = record_event(self.account_id, self.region_name, "RunInstances", identity, ids, at)
        record = json.loads(event["CloudTrailEvent"])
        moto_events.tell_of_launch(self.account_id, self.region_name, record)
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


def _lookup_events(self: CloudTrailResponse) -> Any:
    try:
        events, token = history_of(self.cloudtrail_backend).lookup(
            self._get_param("LookupAttributes") or [],
            _time(self._get_param("StartTime")),
            _time(self._get_param("EndTime")),
            int(self._get_param("MaxResults") or PAGE_SIZE),
            self._get_param("NextToken") or "",
        )
    except AwsError as error:
        return refusal(self, error)
    return ActionResult({"Events": events} | ({"NextToken": token} if token else {}))


def _time(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)
