"""EBS snapshots, as DescribeSnapshots tells of them."""

from tag_policy.model.resource import ResourceType
from tag_policy.resources.snapshot import SNAPSHOT


def test_a_snapshot_hangs_off_its_volume() -> None:
    assert SNAPSHOT.parent_ids({"VolumeId": "vol-1"}) == {ResourceType.VOLUME: ["vol-1"]}
    assert SNAPSHOT.parent_ids({}) == {ResourceType.VOLUME: []}
    assert SNAPSHOT.fields({"State": "completed"}) == {"state": "completed"}
