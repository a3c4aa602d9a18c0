"""Whole root modules of a landing zone: applied, planned again, used, changed, destroyed.

One VPC, in every example; one engine for an account; twelve VPCs in two regions; and one that
brings its own topic, table, keys and boundary, behind a depends_on.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.terraform import ROOT, RootModule
from tests.terraform.conftest import resources_of_engines

LONDON, IRELAND = "eu-west-2", "eu-west-1"


@contextmanager
def applied(module: RootModule) -> Iterator[RootModule]:
    try:
        module.apply()  # what fails halfway is destroyed, too: the next test finds nothing of it
        yield module
    finally:
        module.destroy()


@pytest.fixture(autouse=True)
def nothing_is_left(embedded_aws: EmbeddedAws) -> Iterator[None]:
    """What was there before is there after a root module has been destroyed, and nothing else."""
    before = {region: resources_of_engines(embedded_aws, region) for region in (LONDON, IRELAND)}
    yield
    for region, resources in before.items():
        left = set(resources_of_engines(embedded_aws, region)) ^ set(resources)
        assert not left, f"destroy left something, or took what is not its own, in {region}"


# One engine for an account


def test_one_engine_looks_after_the_vpcs_of_an_account_each_as_is_said_of_it(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    audited, sandbox, foreign = (fleet.create_vpc(aws) for _ in range(3))
    aws.client("ec2").create_tags(
        Resources=[audited.vpc_id, sandbox.vpc_id], Tags=[{"Key": "TagPolicy", "Value": "on"}]
    )
    module = aws.root_module(
        ROOT / "examples" / "account",
        vpc_overrides={sandbox.vpc_id: {"mode": "enforce", "untagged_action": "stop"}},
        email_subscriptions=["ops@example.com"],
    )
    with applied(module):
        assert module.plan() == [], "a second plan is empty"
        launched = [fleet.launch(aws, vpc, {"Name": "web"}) for vpc in (audited, sandbox, foreign)]
        ids = [instance_id for (instance_id,) in launched]
        answer = aws.invoke(module.outputs["function_name"])

        assert not answer.failed
        tags = [fleet.tags_of(aws, instance_id) for instance_id in ids]
        assert tags[0] == tags[2] == {"Name": "web"}
        assert tags[1]["CostCenter"] == "unassigned"
        assert answer.payload["outcomes"]["audited"] > 0


# Cost centres on all that is billed


def test_a_member_of_a_group_and_all_that_hangs_off_it_get_what_seven_rules_ask_for(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    vpc = fleet.create_vpc(aws)
    ec2 = aws.client("ec2")
    ec2.create_tags(Resources=[vpc.vpc_id], Tags=[{"Key": "CostCenter", "Value": "AB-4711"}])
    module = aws.root_module(
        ROOT / "examples" / "cost-allocation",
        vpc_id=vpc.vpc_id,
        mode="enforce",
        email_subscriptions=["ops@example.com"],
    )
    with applied(module):
        assert module.plan() == [], "a second plan is empty"
        (member,) = fleet.launch_group(aws, vpc, "billed")
        fleet.tag(aws, member, Environment="Production")
        (shown,) = ec2.describe_instances(InstanceIds=[member])["Reservations"][0]["Instances"]
        root = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        interface = shown["NetworkInterfaces"][0]["NetworkInterfaceId"]
        zone = shown["Placement"]["AvailabilityZone"]
        data = ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
        ec2.attach_volume(VolumeId=data, InstanceId=member, Device="/dev/sdf")
        fleet.tag(aws, data, CostCenter="CD-1234", Environment=" live", Backup="none")
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.associate_address(AllocationId=address, InstanceId=member)
        image = ec2.create_image(InstanceId=member, Name="of it")["ImageId"]
        of_root, of_data, other = (
            ec2.create_snapshot(VolumeId=volume)["SnapshotId"] for volume in (root, data, data)
        )
        fleet.tag(aws, other, CostCenter="EF-1", CreatedBy="bob")

        answers = [aws.invoke(module.outputs["function_name"]).payload for _ in range(2)]

        tags = {
            one: fleet.tags_of(aws, one)
            for one in (member, root, data, interface, address, image, of_root, of_data, other)
        }
        (email,) = [one for one in aws.emails() if root in one.text]
    of_the_group = {k: v for k, v in tags[member].items() if k.startswith("aws:")}
    by = tags[member]["CreatedBy"]
    handed_on = {"CostCenter": "AB-4711", "CreatedBy": by}
    assert by != "Undefined"
    assert tags == {
        member: handed_on | {"Environment": "prod"} | of_the_group,
        root: handed_on | {"Backup": "daily"},
        data: {
            "CostCenter": "CD-1234",
            "CreatedBy": by,
            "Environment": "prod",
            "Backup": "none",
        },
        interface: handed_on,
        address: handed_on,
        image: handed_on,
        of_root: handed_on,
        of_data: {"CostCenter": "CD-1234", "CreatedBy": by},
        other: {"CostCenter": "EF-1", "CreatedBy": "bob"},
    }
    assert answers[0]["rule_errors"] == 0
    assert [answer["outcomes"]["tagged"] for answer in answers] == [18, 0]
    assert [answer["outcomes"]["reported"] for answer in answers] == [2, 2]
    assert {kind: one["looked_at"] for kind, one in answers[1]["resources"].items()} == {
        "instance": 1,
        "volume": 2,
        "network-interface": 1,
        "elastic-ip": 1,
        "image": 1,
        "snapshot": 3,
    }
    for line in (
        "2 volumes that hang off them: 0 needed nothing, 6 violations.",
        f'{root}  CostCenter = "AB-4711"  required tag missing; taken from instance',
        f'{of_data}  CostCenter = "CD-1234"  required tag missing; taken from volume',
        f"{root}  Environment  required tag missing",
        f"{other}  CostCenter  'EF-1' is not allowed",
    ):
        assert line in email.text


# A whole tagging standard


def test_a_whole_standard_is_enforced_and_what_has_no_value_of_its_own_is_told(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    vpc = fleet.create_vpc(aws)
    module = aws.root_module(
        ROOT / "examples" / "tagging-standard",
        vpc_id=vpc.vpc_id,
        mode="enforce",
        email_subscriptions=["ops@example.com"],
    )
    right = {
        "Environment": "sandbox-7",
        "CostCenter": "AB-1234",
        "Team": "web",
        "Contact": "web@apps.example.org",
        "Backup": "none",
        "CreatedBy": "jane",
        "Expires": f"{date.today() + timedelta(days=30)}",
        "Runbook": "https://wiki.example.org/a, https://wiki.example.org/b",
    }
    wrong = {
        "Environment": "Staging",
        "CostCenter": "1234",
        "Team": "web",
        "Contact": "web@example.com",
        "Backup": "hourly",
        "CreatedBy": "jane",
        "Expires": "2026-01-01",
        "Runbook": "http://wiki.example.org/a",
    }
    with applied(module):
        assert module.plan() == [], "a second plan is empty"
        old = {"Environment": " Production", "CreatedBy": "jane", "cc": "AB-4711"}
        tags = (right, wrong, old)
        ids = [fleet.launch(aws, vpc, some)[0] for some in tags]
        answers = [aws.invoke(module.outputs["function_name"]).payload for _ in range(2)]

        kept, left, filled = (fleet.tags_of(aws, instance_id) for instance_id in ids)
        (email,) = [one for one in aws.emails() if ids[1] in one.text]
    assert (kept, left) == (right, wrong)
    assert filled == {
        "Environment": "prod",
        "CreatedBy": "jane",
        "Backup": "daily",
        "CostCenter": "AB-4711",
        "Team": "platform",
    }
    assert [answer["outcomes"]["tagged"] for answer in answers] == [4, 0]
    assert [answer["outcomes"]["removed"] for answer in answers] == [1, 0]
    assert [answer["outcomes"]["reported"] for answer in answers] == [7, 7]
    assert answers[0]["rule_errors"] == 0
    assert ids[0] not in email.text
    for line in (
        'Environment = "prod" (was " Production")',
        "Environment  'Staging' is not allowed; expected one of 'prod', 'test', 'dev', 'sandbox-*'"
        " - see https://wiki.example.org/tags",
        "Expires  expired: 2026-01-01 was the last day; nothing follows yet: it is younger than "
        "the minimum age - write a later date, or end it",
        "Contact  required tag missing; expected a match for ^[a-z0-9._+-]+@(example",
    ):
        assert line in email.text


# Twelve VPCs in two regions

# Names of its own: the examples that other tests have applied may still be there.
TWO_REGIONS = """
provider "aws" {
  region = "eu-west-2"
}

