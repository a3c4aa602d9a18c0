"""Published tagging standards, from Terraform's text to what the deployed function does.

The files of ``tests/standards`` say whose they are. What the language of rules does not state yet
is not among them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tag_policy.model.mark import Mark
from tag_policy.rules.mark import read_mark
from tests.support import fleet
from tests.support.embedded_aws import EmbeddedAws
from tests.support.past import backdate
from tests.support.terraform import ROOT, RootModule, TerraformError

DUE = "tag-policy:due"
STANDARDS = ROOT / "tests" / "standards"
NAMES = ("18f", "aws-whitepaper", "cabinet-office", "hackney", "moj", "nhs", "uci", "ukho")
DELETES = "compute-blog-post"
"""The standard that has snapshots deleted, too, which is refused for now."""

HEAD = """
provider "aws" {
  region = "eu-west-1"
}

variable "vpcs" {
  type = map(string)
}

variable "groups" {
  type = map(string)
}
"""

MODULE = """
locals {{
  of_{label} = {{
    {rules}
  }}
}}

module "{label}" {{
  source          = "../.."
  name            = "standard-{name}"
  vpc_ids         = [var.vpcs["{name}"]]
  mode            = "enforce"
  untagged_action = "remediate"
  max_escalation  = "terminate"
  minimum_age     = "0s" # what a test launches is moments old
  rules = {{
    for id, rule in local.of_{label}.rules : id => rule
    if !can(rule.escalate.delete)
  }}
  facts           = try(local.of_{label}.facts, {{}})

  isolation_security_groups = {{ (var.vpcs["{name}"]) = var.groups["{name}"] }}
}}

