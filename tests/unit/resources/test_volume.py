"""EBS volumes, as DescribeVolumes tells of them."""

from tag_policy.model.resource import ResourceType
from tag_policy.resources.volume import VOLUME, instances_of


def test_a_volume_hangs_off_the_instances_that_it_is_attached_to() -> None:
    attachments = [
        {"InstanceId": "i-1", "State": "attached"},
        {"InstanceId": "i-2", "State": "attaching"},
        {"InstanceId": "i-3", "State": "detached"},
        {"State": "attached"},  # to a task of Fargate, which is no instance of ours
    ]
    volume = {"VolumeId": "vol-1", "State": "in-use", "AvailabilityZone": "eu-west-1a"}

    assert instances_of(volume | {"Attachments": attachments}) == ["i-1", "i-2"]
    assert VOLUME.parent_ids(volume | {"Attachments": attachments}) == {
        ResourceType.INSTANCE: ["i-1", "i-2"]
    }
    assert VOLUME.fields(volume | {"Attachments": attachments}) == {
        "state": "in-use",
        "availability_zone": "eu-west-1a",
        "is_attached": True,
    }
    assert VOLUME.fields(volume)["is_attached"] is False
