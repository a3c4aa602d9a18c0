"""EC2 pages to instances, one by one; the whole VPC is never in memory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tag_policy.model import Instance, InstanceRef

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, PaginatorConfigTypeDef

LIVE_STATES = ("pending", "running", "stopping", "stopped")
"""Instances that are shutting down or terminated do not exist for the engine."""

FILTER_VALUES = 200
"""The most values that one filter of a Describe call takes.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

_MANAGER_TAGS = {
    "aws:autoscaling:groupName": "autoscaling",
    "aws:cloudformation:stack-name": "cloudformation",
    "aws:ec2:fleet-id": "ec2fleet",
    "aws:ec2spot:fleet-request-id": "spotfleet",
    "aws:elasticmapreduce:job-flow-id": "elasticmapreduce",
}
"""Tags with which AWS says what an instance is part of, and the service that says it.

Nobody else can write a tag that begins with ``aws:``.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

_PAGE: "PaginatorConfigTypeDef" = {"PageSize": 1000}


def missing_vpcs(ec2: "EC2Client", vpc_ids: Sequence[str]) -> list[str]:
    """Return those of the VPC ids that this account and region do not have.

    ``DescribeInstances`` answers a filter on such an id with an empty list and no error, so that a
    mistyped id would look like a VPC in perfect order.
    """
    existing: set[str] = set()
    for some in chunks(vpc_ids, FILTER_VALUES):
        filters: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": some}]
        for page in ec2.get_paginator("describe_vpcs").paginate(Filters=filters):
            existing.update(vpc["VpcId"] for vpc in page["Vpcs"])
    return [vpc_id for vpc_id in vpc_ids if vpc_id not in existing]


def instances_of_vpcs(ec2: "EC2Client", vpc_ids: Sequence[str]) -> Iterator[Instance]:
    """Yield the live instances of the VPCs as their pages arrive."""
    for some in chunks(vpc_ids, FILTER_VALUES):
        yield from _instances(ec2, {"Name": "vpc-id", "Values": some}, vpc_ids)


def instances_by_id(
    ec2: "EC2Client", instance_ids: Sequence[str], vpc_ids: Sequence[str]
) -> Iterator[Instance]:
    """Yield those of the instances that are live and in one of the VPCs; the rest are left out.

    A filter rather than ``InstanceIds``, because one id that is gone would fail the whole call.
    """
    for some in chunks(instance_ids, FILTER_VALUES):
        yield from _instances(ec2, {"Name": "instance-id", "Values": some}, vpc_ids)


def instances_shown(
    ec2: "EC2Client", instance_ids: Sequence[str], vpc_ids: Sequence[str]
) -> Iterator[tuple[str, Instance | None]]:
    """Yield the id of each of the instances that EC2 shows; with None unless live in the VPCs."""
    for description in _descriptions(ec2, instance_ids):
        ours = description.get("VpcId") in vpc_ids
        live = description["State"]["Name"] in LIVE_STATES
        yield description["InstanceId"], to_instance(description) if ours and live else None


def states_by_id(ec2: "EC2Client", instance_ids: Sequence[str]) -> dict[str, str]:
    """Return the state of each instance that EC2 still tells of, ended ones included."""
    shown = _descriptions(ec2, instance_ids)
    return {description["InstanceId"]: description["State"]["Name"] for description in shown}


def _descriptions(ec2: "EC2Client", instance_ids: Sequence[str]) -> "Iterator[InstanceTypeDef]":
    for some in chunks(instance_ids, FILTER_VALUES):
        filters: list[FilterTypeDef] = [{"Name": "instance-id", "Values": some}]
        for page in ec2.get_paginator("describe_instances").paginate(Filters=filters):
            for reservation in page["Reservations"]:
                yield from reservation["Instances"]


def _instances(
    ec2: "EC2Client", which: "FilterTypeDef", vpc_ids: Sequence[str]
) -> Iterator[Instance]:
    filters: list[FilterTypeDef] = [
        which,
        {"Name": "instance-state-name", "Values": list(LIVE_STATES)},
    ]
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=filters, PaginationConfig=_PAGE
    )
    for page in pages:
        for reservation in page["Reservations"]:
            for description in reservation["Instances"]:
                # Not taken on trust from the filter: nothing outside the VPCs is ever touched.
                if description.get("VpcId") in vpc_ids:
                    yield to_instance(description)


def to_instance(description: "InstanceTypeDef") -> Instance:
    """Turn one instance of a ``DescribeInstances`` answer into an Instance."""
    tags = {tag["Key"]: tag["Value"] for tag in description.get("Tags", [])}
    return Instance(
        ref=InstanceRef(
            instance_id=description["InstanceId"],
            vpc_id=description["VpcId"],
            name=tags.get("Name", ""),
            created_at=_created_at(description),
            managers=_managers(description, tags),
        ),
        state=description["State"]["Name"],
        started_at=description["LaunchTime"],
        tags=tags,
    )


def _managers(description: "InstanceTypeDef", tags: Mapping[str, str]) -> dict[str, str]:
    """Return what an instance is part of, by service; ``operator`` is who manages it for its owner.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html
    """
    managers = {service: tags[key] for key, service in _MANAGER_TAGS.items() if tags.get(key)}
    operator = description.get("Operator", {})
    if operator.get("Managed"):
        managers["operator"] = operator.get("Principal", "an AWS service")
    return managers


def _created_at(description: "InstanceTypeDef") -> datetime:
    """Return when the instance came to be, or the earliest moment after it that EC2 still tells.

    ``LaunchTime`` is only the last start. The primary network interface is attached at launch and
    cannot be detached; the root volume is attached at launch too, unless it was replaced.
    """
    for interface in description.get("NetworkInterfaces", []):
        attachment = interface.get("Attachment", {})
        if attachment.get("DeviceIndex") == 0 and "AttachTime" in attachment:
            return attachment["AttachTime"]
    for mapping in description.get("BlockDeviceMappings", []):
        if mapping.get("DeviceName") == description.get("RootDeviceName"):
            attach_time = mapping.get("Ebs", {}).get("AttachTime")
            if attach_time is not None:
                return attach_time
    return description["LaunchTime"]


def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the items in order, at most ``size`` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
