"""An instance: which of its network interfaces are to be isolated, and whether they can be."""

from dataclasses import replace

import pytest

from tag_policy.model.instance import Interface, security_groups
from tests.support.builders import instance

VPC, OTHER = "vpc-abc123c1", "vpc-0def"
GROUPS = {VPC: "sg-1", OTHER: "sg-2"}


def interface(*groups: str, number: int = 1, vpc_id: str = VPC) -> Interface:
    return Interface(f"eni-{number}", vpc_id, groups)


@pytest.mark.parametrize(
    ("interfaces", "is_isolated", "is_open"),
    [
        ((), False, []),
        ((interface("sg-1"),), True, []),
        ((interface("sg-9"),), False, ["eni-1"]),
        ((interface("sg-1", "sg-9"),), False, ["eni-1"]),
        ((interface("sg-1"), interface("sg-9", number=2)), False, ["eni-2"]),
        ((interface("sg-1"), interface("sg-1", number=2, vpc_id=OTHER)), False, ["eni-2"]),
        ((interface("sg-1"), interface("sg-2", number=2, vpc_id=OTHER)), True, []),
        ((interface("sg-1", vpc_id="vpc-3"),), False, ["eni-1"]),
    ],
)
def test_an_instance_is_isolated_when_all_of_its_interfaces_have_the_group_of_their_vpc_alone(
    interfaces: tuple[Interface, ...], is_isolated: bool, is_open: list[str]
) -> None:
    found = replace(instance({}), interfaces=interfaces)

    assert found.is_isolated(GROUPS) is is_isolated
    assert [one.interface_id for one in found.open_interfaces(GROUPS)] == is_open


@pytest.mark.parametrize(
    ("interfaces", "groups", "why_not"),
    [
        ((interface("sg-9"),), GROUPS, ""),
        ((), GROUPS, "its network interfaces are not known"),
        ((interface("sg-9"),), {}, f"isolation_security_groups has no group for {VPC}"),
        ((), {OTHER: "sg-2"}, f"isolation_security_groups has no group for {VPC}"),
        (
            (interface("sg-9"), interface("sg-9", number=2, vpc_id="vpc-3")),
            GROUPS,
            "isolation_security_groups has no group for vpc-3",
        ),
    ],
)
def test_it_can_be_isolated_where_there_is_a_group_for_each_vpc_that_it_reaches_into(
    interfaces: tuple[Interface, ...], groups: dict[str, str], why_not: str
) -> None:
    found = replace(instance({}), interfaces=interfaces)

    assert found.cannot_be_isolated(groups) == why_not


def test_people_read_which_groups_there_were_by_interface() -> None:
    some = [interface("sg-8", "sg-9"), interface("sg-7", number=2)]

    assert security_groups(some) == "eni-1: sg-8, sg-9; eni-2: sg-7"
