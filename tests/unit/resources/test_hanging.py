"""What hangs off instances: what is asked for, and what is left out."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.resource import NEVER, Parent, ResourceType
from tag_policy.resources.elastic_ip import ELASTIC_IP
from tag_policy.resources.hanging import Hanging, instances_a_call
from tag_policy.resources.image import IMAGE
from tag_policy.resources.network_interface import NETWORK_INTERFACE
from tag_policy.resources.snapshot import SNAPSHOT
from tag_policy.resources.volume import VOLUME
from tests.support.builders import HOME, NOW
from tests.support.clock import SimulatedClock
from tests.support.fake_ec2 import refusal

OURS, OTHER = "vpc-0a", "vpc-0b"


def listed(**tags: str) -> list[dict[str, str]]:
    """Return tags as EC2 lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def instance(instance_id: str, vpc_id: str = OURS, state: str = "running", **tags: str) -> Any:
    """Return an instance as EC2 tells of it."""
    return {
        "InstanceId": instance_id,
        "VpcId": vpc_id,
        "State": {"Name": state},
        "LaunchTime": NOW,
        "Tags": listed(**tags),
    }


def volume(volume_id: str, *instance_ids: str, **more: Any) -> dict[str, Any]:
    """Return a volume that is attached to instances."""
    attachments = [{"InstanceId": one, "State": "attached"} for one in instance_ids]
    made = {"VolumeId": volume_id, "State": "in-use", "CreateTime": NOW, "Attachments": attachments}
    return made | more


class Ec2:
    """EC2, as far as it is asked here; ``asked`` are the requests, by the operation.

    It takes some ``seconds`` to describe instances.
    """

    def __init__(self, instances: Iterable[Any] = (), volumes: Iterable[Any] = ()) -> None:
        self.instances = list(instances)
        self.volumes = list(volumes)
        self.others: list[Any] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[Exception] = []
        self.page_size = 1000
        self.token = ""
        self.clock, self.seconds = SimulatedClock(NOW), 0
        shape = type("Shape", (), {"input_shape": None})
        self.meta: Any = type("Meta", (), {"service_model": type("Model", (), {})()})()
        self.meta.service_model.operation_model = lambda _: shape()

    def _page(self, operation: str, name: str, found: list[Any], request: Any) -> dict[str, Any]:
        self.asked.append((operation, request))
        if self.errors:
            raise self.errors.pop(0)
        start = 0 if self.token else int(request.get("NextToken", 0))
        page = {name: found[start : start + self.page_size]}
        more = {"NextToken": self.token or str(start + self.page_size)}
        return page | (more if len(found) > start + self.page_size else {})

    @staticmethod
    def _values(request: Any) -> dict[str, set[str]]:
        return {one["Name"]: set(one["Values"]) for one in request["Filters"]}

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        """Answer the instances with some ids."""
        self.asked.append(("describe_instances", request))
        self.clock.sleep(self.seconds)
        ids = self._values(request)["instance-id"]
        found = [one for one in self.instances if one["InstanceId"] in ids]
        return {"Reservations": [{"Instances": found}]}

    def describe_volumes(self, **request: Any) -> dict[str, Any]:
        """Answer the volumes with some ids, or of some instances."""
        ((name, values),) = self._values(request).items()
        if name == "volume-id":
            found = [one for one in self.volumes if one["VolumeId"] in values]
        else:
            assert name == "attachment.instance-id"
            found = [
                one
                for one in self.volumes
                if values & {attachment.get("InstanceId") for attachment in one["Attachments"]}
            ]
        return self._page("describe_volumes", "Volumes", found, request)

    def describe_snapshots(self, **request: Any) -> dict[str, Any]:
        """Answer the snapshots with some ids, or of some volumes."""
        ((name, values),) = self._values(request).items()
        field = {"volume-id": "VolumeId", "snapshot-id": "SnapshotId"}[name]
        found = [one for one in self.others if one[field] in values]
        return self._page("describe_snapshots", "Snapshots", found, request)

    def describe_images(self, **request: Any) -> dict[str, Any]:
        """Answer the images of some instances."""
        return self._page("describe_images", "Images", self.others, request)

    def describe_network_interfaces(self, **request: Any) -> dict[str, Any]:
        """Answer the interfaces of some instances."""
        name = "NetworkInterfaces"
        return self._page("describe_network_interfaces", name, self.others, request)

    def describe_addresses(self, **request: Any) -> dict[str, Any]:
        """Answer the addresses of some instances, without pages."""
        assert "MaxResults" not in request
        return self._page("describe_addresses", "Addresses", self.others, request)


def hanging(ec2: Ec2) -> Hanging:
    """Return what is tested."""
    client: Any = ec2
    return Hanging(client, HOME.account_id, PacedCalls(SimulatedClock(NOW), lambda: False))


