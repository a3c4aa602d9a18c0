"""The words of a mark, which people, IAM's policies and the next run go by."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End
from tests.support.builders import NOW, mark

DAY = timedelta(days=1)


def test_a_mark_says_who_does_what_when_and_why_and_since_when_people_know() -> None:
    assert str(mark(NOW + DAY, NOW)) == (
        "tag-policy: terminate at 2026-11-24T08:00:00Z: untagged, announced 2026-11-23T08:00:00Z"
    )


def test_without_a_grace_period_a_mark_does_not_say_that_anybody_was_told() -> None:
    said = str(mark(NOW, None, End.STOP))

    assert said == "tag-policy: stop at 2026-11-23T08:00:00Z: untagged, no grace period"


def test_what_is_being_announced_does_not_begin_like_a_mark_that_counts() -> None:
    """IAM lets instances be ended whose tag begins with the name of the engine (iam.tf)."""
    announced = mark(NOW + DAY, NOW)

    assert announced.announcing == (
        "announcing tag-policy: terminate at 2026-11-24T08:00:00Z: untagged"
    )
    assert not announced.announcing.startswith(f"{announced.engine}:")


def test_what_is_being_announced_does_not_depend_on_when_the_message_is_accepted() -> None:
    """The second look finds again by these words what the first wrote."""
    before = mark(NOW + DAY, NOW + DAY)

    assert replace(before, announced=NOW).announcing == before.announcing


def test_whatever_its_zone_a_time_is_told_in_utc_and_in_whole_seconds() -> None:
    tokyo = timezone(timedelta(hours=9))
    time = datetime(2026, 11, 24, 17, 0, 0, 999_999, tzinfo=tokyo)

    told = Mark("tag-policy", End.STOP, time, "untagged", time)

    assert told.what == "stop at 2026-11-24T08:00:00Z"
    assert str(told).endswith("announced 2026-11-24T08:00:00Z")
    assert "stop at 2026-11-24T08:00:00Z:" in told.announcing
