"""How values are written: each step, synonyms and their order, and that twice changes nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.rule import Action, Rule
from tag_policy.rules.value_spelling import EXCLUDING, NORMALIZERS, Spelling
from tag_policy.rules.values import Standard


def spelling(**attributes: Any) -> Spelling:
    rule = Rule(10, "Stage", Action.CHECK, required=True, default="", **attributes)
    return Spelling(rule, Standard(rule).is_allowed)


@pytest.mark.parametrize(
    ("steps", "value", "expected"),
    [
        (["trim"], " \u200bprod \t", "prod"),
        (["lower"], "PrOd", "prod"),
        (["upper"], "prod", "PROD"),
        (["spaces-to-hyphens"], "a b  c", "a-b--c"),
        (["spaces-to-underscores"], "a b", "a_b"),
        (["trim", "lower", "spaces-to-hyphens"], " Legal Aid ", "legal-aid"),
        (["spaces-to-hyphens", "trim"], " a", "-a"),
        ([], " As It Is ", " As It Is "),
    ],
)
def test_the_steps_are_taken_in_their_order(steps: list[str], value: str, expected: str) -> None:
    assert spelling(normalize=tuple(steps)).of(value) == expected


PROD_OR_DEV = (("prod", ("production", "live*", "p*")), ("dev", ("pd-*", "*", "pp")))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("prod", "prod"),
        ("dev", "dev"),
        ("production", "prod"),
        ("live-7", "prod"),
        ("pp", "dev"),  # exact before a glob that comes earlier
        ("pd-1", "dev"),  # of two globs the one that says more, whichever comes first
        ("pe-1", "prod"),
        ("anything", "dev"),  # "*" last, wherever it stands
    ],
)
def test_a_right_value_stays_and_else_exact_counts_before_globs_and_all_comes_last(
    value: str, expected: str
) -> None:
    assert spelling(synonyms=PROD_OR_DEV).of(value) == expected


def test_an_allowed_value_stays_though_it_is_like_a_synonym() -> None:
    of = spelling(synonyms=(("prod", ("p*",)),), allowed_values=("prod", "pilot")).of

    assert (of("pilot"), of("pre")) == ("pilot", "prod")


def test_synonyms_are_asked_for_the_value_as_it_is_normalized() -> None:
    of = spelling(normalize=("trim", "upper"), synonyms=(("PRD", ("PROD", "PRODUCTION")),)).of

    assert (of(" prod "), of("prd"), of("dev")) == ("PRD", "PRD", "DEV")


steps = st.lists(st.sampled_from(list(NORMALIZERS)), unique=True).filter(
    lambda names: not any(one in names and other in names for one, other in EXCLUDING)
)


@given(steps, st.text(max_size=20))
def test_normalizing_twice_is_normalizing_once(names: list[str], value: str) -> None:
    made = spelling(normalize=tuple(names))

    assert made.normalized(made.normalized(value)) == made.normalized(value)


@given(st.text(alphabet="prodevli *-", max_size=12))
def test_what_is_spelt_once_is_spelt_so_the_next_time(value: str) -> None:
    of = spelling(normalize=("trim", "lower"), synonyms=PROD_OR_DEV).of

    assert of(of(value)) == of(value)
