"""What a reviewer sees in a plan, and what a plan may not do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.calls import recording
from tests.support.embedded_aws import EmbeddedAws
from tests.support.iam import allows, requests_of
from tests.support.policies import policies_of
from tests.support.terraform import ROOT, RootModule

ENGINE = """
provider "aws" {
  region = "eu-west-1"
}

variable "network" {
  type = string
}

variable "team" {
  type = string
}

resource "terraform_data" "network" {
  input = var.network
}

module "tag_policy" {
  source = "../.."

  name            = "tag-policy-plans"
  vpc_ids         = ["vpc-0a1b2c3d4e5f67890"]
  mode            = "enforce"
  untagged_action = "terminate"

  rules = {
    10 = { tag_key = "CostCenter", action = "Update", default = "unassigned" }
  }

  event_triggers = { launch = true, tag_change = true }
  config_rule    = "evaluate"
  report_bucket  = { create = true }
  monitoring     = { metrics = "full" }
  tags           = { Team = var.team }

  depends_on = [terraform_data.network]
}

output "engine" {
  value = module.tag_policy
}
"""


def change_of(plan: dict[str, Any], address: str) -> dict[str, Any]:
    (change,) = [
        changed["change"]
        for changed in plan["resource_changes"]
        if changed["address"] == f"module.tag_policy.{address}"
    ]
    return dict(change)


def is_readable(change: dict[str, Any], attribute: str) -> bool:
    """Tell whether the plan knows an attribute in full."""
    unknown = change["after_unknown"].get(attribute, False)
    return change["after"].get(attribute) is not None and "true" not in json.dumps(unknown)


def assert_a_reviewer_can_read(plan: dict[str, Any]) -> None:
    role = change_of(plan, "aws_iam_role_policy.this[0]")
    function = change_of(plan, "aws_lambda_function.this")
    lock = change_of(plan, 'aws_iam_policy.value_lock["1"]')

    assert is_readable(role, "policy")
    assert is_readable(lock, "policy")
    assert is_readable(function, "environment")
    statements = {s["Sid"]: s for s in json.loads(role["after"]["policy"])["Statement"]}
    assert all("unknown" not in json.dumps(s) for s in statements.values())
    assert statements["PublishTheReport"]["Resource"].endswith("-reports")


def test_the_first_plan_shows_what_the_role_may_do_and_what_the_function_is_told(
    embedded_aws: EmbeddedAws,
) -> None:
    module = embedded_aws.root_module(
        ROOT / "examples" / "minimal",
        vpc_id="vpc-0a1b2c3d4e5f67890",
        mode="enforce",
        untagged_action="terminate",
    )
    module.run("init", "-input=false")

    assert_a_reviewer_can_read(module.planned())


@pytest.fixture(scope="module")
def applied(embedded_aws: EmbeddedAws) -> Iterator[RootModule]:
    """An engine with everything on, behind a depends_on."""
    module = embedded_aws.root_module(ENGINE, network="first", team="platform")
    module.apply()
    yield module
    module.destroy()


def test_a_change_of_tags_hides_nothing(applied: RootModule) -> None:
    applied.environment["TF_VAR_team"] = "governance"

    plan = applied.planned()

    assert change_of(plan, "aws_lambda_function.this")["actions"] == ["update"]
    assert change_of(plan, "aws_iam_role_policy.this[0]")["actions"] == ["no-op"]
    assert_a_reviewer_can_read(plan)


def test_what_the_module_depends_on_may_change_and_nothing_is_made_anew(
    embedded_aws: EmbeddedAws, applied: RootModule
) -> None:
    iam = embedded_aws.client("iam")
    name = applied.outputs["engine"]["role_name"]
    role = iam.get_role(RoleName=name)["Role"]["RoleId"]
    applied.environment["TF_VAR_network"] = "second"

    plan = applied.planned()
    applied.apply()

    actions = {c["address"]: c["change"]["actions"] for c in plan["resource_changes"]}
    assert actions["terraform_data.network"] == ["update"], "nothing that it depends on changes"
    assert [address for address, done in actions.items() if "delete" in done] == []
    assert iam.get_role(RoleName=name)["Role"]["RoleId"] == role
    assert applied.plan() == [], "a second plan is empty"


def test_another_name_makes_anew_what_has_the_name(applied: RootModule) -> None:
    main = applied.folder / "main.tf"
    text = main.read_text()
    try:
        main.write_text(text.replace("tag-policy-plans", "tag-policy-renamed"))
        plan = applied.planned()
        of_role = 'role = { name = "corp-tags" }\n\n  rules = {'
        main.write_text(text.replace("rules = {", of_role))
        other_role = applied.planned()
    finally:
        main.write_text(text)

    for address, attribute in (
        ("aws_iam_role.this[0]", "name"),
        ('aws_iam_policy.value_lock["1"]', "name"),
        ("aws_cloudwatch_dashboard.this[0]", "dashboard_name"),
        ("aws_s3_bucket.reports[0]", "bucket"),
    ):
        change = change_of(plan, address)
        assert sorted(change["actions"]) == ["create", "delete"], address
        assert change["after"][attribute].startswith("tag-policy-renamed"), address
    for address in ("aws_iam_role.this[0]", 'aws_iam_policy.value_lock["1"]'):
        change = change_of(other_role, address)
        assert sorted(change["actions"]) == ["create", "delete"], address
        assert change["after"]["name"].startswith("corp-tags"), address
    bucket = change_of(other_role, "aws_s3_bucket.reports[0]")
    assert bucket["actions"] == ["no-op"], "it is the role's name alone"


THEIR_ROLE = """
provider "aws" {
  region = "eu-west-1"
}

