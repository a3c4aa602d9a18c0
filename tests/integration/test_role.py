"""The role, both ways, against the policies that Terraform renders.

That each call which the function makes is allowed is asserted of every test in this folder, by the
fixture ``make_engine``. Here: that nothing is allowed which is never made, and what must not be.
``tests/support/role_cases.py`` is the table of that.
"""

import copy
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import Engine
from tests.support import moto_config
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.iam import allowed_actions, allows, enforcing, refuses, requests_of
from tests.support.policies import REMEMBERING, SHAPES, VARIANTS, Policies
from tests.support.role_cases import (
    ANNOUNCED,
    ENDING,
    EXEMPTION,
    MARK,
    NEVER_ENDING,
    OTHERS,
    OVERWRITING,
    TAKING_BACK,
    WRITING,
    Case,
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

# What is in the table, where the rules of the other variants are not.
RULES = {
    "no-lookup": {"TagKey": "ProjectCode", "Action": "Update", "Default": "Proj007"},
    "by-hand": {"TagKey": "Owner", "Action": "UserLookup"},
    "shared": {"TagKey": "Owner", "Action": "UserLookup"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_action_that_the_role_allows_is_one_that_the_function_makes(
    make_engine: Any, policies: dict[str, Policies], variant: str
) -> None:
    engine: Engine = make_engine(variant)
    if variant in RULES:
        engine.set_rules({1: RULES[variant]})
    engine.launch()
    engine.launch({"Name": "web"})
    engine.launch({"Name": "web", "tag-policy:due": "of an earlier run"})

    engine.run()
    if variant == "events":
        engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody="unreadable")
        engine.deliver()
        engine.run(moto_config.periodic(ACCOUNT_ID, REGION, "events"))

    made = {request.action for call in engine.calls for request in requests_of(call)}
    unused = allowed_actions(policies[variant]) - made - BY_LAMBDA - BY_OTHER_SERVICES
    assert unused - REMEMBERING == set()


def check(policies: dict[str, Policies], case: Case) -> None:
    answer = allows if case.allowed else refuses
    assert answer(policies[case.variant], case.request), case.request


@pytest.mark.parametrize("case", ENDING, ids=str)
def test_only_an_untagged_instance_with_this_engines_mark_can_be_ended_and_no_exempt_one(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", NEVER_ENDING, ids=str)
def test_nothing_can_be_ended_where_the_deployment_does_not_say_so(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", WRITING, ids=str)
def test_only_the_tags_of_the_rules_and_the_mark_can_be_written(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", OVERWRITING, ids=str)
def test_no_value_can_be_overwritten(policies: dict[str, Policies], case: Case) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", TAKING_BACK, ids=str)
def test_only_the_mark_can_be_taken_back(policies: dict[str, Policies], case: Case) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_what_nobody_needs_is_not_allowed(policies: dict[str, Policies], case: Case) -> None:
    check(policies, case)


def test_in_audit_mode_nothing_can_be_changed(policies: dict[str, Policies]) -> None:
    changes = {a for a in allowed_actions(policies["audit"]) if a.startswith("ec2:")}

    assert changes == {"ec2:DescribeInstances", "ec2:DescribeVpcs"}


# The same, as calls that somebody forges who has the role.


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


# IAM's limits: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html


def characters(policy: dict[str, Any]) -> int:
    """Count as IAM does: white space is not counted, but inside texts it is here."""
    return len(json.dumps(policy, separators=(",", ":")))


def texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("shape", SHAPES)
def test_every_policy_fits(policies: dict[str, Policies], shape: str) -> None:
    own, *locks = policies[shape]

    assert characters(own) <= 10_240
    assert len(locks) <= 3
    assert all(characters(lock) <= 6_144 for lock in locks)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_tag_key_of_the_rules_that_can_be_written_is_locked(
    policies: dict[str, Policies], shape: str
) -> None:
    own, *locks = policies[shape]
    writable = {
        key
        for statement in own["Statement"]
        if statement["Action"] == "ec2:CreateTags"
        for key in texts(statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"])
    }
    locked = [
        statement["Condition"]["ForAnyValue:StringEquals"]["aws:TagKeys"]
        for lock in locks
        for statement in lock["Statement"]
    ]

    assert sorted(locked) == sorted(writable - {MARK})


def test_the_room_that_is_kept_for_the_rest_of_the_roles_policy_is_enough(
    policies: dict[str, Policies],
) -> None:
    own = copy.deepcopy(policies["n" * 40][0])  # everything that makes it long
    for statement in own["Statement"]:
        if statement["Action"] == "ec2:CreateTags":
            statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"] = []
        if statement["Sid"] == "TerminateMarkedUntaggedInstances":
            statement["Condition"]["Null"] = {}
    longer = len("aws-iso-b:ap-southeast-7") - len("aws:eu-west-1")
    arns = json.dumps(own).count("arn:aws:")

    assert characters(own) + arns * longer <= 5_600
