"""Findings to EC2 calls. The one place that changes anything.

Instances that need the same remedy share a call, which is made as soon as it is full. **Every call
is one attempt, made right after a look**: the wait for the pace comes before the look, and a call
that AWS throttles goes back to the queue, to be looked at again. Only tags are written on a look
that is some seconds old, where IAM refuses to overwrite a value (see iam.tf).

A call that AWS refuses is split, by tag and then by instance, so that one bad tag or instance never
stops another's remedy; the parts wait until every other call has had its turn. What is refused to
all alike is found out in a few calls, and not asked for again in the run.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.clock import Clock
from tag_policy.aws.errors import (
    NOT_CONFIRMED,
    NotConfirmedError,
    Refusal,
    is_about_one,
    passes,
    refusal_of,
)
from tag_policy.aws.pace import PacedCalls, ThrottledError
from tag_policy.model import (
    ENDING_OF_REMEDY,
    ENDINGS,
    TOO_SLOW,
    Code,
    Finding,
    Mark,
    Mode,
    Outcome,
    Remedy,
    Result,
)
from tag_policy.model.tag_text import guarded_spelling
from tag_policy.resources.instance import states_by_id
from tag_policy.resources.second_look import FRESH, SecondLook, Seen

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceStateChangeTypeDef, TagTypeDef

BATCH_SIZE = 200
"""Instances a call. AWS takes 1,000 and advises smaller batches.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

_RESULT_OF = {
    Remedy.NOTIFY: Result.NOTIFIED,
    Remedy.LEAVE: Result.LEFT,
    Remedy.TAG: Result.TAGGED,
    Remedy.UNMARK: Result.UNMARKED,
    Remedy.MARK: Result.MARKED,
    **{ending.remedy: ending.result for ending in ENDINGS},
}
"""What a remedy results in; gentlest first, which is the order of the calls."""

_GENTLEST_FIRST = tuple(_RESULT_OF)

_JUST_NOW = timedelta(seconds=5)
"""How old a look may be when a call ends what was looked at: the time that a slow answer takes."""

_MOST_LOOKS = 3
"""Looks that were too old by the time that they were answered, after which it is left."""

_PROBES = 3
"""Instances to whom a tag is refused, and to nobody granted, before it is refused to all alike."""

