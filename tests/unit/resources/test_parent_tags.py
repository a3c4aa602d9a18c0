"""Reading the tags of what instances are in, or were made of."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.instance import Instance
from tag_policy.model.unknown import Unknown
from tag_policy.resources.parent_tags import RESOURCES_AHEAD, ParentTags, read_ahead
from tests.support.builders import NOW, instance
from tests.support.clock import SimulatedClock
from tests.support.fake_ec2 import refusal


class Service:
    """EC2, or EC2 Auto Scaling: tags by the id of what has them."""

    def __init__(self, tags: dict[str, dict[str, str]], page_size: int = 1000) -> None:
        self.tags = tags
        self.page_size = page_size
        self.asked: list[dict[str, Any]] = []
        self.errors: list[Exception] = []
        self.also: list[dict[str, str]] = []

    def describe_tags(self, **request: Any) -> dict[str, Any]:
        """Answer a page of the tags that are asked for."""
        self.asked.append(request)
        if self.errors:
            raise self.errors.pop(0)
        filters = {one["Name"]: one["Values"] for one in request["Filters"]}
        (ids,) = (values for name, values in filters.items() if name != "key")
        found = [
            {"ResourceId": one, "Key": key, "Value": value}
            for one in ids
            for key, value in self.tags.get(one, {}).items()
            if "key" not in filters or key in filters["key"]
        ] + self.also
        start = int(request.get("NextToken", "0"))
        more = {"NextToken": str(start + self.page_size)}
        page = {"Tags": found[start : start + self.page_size]}
        return page | (more if start + self.page_size < len(found) else {})


class World:
    def __init__(self, keys: dict[str, set[str]], ec2: Service, groups: Service) -> None:
        self.problems: list[str] = []
        self.ec2, self.groups = ec2, groups
        paced = PacedCalls(SimulatedClock(NOW), lambda: False)
        ec2_client: Any = ec2
        groups_client: Any = groups
        self.tags = ParentTags(ec2_client, lambda: groups_client, keys, paced, self.problems.append)


def world(tags: dict[str, dict[str, str]], page_size: int = 1000, **keys: set[str]) -> World:
    both = {"vpc": {"Cost"}, "subnet": {"Cost"}, "auto_scaling_group": {"Cost"}} | keys
    return World(both, Service(tags, page_size), Service(tags, page_size))


def test_tags_of_what_was_read_are_known_and_so_is_that_there_are_none() -> None:
    made = world({"vpc-1": {"Cost": "1", "Name": "x"}, "web": {"Cost": "2"}})

    made.tags.read([("vpc", "vpc-1"), ("vpc", "vpc-2"), ("auto_scaling_group", "web")])

    assert made.tags.value("vpc", "vpc-1", "Cost") == "1"
    assert made.tags.value("vpc", "vpc-1", "Name") is None, "nobody asks for it"
    assert made.tags.value("vpc", "vpc-2", "Cost") is None
    assert made.tags.value("auto_scaling_group", "web", "Cost") == "2"
    assert made.tags.value("vpc", "vpc-3", "Cost") is Unknown.VALUE
    assert made.tags.value("auto_scaling_group", "vpc-1", "Cost") is Unknown.VALUE


def test_each_is_asked_for_once_in_a_run_and_many_in_one_call() -> None:
    made = world({})
    many = [("vpc", f"vpc-{number:03}") for number in range(150)] + [("subnet", "subnet-1")]

    for _ in range(3):
        made.tags.read([*many, *many])
    made.tags.read([("vpc", "vpc-new")])

    ids = [one["Filters"][0]["Values"] for one in made.ec2.asked]
    assert [len(some) for some in ids] == [150, 1, 1], "and subnets in the same call"
    assert made.ec2.asked[0]["Filters"] == [
        {"Name": "resource-id", "Values": ids[0]},
        {"Name": "key", "Values": ["Cost"]},
    ]
    assert made.ec2.asked[0]["MaxResults"] == 1000


def test_groups_are_asked_for_by_their_names_at_their_service() -> None:
    made = world({"web": {"Cost": "2"}})

    made.tags.read([("auto_scaling_group", f"group-{number}") for number in range(51)])

    assert not made.ec2.asked
    names = [one["Filters"][0] for one in made.groups.asked]
    assert [one["Name"] for one in names] == ["auto-scaling-group"] * 2
    assert [len(one["Values"]) for one in names] == [50, 1]
    assert made.groups.asked[0]["MaxRecords"] == 100


def test_all_pages_are_read() -> None:
    made = world({f"vpc-{number}": {"Cost": str(number)} for number in range(7)}, page_size=2)

    made.tags.read([("vpc", f"vpc-{number}") for number in range(7)])

    assert [made.tags.value("vpc", f"vpc-{n}", "Cost") for n in range(7)] == list("0123456")
    assert len(made.ec2.asked) == 4


@pytest.mark.parametrize("key", ["a*b", "a?b", "a\\b"])
def test_a_key_that_a_filter_would_take_for_a_pattern_is_compared_here(key: str) -> None:
    made = world({"vpc-1": {key: "1", "aXb": "2"}}, vpc={key, "Cost"})

    made.tags.read([("vpc", "vpc-1")])

    assert [one["Name"] for one in made.ec2.asked[0]["Filters"]] == ["resource-id"]
    assert made.tags.value("vpc", "vpc-1", key) == "1"
    assert made.tags.value("vpc", "vpc-1", "aXb") is None


def test_what_aws_tells_of_others_is_nobodys_concern() -> None:
    made = world({"vpc-1": {"Cost": "1"}})
    made.ec2.also = [
        {"ResourceId": "vpc-9", "Key": "Cost", "Value": "9"},
        {"ResourceId": "vpc-1", "Key": "cost", "Value": "9"},
        {"ResourceId": "vpc-2", "Key": "Cost"},
    ]

    made.tags.read([("vpc", "vpc-1"), ("vpc", "vpc-2")])

    assert made.tags.value("vpc", "vpc-9", "Cost") is Unknown.VALUE
    assert made.tags.value("vpc", "vpc-1", "Cost") == "1"
    assert made.tags.value("vpc", "vpc-2", "Cost") == ""


ERRORS = [refusal("UnauthorizedOperation"), ReadTimeoutError(endpoint_url="https://ec2")]


@pytest.mark.parametrize("error", ERRORS, ids=["refused", "no answer"])
def test_what_cannot_be_read_is_not_known_and_told_once_and_asked_for_once(
    error: Exception,
) -> None:
    made = world({"vpc-1": {"Cost": "1"}, "web": {"Cost": "2"}})
    made.ec2.errors = [error]

    for _ in range(2):
        made.tags.read([("vpc", "vpc-1"), ("auto_scaling_group", "web")])

    assert made.tags.value("vpc", "vpc-1", "Cost") is Unknown.VALUE
    assert made.tags.value("auto_scaling_group", "web", "Cost") == "2", "the others are read"
    (problem,) = made.problems
    assert problem.startswith(
        "the tags of VPCs, subnets, images and launch templates could not be read, so values that "
        "rules take from there are not written: "
    )
    assert len(made.ec2.asked) == 1


def test_of_some_hundreds_those_that_were_read_before_it_failed_are_known() -> None:
    made = world({f"vpc-{number:03}": {"Cost": "1"} for number in range(250)})
    made.tags.read([("vpc", "vpc-000")])
    made.ec2.errors = [refusal("InternalError", status=500)]

    made.tags.read([("vpc", f"vpc-{number:03}") for number in range(250)])

    assert made.tags.value("vpc", "vpc-000", "Cost") == "1"
    assert made.tags.value("vpc", "vpc-001", "Cost") is Unknown.VALUE


def test_what_is_throttled_is_asked_for_again() -> None:
    made = world({"vpc-1": {"Cost": "1"}})
    made.ec2.errors = [refusal("RequestLimitExceeded")] * 2

    made.tags.read([("vpc", "vpc-1")])

    assert made.tags.value("vpc", "vpc-1", "Cost") == "1"
    assert made.problems == []


def test_a_page_that_leads_to_itself_is_no_answer() -> None:
    made = world({"vpc-1": {"Cost": "1"}})
    endless: Any = SimpleNamespace(describe_tags=lambda **_: {"Tags": [], "NextToken": "again"})
    tags = ParentTags(
        endless, lambda: endless, {"vpc": {"Cost"}}, made.tags._paced, made.problems.append
    )

    tags.read([("vpc", "vpc-1")])

    assert tags.value("vpc", "vpc-1", "Cost") is Unknown.VALUE
    assert "the token of the same page" in made.problems[0]


# Reading ahead


def numbered(number: int) -> Instance:
    return instance({"Name": str(number)})


def test_instances_come_in_their_order_when_their_parents_were_read() -> None:
    number = 2 * RESOURCES_AHEAD + 1
    read: list[int] = []

    def instances() -> Iterator[Instance]:
        return map(numbered, range(number))

    ahead = read_ahead(instances(), lambda some: read.append(len(some)))
    came = [(one.tags["Name"], sum(read)) for one in ahead]

    assert [name for name, _ in came] == [str(one) for one in range(number)]
    assert read == [RESOURCES_AHEAD, RESOURCES_AHEAD, 1]
    assert all(int(name) < seen for name, seen in came)


def test_those_before_a_listing_broke_off_come_and_then_that_is_raised() -> None:
    def instances() -> Iterator[Instance]:
        yield from map(numbered, range(3))
        raise refusal("InternalError", "DescribeInstances")

    came: list[Instance] = []
    with pytest.raises(ClientError):
        came.extend(read_ahead(instances(), lambda _: None))

    assert [one.tags["Name"] for one in came] == ["0", "1", "2"]
