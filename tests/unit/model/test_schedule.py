from datetime import UTC, datetime

import pytest

from tag_policy.model.schedule import next_run

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