_MOST_TRIES = 8
"""Attempts to complete some marks, after which they are announced anew by the next run."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_Tags = tuple[tuple[str, str], ...]

_OUT_OF_TIME = Refusal(Result.DEFERRED, "the time of this run was up; the next run goes on here")
_CHANGED = Refusal(
    Result.DEFERRED, "the instance changed while the run was under way; the next run looks again"
)
_TOO_SLOW = Refusal(
    Result.DEFERRED,
    "EC2 took too long to show the instance right before the call; the next run looks again",
    TOO_SLOW,
)


@dataclass(frozen=True, slots=True)
class _Call:
    """A remedy for some instances, in one call; all of them need the same tags.

    ``seen_at`` is when the first of the instances was looked at, ``looks`` how many looks were in
    vain. ``tried`` says that the instances were part of a call that failed. AWS may have carried
    out a part of that, so that their state has to be asked for before anything is said of them.
    """

    remedy: Remedy
    tags: _Tags
    findings: dict[str, list[Finding]]  # by instance id
    seen_at: datetime
    tried: bool = False
    looks: int = 0

    def of(self, instance_ids: Iterable[str]) -> "_Call":
        """Return the same for some of the instances."""
        return replace(self, findings={i: self.findings[i] for i in instance_ids})

    @property
    def whats(self) -> frozenset[tuple[Remedy, str]]:
        """What may be refused to all alike: the remedy, with each of its tags."""
        (some, *_) = self.findings.values()
        return frozenset((self.remedy, finding.tag_key) for finding in some)


class Remediation:
    """Applies the remedies of a run, and yields an outcome for every finding as it comes about.

    ``out_of_time`` is asked before every call; what is left then is deferred. In audit mode no call
    is made, and the outcomes are those that the enforcing run would try for. AWS's errors become
    outcomes and are not raised. ``ec2_once`` gives a client that makes a single attempt at each
    call; it is asked for one when there is something to change.
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
        self._ec2_once = ec2_once
        self._second_look = second_look
        self._paced = paced
        self._out_of_time = out_of_time
        self._clock = clock
        self._calls: dict[tuple[Remedy, _Tags], _Call] = {}  # those that are not full yet
        self._endings: list[_Call] = []
        self._parts = deque[_Call]()
        self._worked = set[tuple[Remedy, str]]()
        self._refusals = Counter[tuple[Remedy, str, str]]()
        self._given_up: dict[tuple[Remedy, str], Refusal] = {}

    def take(self, findings: Iterable[Finding]) -> Iterator[Outcome]:
        """Take all that was found about one instance, and make the call that is full by that.

        Every finding of ``Remedy.TAG`` must have its value; none is of ``Remedy.WAIT``. What is to
        be ended waits for ``finish``, and is marked first there, where its finding has a mark.
        """
        if self._mode is Mode.AUDIT:
            yield from (Outcome(finding, _RESULT_OF[finding.remedy]) for finding in findings)
            return
        alike: dict[tuple[Remedy, _Tags], list[Finding]] = {}
        for finding in findings:
            if finding.remedy in (Remedy.NOTIFY, Remedy.LEAVE):
                yield Outcome(finding, _RESULT_OF[finding.remedy])
            else:
                # Tags are written together; each mark is deleted by its own key and value.
                together = () if finding.remedy is Remedy.TAG else _tags([finding])
                alike.setdefault((finding.remedy, together), []).append(finding)
        for (remedy, _), some in alike.items():
            key = (remedy, _tags(some))
            seen_at = some[0].instance.seen_at
            call = self._calls.setdefault(key, _Call(*key, {}, seen_at))
            if seen_at < call.seen_at:
                self._calls[key] = call = replace(call, seen_at=seen_at)
            call.findings[some[0].instance.instance_id] = some
            if len(call.findings) == BATCH_SIZE:
                del self._calls[key]
                if remedy in ENDING_OF_REMEDY:
                    self._endings.append(call)
                else:
                    yield from self._make(call)

    def finish(self) -> Iterator[Outcome]:
        """Make the calls that are left, gentlest first, and then the parts of refused ones."""
        calls = [*self._endings, *self._calls.values()]
        calls.sort(key=lambda call: (_GENTLEST_FIRST.index(call.remedy), call.tags))
        self._calls.clear()
        self._endings.clear()
        self._parts.extendleft(reversed(calls))
        while self._parts:
            yield from self._make(self._parts.popleft())

    def _make(self, call: _Call) -> Iterator[Outcome]:
        """Make one call, unless the time is up, or it is known by now to be refused."""
        if self._out_of_time():
            yield from self._refused(call, _OUT_OF_TIME)
            return
        yield from self._known_to_be_refused(call)
        call = _without(call, self._given_up.keys())
        if not call.findings:
            return
        match call.remedy:
            case Remedy.TAG | Remedy.MARK | Remedy.UNMARK:
                yield from self._write(call)
            case Remedy.STOP | Remedy.TERMINATE:
                yield from self._write(call) if call.tags else self._end(call)
            case Remedy.NOTIFY | Remedy.LEAVE | Remedy.WAIT:
                raise AssertionError(f"nothing is called for a remedy of {call.remedy}")
            case _ as unreachable:
                assert_never(unreachable)

    def _known_to_be_refused(self, call: _Call) -> Iterator[Outcome]:
        for findings in call.findings.values():
            for finding in findings:
                refusal = self._given_up.get((call.remedy, finding.tag_key))
                if refusal is not None:
                    yield Outcome(finding, refusal.result, refusal.detail, refusal.code)

    # Writing and deleting tags

    def _write(self, call: _Call) -> Iterator[Outcome]:
        """Write or delete the tags of a call; what is to be ended goes on from there."""
        ec2 = self._ec2_once()  # before the look: making it takes a second
        self._paced.wait()
        try:
            unchanged = self._unchanged(call)
        except AWS_ERRORS as error:
            yield from self._refused(call, refusal_of(error))  # not looked at, so not touched
            return
        changed = call.findings.keys() - unchanged
        yield from self._refused(call.of(sorted(changed)), _CHANGED)
        call = call.of(unchanged)
        if not call.findings:
            return
        try:
            self._paced.once(lambda: _send_tags(ec2, call))
        except ThrottledError:
            # However fresh the look was: whoever waits for the pace has time to write a value.
            self._parts.append(replace(call, tried=True, seen_at=_LONG_AGO))
        except AWS_ERRORS as error:
            yield from self._after_error(replace(call, tried=True), error)
        else:
            self._worked |= call.whats
            yield from self._written(call)

    def _unchanged(self, call: _Call) -> list[str]:
        """Return the ids of those instances of which everything that was found is still so."""
        if call.remedy is Remedy.TAG and self._second_look.is_fresh(call.seen_at):
            return list(call.findings)
        if call.remedy is Remedy.TAG and not call.tried:
            return self._second_look.unchanged(call.findings, lambda: self._next_alike(call))
        seen = self._second_look.whole(list(call.findings))
        return [i for i, findings in call.findings.items() if seen.still(i, findings)]

    def _next_alike(self, call: _Call) -> Iterator[str]:
        """Yield the instances of the calls that follow and write tags of the same keys."""
        number = len(call.findings)
        for following in self._parts:
            number += len(following.findings)
            if following.whats != call.whats or number > BATCH_SIZE:
                return
            yield from following.findings

    def _written(self, call: _Call) -> Iterator[Outcome]:
        if call.remedy in ENDING_OF_REMEDY:
            self._parts.append(_marked(call))
        else:
            yield from _done(call)

    def _after_error(self, call: _Call, error: Exception) -> Iterator[Outcome]:
        """Look what became of a call that failed, and go on with what is still to be done.

        An answer that was lost may have been a good one. What was refused may have been refused
        because of one instance that somebody has tagged by now.
        """
        refusal = refusal_of(error)
        try:
            seen = self._second_look.whole(list(call.findings))
        except AWS_ERRORS:
            yield from self._refused(call, refusal)
            return
        if passes(error):
            written = [i for i in call.findings if _has_tags(seen, i, call)]
            yield from self._written(call.of(written)) if written else ()
            yield from self._refused(call.of(sorted(call.findings.keys() - set(written))), refusal)
            return
        still = [i for i, findings in call.findings.items() if seen.still(i, findings)]
        yield from self._refused(call.of(sorted(call.findings.keys() - set(still))), _CHANGED)
        locked = [i for i in still if _is_locked(seen, i, call)]
        yield from self._refused_by_lock(seen, call.of(locked))
        rest = replace(call.of([i for i in still if i not in locked]), seen_at=seen.asked_at)
        if rest.findings.keys() == call.findings.keys():
            yield from self._split(rest, error)
        elif rest.findings:  # those that are out of it now may have been the reason
            self._parts.append(rest)

    def _refused_by_lock(self, seen: Seen, call: _Call) -> Iterator[Outcome]:
        """Yield why IAM does not let a tag be written beside one of almost the same key."""
        for instance_id, findings in call.findings.items():
            for finding in findings:
                other = guarded_spelling(seen.instances[instance_id].tags, finding.tag_key)
                if not other:
                    self._parts.append(
                        replace(call, findings={instance_id: [finding]}, tags=_tags([finding]))
                    )
                    continue
                detail = (
                    f"the instance has the tag {other}, and IAM, which makes no difference between "
                    "capitals and small letters in a key, guards its value; rename that tag"
                )
                yield Outcome(finding, Result.DEFERRED, detail, Code.REFUSED_BY_LOCK)

    def _split(self, call: _Call, error: Exception) -> Iterator[Outcome]:
        """Queue the parts of a refused call: a part a tag, else by instance; none of what is one.

        Until a tag has been granted to somebody, some single instances are tried at once: what is
        refused to them may be refused to all alike, and is then asked for nobody else.
        """
        refusal = refusal_of(error)
        some = next(iter(call.findings.values()))
        ids = list(call.findings)
        if len(some) > 1:
            for position in range(len(some)):
                findings = {i: [found[position]] for i, found in call.findings.items()}
                part = replace(call, findings=findings, tags=_tags([some[position]]))
                if is_about_one(error):
                    self._parts.append(part)
                else:
                    yield from self._make(part)
        elif len(ids) == 1:
            (finding,) = some
            if finding.detail_tag:
                # The last thing that is given up is the detail next to a creator, for its sake.
                bare = _without_detail(finding, refusal.code)
                self._parts.append(replace(call, findings={ids[0]: [bare]}, tags=_tags([bare])))
                return
            yield from self._refused(call, refusal)
            if not is_about_one(error):
                self._count(call, refusal)
        elif call.whats <= self._worked or is_about_one(error):
            middle = len(ids) // 2
            self._parts.extend([call.of(ids[:middle]), call.of(ids[middle:])])
        else:
            probes = _spread(ids, _PROBES)
            rest = [instance_id for instance_id in ids if instance_id not in probes]
            for instance_id in probes:
                yield from self._make(call.of([instance_id]))
            self._parts.extend([call.of(rest)] if rest else [])

    def _count(self, call: _Call, refusal: Refusal) -> None:
        """Count a refusal to one instance; give up when it is one to all alike."""
        for remedy, tag_key in call.whats:
            self._refusals[remedy, tag_key, refusal.code] += 1
            alike = self._refusals[remedy, tag_key, refusal.code] >= _PROBES
            if alike and (remedy, tag_key) not in self._worked:
                detail = f"{refusal.detail} (refused to all who were tried; the others were not)"
                self._given_up[remedy, tag_key] = replace(refusal, detail=detail)

    # Ending

    def _end(self, call: _Call) -> Iterator[Outcome]:
        """Stop or terminate: one attempt, right after a look, ten seconds after an earlier one.

        Whoever replaces the only tag of an instance deletes it and writes another: for a moment it
        has none, and EC2 may show that moment for some seconds.
        """
        ids, ec2 = (
            list(call.findings),
            self._ec2_once(),
        )  # before the look: making it takes a second
        first_look = max(finding.instance.shown_at for (finding, *_) in call.findings.values())
        too_soon = (first_look + FRESH - self._clock.now()).total_seconds()
        if too_soon > 0:
            self._clock.sleep(min(too_soon, FRESH.total_seconds()))
        self._paced.wait()
        try:
            seen = self._second_look.whole(ids)
        except AWS_ERRORS as error:
            yield from self._refused(call, refusal_of(error))  # not looked at, so not touched
            return
        if self._clock.now() - seen.asked_at > _JUST_NOW:
            if call.looks + 1 == _MOST_LOOKS:
                yield from self._refused(call, _TOO_SLOW)
            else:
                self._parts.append(replace(call, looks=call.looks + 1))
            return
        still = [i for i, findings in call.findings.items() if seen.still(i, findings)]
        if still:
            yield from self._end_now(call.of(still), ec2)
        yield from self._refused(call.of(sorted(call.findings.keys() - set(still))), _CHANGED)

    def _end_now(self, call: _Call, ec2: "EC2Client") -> Iterator[Outcome]:
        ids = list(call.findings)
        try:
            if call.remedy is Remedy.STOP:
                stopping = self._paced.once(lambda: ec2.stop_instances(InstanceIds=ids))
                _confirm(call, stopping["StoppingInstances"])
            else:
                ending = self._paced.once(lambda: ec2.terminate_instances(InstanceIds=ids))
                _confirm(call, ending["TerminatingInstances"])
        except ThrottledError:
            self._parts.append(call)
        except (*AWS_ERRORS, NotConfirmedError) as error:
            tried = replace(call, tried=True)
            if passes(error) or len(ids) == 1:
                yield from self._refused(tried, refusal_of(error))
                if not passes(error) and not is_about_one(error):
                    self._count(tried, refusal_of(error))
            else:
                yield from self._split(tried, error)
        else:
            self._worked |= call.whats
            yield from _done(call)

    def _refused(self, call: _Call, refusal: Refusal) -> Iterator[Outcome]:
        """Yield the refusal of each finding, but not of what is ending all the same."""
        if not call.findings:
            return
        ending = self._ending(call)
        if ending is None:
            ending, refusal = [], replace(refusal, code=refusal.code or NOT_CONFIRMED)
        yield from _done(call.of(ending))
        for instance_id, findings in call.findings.items():
            if instance_id not in ending:
                for finding in findings:
                    yield Outcome(finding, refusal.result, refusal.detail, refusal.code)

    def _ending(self, call: _Call) -> list[str] | None:
        """Return those instances of a call that failed which AWS is ending nevertheless.

        None where it cannot be told. A call that reports an error may have ended the instances of
        other zones, and an answer that was lost may have been a good one.
        """
        ending = ENDING_OF_REMEDY.get(call.remedy)
        if not call.tried or ending is None:
            return []
        try:
            states = states_by_id(self._second_look.ec2, list(call.findings), self._paced)
        except AWS_ERRORS:
            return None
        return [i for i in call.findings if states.get(i) in ending.states]

    # Announcing

    def complete_marks(
        self, told: Sequence[Outcome], announced: datetime, out_of_time: Callable[[], bool]
    ) -> Iterator[tuple[Outcome, Mark, Outcome]]:
        """Give the instances of whom people were told the mark that counts.

        ``told`` are the outcomes that an accepted message names, ``announced`` is when it had been
        accepted, ``out_of_time`` is asked before every call. Yields each with its mark, and with
        what became of it: the same, or that it is left to the next run, which announces it anew.
        """
        by_mark: dict[Mark, dict[str, Outcome]] = {}
        for outcome in told:
            mark = outcome.finding.mark
            assert mark is not None  # noqa: S101 - what is announced has a mark
            by_mark.setdefault(mark, {})[outcome.finding.instance.instance_id] = outcome
        for mark, outcomes in by_mark.items():
            final = completed(mark, announced)
            ids = list(outcomes)
            for start in range(0, len(ids), BATCH_SIZE):
                some = {i: outcomes[i] for i in ids[start : start + BATCH_SIZE]}
                for before, after in self._complete(some, mark, final, out_of_time):
                    yield before, final, after

    def _complete(
        self,
        outcomes: Mapping[str, Outcome],
        mark: Mark,
        final: Mark,
        out_of_time: Callable[[], bool],
    ) -> Iterator[tuple[Outcome, Outcome]]:
        """Write the final mark where what was announced is still to be."""
        (one, *_) = outcomes.values()
        key = one.finding.tag_key
        left = list(outcomes)
        ec2 = self._ec2_once()
        refusal = _OUT_OF_TIME
        for _ in range(_MOST_TRIES):
            if not left or out_of_time():
                break
            self._paced.wait()
            try:
                seen = self._second_look.whole(left)
                for changed in [i for i in left if not seen.is_announcing(i, mark)]:
                    left.remove(changed)
                    before = outcomes[changed]
                    is_done = seen.tag(changed, key) == str(final)  # an answer was lost
                    yield before, before if is_done else _deferred(before, _CHANGED)
                if left:
                    self._complete_now(ec2, left, key, final)
            except ThrottledError:
                continue
            except AWS_ERRORS as error:
                refusal = refusal_of(error)
                if not passes(error):
                    break
                continue
            yield from ((outcomes[i], outcomes[i]) for i in left)
            return
        yield from ((outcomes[i], _deferred(outcomes[i], refusal)) for i in left)

    def _complete_now(self, ec2: "EC2Client", ids: Sequence[str], key: str, mark: Mark) -> None:
        tags: list[TagTypeDef] = [{"Key": key, "Value": str(mark)}]
        self._paced.once(lambda: ec2.create_tags(Resources=ids, Tags=tags))


