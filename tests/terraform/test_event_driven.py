"""examples/event-driven: from a launch to its tags, by EventBridge, queue and function."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from pytest_terraform import terraform

from tests.support import fleet
from tests.support.calls import Call, recording
from tests.support.dashboard import metrics_of
from tests.support.embedded_aws import ACCOUNT_ID, REGION, EmbeddedAws
from tests.support.event_source import EventSource
from tests.support.iam import allowed_actions, allows, requests_of
from tests.support.policies import policies_of
from tests.terraform.conftest import second_plan

EVENT_DRIVEN = terraform("event-driven", scope="session", replay=False, name="event_driven")

ALL_THREE = {"ProjectCode", "CreatedBy", "Expires"}


@pytest.fixture(scope="session")
def engine(event_driven: Any) -> dict[str, Any]:
    """The outputs of the module."""
    outputs: dict[str, Any] = event_driven.outputs["tag_policy"]["value"]
    return outputs


@pytest.fixture(scope="session", autouse=True)
def _trail(started_aws: EmbeddedAws) -> None:
    """A trail that logs, as landing zones have it."""
    s3, cloudtrail = started_aws.client("s3"), started_aws.client("cloudtrail")
    s3.create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    cloudtrail.create_trail(Name="trail", S3BucketName="trail")
    cloudtrail.start_logging(Name="trail")


@pytest.fixture
def source(embedded_aws: EmbeddedAws, engine: dict[str, Any]) -> EventSource:
    """The queue, as Lambda polls it, with nothing left in it."""
    source = embedded_aws.event_source(engine["function_name"])
    source.drain()
    return source


@pytest.fixture
def calls(embedded_aws: EmbeddedAws, engine: dict[str, Any]) -> Iterator[list[Call]]:
    """The calls of the test; those that the function's role has made must be allowed to it."""
    with recording() as calls:
        yield calls
    policies = policies_of(embedded_aws.client("iam"), engine["role_name"])
    for call in made_by(engine, calls):
        for request in requests_of(call):
            assert allows(policies, request), request


def made_by(engine: dict[str, Any], calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.role_name == engine["role_name"]]


def actions(engine: dict[str, Any], calls: list[Call]) -> list[str]:
    return [call.action for call in made_by(engine, calls)]


def waiting(aws: EmbeddedAws, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(number) for number in answer["Attributes"].values())


@EVENT_DRIVEN
def test_a_second_plan_is_empty(event_driven: Any) -> None:
    assert second_plan(event_driven) == []


def test_the_queue_takes_events_of_its_rules_and_of_nobody_else(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    arns = {
        f"arn:aws:events:eu-west-1:{DEFAULT_ACCOUNT_ID}:rule/{name}"
        for name in engine["event_rule_names"].values()
    }
    assert len(arns) == 3
    for url in (engine["event_queue_url"], engine["dead_letter_queue_url"]):
        answer = embedded_aws.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["Policy", "SqsManagedSseEnabled"]
        )["Attributes"]
        allow, deny = json.loads(answer["Policy"])["Statement"]
        assert (allow["Effect"], allow["Principal"]) == (
            "Allow",
            {"Service": "events.amazonaws.com"},
        )
        assert set(allow["Condition"]["ArnEquals"]["aws:SourceArn"]) == arns
        assert (deny["Effect"], deny["Principal"]) == ("Deny", {"AWS": "*"})
        assert set(deny["Condition"]["ArnNotEquals"]["aws:SourceArn"]) == arns
        assert answer["SqsManagedSseEnabled"] == "true"