module "tag_policy" {
  source = "../.."

  name            = "tag-policy-theirs"
  vpc_ids         = ["vpc-0a1b2c3d4e5f67890"]
  mode            = "enforce"
  untagged_action = "stop"

  rules = {
    10 = { tag_key = "CostCenter", action = "Update", default = "unassigned" }
  }

  role     = { arn = aws_iam_role.theirs.arn }
  function = { log_group_name = aws_cloudwatch_log_group.theirs.name }
}

resource "aws_cloudwatch_log_group" "theirs" {
  name = "/org/tag-policy"
}

resource "aws_iam_role" "theirs" {
  name = "org-tag-policy"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "theirs" {
  name   = "tag-policy-engine"
  role   = aws_iam_role.theirs.id
  policy = module.tag_policy.role_policy_json
}

resource "aws_iam_policy" "theirs" {
  name   = "org-tag-policy-value-lock"
  policy = module.tag_policy.value_lock_policy_jsons[0]
}

resource "aws_iam_role_policy_attachment" "theirs" {
  role       = aws_iam_role.theirs.name
  policy_arn = aws_iam_policy.theirs.arn
}

output "engine" {
  value = module.tag_policy
}
"""


def test_a_role_and_a_log_group_of_the_organisations_are_used_and_hold_what_the_outputs_say(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    module = aws.root_module(THEIR_ROLE)
    module.apply()
    try:
        assert module.plan() == [], "a second plan is empty"
        engine = module.outputs["engine"]
        assert engine["role_name"] == "org-tag-policy"
        with recording() as calls:
            answer = aws.invoke(engine["function_name"])
        assert not answer.failed
        policies = policies_of(aws.client("iam"), "org-tag-policy")
        made = [call for call in calls if call.role_name == "org-tag-policy"]
        assert {"Scan", "DescribeInstances"} <= {call.action for call in made}
        for request in [request for call in made for request in requests_of(call)]:
            assert allows(policies, request), request
        logs = aws.client("logs").filter_log_events(logGroupName="/org/tag-policy")["events"]
        assert any('"summary"' in event["message"] for event in logs)
    finally:
        module.destroy()
