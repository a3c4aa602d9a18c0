"""The clock of the machine."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tag_policy.aws.clock import SystemClock


def test_the_time_has_its_zone_and_is_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")  # 14 hours ahead
    time.tzset()
    try:
        now = SystemClock().now()
    finally:
        monkeypatch.undo()
        time.tzset()

    assert now.utcoffset() == timedelta()
    assert abs(now - datetime.now(UTC)) < timedelta(hours=1)


def test_sleeping_lets_as_much_time_pass_as_was_asked_for() -> None:
    before = time.monotonic()

    SystemClock().sleep(0.02)

    assert time.monotonic() - before >= 0.02
