"""What is tagged, whatever its type."""

from tag_policy.model.resource import NEVER, Resource, ResourceRef, ResourceType
from tests.support.builders import NOW, instance


def test_a_resource_is_an_instance_where_nothing_else_is_said() -> None:
    assert instance({}).type is ResourceType.INSTANCE


def test_a_resource_is_of_the_type_that_its_findings_know() -> None:
    of = ResourceRef("vol-1", "vpc-1", "", NOW, {}, resource_type=ResourceType.VOLUME)

    assert Resource(of, "in-use", {}).type is ResourceType.VOLUME


def test_no_time_is_before_that_of_what_has_none() -> None:
    assert NEVER < NOW
