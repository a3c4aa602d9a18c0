"""One step ahead: order, errors in their turn, and nothing left running."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tag_policy.aws.threads import Workers, one_ahead, side_by_side


def test_items_come_in_order() -> None:
    assert list(one_ahead(range(100))) == list(range(100))
    assert list(one_ahead([])) == []


def test_the_next_item_is_made_while_this_one_is_used() -> None:
    second_is_being_made, first_is_used = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second_is_being_made.set()
        assert first_is_used.wait(10), "the first item was not used meanwhile"
        yield 2

    used = []
    for item in one_ahead(items()):
        assert second_is_being_made.wait(10), "the second item is not made meanwhile"
        first_is_used.set()
        used.append(item)

    assert used == [1, 2]


def test_no_more_than_one_item_is_made_ahead() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    ahead = one_ahead(items())
    next(ahead)
    ahead.close()

    assert made in ([0], [0, 1])


def test_an_error_is_raised_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no second page")

    ahead = one_ahead(items())

    assert next(ahead) == 1
    with pytest.raises(LookupError, match="no second page"):
        next(ahead)


def test_whoever_leaves_early_leaves_nothing_running() -> None:
    before = threading.active_count()

    for _ in one_ahead(range(10)):
        break

    assert threading.active_count() == before


def test_sources_are_read_side_by_side_each_in_its_order() -> None:
    together = threading.Barrier(3, timeout=10)

    def source(name: str) -> Iterator[str]:
        together.wait()  # for ever, unless all three are being read
        for number in range(5):
            yield f"{name}{number}"

    found = list(side_by_side([source(name) for name in "abc"], 3))

    for name in "abc":
        assert [one for one in found if one[0] == name] == [f"{name}{n}" for n in range(5)]
    assert len(found) == 15


def test_no_more_sources_are_read_at_a_time_than_is_said() -> None:
    begun: set[str] = set()
    ended: set[str] = set()
    most = 0

    def source(name: str) -> Iterator[str]:
        nonlocal most
        begun.add(name)
        most = max(most, len(begun) - len(ended))
        yield from (f"{name}{number}" for number in range(3))
        ended.add(name)

    assert len(list(side_by_side([source(name) for name in "abcdef"], 2))) == 18
    assert begun == ended == set("abcdef")
    assert most <= 2


def test_of_each_source_one_item_is_made_ahead() -> None:
    made = Counter[str]()

    def source(name: str) -> Iterator[str]:
        for _ in range(10):
            made[name] += 1
            yield name

    found = side_by_side([source(name) for name in "ab"], 2)
    used = Counter(next(found) for _ in range(4))
    found.close()

    assert all(made[name] <= used[name] + 1 for name in "ab")


def test_an_error_of_one_source_is_raised_and_nothing_is_left_running() -> None:
    before = threading.active_count()

    def fails() -> Iterator[int]:
        yield 1
        raise LookupError("no second page")

    with pytest.raises(LookupError, match="no second page"):
        list(side_by_side([fails(), iter(range(1000)), iter(range(1000))], 3))
    assert threading.active_count() == before


def test_what_a_piece_of_work_returns_or_raises_comes_with_its_result() -> None:
    def fail() -> None:
        raise LookupError("no")

    with Workers(2) as workers:
        good, bad = workers.start(lambda: 42), workers.start(fail)
        assert good.result() == 42
        with pytest.raises(LookupError, match="no"):
            bad.result()


def test_the_first_that_is_done_is_returned() -> None:
    go_on = threading.Event()

    with Workers(2) as workers:
        slow, fast = workers.start(go_on.wait), workers.start(lambda: True)
        assert workers.first_of([slow, fast]) is fast
        go_on.set()
        assert workers.first_of([slow]) is slow
