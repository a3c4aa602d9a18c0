"""What is held is the oldest, and no more than may be held."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tag_policy.runs.holding import Oldest
from tests.support.builders import NOW


def test_what_there_is_room_for_is_held() -> None:
    oldest = Oldest[str](2)

    assert [oldest.push(NOW, "a"), oldest.push(NOW, "b")] == [None, None]
    assert sorted(oldest) == ["a", "b"]


def test_of_one_too_many_the_newest_is_given_back_whenever_it_came() -> None:
    oldest = Oldest[str](2)
    oldest.push(NOW, "new")
    oldest.push(NOW - timedelta(days=2), "old")

    assert oldest.push(NOW - timedelta(days=1), "older than the first") == "new"
    assert oldest.push(NOW, "as new") == "as new"
    assert sorted(oldest) == ["old", "older than the first"]


def test_what_is_let_go_of_is_not_held_any_more() -> None:
    oldest = Oldest[str](2)
    oldest.push(NOW, "a")
    oldest.push(NOW, "b")

    assert sorted(oldest.emptied()) == ["a", "b"]
    assert list(oldest) == []


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 10))
def test_nothing_is_lost_and_the_oldest_stay(ages: list[int], most: int) -> None:
    oldest = Oldest[int](most)
    back = [oldest.push(NOW - timedelta(days=age), age) for age in ages]

    given_back = [age for age in back if age is not None]
    assert sorted(oldest) == sorted(ages)[-most:]
    assert sorted([*oldest, *given_back]) == sorted(ages)
