"""When the next sweep is, and how long it may be until then."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from tag_policy.model.schedule import next_run, period

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("rate(1 hour)", "by 2026-11-23 09:00 UTC"),
        ("rate(30 minutes)", "by 2026-11-23 08:30 UTC"),
        ("rate(7 days)", "by 2026-11-30 08:00 UTC"),
        ("cron(0 6 * * ? *)", "at the next time of cron(0 6 * * ? *), UTC"),
        ("rate(999999999 days)", "by rate(999999999 days)"),
        ("", "when somebody runs the function: there is no schedule"),
    ],
)
def test_a_schedule_says_when_deferred_instances_are_looked_at_again(
    schedule: str, words: str
) -> None:
    assert next_run(schedule, NOW) == words


def test_the_hours_of_a_cron_are_those_of_its_time_zone() -> None:
    words = next_run("cron(0 6 * * ? *)", NOW, ZoneInfo("Europe/Berlin"))

    assert words == "at the next time of cron(0 6 * * ? *), Europe/Berlin"
    assert next_run("rate(1 hour)", NOW, ZoneInfo("Europe/Berlin")) == "by 2026-11-23 09:00 UTC"


def test_the_next_sweep_is_told_in_utc_whatever_the_zone_of_the_time() -> None:
    tokyo = datetime(2026, 11, 23, 17, 0, tzinfo=timezone(timedelta(hours=9)))

    assert next_run("rate(1 hour)", tokyo) == "by 2026-11-23 09:00 UTC"


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [
        ("rate(30 minutes)", HOUR / 2),
        ("rate(1 hour)", HOUR),
        ("rate(7 days)", 7 * DAY),
        ("rate(999999999 days)", timedelta(days=999_999_999)),
        ("cron(0 * * * ? *)", HOUR),
        ("cron(0/5 * * * ? *)", HOUR),
        ("cron(0 6 * * ? *)", DAY),
        ("cron(0 6 ? * MON-FRI *)", 7 * DAY),
        ("cron(0 * ? * MON *)", 7 * DAY),
        ("cron(0 6 1 * ? *)", 31 * DAY),
        ("cron(0 6 1 JAN ? *)", 366 * DAY),
        ("cron(0 6 * * ? 2027)", 366 * DAY),
        ("", timedelta()),
        ("cron(0 6)", timedelta()),
        ("every hour", timedelta()),
    ],
)
def test_a_schedule_says_how_long_there_may_be_between_two_sweeps(
    schedule: str, longest: timedelta
) -> None:
    """A mark that is older than that by far is not believed any more: see ``rules.mark``."""
    assert period(schedule) == longest
