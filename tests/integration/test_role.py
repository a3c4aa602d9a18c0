"""The role, both ways, against the policy that Terraform renders.

That each call which the function makes is allowed is asserted of every test in this folder, by the
fixture ``make_engine``. Here: that nothing is allowed which is never made, and what must not be.
"""

import itertools
from typing import Any

import pytest

from tests.integration.conftest import Engine
from tests.support import moto_config
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.iam import Request, allowed_actions, allows, requests_of
from tests.support.policies import VARIANTS

INSTANCE = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0"

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
    make_engine: Any, policies: dict[str, dict[str, Any]], variant: str
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
    assert unused == set()


CHANGES = ("ec2:CreateTags", "ec2:TerminateInstances", "ec2:StopInstances", "ec2:DeleteTags")


MARKS = {
    "ec2:TerminateInstances": "terminate at 2026-11-24T08:00:00Z: no tags at all",
    "ec2:StopInstances": "stop at 2026-11-24T08:00:00Z: no tags at all",
}
KEYS = {"ec2:CreateTags": "ProjectCode", "ec2:DeleteTags": "tag-policy:due"}


def context_of(action: str) -> dict[str, list[str]]:
    """The tags of an instance, and of the request, with which an action is allowed if ever."""
    if action in KEYS:
        return {"aws:TagKeys": [KEYS[action]]}
    return {"aws:ResourceTag/tag-policy:due": [MARKS[action]]}


def allowed_changes(policy: dict[str, Any]) -> set[str]:
    return {a for a in CHANGES if allows(policy, Request(a, INSTANCE, context_of(a)))}


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("terminate", {"ec2:CreateTags", "ec2:DeleteTags", "ec2:TerminateInstances"}),
        ("stop", {"ec2:CreateTags", "ec2:DeleteTags", "ec2:StopInstances"}),
        ("notify", {"ec2:CreateTags", "ec2:DeleteTags"}),
        ("remediate", {"ec2:CreateTags", "ec2:DeleteTags"}),
        ("audit", set()),
    ],
)
def test_the_role_may_change_what_its_inputs_ask_for_and_nothing_else(
    policies: dict[str, dict[str, Any]], variant: str, changes: set[str]
) -> None:
    assert allowed_changes(policies[variant]) == changes


def end(action: str, **tags: str) -> Request:
    context = {f"aws:ResourceTag/tag-policy:{key}": [value] for key, value in tags.items()}
    return Request(action, INSTANCE, context)


@pytest.mark.parametrize(
    ("variant", "action"),
    [("terminate", "ec2:TerminateInstances"), ("stop", "ec2:StopInstances")],
)
def test_only_a_marked_instance_can_be_ended_and_never_an_exempt_one(
    policies: dict[str, dict[str, Any]], variant: str, action: str
) -> None:
    policy, mark = policies[variant], MARKS[action]
    (other,) = set(MARKS.values()) - {mark}

    assert allows(policy, end(action, due=mark))
    for tags in ({}, {"due": ""}, {"due": "soon"}, {"due": other}):
        assert not allows(policy, end(action, **tags))
    for exemption in ("", "2026-12-31", "because"):
        assert not allows(policy, end(action, due=mark, exempt=exemption))


def test_the_mark_is_the_only_tag_that_may_be_deleted(
    policies: dict[str, dict[str, Any]],
) -> None:
    for variant in ("terminate", "stop", "notify", "remediate"):
        for keys in (["ProjectCode"], ["tag-policy:due", "Name"], ["tag-policy:exempt"], []):
            context = {"aws:TagKeys": keys} if keys else {}
            request = Request("ec2:DeleteTags", INSTANCE, context)
            assert not allows(policies[variant], request)


def test_the_mark_may_be_written_only_where_something_can_be_ended(
    policies: dict[str, dict[str, Any]],
) -> None:
    for variant, may in (("terminate", True), ("stop", True), ("notify", False), ("audit", False)):
        assert may_write(policies[variant], "tag-policy:due") is may


