"""The table of what hangs off instances."""

from tag_policy.model.resource import ResourceType
from tag_policy.resources.kinds import KINDS, kind_of


def test_there_is_a_kind_for_every_type_that_is_no_instance() -> None:
    assert KINDS.keys() == set(ResourceType) - {ResourceType.INSTANCE}
    assert all(kind.type is of_type for of_type, kind in KINDS.items())


def test_what_values_are_taken_from_is_judged_first() -> None:
    order = list(KINDS)

    assert order.index(ResourceType.VOLUME) < order.index(ResourceType.SNAPSHOT)


def test_an_id_says_what_it_is_of() -> None:
    ids = ("vol-1", "eni-1", "snap-1", "ami-1", "eipalloc-1", "i-1", "sg-1")

    found = [kind_of(one) for one in ids]

    assert [kind and kind.type for kind in found] == [
        ResourceType.VOLUME,
        ResourceType.NETWORK_INTERFACE,
        ResourceType.SNAPSHOT,
        ResourceType.IMAGE,
        ResourceType.ELASTIC_IP,
        None,
        None,
    ]
