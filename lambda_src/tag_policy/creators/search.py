"""The asking: which instances wait for an answer, and what each page of events answers.

Instances that were launched close together are asked for together (see ``lookup_plan``); but only a
question about one instance, by its name and over all of the history, can tell that there is nobody.
"""

import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tag_policy.creators.cloudtrail import HORIZON, EventHistory, NoAnswerError, Page
from tag_policy.creators.plan import LATER, Batch, Density, next_batch
from tag_policy.creators.principal import principal_of
from tag_policy.creators.run_instances import LAUNCHED_BY, LaunchEvent, read_launch, time_of
from tag_policy.model import Answer, InstanceRef, Known, Launch, Nobody, NotKnownYet

log = logging.getLogger(__name__)

_EARLIER = timedelta(minutes=10)
"""How much earlier than the creation of an instance its launch may be, before a page that reaches
further back is said not to have it."""

_LATEST = timedelta(hours=1)
"""How much later it may be, where nobody is to be the answer. What happened to the instance after
that, perhaps thousands of events, is not read."""

_MANY_PAGES = 10
"""Pages about one instance after which the others have their turn first."""


class _TooManyPagesError(Exception):
    """There is more about an instance than may be read before the others have their turn."""


_ON_ITS_WAY = NotKnownYet("it is so new that its launch event may still be on its way")


