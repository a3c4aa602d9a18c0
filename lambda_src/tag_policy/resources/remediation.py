"""Findings to EC2 calls. The one place that changes anything.

Instances that need the same remedy share a call, which is made as soon as it is full. Just before
a call, its instances are looked at once more, because minutes may lie between listing them and
acting: one that was put right, or ended, in between is left alone. Only tags are written without
that where the first look is seconds old; and small calls share a second look, for as many seconds.
A call that AWS refuses is split, by tag and then by instance, so that one bad tag or instance never
stops another's remedy; the parts wait until every other call has had its turn.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.clock import Clock
from tag_policy.aws.errors import NotConfirmedError, Refusal, passes, refusal_of
from tag_policy.aws.pace import PacedCalls
from tag_policy.model import Finding, InstanceRef, Mode, Outcome, Remedy, Result
from tag_policy.resources.instance import states_by_id

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceStateChangeTypeDef, TagTypeDef

BATCH_SIZE = 200
"""Instances a call. AWS takes 1,000 and advises smaller batches.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

_RESULT_OF = {
    Remedy.NOTIFY: Result.NOTIFIED,
    Remedy.TAG: Result.TAGGED,
    Remedy.UNMARK: Result.UNMARKED,
    Remedy.MARK: Result.MARKED,
    Remedy.STOP: Result.STOPPED,
    Remedy.TERMINATE: Result.TERMINATED,
}
"""What a remedy results in; gentlest first, which is the order of the calls."""

