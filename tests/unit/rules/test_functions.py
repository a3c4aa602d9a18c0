from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.rules import functions as values
from tests.support.builders import NOW


@pytest.fixture(autouse=True)
def _nothing_understood_before() -> None:
    values.parse.cache_clear()


@pytest.mark.usefixtures("_function_in_japan")
def test_today_is_the_date_in_utc_wherever_the_function_runs() -> None:
    late_on_the_23rd = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)

    assert values.parse("today()")(late_on_the_23rd, NOW) == "2026-11-23"


@pytest.mark.parametrize("call", ["today()", " today ( ) "])
def test_today_is_the_date_as_iso_8601_writes_it(call: str) -> None:
    assert values.parse(call)(NOW, NOW) == "2026-11-23"


def test_days_are_those_of_the_time_zone_of_the_run() -> None:
    new_york = timezone(timedelta(hours=-5))
    late_there = datetime(2026, 11, 23, 2, 0, tzinfo=UTC).astimezone(new_york)
    launched = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)

    assert values.parse("today()")(late_there, launched) == "2026-11-22"
    assert values.parse("launched()")(late_there, launched) == "2026-11-30"
    assert values.parse("launched()")(late_there, launched + timedelta(minutes=1)) == "2026-12-01"
    assert values.parse("end_of_month()")(launched.astimezone(new_york), NOW) == "2026-11-30"


@pytest.mark.parametrize(
    "call", ["tomorrow()", "today", "2026-11-23", "", "today() + 1", "eval(x)"]
)
def test_anything_but_a_call_of_a_known_function_is_refused_and_the_known_one_named(
    call: str,
) -> None:
    with pytest.raises(values.ValueCallError, match=r"today\(\)"):
        values.parse(call)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("today(+30d)", "2026-12-23"),
        ("today(-1w)", "2026-11-16"),
        ("today( +6m )", "2027-05-23"),
        ("launched()", "2026-01-31"),
        ("launched(+1m)", "2026-02-28"),
        ("launched(-2m)", "2025-11-30"),
        ("end_of_month()", "2026-11-30"),
        ("end_of_month(+1d)", "2026-12-01"),
        ("end_of_month(+1m)", "2026-12-31"),
        ("end_of_month(+3m)", "2027-02-28"),
    ],
)
def test_a_day_may_be_offset(call: str, expected: str) -> None:
    assert values.parse(call)(NOW, datetime(2026, 1, 31, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [("2028-02-10", "2028-02-29"), ("2027-02-10", "2027-02-28"), ("2026-12-31", "2026-12-31")],
)
def test_the_end_of_a_month_is_a_day_that_exists(now: str, expected: str) -> None:
    at = datetime.fromisoformat(f"{now}T12:00:00Z")

    assert values.parse("end_of_month()")(at, NOW) == expected


@pytest.mark.usefixtures("_function_in_japan")
def test_the_day_of_a_launch_is_one_in_utc_wherever_the_clock_is() -> None:
    late_in_new_york = datetime(2026, 11, 22, 20, 0, tzinfo=timezone(timedelta(hours=-5)))

    assert values.parse("launched()")(NOW, late_in_new_york) == "2026-11-23"


@pytest.mark.parametrize("offset", ["30d", "+30", "+0d", "+30h", "+1d+1d", "++1d", "+3661d", "1"])
def test_an_offset_that_is_none_is_refused(offset: str) -> None:
    with pytest.raises(values.ValueCallError, match=r"expected one such as 'today\(\+30d\)'"):
        values.parse(f"today({offset})")


@given(st.text())
def test_no_text_at_all_makes_anything_but_a_value_or_a_clear_error(call: str) -> None:
    try:
        value = values.parse(call)(datetime.now(UTC), NOW)
    except values.ValueCallError:
        return
    assert value
