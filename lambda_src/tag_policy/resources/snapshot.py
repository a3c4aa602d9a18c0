"""EBS snapshots of the account, as DescribeSnapshots tells of them.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
"""

from typing import Any

from tag_policy.model.resource import ResourceType
from tag_policy.resources.kind import Description, Kind, ParentIds


def _parent_ids(snapshot: Description) -> ParentIds:
    volume_id = snapshot.get("VolumeId")
    return {ResourceType.VOLUME: [volume_id] if volume_id else []}


def _fields(snapshot: Description) -> dict[str, Any]:
    return {"state": snapshot.get("State", "")}


SNAPSHOT = Kind(
    type=ResourceType.SNAPSHOT,
    operation="describe_snapshots",
    answer="Snapshots",
    id_prefix="snap-",
    id_name="SnapshotId",
    id_filter="snapshot-id",
    filters={ResourceType.VOLUME: "volume-id"},
    request={"OwnerIds": ["self"]},  # others share theirs, and nobody but the owner tags them
    parent_ids=_parent_ids,
    fields=_fields,
    created="StartTime",
)
