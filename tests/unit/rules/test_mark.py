"""The mark that announces what will happen to an instance."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.creators.tag_value import fit
from tag_policy.model import UntaggedAction
from tag_policy.rules.mark import Mark, read_mark

MARK = "terminate at 2026-11-24T08:00:00Z: no tags at all"
ENDING = st.sampled_from([UntaggedAction.TERMINATE, UntaggedAction.STOP])


def test_a_mark_says_what_will_happen_when_and_why() -> None:
    time = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

    assert str(Mark(UntaggedAction.TERMINATE, time, "no tags at all")) == MARK


zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones)


@given(ENDING, times)
def test_what_is_written_is_read_to_the_second(action: UntaggedAction, time: datetime) -> None:
    mark = Mark(action, time.replace(microsecond=0), "no tags at all")

    assert read_mark(str(mark)) == mark
    assert fit(str(mark)) == str(mark), "it is fit for a tag as it is"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "terminate",
        "terminate at 2026-11-24T08:00:00Z",
        "terminate at 2026-11-24T08:00:00Z: ",
        "terminate at 2026-11-24T08:00:00: no tags at all",
        "terminate at 2026-11-24T08:00:00+01:00: no tags at all",
        "terminate at 2026-02-30T08:00:00Z: no tags at all",
        "terminate at 2026-11-24T24:00:00Z: no tags at all",
        "terminate at ٢٠٢٦-11-24T08:00:00Z: no tags at all",
        "Terminate at 2026-11-24T08:00:00Z: no tags at all",
        "notify at 2026-11-24T08:00:00Z: no tags at all",
        " " + MARK,
        MARK + "\n",
    ],
)
def test_anything_else_is_none(value: str) -> None:
    assert read_mark(value) is None


@given(st.text(max_size=80))
def test_no_value_is_a_crash(value: str) -> None:
    mark = read_mark(value)

    assert mark is None or str(mark) == value