def test_what_hangs_off_an_instance_has_its_vpc_and_its_tags() -> None:
    of = volume("vol-1", "i-1", Tags=listed(Name="data"), AvailabilityZone="eu-west-1a")
    ec2 = Ec2([instance("i-1", Owner="jane")], [of])

    (found,) = hanging(ec2).off(VOLUME, ["i-1"], [OURS])

    assert found.ref.resource_id == "vol-1"
    assert (found.ref.vpc_id, found.ref.name, found.ref.created_at) == (OURS, "data", NOW)
    assert found.ref.seen_at == NOW
    assert found.type is ResourceType.VOLUME
    assert found.parents == (Parent(ResourceType.INSTANCE, "i-1", {"Owner": "jane"}),)
    assert (found.state, found.availability_zone, found.is_attached) == (
        "in-use",
        "eu-west-1a",
        True,
    )


@pytest.mark.parametrize(
    "instances",
    [
        [],
        [instance("i-1", OTHER)],
        [instance("i-1", state="shutting-down")],
        [instance("i-1"), instance("i-2", OTHER)],
        [instance("i-1")],
    ],
)
def test_what_hangs_off_anything_that_is_not_looked_after_is_left_out(instances: Any) -> None:
    ec2 = Ec2(instances, [volume("vol-1", "i-1", "i-2")])

    assert hanging(ec2).off(VOLUME, ["i-1"], [OURS]) == []
    assert hanging(ec2).by_id(VOLUME, ["vol-1"], [OURS]) == []


def test_what_hangs_off_instances_of_two_vpcs_is_left_out() -> None:
    ec2 = Ec2([instance("i-1"), instance("i-2", OTHER)], [volume("vol-1", "i-1", "i-2")])

    assert hanging(ec2).off(VOLUME, ["i-1"], [OURS, OTHER]) == []


def test_what_hangs_off_two_instances_has_both_in_an_order_of_its_own() -> None:
    ec2 = Ec2([instance("i-2"), instance("i-1")], [volume("vol-1", "i-2", "i-1")])

    (found,) = hanging(ec2).off(VOLUME, ["i-1", "i-2"], [OURS])

    assert [parent.resource_id for parent in found.parents] == ["i-1", "i-2"]


def test_what_is_not_attached_any_more_hangs_off_nothing() -> None:
    ec2 = Ec2([instance("i-1")], [volume("vol-1")])

    assert hanging(ec2).by_id(VOLUME, ["vol-1"], [OURS]) == []


@pytest.mark.parametrize("owner", ["999999999999", "amazon"])
def test_what_others_share_is_theirs(owner: str) -> None:
    ec2 = Ec2([instance("i-1")], [volume("vol-1", "i-1", OwnerId=owner)])

    assert hanging(ec2).off(VOLUME, ["i-1"], [OURS]) == []


def test_what_was_not_asked_for_by_its_id_is_nobodys_concern() -> None:
    ec2 = Ec2([instance("i-1")])
    ec2.others = [
        {"ImageId": "ami-1", "SourceInstanceId": "i-1", "State": "available"},
        {"ImageId": "ami-2", "SourceInstanceId": "i-1", "State": "available"},
    ]

    (found,) = hanging(ec2).by_id(IMAGE, ["ami-1"], [OURS])

    assert found.ref.resource_id == "ami-1"


def test_a_snapshot_hangs_off_its_volume_and_by_that_off_the_instance() -> None:
    ec2 = Ec2([instance("i-1", Owner="jane")], [volume("vol-1", "i-1", Tags=listed(Center="1"))])
    ec2.others = [{"SnapshotId": "snap-1", "VolumeId": "vol-1", "StartTime": NOW, "State": "error"}]

    for found in (
        hanging(ec2).off(SNAPSHOT, ["i-1"], [OURS]),
        hanging(ec2).by_id(SNAPSHOT, ["snap-1"], [OURS]),
    ):
        assert [one.parents for one in found] == [
            (
                Parent(ResourceType.VOLUME, "vol-1", {"Center": "1"}),
                Parent(ResourceType.INSTANCE, "i-1", {"Owner": "jane"}),
            )
        ]
        assert [(one.is_attached, one.state, one.ref.created_at) for one in found] == [
            (True, "error", NOW)
        ]
    assert all(
        request["OwnerIds"] == ["self"]
        for name, request in ec2.asked
        if name == "describe_snapshots"
    )


def test_volumes_that_were_listed_are_not_described_again() -> None:
    ec2 = Ec2([instance("i-1")], [volume("vol-1", "i-1")])
    ec2.others = [{"SnapshotId": "snap-1", "VolumeId": "vol-1", "StartTime": NOW, "State": "x"}]

    assert len(hanging(ec2).off(SNAPSHOT, ["i-1"], [OURS])) == 1
    assert [name for name, _ in ec2.asked] == [
        "describe_volumes",
        "describe_snapshots",
        "describe_instances",
    ]


