"""The mark that announces what will happen to an instance."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End
from tag_policy.rules.mark import Announcing, announced_by, due_at, read_mark, told_for, trusted
from tests.support.builders import NOW, mark

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MARK = "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged, announced 2026-11-23T08:00:00Z"
WITHOUT_GRACE = "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged, no grace period"
ENDING = st.sampled_from(list(End))
CAUSES = st.just("untagged") | st.builds(
    "rule {} ({:08x})".format, st.integers(1, 10**38 - 1), st.integers(0, 2**32 - 1)
)
ENGINES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,39}", fullmatch=True)


def test_a_mark_says_who_will_do_what_when_why_and_since_when_that_is_known() -> None:
    assert str(mark(NOW + DAY, NOW)) == MARK
    assert str(mark(NOW + DAY, None)) == WITHOUT_GRACE


zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones)


@given(ENGINES, ENDING, times, CAUSES, st.none() | times)
def test_what_is_written_is_read_to_the_second(
    engine: str, action: End, time: datetime, cause: str, announced: datetime | None
) -> None:
    assume(announced is not None or cause == "untagged")  # no rule ends what nobody was told of
    told = announced and announced.replace(microsecond=0)
    written = Mark(engine, action, time.replace(microsecond=0), cause, told)

    assert read_mark(str(written)) == written
    assert len(str(written)) <= 256, "it fits into a tag"


@given(ENGINES, ENDING, times, CAUSES)
def test_what_was_not_told_is_no_mark(engine: str, action: End, time: datetime, cause: str) -> None:
    announcing = Mark(engine, action, time, cause, time).announcing

    in_utc = time.astimezone(UTC).replace(microsecond=0)
    assert read_mark(announcing) == Announcing(engine, in_utc, action, cause)


def test_a_mark_of_an_earlier_version_counts_for_nothing() -> None:
    assert read_mark("terminate at 2026-11-24T08:00:00Z: no tags at all") == Announcing("", None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "tag-policy: stop at 2026-11-24T08:00:00Z: rule 10 (0a1b2c3d), no grace period",
        "tag-policy: stop at 2026-11-24T08:00:00Z: rule 10, announced 2026-11-23T08:00:00Z",
        "tp: stop at 2026-11-24T08:00:00Z: rule 0 (0a1b2c3d), announced 2026-11-23T08:00:00Z",
        "tp: stop at 2026-11-24T08:00:00Z: rule 10 (0A1B2C3D), announced 2026-11-23T08:00:00Z",
        "terminate",
        "tag-policy: terminate at 2026-11-24T08:00:00Z",
        "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged",
        "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged, announced",
        "tag-policy: terminate at 2026-11-24T08:00:00Z: because, no grace period",
        "tag policy: terminate at 2026-11-24T08:00:00Z: untagged, no grace period",
        "tag-policy: terminate at 2026-11-24T08:00:00: untagged, no grace period",
        "tag-policy: terminate at 2026-11-24T08:00:00+01:00: untagged, no grace period",
        "tag-policy: terminate at 2026-02-30T08:00:00Z: untagged, no grace period",
        "tag-policy: terminate at 2026-11-24T24:00:00Z: untagged, no grace period",
        "tag-policy: terminate at ٢٠٢٦-11-24T08:00:00Z: untagged, no grace period",
        "tag-policy: Terminate at 2026-11-24T08:00:00Z: untagged, no grace period",
        "tag-policy: notify at 2026-11-24T08:00:00Z: untagged, no grace period",
        "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged, announced 2026-13-23T08:00:00Z",
        " " + MARK,
        MARK + "\n",
        "announcing " + MARK,
    ],
)
def test_anything_else_is_somebodys_own_words(value: str) -> None:
    assert read_mark(value) is None


@given(st.text(max_size=80))
def test_no_value_is_a_crash(value: str) -> None:
    read = read_mark(value)

    assert not isinstance(read, Mark) or str(read) == value


def test_an_instance_is_due_when_its_mark_says_so_and_never_sooner_after_it_than_it_may() -> None:
    announced = mark(NOW + DAY, NOW)

    assert due_at(announced, DAY) == NOW + DAY
    assert due_at(announced, HOUR) == NOW + DAY
    assert due_at(announced, 2 * DAY) == NOW + 2 * DAY, "the grace period was made longer"


def believed(
    found: Mark,
    schedule: str = "rate(1 hour)",
    started_at: datetime = NOW - 30 * DAY,
    created_at: datetime = NOW - 30 * DAY,
) -> bool:
    return trusted(
        found,
        longest=DAY,
        least=DAY,
        schedule=schedule,
        created_at=created_at,
        started_at=started_at,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("time", "announced", "counts"),
    [
        (NOW + DAY, NOW, True),
        (NOW, NOW - DAY, True),
        (NOW - 24 * HOUR, NOW - 48 * HOUR, True),
        (NOW - 25 * HOUR, NOW - 49 * HOUR, False),  # overdue for longer than a day
        (NOW + 3 * DAY, NOW, False),  # later than could be announced
        (datetime(9999, 1, 1, tzinfo=UTC), NOW - HOUR, False),
        (NOW + DAY, NOW + HOUR, False),  # announced in the future
        (NOW - HOUR, NOW, False),  # due before it was announced
        (NOW, None, False),  # nobody was told
    ],
)
def test_a_mark_is_believed_within_bounds(
    time: datetime, announced: datetime | None, counts: bool
) -> None:
    assert believed(mark(time, announced)) is counts


def test_a_mark_is_believed_longer_where_sweeps_are_rare() -> None:
    overdue = mark(NOW - 10 * DAY, NOW - 11 * DAY)

    assert not believed(overdue)
    assert believed(overdue, schedule="rate(7 days)")
    assert believed(overdue, schedule="cron(0 6 ? * MON *)")


def test_a_mark_that_has_led_to_a_stop_counts_no_more_once_the_instance_is_started_again() -> None:
    carried_out = mark(NOW - HOUR, NOW - 25 * HOUR)

    assert believed(carried_out)
    assert not believed(carried_out, started_at=NOW - timedelta(minutes=10))
    assert believed(carried_out, started_at=NOW - 20 * HOUR), "started before its time had come"


def test_a_mark_that_is_older_than_its_instance_was_copied_from_another_one() -> None:
    copied = mark(NOW, NOW - DAY)

    assert believed(copied)
    assert not believed(copied, created_at=NOW - 20 * HOUR)


SKEW = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def test_two_clocks_may_differ_by_five_minutes_about_when_it_was_announced() -> None:
    assert announced_by(mark(NOW + DAY, NOW + SKEW), NOW)
    assert not announced_by(mark(NOW + DAY, NOW + SKEW + SECOND), NOW)
    assert not announced_by(mark(NOW + DAY, None), NOW)


def test_two_clocks_may_differ_by_five_minutes_about_when_the_instance_was_created() -> None:
    announced = mark(NOW, NOW - DAY)

    assert believed(announced, created_at=NOW - DAY + SKEW)
    assert not believed(announced, created_at=NOW - DAY + SKEW + SECOND)


@pytest.mark.parametrize(
    ("time", "counts"),
    [
        (NOW - SKEW - SECOND, False),
        (NOW - SKEW, True),
        (NOW, True),
        (NOW + DAY + SKEW, True),
        (NOW + DAY + SKEW + SECOND, False),
    ],
)
def test_a_time_counts_from_the_announcement_until_the_grace_period_is_over(
    time: datetime, counts: bool
) -> None:
    assert believed(mark(time, NOW)) is counts


def test_an_instance_that_was_started_in_the_second_of_its_end_was_started_before_it() -> None:
    carried_out = mark(NOW - HOUR, NOW - 25 * HOUR)
    half_a_second = timedelta(seconds=0.5)

    assert believed(carried_out, started_at=NOW - HOUR)
    assert believed(carried_out, started_at=NOW - HOUR + half_a_second)
    assert not believed(carried_out, started_at=NOW - HOUR + SECOND)


@pytest.mark.parametrize(
    ("schedule", "longest"), [("rate(1 hour)", DAY), ("rate(7 days)", 14 * DAY)]
)
def test_a_mark_counts_for_a_day_or_two_sweeps_after_its_time_and_not_a_second_longer(
    schedule: str, longest: timedelta
) -> None:
    def overdue(by: timedelta) -> Mark:
        return mark(NOW - by, NOW - by - DAY)

    assert believed(overdue(longest), schedule)
    assert not believed(overdue(longest + SECOND), schedule)


def test_people_may_have_been_told_of_a_time_to_come_within_ninety_days() -> None:
    def told(time: datetime) -> datetime | None:
        return told_for(mark(time, NOW), "tag-policy", NOW)

    assert told(NOW) is None
    assert told(NOW + SECOND) == NOW + SECOND
    assert told(NOW + 90 * DAY) == NOW + 90 * DAY
    assert told(NOW + 90 * DAY + SECOND) is None


def test_what_is_being_announced_people_may_have_been_told() -> None:
    assert told_for(Announcing("tag-policy", NOW + DAY), "tag-policy", NOW) == NOW + DAY
    assert told_for(Announcing("tag-policy", None), "tag-policy", NOW) is None


def test_what_another_engine_says_this_one_has_told_nobody() -> None:
    assert told_for(mark(NOW + DAY, NOW), "other", NOW) is None
    assert told_for(Announcing("tag-policy", NOW + DAY), "other", NOW) is None
    assert told_for(Announcing("", None), "other", NOW) is None
    assert told_for(mark(NOW + DAY, None), "tag-policy", NOW) is None
