"""Findings to EC2 calls, in their order. ``writing``, ``ending`` and ``marks`` make them.

Nothing else changes anything. Instances that need the same remedy share a call, which is made as
soon as it is full. **Every call is one attempt, made right after a look**: the wait for the pace
comes before the look, and a call that AWS throttles goes back to the queue, to be looked at again.
Only tags are written on a look that is some seconds old, where IAM refuses to overwrite a value
(see iam.tf).

A call that AWS refuses is split, by tag and then by instance, so that one bad tag or instance never
stops another's remedy; the parts wait until every other call has had its turn. What is refused to
all alike is found out in a few calls, and not asked for again in the run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from tag_policy.aws.clock import Clock
from tag_policy.aws.pace import PacedCalls
from tag_policy.model.assignment import Mode
from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.finding import Finding
from tag_policy.model.outcome import Outcome
from tag_policy.model.remedy import Remedy
from tag_policy.resources.ending import Ending
from tag_policy.resources.marks import Marks
from tag_policy.resources.remedy_queue import (
    BATCH_SIZE,
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


class Remediation:
    """Applies the remedies of a run, and yields an outcome for every finding as it comes about.

    ``out_of_time`` is asked before every call; what is left then is deferred. In audit mode no call
    is made, and the outcomes are those that the enforcing run would try for. AWS's errors become
    outcomes and are not raised. ``ec2_once`` gives a client that makes a single attempt at each
    call; it is asked for one when there is something to change. ``marks`` is for what was
    announced, when people have been told.
    """

    def __init__(
        self,
        mode: Mode,
        ec2_once: Callable[[], "EC2Client"],
        second_look: SecondLook,
        paced: PacedCalls,
        out_of_time: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._mode = mode
        self._out_of_time = out_of_time
        self._queue = Queue()
        self._writing = Writing(ec2_once, second_look, paced, self._queue)
        self._ending = Ending(ec2_once, second_look, paced, self._queue, clock)
        self.marks = Marks(ec2_once, second_look, paced)
        self._filling: dict[tuple[Remedy, Tags], Call] = {}  # calls that are not full yet
        self._endings: list[Call] = []

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
            if finding.remedy in (Remedy.NOTIFY, Remedy.LEAVE):
                yield Outcome(finding, RESULT_OF[finding.remedy])
            else:
                # Tags are written together; each mark is deleted by its own key and value.
                together = () if finding.remedy is Remedy.TAG else tags_of([finding])
                alike.setdefault((finding.remedy, together), []).append(finding)
        for (remedy, _), some in alike.items():
            key = (remedy, tags_of(some))
            seen_at = some[0].instance.seen_at
            call = self._filling.setdefault(key, Call(*key, {}, seen_at))
            if seen_at < call.seen_at:
                self._filling[key] = call = replace(call, seen_at=seen_at)
            call.findings[some[0].instance.instance_id] = some
            if len(call.findings) == BATCH_SIZE:
                del self._filling[key]
                if remedy in ENDING_OF_REMEDY:
                    self._endings.append(call)
                else:
                    yield from self._make(call)

    def finish(self) -> Iterator[Outcome]:
        """Make the calls that are left, gentlest first, and then the parts of refused ones."""
        calls = sorted([*self._endings, *self._filling.values()], key=lambda call: call.order)
        self._filling.clear()
        self._endings.clear()
        self._queue.later.extendleft(reversed(calls))
        while self._queue.later:
            yield from self._make(self._queue.later.popleft())

    def _make(self, call: Call) -> Iterator[Outcome]:
        """Make one call, and those parts of it that are to be made at once."""
        yield from self._make_one(call)
        while self._queue.at_once:
            yield from self._make_one(self._queue.at_once.popleft())

    def _make_one(self, call: Call) -> Iterator[Outcome]:
        """Make one call, unless the time is up, or it is known by now to be refused."""
        is_end = call.remedy in ENDING_OF_REMEDY and not call.tags
        if self._out_of_time():
            yield from (
                self._ending.refused(call, OUT_OF_TIME) if is_end else call.refused(OUT_OF_TIME)
            )
            return
        call, refused = self._queue.without_what_is_given_up(call)
        yield from refused
        if not call.findings:
            return
        match call.remedy:
            case Remedy.TAG | Remedy.MARK | Remedy.UNMARK:
                yield from self._writing.write(call)
            case Remedy.STOP | Remedy.TERMINATE:
                yield from self._ending.end(call) if is_end else self._writing.write(call)
            case Remedy.NOTIFY | Remedy.LEAVE | Remedy.WAIT:
                raise AssertionError(f"nothing is called for a remedy of {call.remedy}")
            case _ as unreachable:
                assert_never(unreachable)