def completed(mark: Mark, announced: datetime) -> Mark:
    """Return a mark as it counts, once people were told of it at a time."""
    return replace(mark, announced=announced, time=max(mark.time, announced))


def _deferred(outcome: Outcome, refusal: Refusal) -> Outcome:
    detail = f"people were told, but it could not be marked: {refusal.detail}; it is announced anew"
    return replace(outcome, result=Result.DEFERRED, detail=detail, code=refusal.code)


def _send_tags(ec2: "EC2Client", call: _Call) -> None:
    ids = list(call.findings)
    tags: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in call.tags]
    if call.remedy is Remedy.UNMARK:
        ec2.delete_tags(Resources=ids, Tags=tags)
    else:
        ec2.create_tags(Resources=ids, Tags=tags)


def _marked(call: _Call) -> _Call:
    """Return the call that ends what has just been marked.

    Its instances are looked at once more before that, and left alone when they are not seen with
    their mark, or when somebody has tagged them in the meantime.
    """
    findings = {
        instance_id: [replace(finding, tag_key="", value=None, mark=None) for finding in some]
        for instance_id, some in call.findings.items()
    }
    return replace(call, findings=findings, tags=(), tried=False)


def _without(call: _Call, given_up: Iterable[tuple[Remedy, str]]) -> _Call:
    """Return a call without what is known to be refused to all alike."""
    refused = {tag_key for remedy, tag_key in given_up if remedy is call.remedy}
    if not refused:
        return call
    left = {
        instance_id: [finding for finding in findings if finding.tag_key not in refused]
        for instance_id, findings in call.findings.items()
    }
    findings = {instance_id: some for instance_id, some in left.items() if some}
    tags = _tags(next(iter(findings.values()))) if findings else ()
    return replace(call, findings=findings, tags=tags)


