"""Steps and their times."""

from datetime import timedelta

import pytest

from tag_policy.model.ladder import LEAST, LONGEST, Step, said
from tag_policy.model.remedy import End


@pytest.mark.parametrize(
    ("after", "delay"),
    [("1h", timedelta(hours=1)), ("36h", timedelta(hours=36)), ("7d", timedelta(days=7))],
)
def test_a_step_comes_so_long_after_its_announcement(after: str, delay: timedelta) -> None:
    assert Step(End.STOP, after).delay == delay


@pytest.mark.parametrize(
    "after", ["", "0h", "07d", "7", "1w", "30m", "-1d", "1.5d", "7d ", "\u0667d"]
)
def test_what_says_no_time_is_no_step(after: str) -> None:
    with pytest.raises(ValueError, match="no whole number with h or d behind it"):
        _ = Step(End.STOP, after).delay


def test_people_read_what_follows_in_its_order() -> None:
    assert said((Step(End.STOP, "1h"), Step(End.TERMINATE, "7d"))) == (
        "stop after 1h, then terminate after 7d"
    )


def test_each_end_has_a_time_within_which_nothing_that_has_tags_is_ended_so() -> None:
    assert list(LEAST) == list(End)
    assert max(LEAST.values()) < LONGEST
