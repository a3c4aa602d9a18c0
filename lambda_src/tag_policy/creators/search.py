"""The asking: which instances wait for an answer, and what each page of events answers.

Instances that were launched close together are asked for together (see ``plan``); but only a
question about one instance, by its name and over all of the history, can tell that there is nobody.
"""

import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tag_policy.creators.cloudtrail import HORIZON, PAGE_SIZE, EventHistory, NoAnswerError, Page
from tag_policy.creators.decision import (
    EARLIER,
    LATER,
    ON_ITS_WAY,
    IncompleteLaunch,
    launch_among,
    may_repeat_another,
    unreadable,
    what_it_says,
)
from tag_policy.creators.plan import Batch, Density, next_batch
from tag_policy.creators.run_instances import LAUNCHED_BY, LaunchEvent, read_launch, time_of
from tag_policy.creators.window import Window
from tag_policy.model.launch import Answer, Nobody, NotKnownYet
from tag_policy.model.resource import ResourceRef

log = logging.getLogger(__name__)

_LATEST = timedelta(hours=1)
"""How much later it may be, where nobody is to be the answer. What happened to the instance after
that, perhaps thousands of events, is not read."""

_MANY_PAGES = 10
"""Pages about one instance after which the others have their turn first."""


class _TooManyPagesError(Exception):
    """There is more about an instance than may be read before the others have their turn."""


