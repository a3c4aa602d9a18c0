from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model import Action, Rule
from tag_policy.rules import table as rules
from tests.support.builders import DEFAULT_RULES


def item(rule_id: object, **attributes: str) -> dict[str, Any]:
    return {"RuleId": {"N": str(rule_id)}} | {k: {"S": v} for k, v in attributes.items()}


GOOD = item(1, TagKey="ProjectCode", Action="Update", Required="Y", Default="Proj007")


def test_the_three_default_items_are_the_three_default_rules() -> None:
    items = [
        item(3, TagKey="Expires", Action="Function", Required="N", Default="today()"),
        GOOD,
        item(2, TagKey="CreatedBy", Action="UserLookup"),
    ]

    assert rules.parse(items) == (list(DEFAULT_RULES), [])


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (item(7, Action="Update", Default="x"), "TagKey is missing"),
        (item(7, TagKey=" ", Action="Update", Default="x"), "TagKey is missing"),
        (item(7, TagKey="k" * 128, Action="Update", Default="x"), "longer than 127"),
        (item(7, TagKey="A\nTERMINATED (9)", Action="Update", Default="x"), "cannot be printed"),
        (item(7, TagKey="K", Action="x" * 300_000, Default="x"), "xxx…'; it must be one of"),
        (item(7, TagKey="aws:x", Action="Update", Default="x"), "starts with 'aws:'"),
        (
            item(7, TagKey="K", Default="x"),
            "Action is missing; it must be one of Update, UserLookup",
        ),
        (item(7, TagKey="K", Action="Delete", Default="x"), "Action is 'Delete'; it must be one"),
        (item(7, TagKey="K", Action="update", Default="x"), "Action is 'update'; it must be one"),
        (
            item(7, TagKey="K", Action="Update", Default="x", Required="maybe"),
            "Required is 'maybe'; it must be 'Y' or 'N'",
        ),
        (item(7, TagKey="K", Action="Update"), "Default is missing or blank; give the value"),
        (item(7, TagKey="K", Action="Update", Default=" "), "Default is missing or blank"),
        (item(7, TagKey="K", Action="Update", Default="v" * 257), "longer than 256"),
        (item(7, TagKey="K", Action="Function"), "give the call to make, such as 'today()'"),
        (item(7, TagKey="K", Action="Function", Default="now()"), "names no known function"),
        (item(7, TagKey="K", Action="UserLookup", Default=""), "leave the attribute out"),
        (item("1.5", TagKey="K", Action="Update", Default="x"), "positive whole number"),
        (item(-1, TagKey="K", Action="Update", Default="x"), "positive whole number"),
        (item(7, TagKey="ProjectCode", Action="UserLookup"), "already the subject of rule 1"),
        ({"RuleId": {"N": "7"}, "TagKey": {"N": "5"}}, "TagKey is of type N; it must be a string"),
    ],
)
def test_a_bad_item_is_reported_with_its_id_and_the_others_go_on(
    bad: dict[str, Any], problem: str
) -> None:
    valid, errors = rules.parse([bad, GOOD])

    assert [rule.tag_key for rule in valid] == ["ProjectCode"]
    (error,) = errors
    assert error.rule_id == bad["RuleId"]["N"]
    assert problem in error.problem


def test_the_second_of_two_rules_for_a_tag_counts_when_the_first_is_bad() -> None:
    bad = item(1, TagKey="ProjectCode", Action="Update")
    good = item(2, TagKey="ProjectCode", Action="Update", Default="x")

    valid, errors = rules.parse([good, bad])

    assert [rule.rule_id for rule in valid] == [2]
    assert [error.rule_id for error in errors] == ["1"]


def test_ids_are_ordered_as_numbers() -> None:
    items = [item(i, TagKey=f"K{i}", Action="UserLookup") for i in (10, 9, 100)]

    valid, _ = rules.parse(items)

    assert [rule.rule_id for rule in valid] == [9, 10, 100]


def test_unknown_attributes_are_left_alone() -> None:
    valid, errors = rules.parse([GOOD | {"Comment": {"S": "asked for by finance"}}])

    assert (len(valid), errors) == (1, [])


attribute_values = st.one_of(
    st.builds(lambda text: {"S": text}, st.text(max_size=300)),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.just({"NULL": True}),
    st.just({"L": []}),
)
items = st.fixed_dictionaries(
    {"RuleId": st.builds(lambda n: {"N": str(n)}, st.one_of(st.integers(), st.floats()))},
    optional={
        "TagKey": st.one_of(attribute_values, st.just({"S": "ProjectCode"})),
        "Action": st.one_of(attribute_values, st.sampled_from([{"S": a} for a in Action])),
        "Required": st.one_of(attribute_values, st.sampled_from([{"S": "Y"}, {"S": "N"}])),
        "Default": st.one_of(attribute_values, st.just({"S": "today()"})),
    },
)


@given(st.lists(items, max_size=8))
def test_no_item_whatsoever_is_a_crash_and_each_is_a_rule_or_an_error(
    items: list[dict[str, Any]],
) -> None:
    valid, errors = rules.parse(items)

    assert len(valid) + len(errors) == len(items)
    assert valid == sorted(valid, key=lambda rule: rule.rule_id)
    assert len({rule.tag_key for rule in valid}) == len(valid)
    assert all(isinstance(rule, Rule) and rule.default.strip() for rule in valid)
