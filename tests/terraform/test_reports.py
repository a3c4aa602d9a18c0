"""examples/reports: the bucket, metrics, alarms, dashboard, queries, and who is told what."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator
from moto.cloudwatch.models import cloudwatch_backends
from pytest_terraform import terraform

from tests.support import fleet
from tests.support.calls import AwsError, failing, recording
from tests.support.dashboard import expressions_of, metrics_of, searches_of
from tests.support.embedded_aws import ACCOUNT_ID, REGION, EmbeddedAws
from tests.support.iam import allowed_actions, allows, requests_of
from tests.support.moto_logs import data_of
from tests.support.past import backdate
from tests.support.policies import policies_of
from tests.support.terraform import ROOT
from tests.terraform.conftest import second_plan

REPORTS = terraform("reports", scope="session", replay=False)
NAMESPACE = "TagPolicy"
OF_ENGINE = {"Name": "Engine", "Value": "tag-policy-reports"}


@pytest.fixture(scope="session")
def queues(reports: Any) -> dict[str, str]:
    """The queues of those who hear of a part of the reports."""
    urls: dict[str, str] = reports.outputs["queue_urls"]["value"]
    return urls


@pytest.fixture(scope="session")
def engine(reports: Any) -> dict[str, Any]:
    """The outputs of the module."""
    outputs: dict[str, Any] = reports.outputs["tag_policy"]["value"]
    return outputs


@pytest.fixture(scope="session")
def vpc(vpcs: dict[str, fleet.Vpc]) -> fleet.Vpc:
    """The first of the two VPCs."""
    return vpcs["reported"]


def sweep(aws: EmbeddedAws, engine: dict[str, Any]) -> None:
    """Have the schedule wake the function."""
    aws.fire_schedule(engine["schedule_name"])


def state(aws: EmbeddedAws, engine: dict[str, Any], alarm: str, **later: float) -> str:
    """Return the state of one of the alarms, now or later."""
    name = engine["alarm_arns"][alarm].rsplit(":", 1)[-1]
    return aws.alarms(datetime.now(UTC) + timedelta(**later))[name]


def old(ids: list[str]) -> list[str]:
    """Make instances old enough to be judged as having no tags."""
    for instance in ids:
        backdate(instance, timedelta(hours=1))
    return ids


@REPORTS
def test_a_second_plan_is_empty(reports: Any) -> None:
    assert second_plan(reports) == []


def test_an_engine_that_was_made_this_minute_does_not_ring(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    queues: dict[str, str],
    vpcs: dict[str, fleet.Vpc],
) -> None:
    aws = embedded_aws
    states = aws.alarms(datetime.now(UTC))

    assert states["tag-policy-reports-no-sweep"] == "ALARM"
    assert states["tag-policy-reports-limits"] == "INSUFFICIENT_DATA"
    assert states["tag-policy-reports-silence"] == "OK"

    # Nor for a run that is no sweep, as those for events are none.
    assert not aws.invoke(
        engine["function_name"], {"vpc_ids": [vpcs["reported_too"].vpc_id]}
    ).failed
    assert state(aws, engine, "rule-errors") == "OK"
    assert state(aws, engine, "limits") == "INSUFFICIENT_DATA"
    assert state(aws, engine, "silence") == "OK"
    told = {delivery.subject for delivery in aws.deliveries(queues["needs-action"])}
    assert {subject.split(":")[0] for subject in told} == {"OK"}


def test_the_bucket_is_private_encrypted_versioned_and_forgets(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    s3, bucket = embedded_aws.client("s3"), engine["report_bucket_name"]

    access = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(access.values()) == {True}
    assert len(access) == 4
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (ownership,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"
    (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (lifecycle["Status"], lifecycle["Expiration"]["Days"]) == ("Enabled", 400)
    assert lifecycle["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_sweep_tells_each_what_concerns_them_and_keeps_the_rest(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    queues: dict[str, str],
    vpc: fleet.Vpc,
) -> None:
    aws = embedded_aws
    (untagged,) = old(fleet.launch(aws, vpc))
    fleet.launch(aws, vpc, {"Name": "<script>alert(1)</script>"}, by=fleet.iam_user(aws, "gina"))

    with recording() as calls:
        sweep(aws, engine)

    # What strangers write breaks no line of the log: each is the JSON of one line.
    lines = [line for line in aws.log_lines(engine["log_group_name"]) if "resource_id" in line]
    assert {line["resource_name"] for line in lines if line["result"] == "tagged"} == {
        "<script>alert(1)</script>"
    }
    (ended,), (one_vpc,) = (aws.deliveries(queues[name]) for name in ("ended", "one-vpc"))
    assert ended.attributes["severity"] == "warning"
    assert ended.message == one_vpc.message
    assert aws.deliveries(queues["needs-action"]) == []
    machine = json.loads(ended.message)
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    Draft202012Validator(schema).validate(machine)
    assert machine["page"].startswith("https://eu-west-1.console.aws.amazon.com/s3/object/")
    s3, bucket = aws.client("s3"), engine["report_bucket_name"]
    objects = {
        kind: [
            found["Key"]
            for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        ]
        for kind, prefix in engine["report_prefixes"].items()
    }
    assert {kind: len(keys) for kind, keys in objects.items()} == {
        "runs": 1,
        "findings": 1,
        "pages": 2,
        "history": 1,
    }
    kept = gzip.decompress(s3.get_object(Bucket=bucket, Key=objects["findings"][0])["Body"].read())
    findings = [json.loads(line) for line in kept.splitlines()]
    of_the_run = {k: machine[k] for k in ("time", "request_id")} | {"mode": "enforce"}
    told = [finding | of_the_run for finding in machine["findings"]]
    assert sorted(findings, key=_by_tag) == sorted(told, key=_by_tag)
    assert {f["owner"] for f in findings if f["result"] == "tagged"} == {"gina"}
    assert [f["resource_id"] for f in findings if f["result"] == "terminated"] == [untagged]

    # The role, both ways; S3 itself asks for ListBucket, and nothing here had a mark taken back, or
    # belongs to a Spot request.
    policies = policies_of(aws.client("iam"), engine["role_name"])
    made = [call for call in calls if call.role_name == engine["role_name"]]
    for request in [request for call in made for request in requests_of(call)]:
        assert allows(policies, request), request
    unused = allowed_actions(policies) - {f"{call.service}:{call.action}" for call in made}
    assert unused == {
        "dynamodb:BatchWriteItem",
        "ec2:DeleteTags",
        "ec2:DescribeSpotInstanceRequests",
        "s3:ListBucket",
    }


def test_every_metric_filter_matches_lines_that_the_function_logs(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    logs = embedded_aws.client("logs")
    group = engine["log_group_name"]
    filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    events = logs.filter_log_events(logGroupName=group)["events"]

    assert len(filters) == 24
    for found in filters:
        data = list(data_of(found, events))
        assert data, f"{found['filterName']} matches nothing"
        assert {namespace for namespace, _ in data} == {NAMESPACE}
        assert all(OF_ENGINE in datum["Dimensions"] for _, datum in data)
    of = {found["filterName"]: [d["Value"] for _, d in data_of(found, events)] for found in filters}
    # The first run was about a VPC alone, without instances.
    assert of["tag-policy-reports-Terminated"] == [0.0, 1.0]
    assert of["tag-policy-reports-Tagged"] == [0.0, 3.0]
    assert of["tag-policy-reports-Instances"] == [2.0]
    assert sorted(of["tag-policy-reports-Instances-by-vpc"]) == [0.0, 2.0]


def test_what_an_audit_by_hand_finds_is_in_no_metric(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    data = cloudwatch_backends[ACCOUNT_ID][REGION].metric_data
    before = [datum for datum in data if datum.namespace == NAMESPACE]

    answer = embedded_aws.invoke(engine["function_name"], {"mode": "audit"})

    assert not answer.failed
    assert [datum for datum in data if datum.namespace == NAMESPACE] == before


def test_every_metric_of_the_dashboard_exists(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    body = embedded_aws.dashboard(engine["dashboard_name"])
    existing = embedded_aws.metrics()

    shown = set(metrics_of(body))
    assert len(shown) == 18
    assert shown - existing == set()
    for namespace, name, keys in searches_of(body):
        assert any(
            (n, m) == (namespace, name) and {key for key, _ in dimensions} == keys
            for n, m, dimensions in existing
        )
    assert all(named <= given for given, named in expressions_of(body))
    widgets = json.loads(body)["widgets"]
    (alarms,) = [w["properties"]["alarms"] for w in widgets if w["type"] == "alarm"]
    assert set(alarms) == set(engine["alarm_arns"].values())
    assert engine["dashboard_url"].endswith(f"#dashboards/dashboard/{engine['dashboard_name']}")


def test_every_field_that_a_saved_query_names_is_logged(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    queries = embedded_aws.client("logs").describe_query_definitions(
        queryDefinitionNamePrefix="tag-policy-reports/"
    )["queryDefinitions"]
    lines = embedded_aws.log_lines(engine["log_group_name"])
    logged = {"@timestamp"} | {name for line in lines for name in line}
    logged |= {f"summary.{name}" for line in lines for name in line.get("summary", {})}
    # Of failures, announcements and what people have to mend only, which the schema has.
    others = {"error_code", "detail", "due", "old_value", "source", "note"}
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    assert others <= schema["$defs"]["finding"]["properties"].keys()
    logged |= others

    assert len(queries) == 10
    for query in queries:
        assert query["logGroupNames"] == [engine["log_group_name"]]
        text = re.sub(r'"[^"]*"', "", query["queryString"])
        for clause in re.findall(r"(?:fields|dedup|by|count_distinct\() *([\w@., ]+)", text):
            for name in filter(None, re.split(r"[ ,]+", clause)):
                assert name in logged, f"{name} of {query['name']} is logged nowhere"


def test_who_owns_a_vpc_hears_of_that_one(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    queues: dict[str, str],
    vpcs: dict[str, fleet.Vpc],
) -> None:
    aws, other = embedded_aws, vpcs["reported_too"]
    fleet.launch(aws, other, {"Name": "web"})

    sweep(aws, engine)

    assert aws.deliveries(queues["one-vpc"]) == []


def test_the_alarm_on_errors_rings_when_a_run_fails(
    embedded_aws: EmbeddedAws, engine: dict[str, Any], queues: dict[str, str]
) -> None:
    assert state(embedded_aws, engine, "errors") == "OK"

    with failing("Scan", AwsError("AccessDeniedException")):
        sweep(embedded_aws, engine)

    assert state(embedded_aws, engine, "errors") == "ALARM"
    told = [d for d in embedded_aws.deliveries(queues["needs-action"]) if "ALARM" in d.subject]
    assert [json.loads(d.message)["AlarmName"] for d in told] == ["tag-policy-reports-errors"]
    assert state(embedded_aws, engine, "errors", hours=1) == "OK"


def test_the_alarm_on_rules_rings_until_they_are_mended(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    dynamodb, table = embedded_aws.client("dynamodb"), engine["rules_table_name"]
    dynamodb.put_item(TableName=table, Item={"RuleId": {"N": "9"}, "Action": {"S": "Destroy"}})

    sweep(embedded_aws, engine)

    assert state(embedded_aws, engine, "rule-errors") == "ALARM"
    assert state(embedded_aws, engine, "rule-errors", minutes=30) == "ALARM", "it is still broken"
    dynamodb.delete_item(TableName=table, Key={"RuleId": {"N": "9"}})
    forget()
    sweep(embedded_aws, engine)
    assert state(embedded_aws, engine, "rule-errors") == "OK"


def test_the_alarm_on_failures_rings_when_aws_refuses(
    embedded_aws: EmbeddedAws, engine: dict[str, Any], vpc: fleet.Vpc
) -> None:
    aws = embedded_aws
    (protected,) = old(fleet.launch(aws, vpc, protected=True))

    sweep(aws, engine)

    assert fleet.state_of(aws, protected) == "running"
    assert state(aws, engine, "failures") == "ALARM"
    aws.client("ec2").create_tags(Resources=[protected], Tags=[{"Key": "Name", "Value": "mine"}])
    forget()
    sweep(aws, engine)
    assert state(aws, engine, "failures") == "OK"


def test_the_alarm_on_limits_rings_when_too_many_are_due(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    vpc: fleet.Vpc,
    vpcs: dict[str, fleet.Vpc],
) -> None:
    aws = embedded_aws
    due, other = old(fleet.launch(aws, vpc, count=11)), vpcs["reported_too"]

    sweep(aws, engine)

    assert {fleet.state_of(aws, instance) for instance in due} == {"running"}
    assert state(aws, engine, "limits") == "ALARM"
    assert not aws.invoke(engine["function_name"], {"vpc_ids": [other.vpc_id]}).failed
    assert state(aws, engine, "limits") == "ALARM", "what is no sweep does not end it"
    aws.client("ec2").create_tags(Resources=due, Tags=[{"Key": "Name", "Value": "mine"}])
    forget()
    sweep(aws, engine)
    assert state(aws, engine, "limits") == "OK"


def test_the_alarm_on_silence_rings_after_two_periods_without_a_sweep(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    cloudwatch = embedded_aws.client("cloudwatch")
    rule = cloudwatch.describe_alarms(
        AlarmNames=["tag-policy-reports-silence"], AlarmTypes=["CompositeAlarm"]
    )["CompositeAlarms"][0]["AlarmRule"]
    assert rule == (
        'ALARM("tag-policy-reports-no-sweep") '
        'AND NOT INSUFFICIENT_DATA("tag-policy-reports-limits")'
    )
    forget()
    sweep(embedded_aws, engine)

    assert state(embedded_aws, engine, "silence") == "OK"
    assert state(embedded_aws, engine, "silence", minutes=130) == "OK"
    assert state(embedded_aws, engine, "silence", minutes=145) == "ALARM"
    assert not embedded_aws.invoke(engine["function_name"]).failed
    assert state(embedded_aws, engine, "silence", minutes=145) == "ALARM", "that is no sweep"
    sweep(embedded_aws, engine)
    assert state(embedded_aws, engine, "silence") == "OK"


def test_every_alarm_tells_the_topic_and_says_what_to_do(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    answer: Any = embedded_aws.client("cloudwatch").describe_alarms(
        AlarmNamePrefix="tag-policy-reports-"
    )
    found = [
        alarm
        for alarm in (*answer["MetricAlarms"], *answer["CompositeAlarms"])
        if alarm["AlarmName"] != "tag-policy-reports-no-sweep"  # what the one on silence goes by
    ]

    assert {alarm["AlarmArn"] for alarm in found} == set(engine["alarm_arns"].values())
    assert engine["alarm_arns"].keys() == {
        "errors",
        "rule-errors",
        "failures",
        "limits",
        "silence",
    }
    manual = (ROOT / "docs" / "operations.md").read_text()
    for key, arn in engine["alarm_arns"].items():
        (alarm,) = [alarm for alarm in found if alarm["AlarmArn"] == arn]
        assert alarm["AlarmActions"] == [engine["topic_arn"]]
        assert "What to do: docs/operations.md" in alarm["AlarmDescription"]
        assert len(alarm["AlarmDescription"]) <= 1024
        assert f"`<name>-{key}`" in manual


def test_a_bucket_that_holds_reports_is_not_destroyed_with_the_engine(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    s3, bucket = embedded_aws.client("s3"), engine["report_bucket_name"]

    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)

    # What an operator does who really wants it gone; and the last test, so that destroy succeeds.
    versions = s3.list_object_versions(Bucket=bucket)
    for found in [*versions["Versions"], *versions.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])


def _by_tag(finding: dict[str, Any]) -> str:
    return finding["resource_id"] + finding.get("tag_key", "")


def forget() -> None:
    """Make what the metrics have an hour old, so that only what comes now counts."""
    for datum in cloudwatch_backends[ACCOUNT_ID][REGION].metric_data:
        datum.timestamp -= timedelta(hours=1)