_FRESH = timedelta(seconds=10)
"""How old a look at an instance may be for its tags to be written without a second one.

What EC2 tells may itself be some seconds old:
https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

_ENDED = {
    Remedy.TERMINATE: ("shutting-down", "terminated"),
    Remedy.STOP: ("stopping", "stopped"),
}
"""The states that confirm a remedy."""

LookAgain = Callable[[Sequence[InstanceRef]], Iterable[Finding]]
"""Lists and evaluates some instances anew; see ``Enforcement``."""

Touched = Callable[[Collection[str], Collection[str]], Collection[str]]
"""Tells which instances have one of some tags; see ``Enforcement``."""

Ended = Callable[[], Collection[str]]
"""Tells which instances have ended; see ``Enforcement``."""

_Tags = tuple[tuple[str, str], ...]


_OUT_OF_TIME = Refusal(Result.DEFERRED, "the time of this run was up; the next run goes on here")
_CHANGED = Refusal(
    Result.DEFERRED, "the instance changed while the run was under way; the next run looks again"
)


@dataclass(frozen=True, slots=True)
class _SecondLook:
    """Which of some instances have changed, as far as EC2 told when it was asked for it."""

    instance_ids: frozenset[str]
    changed: frozenset[str]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class _HaveEnded:
    """Which instances of the region have ended, as far as EC2 told when it was asked for it."""

    instance_ids: frozenset[str]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class _Call:
    """A remedy for some instances, in one call; all of them need the same tags.

    ``seen_at`` is when the first of the instances was looked at. ``tried`` says that the instances
    were part of a call that failed. AWS may have carried out a part of that, so that their state
    has to be asked for before anything is said of them.
    """

    remedy: Remedy
    findings: dict[str, list[Finding]]  # by instance id
    seen_at: datetime
    tried: bool = False

    def of(self, instance_ids: Iterable[str]) -> "_Call":
        """Return the same for some of the instances."""
        return replace(self, findings={i: self.findings[i] for i in instance_ids})


class Enforcement:
    """Applies the remedies of a run, and yields an outcome for every finding as it comes about.

    ``look_again`` returns what is found about some instances when they are looked at anew.
    ``touched``, given ids and tag keys, returns the ids of those instances that may be exempt or
    have one of the tags, and ``ended`` those of all that have ended: all others still lack the tags
    that they were to get. ``out_of_time`` is asked before every call; what is left then is
    deferred. In audit mode no call is made, and the outcomes are those that the enforcing run would
    try for. AWS's errors become outcomes and are not raised.
    """

    def __init__(
        self,
        mode: Mode,
        ec2: "EC2Client",
        paced: PacedCalls,
        look_again: LookAgain,
        touched: Touched,
        ended: Ended,
        out_of_time: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._mode = mode
        self._ec2 = ec2
        self._clock = clock
        self._paced = paced
        self._look_again = look_again
        self._touched = touched
        self._ended = ended
        self._out_of_time = out_of_time
        self._calls: dict[tuple[Remedy, _Tags], _Call] = {}  # those that are not full yet
        self._endings: list[_Call] = []
        self._parts = deque[_Call]()
        self._second_look: _SecondLook | None = None
        self._have_ended: _HaveEnded | None = None

    def take(self, findings: Iterable[Finding]) -> Iterator[Outcome]:
        """Take all that was found about one instance, and make the call that is full by that.

        Every finding of ``Remedy.TAG`` must have its value; none is of ``Remedy.WAIT``. What is to
        be ended waits for ``finish``, and is marked first there, where its finding has a mark.
        """
        if self._mode is Mode.AUDIT:
            yield from (Outcome(finding, _RESULT_OF[finding.remedy]) for finding in findings)
            return
        by_remedy: dict[Remedy, list[Finding]] = {}
        for finding in findings:
            by_remedy.setdefault(finding.remedy, []).append(finding)
        for remedy, some in by_remedy.items():
            if remedy is Remedy.NOTIFY:
                yield from (Outcome(finding, Result.NOTIFIED) for finding in some)
                continue
            key = (remedy, _tags(some))
            seen_at = some[0].instance.seen_at
            call = self._calls.setdefault(key, _Call(remedy, {}, seen_at))
            if seen_at < call.seen_at:
                self._calls[key] = call = replace(call, seen_at=seen_at)
            call.findings[some[0].instance.instance_id] = some
            if len(call.findings) == BATCH_SIZE:
                del self._calls[key]
                if remedy in _ENDED:
                    self._endings.append(call)
                else:
                    yield from self._make(call)

    def finish(self) -> Iterator[Outcome]:
        """Make the calls that are left, gentlest first, and then the parts of refused ones."""
        gentlest_first = tuple(_RESULT_OF)
        calls = [*self._endings, *self._calls.values()]
        calls.sort(key=lambda call: (gentlest_first.index(call.remedy), sorted(_keys(call))))
        self._calls.clear()
        self._endings.clear()
        self._parts.extendleft(reversed(calls))
        while self._parts:
            yield from self._make(self._parts.popleft())

    def _make(self, call: _Call) -> Iterator[Outcome]:
        if self._out_of_time():
            yield from self._refused(call, _OUT_OF_TIME)
        else:
            yield from self._carry_out(call)

    def _carry_out(self, call: _Call) -> Iterator[Outcome]:
        """Make one call; when AWS refuses it, its parts wait until the others have been made."""
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
            if _is_to_be_marked(call):
                self._write_tags(call)
                self._parts.append(_marked(call))
                return
            self._send(call)
        except (*AWS_ERRORS, NotConfirmedError) as error:
            tried = replace(call, tried=True)
            parts = [] if passes(error) else _split(tried, refusal_of(error))
            self._parts.extend(parts)
            if not parts:
                yield from self._refused(tried, refusal_of(error))
        else:
            yield from _done(call)

    def _unchanged(self, call: _Call) -> list[str]:
        """Return the ids of those instances of which everything that was found is still so."""
        suspects = set(call.findings)
        if call.remedy is Remedy.TAG and not call.tried:
            suspects &= set() if self._is_fresh(call.seen_at) else self._changed(call)
        instances = [call.findings[i][0].instance for i in call.findings if i in suspects]
        again = self._look_again(instances) if instances else ()
        still = {(f.instance.instance_id, f.remedy, f.tag_key) for f in again}
        return [
            instance_id
            for instance_id, findings in call.findings.items()
            if instance_id not in suspects
            or all((instance_id, f.remedy, f.tag_key) in still for f in findings)
        ]

    def _is_fresh(self, seen_at: datetime) -> bool:
        return self._clock.now() - seen_at < _FRESH

    def _changed(self, call: _Call) -> frozenset[str]:
        """Return the instances that may have changed, those of a call among them."""
        look = self._second_look
        if (
            look is None
            or not look.instance_ids >= call.findings.keys()
            or not self._is_fresh(look.asked_at)
        ):
            look = self._second_look = self._look(call)
        return look.changed

    def _look(self, call: _Call) -> _SecondLook:
        """Ask about the instances of a call, and of those next that write tags of the same keys."""
        keys = _keys(call)
        ids = list(call.findings)
        for following in self._parts:
            if _keys(following) != keys or len(ids) + len(following.findings) > BATCH_SIZE:
                break
            ids += following.findings
        asked_at = self._clock.now()
        ended = self._ended_lately()
        changed = ended.instance_ids.union(self._touched(ids, keys))
        return _SecondLook(frozenset(ids), changed, min(asked_at, ended.asked_at))

    def _ended_lately(self) -> _HaveEnded:
        """Return what has ended: asked for once, for the looks of some seconds."""
        ended = self._have_ended
        if ended is None or not self._is_fresh(ended.asked_at):
            asked_at = self._clock.now()
            ended = self._have_ended = _HaveEnded(frozenset(self._ended()), asked_at)
        return ended

    def _send(self, call: _Call) -> None:
        ids = list(call.findings)
        match call.remedy:
            case Remedy.TAG | Remedy.MARK:
                self._write_tags(call)
            case Remedy.UNMARK:
                tags: list[TagTypeDef] = [{"Key": next(iter(call.findings.values()))[0].tag_key}]
                self._paced(lambda: self._ec2.delete_tags(Resources=ids, Tags=tags))
            case Remedy.STOP:
                stopping = self._paced(lambda: self._ec2.stop_instances(InstanceIds=ids))
                _confirm(call, stopping["StoppingInstances"])
            case Remedy.TERMINATE:
                terminating = self._paced(lambda: self._ec2.terminate_instances(InstanceIds=ids))
                _confirm(call, terminating["TerminatingInstances"])
            case Remedy.NOTIFY | Remedy.WAIT:
                raise AssertionError(f"nothing is called for a remedy of {call.remedy}")

    def _write_tags(self, call: _Call) -> None:
        ids = list(call.findings)
        written = _tags(next(iter(call.findings.values())))
        tags: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in written]
        self._paced(lambda: self._ec2.create_tags(Resources=ids, Tags=tags))

    def _refused(self, call: _Call, refusal: Refusal) -> Iterator[Outcome]:
        """Yield the refusal of each finding, but not of what is ending all the same."""
        ending = self._ending(call)
        yield from _done(call.of(ending))
        for instance_id, findings in call.findings.items():
            if instance_id not in ending:
                for finding in findings:
                    yield Outcome(finding, refusal.result, refusal.detail, refusal.code)

    def _ending(self, call: _Call) -> set[str]:
        """Return those instances of a call that failed which AWS is ending nevertheless.

        A call that reports an error may have ended the instances of other zones, and an answer that
        was lost may have been a good one.
        """
        if not call.tried or call.remedy not in _ENDED:
            return set()
        try:
            states = states_by_id(self._ec2, list(call.findings), self._paced)
        except AWS_ERRORS:
            return set()
        return {i for i, state in states.items() if state in _ENDED[call.remedy]}


def _is_to_be_marked(call: _Call) -> bool:
    """Tell whether the instances of a call have to be marked before they may be ended."""
    return call.remedy in _ENDED and any(f.tag_key for f in next(iter(call.findings.values())))


def _marked(call: _Call) -> _Call:
    """Return the call that ends what has just been marked.

    Its instances are looked at once more before that, and left alone when they are not seen with
    their mark, or when somebody has tagged them in the meantime.
    """
    findings = {
        instance_id: [replace(finding, tag_key="", value=None) for finding in some]
        for instance_id, some in call.findings.items()
    }
    return replace(call, findings=findings)


def _tags(findings: Sequence[Finding]) -> _Tags:
    """Return the tags that some findings ask for; each key once, as EC2 demands."""
    details = [finding.detail_tag for finding in findings if finding.detail_tag]
    values = [(f.tag_key, f.value) for f in findings if f.value is not None]
    return tuple(dict([*details, *values]).items())


def _keys(call: _Call) -> set[str]:
    """Return the keys of the tags that a call writes: the same for all of its instances."""
    return {finding.tag_key for finding in next(iter(call.findings.values()))}


def _split(call: _Call, refusal: Refusal) -> list[_Call]:
    """Return the parts of a refused call: a part a tag, else two halves; none of what is one.

    The last thing that is given up is the detail next to a creator, for the creator's sake.
    """
    some = next(iter(call.findings.values()))
    if len(some) > 1:
        return [
            replace(call, findings={i: [found[position]] for i, found in call.findings.items()})
            for position in range(len(some))
        ]
    ids = list(call.findings)
    middle = len(ids) // 2
    if middle:
        return [call.of(ids[:middle]), call.of(ids[middle:])]
    (finding,) = some
    return (
        [replace(call, findings={ids[0]: [_without_detail(finding, refusal.code)]})]
        if finding.detail_tag
        else []
    )


def _without_detail(finding: Finding, code: str) -> Finding:
    key, _ = finding.detail_tag or ("", "")
    reason = f"{finding.reason}; {key} could not be written next to it ({code})"
    return replace(finding, detail_tag=None, reason=reason)


def _done(call: _Call) -> Iterator[Outcome]:
    for findings in call.findings.values():
        for finding in findings:
            yield Outcome(finding, _RESULT_OF[finding.remedy])


def _confirm(call: _Call, answer: Iterable["InstanceStateChangeTypeDef"]) -> None:
    states = _ENDED[call.remedy]
    ending = {c["InstanceId"] for c in answer if c["CurrentState"]["Name"] in states}
    left = [instance_id for instance_id in call.findings if instance_id not in ending]
    if left:
        raise NotConfirmedError(f"AWS does not confirm that {', '.join(left)} is {states[0]}")
