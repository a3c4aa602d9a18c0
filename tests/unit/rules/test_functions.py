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

    assert values.parse("today()")(late_on_the_23rd) == "2026-11-23"


@pytest.mark.parametrize("call", ["today()", " today ( ) "])
def test_today_is_the_date_as_iso_8601_writes_it(call: str) -> None:
    assert values.parse(call)(NOW) == "2026-11-23"


def test_today_is_the_date_in_utc_wherever_the_clock_is() -> None:
    late_in_new_york = datetime(2026, 11, 22, 20, 0, tzinfo=timezone(timedelta(hours=-5)))

    assert values.parse("today()")(late_in_new_york) == "2026-11-23"


@pytest.mark.parametrize(
    "call", ["tomorrow()", "today", "2026-11-23", "", "today() + 1", "eval(x)"]
)
def test_anything_but_a_call_of_a_known_function_is_refused_and_the_known_one_named(
    call: str,
) -> None:
    with pytest.raises(values.ValueCallError, match=r"today\(\)"):
        values.parse(call)


def test_arguments_are_understood_and_refused_by_a_function_that_takes_none() -> None:
    with pytest.raises(
        values.ValueCallError, match=r"^today\(\) takes no arguments; write 'today\(\)'$"
    ):
        values.parse("today(+30d)")


@given(st.text())
def test_no_text_at_all_makes_anything_but_a_value_or_a_clear_error(call: str) -> None:
    try:
        value = values.parse(call)(datetime.now(UTC))
    except values.ValueCallError:
        return
    assert value
