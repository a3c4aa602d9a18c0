"""EBS volumes, as DescribeVolumes tells of them.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html
"""

from typing import Any

from tag_policy.model.resource import ResourceType
from tag_policy.resources.kind import Description, Kind, ParentIds


def instances_of(volume: Description) -> list[str]:
    """Return the ids of the instances that a volume is attached to, or is being attached to."""
    return [
        attachment["InstanceId"]
        for attachment in volume.get("Attachments", [])
        if attachment.get("InstanceId") and attachment.get("State") != "detached"
    ]


def _parent_ids(volume: Description) -> ParentIds:
    return {ResourceType.INSTANCE: instances_of(volume)}


def _fields(volume: Description) -> dict[str, Any]:
    return {
        "state": volume.get("State", ""),
        "availability_zone": volume.get("AvailabilityZone", ""),
        "is_attached": bool(instances_of(volume)),
    }


VOLUME = Kind(
    type=ResourceType.VOLUME,
    operation="describe_volumes",
    answer="Volumes",
    id_prefix="vol-",
    id_name="VolumeId",
    id_filter="volume-id",
    filters={ResourceType.INSTANCE: "attachment.instance-id"},
    parent_ids=_parent_ids,
    fields=_fields,
    created="CreateTime",
)
