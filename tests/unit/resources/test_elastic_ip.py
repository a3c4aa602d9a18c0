"""Elastic IP addresses, as DescribeAddresses tells of them."""

from tag_policy.model.resource import ResourceType
from tag_policy.resources.elastic_ip import ELASTIC_IP


def test_an_address_hangs_off_the_instance_that_has_it_and_is_attached_to_anything() -> None:
    free = {"AllocationId": "eipalloc-1"}
    of_a_gateway = free | {"AssociationId": "eipassoc-1", "NetworkInterfaceId": "eni-1"}
    of_an_instance = of_a_gateway | {"InstanceId": "i-1"}

    assert [ELASTIC_IP.parent_ids(one) for one in (free, of_a_gateway, of_an_instance)] == [
        {ResourceType.INSTANCE: []},
        {ResourceType.INSTANCE: []},
        {ResourceType.INSTANCE: ["i-1"]},
    ]
    attached = [ELASTIC_IP.fields(one)["is_attached"] for one in (free, of_a_gateway)]
    assert attached == [False, True]
