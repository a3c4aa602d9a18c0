"""A small AWS in memory, for tests of a run's decisions: as much of it as a run asks for.

It holds instances, two tables, a topic, a queue and what AWS Config was told, and lets any call
fail. Ending instances is not a part of it: that is tested against moto, where it has a role.
"""

# ruff: noqa: N803 (the names of AWS's parameters)

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from tag_policy.aws.clients import Clients
from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.runs.context import RunContext
from tests.support.builders import NOW, settings
from tests.support.clock import SimulatedClock

VPC = "vpc-abc123c1"
STATE_TABLE, RULES_TABLE = "tag-policy-state", "tag-policy-rules"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:tag-policy"


def refusal(code: str, status: int = 400) -> ClientError:
    """Make an error as AWS answers it."""
    answer: Any = {
        "Error": {"Code": code, "Message": f"{code}, it said"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Operation")


@dataclass
class Invocation:
    """An invocation of the function, of which some time is left by a clock."""

    clock: SimulatedClock
    seconds: float = 900
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    invoked_function_arn: str = ARN
    log_group_name: str = "/aws/lambda/tag-policy"

    def __post_init__(self) -> None:
        self._began = self.clock.now()

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        passed = (self.clock.now() - self._began).total_seconds()
        return round((self.seconds - passed) * 1000)


@dataclass
class SmallAws:
    """Everything that a run asks, as one object that stands for each of its clients.

    ``calls`` are the operations in the order in which they were asked for, ``failing`` the errors
    that the next calls of an operation end with, where None is for one that is answered.
    ``on_call`` is told of each call as it arrives, ``refused`` are instances of which AWS Config
    takes no evaluation.
    """

    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    vpcs: set[str] = field(default_factory=lambda: {VPC, "vpc-0def"})
    persistent_spot_requests: set[str] = field(default_factory=set)
    rules: list[Mapping[str, Any]] = field(default_factory=list)
    state: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    brought_back: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    failing: dict[str, list[Exception | None]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    page_size: int = 1_000
    on_call: Callable[[str], None] = lambda _: None

    @property
    def clients(self) -> Clients:
        """The clients of a run, all of which are this object."""
        names = ["ec2", "ec2_once", "dynamodb", "cloudtrail", "sns", "sqs", "s3", "config"]
        return cast("Clients", SimpleNamespace(**dict.fromkeys(names, self)))

    @property
    def meta(self) -> Any:
        """What a client tells of itself: an SDK that cannot ask for hidden instances."""
        operation = SimpleNamespace(input_shape=None)
        return SimpleNamespace(service_model=SimpleNamespace(operation_model=lambda _: operation))

    def add(
        self,
        instance_id: str,
        tags: Mapping[str, str] | None = None,
        *,
        vpc_id: str = VPC,
        state: str = "running",
        created_at: datetime = NOW - timedelta(days=1),
    ) -> str:
        """Add an instance, and return its id."""
        self.instances[instance_id] = {
            "InstanceId": instance_id,
            "VpcId": vpc_id,
            "State": {"Name": state},
            "LaunchTime": created_at,
            "Tags": dict(tags or {}),
        }
        return instance_id

    def tags(self, instance_id: str) -> dict[str, str]:
        """Return the tags of an instance."""
        tags: dict[str, str] = self.instances[instance_id]["Tags"]
        return tags

    def _asked(self, operation: str) -> None:
        self.calls.append(operation)
        self.on_call(operation)
        errors = self.failing.get(operation)
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error

    # EC2

    def describe_instances(
        self,
        Filters: Sequence[Mapping[str, Any]] = (),
        NextToken: str = "0",
        **_: Any,
    ) -> dict[str, Any]:
        """Return a page of the instances for which all filters hold."""
        self._asked("DescribeInstances")
        found = [
            one | {"Tags": [{"Key": k, "Value": v} for k, v in one["Tags"].items()]}
            for one in self.instances.values()
            if all(_holds(one, condition) for condition in Filters)
        ]
        start, end = int(NextToken), int(NextToken) + self.page_size
        following = {"NextToken": str(end)} if end < len(found) else {}
        return {"Reservations": [{"Instances": found[start:end]}], **following}

    def get_paginator(self, _operation: str) -> Any:
        """Return what asks for VPCs: nothing else is asked for with a paginator."""
        return self

    def paginate(self, Filters: Sequence[Mapping[str, Any]]) -> Any:
        """Return the VPCs that there are."""
        self._asked("DescribeVpcs")
        return [{"Vpcs": [{"VpcId": v} for v in Filters[0]["Values"] if v in self.vpcs]}]

    def describe_spot_instance_requests(
        self,
        Filters: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Return the persistent ones of some Spot requests."""
        self._asked("DescribeSpotInstanceRequests")
        found = [one for one in Filters[0]["Values"] if one in self.persistent_spot_requests]
        return {"SpotInstanceRequests": [{"SpotInstanceRequestId": one} for one in found]}

    def create_tags(self, Resources: Sequence[str], Tags: Sequence[Any]) -> None:
        """Write tags."""
        self._asked("CreateTags")
        for instance_id in Resources:
            self.tags(instance_id).update({tag["Key"]: tag["Value"] for tag in Tags})

    def delete_tags(self, Resources: Sequence[str], Tags: Sequence[Any]) -> None:
        """Delete tags that have a value."""
        self._asked("DeleteTags")
        for instance_id in Resources:
            for tag in Tags:
                if self.tags(instance_id).get(tag["Key"]) == tag["Value"]:
                    del self.tags(instance_id)[tag["Key"]]

    # DynamoDB

    def scan(self, **_: Any) -> dict[str, Any]:
        """Return the rules."""
        self._asked("Scan")
        return {"Items": self.rules}

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Return items of the state table: of a hundred keys at most."""
        self._asked("BatchGetItem")
        keys = [key["Key"]["S"] for key in RequestItems[STATE_TABLE]["Keys"]]
        assert RequestItems[STATE_TABLE]["ConsistentRead"]
        if not 0 < len(keys) <= 100 or len(set(keys)) < len(keys):
            raise refusal("ValidationException")
        return {"Responses": {STATE_TABLE: [self.state[key] for key in keys if key in self.state]}}

    def batch_write_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Put items into the state table: 25 at most."""
        self._asked("BatchWriteItem")
        items = [put["PutRequest"]["Item"] for put in RequestItems[STATE_TABLE]]
        sizes = [len(item.get("Digests", {"B": b""})["B"]) for item in items]
        if not 0 < len(items) <= 25 or max(sizes) > 399 * 1024:
            raise refusal("ValidationException")
        self.state.update({item["Key"]["S"]: item for item in items})
        return {}

    # All else

    def lookup_events(self, **_: Any) -> dict[str, Any]:
        """Tell that CloudTrail knows of no event."""
        self._asked("LookupEvents")
        return {"Events": []}

    def publish(self, **message: Any) -> dict[str, Any]:
        """Take a message for people."""
        self._asked("Publish")
        self.published.append(message)
        return {"MessageId": "1"}

    def change_message_visibility_batch(
        self,
        QueueUrl: str,
        Entries: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Have messages come back: ten at most in a call."""
        self._asked("ChangeMessageVisibilityBatch")
        if not QueueUrl or not 0 < len(Entries) <= 10:
            raise refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
        self.brought_back |= {one["ReceiptHandle"]: one["VisibilityTimeout"] for one in Entries}
        return {}

    def put_evaluations(
        self,
        Evaluations: Sequence[dict[str, Any]],
        ResultToken: str,
    ) -> dict[str, Any]:
        """Take what AWS Config is told: of a hundred instances at most."""
        self._asked("PutEvaluations")
        if not ResultToken or not 0 < len(Evaluations) <= 100:
            raise refusal("InvalidParameterValueException")
        refused = [one for one in Evaluations if one["ComplianceResourceId"] in self.refused]
        self.evaluations += [one for one in Evaluations if one not in refused]
        return {"FailedEvaluations": refused}


def _holds(instance: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    values: Sequence[str] = condition["Values"]
    match condition["Name"]:
        case "instance-id":
            return any(fnmatchcase(instance["InstanceId"], value) for value in values)
        case "vpc-id":
            return instance["VpcId"] in values
        case "instance-state-name":
            return instance["State"]["Name"] in values
        case "tag-key":
            return bool(instance["Tags"].keys() & set(values))
        case name:
            raise refusal(f"InvalidParameterValue: {name}")


SWEEP = Assignment(Trigger.SCHEDULE, Scope.ALL, (VPC,), Mode.ENFORCE)
EVENTS = Assignment(Trigger.EVENTS, Scope.SOME, (VPC,), Mode.ENFORCE)


def context(
    aws: SmallAws,
    assignment: Assignment = SWEEP,
    *,
    clock: SimulatedClock | None = None,
    seconds: float = 900,
    **changes: str,
) -> RunContext:
    """Make what a run works with; ``changes`` are those of the settings."""
    clock = clock or SimulatedClock(NOW)
    invocation = Invocation(clock, seconds)
    return RunContext.begin(assignment, invocation, settings(**changes), aws.clients, clock)


def rule(rule_id: int, tag_key: str, action: str, default: str) -> dict[str, Any]:
    """Make an item of the rules table."""
    return {
        "RuleId": {"N": str(rule_id)},
        "TagKey": {"S": tag_key},
        "Action": {"S": action},
        "Required": {"S": "Y"},
        "Default": {"S": default},
    }


PROJECT = rule(1, "ProjectCode", "Update", "Proj007")
CREATED_BY = rule(2, "CreatedBy", "UserLookup", "Undefined")
