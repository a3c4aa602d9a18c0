"""examples/landing-zone: two engines side by side, one set of rules, one topic, different modes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_terraform import terraform

from tag_policy.model.mark import Mark
from tag_policy.rules.mark import read_mark
from tests.support import fleet
from tests.support.calls import Call, recording
from tests.support.embedded_aws import EmbeddedAws
from tests.support.iam import allowed_actions, enforcing
from tests.support.past import backdate, make_due
from tests.support.policies import policies_of
from tests.terraform.conftest import rules_in, second_plan

LANDING_ZONE = terraform("landing-zone", scope="session", replay=False, name="landing_zone")

RULES = {
    "10": {"TagKey": "CostCenter", "Action": "Update", "Required": "Y", "Default": "unassigned"},
    "20": {"TagKey": "Owner", "Action": "UserLookup", "Required": "Y", "Default": "platform-team"},
    "30": {"TagKey": "FirstSeen", "Action": "Function", "Required": "N", "Default": "today()"},
}


@pytest.fixture(scope="session")
def engines(landing_zone: Any) -> dict[str, dict[str, Any]]:
    """The outputs of the module, by VPC."""
    outputs: dict[str, dict[str, Any]] = landing_zone.outputs["engines"]["value"]
    return outputs


@LANDING_ZONE
def test_a_second_plan_is_empty(landing_zone: Any) -> None:
    assert second_plan(landing_zone) == []


def test_the_engines_share_nothing_but_the_topic(engines: dict[str, dict[str, Any]]) -> None:
    production, sandbox = engines["production"], engines["sandbox"]

    made = {name for name, value in production.items() if value}
    shared = {name for name in made if production[name] == sandbox[name]}
    assert shared == {"ignore_tags", "metrics_namespace", "topic_arn", "topic_name"}


def test_each_has_the_rules_of_the_landing_zone(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]]
) -> None:
    for engine in engines.values():
        assert rules_in(embedded_aws, engine["rules_table_name"]) == RULES


def test_a_new_vpc_is_audited_and_the_other_is_put_right(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]], vpcs: dict[str, fleet.Vpc]
) -> None:
    aws = embedded_aws
    launched: dict[str, tuple[str, str]] = {}
    for name in ("production", "sandbox"):
        (tagged,), (untagged,) = (
            fleet.launch(aws, vpcs[name], tags) for tags in ({"Name": "web"}, None)
        )
        backdate(untagged, timedelta(hours=1))
        launched[name] = (tagged, untagged)
    queue = aws.subscribe_queue(engines["sandbox"]["topic_arn"])

    for name in ("production", "sandbox"):
        aws.fire_schedule(engines[name]["schedule_name"])

    tagged, untagged = launched["production"]
    assert fleet.tags_of(aws, tagged) == {"Name": "web"}
    assert (fleet.state_of(aws, untagged), fleet.tags_of(aws, untagged)) == ("running", {})
    tagged, untagged = launched["sandbox"]
    lookup = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": tagged}]
    )
    event_ids = [event["EventId"] for event in lookup["Events"]]
    assert fleet.tags_of(aws, tagged)["CostCenter"] == "unassigned"
    assert fleet.tags_of(aws, tagged)["Owner"] == "root"
    assert fleet.tags_of(aws, tagged)["Owner:event-id"] in event_ids
    assert fleet.state_of(aws, untagged) == "running"
    mark = read_mark(fleet.tags_of(aws, untagged)["tag-policy:due"])
    assert isinstance(mark, Mark)
    assert timedelta(hours=23) < mark.time - datetime.now(UTC) <= timedelta(hours=24)
    modes = sorted(delivery.attributes["mode"] for delivery in aws.deliveries(queue))
    assert modes == ["audit", "enforce"]
    aws.client("ec2").terminate_instances(InstanceIds=[tagged, untagged])


def test_what_was_announced_is_ended_a_day_later_unless_its_owner_acts(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]], vpcs: dict[str, fleet.Vpc]
) -> None:
    aws, engine = embedded_aws, engines["sandbox"]
    kept, ended = fleet.launch(aws, vpcs["sandbox"], count=2)
    for instance in (kept, ended):
        backdate(instance, timedelta(hours=1))
    queue = aws.subscribe_queue(engine["topic_arn"])
    role = engine["role_name"]
    policies = policies_of(aws.client("iam"), role)

    with enforcing(policies, lambda call: call.role_name == role) as refused:
        # A first run tells people, remembers that, and only then gives both the mark that counts.
        with recording() as calls:
            aws.fire_schedule(engine["schedule_name"])
        (message,) = aws.deliveries(queue)
        told = {f["resource_id"]: f["due"] for f in json.loads(message.message)["findings"]}
        marks = {i: fleet.tags_of(aws, i)["tag-policy:due"] for i in (kept, ended)}
        assert told.keys() == {kept, ended}
        assert all(f"tag-policy-sandbox: {told[i]}: untagged, ann" in marks[i] for i in marks)
        assert written_and_told(calls) == ["announcing", "message", "remembered", "mark"]

        # The owner of one acts. A day later, the other is due.
        name = [{"Key": "Name", "Value": "web"}]
        aws.client("ec2").create_tags(Resources=[kept], Tags=name)
        make_due(aws, ended, engine["state_table_name"], "tag-policy:due")
        with recording() as calls:
            aws.fire_schedule(engine["schedule_name"])

    assert refused == []
    assert fleet.state_of(aws, ended) == "terminated"
    assert fleet.state_of(aws, kept) == "running"
    tags = fleet.tags_of(aws, kept)
    assert "tag-policy:due" not in tags
    assert (tags["Name"], tags["CostCenter"]) == ("web", "unassigned")
    actions = [call.action for call in calls if call.role_name == role]
    before = actions[actions.index("TerminateInstances") - 1]
    assert before == "DescribeInstances", "nothing stands between the look and the end"
    (message,) = aws.deliveries(queue)
    assert {message.attributes["terminated"], message.attributes["marked"]} == {"1", "0"}


def written_and_told(calls: Sequence[Call]) -> list[str]:
    """Return the steps in which people were told, in order."""
    steps: list[str] = []
    for call in calls:
        match call.action:
            case "CreateTags":
                (tag,) = call.parameters["Tags"]
                steps.append("announcing" if tag["Value"].startswith("announcing ") else "mark")
            case "Publish":
                steps.append("message")
            case "BatchWriteItem":
                steps.append("remembered")
    return steps


def test_what_is_deployed_to_audit_has_a_role_that_could_not_change_anything(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]]
) -> None:
    for name, may_change in (("production", False), ("sandbox", True)):
        policies = policies_of(embedded_aws.client("iam"), engines[name]["role_name"])
        actions = allowed_actions(policies)
        assert ("ec2:CreateTags" in actions) is may_change
        assert ("ec2:TerminateInstances" in actions) is may_change
        assert len(policies) == (2 if may_change else 1)
