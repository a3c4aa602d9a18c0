"""Findings to EC2 calls, in their order. ``writing``, ``ending`` and ``marks`` make them.

Nothing else changes anything. Instances that need the same remedy share a call, which is made as
soon as it is full. **Every call is one attempt, made right after a look**: the wait for the pace
comes before the look, and a call that AWS throttles goes back to the queue, to be looked at again.
Only tags are written on a look that is some seconds old, where IAM refuses to overwrite a value
(see iam.tf).

Calls that write or delete tags are made side by side, while instances are still being listed. What
ends an instance is not: it is called by the run itself, with nothing else under way, after whatever
is gentler. Until AWS has granted a tag to somebody, one call about it is made at a time.

A call that AWS refuses is split, by tag and then by instance, so that one bad tag or instance never
stops another's remedy; the parts wait until every other call has had its turn. What is refused to
all alike is found out in a few calls, and not asked for again in the run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from tag_policy.aws.clock import Clock
from tag_policy.aws.pace import PacedCalls
from tag_policy.aws.threads import Workers
from tag_policy.model.assignment import Mode
from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.finding import Finding
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.resources.ending import Ending, Keep
from tag_policy.resources.instance import chunks
from tag_policy.resources.marks import Marks
from tag_policy.resources.remedy_queue import (
    BATCH_SIZE,
    LONG_AGO,
    NOT_YET,
    OUT_OF_TIME,
    RESULT_OF,
    Call,
    Queue,
    Tags,
    tags_of,
)
from tag_policy.resources.second_look import SecondLook
from tag_policy.resources.writing import Writing

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

_Settle = Callable[[Any], Iterator[Outcome]]
"""What takes the result of a piece of work, and yields the outcomes."""

MOST_FILLING = 20_000
"""Calls that wait for more instances which need the same: where values differ, few ever come."""

MOST_REMOVALS = 50_000
"""Tags that a run deletes at most: what is to be deleted is held until all else is done."""

_TOO_MANY_REMOVALS = (
    f"more than {MOST_REMOVALS:,} tags are to be deleted, and a run can hold no more; the next run "
    "goes on with the rest"
)

_MOST_LOOKS = 3
_UNTIL_IT_IS_SHOWN = timedelta(seconds=3)
"""What was written may be shown some seconds later, and what it replaces is not deleted before.

https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

SIDE_BY_SIDE = 8
"""Calls that are under way at a time.

A CreateTags of 200 instances takes AWS more than half a second, and its limit is refilled by ten a
second: more at a time would only wait for that (docs/benchmark.md).
"""


