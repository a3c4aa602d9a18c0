"""The VPCs of an account: which there are, and which are missing."""

from collections.abc import Mapping
from typing import Any, cast

from tag_policy.resources.instance import FILTER_VALUES
from tag_policy.resources.vpc import find_vpcs, missing_vpcs


def filters(request: Any) -> dict[str, list[str]]:
    return {one["Name"]: list(one["Values"]) for one in request["Filters"]}


class Vpcs:
    """An EC2 that knows some VPCs, and answers one a page."""

    def __init__(self, *vpc_ids: str) -> None:
        self._vpc_ids = vpc_ids
        self.asked: list[Any] = []

    def get_paginator(self, operation: str) -> "Vpcs":
        assert operation == "describe_vpcs"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.asked.append(request)
        values = filters(request)["vpc-id"]
        return [{"Vpcs": [{"VpcId": one}]} for one in self._vpc_ids if one in values]


def test_the_vpcs_that_are_not_there_are_named_in_their_order() -> None:
    vpcs = Vpcs("vpc-1", "vpc-3", "vpc-5")

    missing = missing_vpcs(cast("Any", vpcs), ["vpc-4", "vpc-3", "vpc-2", "vpc-1"])

    assert missing == ["vpc-4", "vpc-2"]
    assert [filters(one) for one in vpcs.asked] == [
        {"vpc-id": ["vpc-4", "vpc-3", "vpc-2", "vpc-1"]}
    ]


def test_vpcs_are_asked_for_two_hundred_at_a_time() -> None:
    ids = [f"vpc-{at}" for at in range(FILTER_VALUES + 1)]
    vpcs = Vpcs(*ids)

    assert missing_vpcs(cast("Any", vpcs), ids) == []
    assert [filters(one)["vpc-id"] for one in vpcs.asked] == [ids[:-1], ids[-1:]]


class TaggedVpcs:
    """VPCs with their tags, a page each."""

    def __init__(self, **tags_of: Mapping[str, str]) -> None:
        self._tags_of = tags_of

    def get_paginator(self, operation: str) -> "TaggedVpcs":
        assert operation == "describe_vpcs"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        pages = []
        for vpc_id, tags in self._tags_of.items():
            vpc: dict[str, Any] = {"VpcId": vpc_id}
            if tags:  # EC2 leaves the list out where there are none
                vpc["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
            pages.append({"Vpcs": [vpc]})
        return pages


def found(tags: Mapping[str, str], **tags_of: Mapping[str, str]) -> list[str]:
    return find_vpcs(cast("Any", TaggedVpcs(**tags_of)), tags)


def test_a_vpc_is_found_that_has_all_of_the_tags_and_whatever_others() -> None:
    wanted = {"Stage": "prod", "Team": "web"}

    assert found(
        wanted,
        c=wanted | {"Name": "main"},
        a=wanted,
        half={"Stage": "prod"},
        other={"Stage": "prod", "Team": "shop"},
        bare={},
    ) == ["a", "c"]


def test_without_tags_every_vpc_is_found() -> None:
    assert found({}, b={}, a={"Stage": "prod"}) == ["a", "b"]


def test_a_tag_is_what_it_says_in_case_and_without_wildcards() -> None:
    stages = {"a": {"Stage": "prod"}, "b": {"stage": "p*"}, "c": {"Stage": "p*"}}

    assert found({"Stage": "p*"}, **stages) == ["c"]
