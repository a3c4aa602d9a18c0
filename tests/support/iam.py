"""Is a call allowed by a policy? Of IAM's evaluation logic, what this project's policies use.

An unknown condition operator or element is an error rather than a guess.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.support.calls import Call

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
            yield Request(action, f"arn:aws:dynamodb:{arn}:table/{parameters['TableName']}")
        case "sns:Publish":
            yield Request(action, parameters["TopicArn"])
        case "logs:CreateLogStream" | "logs:PutLogEvents":
            group = f"{parameters['logGroupName']}:log-stream:{parameters['logStreamName']}"
            yield Request(action, f"arn:aws:logs:{arn}:log-group:{group}")
        case "ec2:CreateTags" | "ec2:DeleteTags":
            keys = [tag["Key"] for tag in parameters["Tags"]]
            for resource in parameters["Resources"]:
                # Instances are all that the function tags; another id would be another resource.
                kind = "instance" if resource.startswith("i-") else "other"
                yield Request(action, f"arn:aws:ec2:{arn}:{kind}/{resource}", {"aws:TagKeys": keys})
        case "ec2:TerminateInstances" | "ec2:StopInstances":
            for instance_id in parameters["InstanceIds"]:
                tags = call.resource_tags.get(instance_id, {})
                context = {f"aws:ResourceTag/{key}": [value] for key, value in tags.items()}
                yield Request(action, f"arn:aws:ec2:{arn}:instance/{instance_id}", context)
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
            "cloudtrail:LookupEvents"
            | "config:PutEvaluations"
            | "ec2:DescribeInstances"
            | "ec2:DescribeVpcs"
        ):
            yield Request(action, "*")
        case _:
            raise KeyError(f"{action} is new; say in {__name__} how IAM sees it")


def allows(policy: Mapping[str, Any], request: Request) -> bool:
    """Tell whether a policy allows a request: some statement allows it, and none denies it."""
    effects = {s["Effect"] for s in policy["Statement"] if _applies(s, request)}
    return "Allow" in effects and "Deny" not in effects


def allowed_actions(policy: Mapping[str, Any]) -> set[str]:
    """Return every action that some statement of a policy allows."""
    return {
        action
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
    }


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    unknown = set(statement) - _KNOWN_ELEMENTS
    if unknown:
        raise NotImplementedError(f"elements {unknown} of a statement")
    return (
        any(
            _like(pattern.lower(), request.action.lower()) for pattern in _list(statement["Action"])
        )
        and any(_like(pattern, request.resource) for pattern in _list(statement["Resource"]))
        and all(
            _OPERATORS[operator](_list(values), request.context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _like(pattern: str, value: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _string_equals(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return given is not None and any(value in wanted for value in given)


def _string_like(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return given is not None and any(_like(p, value) for value in given for p in wanted)


def _for_all_values_string_equals(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return all(value in wanted for value in given or ())  # true of no values at all, as in IAM


def _null(wanted: Iterable[str], given: Sequence[str] | None) -> bool:
    return (given is None) == ("true" in wanted)


_OPERATORS: Mapping[str, Callable[[list[str], Sequence[str] | None], bool]] = {
    "StringEquals": _string_equals,
    "StringLike": _string_like,
    "ForAllValues:StringEquals": _for_all_values_string_equals,
    "Null": _null,
}
