"""Which instances are asked for together, and who comes first."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.creators.plan import Density, next_batch
from tag_policy.model.resource import ResourceRef
from tests.support.builders import NOW, ref

HOUR = timedelta(hours=1)


def density(others_per_hour: int) -> Density:
    learnt = Density()
    learnt.learn(others_per_hour, HOUR)
    return learnt


def every(gap: timedelta, count: int) -> Iterator[ResourceRef]:
    for number in range(count):
        yield ref(f"i-{number:017x}", created_at=NOW - gap * (count - number))


def test_as_long_as_nothing_is_known_of_others_a_page_is_tried() -> None:
    batch = next_batch(every(24 * HOUR, 40), Density())

    assert (len(batch.instances), batch.windows, batch.by_name) == (40, 1, 0)


def test_lone_instances_are_asked_for_by_name() -> None:
    batch = next_batch(every(HOUR, 10), density(others_per_hour=100))

    assert (len(batch.instances), batch.windows, batch.by_name) == (10, 0, 10)
    assert batch.calls == 10


def test_instances_close_together_are_asked_for_together_however_many_others_there_are() -> None:
    burst = list(every(timedelta(seconds=1), 100))
    lone = ref("i-1", created_at=NOW - 24 * HOUR)

    batch = next_batch([lone, *burst], density(others_per_hour=1_000))

    assert (batch.windows, batch.by_name) == (1, 1)
    assert batch.calls < 6


def test_the_oldest_come_first_and_no_more_than_20_calls_are_planned_at_once() -> None:
    waiting = list(every(HOUR, 500))

    batch = next_batch(waiting, density(others_per_hour=100))

    assert list(batch.instances) == waiting[:20]


def test_a_question_that_tells_nothing_of_others_makes_a_page_worth_trying_again() -> None:
    learnt = density(others_per_hour=300)
    one, other = every(HOUR, 2)
    assert not learnt.one_page_for(one, other)

    for _ in range(3):
        learnt.fade()

    assert learnt.one_page_for(one, other)


@given(
    st.lists(st.integers(0, 10_000), max_size=300),
    st.integers(0, 10_000),
)
def test_a_batch_is_the_beginning_of_those_who_wait(minutes: list[int], others: int) -> None:
    waiting = [
        ref(f"i-{number:017x}", created_at=NOW - timedelta(minutes=ago))
        for number, ago in enumerate(sorted(minutes, reverse=True))
    ]

    batch = next_batch(waiting, density(others))

    assert list(batch.instances) == waiting[: len(batch.instances)]
    assert batch.instances or not waiting
    assert batch.calls <= min(20, len(batch.instances))


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("time", [SECOND, SECOND / 2, timedelta()])
def test_what_is_learnt_of_less_than_a_second_is_learnt_as_of_one(time: timedelta) -> None:
    learnt = Density()

    learnt.learn(10, time)

    assert learnt.expected(SECOND) == 10


def test_a_question_that_tells_nothing_halves_what_is_expected() -> None:
    learnt = Density()
    learnt.learn(20, 2 * SECOND)

    learnt.fade()

    assert learnt.expected(2 * SECOND) == 10


@pytest.mark.parametrize(("others", "one_page"), [(48, True), (49, False)])
def test_a_page_has_two_of_ours_where_no_more_than_48_others_are_expected_between_them(
    others: int, one_page: bool
) -> None:
    """Those of the two minutes by which the events may be later than the creation count, too."""
    learnt = Density()
    learnt.learn(others, 128 * SECOND)
    older, newer = ref(created_at=NOW - 8 * SECOND), ref(created_at=NOW)

    assert learnt.one_page_for(older, newer) is one_page


def test_two_that_are_asked_for_together_are_a_window() -> None:
    batch = next_batch(every(SECOND, 2), Density())

    assert (batch.windows, batch.by_name) == (1, 0)
