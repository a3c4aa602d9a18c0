"""How many instances a run may end."""

import pytest

from tag_policy.model.finding import Code, Finding
from tag_policy.model.outcome import LIMIT, PART, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.rules.limits import within_limits
from tests.support.builders import ref, settings


def untagged(number: int, remedy: Remedy) -> Finding:
    return Finding(ref(f"i-{number}"), remedy, Code.UNTAGGED, "no tags at all")


def due(count: int) -> list[Finding]:
    return [untagged(number, Remedy.TERMINATE) for number in range(count)]


TAGGING = Finding(ref(), Remedy.TAG, Code.MISSING, "required tag missing", tag_key="A", value="b")


@pytest.mark.parametrize(
    ("count", "instances", "limits", "held"),
    [
        (10, 1_000, {}, False),
        (11, 1_000, {}, True),
        (1, 1_000, {"max_destructive": "0"}, True),
        (10, 100, {"max_destructive_percent": "10"}, False),
        (10, 99, {"max_destructive_percent": "10"}, True),
        (50, 1_000, {"max_destructive": "50", "max_destructive_percent": "5"}, False),
        (11, 10_000, {"max_destructive_percent": "100"}, True),
    ],
)
def test_over_a_limit_nothing_is_ended_and_everything_else_is_done(
    count: int, instances: int, limits: dict[str, str], held: bool
) -> None:
    allowed, outcomes = within_limits([*due(count), TAGGING], instances, settings(**limits))

    assert TAGGING in allowed
    assert len(allowed) == (1 if held else count + 1)
    assert len(outcomes) == (count if held else 0)
    assert all((o.result, o.code) == (Result.DEFERRED, LIMIT) for o in outcomes)


def test_marks_are_no_matter_of_limits() -> None:
    marks = [untagged(number, Remedy.MARK) for number in range(50)]

    assert within_limits(marks, 50, settings()) == (marks, [])


def test_a_run_that_has_seen_a_part_ends_nothing_within_whatever_limits() -> None:
    allowed, outcomes = within_limits([*due(1), TAGGING], 1_000, settings(), "only a part")

    assert allowed == [TAGGING]
    assert [(o.result, o.code, o.detail) for o in outcomes] == [
        (Result.DEFERRED, PART, "only a part")
    ]
    assert [one.finding for one in outcomes] == due(1)


def test_what_is_left_for_the_next_run_counts_as_it_would_be_ended_then() -> None:
    left = [Outcome(untagged(99, Remedy.STOP), Result.DEFERRED)]

    assert within_limits(due(9), 1_000, settings(), left=left) == (due(9), [])
    allowed, outcomes = within_limits(due(10), 1_000, settings(), left=left)

    assert allowed == []
    assert [one.finding for one in outcomes] == due(10)
    assert {one.detail for one in outcomes} == {"11 are due, but a run may end 10 at most"}


def test_what_is_left_for_the_next_run_and_ends_nothing_does_not_count() -> None:
    left = [Outcome(TAGGING, Result.DEFERRED)]

    assert within_limits(due(10), 1_000, settings(), left=left) == (due(10), [])


def test_a_share_that_is_exceeded_is_told_with_the_numbers_that_it_is_held_against() -> None:
    (_, outcomes) = within_limits(due(2), 1_000, settings(max_destructive_percent="0.1"))

    assert {one.detail for one in outcomes} == {
        "2 of 1,000 are due, but a run may end 0.1 % at most"
    }
