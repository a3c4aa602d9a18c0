"""Calls side by side: the one place that knows of threads.

AWS takes tenths of a second to answer, and most of a run's time is spent waiting for that. Threads
make calls, and read what is answered; whatever is decided, counted or told is so by the run itself,
in one thread, as the work comes back to it.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AnyWork = TypeVar("AnyWork", bound="Future[Any]")


class Workers:
    """Do ``most`` pieces of work at a time; what is left under way is waited for at the end.

    So nothing goes on in the background once a run has gone on, or broken off.
    """

    def __init__(self, most: int) -> None:
        self._threads = ThreadPoolExecutor(most)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def start(self, work: Callable[[], Result]) -> "Future[Result]":
        """Have a piece of work done; its ``result()`` returns or raises what the work does."""
        return self._threads.submit(work)

    def first_of(self, under_way: Iterable[AnyWork]) -> AnyWork:
        """Wait until one of those under way is done, and return it: the first of them, if more."""
        pieces = list(under_way)
        done, _ = wait(pieces, return_when=FIRST_COMPLETED)
        return next(piece for piece in pieces if piece in done)


def side_by_side(sources: Iterable[Iterable[Item]], most: int) -> Generator[Item, None, None]:
    """Yield the items of all sources as they are made: each source in order, ``most`` at a time.

    Of each source one item is made ahead, while those before it are used. What making an item
    raises is raised when its turn has come. Whoever leaves early waits for the items that are being
    made.
    """
    waiting = map(iter, sources)
    under_way: dict[Future[list[Item]], Iterator[Item]] = {}
    with Workers(most) as workers:

        def start(source: Iterator[Item]) -> None:
            under_way[workers.start(lambda: list(islice(source, 1)))] = source

        for source in islice(waiting, most):
            start(source)
        while under_way:
            piece = workers.first_of(under_way)
            source = under_way.pop(piece)
            made = piece.result()
            if made:
                start(source)
                yield made.pop()
            else:
                for following in islice(waiting, 1):
                    start(following)


def one_ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """Yield the items, each of them while another thread makes the next."""
    return side_by_side([items], 1)
