"""What is no example: who owns the rules, other packages, and a function that fails."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.terraform import ROOT, RootModule, TerraformError
from tests.terraform.conftest import rules_in

_PROVIDER = """
provider "aws" {
  region = "eu-west-1"
}
"""

_OWNERS = (
    _PROVIDER
    + """
variable "rules_owner" {
  type = string
}

module "owned" {
  source          = "../.."
  name            = "tag-policy-owned"
  vpc_ids         = ["vpc-0a1b2c3d4e5f67890"]
  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }
  rules_table     = { owner = var.rules_owner }
}

output "table" {
  value = module.owned.rules_table_name
}
"""
)


@pytest.fixture
def vpc(embedded_aws: EmbeddedAws) -> fleet.Vpc:
    """A VPC of the test's own."""
    return fleet.create_vpc(embedded_aws)


def edit(aws: EmbeddedAws, table: str) -> None:
    item = {"TagKey": "ProjectCode", "Action": "Update", "Default": "Edited", "Required": "Y"}
    write_by_hand(aws, table, 1, item)


def write_by_hand(aws: EmbeddedAws, table: str, rule_id: int, item: Mapping[str, str]) -> None:
    texts = {name: {"S": value} for name, value in item.items()}
    aws.client("dynamodb").put_item(TableName=table, Item={"RuleId": {"N": str(rule_id)}} | texts)


