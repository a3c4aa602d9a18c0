from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.rules.dates import read_date, read_length


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
        "\u0662\u0660\u0662\u0664-\u0660\u0661-\u0661\u0665",  # Arabic-Indic digits
        "\uff12\uff10\uff12\uff14-\uff10\uff11-\uff11\uff15",  # fullwidth digits
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


@pytest.mark.parametrize(
    ("text", "day", "after"),
    [
        ("1d", "2026-12-31", "2027-01-01"),
        ("2w", "2026-11-25", "2026-12-09"),
        ("1m", "2026-01-31", "2026-02-28"),
        ("1m", "2028-01-31", "2028-02-29"),
        ("12m", "2028-02-29", "2029-02-28"),
        ("11m", "2026-12-01", "2027-11-01"),
        ("13m", "2026-11-30", "2027-12-30"),
        ("3660d", "2026-11-25", "2036-12-02"),
        ("122m", "2026-11-25", "2037-01-25"),
    ],
)
def test_a_length_of_time_leads_to_a_day_that_exists(text: str, day: str, after: str) -> None:
    length = read_length(text)

    assert length is not None
    assert length.after(date.fromisoformat(day)) == date.fromisoformat(after)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0d", "-1d", "+1d", "1", "d", "1h", "1y", "1D", " 1d", "1d ", "1.5d", "01d", "٣d"),
        *("3661d", "523w", "123m", "10000d"),
    ],
)
def test_anything_else_is_no_length_of_time(text: str) -> None:
    assert read_length(text) is None
