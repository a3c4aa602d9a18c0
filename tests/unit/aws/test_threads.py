"""One step ahead: order, errors in their turn, and nothing left running."""

import threading
from collections.abc import Iterator

import pytest

from tag_policy.aws.threads import one_ahead


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
