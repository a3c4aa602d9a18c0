"""One step ahead: the next item is made while this one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items, each of them while another thread makes the next.

    What making an item raises is raised when its turn has come. Whoever leaves early waits for the
    item that is being made, so that nothing goes on in the background.
    """
    source = iter(items)

    def make() -> list[Item]:
        return list(islice(source, 1))

    with ThreadPoolExecutor(max_workers=1) as thread:
        following = thread.submit(make)
        while made := following.result():
            following = thread.submit(make)
            yield made.pop()
