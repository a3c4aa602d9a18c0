"""examples/shared-rules: one table, kept by hand, for two engines."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_terraform import terraform

from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.past import backdate
from tests.terraform.conftest import rules_in, second_plan

SHARED_RULES = terraform("shared-rules", scope="session", replay=False, name="shared_rules")


@pytest.fixture(scope="session")
def engines(shared_rules: Any) -> dict[str, dict[str, Any]]:
    """The outputs of the module, by engine."""
    return {name: shared_rules.outputs[name]["value"] for name in ("production", "sandbox")}


@SHARED_RULES
def test_a_second_plan_is_empty(shared_rules: Any) -> None:
    assert second_plan(shared_rules) == []


def test_there_is_one_table(embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]]) -> None:
    tables = embedded_aws.client("dynamodb").list_tables()["TableNames"]

    assert engines["sandbox"]["rules_table_arn"] == engines["production"]["rules_table_arn"]
    assert "shared-rules-sandbox-rules" not in tables


def test_what_is_edited_in_the_table_stays_and_both_engines_follow_it(
    embedded_aws: EmbeddedAws,
    engines: dict[str, dict[str, Any]],
    vpcs: dict[str, fleet.Vpc],
    shared_rules: Any,
) -> None:
    aws, table = embedded_aws, engines["production"]["rules_table_name"]
    dynamodb = aws.client("dynamodb")
    dynamodb.update_item(
        TableName=table,
        Key={"RuleId": {"N": "1"}},
        UpdateExpression="SET #default = :value",
        ExpressionAttributeNames={"#default": "Default"},
        ExpressionAttributeValues={":value": {"S": "Edited"}},
    )
    further = {"TagKey": "CostCenter", "Action": "Update", "Default": "unassigned"}
    dynamodb.put_item(
        TableName=table,
        Item={"RuleId": {"N": "40"}} | {name: {"S": value} for name, value in further.items()},
    )
    by_vpc = {
        "production": fleet.launch(aws, vpcs["shared_production"], {"Name": "a"})[0],
        "sandbox": fleet.launch(aws, vpcs["shared_sandbox"], {"Name": "b"})[0],
    }

    for name, instance in by_vpc.items():
        answer = aws.invoke(engines[name]["function_name"])
        assert not answer.failed
        tags = fleet.tags_of(aws, instance)
        assert tags["ProjectCode"] == "Edited"
        assert tags["CostCenter"] == "unassigned"

    assert second_plan(shared_rules) == []
    assert rules_in(aws, table)["1"]["Default"] == "Edited"


def test_a_stopped_instance_was_stopped_by_the_engine_that_stops(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]], vpcs: dict[str, fleet.Vpc]
) -> None:
    aws = embedded_aws
    (production,) = fleet.launch(aws, vpcs["shared_production"])
    (sandbox,) = fleet.launch(aws, vpcs["shared_sandbox"])
    for instance in (production, sandbox):
        backdate(instance, timedelta(hours=1))

    for engine in engines.values():
        aws.invoke(engine["function_name"])

    assert fleet.state_of(aws, production) == "running"
    assert fleet.state_of(aws, sandbox) == "stopped"


def test_a_schedule_in_a_time_zone_wakes_its_engine(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]], vpcs: dict[str, fleet.Vpc]
) -> None:
    aws, sandbox = embedded_aws, engines["sandbox"]
    name, group = sandbox["schedule_name"], sandbox["function_name"]
    schedule = aws.client("scheduler").get_schedule(Name=name, GroupName=group)
    (instance,) = fleet.launch(aws, vpcs["shared_sandbox"], {"Name": "zoned"})

    aws.fire_schedule(name)

    assert schedule["Arn"] == sandbox["schedule_arn"]
    assert schedule["ScheduleExpression"] == "cron(0 19 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert fleet.tags_of(aws, instance)["ProjectCode"]


def test_the_embedded_scheduler_knows_time_zones_as_aws_does(
    embedded_aws: EmbeddedAws, engines: dict[str, dict[str, Any]]
) -> None:
    scheduler, sandbox = embedded_aws.client("scheduler"), engines["sandbox"]
    made = scheduler.get_schedule(Name=sandbox["schedule_name"], GroupName=sandbox["function_name"])
    same = {name: made[name] for name in ("FlexibleTimeWindow", "ScheduleExpression", "Target")}

    with pytest.raises(scheduler.exceptions.ValidationException, match="Timezone"):
        scheduler.create_schedule(Name="no", ScheduleExpressionTimezone="Europe/Berlinn", **same)
