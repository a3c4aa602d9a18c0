"""Elastic IP addresses, as DescribeAddresses tells of them, which makes no pages.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddresses.html
"""

from typing import Any

from tag_policy.model.resource import ResourceType
from tag_policy.resources.kind import Description, Kind, ParentIds


def _parent_ids(address: Description) -> ParentIds:
    instance_id = address.get("InstanceId")
    return {ResourceType.INSTANCE: [instance_id] if instance_id else []}


def _fields(address: Description) -> dict[str, Any]:
    return {"state": "", "is_attached": bool(address.get("AssociationId"))}


ELASTIC_IP = Kind(
    type=ResourceType.ELASTIC_IP,
    operation="describe_addresses",
    answer="Addresses",
    id_prefix="eipalloc-",
    id_name="AllocationId",
    id_filter="allocation-id",
    filters={ResourceType.INSTANCE: "instance-id"},
    parent_ids=_parent_ids,
    fields=_fields,
    page_size=0,
)