def test_terraform_restores_what_it_owns_and_keeps_what_the_table_owns_and_lets_go_of_it(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    module = aws.root_module(_OWNERS, rules_owner="terraform")
    module.apply()
    table = module.outputs["table"]
    try:
        # Terraform owns the items: an edit is seen and undone.
        edit(aws, table)
        assert any("terraform_owned" in change for change in module.plan())
        module.apply()
        assert rules_in(aws, table)["1"]["Default"] == "Proj007"
        assert module.plan() == []

        # Handed over as docs/operations.md says: nothing is destroyed, and edits stay.
        items = "module.owned.aws_dynamodb_table_item"
        module.run("state", "mv", f"{items}.terraform_owned", f"{items}.table_owned")
        module.environment["TF_VAR_rules_owner"] = "table"
        edit(aws, table)
        # It is told whose the rules are, and may read what their values may be taken from.
        assert module.plan() == [
            "module.owned.aws_iam_role_policy.this[0]: update",
            "module.owned.aws_lambda_function.this: update",
        ]
        module.apply()
        assert rules_in(aws, table)["1"]["Default"] == "Edited"
        assert len(rules_in(aws, table)) == 3
    finally:
        module.destroy()


def test_an_id_that_is_in_the_table_already_is_an_error_that_names_the_rule_and_loses_nothing(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    module = aws.root_module(_OWNERS, rules_owner="table")
    module.apply()
    table = module.outputs["table"]
    try:
        by_hand = {"TagKey": "Owner", "Action": "Update", "Default": "ops"}
        write_by_hand(aws, table, 4, by_hand)
        main = module.folder / "main.tf"
        text = main.read_text()
        rule = '    4 = { tag_key = "Team", action = "Update", default = "none" }\n'
        main.write_text(text.replace("  rules = {\n", f"  rules = {{\n{rule}"))

        with pytest.raises(TerraformError) as caught:
            module.apply()

        assert 'aws_dynamodb_table_item.table_owned["4"]' in str(caught.value)
        assert "ConditionalCheckFailedException" in str(caught.value)
        assert rules_in(aws, table)["4"] == by_hand
        main.write_text(text)
    finally:
        module.destroy()


_PACKAGE = (
    _PROVIDER
    + """
variable "vpc_id" {
  type = string
}

variable "package" {
  type = object({
    filename         = optional(string)
    s3_bucket        = optional(string)
    s3_key           = optional(string)
    source_code_hash = optional(string)
  })
}

module "packaged" {
  source          = "../.."
  name            = "tag-policy-packaged"
  vpc_ids         = [var.vpc_id]
  rules = {
    1 = { tag_key = "ProjectCode", action = "Update", default = "Proj007" }
    2 = { tag_key = "CreatedBy", action = "UserLookup" }
    3 = { tag_key = "Expires", action = "Function", required = false, default = "today()" }
  }
  function        = { package = var.package }
}

output "function_name" {
  value = module.packaged.function_name
}
"""
)


def test_a_package_of_ones_own_comes_from_a_file_or_from_s3(
    embedded_aws: EmbeddedAws, vpc: fleet.Vpc, tmp_path: Any
) -> None:
    aws = embedded_aws
    shipped = (ROOT / "dist" / "tag_policy.zip").read_bytes()
    local = tmp_path / "own.zip"
    local.write_bytes(shipped)
    module = aws.root_module(_PACKAGE, vpc_id=vpc.vpc_id, package={"filename": str(local)})
    module.apply()
    try:
        assert not aws.invoke(module.outputs["function_name"]).failed

        other = with_a_file_more(shipped)
        digest = base64.b64encode(hashlib.sha256(other).digest()).decode()
        s3 = aws.client("s3")
        s3.create_bucket(
            Bucket="packages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        s3.put_object(Bucket="packages", Key="own.zip", Body=other)
        package = {"s3_bucket": "packages", "s3_key": "own.zip", "source_code_hash": digest}
        module.environment["TF_VAR_package"] = json.dumps(package)
        module.apply()

        function = aws.client("lambda").get_function(FunctionName=module.outputs["function_name"])
        assert function["Configuration"]["CodeSha256"] == digest
        assert not aws.invoke(module.outputs["function_name"]).failed
    finally:
        module.destroy()


def with_a_file_more(package: bytes) -> bytes:
    buffer = io.BytesIO(package)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("signed-by", "the organisation")
    return buffer.getvalue()


_BARE = (
    _PROVIDER
    + """
variable "vpc_id" {
  type = string
}

variable "rules" {
  type = any
}

module "bare" {
  source              = "../.."
  name                = "tag-policy-bare"
  vpc_ids             = [var.vpc_id]
  mode                = "enforce"
  rules               = var.rules
  rules_table         = { writable_tag_keys = ["CostCenter"] }

  function = {
    timeout_seconds = 300
    memory_mb       = 128
    runtime         = "python3.12"
    architecture    = "x86_64"
    log_level       = "DEBUG"
  }
}

output "bare" {
  value = module.bare
}
"""
)


@pytest.fixture
def bare(embedded_aws: EmbeddedAws, vpc: fleet.Vpc) -> Iterator[RootModule]:
    """An engine whose rules table is empty."""
    module = embedded_aws.root_module(_BARE, vpc_id=vpc.vpc_id, rules={})
    module.apply()
    yield module
    module.destroy()


def test_a_run_without_rules_fails_and_says_so_once_by_each_way(
    embedded_aws: EmbeddedAws, bare: RootModule, vpc: fleet.Vpc
) -> None:
    aws, engine = embedded_aws, bare.outputs["bare"]
    (instance,) = fleet.launch(aws, vpc, {"Name": "web"})
    queue = aws.subscribe_queue(engine["topic_arn"])

    aws.fire_schedule(engine["schedule_name"])

    report, failure = aws.deliveries(queue)
    assert "INCOMPLETE" in report.subject
    record = json.loads(failure.message)
    assert record["requestContext"]["approximateInvokeCount"] == 1, "no retry repeats the report"
    assert record["responsePayload"]["errorType"] == "RunError"
    assert "has no valid rule" in record["responsePayload"]["errorMessage"]
    assert fleet.tags_of(aws, instance) == {"Name": "web"}

    answer = aws.invoke(engine["function_name"])
    assert answer.failed
    assert answer.payload["errorType"] == "RunError"


def test_the_log_at_debug_holds_no_credentials(embedded_aws: EmbeddedAws, bare: RootModule) -> None:
    aws, engine = embedded_aws, bare.outputs["bare"]
    aws.invoke(engine["function_name"])

    log = json.dumps(aws.log_lines(engine["log_group_name"]))
    assert "has no valid rule" in log
    for secret in ("AWS4-HMAC", "Signature=", "SecretAccessKey", "x-amz-security-token"):
        assert secret.lower() not in log.lower()


def test_no_tag_key_at_all_is_refused_at_plan(embedded_aws: EmbeddedAws, vpc: fleet.Vpc) -> None:
    text = _BARE.replace('["CostCenter"]', "[]")
    module = embedded_aws.root_module(text, vpc_id=vpc.vpc_id, rules={})
    module.run("init", "-input=false")

    with pytest.raises(TerraformError, match="there is no tag key that the role may write"):
        module.run("plan", "-input=false", "-no-color")