def test_a_snapshot_whose_volume_is_gone_hangs_off_nothing() -> None:
    ec2 = Ec2([instance("i-1")])
    ec2.others = [{"SnapshotId": "snap-1", "VolumeId": "vol-1", "StartTime": NOW, "State": "x"}]

    assert hanging(ec2).by_id(SNAPSHOT, ["snap-1"], [OURS]) == []


@pytest.mark.parametrize(
    ("said", "created_at"),
    [
        ("2026-11-02T08:00:00.000Z", datetime(2026, 11, 2, 8, tzinfo=UTC)),
        ("yesterday", NEVER),
        ("", NEVER),
        (None, NEVER),
    ],
)
def test_when_an_image_came_to_be_is_told_as_text(said: str | None, created_at: datetime) -> None:
    ec2 = Ec2([instance("i-1")])
    ec2.others = [{"ImageId": "ami-1", "SourceInstanceId": "i-1", "State": "available"}]
    ec2.others[0] |= {} if said is None else {"CreationDate": said}

    (found,) = hanging(ec2).off(IMAGE, ["i-1"], [OURS])

    assert found.ref.created_at == created_at
    assert found.is_attached is None


def test_an_interface_has_its_tags_under_a_name_of_their_own_and_no_creation() -> None:
    ec2 = Ec2([instance("i-1")])
    ec2.others = [
        {
            "NetworkInterfaceId": "eni-1",
            "Attachment": {"InstanceId": "i-1"},
            "TagSet": listed(Name="eth0"),
        }
    ]

    (found,) = hanging(ec2).off(NETWORK_INTERFACE, ["i-1"], [OURS])

    assert (found.tags, found.ref.created_at) == ({"Name": "eth0"}, NEVER)


def test_an_address_without_an_allocation_has_no_tags_and_is_left_out() -> None:
    ec2 = Ec2([instance("i-1")])
    ec2.others = [{"PublicIp": "192.0.2.1", "InstanceId": "i-1"}]

    assert hanging(ec2).off(ELASTIC_IP, ["i-1"], [OURS]) == []


def test_all_pages_are_read_and_one_that_names_itself_breaks_off() -> None:
    ec2 = Ec2([instance("i-1")], [volume(f"vol-{n}", "i-1") for n in range(5)])
    ec2.page_size = 2

    assert len(hanging(ec2).off(VOLUME, ["i-1"], [OURS])) == 5
    assert [request.get("NextToken") for _, request in ec2.asked[:3]] == [None, "2", "4"]

    ec2.token = "again"
    with pytest.raises(ResponseParserError, match="token of the same page"):
        hanging(ec2).off(VOLUME, ["i-1"], [OURS])


def test_no_more_is_asked_for_in_a_call_than_filters_take() -> None:
    ids = [f"i-{n}" for n in range(450)]
    ec2 = Ec2(map(instance, ids), [volume(f"vol-{one}", one) for one in ids])

    assert len(hanging(ec2).off(VOLUME, ids, [OURS])) == 450
    assert all(len(one["Values"]) <= 200 for _, r in ec2.asked for one in r["Filters"])


def test_where_nothing_hangs_nothing_more_is_asked() -> None:
    ec2 = Ec2([instance("i-1")])

    assert hanging(ec2).off(SNAPSHOT, ["i-1"], [OURS]) == []
    assert [name for name, _ in ec2.asked] == ["describe_volumes"]


def test_errors_are_raised() -> None:
    ec2 = Ec2([instance("i-1")], [volume("vol-1", "i-1")])
    ec2.errors = [refusal("UnauthorizedOperation")]

    with pytest.raises(ClientError):
        hanging(ec2).off(VOLUME, ["i-1"], [OURS])


def test_what_was_seen_is_as_old_as_the_first_of_the_calls() -> None:
    ec2 = Ec2([instance("i-1")], [volume("vol-1", "i-1")])
    clock = ec2.clock
    ec2.seconds = 3
    client: Any = ec2
    of = Hanging(client, HOME.account_id, PacedCalls(clock, lambda: False))

    (found,) = of.off(VOLUME, ["i-1"], [OURS])

    assert found.ref.seen_at == NOW == clock.now() - timedelta(seconds=3)


def test_an_interface_in_another_vpc_than_its_instance_is_left_out() -> None:
    ec2 = Ec2([instance("i-1")])
    ec2.others = [
        {"NetworkInterfaceId": "eni-1", "VpcId": OTHER, "Attachment": {"InstanceId": "i-1"}},
        {"NetworkInterfaceId": "eni-2", "VpcId": OURS, "Attachment": {"InstanceId": "i-1"}},
    ]

    (found,) = hanging(ec2).off(NETWORK_INTERFACE, ["i-1"], [OURS, OTHER])

    assert found.ref.resource_id == "eni-2"


def test_of_fewer_instances_it_is_asked_at_a_time_what_may_be_many_each() -> None:
    assert instances_a_call(VOLUME) == 200
    assert instances_a_call(SNAPSHOT) < instances_a_call(IMAGE)