class LaunchSearch:
    """The asking of one run. ``_waiting`` are those still to be asked for, oldest first."""

    def __init__(
        self,
        instances: Iterable[ResourceRef],
        history: EventHistory,
        now: datetime,
        delay: timedelta,
    ) -> None:
        oldest_first = sorted(instances, key=lambda instance: instance.created_at)
        self.answers: dict[str, Answer] = {}
        self._waiting = {instance.resource_id: instance for instance in oldest_first}
        self.asked = len(self._waiting)
        self._long: dict[str, ResourceRef] = {}
        self._history = history
        self._now = now
        self._delay = delay
        self._density = Density()
        self._incomplete: set[IncompleteLaunch] = set()

    def unanswered(self) -> list[str]:
        """Return the ids of those that have no answer."""
        return [*self._waiting, *self._long]

    def run(self) -> None:
        """Ask for everybody. Raises NoMoreAnswersError when that comes to an early end."""
        for instance in list(self._waiting.values()):
            if self._now - instance.created_at > HORIZON + _LATEST:
                reason = f"because it was launched more than {HORIZON.days} days ago"
                self._answer(instance, Nobody(reason))
        while self._waiting:
            self._ask_for_batch(next_batch(self._waiting.values(), self._density))
        self._waiting, self._long = self._long, {}
        while self._waiting:
            self._look_up(next(iter(self._waiting.values())), most_pages=None)

    def _answer(self, instance: ResourceRef, answer: Answer) -> None:
        del self._waiting[instance.resource_id]
        self.answers[instance.resource_id] = answer

    def _still_waiting(self, instances: Iterable[ResourceRef]) -> list[ResourceRef]:
        return [instance for instance in instances if instance.resource_id in self._waiting]

    def _ask_for_batch(self, batch: Batch) -> None:
        """Ask for a batch; leave the rest of it when it turns out to need more than a batch may."""
        _log_choice(batch)
        left = batch.instances
        while left and len(next_batch(left, self._density).instances) == len(left):
            self._ask_for_newest(left)
            left = self._still_waiting(left)

    def _ask_for_newest(self, left: Sequence[ResourceRef]) -> None:
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

    def _read_window(self, left: Sequence[ResourceRef]) -> None:
        """Read launches from the newest of some back, as long as that answers for some of them.

        Ends where the next of them is further back than the page: the launches between are none of
        ours, and the next window, or question, begins behind them.
        """
        window = Window(self._waiting)
        try:
            for read_to, told in self._launches_before(left[-1].created_at + LATER, window):
                left = self._still_waiting(left)
                missing = [i for i in left if i.created_at - EARLIER > read_to and i not in window]
                for instance in missing:
                    self._not_in_window(instance, named=window.named(instance))
                if window.is_open and self._worth_another_page(window, read_to):
                    continue
                if window.is_open:
                    break
                if left and not told and not missing:
                    self._look_up(left[-1])  # read in vain: no second page like this one
                if not told or missing or not left or left[-1].created_at + LATER < read_to:
                    return
        except NoAnswerError:
            if not window.is_open:
                raise
        for instance in window.undecided():
            self._look_up(instance)

    def _worth_another_page(self, window: Window, read_to: datetime) -> bool:
        """Tell whether the pages that may have an earlier launch are fewer than who waits for them.

        One by one, a question for each settles it.
        """
        undecided = window.undecided()
        oldest = min(window.decided_at(instance) for instance in undecided)
        return self._density.expected(read_to - oldest) <= PAGE_SIZE * len(undecided)

    def _launches_before(self, end: datetime, window: Window) -> Iterator[tuple[datetime, bool]]:
        """Read pages of launches and answer for everybody of the window whom they name.

        Yields, after each page, how far back has been read, and whether it told of any of ours.
        """
        read_to, token, more, empty = end, "", True, 0
        while more:
            page = self._history.page("EventName", LAUNCHED_BY, end, token)
            token, more = page.token, bool(page.token)
            empty += not page.events
            if not page.events and more and empty <= _MANY_PAGES:
                continue  # CloudTrail may have looked at some of the history and found nothing
            found = window.take(self._launches_of(page))
            read_from, read_to = read_to, self._reach(page, read_to)
            decided = window.decided(read_to)
            for instance, launch in decided:
                self._answer(instance, self._known(launch, instance))
            self._density.learn(len(page.events) - found, read_from - read_to)
            yield read_to, bool(found or decided)

    def _reach(self, page: Page, before: datetime) -> datetime:
        """Return how far back has been read, after a page that began where ``before`` says."""
        if not page.token:
            return self._now - HORIZON - timedelta(days=1)  # there is nothing before this page
        return min((time_of(event) for event in page.events), default=before)

    def _launches_of(self, page: Page) -> list[LaunchEvent]:
        """Return the launches of a page; remember those that leave out whom they launched."""
        launches = [launch for launch in map(read_launch, page.events) if launch is not None]
        self._incomplete |= {
            IncompleteLaunch(one.event_id, one.event_time) for one in launches if not one.complete
        }
        return launches

    def _not_in_window(self, instance: ResourceRef, *, named: bool) -> None:
        """Answer for an instance that no launch of its time names; one of another may."""
        if self._now - instance.created_at < self._delay and not named:
            self._answer(instance, ON_ITS_WAY)
        else:
            self._look_up(instance, in_no_window=True)

    def _look_up(
        self,
        instance: ResourceRef,
        *,
        in_no_window: bool = False,
        most_pages: int | None = _MANY_PAGES,
    ) -> None:
        """Ask for one instance by its name; put it last when it takes more than ``most_pages``.

        ``in_no_window`` says that the launches of its time have been read, and do not name it.
        """
        try:
            launches = self._launches_naming(instance, most_pages)
            launch = launch_among(launches, instance, whole_history=True)
            if launch is not None:
                if not in_no_window and may_repeat_another(launch, instance):
                    # What it may repeat need not have the instance's name in CloudTrail's index.
                    self._in_no_window(instance, most_pages)
                if instance.resource_id in self._waiting:
                    self._answer(instance, self._known(launch, instance))
            elif self._now - instance.created_at < self._delay:
                self._answer(instance, ON_ITS_WAY)
            elif in_no_window or self._in_no_window(instance, most_pages):
                self._answer(instance, self._nobody(instance, launches))
        except NoAnswerError as error:
            self._answer(instance, NotKnownYet(str(error), error.code))
        except _TooManyPagesError:
            self._long[instance.resource_id] = self._waiting.pop(instance.resource_id)

    def _in_no_window(self, instance: ResourceRef, most_pages: int | None) -> bool:
        """Tell whether the launches around its creation do not name an instance, either.

        Nothing says that CloudTrail indexes every instance of a launch of many by its name.
        """
        window = Window(self._waiting)
        pages = self._launches_before(instance.created_at + LATER, window)
        for number, (read_to, _) in enumerate(pages, start=1):
            if instance.resource_id in self.answers:
                return False
            if instance.created_at - EARLIER > read_to and instance not in window:
                return True
            if number == most_pages:
                raise _TooManyPagesError
        return True

    def _launches_naming(
        self, instance: ResourceRef, most_pages: int | None
    ) -> Sequence[LaunchEvent]:
        """Return all launches that the history has by the name of an instance."""
        end, token = instance.created_at + _LATEST, ""
        launches: list[LaunchEvent] = []
        for number in itertools.count():
            if number == most_pages:
                raise _TooManyPagesError
            page = self._history.page("ResourceName", instance.resource_id, end, token)
            launches += self._launches_of(page)
            token = page.token
            if not token:
                break
        return launches

    def _known(self, launch: LaunchEvent, instance: ResourceRef) -> Answer:
        """Return what a launch says, unless it may repeat an earlier one that cannot be read."""
        if may_repeat_another(launch, instance):
            if instance.created_at < self._now - HORIZON:
                return Nobody(f"because it was launched more than {HORIZON.days} days ago")
            for incomplete in self._incomplete:
                if incomplete.event_time < launch.event_time and incomplete.may_be_of(instance):
                    return _unreadable_launch(incomplete)
        return what_it_says(launch, instance)

    def _nobody(self, instance: ResourceRef, launches: Iterable[LaunchEvent]) -> Answer:
        """Return the answer for an instance whose launch is not in the history.

        Nobody only where everything that may be its launch has been read, and is not.
        """
        for launch in launches:
            if instance.resource_id in launch.instance_ids:
                return unreadable(
                    f"its launch, which event {launch.event_id} repeats after its creation,"
                )
        for incomplete in self._incomplete:
            if incomplete.may_be_of(instance):
                return _unreadable_launch(incomplete)
        return Nobody("because CloudTrail has no launch event that names it")


def _unreadable_launch(incomplete: IncompleteLaunch) -> NotKnownYet:
    return unreadable(
        f"event {incomplete.event_id}, which may be its launch and leaves out what was launched,"
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
