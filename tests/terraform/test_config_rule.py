"""examples/config-rule: AWS Config asks the deployed function, and reads its answers."""

from typing import Any

import pytest
from pytest_terraform import terraform

from tests.support import fleet
from tests.support.calls import recording
from tests.support.embedded_aws import EmbeddedAws
from tests.support.iam import allows, requests_of
from tests.support.policies import policies_of
from tests.terraform.conftest import second_plan

CONFIG_RULE = terraform("config-rule", scope="session", replay=False, name="evaluating")


@pytest.fixture(scope="session")
def engine(evaluating: Any) -> dict[str, Any]:
    """The outputs of the module."""
    outputs: dict[str, Any] = evaluating.outputs["tag_policy"]["value"]
    return outputs


@CONFIG_RULE
def test_a_second_plan_is_empty(evaluating: Any) -> None:
    assert second_plan(evaluating) == []


def test_config_asks_about_changed_instances_and_once_a_day_about_all(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    (rule,) = embedded_aws.client("config").describe_config_rules(
        ConfigRuleNames=[engine["config_rule_name"]]
    )["ConfigRules"]

    assert rule["Scope"]["ComplianceResourceTypes"] == ["AWS::EC2::Instance"]
    assert rule["Source"]["SourceIdentifier"] == engine["function_arn"]
    details = {
        detail["MessageType"]: detail.get("MaximumExecutionFrequency")
        for detail in rule["Source"]["SourceDetails"]
    }
    assert details == {
        "ConfigurationItemChangeNotification": None,
        "OversizedConfigurationItemChangeNotification": None,
        "ScheduledNotification": "TwentyFour_Hours",
    }


def test_config_is_told_and_nothing_is_touched(
    embedded_aws: EmbeddedAws, engine: dict[str, Any], vpcs: dict[str, fleet.Vpc]
) -> None:
    aws, vpc = embedded_aws, vpcs["config_rule"]
    (good,) = fleet.launch(aws, vpc, {"ProjectCode": "P1", "CreatedBy": "x"})
    (bad,) = fleet.launch(aws, vpc, {"Name": "web"})
    (exempt,) = fleet.launch(aws, vpc, {"tag-policy:exempt": ""})

    def told() -> dict[str, tuple[str, str]]:
        details = aws.client("config").get_compliance_details_by_config_rule(
            ConfigRuleName=engine["config_rule_name"]
        )
        return {
            result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: (
                result["ComplianceType"],
                result["Annotation"],
            )
            for result in details["EvaluationResults"]
        }

    missing = "ProjectCode: required tag missing; CreatedBy: required tag missing"
    with recording() as calls:
        aws.ask_config_rule(engine["config_rule_name"], bad)
        assert told() == {bad: ("NON_COMPLIANT", missing)}
        assert not metrics(aws) & {"Instances", "Compliant", "Sweeps"}, "it was about one instance"

        aws.ask_config_rule(engine["config_rule_name"])
        assert told() == {good: ("COMPLIANT", ""), bad: ("NON_COMPLIANT", missing)}
        assert {"Instances", "Compliant"} <= metrics(aws)
        assert not metrics(aws) & {"Sweeps", "SweepFailed"}, "it has put nothing right"

    assert fleet.tags_of(aws, bad) == {"Name": "web"}
    assert fleet.tags_of(aws, exempt) == {"tag-policy:exempt": ""}
    policies = policies_of(aws.client("iam"), engine["role_name"])
    made = [call for call in calls if call.role_name == engine["role_name"]]
    assert {"PutEvaluations"} <= {call.action for call in made}
    for request in [request for call in made for request in requests_of(call)]:
        assert allows(policies, request), request


def metrics(aws: EmbeddedAws) -> set[str]:
    """Return the names of the metrics that this engine has by now."""
    of_engine = ("Engine", "tag-policy-config")
    return {
        name
        for namespace, name, dimensions in aws.metrics()
        if namespace == "TagPolicy" and of_engine in dimensions
    }
