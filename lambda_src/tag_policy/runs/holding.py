"""What a run holds back until it knows more, within bounds."""

import heapq
import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Generic, TypeVar

_Held = TypeVar("_Held")


class Oldest(Generic[_Held]):
    """Holds the oldest of what is pushed, ``most`` at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, _Held]] = []
        self._numbers = itertools.count()  # so that no two entries are alike, and none is compared

    def push(self, time: datetime, held: _Held) -> _Held | None:
        """Take something of a time in; return the newest of all where that is one too many."""
        entry = (-time.timestamp(), next(self._numbers), held)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
            return None
        return heapq.heappushpop(self._heap, entry)[2]

    def __iter__(self) -> Iterator[_Held]:
        """Iterate over what is held, in no order."""
        return (held for _, _, held in self._heap)

    def emptied(self) -> Iterator[_Held]:
        """Yield what is held, in no order, and let go of each as it is yielded."""
        while self._heap:
            yield self._heap.pop()[2]
