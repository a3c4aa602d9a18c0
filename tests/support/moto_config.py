"""AWS Config: what it asks a rule's function, and the evaluations that it is answered with.

Moto keeps rules, and takes evaluations only in test mode.
https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.config.models import ConfigBackend, config_backends
from moto.config.responses import ConfigResponse
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random

from tests.support.calls import AwsError, refusal
from tests.support.extensions import add, replace

_MOST_EVALUATIONS = 100
_LONGEST_ANNOTATION = 256
_COMPLIANCES = ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE")


def extend() -> None:
    """Keep evaluations, and let them be read."""
    replace(ConfigResponse, "put_evaluations", lambda _: _put_evaluations)
    add(ConfigResponse, "get_compliance_details_by_config_rule", _get_compliance_details)


def change(
    account_id: str,
    region: str,
    rule_name: str,
    instance_id: str,
    *,
    status: str = "OK",
    oversized: bool = False,
    left_scope: bool = False,
) -> dict[str, Any]:
    """Return what Config sends when an instance has changed.

    https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html
    """
    item: dict[str, Any] = {
        "resourceType": "AWS::EC2::Instance",
        "resourceId": instance_id,
        "awsAccountId": account_id,
        "awsRegion": region,
        "configurationItemStatus": status,
        "configurationItemCaptureTime": _now(),
        "configurationItemVersion": "1.3",
    }
    if oversized:
        what = {"configurationItemSummary": item | {"changeType": "UPDATE"}}
        kind = "OversizedConfigurationItemChangeNotification"
    else:
        tags = ec2_backends[account_id][region].tags.get(instance_id, {})
        item |= {"tags": dict(tags), "relationships": [], "configuration": {}}
        what = {"configurationItem": item}
        kind = "ConfigurationItemChangeNotification"
    return _event(account_id, region, rule_name, {**what, "messageType": kind}, left_scope)


def periodic(account_id: str, region: str, rule_name: str) -> dict[str, Any]:
    """Return what Config sends when it is time to evaluate everything."""
    invoking = {"awsAccountId": account_id, "messageType": "ScheduledNotification"}
    return _event(account_id, region, rule_name, invoking, left_scope=False)


def _event(
    account_id: str, region: str, rule_name: str, invoking: dict[str, Any], left_scope: bool
) -> dict[str, Any]:
    token = str(mock_random.uuid4())
    _tokens(config_backends[account_id][region])[token] = rule_name
    return {
        "version": "1.0",
        "invokingEvent": json.dumps(
            {**invoking, "notificationCreationTime": _now(), "recordVersion": "1.3"}
        ),
        "ruleParameters": "{}",
        "resultToken": token,
        "eventLeftScope": left_scope,
        "executionRoleArn": f"arn:aws:iam::{account_id}:role/config",
        "configRuleArn": f"arn:aws:config:{region}:{account_id}:config-rule/{rule_name}",
        "configRuleName": rule_name,
        "configRuleId": "config-rule-0123456",
        "accountId": account_id,
    }


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.{datetime.now(UTC).microsecond // 1000:03}Z"


def _tokens(backend: ConfigBackend) -> dict[str, str]:
    tokens: dict[str, str] = backend.__dict__.setdefault("result_tokens", {})
    return tokens


def evaluations_of(backend: ConfigBackend, rule_name: str) -> dict[str, dict[str, Any]]:
    """Return the latest evaluation of each instance, by its id; gone with the backend's reset."""
    rules: dict[str, Any] = backend.__dict__.setdefault("evaluations", {})
    evaluations: dict[str, dict[str, Any]] = rules.setdefault(rule_name, {})
    return evaluations


def _put_evaluations(self: ConfigResponse) -> Any:
    evaluations = self._get_param("Evaluations") or []
    rule_name = _tokens(self.config_backend).get(self._get_param("ResultToken"))
    if rule_name is None:
        return refusal(self, AwsError("InvalidResultTokenException"))
    if not 1 <= len(evaluations) <= _MOST_EVALUATIONS or any(_wrong(evaluations)):
        return refusal(self, AwsError("ValidationException", str(list(_wrong(evaluations)))))
    kept = evaluations_of(self.config_backend, rule_name)
    for evaluation in evaluations:
        instance_id = evaluation["ComplianceResourceId"]
        before = kept.get(instance_id, evaluation)
        if evaluation["OrderingTimestamp"] >= before["OrderingTimestamp"]:
            kept[instance_id] = evaluation
    return ActionResult({"FailedEvaluations": []})


def _wrong(evaluations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for evaluation in evaluations:
        annotation = evaluation.get("Annotation", "-")
        if (
            evaluation["ComplianceType"] not in _COMPLIANCES
            or not 1 <= len(annotation) <= _LONGEST_ANNOTATION
        ):
            yield evaluation


def _get_compliance_details(self: ConfigResponse) -> Any:
    """Answer GetComplianceDetailsByConfigRule, which leaves out what the rule is not about.

    https://docs.aws.amazon.com/config/latest/APIReference/API_GetComplianceDetailsByConfigRule.html
    """
    rule_name = self._get_param("ConfigRuleName")
    results = [
        {
            "EvaluationResultIdentifier": {
                "EvaluationResultQualifier": {
                    "ConfigRuleName": rule_name,
                    "ResourceType": evaluation["ComplianceResourceType"],
                    "ResourceId": instance_id,
                },
            },
            "ComplianceType": evaluation["ComplianceType"],
            "Annotation": evaluation.get("Annotation", ""),
        }
        for instance_id, evaluation in evaluations_of(self.config_backend, rule_name).items()
        if evaluation["ComplianceType"] != "NOT_APPLICABLE"
    ]
    return ActionResult({"EvaluationResults": results})