output "{label}" {{
  value = module.{label}.function_name
}}
"""


def isolation_group(aws: EmbeddedAws, vpc: fleet.Vpc) -> str:
    """Make a security group for what is isolated in a VPC, and return its id."""
    made = aws.client("ec2").create_security_group(
        GroupName="isolated", Description="lets nothing through", VpcId=vpc.vpc_id
    )
    return str(made["GroupId"])


@pytest.fixture(scope="module")
def standards(
    embedded_aws: EmbeddedAws,
) -> Iterator[tuple[RootModule, Mapping[str, fleet.Vpc]]]:
    """The engines of all standards, each with a VPC of its own."""
    vpcs = {name: fleet.create_vpc(embedded_aws) for name in NAMES}
    text = HEAD
    for name in NAMES:
        rules = (STANDARDS / f"{name}.tfvars").read_text()
        text += MODULE.format(name=name, label=f"_{name}", rules=rules)
    module = embedded_aws.root_module(
        text,
        vpcs={name: vpc.vpc_id for name, vpc in vpcs.items()},
        groups={name: isolation_group(embedded_aws, vpc) for name, vpc in vpcs.items()},
    )
    try:
        module.apply()
        yield module, vpcs
    finally:
        module.destroy()


UKHO = {"SERVICE": "a", "SERVICE_OWNER": "b"}
ALLOCATION = "example-inc:cost-allocation"


@pytest.mark.parametrize(
    ("name", "given", "written", "reported", "announced"),
    [
        (
            "18f",
            {"Project": "mine"},
            {},
            {("Project", "not-allowed", "register the system first")},
            ("terminate", timedelta(days=2)),
        ),
        ("18f", {"Project": "login"}, {}, set(), None),
        (
            "hackney",
            {
                "Environment": " Production",
                "WeekendShutdown": "",
                "OutOfHoursShutdown": "x",
                "Confidentiality": "Secret",
            },
            {"Environment": "prod", "Schedule": "office-hours"},
            {
                ("Application", "missing", ""),
                ("TeamEmail", "missing", ""),
                ("Confidentiality", "not-allowed", ""),
            },
            ("stop", timedelta(days=7)),
        ),
        (
            "cabinet-office",
            {"TeamName": "forms"},
            {
                "TeamName": None,
                "team-name": "forms",
                "team-email-address": "platforms@example.gov.uk",
                "billing-cost-centre": "4711",
                "service-name": "grants",
            },
            set(),
            None,
        ),
        (
            "aws-whitepaper",
            {f"{ALLOCATION}:Owner": "Sales"},
            {f"{ALLOCATION}:CostCenter": "123-77"},
            {
                (f"{ALLOCATION}:ApplicationId", "missing", "https://wiki.example.com/tagging"),
                (f"{ALLOCATION}:BusinessUnitId", "missing", ""),
                (f"{ALLOCATION}:Owner", "not-allowed", ""),
            },
            None,
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
            None,
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
            None,
        ),
        (
            "ukho",
            UKHO | {"ENVIRONMENT": "prod"},
            {"ENVIRONMENT": "PRD"},
            {("RESPONSIBLE_TEAM", "missing", "")},
            None,
        ),
        ("ukho", UKHO | {"ENVIRONMENT": "dev"}, {"ENVIRONMENT": "DEV"}, set(), None),
        (
            "uci",
            {"uci:DeploymentSource": "tf"},
            {},
            {("uci:RepositorySource", "missing", "")},
            None,
        ),
        ("uci", {"uci:DeploymentSource": "manual"}, {}, set(), None),
    ],
)
def test_a_standard_leads_to_what_it_says_and_to_nothing_else(
    embedded_aws: EmbeddedAws,
    standards: tuple[RootModule, Mapping[str, fleet.Vpc]],
    name: str,
    given: dict[str, str],
    written: dict[str, str | None],
    reported: set[tuple[str, str, str]],
    announced: tuple[str, timedelta] | None,
) -> None:
    module, vpcs = standards
    ec2 = embedded_aws.client("ec2")
    center = {"Key": f"{ALLOCATION}:CostCenter", "Value": "123-77"}
    ec2.create_tags(Resources=[vpcs["aws-whitepaper"].subnet_ids[0]], Tags=[center])
    (instance,) = fleet.launch(embedded_aws, vpcs[name], given)
    function = module.outputs[f"_{name}"]
    group = f"/aws/lambda/{function}"

    def run() -> Any:
        return embedded_aws.invoke(function).payload

    first, second = run(), run()

    assert first["rule_errors"] == 0
    tags = fleet.tags_of(embedded_aws, instance)
    mark = tags.pop(DUE, None)
    assert tags == {key: value for key, value in (given | written).items() if value is not None}
    if announced is None:
        assert mark is None
    else:
        end, after = announced
        said = read_mark(mark or "")
        assert isinstance(said, Mark)
        assert (said.action, said.time - (said.announced or said.time)) == (end, after)
    lines = [
        line
        for line in embedded_aws.log_lines(group)
        if line.get("resource_id") == instance and line.get("result") == "reported"
    ]
    told = {(line["tag_key"], line["code"], line.get("note", "")) for line in lines}
    assert told == reported
    follows = f"what follows: {announced[0]} after {announced[1].days}d" if announced else ""
    assert all(line["reason"].endswith(follows) for line in lines), "each says what follows"
    assert (second["outcomes"]["tagged"], second["outcomes"]["marked"]) == (0, 0)
    assert second["violations"] == len(reported)
    ec2.terminate_instances(InstanceIds=[instance])


def test_what_hackney_says_of_a_volume(
    embedded_aws: EmbeddedAws, standards: tuple[RootModule, Mapping[str, fleet.Vpc]]
) -> None:
    module, vpcs = standards
    ec2 = embedded_aws.client("ec2")
    (instance,) = fleet.launch(embedded_aws, vpcs["hackney"], {"Confidentiality": "Internal"})

    first, second = (embedded_aws.invoke(module.outputs["_hackney"]).payload for _ in range(2))

    (shown,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert fleet.tags_of(embedded_aws, volume) == {"Confidentiality": "Internal"}
    assert first["resources"]["volume"]["looked_at"] == 1
    assert second["resources"]["volume"]["compliant"] == 1
    ec2.terminate_instances(InstanceIds=[instance])


def test_that_snapshots_are_deleted_is_refused_with_that_reason(
    embedded_aws: EmbeddedAws,
) -> None:
    rules = (STANDARDS / f"{DELETES}.tfvars").read_text()
    text = MODULE.format(name=DELETES, label=f"_{DELETES}", rules=rules)
    text = re.sub(
        r"rules = \{\n +for.*?\n  \}", f"rules = local.of__{DELETES}.rules", text, flags=re.DOTALL
    )
    group = {DELETES: "sg-0a1b2c3d4e5f67890"}
    module = embedded_aws.root_module(
        HEAD + text, vpcs={DELETES: "vpc-0a1b2c3d4e5f67890"}, groups=group
    )

    with pytest.raises(TerraformError, match=r"none\s+of\s+its\s+resource_types\s+is\s+\"instance"):
        module.apply()


ABROAD = "us-east-1"


@dataclass(frozen=True)
class Abroad:
    """The embedded AWS in a region that the blog post's standard does not want."""

    aws: EmbeddedAws

    def client(self, service: Any, credentials: fleet.Credentials | None = None) -> Any:
        """Make a client of that region."""
        return self.aws.client(service, credentials, ABROAD)


