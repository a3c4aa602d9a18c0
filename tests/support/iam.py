"""Is a call allowed to a role? Of IAM's evaluation logic, what this project's policies use.

A role's policies count together: some statement of any of them has to allow the request, and none
may deny it. An unknown condition operator, element or policy variable is an error rather than a
guess.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from moto.ec2.models import ec2_backends

from tests.support.calls import AwsError, Call, listening

Policy = Mapping[str, Any]
"""A policy document."""

_KNOWN_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Request:
    """What IAM is asked about a call: one action on one resource, with its context."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def requests_of(call: Call) -> Iterator[Request]:
    """Yield what IAM would be asked about a call that the function makes.

    Raises KeyError for a call that is not known here: then the function makes a new one, and the
    way in which IAM sees it has to be written down.
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
    """
    arn = f"{call.region}:{call.account_id}"
    action = f"{call.service}:{call.action}"
    parameters = call.parameters
    match action:
        case "dynamodb:Scan":
            table = parameters["TableName"]
            is_arn = table.startswith("arn:")
            yield Request(action, table if is_arn else f"arn:aws:dynamodb:{arn}:table/{table}")
        case "dynamodb:BatchGetItem" | "dynamodb:BatchWriteItem":
            for table in parameters["RequestItems"]:
                yield Request(action, f"arn:aws:dynamodb:{arn}:table/{table}")
        case "sns:Publish":
            yield Request(action, parameters["TopicArn"])
        case "logs:CreateLogStream" | "logs:PutLogEvents":
            group = f"{parameters['logGroupName']}:log-stream:{parameters['logStreamName']}"
            yield Request(action, f"arn:aws:logs:{arn}:log-group:{group}")
        case "ec2:CreateTags" | "ec2:DeleteTags":
            keys = [tag["Key"] for tag in parameters["Tags"]]
            asked = {
                f"aws:RequestTag/{tag['Key']}": [tag.get("Value", "")] for tag in parameters["Tags"]
            }
            for resource in parameters["Resources"]:
                context = asked | {"aws:TagKeys": keys} | _tags(call, resource)
                yield Request(action, _arn_of(resource, call), context)
        case "ec2:TerminateInstances" | "ec2:StopInstances":
            for instance_id in parameters["InstanceIds"]:
                resource = f"arn:aws:ec2:{arn}:instance/{instance_id}"
                yield Request(action, resource, _tags(call, instance_id))
        case "ec2:ModifyNetworkInterfaceAttribute":
            # The groups, the interface, and the instance that it is attached to are asked about.
            interface = parameters["NetworkInterfaceId"]
            backend = ec2_backends[call.account_id][call.region]
            vpc = f"arn:aws:ec2:{arn}:vpc/{backend.get_network_interface(interface).vpc_id}"
            resource = f"arn:aws:ec2:{arn}:network-interface/{interface}"
            yield Request(action, resource, {"ec2:Vpc": [vpc]})
            for group in parameters["Groups"]:
                yield Request(action, f"arn:aws:ec2:{arn}:security-group/{group}")
            for instance_id in call.resource_tags:
                resource = f"arn:aws:ec2:{arn}:instance/{instance_id}"
                yield Request(action, resource, _tags(call, instance_id))
        case "sqs:ChangeMessageVisibilityBatch" | "sqs:DeleteMessageBatch":
            # IAM has no action of its own for a batch of them.
            queue = parameters["QueueUrl"].rsplit("/", 1)[-1]
            yield Request(action.removesuffix("Batch"), f"arn:aws:sqs:{arn}:{queue}")
        case "sqs:ReceiveMessage" | "sqs:GetQueueAttributes":
            queue = parameters["QueueUrl"].rsplit("/", 1)[-1]
            yield Request(action, f"arn:aws:sqs:{arn}:{queue}")
        case "s3:PutObject" | "s3:GetObject":
            yield Request(action, f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}")
        case (
            "autoscaling:DescribeTags"
            | "cloudtrail:LookupEvents"
            | "config:PutEvaluations"
            | "ec2:DescribeAddresses"
            | "ec2:DescribeImages"
            | "ec2:DescribeInstances"
            | "ec2:DescribeNetworkInterfaces"
            | "ec2:DescribeSnapshots"
            | "ec2:DescribeSpotInstanceRequests"
            | "ec2:DescribeTags"
            | "ec2:DescribeVolumes"
            | "ec2:DescribeVpcs"
        ):
            yield Request(action, "*")
        case _:
            raise KeyError(f"{action} is new; say in {__name__} how IAM sees it")


_TYPES = {
    "i": "instance",
    "vol": "volume",
    "eni": "network-interface",
    "snap": "snapshot",
    "ami": "image",
    "eipalloc": "elastic-ip",
}
"""Types of resources, by what their ids begin with; another id would be another resource."""


