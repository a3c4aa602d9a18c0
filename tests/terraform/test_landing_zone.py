"""examples/landing-zone: two engines side by side, one set of rules, one topic, different modes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_terraform import terraform

from tag_policy.rules.mark import read_mark
from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.iam import allowed_actions
from tests.support.past import backdate
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
    assert shared == {"topic_arn", "topic_name"}


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
        aws.fire_schedule(engines[name]["schedule_rule_name"])

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
    assert mark is not None
    assert timedelta(hours=23) < mark.time - datetime.now(UTC) <= timedelta(hours=24)
    modes = sorted(delivery.attributes["mode"] for delivery in aws.deliveries(queue))
    assert modes == ["audit", "enforce"]

    a_moment_ago = replace(mark, time=datetime.now(UTC) - timedelta(minutes=1))
    tag = {"Key": "tag-policy:due", "Value": str(a_moment_ago)}  # as if the day had passed
    aws.client("ec2").create_tags(Resources=[untagged], Tags=[tag])
    aws.fire_schedule(engines["sandbox"]["schedule_rule_name"])
    assert fleet.state_of(aws, untagged) == "terminated"


def test_what_is_deployed_to_audit_has_a_role_that_could_not_change_anything(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]]
) -> None:
    for name, may_change in (("production", False), ("sandbox", True)):
        policies = policies_of(embedded_aws.client("iam"), engines[name]["role_name"])
        actions = allowed_actions(policies)
        assert ("ec2:CreateTags" in actions) is may_change
        assert ("ec2:TerminateInstances" in actions) is may_change
        assert len(policies) == (2 if may_change else 1)
