"""Writing and deleting tags: one attempt each, on a look that is fresh enough.

An attempt is made by a thread, while others are under way. It decides nothing: what comes of it is
settled by the run, in its one thread.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.errors import Refusal, passes, refusal_of
from tag_policy.aws.pace import PacedCalls, ThrottledError
from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.finding import Finding
from tag_policy.model.outcome import Outcome
from tag_policy.model.remedy import Remedy
from tag_policy.resources.remedy_queue import (
    CHANGED,
    LONG_AGO,
    NOT_ALONE,
    OUT_OF_TIME,
    Call,
    Queue,
    tags_of,
)
from tag_policy.resources.second_look import SecondLook, Seen

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import TagTypeDef


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a call: ``unchanged`` are the instances that it was made for.

    ``error`` is what it ended with, and ``seen`` what EC2 shows after that, where it can be asked.
    ``not_made`` is why there was not even a look, so that nothing was called. ``not_yet`` are those
    of whom a tag is to be deleted when another one is to be seen.
    """

    call: Call
    unchanged: Sequence[str] = ()
    error: Exception | None = None
    seen: Seen | None = None
    not_made: Refusal | None = None
    not_yet: Sequence[str] = ()


class Writing:
    """Writes and deletes the tags of calls, and queues what has to be done again, or after it.

    AWS's errors become outcomes and are not raised.
    """

    def __init__(
        self,
        second_look: SecondLook,
        paced: PacedCalls,
        queue: Queue,
        out_of_time: Callable[[], bool],
    ) -> None:
        self._second_look = second_look
        self._paced = paced
        self._queue = queue
        self._out_of_time = out_of_time
        self._not_yet: list[Finding] = []

    def taken_not_yet(self) -> list[Finding]:
        """Return which tags were not deleted, as those that replace them were not to be seen."""
        not_yet, self._not_yet = self._not_yet, []
        return not_yet

    def attempt(self, call: Call, ec2_once: "EC2Client") -> Attempt:
        """Wait for the pace, look, and make a call for those who are as they were found.

        ``ec2_once`` makes one attempt. Touches nothing that the run works with, so that several
        threads may be in here.
        """
        self._paced.wait()
        if self._out_of_time():
            return Attempt(call, not_made=OUT_OF_TIME)
        try:
            unchanged, not_yet = self._unchanged(call)
        except AWS_ERRORS as error:
            return Attempt(call, not_made=refusal_of(error))  # not looked at, so not touched
        if not unchanged:
            return Attempt(call, not_yet=not_yet)
        rest = call.of(unchanged)
        made = Attempt(call, unchanged, not_yet=not_yet)
        try:
            self._paced.once(lambda: _send(ec2_once, rest))
        except ThrottledError as error:
            return replace(made, error=error)
        except AWS_ERRORS as error:
            try:
                seen = self._second_look.whole(unchanged)
            except AWS_ERRORS:
                return replace(made, error=error)
            return replace(made, error=error, seen=seen)
        return made

    def look(self, calls: Sequence[Call]) -> Sequence[Attempt]:
        """Look once for several calls that write tags of the same keys, and make none of them.

        Those that are found unchanged are as fresh, then, as after a look of their own.
        """
        findings: dict[str, Sequence[Finding]] = {}
        for call in calls:
            findings |= call.findings
        try:
            ids, asked_at = self._second_look.unchanged(findings)
        except AWS_ERRORS as error:
            return [Attempt(call, not_made=refusal_of(error)) for call in calls]
        unchanged = set(ids)
        return [
            Attempt(
                replace(call, seen_at=asked_at, looks=call.looks + 1),
                [i for i in call.findings if i in unchanged],
            )
            for call in calls
        ]

    def looked(self, attempts: Sequence[Attempt]) -> Iterator[Outcome]:
        """Queue the calls of which a look has found that they may be made, before all others."""
        for attempt in reversed(attempts):
            yield from self._without_the_changed(attempt)
            if attempt.unchanged:
                self._queue.later.appendleft(attempt.call.of(attempt.unchanged))

    def settle(self, attempt: Attempt) -> Iterator[Outcome]:
        """Yield what came of a call, and queue what is to be done about the rest of it."""
        yield from self._without_the_changed(attempt)
        if not attempt.unchanged:
            return
        call = attempt.call.of(attempt.unchanged)
        match attempt.error:
            case None:
                self._queue.worked(call)
                yield from self._written(call)
            case ThrottledError():
                # However fresh the look was: whoever waits for the pace has time to write a value.
                self._queue.later.append(replace(call, tried=True, seen_at=LONG_AGO))
            case error:
                yield from self._after_error(replace(call, tried=True), error, attempt.seen)

    def _without_the_changed(self, attempt: Attempt) -> Iterator[Outcome]:
        if attempt.not_made is not None:
            yield from attempt.call.refused(attempt.not_made)
            return
        for instance_id in attempt.not_yet:
            self._not_yet += attempt.call.findings[instance_id]
        left = {*attempt.unchanged, *attempt.not_yet}
        changed = attempt.call.findings.keys() - left
        yield from attempt.call.of(sorted(changed)).refused(CHANGED)

    def _unchanged(self, call: Call) -> tuple[list[str], list[str]]:
        """Return the ids of those instances of which everything that was found is still so.

        And those of whom a tag is to be deleted when another one is to be seen.

        Where IAM keeps what somebody writes meanwhile, a look may be some seconds old, and be taken
        in two calls, the first of which is older than the second. Elsewhere it is one, right now.
        """
        is_kept = call.remedy is Remedy.TAG and not call.is_unlocked
        if is_kept and self._second_look.is_fresh(call.seen_at):
            return list(call.findings), []
        if is_kept and not call.tried:
            unchanged, _ = self._second_look.unchanged(call.findings)
            return unchanged, []
        seen = self._second_look.whole(list(call.findings))
        still = [i for i, findings in call.findings.items() if seen.still(i, findings)]
        return still, [i for i, findings in call.findings.items() if seen.is_to_come(i, findings)]

    def _written(self, call: Call) -> Iterator[Outcome]:
        if call.remedy in ENDING_OF_REMEDY:
            self._queue.later.append(_marked(call))
        else:
            yield from call.done()

    def _after_error(self, call: Call, error: Exception, seen: Seen | None) -> Iterator[Outcome]:
        """Tell what became of a call that failed, and go on with what is still to be done.

        An answer that was lost may have been a good one. What was refused may have been refused
        because of one instance that somebody has tagged by now.
        """
        refusal = refusal_of(error)
        if seen is None:
            yield from call.refused(refusal)
            return
        if passes(error):
            written = [i for i in call.findings if _has_tags(seen, i, call)]
            yield from self._written(call.of(written)) if written else ()
            yield from call.of(sorted(call.findings.keys() - set(written))).refused(refusal)
            return
        still = [i for i, findings in call.findings.items() if seen.still(i, findings)]
        yield from call.of(sorted(call.findings.keys() - set(still))).refused(CHANGED)
        rest = replace(call.of(still), seen_at=seen.asked_at)
        if rest.findings.keys() == call.findings.keys():
            yield from self._refused(rest, error)
        elif rest.findings:  # those that are out of it now may have been the reason
            self._queue.later.append(rest)

    def _refused(self, call: Call, error: Exception) -> Iterator[Outcome]:
        """Queue the parts of a refused call, or give up what cannot be parted any more."""
        resting = call.resting()
        if resting.findings:
            yield from resting.refused(NOT_ALONE)
            call = call.without(key for key, _ in resting.tags)
            self._queue.later.append(call)
            return
        ((instance_id, some), *others) = call.findings.items()
        if others or len(some) > 1:
            self._queue.split(call, error)
            return
        (finding,) = some
        if finding.detail_tag:
            # The last thing that is given up is the detail next to a creator, for its sake.
            bare = [_without_detail(finding, refusal_of(error).code)]
            self._queue.later.append(
                replace(call, findings={instance_id: bare}, tags=tags_of(bare))
            )
            return
        yield from call.refused(refusal_of(error))
        self._queue.refused_to_one(call, error)