class Remediation:
    """Applies the remedies of a run, and yields an outcome for every finding as it comes about.

    ``out_of_time`` is asked before every call; what is left then is deferred. In audit mode no call
    is made, and the outcomes are those that the enforcing run would try for. AWS's errors become
    outcomes and are not raised. ``ec2_once`` gives a client that makes a single attempt at each
    call; it is asked for one when there is something to change. ``workers`` make calls side by
    side. ``marks`` is for what was announced, when people have been told. ``isolation_groups`` and
    ``keep`` are for what isolates: see ``ending``.
    """

    def __init__(
        self,
        workers: Workers,
        mode: Mode,
        ec2_once: Callable[[], "EC2Client"],
        second_look: SecondLook,
        paced: PacedCalls,
        out_of_time: Callable[[], bool],
        clock: Clock,
        isolation_groups: Mapping[str, str],
        keep: Keep,
    ) -> None:
        self._workers = workers
        self._mode = mode
        self._ec2_once = ec2_once
        self._second_look = second_look
        self._out_of_time = out_of_time
        self._clock = clock
        self._queue = Queue()
        self._writing = Writing(second_look, paced, self._queue, out_of_time)
        self._ending = Ending(
            ec2_once, second_look, paced, self._queue, clock, isolation_groups, keep
        )
        self.marks = Marks(ec2_once, second_look, paced)
        self._filling: dict[tuple[Remedy, Tags], Call] = {}  # calls that are not full yet
        self._endings: list[Call] = []
        self._removals: list[Finding] = []
        self._under_way: dict[Future[Any], tuple[Sequence[Call], _Settle]] = {}
        self._is_probing = False  # whether what is under way may be refused to all alike

    def take(self, findings: Iterable[Finding]) -> Iterator[Outcome]:
        """Take all that was found about one instance, and make the call that is full by that.

        Every finding of ``Remedy.TAG`` must have its value; none is of ``Remedy.WAIT``. What is to
        be ended waits for ``finish``, and is marked first there, where its finding has a mark.
        """
        if self._mode is Mode.AUDIT:
            yield from (Outcome(finding, RESULT_OF[finding.remedy]) for finding in findings)
            return
        alike: dict[tuple[Remedy, Tags], list[Finding]] = {}
        for finding in findings:
            if finding.remedy in (Remedy.NOTIFY, Remedy.LEAVE, Remedy.REPORT):
                yield Outcome(finding, RESULT_OF[finding.remedy])
            elif finding.remedy is Remedy.REMOVE:
                # Behind all that is written: what the tag said stands in another one by then.
                if len(self._removals) < MOST_REMOVALS:
                    self._removals.append(finding)
                else:
                    yield Outcome(finding, Result.DEFERRED, _TOO_MANY_REMOVALS)
            else:
                # Tags are written together; each mark is deleted by its own key and value.
                together = () if finding.remedy is Remedy.TAG else tags_of([finding])
                alike.setdefault((finding.remedy, together), []).append(finding)
        for (remedy, _), some in alike.items():
            resource = some[0].resource
            seen_at = resource.seen_at
            key = (remedy, tags_of(some))
            call = self._filling.setdefault(key, Call(*key, {}, seen_at))
            if seen_at < call.seen_at:
                self._filling[key] = call = replace(call, seen_at=seen_at)
            call.findings[resource.resource_id] = some
            if len(call.findings) < BATCH_SIZE:
                if len(self._filling) <= MOST_FILLING:
                    continue
                key = next(iter(self._filling))  # the oldest, whose values few others have
            yield from self._now(self._filling.pop(key))

    def _now(self, call: Call) -> Iterator[Outcome]:
        """Make a call as soon as it may be; what ends an instance waits for all others."""
        if call.remedy in ENDING_OF_REMEDY:
            self._endings.append(call)
            return
        while not self._may_start(call, any_remedy=True):
            yield from self._settle_next()
        yield from self._start(call)

    def finish(self) -> Iterator[Outcome]:
        """Make the calls that are left, gentlest first, and then the parts of refused ones.

        What is to be deleted comes when all of that is done.
        """
        yield from self._make_all([*self._endings, *self._filling.values()])
        self._filling.clear()
        self._endings.clear()
        for looks in range(1, _MOST_LOOKS + 1):
            yield from self._make_all(_calls_that_remove(self._removals))
            self._removals = self._writing.taken_not_yet()
            if not self._removals or looks == _MOST_LOOKS or self._out_of_time():
                break
            self._clock.sleep(_UNTIL_IT_IS_SHOWN.total_seconds())
        for finding in self._removals:
            yield Outcome(finding, NOT_YET.result, NOT_YET.detail)
        self._removals = []

    def _make_all(self, calls: Sequence[Call]) -> Iterator[Outcome]:
        later = self._queue.later
        later.extendleft(sorted(calls, key=lambda call: call.order, reverse=True))
        while later or self._under_way:
            if later and self._may_start(later[0]):
                yield from self._start(later.popleft())
            else:
                yield from self._settle_next()

    def settled(self) -> Iterator[Outcome]:
        """Wait for the calls that are under way, and make no other: the run has broken off.

        Whatever one of them ends with, the others are told of before it is raised.
        """
        first: Exception | None = None
        while self._under_way:
            try:
                yield from self._settle_one()
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def _may_start(self, call: Call, *, any_remedy: bool = False) -> bool:
        """Tell whether a call may be made now, beside those that are under way.

        At the end of a run those under way are of the same remedy, so that the gentler is done.
        """
        if not self._under_way:
            return True
        return (
            len(self._under_way) < SIDE_BY_SIDE
            and not _is_alone(call)
            and not self._is_probing
            and self._queue.is_known(call)
            and all(
                (any_remedy or other.remedy is call.remedy)
                # EC2 refuses to change the tags of an instance by two calls at once.
                and other.findings.keys().isdisjoint(call.findings)
                for calls, _ in self._under_way.values()
                for other in calls
            )
        )

    def _start(self, call: Call) -> Iterator[Outcome]:
        """Have a call made, unless the time is up, or it is known by now to be refused."""
        if _is_alone(call):
            yield from self._make(call)
            return
        call, outcomes = self._to_make(call)
        yield from outcomes
        if not call.findings:
            return
        self._is_probing = not self._queue.is_known(call)
        ec2_once = self._ec2_once()  # before any look: making it takes a second
        alike = [call, *self._next_alike(call)]
        if len(alike) > 1:
            work = self._workers.start(lambda: self._writing.look(alike))
            self._under_way[work] = alike, self._writing.looked
        else:
            attempt = self._workers.start(lambda: self._writing.attempt(call, ec2_once))
            self._under_way[attempt] = alike, self._writing.settle

    def _next_alike(self, call: Call) -> Iterator[Call]:
        """Take those of the following calls from the queue for which one look will do."""
        number = len(call.findings)
        later = self._queue.later
        while self._has_to_be_looked_at(call) and later:
            number += len(later[0].findings)
            alike = later[0].whats == call.whats and self._has_to_be_looked_at(later[0])
            if not alike or number > BATCH_SIZE:
                return
            yield later.popleft()

    def _has_to_be_looked_at(self, call: Call) -> bool:
        """Tell whether a call writes tags, and waits for its first look at the instances."""
        is_new = call.remedy is Remedy.TAG and not call.tried and not call.looks
        return is_new and not self._second_look.is_fresh(call.seen_at)

    def _settle_next(self) -> Iterator[Outcome]:
        """Settle one of those under way, and make what is to be made at once because of it."""
        yield from self._settle_one()
        yield from self._make_those_at_once()

    def _settle_one(self) -> Iterator[Outcome]:
        """Wait for one of those under way, and settle what came of it."""
        work = self._workers.first_of(self._under_way)
        _, settle = self._under_way.pop(work)
        self._is_probing = False
        yield from settle(work.result())

    def _make_those_at_once(self) -> Iterator[Outcome]:
        while self._queue.at_once:
            yield from self._make_now(self._queue.at_once.popleft())

    def _make(self, call: Call) -> Iterator[Outcome]:
        """Make one call, and those parts of it that are to be made at once."""
        yield from self._make_now(call)
        yield from self._make_those_at_once()

    def _make_now(self, call: Call) -> Iterator[Outcome]:
        """Make one call, and wait for its answer."""
        call, outcomes = self._to_make(call)
        yield from outcomes
        if not call.findings:
            return
        if _is_alone(call) and not call.tags:
            yield from self._ending.end(call)
        else:
            yield from self._writing.settle(self._writing.attempt(call, self._ec2_once()))

    def _to_make(self, call: Call) -> tuple[Call, list[Outcome]]:
        """Return what is left of a call to be made, and what becomes of the rest of it."""
        if self._out_of_time():
            is_end = call.remedy in ENDING_OF_REMEDY and not call.tags
            refused = self._ending.refused if is_end else Call.refused
            return call.of(()), list(refused(call, OUT_OF_TIME))
        return self._queue.without_what_is_given_up(call)


def _calls_that_remove(findings: Iterable[Finding]) -> list[Call]:
    """Return the calls that delete tags: each key and value in calls of its own."""
    by_tag: dict[Tags, Call] = {}
    for finding in findings:
        tags = tags_of([finding])
        call = by_tag.setdefault(tags, Call(Remedy.REMOVE, tags, {}, LONG_AGO))
        call.findings[finding.resource.resource_id] = [finding]
    return [
        call.of(ids) for call in by_tag.values() for ids in chunks([*call.findings], BATCH_SIZE)
    ]


def _is_alone(call: Call) -> bool:
    """Tell whether a call is made with nothing else under way: it ends, or leads to that."""
    match call.remedy:
        case Remedy.TAG | Remedy.MARK | Remedy.UNMARK | Remedy.REMOVE:
            return False
        case Remedy.ISOLATE | Remedy.STOP | Remedy.TERMINATE:
            return True
        case Remedy.NOTIFY | Remedy.LEAVE | Remedy.REPORT | Remedy.WAIT:
            raise AssertionError(f"nothing is called for a remedy of {call.remedy}")
        case _ as unreachable:
            assert_never(unreachable)
