"""Real Terraform and the real AWS provider against the embedded AWS."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import fleet
from tests.support.embedded_aws import REGION, EmbeddedAws
from tests.support.terraform import changes_of_plan


@pytest.fixture(scope="session")
def started_aws(_no_real_aws: None) -> Iterator[EmbeddedAws]:
    """The embedded AWS, with nothing in it."""
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture(scope="session")
def vpcs(started_aws: EmbeddedAws) -> dict[str, fleet.Vpc]:
    """A VPC for each variable of an example that wants one."""
    names = (
        "minimal",
        "production",
        "sandbox",
        "shared_production",
        "shared_sandbox",
        "event_driven",
        "config_rule",
        "reported",
        "reported_too",
    )
    return {name: fleet.create_vpc(started_aws) for name in names}


@pytest.fixture(scope="session", autouse=True)
def embedded_aws(started_aws: EmbeddedAws, vpcs: dict[str, fleet.Vpc]) -> Iterator[EmbeddedAws]:
    """The embedded AWS, and an environment in which pytest-terraform's Terraform uses it.

    pytest-terraform takes its variables from the environment, so they are all set here. When the
    examples have been destroyed, nothing of theirs may be left.
    """
    aws = started_aws
    with pytest.MonkeyPatch.context() as patch:
        variables = {
            # examples/minimal
            "vpc_id": vpcs["minimal"].vpc_id,
            "mode": "enforce",
            "untagged_action": "terminate",
            "grace_period": "0s",
            "email_subscriptions": json.dumps(["ops@example.com"]),
            # examples/landing-zone
            "vpcs": json.dumps(
                {
                    "production": {"vpc_id": vpcs["production"].vpc_id},
                    "sandbox": {
                        "vpc_id": vpcs["sandbox"].vpc_id,
                        "mode": "enforce",
                        "untagged_action": "terminate",
                    },
                }
            ),
            # examples/shared-rules
            "production_vpc_id": vpcs["shared_production"].vpc_id,
            "sandbox_vpc_id": vpcs["shared_sandbox"].vpc_id,
            # examples/event-driven
            "event_driven_vpc_id": vpcs["event_driven"].vpc_id,
            # examples/config-rule
            "evaluated_vpc_id": vpcs["config_rule"].vpc_id,
            # examples/reports
            "reported_vpc_ids": json.dumps([vpcs["reported"].vpc_id, vpcs["reported_too"].vpc_id]),
        }
        for name in [name for name in os.environ if name.startswith(("AWS_", "TF_"))]:
            patch.delenv(name)
        for name, value in aws.aws_environment.items():
            patch.setenv(name, value)
        for name, value in variables.items():
            patch.setenv(f"TF_VAR_{name}", value)
        yield aws
        assert resources_of_engines(aws) == [], "destroy left something"


def resources_of_engines(aws: EmbeddedAws, region: str = REGION) -> list[str]:
    """Return the names of everything that an engine is made of and that is there."""

    def client(service: str) -> Any:
        return aws.client(service, region=region)

    functions = client("lambda").list_functions()["Functions"]
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    return [
        *(function["FunctionName"] for function in functions),
        *client("dynamodb").list_tables()["TableNames"],
        *client("sqs").list_queues(QueueNamePrefix="tag-policy").get("QueueUrls", []),
        *(
            rule["ConfigRuleName"]
            for rule in client("config").describe_config_rules()["ConfigRules"]
        ),
        *(
            one["DashboardName"]
            for one in client("cloudwatch").list_dashboards()["DashboardEntries"]
        ),
        *(
            query["name"]
            for query in client("logs").describe_query_definitions()["queryDefinitions"]
        ),
        *(
            bucket["Name"]
            for bucket in client("s3").list_buckets()["Buckets"]
            if bucket["Name"].startswith("tag-policy")
        ),
        *(topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
        *(rule["Name"] for rule in client("events").list_rules()["Rules"]),
        *(alarm["AlarmName"] for alarm in alarms),
        *(
            policy["PolicyName"]
            for policy in client("iam").list_policies(Scope="Local")["Policies"]
            if policy["PolicyName"].startswith("tag-policy")
        ),
        *(
            role["RoleName"]
            for role in client("iam").list_roles()["Roles"]
            if role["RoleName"].startswith("tag-policy")
        ),
    ]


def second_plan(stack: Any) -> list[str]:
    """Return what Terraform would change in a stack of pytest-terraform's, a line a resource."""
    runner = stack.terraform
    return changes_of_plan(
        runner.module_dir,
        os.environ | {"TF_DATA_DIR": runner.work_dir},
        f"-state={runner.state_path}",
    )


def rules_in(aws: EmbeddedAws, table: str) -> dict[str, dict[str, str]]:
    """Return the items of a rules table by RuleId, without their types."""
    items = aws.client("dynamodb").scan(TableName=table)["Items"]
    return {
        item["RuleId"]["N"]: {k: v["S"] for k, v in item.items() if k != "RuleId"} for item in items
    }
