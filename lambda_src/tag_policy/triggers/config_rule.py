"""AWS Config: what it asks for, and the evaluations that answer it.

Config invokes the function when an instance has changed, and periodically for all of them:
https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.assignment import Assignment, Scope, Trigger
from tag_policy.model.error import TagPolicyError
from tag_policy.model.finding import Finding
from tag_policy.model.instance import INSTANCE_ID
from tag_policy.model.remedy import Remedy
from tag_policy.model.target import Target
from tag_policy.model.text import clean
from tag_policy.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_config.client import ConfigServiceClient
    from mypy_boto3_config.type_defs import EvaluationTypeDef, PutEvaluationsResponseTypeDef

RESOURCE_TYPE = "AWS::EC2::Instance"

EVALUATIONS_A_CALL = 100
ANNOTATION_LIMIT = 256
"""https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html"""

_CHANGE = "ConfigurationItemChangeNotification"
_OVERSIZED_CHANGE = "OversizedConfigurationItemChangeNotification"
_PERIODIC = "ScheduledNotification"

_GONE = ("ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded")


class ConfigRequestError(TagPolicyError):
    """What AWS Config sends cannot be read."""


@dataclass(frozen=True, slots=True)
class ConfigRequest:
    """What AWS Config asks for.

    ``instance_id`` is the instance that has changed, None when all are to be evaluated. ``gone``
    says that it does not exist any more, or that the rule is no longer about it. ``time`` is when
    Config recorded the change: of several answers about an instance, the latest holds.
    """

    assignment: Assignment
    result_token: str
    time: datetime
    instance_id: str | None = None
    gone: bool = False


class Compliance(StrEnum):
    """What an evaluation says of an instance. Spelled as in the API."""

    COMPLIANT = "COMPLIANT"
    NON_COMPLIANT = "NON_COMPLIANT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What Config is told of one instance, and why: in one line that Config takes, or not at all.

    Tag keys and the words of a mark are written by others.
    """

    instance_id: str
    compliance: Compliance
    annotation: str = ""

    def __post_init__(self) -> None:
        annotation = clean(self.annotation, ANNOTATION_LIMIT).strip()
        object.__setattr__(self, "annotation", annotation)


def accepts(event: Mapping[Any, Any], settings: Settings) -> bool:
    """Tell whether an event comes from AWS Config."""
    return settings.config_rule and "invokingEvent" in event and "resultToken" in event


def read(event: Mapping[str, Any], settings: Settings, _home: Target) -> ConfigRequest:
    """Return what AWS Config asks for; raises ConfigRequestError when that cannot be read."""
    everything = Assignment(
        Trigger.CONFIG,
        Scope.ALL,
        settings.vpc_ids,
        settings.mode,
        acts=settings.config_rule_remediates,
    )
    try:
        invoking = json.loads(event["invokingEvent"])
        kind = invoking["messageType"]
        token = event["resultToken"]
        if kind == _PERIODIC:
            return ConfigRequest(everything, token, _time(invoking["notificationCreationTime"]))
        # Of an item that is too large for an event, there is a summary. It has what is needed here:
        # instances are always judged as EC2 describes them now.
        where = {_CHANGE: "configurationItem", _OVERSIZED_CHANGE: "configurationItemSummary"}
        item = invoking[where[kind]]
        if item["resourceType"] != RESOURCE_TYPE:
            raise ConfigRequestError(
                f"AWS Config asks about a {item['resourceType']!r}; expected {RESOURCE_TYPE!r}"
            )
        if not INSTANCE_ID.fullmatch(item["resourceId"]):
            raise ConfigRequestError(
                f"AWS Config asks about {item['resourceId']!r}; expected the id of an instance, "
                "such as 'i-0123456789abcdef0'"
            )
        return ConfigRequest(
            replace(everything, scope=Scope.SOME),
            token,
            _time(item["configurationItemCaptureTime"]),
            instance_id=item["resourceId"],
            gone=bool(event.get("eventLeftScope")) or item["configurationItemStatus"] in _GONE,
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ConfigRequestError(
            f"what AWS Config sent cannot be read ({type(error).__name__}: {error}); expected "
            f"an invokingEvent of the type {_CHANGE}, {_OVERSIZED_CHANGE} or {_PERIODIC}"
        ) from error


def _time(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return time


def evaluation(instance_id: str, findings: Sequence[Finding]) -> Evaluation:
    """Return what Config is told of an instance of the VPCs that is not exempt.

    A tag that nobody requires, and a mark that is to be taken back, are no violations.
    """
    violations = [finding for finding in findings if finding.violation]
    if violations:
        text = "; ".join(_annotation(finding) for finding in violations)
        if len(text) > ANNOTATION_LIMIT and len(violations) > 1:  # each is named, whatever it takes
            text = "; ".join(_short_annotation(finding) for finding in violations)
        return Evaluation(instance_id, Compliance.NON_COMPLIANT, text)
    young = next((finding for finding in findings if finding.remedy is Remedy.WAIT), None)
    if young:
        return not_applicable(instance_id, young.reason)
    return Evaluation(instance_id, Compliance.COMPLIANT)


def not_applicable(instance_id: str, why: str) -> Evaluation:
    """Return that the rule is not about an instance."""
    return Evaluation(instance_id, Compliance.NOT_APPLICABLE, why)


def _annotation(finding: Finding) -> str:
    if finding.remedy in (Remedy.TAG, Remedy.REPORT):
        return f"{finding.tag_key}: {finding.reason}"
    return finding.reason


def _short_annotation(finding: Finding) -> str:
    if finding.remedy in (Remedy.TAG, Remedy.REPORT):
        return f"{finding.tag_key}: {finding.code}"
    return finding.reason


def put_evaluations(
    config: "ConfigServiceClient",
    request: ConfigRequest,
    evaluations: Iterable[Evaluation],
    paced: PacedCalls,
) -> list[str]:
    """Tell AWS Config, and return the ids of those instances of which it did not take it.

    ``paced`` makes the calls, and makes those again that are throttled. Raises botocore's errors
    when it cannot be told.
    """

    def put(some: "Sequence[EvaluationTypeDef]") -> "PutEvaluationsResponseTypeDef":
        return config.put_evaluations(Evaluations=some, ResultToken=request.result_token)

    refused: list[str] = []
    for some in _chunks([_as_parameter(one, request.time) for one in evaluations]):
        answer = paced(partial(put, some))
        failed = answer.get("FailedEvaluations", [])
        refused += [evaluation["ComplianceResourceId"] for evaluation in failed]
    return refused


def _as_parameter(evaluation: Evaluation, time: datetime) -> "EvaluationTypeDef":
    parameter: EvaluationTypeDef = {
        "ComplianceResourceType": RESOURCE_TYPE,
        "ComplianceResourceId": evaluation.instance_id,
        "ComplianceType": evaluation.compliance.value,
        "OrderingTimestamp": time,
    }
    if evaluation.annotation:
        parameter["Annotation"] = evaluation.annotation
    return parameter


def _chunks(parameters: "Sequence[EvaluationTypeDef]") -> "Iterator[Sequence[EvaluationTypeDef]]":
    for start in range(0, len(parameters), EVALUATIONS_A_CALL):
        yield parameters[start : start + EVALUATIONS_A_CALL]
