from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.rules.dates import read_date


@given(st.dates())
def test_every_day_is_read_as_it_is_written(day: date) -> None:
    assert read_date(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "20240115",
        "2024-W50",
        "2024-W50-1",
        "2024-1-15",
        "24-01-15",
        "02024-01-15",
        "+2024-01-15",
        "2024/01/15",
        "15.01.2024",
        "2024-01-15T00:00:00Z",
        " 2024-01-15",
        "2024-01-15\n",
        "2024-01-15\u200b",
        "٢٠٢٤-٠١-١٥",  # noqa: RUF001 - digits of another script
        "２０２４-０１-１５",  # noqa: RUF001 - digits of another script
        "2024\u201101\u201115",
        "2026-02-30",
        "2026-13-01",
        "0000-01-01",
    ],
)
def test_nothing_else_is_a_date(text: str) -> None:
    assert read_date(text) is None


@given(st.one_of(st.text(max_size=12), st.from_regex(r"\d{4}-?\d{2}-?\d{2}", fullmatch=True)))
def test_what_is_read_is_what_was_written(text: str) -> None:
    day = read_date(text)

    assert day is None or day.isoformat() == text
