"""The VPCs of an account and region."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tag_policy.resources.instance import FILTER_VALUES, chunks

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef


def find_vpcs(ec2: "EC2Client", tags: Mapping[str, str]) -> list[str]:
    """Return the ids of the VPCs that have all of the tags, in order; without tags, of all VPCs.

    The tags are compared here, and not by filters of EC2, which would take ``*`` and ``?`` for
    wildcards; an account has some hundreds of VPCs at most. Whoever may tag a VPC may bring it in.
    Raises botocore's errors.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html
    """
    found = [
        vpc["VpcId"]
        for page in ec2.get_paginator("describe_vpcs").paginate()
        for vpc in page["Vpcs"]
        if tags.items() <= {tag["Key"]: tag["Value"] for tag in vpc.get("Tags", [])}.items()
    ]
    return sorted(found)


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