def test_what_the_blog_post_says_of_an_instance_of_an_unwanted_region(
    embedded_aws: EmbeddedAws,
) -> None:
    name = "compute-blog-post"
    there = Abroad(embedded_aws)
    ec2 = there.client("ec2")
    vpc = fleet.create_vpc(there)
    for subnet in vpc.subnet_ids:
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    ec2.create_tags(Resources=[vpc.vpc_id], Tags=[{"Key": "CostCenter", "Value": "9"}])
    group = ec2.create_security_group(
        GroupName="isolated", Description="lets nothing through", VpcId=vpc.vpc_id
    )["GroupId"]
    rules = (STANDARDS / f"{name}.tfvars").read_text()
    text = HEAD.replace("eu-west-1", ABROAD)
    text += MODULE.format(name=name, label=f"_{name}", rules=rules)
    module = embedded_aws.root_module(text, vpcs={name: vpc.vpc_id}, groups={name: group})
    given = {"Environment": "sandbox", "cc": "42"}
    try:
        module.apply()
        alice = fleet.iam_user(there, "alice")
        (instance,) = fleet.launch(there, vpc, given, by=alice)
        backdate(instance, timedelta(days=3), ABROAD)
        (shown,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
        volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        data = ec2.create_volume(AvailabilityZone=shown["Placement"]["AvailabilityZone"], Size=8)[
            "VolumeId"
        ]
        ec2.attach_volume(VolumeId=data, InstanceId=instance, Device="/dev/sdf")
        ec2.create_tags(Resources=[data], Tags=[{"Key": "CostCenter", "Value": "7"}])
        snapshot = ec2.create_snapshot(VolumeId=data)["SnapshotId"]
        function = module.outputs[f"_{name}"]
        first, second = (
            json.loads(there.client("lambda").invoke(FunctionName=function)["Payload"].read())
            for _ in range(2)
        )
        logs = there.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")
    finally:
        module.destroy()

    assert (first["rule_errors"], second["outcomes"]["tagged"]) == (0, 0)
    tags = fleet.tags_of(there, instance)
    said = read_mark(tags.pop(DUE))
    assert isinstance(said, Mark)
    assert said.announced is not None
    assert (said.action, said.time - said.announced) == ("stop", timedelta(hours=1))
    in_thirty_days = datetime.now(UTC).date() + timedelta(days=30)
    assert tags == given | {
        "CostCenter": "42",
        "CreatedBy": "alice",
        "Expires": f"{in_thirty_days}",
        "Schedule": "office-hours",
        "PatchGroup": "patch-early",
    }
    assert fleet.tags_of(there, volume) == {"CostCenter": "42"}, "of the instance"
    assert fleet.tags_of(there, snapshot) == {"CostCenter": "7"}, "of its volume"
    lines = [json.loads(event["message"]) for event in logs["events"]]
    told = {
        (line["tag_key"], line["code"], line["reason"].rpartition("; ")[2])
        for line in lines
        if line.get("result") == "reported"
    }
    assert told == {
        ("DataClassification", "missing", "what follows: isolate after 1d"),
        ("RegionApproval", "missing", "what follows: stop after 1h, then terminate after 7d"),
    }