class LaunchSearch:
    """The asking of one run. ``_waiting`` are those still to be asked for, oldest first."""

    def __init__(
        self,
        instances: Iterable[InstanceRef],
        history: EventHistory,
        now: datetime,
        delay: timedelta,
    ) -> None:
        oldest_first = sorted(instances, key=lambda instance: instance.created_at)
        self.answers: dict[str, Answer] = {}
        self._waiting = {instance.instance_id: instance for instance in oldest_first}
        self.asked = len(self._waiting)
        self._long: dict[str, InstanceRef] = {}
        self._history = history
        self._now = now
        self._delay = delay
        self._density = Density()

    def unanswered(self) -> list[str]:
        """Return the ids of those that have no answer."""
        return [*self._waiting, *self._long]

    def run(self) -> None:
        """Ask for everybody. Raises NoMoreAnswersError when that comes to an early end."""
        for instance in list(self._waiting.values()):
            if self._now - instance.created_at > HORIZON + _LATEST:
                reason = f"as it was launched more than {HORIZON.days} days ago"
                self._answer(instance, Nobody(reason))
        while self._waiting:
            self._ask_for_batch(next_batch(self._waiting.values(), self._density))
        self._waiting, self._long = self._long, {}
        while self._waiting:
            self._look_up(next(iter(self._waiting.values())), most_pages=None)

    def _answer(self, instance: InstanceRef, answer: Answer) -> None:
        del self._waiting[instance.instance_id]
        self.answers[instance.instance_id] = answer

    def _still_waiting(self, instances: Iterable[InstanceRef]) -> list[InstanceRef]:
        return [instance for instance in instances if instance.instance_id in self._waiting]

    def _ask_for_batch(self, batch: Batch) -> None:
        """Ask for a batch; leave the rest of it when it turns out to need more than a batch may."""
        _log_choice(batch)
        left = batch.instances
        while left and len(next_batch(left, self._density).instances) == len(left):
            self._ask_for_newest(left)
            left = self._still_waiting(left)

    def _ask_for_newest(self, left: Sequence[InstanceRef]) -> None:
        """Ask for the newest of some: in a window, where the next is expected there too."""
        newest = left[-1]
        if len(left) == 1 or not self._density.one_page_for(left[-2], newest):
            self._density.fade()
            self._look_up(newest)
            return
        try:
            self._read_window(left)
        except NoAnswerError as error:
            for instance in self._still_waiting(left)[-1:]:
                self._answer(instance, NotKnownYet(str(error), error.code))

    def _read_window(self, left: Sequence[InstanceRef]) -> None:
        """Read launches from the newest of some back, as long as that answers for some of them.

        Ends where the next of them is further back than the page: the launches between are none of
        ours, and the next window, or question, begins behind them.
        """
        for read_to, found in self._launches_before(left[-1].created_at + LATER):
            left = self._still_waiting(left)
            missing = [i for i in left if i.created_at - _EARLIER > read_to]
            for instance in missing:
                self._not_in_window(instance)
            if not found and not missing:
                self._look_up(left[-1])  # read in vain: no second page like this one
            if not found or missing or not left or left[-1].created_at + LATER < read_to:
                return

    def _launches_before(self, end: datetime) -> Iterator[tuple[datetime, int]]:
        """Read pages of launches and answer for everybody whom they name.

        Yields, after each page, how far back has been read, and how many launches were of ours.
        """
        read_to, token, more, empty = end, "", True, 0
        while more:
            page = self._history.page("EventName", LAUNCHED_BY, end, token)
            token, more = page.token, bool(page.token)
            empty += not page.events
            if not page.events and more and empty <= _MANY_PAGES:
                continue  # CloudTrail may have looked at some of the history and found nothing
            found = self._take(page)
            read_from, read_to = read_to, self._reach(page, read_to)
            self._density.learn(len(page.events) - found, read_from - read_to)
            yield read_to, found

    def _reach(self, page: Page, before: datetime) -> datetime:
        """Return how far back has been read, after a page that began where ``before`` says."""
        if not page.token:
            return self._now - HORIZON - timedelta(days=1)  # there is nothing before this page
        return min((time_of(event) for event in page.events), default=before)

    def _take(self, page: Page) -> int:
        """Answer for everybody whom a page names; return how many of its events named some."""
        found = 0
        for event in page.events:
            launch = read_launch(event)
            if launch is None:
                continue
            named = [self._waiting[i] for i in launch.instance_ids & self._waiting.keys()]
            for instance in named:
                self._answer(instance, what_it_says(launch, instance))
            found += bool(named)
        return found

    def _not_in_window(self, instance: InstanceRef) -> None:
        if self._now - instance.created_at < self._delay:
            self._answer(instance, _ON_ITS_WAY)
        else:
            self._look_up(instance, in_no_window=True)

    def _look_up(
        self,
        instance: InstanceRef,
        *,
        in_no_window: bool = False,
        most_pages: int | None = _MANY_PAGES,
    ) -> None:
        """Ask for one instance by its name; put it last when it takes more than ``most_pages``.

        ``in_no_window`` says that the launches of its time have been read, and do not name it.
        """
        try:
            for launch in self._launches_naming(instance, most_pages):
                self._answer(instance, what_it_says(launch, instance))
                return
            if self._now - instance.created_at < self._delay:
                self._answer(instance, _ON_ITS_WAY)
            elif in_no_window or self._in_no_window(instance, most_pages):
                self._answer(instance, Nobody("as CloudTrail has no launch event that names it"))
        except NoAnswerError as error:
            self._answer(instance, NotKnownYet(str(error), error.code))
        except _TooManyPagesError:
            self._long[instance.instance_id] = self._waiting.pop(instance.instance_id)

    def _in_no_window(self, instance: InstanceRef, most_pages: int | None) -> bool:
        """Tell whether the launches around its creation do not name an instance, either.

        Nothing says that CloudTrail indexes every instance of a launch of many by its name.
        """
        pages = self._launches_before(instance.created_at + LATER)
        for number, (read_to, _) in enumerate(pages, start=1):
            if instance.instance_id in self.answers:
                return False
            if instance.created_at - _EARLIER > read_to:
                return True
            if number == most_pages:
                raise _TooManyPagesError
        return True

    def _launches_naming(
        self, instance: InstanceRef, most_pages: int | None
    ) -> Iterator[LaunchEvent]:
        end, token = instance.created_at + _LATEST, ""
        for number in itertools.count():
            if number == most_pages:
                raise _TooManyPagesError
            page = self._history.page("ResourceName", instance.instance_id, end, token)
            yield from filter(None, map(read_launch, page.events))
            token = page.token
            if not token:
                return


def what_it_says(launch: LaunchEvent, instance: InstanceRef) -> Answer:
    """Return what the event of an instance's launch says of its creator.

    An event that cannot be read is *not known yet*: it exists, so that nobody would be untrue.
    """
    identity = launch.user_identity
    if identity is None or instance.instance_id not in launch.instance_ids:
        return NotKnownYet(
            f"its launch event {launch.event_id} cannot be read, which will not change; "
            "set the tag by hand"
        )
    principal = principal_of(identity, instance.managers)
    if principal is None:
        return Nobody(f"as its launch event {launch.event_id} names nobody")
    return Known(
        Launch(
            kind=principal.kind,
            name=principal.name,
            role=principal.role,
            arn=principal.arn,
            event_id=launch.event_id,
            event_time=launch.event_time,
        )
    )


def _log_choice(batch: Batch) -> None:
    count = len(batch.instances)
    log.info(
        "asking who launched %d instances, in about %d calls: "
        "%d by the time of their launch, %d by name",
        count,
        math.ceil(batch.calls),
        count - batch.by_name,
        batch.by_name,
        extra={
            "windows": batch.windows,
            "launched_from": batch.instances[0].created_at.isoformat(),
            "launched_to": batch.instances[-1].created_at.isoformat(),
        },
    )
