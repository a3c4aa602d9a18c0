"""The role, both ways, against the policies that Terraform renders.

That each call which the function makes is allowed is asserted of every test in this folder, by the
fixture ``make_engine``. Here: that nothing is allowed which is never made, and that forged calls
are refused. ``test_role_table.py`` asks for everything that must be refused.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tag_policy.model.resource import ResourceType
from tests.integration.conftest import Engine
from tests.support import fleet, moto_config
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.iam import allowed_actions, enforcing, requests_of
from tests.support.policies import VARIANTS, Policies
from tests.support.role_cases import (
    ANNOUNCED,
    EXEMPTION,
    MARK,
    mark,
)

# Made by Lambda itself, with the function's role; the test of the deployed function sees them.
BY_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}

# Made by DynamoDB and SNS on behalf of the role, when the key is used through them; and asked by S3
# before it says that an object does not exist.
BY_OTHER_SERVICES = {"kms:Decrypt", "kms:GenerateDataKey", "s3:ListBucket"}

DAY = {"TAG_POLICY_GRACE_PERIOD": "24h"}

FROM = ["vpc", "auto_scaling_group"]

# What is in the table, where the rules of the other variants are not.
RULES = {
    "no-lookup": {"TagKey": "ProjectCode", "Action": "Update", "Default": "Proj007"},
    "by-hand": {"TagKey": "Owner", "Action": "UserLookup"},
    "checks": {"TagKey": "Owner", "Action": "Check"},
    "spelling": {"TagKey": "Team", "Action": "Update", "Default": "web"},
    "shared": {"TagKey": "Owner", "Action": "UserLookup", "From": FROM},
    "taking": {"TagKey": "Stage", "Action": "Update", "From": FROM},
    "escalating": {
        "TagKey": "Owner",
        "Escalate": {"isolate": "1d", "stop": "7d", "terminate": "14d"},
    },
    "stopping": {"TagKey": "Owner", "Escalate": {"stop": "7d"}},
    "hanging": {
        "TagKey": "Center",
        "ResourceTypes": [str(one) for one in ResourceType],
        "Action": "Update",
        "From": ["instance", "vpc"],
    },
}
OTHER_RULES = {
    "hanging": {2: {"TagKey": "Owner", "Action": "UserLookup"}},
    "taking": {
        2: {"TagKey": "Center", "Action": "Check", "Aliases": ["cc"], "Rename": "Y"},
        3: {"TagKey": "Old", "Action": "Remove"},
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_action_that_the_role_allows_is_one_that_the_function_makes(
    make_engine: Any, policies: dict[str, Policies], variant: str
) -> None:
    engine: Engine = make_engine(variant)
    if variant in RULES:
        engine.set_rules({1: RULES[variant]} | OTHER_RULES.get(variant, {}))
    vpcs = [engine.vpc]
    for said in VARIANTS[variant].get("vpc_overrides", {}).values():
        vpcs.append(fleet.create_vpc(engine))
        ids = {"ids": [vpc.vpc_id for vpc in vpcs]}
        engine.environment = {
            **engine.environment,
            "TAG_POLICY_VPCS": json.dumps(ids),
            "TAG_POLICY_VPC_OVERRIDES": json.dumps({vpcs[-1].vpc_id: said}),
        }
    announcing = f"announcing {variant}: terminate at 2026-11-24T08:00:00Z: untagged"
    for vpc in vpcs:
        fleet.launch(engine, vpc)
        fleet.launch(engine, vpc, {"Name": "web"})
        fleet.launch(engine, vpc, {"projectcode": "in another spelling"})  # left, and told once
        fleet.launch(engine, vpc, {"Name": "web", "tag-policy:due": announcing})
        fleet.launch(engine, vpc, {"cc": "4711", "Old": "x"})
        fleet.launch(engine, vpc, {"Owner": "jane", "tag-policy:due": announcing})
        fleet.launch_group(engine, vpc, f"{variant}-{vpc.vpc_id}")

    at_once = engine.environment
    engine.environment = {**at_once, **DAY}
    engine.run()
    engine.environment = at_once
    for vpc in vpcs:
        engine.make_spot(*fleet.launch(engine, vpc))
        engine.make_spot(*fleet.launch(engine, vpc, {"Name": "spot"}))
    engine.run()
    for _ in range(6 if "Escalate" in RULES.get(variant, {}) else 0):  # announced, done, announced
        engine.clock.sleep(timedelta(days=8).total_seconds())
        engine.environment = {**engine.environment, "TAG_POLICY_SCHEDULE": "rate(7 days)"}
        engine.run()
    if variant == "events":
        engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody="unreadable")
        engine.deliver()
        engine.run(moto_config.periodic(ACCOUNT_ID, REGION, "events"))

    made = {request.action for call in engine.calls for request in requests_of(call)}
    unused = allowed_actions(policies[variant]) - made - BY_LAMBDA - BY_OTHER_SERVICES
    assert unused == set()


# What somebody forges who has the role.


def test_a_tagged_instance_with_a_stale_mark_cannot_be_ended_by_a_forged_call(
    engine: Engine, policies: dict[str, Policies]
) -> None:
    stale = {MARK: mark("terminate", "terminate", ANNOUNCED)}
    ec2 = engine.client("ec2")
    untagged = engine.launch(stale)
    kept = [
        engine.launch(stale | more)
        for more in ({"Name": "db"}, {"name": "db"}, {"CreatedBy": "x"}, {EXEMPTION: ""})
    ]

    with enforcing(policies["terminate"]):
        for instance_id in kept:
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                ec2.terminate_instances(InstanceIds=[instance_id])
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            ec2.terminate_instances(InstanceIds=[untagged, *kept])
        ec2.terminate_instances(InstanceIds=[untagged])

    assert {engine.state(instance_id) for instance_id in kept} == {"running"}
    assert engine.state(untagged) == "terminated"


def test_a_tag_that_is_only_checked_cannot_be_written_and_keeps_its_instance_from_being_ended(
    make_engine: Any, policies: dict[str, Policies]
) -> None:
    engine: Engine = make_engine("checks")
    ec2 = engine.client("ec2")
    stale = {MARK: mark("checks", "stop", ANNOUNCED)}
    untagged, owned = engine.launch(stale), engine.launch(stale | {"Owner": "jane"})
    staged = engine.launch(stale | {"stage": "prod"})

    with enforcing(policies["checks"]):
        for instance_id in (untagged, owned):
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "Owner", "Value": "x"}])
        for instance_id in (owned, staged):
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                ec2.stop_instances(InstanceIds=[instance_id])
        ec2.stop_instances(InstanceIds=[untagged])

    assert engine.tags(owned)["Owner"] == "jane"
    assert engine.state(owned) == engine.state(staged) == "running"


def test_only_the_keys_of_rules_that_may_change_values_can_be_written_over(
    make_engine: Any, policies: dict[str, Policies]
) -> None:
    engine: Engine = make_engine("spelling")
    ec2 = engine.client("ec2")
    written = engine.launch({"Stage": "Prod", "Backup": "x", "Team": "db"})

    with enforcing(policies["spelling"]):
        for key in ("Stage", "Backup"):
            ec2.create_tags(Resources=[written], Tags=[{"Key": key, "Value": "y"}])
        for key in ("Team", "Name"):
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                ec2.create_tags(Resources=[written], Tags=[{"Key": key, "Value": "y"}])

    assert engine.tags(written) == {"Stage": "y", "Backup": "y", "Team": "db"}


def test_a_value_that_somebody_wrote_cannot_be_overwritten_by_a_forged_call(
    engine: Engine, policies: dict[str, Policies]
) -> None:
    ec2 = engine.client("ec2")
    written = engine.launch({"ProjectCode": "P1"})
    spelt = engine.launch({"projectcode": "P1"})
    blank = engine.launch({"ProjectCode": ""})

    with enforcing(policies["terminate"]) as refused:
        for instance_id in (written, spelt):
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                ec2.create_tags(
                    Resources=[instance_id], Tags=[{"Key": "ProjectCode", "Value": "x"}]
                )
        for instance_id in (written, blank):
            tags = [{"Key": "CreatedBy", "Value": "jane"}]
            ec2.create_tags(Resources=[instance_id], Tags=tags)
        ec2.create_tags(Resources=[blank], Tags=[{"Key": "ProjectCode", "Value": "x"}])

    assert len(refused) == 2
    assert engine.tags(written) == {"ProjectCode": "P1", "CreatedBy": "jane"}
    assert engine.tags(spelt) == {"projectcode": "P1"}
    assert engine.tags(blank) == {"ProjectCode": "x", "CreatedBy": "jane"}