def _arn_of(resource_id: str, call: Call) -> str:
    """Return the ARN of a resource; those of snapshots and images have no account."""
    kind = _TYPES.get(resource_id.partition("-")[0], "other")
    account_id = "" if kind in ("snapshot", "image") else call.account_id
    return f"arn:aws:ec2:{call.region}:{account_id}:{kind}/{resource_id}"


def _tags(call: Call, resource_id: str) -> dict[str, list[str]]:
    tags = call.resource_tags.get(resource_id, {})
    return {f"aws:ResourceTag/{key}": [value] for key, value in tags.items()}


def allows(policies: Policy | Sequence[Policy], request: Request) -> bool:
    """Tell whether a role with these policies is surely allowed a request.

    A resource may have tags whose keys differ in case alone. IAM sees one of them, and does not say
    which: what is allowed with one and not with the other is not surely allowed.
    """
    return all(_effect(policies, reading) for reading in _readings(request))


def refuses(policies: Policy | Sequence[Policy], request: Request) -> bool:
    """Tell whether a role with these policies is surely refused a request."""
    return not any(_effect(policies, reading) for reading in _readings(request))


def allowed_actions(policies: Policy | Sequence[Policy]) -> set[str]:
    """Return every action that some statement allows."""
    return {
        action
        for statement in statements_of(policies)
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
    }


def statements_of(policies: Policy | Sequence[Policy]) -> list[Mapping[str, Any]]:
    """Return the statements of all policies."""
    documents = [policies] if isinstance(policies, Mapping) else policies
    return [statement for document in documents for statement in document["Statement"]]


@contextmanager
def enforcing(
    policies: Policy | Sequence[Policy], when: Callable[[Call], bool] = lambda _: True
) -> Iterator[list[Call]]:
    """Refuse what the policies do not allow, as AWS would; ``when`` picks the calls of their role.

    Yields the calls that were refused. EC2 refuses a call as a whole, if it refuses one resource.
    """
    refused: list[Call] = []

    def refuse(call: Call) -> None:
        if when(call) and not all(allows(policies, request) for request in requests_of(call)):
            refused.append(call)
            code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
            raise AwsError(code, "not authorized by the role's policies", 403)

    with listening(refuse):
        yield refused


_Context = Mapping[str, Sequence[str]]


def _readings(request: Request) -> Iterator[tuple[Request, _Context]]:
    """Yield what IAM may see: condition keys without regard to case, one value set for each."""
    folded: dict[str, list[Sequence[str]]] = {}
    for key, values in request.context.items():
        folded.setdefault(key.lower(), []).append(values)
    for choice in itertools.product(*folded.values()):
        yield request, dict(zip(folded, choice, strict=True))


def _effect(policies: Policy | Sequence[Policy], reading: tuple[Request, _Context]) -> bool:
    effects = {s["Effect"] for s in statements_of(policies) if _applies(s, *reading)}
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Mapping[str, Any], request: Request, context: _Context) -> bool:
    unknown = set(statement) - _KNOWN_ELEMENTS
    if unknown:
        raise NotImplementedError(f"elements {unknown} of a statement")
    return (
        any(
            _like(pattern.lower(), request.action.lower()) for pattern in _list(statement["Action"])
        )
        and any(_like(pattern, request.resource) for pattern in _list(statement["Resource"]))
        and all(
            _OPERATORS[operator](_literal(values), context.get(key.lower()))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _literal(value: Any) -> list[str]:
    values = _list(value)
    if any("${" in text for text in values):
        raise NotImplementedError(f"policy variables, in {values}")
    return values


def _like(pattern: str, value: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _string_equals(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return given is not None and any(value in wanted for value in given)


def _string_like(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return given is not None and any(_like(p, value) for value in given for p in wanted)


def _string_not_like(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return not _string_like(wanted, given)  # true of what is not there, as in IAM


def _arn_equals(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    if any("*" in arn or "?" in arn for arn in wanted):
        raise NotImplementedError("wildcards in an ARN")
    return _string_equals(wanted, given)


def _for_all_values_string_equals(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return all(value in wanted for value in given or ())  # true of no values at all, as in IAM


def _for_any_value_string_equals(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return any(value in wanted for value in given or ())  # false of no values at all, as in IAM


def _null(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    # A tag without a value is there: an empty text is not nothing. No values at all are.
    return (not given) == ("true" in wanted)


_OPERATORS: Mapping[str, Callable[[list[str], Sequence[str] | None], bool]] = {
    "StringEquals": _string_equals,
    "ArnEquals": _arn_equals,
    "ArnLike": _string_like,
    "StringLike": _string_like,
    "StringNotLike": _string_not_like,
    "ForAllValues:StringEquals": _for_all_values_string_equals,
    "ForAnyValue:StringEquals": _for_any_value_string_equals,
    "Null": _null,
}
