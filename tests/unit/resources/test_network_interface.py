"""Network interfaces, as DescribeNetworkInterfaces tells of them."""

from typing import Any

from tag_policy.model.resource import ResourceType
from tag_policy.resources.network_interface import NETWORK_INTERFACE

WHOLE: dict[str, Any] = {
    "Status": "in-use",
    "SubnetId": "subnet-1",
    "AvailabilityZone": "eu-west-1a",
    "Attachment": {"InstanceId": "i-1"},
}


def test_an_interface_hangs_off_the_instance_that_it_is_attached_to() -> None:
    assert NETWORK_INTERFACE.parent_ids(WHOLE) == {ResourceType.INSTANCE: ["i-1"]}
    of_a_service = WHOLE | {"Attachment": {"InstanceOwnerId": "amazon-elb"}}
    assert NETWORK_INTERFACE.parent_ids(of_a_service) == {ResourceType.INSTANCE: []}
    assert NETWORK_INTERFACE.fields(of_a_service)["is_attached"] is False


def test_an_address_of_any_of_its_private_ones_is_a_public_one() -> None:
    second = {"PrivateIpAddresses": [{}, {"Association": {"PublicIp": "192.0.2.1"}}]}

    assert NETWORK_INTERFACE.fields(WHOLE) == {
        "state": "in-use",
        "subnet_id": "subnet-1",
        "availability_zone": "eu-west-1a",
        "has_public_ip": False,
        "is_attached": True,
    }
    assert NETWORK_INTERFACE.fields(WHOLE | second)["has_public_ip"]
    assert NETWORK_INTERFACE.fields(WHOLE | {"Association": {"PublicIp": "192.0.2.1"}})[
        "has_public_ip"
    ]
