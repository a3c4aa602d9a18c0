"""Fills the embedded AWS with a VPC, people and instances; works with any maker of clients."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_sts.client import STSClient

IMAGE = "ami-12c6146b"  # one of moto's own

Credentials = Mapping[str, str]
"""Keyword arguments for a boto3 client that acts as somebody."""


class Aws(Protocol):
    """Whatever makes clients."""

    def client(self, service: Any, credentials: Credentials | None = None) -> Any:
        """Make a boto3 client that acts as somebody, or as the administrator."""


@dataclass(frozen=True)
class Vpc:
    """A VPC with a subnet in each of two zones."""

    vpc_id: str
    subnet_ids: tuple[str, str]


def create_vpc(aws: Aws) -> Vpc:
    """Create a VPC with two subnets."""
    ec2: EC2Client = aws.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    first, second = (
        ec2.create_subnet(
            VpcId=vpc_id,
            CidrBlock=f"10.0.{16 * number}.0/20",
            AvailabilityZone=f"{ec2.meta.region_name}{zone}",
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    )
    return Vpc(vpc_id, (first, second))


def iam_user(aws: Aws, name: str) -> Credentials:
    """Create an IAM user with an access key."""
    iam: IAMClient = aws.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def role_session(aws: Aws, role: str, session: str) -> Credentials:
    """Create a role where there is none yet, and a session of it."""
    iam: IAMClient = aws.client("iam")
    sts: STSClient = aws.client("sts")
    try:
        arn = iam.get_role(RoleName=role)["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    given = sts.assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def launch(
    aws: Aws,
    vpc: Vpc,
    tags: Mapping[str, str] | None = None,
    *,
    by: Credentials | None = None,
    zone: int = 0,
    count: int = 1,
    protected: bool = False,
) -> list[str]:
    """Launch instances and return their ids."""
    ec2: EC2Client = aws.client("ec2", by)
    tag_list = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    extra: dict[str, Any] = (
        {"TagSpecifications": [{"ResourceType": "instance", "Tags": tag_list}]} if tags else {}
    )
    answer = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=count,
        MaxCount=count,
        SubnetId=vpc.subnet_ids[zone],
        **extra,
    )
    ids = [instance["InstanceId"] for instance in answer["Instances"]]
    if protected:
        for instance_id in ids:
            ec2.modify_instance_attribute(
                InstanceId=instance_id, DisableApiTermination={"Value": True}
            )
    return ids


def launch_group(aws: Aws, vpc: Vpc, name: str, count: int = 1) -> list[str]:
    """Create an Auto Scaling group, let it launch its members, and return their ids."""
    ec2: EC2Client = aws.client("ec2")
    autoscaling: AutoScalingClient = aws.client("autoscaling")
    template = ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateId": template},
        MinSize=count,
        MaxSize=count,
        VPCZoneIdentifier=vpc.subnet_ids[0],
    )
    group = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    members = group["AutoScalingGroups"][0]["Instances"]
    return [member["InstanceId"] for member in members]


def tag(aws: Aws, resource_id: str, **tags: str) -> None:
    """Write tags as somebody else does."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    aws.client("ec2").create_tags(Resources=[resource_id], Tags=listed)


def tags_of(aws: Aws, resource_id: str) -> dict[str, str]:
    """Return the tags of an instance, whatever its state, or of what hangs off one."""
    if resource_id.startswith("i-"):
        tags = _describe(aws, resource_id).get("Tags", [])
    else:
        of_it = [{"Name": "resource-id", "Values": [resource_id]}]
        tags = aws.client("ec2").describe_tags(Filters=of_it)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def state_of(aws: Aws, instance_id: str) -> str:
    """Return the state of an instance."""
    return str(_describe(aws, instance_id)["State"]["Name"])


def _describe(aws: Aws, instance_id: str) -> Any:
    ec2: EC2Client = aws.client("ec2")
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
