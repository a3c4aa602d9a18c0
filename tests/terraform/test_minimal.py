"""examples/minimal: what it makes in AWS, and what the deployed function then does."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pytest_terraform import terraform

from tests.support import fleet
from tests.support.calls import recording
from tests.support.embedded_aws import ACCOUNT_ID, EmbeddedAws
from tests.support.iam import allowed_actions, allows, requests_of
from tests.support.past import backdate
from tests.support.policies import policies_of
from tests.terraform.conftest import rules_in, second_plan

MINIMAL = terraform("minimal", scope="session", replay=False)

DEFAULT_RULES = {
    "1": {"TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"},
    "2": {"TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"},
    "3": {"TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"},
}


@pytest.fixture(scope="session")
def engine(minimal: Any) -> dict[str, Any]:
    """The outputs of the module."""
    outputs: dict[str, Any] = minimal.outputs["tag_policy"]["value"]
    return outputs


@MINIMAL
def test_a_second_plan_is_empty(minimal: Any) -> None:
    assert second_plan(minimal) == []


def test_the_table_holds_the_default_rules(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    table = engine["rules_table_name"]
    dynamodb = embedded_aws.client("dynamodb")
    description = dynamodb.describe_table(TableName=table)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]

    assert rules_in(embedded_aws, table) == DEFAULT_RULES
    assert description["KeySchema"] == [{"AttributeName": "RuleId", "KeyType": "HASH"}]
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert description["SSEDescription"]["Status"] == "ENABLED"
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_table_of_what_was_told_forgets_by_itself_and_can_be_restored(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    table = engine["state_table_name"]
    dynamodb = embedded_aws.client("dynamodb")
    description = dynamodb.describe_table(TableName=table)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    time_to_live = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]

    assert table == "tag-policy-state"
    assert description["TableArn"] == engine["state_table_arn"]
    assert description["KeySchema"] == [{"AttributeName": "Key", "KeyType": "HASH"}]
    assert description["AttributeDefinitions"] == [{"AttributeName": "Key", "AttributeType": "S"}]
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert description["SSEDescription"]["Status"] == "ENABLED"
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    assert time_to_live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ExpiresAt"}


def test_the_function_is_told_what_to_do(
    embedded_aws: EmbeddedAws, engine: dict[str, Any], vpcs: dict[str, fleet.Vpc]
) -> None:
    configuration = embedded_aws.client("lambda").get_function_configuration(
        FunctionName=engine["function_name"]
    )

    assert configuration["Environment"]["Variables"] == {
        "TAG_POLICY_RULES_TABLE": engine["rules_table_name"],
        "TAG_POLICY_SEEDED_RULES": '{"1":"ProjectCode","2":"CreatedBy","3":"Expires"}',
        "TAG_POLICY_STATE_TABLE": engine["state_table_name"],
        "MALLOC_ARENA_MAX": "1",
        "TAG_POLICY_TOPIC_ARN": engine["topic_arn"],
        "TAG_POLICY_VPCS": json.dumps({"ids": [vpcs["minimal"].vpc_id]}, separators=(",", ":")),
        "TAG_POLICY_UNTAGGED_ACTION": "terminate",
        "TAG_POLICY_MODE": "enforce",
        "TAG_POLICY_MAX_ESCALATION": "none",
        "TAG_POLICY_GRACE_PERIOD": "0s",
        "TAG_POLICY_MINIMUM_AGE": "15m",
        "TAG_POLICY_MARKER_TAG_KEY": "tag-policy:due",
        "TAG_POLICY_FORMER_MARKER_TAG_KEYS": "[]",
        "TAG_POLICY_REPORT_UNCHANGED": "daily",
        "TAG_POLICY_EXEMPT_TAG_KEY": "tag-policy:exempt",
        "TAG_POLICY_PROTECT_MANAGED": "true",
        "TAG_POLICY_MAX_DESTRUCTIVE": "10",
        "TAG_POLICY_CREATOR_FORMAT": "name",
        "TAG_POLICY_ATTRIBUTION_DETAILS": "off",
        "TAG_POLICY_ATTRIBUTION_DELAY_MINUTES": "30",
        "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS": "300",
        "TAG_POLICY_LOOKUPS_PER_SECOND": "2",
        "TAG_POLICY_SCHEDULE": "rate(1 hour)",
    }
    assert configuration["Handler"] == "tag_policy.handler.lambda_handler"
    assert configuration["Runtime"] == "python3.13"
    assert configuration["Architectures"] == ["arm64"]
    assert (configuration["MemorySize"], configuration["Timeout"]) == (256, 900)
    assert configuration["Role"] == engine["role_arn"]
    assert configuration["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": engine["log_group_name"],
    }


def test_the_schedule_wakes_the_function_and_may(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    events = embedded_aws.client("events")
    rule = events.describe_rule(Name=engine["schedule_name"])
    targets = events.list_targets_by_rule(Rule=engine["schedule_name"])["Targets"]
    policy = embedded_aws.client("lambda").get_policy(FunctionName=engine["function_name"])

    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 hour)", "ENABLED")
    assert [target["Arn"] for target in targets] == [engine["function_arn"]]
    (statement,) = json.loads(policy["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": engine["schedule_arn"]}}


def test_only_lambda_assumes_the_role_and_its_policies_are_those_put_out(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    iam = embedded_aws.client("iam")
    name = engine["role_name"]
    (trust,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]

    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert [policy["PolicyName"] for policy in attached] == ["tag-policy-eu-west-1-value-lock-1"]
    assert [policy["PolicyArn"] for policy in attached] == engine["value_lock_policy_arns"]
    put_out = [engine["role_policy_json"], *engine["value_lock_policy_jsons"]]
    assert policies_of(iam, name) == [json.loads(text) for text in put_out]


def test_the_topic_lets_alarms_publish_and_has_its_subscriber(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    sns = embedded_aws.client("sns")
    attributes = sns.get_topic_attributes(TopicArn=engine["topic_arn"])["Attributes"]
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=engine["topic_arn"])["Subscriptions"]

    statements = {s["Sid"]: s for s in json.loads(attributes["Policy"])["Statement"]}
    alarms = statements["AlarmsTellTheTopic"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}
    assert statements["NothingUnencrypted"]["Effect"] == "Deny"
    endpoints = [(s["Protocol"], s["Endpoint"]) for s in subscriptions]
    assert ("email", "ops@example.com") in endpoints


def test_the_alarm_watches_the_errors_of_the_function_and_tells_the_topic(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    (alarm,) = embedded_aws.client("cloudwatch").describe_alarms(
        AlarmNames=[engine["error_alarm_name"]]
    )["MetricAlarms"]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": engine["function_name"]}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0.0)
    assert alarm["AlarmActions"] == [engine["topic_arn"]]


def test_the_log_is_kept_for_30_days(embedded_aws: EmbeddedAws, engine: dict[str, Any]) -> None:
    groups = embedded_aws.client("logs").describe_log_groups()["logGroups"]

    retention = {group["logGroupName"]: group["retentionInDays"] for group in groups}
    assert retention[engine["log_group_name"]] == 30


def test_the_deployed_function_does_what_the_rules_say_when_the_schedule_fires(
    embedded_aws: EmbeddedAws, engine: dict[str, Any], vpcs: dict[str, fleet.Vpc]
) -> None:
    aws, vpc = embedded_aws, vpcs["minimal"]
    jane = fleet.role_session(aws, "AWSReservedSSO_Admin_0a1b", "jane@example.com")
    (web,) = fleet.launch(aws, vpc, {"Name": "web", "ProjectCode": ""}, by=jane)
    (fine,) = fleet.launch(aws, vpc, {"ProjectCode": "P1", "CreatedBy": "x", "Expires": "never"})
    (untagged,) = fleet.launch(aws, vpc)
    (protected,) = fleet.launch(aws, vpc, protected=True)
    (member,) = fleet.launch_group(aws, vpc, "minimal-asg")
    elsewhere = fleet.create_vpc(aws)
    (foreign,) = fleet.launch(aws, elsewhere)
    (young,) = fleet.launch(aws, vpc)
    mark = "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged, no grace period"
    (tagged_in_time,) = fleet.launch(aws, vpc, {"CreatedBy": "x", "tag-policy:due": mark})
    (in_own_words,) = fleet.launch(aws, vpc, {"tag-policy:due": "ask Jane"})
    for instance in (untagged, protected, foreign, in_own_words):
        backdate(instance, timedelta(hours=1))
    queue = aws.subscribe_queue(engine["topic_arn"])

    with recording() as calls:
        aws.fire_schedule(engine["schedule_name"])

    (delivery,) = aws.deliveries(queue)
    machine = json.loads(delivery.message)
    assert machine["summary"]["trigger"] == "schedule"
    assert machine["summary"]["outcomes"] == {
        "tagged": 8,
        "terminated": 1,
        "stopped": 0,
        "isolated": 0,
        "notified": 0,
        "reported": 0,
        "marked": 0,
        "left": 1,
        "audited": 0,
        "unmarked": 1,
        "removed": 0,
        "deferred": 0,
        "failed": 1,
    }
    assert delivery.attributes["terminated"] == "1"
    tags = fleet.tags_of(aws, web)
    assert tags["ProjectCode"] == "Proj007"
    assert tags["CreatedBy"] == "jane@example.com"
    assert tags["Expires"] == machine["time"][:10]
    assert fleet.tags_of(aws, fine) == {"ProjectCode": "P1", "CreatedBy": "x", "Expires": "never"}
    assert fleet.tags_of(aws, member)["CreatedBy"] == "autoscaling:minimal-asg"
    assert fleet.state_of(aws, untagged) == "terminated"
    assert fleet.state_of(aws, protected) == "running"
    assert (fleet.state_of(aws, young), fleet.tags_of(aws, young)) == ("running", {})
    assert "tag-policy:due" not in fleet.tags_of(aws, tagged_in_time)
    assert fleet.state_of(aws, in_own_words) == "running"
    assert fleet.tags_of(aws, in_own_words) == {"tag-policy:due": "ask Jane"}
    assert fleet.state_of(aws, foreign) == "running"
    assert fleet.tags_of(aws, foreign) == {}
    email = aws.emails()[-1]
    assert email.subject == delivery.subject
    assert "OperationNotPermitted" in email.text

    # The role, both ways, of the function as it runs.
    policies = policies_of(aws.client("iam"), engine["role_name"])
    made = [call for call in calls if call.role_name == engine["role_name"]]
    for request in [request for call in made for request in requests_of(call)]:
        assert allows(policies, request), request
    asked = {f"{call.service}:{call.action}" for call in made}
    unused = {"ec2:DescribeSpotInstanceRequests"}  # nothing here belongs to a Spot request
    assert allowed_actions(policies) == asked | unused
    assert not asked & unused


def test_the_log_holds_every_finding_as_json_and_no_key(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    lines = embedded_aws.log_lines(engine["log_group_name"])

    findings = [line for line in lines if "result" in line]
    assert len(findings) == 12
    assert {"tagged", "terminated", "left", "unmarked", "failed"} == {
        finding["result"] for finding in findings
    }
    (summary,) = [line["summary"] for line in lines if "summary" in line]
    assert sum(summary["outcomes"].values()) == len(findings)
    assert "AWS4-HMAC" not in json.dumps(lines)


def test_a_second_run_changes_nothing(embedded_aws: EmbeddedAws, engine: dict[str, Any]) -> None:
    answer = embedded_aws.invoke(engine["function_name"])

    assert not answer.failed
    assert answer.payload["outcomes"] == answer.payload["outcomes"] | {
        "tagged": 0,
        "terminated": 0,
        "failed": 1,
    }


def test_an_event_that_is_none_of_its_own_fails_and_says_what_would_do(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    answer = embedded_aws.invoke(engine["function_name"], {"Records": []})

    assert answer.failed
    assert answer.payload["errorType"] == "EventError"
    assert "accepted are an EventBridge scheduled event" in answer.payload["errorMessage"]