def test_only_the_tags_of_the_rules_may_be_written(policies: dict[str, dict[str, Any]]) -> None:
    of_the_rules = ["ProjectCode", "CreatedBy", "Expires"]
    for size in (1, 2, 3):
        for keys in itertools.combinations(of_the_rules, size):
            request = Request("ec2:CreateTags", INSTANCE, {"aws:TagKeys": keys})
            assert allows(policies["terminate"], request)

    for other in (["Name"], ["ProjectCode", "Name"], ["*"], []):
        request = Request("ec2:CreateTags", INSTANCE, {"aws:TagKeys": other} if other else {})
        assert not allows(policies["terminate"], request)


def may_write(policy: dict[str, Any], *keys: str) -> bool:
    return allows(policy, Request("ec2:CreateTags", INSTANCE, {"aws:TagKeys": keys}))


def test_what_is_written_next_to_a_creator_may_be_written_and_nothing_like_it(
    policies: dict[str, dict[str, Any]],
) -> None:
    assert may_write(policies["event-id"], "CreatedBy", "CreatedBy:event-id", "ProjectCode")
    assert not may_write(policies["event-id"], "ProjectCode:event-id")
    assert not may_write(policies["event-id"], "CreatedBy:event-time")
    assert not may_write(policies["terminate"], "CreatedBy:event-id")


def test_next_to_any_key_where_only_the_table_knows_which_of_them_hold_a_creator(
    policies: dict[str, dict[str, Any]],
) -> None:
    assert may_write(policies["shared"], "Owner", "Owner:event-time")
    assert not may_write(policies["shared"], "Owner:event-id")
    assert may_write(policies["by-hand"], "Owner", "Owner:event-id")
    assert "cloudtrail:LookupEvents" in allowed_actions(policies["by-hand"])


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:ec2:eu-west-1:123456789012:volume/vol-0123456789abcdef0",
        "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0",
        "arn:aws:ec2:eu-west-1:999999999999:instance/i-0123456789abcdef0",
    ],
)
def test_only_instances_of_this_account_and_region_may_be_changed(
    policies: dict[str, dict[str, Any]], resource: str
) -> None:
    for action in CHANGES:
        request = Request(action, resource, context_of(action))
        assert not allows(policies["terminate"], request)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:Scan", "arn:aws:dynamodb:eu-west-1:123456789012:table/other"),
        ("dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/terminate-rules"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/terminate-rules"),
        ("sns:Publish", "arn:aws:sns:eu-west-1:123456789012:other"),
        ("sns:Subscribe", "arn:aws:sns:eu-west-1:123456789012:terminate-reports"),
        ("logs:CreateLogGroup", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/x"),
        ("iam:PassRole", "*"),
    ],
)
def test_what_nobody_needs_is_not_allowed(
    policies: dict[str, dict[str, Any]], action: str, resource: str
) -> None:
    assert not allows(policies["terminate"], Request(action, resource))


def test_without_a_rule_that_looks_users_up_cloudtrail_is_not_read(
    policies: dict[str, dict[str, Any]],
) -> None:
    assert "cloudtrail:LookupEvents" not in allowed_actions(policies["no-lookup"])
    assert "cloudtrail:LookupEvents" in allowed_actions(policies["notify"])


def test_a_key_is_used_through_the_services_alone(policies: dict[str, dict[str, Any]]) -> None:
    key = str(VARIANTS["encrypted"]["kms_key_arn"])
    for service, allowed in (("dynamodb", True), ("sns", True), ("s3", False)):
        via = {"kms:ViaService": [f"{service}.eu-west-1.amazonaws.com"]}
        assert allows(policies["encrypted"], Request("kms:Decrypt", key, via)) is allowed
    assert not allows(policies["encrypted"], Request("kms:Decrypt", key))
