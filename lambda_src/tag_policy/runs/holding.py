"""What a run holds back until it knows more, within bounds."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from tag_policy.model.finding import Finding
from tag_policy.model.resource import ResourceRef

_beside_the_instance = attrgetter(*(field.name for field in fields(Finding)[1:]))

_MANY_KINDS = 5_000
"""Findings that are not alike, of which it is known that they may be held at the same time."""

_Alike = tuple[tuple[Any, ...], ...]


class Oldest:
    """Holds what was found about the oldest instances, ``most`` of them at a time.

    Thousands of instances lack the same tags: what is found about them differs in the instance
    alone, and all else is held once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, ResourceRef, _Alike]] = []
        self._numbers = itertools.count()  # so that no two entries are alike, and none is compared
        self._alike: dict[_Alike, _Alike] = {}

    def push(self, findings: Sequence[Finding]) -> list[Finding] | None:
        """Take in all that was found about an instance.

        Returns what is held about the newest instance of all, where that is one too many.
        """
        instance = findings[0].resource
        alike = tuple(map(_beside_the_instance, findings))
        alike = self._alike.setdefault(alike, alike)
        entry = (-instance.created_at.timestamp(), next(self._numbers), instance, alike)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
            return None
        return _findings(heapq.heappushpop(self._heap, entry))

    @property
    def is_crowded(self) -> bool:
        """Whether so many findings differ that each further one takes the memory of hundreds."""
        return len(self._alike) >= _MANY_KINDS

    def __iter__(self) -> Iterator[list[Finding]]:
        """Iterate over what is held about each instance, in no order."""
        return map(_findings, self._heap)

    def emptied(self) -> Iterator[list[Finding]]:
        """Yield what is held, in no order, and let go of each as it is yielded."""
        while self._heap:
            yield _findings(self._heap.pop())


def _findings(entry: tuple[float, int, ResourceRef, _Alike]) -> list[Finding]:
    _, _, instance, alike = entry
    return [Finding(instance, *values) for values in alike]
