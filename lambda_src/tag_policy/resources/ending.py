"""Stopping and terminating instances: one attempt, right after a look."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.clock import Clock
from tag_policy.aws.errors import NOT_CONFIRMED, NotConfirmedError, Refusal, passes, refusal_of
from tag_policy.aws.pace import PacedCalls, ThrottledError
from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.outcome import TOO_SLOW, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.resources.instance import states_by_id
from tag_policy.resources.remedy_queue import CHANGED, Call, Queue
from tag_policy.resources.second_look import FRESH, SecondLook

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceStateChangeTypeDef

_JUST_NOW = timedelta(seconds=5)
"""How old a look may be when a call ends what was looked at: the time that a slow answer takes."""

_MOST_LOOKS = 3
"""Looks that failed, or were too old when they were answered, after which it is left."""

_TOO_SLOW = Refusal(
    Result.DEFERRED,
    "EC2 took too long to show the instance right before the call; the next run looks again",
    TOO_SLOW,
)


class Ending:
    """Ends the instances of calls, and queues what has to be looked at again.

    AWS's errors become outcomes and are not raised.
    """

    def __init__(
        self,
        ec2_once: Callable[[], "EC2Client"],
        second_look: SecondLook,
        paced: PacedCalls,
        queue: Queue,
        clock: Clock,
    ) -> None:
        self._ec2_once = ec2_once
        self._second_look = second_look
        self._paced = paced
        self._queue = queue
        self._clock = clock

    def end(self, call: Call) -> Iterator[Outcome]:
        """Stop or terminate: one attempt, right after a look, ten seconds after an earlier one.

        Whoever replaces the only tag of an instance deletes it and writes another: for a moment it
        has none, and EC2 may show that moment for some seconds.
        """
        ec2 = self._ec2_once()  # before the look: making it takes a second
        first_look = max(finding.instance.shown_at for (finding, *_) in call.findings.values())
        too_soon = (first_look + FRESH - self._clock.now()).total_seconds()
        if too_soon > 0:
            self._clock.sleep(min(too_soon, FRESH.total_seconds()))
        self._paced.wait()
        try:
            seen = self._second_look.whole(list(call.findings), ec2)
        except AWS_ERRORS as error:
            if passes(error):
                yield from self._look_again(call, refusal_of(error))
            else:
                yield from self.refused(call, refusal_of(error))  # not looked at, so not touched
            return
        if self._clock.now() - seen.asked_at > _JUST_NOW:
            yield from self._look_again(call, _TOO_SLOW)
            return
        still = [i for i, findings in call.findings.items() if seen.still(i, findings)]
        if still:
            yield from self._end_now(call.of(still), ec2)
        yield from self.refused(call.of(sorted(call.findings.keys() - set(still))), CHANGED)

    def _look_again(self, call: Call, refusal: Refusal) -> Iterator[Outcome]:
        """Queue a call for another look; refuse it when there were enough of them."""
        if call.looks + 1 < _MOST_LOOKS:
            self._queue.later.append(replace(call, looks=call.looks + 1))
        else:
            yield from self.refused(call, refusal)

    def _end_now(self, call: Call, ec2: "EC2Client") -> Iterator[Outcome]:
        ids = list(call.findings)
        try:
            _confirm(call, self._paced.once(lambda: _send(ec2, call.remedy, ids)))
        except ThrottledError:
            self._queue.later.append(call)
        except (*AWS_ERRORS, NotConfirmedError) as error:
            tried = replace(call, tried=True)
            if not passes(error) and len(ids) > 1:
                self._queue.split(tried, error)
                return
            yield from self.refused(tried, refusal_of(error))
            if not passes(error):
                self._queue.refused_to_one(tried, error)
        else:
            self._queue.worked(call)
            yield from call.done()

    def refused(self, call: Call, refusal: Refusal) -> Iterator[Outcome]:
        """Yield the refusal of each finding, but not of what is ending all the same."""
        if not call.findings:
            return
        ending = self._ending(call)
        if ending is None:
            ending, refusal = [], replace(refusal, code=refusal.code or NOT_CONFIRMED)
        yield from call.of(ending).done()
        yield from call.of([i for i in call.findings if i not in ending]).refused(refusal)

    def _ending(self, call: Call) -> list[str] | None:
        """Return those instances of a call that failed which AWS is ending nevertheless.

        None where it cannot be told. A call that reports an error may have ended the instances of
        other zones, and an answer that was lost may have been a good one.
        """
        if not call.tried:
            return []
        try:
            states = states_by_id(self._second_look.ec2, list(call.findings), self._paced)
        except AWS_ERRORS:
            return None
        return [i for i in call.findings if states.get(i) in ENDING_OF_REMEDY[call.remedy].states]


def _send(
    ec2: "EC2Client", remedy: Remedy, ids: Sequence[str]
) -> Sequence["InstanceStateChangeTypeDef"]:
    """Make the one call that a remedy is, and return the states that EC2 answers."""
    match remedy:
        case Remedy.STOP:
            return ec2.stop_instances(InstanceIds=ids)["StoppingInstances"]
        case Remedy.TERMINATE:
            return ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
        case (
            Remedy.NOTIFY
            | Remedy.LEAVE
            | Remedy.REPORT
            | Remedy.TAG
            | Remedy.MARK
            | Remedy.UNMARK
            | Remedy.REMOVE
            | Remedy.WAIT
        ):
            raise AssertionError(f"{remedy} ends nothing")
        case _ as unreachable:
            assert_never(unreachable)


def _confirm(call: Call, answer: Iterable["InstanceStateChangeTypeDef"]) -> None:
    states = ENDING_OF_REMEDY[call.remedy].states
    ending = {c["InstanceId"] for c in answer if c["CurrentState"]["Name"] in states}
    left = [instance_id for instance_id in call.findings if instance_id not in ending]
    if left:
        raise NotConfirmedError(f"AWS does not confirm that {', '.join(left)} is {states[0]}")
