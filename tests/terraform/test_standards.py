"""Published tagging standards, from Terraform's text to what the deployed function does.

The files of ``tests/standards`` say whose they are. What the language of rules does not state yet
is not among them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.terraform import ROOT, RootModule

STANDARDS = ROOT / "tests" / "standards"
NAMES = ("aws-whitepaper", "moj", "nhs", "uci", "ukho")

HEAD = """
provider "aws" {
  region = "eu-west-1"
}

variable "vpcs" {
  type = map(string)
}
"""

MODULE = """
locals {{
  of_{name} = {{
    {rules}
  }}
}}

module "{name}" {{
  source          = "../.."
  name            = "standard-{name}"
  vpc_ids         = [var.vpcs["{name}"]]
  mode            = "enforce"
  untagged_action = "remediate"
  rules           = local.of_{name}.rules
  facts           = try(local.of_{name}.facts, {{}})
}}

output "{name}" {{
  value = module.{name}.function_name
}}
"""


@pytest.fixture(scope="module")
def standards(
    embedded_aws: EmbeddedAws,
) -> Iterator[tuple[RootModule, Mapping[str, fleet.Vpc]]]:
    """The engines of all standards, each with a VPC of its own."""
    vpcs = {name: fleet.create_vpc(embedded_aws) for name in NAMES}
    text = HEAD
    for name in NAMES:
        rules = (STANDARDS / f"{name}.tfvars").read_text()
        text += MODULE.format(name=name, rules=rules)
    module = embedded_aws.root_module(text, vpcs={name: vpc.vpc_id for name, vpc in vpcs.items()})
    try:
        module.apply()
        yield module, vpcs
    finally:
        module.destroy()


UKHO = {"SERVICE": "a", "SERVICE_OWNER": "b"}
ALLOCATION = "example-inc:cost-allocation"


@pytest.mark.parametrize(
    ("name", "given", "written", "reported"),
    [
        (
            "aws-whitepaper",
            {f"{ALLOCATION}:Owner": "Sales"},
            {f"{ALLOCATION}:CostCenter": "123-77"},
            {
                (f"{ALLOCATION}:ApplicationId", "missing", "https://wiki.example.com/tagging"),
                (f"{ALLOCATION}:BusinessUnitId", "missing", ""),
                (f"{ALLOCATION}:Owner", "not-allowed", ""),
            },
        ),
        (
            "moj",
            {
                "business-unit": "Platforms",
                "IsProduction": "Yes ",
                "owner": "crime apps: crime@example.gov.uk",
                "application": "X",
                "service-area": "Hosting",
            },
            {"business-unit": "LAA", "is-production": "true"},
            set(),
        ),
        (
            "nhs",
            {
                "DataClassification": "3",
                "Environment": "dev",
                "Owner": "a@nhs.net",
                "ServiceCategory": "Gold",
            },
            {"PublicFacing": "No", "TagVersion": "2.0", "Programme": "uec", "Service": "dos"},
            set(),
        ),
        (
            "ukho",
            UKHO | {"ENVIRONMENT": "prod"},
            {"ENVIRONMENT": "PRD"},
            {("RESPONSIBLE_TEAM", "missing", "")},
        ),
        ("ukho", UKHO | {"ENVIRONMENT": "dev"}, {"ENVIRONMENT": "DEV"}, set()),
        ("uci", {"uci:DeploymentSource": "tf"}, {}, {("uci:RepositorySource", "missing", "")}),
        ("uci", {"uci:DeploymentSource": "manual"}, {}, set()),
    ],
)
def test_a_standard_leads_to_what_it_says_and_to_nothing_else(
    embedded_aws: EmbeddedAws,
    standards: tuple[RootModule, Mapping[str, fleet.Vpc]],
    name: str,
    given: dict[str, str],
    written: dict[str, str],
    reported: set[tuple[str, str, str]],
) -> None:
    module, vpcs = standards
    ec2 = embedded_aws.client("ec2")
    center = {"Key": f"{ALLOCATION}:CostCenter", "Value": "123-77"}
    ec2.create_tags(Resources=[vpcs["aws-whitepaper"].subnet_ids[0]], Tags=[center])
    (instance,) = fleet.launch(embedded_aws, vpcs[name], given)
    function = module.outputs[name]
    group = f"/aws/lambda/{function}"

    def run() -> Any:
        return embedded_aws.invoke(function).payload

    first, second = run(), run()

    assert first["rule_errors"] == 0
    assert fleet.tags_of(embedded_aws, instance) == given | written
    told = {
        (line["tag_key"], line["code"], line.get("note", ""))
        for line in embedded_aws.log_lines(group)
        if line.get("resource_id") == instance and line.get("result") == "reported"
    }
    assert told == reported
    assert second["outcomes"]["tagged"] == 0
    assert second["violations"] == len(reported)
    ec2.terminate_instances(InstanceIds=[instance])
