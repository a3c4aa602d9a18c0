"""Which questions to ask CloudTrail, by the calls that each is expected to cost. Pure.

There are two ways to ask who launched an instance. ``ResourceName`` costs a call an instance.
``EventName=RunInstances`` returns the 50 launches of the account before a time, and so answers for
all the instances that were launched close together. Which is cheaper depends on how many other
launches lie between two of ours; each page that is read tells.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tag_policy.creators.cloudtrail import PAGE_SIZE
from tag_policy.creators.decision import LATER
from tag_policy.model.resource import ResourceRef

_BATCH_CALLS = 20
"""Calls that a batch is expected to need: 10 seconds' worth."""


class Density:
    """How many launches that are not ours lie between ours, as far as the pages read have told.

    None are expected before a page tells of some: a page that is read in vain costs one call, and
    pages that are never read cost one call an instance.
    """

    def __init__(self) -> None:
        self._per_second = 0.0

    def expected(self, time: timedelta) -> float:
        """Return how many are expected within a time."""
        return self._per_second * time.total_seconds()

    def learn(self, others: int, time: timedelta) -> None:
        """Take in that a page told of so many, over so much time."""
        self._per_second = others / max(time.total_seconds(), 1)

    def fade(self) -> None:
        """Trust it less, because a call was made that told nothing of it."""
        self._per_second /= 2

    def one_page_for(self, older: ResourceRef, newer: ResourceRef) -> bool:
        """Tell whether a page that begins with the newer is expected to have the older, too."""
        return self.expected(newer.created_at - older.created_at + LATER) + 2 <= PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Batch:
    """Some instances, oldest first, and what asking for them is expected to cost.

    Those of a window are asked for together, the rest by name.
    """

    instances: Sequence[ResourceRef]
    windows: int
    by_name: int
    calls: float


def next_batch(waiting: Iterable[ResourceRef], density: Density) -> Batch:
    """Return the oldest of the waiting, who are given oldest first, as a batch of some 20 calls.

    The oldest come first, because their events are the first to leave the history; but the history
    is read newest first. So it is read batch by batch, and a run that has to end early has answered
    for the oldest.
    """
    groups: list[list[ResourceRef]] = []
    calls = 0.0
    for instance in waiting:
        older = groups[-1][-1] if groups else None
        if older is not None and density.one_page_for(older, instance):
            between = density.expected(instance.created_at - older.created_at)
            cost = (between + 1) / PAGE_SIZE
            group = groups[-1]
        else:
            cost = 1.0
            group = []
        if calls + cost > _BATCH_CALLS:
            break
        calls += cost
        if not group:
            groups.append(group)
        group.append(instance)
    return Batch(
        instances=[instance for group in groups for instance in group],
        windows=sum(len(group) > 1 for group in groups),
        by_name=sum(len(group) == 1 for group in groups),
        calls=calls,
    )