def _send(ec2: "EC2Client", call: Call) -> None:
    ids = list(call.findings)
    tags: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in call.tags]
    if call.deletes:
        ec2.delete_tags(Resources=ids, Tags=tags)
    else:
        ec2.create_tags(Resources=ids, Tags=tags)


def _marked(call: Call) -> Call:
    """Return the call that ends what has just been marked.

    Its instances are looked at once more before that, and left alone when they are not seen with
    their mark, or when somebody has tagged them in the meantime.
    """
    findings = {
        instance_id: [replace(finding, tag_key="", value=None, mark=None) for finding in some]
        for instance_id, some in call.findings.items()
    }
    return replace(call, findings=findings, tags=(), tried=False)


def _has_tags(seen: Seen, instance_id: str, call: Call) -> bool:
    """Tell whether the tags of a call are on an instance as the call wants them."""
    if call.deletes:
        gone = all(seen.tag(instance_id, key) is None for key, _ in call.tags)
        return instance_id in seen.resources and gone
    return all(seen.tag(instance_id, key) == value for key, value in call.tags)


def _without_detail(finding: Finding, code: str) -> Finding:
    key, _ = finding.detail_tag or ("", "")
    reason = f"{finding.reason}; {key} could not be written next to it"
    return replace(finding, detail_tag=None, detail_refused=code, reason=reason)
