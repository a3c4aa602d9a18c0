"""Pages of launches in a row, newest first, and what they tell of some instances. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tag_policy.creators.decision import LATER, launch_among
from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.model.resource import ResourceRef


class Window:
    """The launches of ours that have been read, until it is sure that none is earlier.

    ``waiting`` are those who have no answer, by their ids; the window follows its changes.
    """

    def __init__(self, waiting: Mapping[str, ResourceRef]) -> None:
        self._waiting = waiting
        self._earliest: dict[str, LaunchEvent] = {}
        self._named: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether an earlier launch of somebody named may still be on the next page."""
        return not self._earliest.keys().isdisjoint(self._waiting)

    def __contains__(self, instance: ResourceRef) -> bool:
        """Tell whether a launch of its time names an instance, and an earlier one still may."""
        return instance.resource_id in self._earliest

    def named(self, instance: ResourceRef) -> bool:
        """Tell whether any launch names an instance, of its time or not."""
        return instance.resource_id in self._named

    def undecided(self) -> list[ResourceRef]:
        """Return those for whom an earlier launch may still be on the next page."""
        return [self._waiting[i] for i in self._earliest if i in self._waiting]

    def decided_at(self, instance: ResourceRef) -> datetime:
        """Return how far back to read: no launch is earlier by more than two clocks may differ."""
        launch = self._earliest[instance.resource_id]
        return min(launch.event_time, instance.created_at) - LATER

    def take(self, launches: Iterable[LaunchEvent]) -> int:
        """Take in the launches of the next page; return how many of them are of ours."""
        return sum([self._take(launch) for launch in launches])

    def _take(self, launch: LaunchEvent) -> bool:
        of_ours = False
        for instance_id in launch.instance_ids & self._waiting.keys():
            self._named.add(instance_id)
            before = self._earliest.get(instance_id, launch)
            first = launch_among([before, launch], self._waiting[instance_id])
            if first is not None:
                self._earliest[instance_id] = first
                of_ours = True
        return of_ours

    def decided(self, read_to: datetime) -> Sequence[tuple[ResourceRef, LaunchEvent]]:
        """Return whose launch is known, now that everything has been read back to a time."""
        found = [i for i in self.undecided() if read_to < self.decided_at(i)]
        return [(instance, self._earliest.pop(instance.resource_id)) for instance in found]