def test_what_fails_again_and_again_goes_to_a_queue_that_an_alarm_watches(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    queue = embedded_aws.client("sqs").get_queue_attributes(
        QueueUrl=engine["event_queue_url"], AttributeNames=["All"]
    )["Attributes"]
    assert json.loads(queue["RedrivePolicy"]) == {
        "deadLetterTargetArn": engine["dead_letter_queue_arn"],
        "maxReceiveCount": 3,
    }
    assert int(queue["VisibilityTimeout"]) == 6 * 900 + 20
    alarms = embedded_aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    (alarm,) = [a for a in alarms if a["AlarmArn"] == engine["dead_letter_alarm_arn"]]
    assert alarm["Dimensions"] == [
        {"Name": "QueueName", "Value": engine["dead_letter_queue_arn"].rsplit(":", 1)[-1]}
    ]
    assert alarm["AlarmActions"] == [engine["topic_arn"]]
    for name in engine["event_rule_names"].values():
        (target,) = embedded_aws.client("events").list_targets_by_rule(Rule=name)["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": engine["dead_letter_queue_arn"]}


def test_lambda_gathers_events_and_takes_answers_about_each(
    embedded_aws: EmbeddedAws, engine: dict[str, Any]
) -> None:
    (mapping,) = embedded_aws.client("lambda").list_event_source_mappings(
        FunctionName=engine["function_arn"]
    )["EventSourceMappings"]

    assert mapping["EventSourceArn"] == engine["event_queue_arn"]
    assert mapping["BatchSize"] == 1000
    assert mapping["MaximumBatchingWindowInSeconds"] == 20
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_a_launch_leads_to_the_three_tags_and_cloudtrail_is_not_asked(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    vpcs: dict[str, fleet.Vpc],
    source: EventSource,
    calls: list[Call],
) -> None:
    aws, vpc = embedded_aws, vpcs["event_driven"]
    (instance,) = fleet.launch(aws, vpc, {"Name": "web"}, by=fleet.iam_user(aws, "erika"))

    source.drain()

    tags = fleet.tags_of(aws, instance)
    assert (tags["ProjectCode"], tags["CreatedBy"]) == ("Proj007", "erika")
    assert tags.keys() == {"Name"} | ALL_THREE
    assert "LookupEvents" not in actions(engine, calls)
    assert waiting(aws, source.queue_url) == 0

    aws.client("ec2").delete_tags(Resources=[instance], Tags=[{"Key": "ProjectCode"}])
    source.drain()

    assert fleet.tags_of(aws, instance)["ProjectCode"] == "Proj007"
    assert actions(engine, calls).count("CreateTags") == 2
    assert waiting(aws, source.queue_url) == 0


def test_launches_of_other_vpcs_are_left_out_by_eventbridge_and_those_that_name_none_are_not(
    embedded_aws: EmbeddedAws, engine: dict[str, Any], vpcs: dict[str, fleet.Vpc]
) -> None:
    events = embedded_aws.client("events")
    pattern = events.describe_rule(Name=engine["event_rule_names"]["launch"])["EventPattern"]
    ours, other = vpcs["event_driven"].vpc_id, vpcs["minimal"].vpc_id

    def goes_through(response: dict[str, Any], **more: str) -> bool:
        event = {
            "id": "1",
            "time": "2026-11-23T08:00:00Z",
            "account": ACCOUNT_ID,
            "region": REGION,
            "source": "aws.ec2",
            "detail-type": "AWS API Call via CloudTrail",
            "resources": [],
            "detail": {
                "eventSource": "ec2.amazonaws.com",
                "eventName": "RunInstances",
                "responseElements": response,
                **more,
            },
        }
        answer = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        return answer["Result"]

    def launched_in(*vpc_ids: str) -> dict[str, Any]:
        return {"instancesSet": {"items": [{"vpcId": vpc_id} for vpc_id in vpc_ids]}}

    assert goes_through(launched_in(ours))
    assert goes_through(launched_in(other, ours))
    assert not goes_through(launched_in(ours), errorCode="Client.InsufficientInstanceCapacity")
    assert not goes_through(launched_in(other))
    assert not goes_through(launched_in(other, other))
    assert goes_through({"omitted": True, "originalSize": 300_000, "reason": "too large"})


def test_a_burst_of_a_thousand_launches_is_a_few_invocations(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    vpcs: dict[str, fleet.Vpc],
    source: EventSource,
    calls: list[Call],
) -> None:
    aws, vpc = embedded_aws, vpcs["event_driven"]
    frank = fleet.iam_user(aws, "frank")
    ids = [fleet.launch(aws, vpc, {"Name": "burst"}, by=frank)[0] for _ in range(1000)]

    invocations = source.drain()

    assert invocations <= 25
    assert actions(engine, calls).count("CreateTags") <= 10
    assert "LookupEvents" not in actions(engine, calls)
    creators = {i: fleet.tags_of(aws, i).get("CreatedBy") for i in ids}
    assert set(creators.values()) == {"frank"}
    assert waiting(aws, source.queue_url) == waiting(aws, engine["dead_letter_queue_url"]) == 0
    aws.client("ec2").terminate_instances(InstanceIds=ids)


def test_a_poison_event_ends_in_the_dead_letter_queue_after_three_tries(
    embedded_aws: EmbeddedAws,
    engine: dict[str, Any],
    vpcs: dict[str, fleet.Vpc],
    source: EventSource,
    calls: list[Call],
) -> None:
    aws, vpc = embedded_aws, vpcs["event_driven"]
    poison = '{"source": "aws.ec2", "detail-type": "Something Else"}'
    aws.client("sqs").send_message(QueueUrl=source.queue_url, MessageBody=poison)
    (instance,) = fleet.launch(aws, vpc, {"Name": "web"})

    tries = 0
    while waiting(aws, source.queue_url):
        tries += any(source.poll() for _ in range(3))
        aws.pass_time(timedelta(minutes=15))

    assert tries == 3
    assert fleet.tags_of(aws, instance).keys() >= ALL_THREE
    assert waiting(aws, engine["dead_letter_queue_url"]) == 1
    lines = aws.log_lines(engine["log_group_name"])
    assert any("cannot be read" in line.get("message", "") for line in lines)
    alarm = engine["dead_letter_alarm_arn"].rsplit(":", 1)[-1]
    assert aws.alarms()[alarm] == "ALARM"
    shown = set(metrics_of(aws.dashboard(engine["dashboard_name"])))
    of_queues = {metric for metric in shown if metric[0] == "AWS/SQS"}
    assert len(of_queues) == 3
    assert of_queues <= aws.metrics()

    # Both ways: what the role allows and no run of these tests needs is asked by Lambda itself.
    made = {r.action for call in made_by(engine, calls) for r in requests_of(call)}
    policies = policies_of(aws.client("iam"), engine["role_name"])
    unused = allowed_actions(policies) - made
    assert unused == {
        "cloudtrail:LookupEvents",
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "ec2:DeleteTags",
        "ec2:DescribeVpcs",
        "sqs:GetQueueAttributes",
    }
