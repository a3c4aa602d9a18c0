"""What outcomes of several instances have in common."""

from dataclasses import replace

import pytest

from tag_policy.model.outcome import Result
from tag_policy.model.resource import ResourceType
from tests.support.builders import outcome, ref


def test_outcomes_that_differ_in_the_instance_alone_are_of_one_kind() -> None:
    assert outcome(resource=ref("i-1")).kind == outcome(resource=ref("i-2"), owner="jane").kind


@pytest.mark.parametrize(
    "other",
    [
        {"tag_key": "Owner"},
        {"reason": "tag empty"},
        {"rule_id": 7},
        {"note": "ask ops"},
        {"code": "Limit"},
        {"detail": "later"},
        {"finding_code": "empty"},
    ],
    ids=str,
)
def test_any_other_difference_makes_another_kind(other: dict[str, object]) -> None:
    assert outcome(Result.REPORTED, **other).kind != outcome(Result.REPORTED).kind
    assert outcome(Result.REPORTED).kind != outcome(Result.LEFT).kind


def test_those_of_another_type_of_resource_are_of_another_kind() -> None:
    of_a_volume = replace(ref("vol-1"), resource_type=ResourceType.VOLUME)

    assert outcome(resource=of_a_volume).kind != outcome(resource=ref("i-1")).kind
