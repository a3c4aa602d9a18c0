"""Other people's Terraform: what their next plan does to the tags that the engine has written.

docs/other-terraform.md says it in words.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.terraform import RootModule

ENGINE = """
provider "aws" {
  region = "eu-west-1"
}

module "tag_policy" {
  source  = "../.."
  name    = "tag-policy-others"
  vpc_ids = ["vpc-0a1b2c3d4e5f67890"]

  rules = {
    10 = { tag_key = "CostCenter", action = "Update", default = "unassigned" }
    20 = { tag_key = "Owner", action = "UserLookup" }
  }
  creator = { details = "event_id" }
}

output "ignore_tags" {
  value = module.tag_policy.ignore_tags
}
"""

THEIRS = """
variable "subnet_id" {
  type = string
}

variable "ignored" {
  type    = list(string)
  default = []
}

variable "owner" {
  type    = string
  default = null
}

provider "aws" {
  region = "eu-west-1"

  default_tags {
    tags = { Team = "web" }
  }

  ignore_tags {
    keys = var.ignored
  }
}

resource "aws_instance" "this" {
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = var.subnet_id
  tags          = merge({ Name = "web" }, var.owner == null ? {} : { Owner = var.owner })
}
"""


@pytest.fixture(scope="module")
def ignore_tags(embedded_aws: EmbeddedAws) -> list[str]:
    """The output of the module: which tags others should ignore."""
    module = embedded_aws.root_module(ENGINE)
    module.run("init", "-input=false")
    keys: list[str] = module.planned()["planned_values"]["outputs"]["ignore_tags"]["value"]["keys"]
    return keys


@pytest.fixture
def theirs(embedded_aws: EmbeddedAws) -> Iterator[RootModule]:
    """An instance of somebody else's Terraform."""
    vpc = fleet.create_vpc(embedded_aws)
    module = embedded_aws.root_module(THEIRS, subnet_id=vpc.subnet_ids[0])
    module.apply()
    yield module
    module.destroy()


def instance_of(module: RootModule) -> str:
    state = json.loads(module.run("show", "-json"))
    (resource,) = state["values"]["root_module"]["resources"]
    return str(resource["values"]["id"])


def engine_tags(aws: EmbeddedAws, instance_id: str) -> None:
    """Write what the engine would write."""
    written = {
        "CostCenter": "unassigned",
        "Owner": "jane@example.com",
        "Owner:event-id": "a5c6",
        "tag-policy:due": "announcing tag-policy-others: stop",
    }
    aws.client("ec2").create_tags(
        Resources=[instance_id], Tags=[{"Key": k, "Value": v} for k, v in written.items()]
    )


def tags_planned(module: RootModule) -> dict[str, Any]:
    (change,) = module.planned()["resource_changes"]
    return dict(change["change"]["after"]["tags_all"])


def test_without_the_block_the_next_plan_takes_the_tags_off(
    embedded_aws: EmbeddedAws, theirs: RootModule
) -> None:
    engine_tags(embedded_aws, instance_of(theirs))

    assert theirs.plan() == ["aws_instance.this: update"]
    assert tags_planned(theirs) == {"Name": "web", "Team": "web"}


def test_with_the_block_the_plan_is_empty_and_the_tags_stay(
    embedded_aws: EmbeddedAws, theirs: RootModule, ignore_tags: list[str]
) -> None:
    instance_id = instance_of(theirs)
    engine_tags(embedded_aws, instance_id)
    before = fleet.tags_of(embedded_aws, instance_id)
    theirs.environment["TF_VAR_ignored"] = json.dumps(ignore_tags)

    assert ignore_tags == ["CostCenter", "Owner", "Owner:event-id", "tag-policy:due"]
    assert theirs.plan() == []
    theirs.apply()
    assert fleet.tags_of(embedded_aws, instance_id) == before


def test_a_tag_that_they_set_themselves_does_not_belong_into_their_block(
    embedded_aws: EmbeddedAws, theirs: RootModule, ignore_tags: list[str]
) -> None:
    theirs.environment["TF_VAR_owner"] = "team-web"
    theirs.environment["TF_VAR_ignored"] = json.dumps(ignore_tags)
    theirs.apply()
    assert theirs.plan() == ["aws_instance.this: update"], "planned for ever, and never done"

    theirs.environment["TF_VAR_ignored"] = json.dumps([k for k in ignore_tags if k != "Owner"])
    theirs.apply()

    assert fleet.tags_of(embedded_aws, instance_of(theirs))["Owner"] == "team-web"
    assert theirs.plan() == []