provider "aws" {
  alias  = "ireland"
  region = "eu-west-1"
}

variable "london" {
  type = map(string)
}

variable "ireland" {
  type = map(string)
}

locals {
  rules = {
    10 = { tag_key = "CostCenter", action = "Update", default = "unassigned" }
  }
}

module "london" {
  source   = "../.."
  for_each = var.london

  name       = "tag-policy-of-${each.key}"
  vpc_ids    = [each.value]
  rules      = local.rules
  mode       = "enforce"
  monitoring = { metrics = "off", queries = false }
}

module "ireland" {
  source    = "../.."
  for_each  = var.ireland
  providers = { aws = aws.ireland }

  name       = "tag-policy-of-${each.key}"
  vpc_ids    = [each.value]
  rules      = local.rules
  mode       = "enforce"
  monitoring = { metrics = "off", queries = false }
}

output "roles" {
  value = [for engine in concat(values(module.london), values(module.ireland)) : engine.role_name]
}

output "engines" {
  value = {
    "eu-west-2" = { for name, engine in module.london : name => engine.function_arn }
    "eu-west-1" = { for name, engine in module.ireland : name => engine.function_arn }
  }
}
"""


def test_twelve_vpcs_in_two_regions_have_an_engine_each(embedded_aws: EmbeddedAws) -> None:
    names = ["prod", "stage", "test", "dev", "shared", "sandbox"]
    vpcs = {
        region: {
            name: embedded_aws.client("ec2", region=region).create_vpc(CidrBlock="10.0.0.0/16")[
                "Vpc"
            ]["VpcId"]
            for name in names
        }
        for region in (LONDON, IRELAND)
    }
    module = embedded_aws.root_module(TWO_REGIONS, london=vpcs[LONDON], ireland=vpcs[IRELAND])
    with applied(module):
        assert module.plan() == [], "a second plan is empty"
        assert len(set(module.outputs["roles"])) == 12, "roles are global, and each is another"
        for region, engines in module.outputs["engines"].items():
            assert set(engines) == set(names)
            for name, arn in engines.items():
                assert arn.split(":")[3] == region
                configuration = embedded_aws.client("lambda", region=region).get_function(
                    FunctionName=f"tag-policy-of-{name}"
                )["Configuration"]
                told = configuration["Environment"]["Variables"]
                assert json.loads(told["TAG_POLICY_VPCS"]) == {"ids": [vpcs[region][name]]}
                assert f":{region}:" in told["TAG_POLICY_TOPIC_ARN"]


# What an organisation brings along

BROUGHT = """
provider "aws" {
  region = "eu-west-1"
}

