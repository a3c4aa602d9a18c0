"""Network interfaces, as DescribeNetworkInterfaces tells of them.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html
"""

from typing import Any

from tag_policy.model.resource import ResourceType
from tag_policy.resources.kind import Description, Kind, ParentIds


def _parent_ids(interface: Description) -> ParentIds:
    instance_id = interface.get("Attachment", {}).get("InstanceId")
    return {ResourceType.INSTANCE: [instance_id] if instance_id else []}


def _fields(interface: Description) -> dict[str, Any]:
    addresses = (interface, *interface.get("PrivateIpAddresses", []))
    return {
        "state": interface.get("Status", ""),
        "subnet_id": interface.get("SubnetId", ""),
        "availability_zone": interface.get("AvailabilityZone", ""),
        "has_public_ip": any(one.get("Association", {}).get("PublicIp") for one in addresses),
        "is_attached": bool(interface.get("Attachment", {}).get("InstanceId")),
    }


NETWORK_INTERFACE = Kind(
    type=ResourceType.NETWORK_INTERFACE,
    operation="describe_network_interfaces",
    answer="NetworkInterfaces",
    id_prefix="eni-",
    id_name="NetworkInterfaceId",
    id_filter="network-interface-id",
    filters={ResourceType.INSTANCE: "attachment.instance-id"},
    parent_ids=_parent_ids,
    fields=_fields,
    tags="TagSet",
)
