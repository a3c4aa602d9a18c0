"""Which values a rule takes, and what is told of the others."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tag_policy.model.finding import Code
from tag_policy.model.rule import Action, Rule
from tag_policy.rules.values import Standard, Wrong

TODAY = date(2026, 11, 25)
ANYTHING = Rule(10, "Stage", Action.CHECK, required=True, default="")


def wrong(value: str, **attributes: Any) -> Wrong | None:
    return Standard(replace(ANYTHING, **attributes)).wrong(value, TODAY)


def reason(value: str, **attributes: Any) -> str:
    found = wrong(value, **attributes)
    assert found is not None
    return found.reason


def test_a_rule_that_says_nothing_of_values_takes_them_all() -> None:
    assert wrong("anything") is None
    assert not Standard(ANYTHING).says_something
    assert Standard(ANYTHING).right == ""


@pytest.mark.parametrize("value", ["prod", "dev", "test-1", "test-"])
def test_an_allowed_value_is_right(value: str) -> None:
    assert wrong(value, allowed_values=("prod", "dev", "test-*")) is None


@pytest.mark.parametrize(
    "value", ["Prod", "prod ", " prod", "production", "pro", "Test-1", "a test-1"]
)
def test_any_other_is_not_and_case_and_blanks_matter(value: str) -> None:
    found = wrong(value, allowed_values=("prod", "dev", "test-*"))

    assert found == Wrong(
        Code.NOT_ALLOWED,
        f"{value!r} is not allowed; expected one of 'prod', 'dev', 'test-*'",
    )


def test_a_value_has_to_match_the_pattern() -> None:
    pattern = r"^[^@ ]+@example\.org$"

    assert wrong("ops@example.org", allowed_pattern=pattern) is None
    assert reason("ops", allowed_pattern=pattern) == (
        r"'ops' is not allowed; expected a match for ^[^@ ]+@example\.org$"
    )


@pytest.mark.parametrize(("value", "right"), [("tf-1", True), ("tf", False), ("cmf-1", False)])
def test_where_both_are_given_both_must_hold(value: str, right: bool) -> None:
    said = wrong(value, allowed_values=("tf*",), allowed_pattern="-[0-9]$")

    assert (said is None) is right
    if said is not None:
        assert said.reason.endswith("expected 'tf*', and a match for -[0-9]$")


@pytest.mark.parametrize("value", ["2026-11-25", "2026-11-26", "9999-12-31"])
def test_a_date_is_right_until_its_day_is_over(value: str) -> None:
    assert wrong(value, expires=True) is None


def test_a_date_that_is_past_has_expired() -> None:
    assert wrong("2026-11-24", expires=True) == Wrong(
        Code.EXPIRED, "expired: 2026-11-24 was the last day"
    )


@pytest.mark.parametrize(
    "value", ["soon", "2026-02-30", "20261231", " 2026-12-31", "2026-12-31T00:00"]
)
def test_what_is_no_date_is_not_allowed_where_one_is_asked_for(value: str) -> None:
    assert wrong(value, expires=True) == Wrong(
        Code.NOT_ALLOWED,
        f"{value!r} is not a date; expected a date such as 2026-12-31, which is the last good day",
    )


@pytest.mark.parametrize(
    ("lifetime", "latest", "too_late"),
    [
        ("90d", "2027-02-23", "2027-02-24"),
        ("2w", "2026-12-09", "2026-12-10"),
        ("3m", "2027-02-25", "2027-02-26"),
    ],
)
def test_a_date_may_not_be_further_away_than_the_lifetime(
    lifetime: str, latest: str, too_late: str
) -> None:
    assert wrong(latest, expires=True, max_lifetime=lifetime) is None
    assert wrong(too_late, expires=True, max_lifetime=lifetime) == Wrong(
        Code.NOT_ALLOWED, f"{too_late} is too far ahead; {latest} is the latest for now"
    )


def test_what_a_stranger_wrote_is_quoted_and_cut() -> None:
    said = reason("x\n\u202e" + 300 * "y", allowed_values=("a",))

    assert said.isprintable()
    assert len(said) < 200


def test_of_many_allowed_values_some_are_named() -> None:
    values = tuple(f"team-{number}" for number in range(100))

    assert reason("x", allowed_values=values).endswith("'team-7' and 92 more")
    long = tuple(f"{number}{200 * 'x'}" for number in range(10))
    assert len(reason("x", allowed_values=long)) < 300