variable "vpc_id" {
  type = string
}

variable "network" {
  type = string
}

resource "terraform_data" "network" {
  input = var.network
}

resource "aws_kms_key" "of_the_table" {
  description = "the rules"
}

resource "aws_kms_key" "of_the_topic" {
  description = "the reports"
}

resource "aws_sns_topic" "reports" {
  name              = "platform-reports"
  kms_master_key_id = aws_kms_key.of_the_topic.arn
}

resource "aws_dynamodb_table" "rules" {
  name         = "platform-tag-rules"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "RuleId"

  attribute {
    name = "RuleId"
    type = "N"
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.of_the_table.arn
  }
}

resource "aws_dynamodb_table_item" "rule" {
  table_name = aws_dynamodb_table.rules.name
  hash_key   = "RuleId"
  item = jsonencode({
    RuleId  = { N = "10" }
    TagKey  = { S = "CostCenter" }
    Action  = { S = "Update" }
    Default = { S = "unassigned" }
  })
}

resource "aws_iam_policy" "boundary" {
  name   = "platform-boundary"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]
  })
}

module "tag_policy" {
  source = "../.."

  name              = "tag-policy-brought"
  vpc_ids           = [var.vpc_id]
  mode              = "enforce"
  rules             = {}
  role              = { permissions_boundary_arn = aws_iam_policy.boundary.arn }
  event_triggers    = { state_change = true, tag_change = true }

  rules_table = {
    arn         = aws_dynamodb_table.rules.arn
    writable_tag_keys = ["CostCenter"]
    kms_key_arn = aws_kms_key.of_the_table.arn
  }

  topic = {
    arn         = aws_sns_topic.reports.arn
    kms_key_arn = aws_kms_key.of_the_topic.arn
  }

  depends_on = [terraform_data.network]
}

output "engine" {
  value = module.tag_policy
}
"""


def test_what_an_organisation_brings_is_used_and_what_is_depended_on_replaces_nothing(
    embedded_aws: EmbeddedAws,
) -> None:
    aws = embedded_aws
    vpc = fleet.create_vpc(aws)
    module = aws.root_module(BROUGHT, vpc_id=vpc.vpc_id, network="first")
    with applied(module):
        assert module.plan() == [], "a second plan is empty"
        engine: dict[str, Any] = module.outputs["engine"]
        role = aws.client("iam").get_role(RoleName=engine["role_name"])["Role"]
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("platform-boundary")
        assert engine["topic_arn"].endswith(":platform-reports")

        (instance_id,) = fleet.launch(aws, vpc, {"Name": "web"})
        answer = aws.invoke(engine["function_name"])
        assert not answer.failed
        assert fleet.tags_of(aws, instance_id)["CostCenter"] == "unassigned"

        module.environment["TF_VAR_network"] = "second"
        planned = module.planned()
        module.apply()
        actions = {c["address"]: c["change"]["actions"] for c in planned["resource_changes"]}
        assert actions["terraform_data.network"] == ["update"]
        assert [address for address, done in actions.items() if "delete" in done] == []
        now = aws.client("iam").get_role(RoleName=engine["role_name"])["Role"]
        assert now["RoleId"] == role["RoleId"]
        assert module.plan() == []
