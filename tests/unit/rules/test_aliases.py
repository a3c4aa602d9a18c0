"""Which tags of an instance are meant by another spelling of a rule's key."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.rules.aliases import Aliases, Spellings, folded
from tests.support.builders import PROJECT_CODE

RULE = replace(PROJECT_CODE, tag_key="CostCenter", aliases=("cc", "cost-centre"))


def found(
    rule: Rule, tags: Mapping[str, str], taken: Collection[str] = ()
) -> list[tuple[str, str]]:
    folded_keys = set(map(as_iam_compares, taken))
    return list(Aliases(rule, folded_keys).of(tags, Spellings(tags)))


@pytest.mark.parametrize(
    "key", ["cost-center", "COSTCENTER", "Cost Center", "cost_center", "_cost-Center ", "C-o_s T"]
)
def test_keys_differ_only_in_case_blanks_underscores_and_hyphens(key: str) -> None:
    assert (folded(key) == folded("CostCenter")) is (key != "C-o_s T")


@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(key: str) -> None:
    assert folded(folded(key)) == folded(key)


def test_without_any_listed_there_are_none() -> None:
    bare = replace(RULE, aliases=())

    assert found(bare, {"cost-center": "1", "COSTCENTER": "2"}) == []


def test_those_that_are_listed_come_first_in_their_order_and_then_the_others_by_key() -> None:
    tags = {"cost_center": "1", "cost-centre": "2", "COSTCENTER": "3", "cc": "4", "C C": "5"}

    assert found(RULE, tags) == [
        ("cc", "4"),
        ("cost-centre", "2"),
        ("C C", "5"),
        ("COSTCENTER", "3"),
        ("cost_center", "1"),
    ]


@pytest.mark.parametrize("blank", ["", " ", "\u200b"])
def test_what_is_blank_says_nothing(blank: str) -> None:
    assert found(RULE, {"cc": blank, "cost_center": blank}) == []


def test_the_keys_of_others_and_of_aws_are_never_meant() -> None:
    taken = {"CostCenter", "cc", "Cost_Center", "tag-policy:due"}
    tags = {"cost_center": "1", "COST_CENTER": "2", "aws:cost-center": "3", "CostCenter": "4"}

    assert found(RULE, tags, taken) == []
    assert found(RULE, {"COSTCENTER": "1"}, {"CostCenter"}) == [("COSTCENTER", "1")]


def test_only_what_is_listed_is_renamed_and_only_where_the_rule_says_so() -> None:
    renaming = Aliases(replace(RULE, rename=True), ())

    assert renaming.is_renamed("cc")
    assert not renaming.is_renamed("COSTCENTER")
    assert not renaming.is_renamed("CC")
    assert not Aliases(RULE, ()).is_renamed("cc")