def _tags(findings: Sequence[Finding]) -> _Tags:
    """Return the tags that some findings write or delete; each key once, as EC2 demands."""
    details = [finding.detail_tag for finding in findings if finding.detail_tag]
    values = []
    for finding in findings:
        match finding.remedy:
            case Remedy.TAG | Remedy.UNMARK:
                values.append((finding.tag_key, finding.value or ""))
            case Remedy.MARK if finding.mark is not None:
                values.append((finding.tag_key, finding.mark.announcing))
            case _ if finding.mark is not None:
                values.append((finding.tag_key, str(finding.mark)))
            case _:
                pass
    return tuple(dict([*details, *values]).items())


def _has_tags(seen: Seen, instance_id: str, call: _Call) -> bool:
    """Tell whether the tags of a call are on an instance as the call wants them."""
    if call.remedy is Remedy.UNMARK:
        gone = all(seen.tag(instance_id, key) is None for key, _ in call.tags)
        return instance_id in seen.instances and gone
    return all(seen.tag(instance_id, key) == value for key, value in call.tags)


def _is_locked(seen: Seen, instance_id: str, call: _Call) -> bool:
    if call.remedy is not Remedy.TAG:
        return False
    tags = seen.instances[instance_id].tags
    return any(guarded_spelling(tags, finding.tag_key) for finding in call.findings[instance_id])


def _spread(ids: Sequence[str], number: int) -> list[str]:
    """Return some ids from everywhere in a list: the first, the last, and some between."""
    last = len(ids) - 1
    return list(dict.fromkeys(ids[last * at // (number - 1)] for at in range(number)))


def _without_detail(finding: Finding, code: str) -> Finding:
    key, _ = finding.detail_tag or ("", "")
    reason = f"{finding.reason}; {key} could not be written next to it"
    return replace(finding, detail_tag=None, detail_refused=code, reason=reason)


def _done(call: _Call) -> Iterator[Outcome]:
    for findings in call.findings.values():
        for finding in findings:
            yield Outcome(finding, _RESULT_OF[finding.remedy], code=finding.detail_refused)


def _confirm(call: _Call, answer: Iterable["InstanceStateChangeTypeDef"]) -> None:
    states = ENDING_OF_REMEDY[call.remedy].states
    ending = {c["InstanceId"] for c in answer if c["CurrentState"]["Name"] in states}
    left = [instance_id for instance_id in call.findings if instance_id not in ending]
    if left:
        raise NotConfirmedError(f"AWS does not confirm that {', '.join(left)} is {states[0]}")
