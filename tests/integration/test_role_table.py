"""What the role may do and what it may not, asked of what Terraform renders; and IAM's limits.

The table is ``tests/support/role_cases.py``. No part of a policy can go without an answer that
changes: ``test_role_mutants.py``.
"""

import copy
import json
from typing import Any

import pytest

from tests.support.iam import allowed_actions, allows, refuses
from tests.support.policies import SHAPES, Policies
from tests.support.role_cases import (
    BY_RULES,
    DELETING,
    ENDING,
    EXEMPTION,
    HANGING,
    ISOLATING,
    MARK,
    NEVER_ENDING,
    OTHERS,
    OVERWRITING,
    TAKING_BACK,
    WRITING,
    Case,
)


@pytest.fixture(autouse=True)
def _in_process_aws() -> None:
    """No call is made here, so that nothing has to answer."""


def check(policies: dict[str, Policies], case: Case) -> None:
    answer = allows if case.allowed else refuses
    assert answer(policies[case.variant], case.request), case.request


@pytest.mark.parametrize("case", ENDING, ids=str)
def test_only_an_untagged_instance_with_this_engines_mark_can_be_ended_and_no_exempt_one(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", BY_RULES, ids=str)
def test_what_has_tags_can_be_ended_only_where_a_rule_has_marked_it_and_may_go_so_far(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", ISOLATING, ids=str)
def test_what_isolates_is_no_other_group_than_is_given_and_in_no_other_vpc(
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


@pytest.mark.parametrize("case", DELETING, ids=str)
def test_only_what_a_rule_renames_or_forbids_can_be_deleted_and_nothing_of_an_exempt_instance(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", HANGING, ids=str)
def test_of_what_hangs_off_instances_only_the_tags_of_rules_are_touched(
    policies: dict[str, Policies], case: Case
) -> None:
    check(policies, case)


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_what_nobody_needs_is_not_allowed(policies: dict[str, Policies], case: Case) -> None:
    check(policies, case)


def test_in_audit_mode_nothing_can_be_changed(policies: dict[str, Policies]) -> None:
    changes = {a for a in allowed_actions(policies["audit"]) if a.startswith("ec2:")}

    assert all(action.startswith("ec2:Describe") for action in changes)
    assert "ec2:DescribeInstances" in changes


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
        if statement["Sid"] == "WriteTheTagsOfTheRules"
        for key in texts(statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"])
    }
    locked = [
        statement["Condition"]["ForAnyValue:StringEquals"]["aws:TagKeys"]
        for lock in locks
        for statement in lock["Statement"]
    ]

    may_be_written_over = {"spelling": {"Stage", "Backup"}, "taking": {"Center", "Team"}}
    assert sorted(locked) == sorted(writable - {MARK} - may_be_written_over.get(shape, set()))


@pytest.mark.parametrize(
    ("name", "uses_of_the_mark", "kept"),
    [
        ("n" * 40, 6, 5_800 + 2 * 300 + 20),
        ("e" * 40, 7, 5_800 + 2 * 300 + 20 + 900 + 800),
        ("d" * 40, 6, 5_800 + 2 * 300 + 20 + 420),
        ("h" * 40, 7, 5_800 + 2 * 300 + 20 + 420 + 330 + 150 * 5),
        ("i" * 40, 11, 5_800 + 2 * 300 + 20 + 900 + 2 * 800 + 3 * 500 + 700 + 2 * 160),
    ],
    ids=[
        "one end",
        "two ends, in a VPC",
        "one end, and tags are deleted",
        "the same, of every type",
        "all ends, by rules too",
    ],
)
def test_the_room_that_is_kept_for_the_rest_of_the_roles_policy_is_enough(
    policies: dict[str, Policies], name: str, uses_of_the_mark: int, kept: int
) -> None:
    own = copy.deepcopy(policies[name][0])  # everything that makes it long
    for statement in own["Statement"]:
        if statement["Sid"] == "WriteTheTagsOfTheRules":
            statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"] = []
        if statement["Sid"].endswith("MarkedUntaggedInstances"):
            statement["Condition"]["Null"] = {}
    longer = len("aws-iso-b:ap-southeast-7") - len("aws:eu-west-1")
    arns = json.dumps(own).count("arn:aws:")

    own_keys = uses_of_the_mark * len(f'"{MARK}",') + len(f'"{EXEMPTION}",')
    if name.startswith(("d", "h")):
        own_keys += len(f'"{EXEMPTION}",') + len('"cc",')

    assert characters(own) + arns * longer - own_keys <= kept  # two keys are given
