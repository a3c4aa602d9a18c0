"""What is still to be done about instances: calls, their queue, what is refused to all alike."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tag_policy.aws.errors import Refusal, is_about_one, refusal_of
from tag_policy.model.ending import ENDINGS
from tag_policy.model.finding import Finding
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy

BATCH_SIZE = 180
"""Instances a call, so that one look will do: with twenty keys, as many as a filter takes.

AWS takes 1,000 in a call that writes tags, and advises smaller batches.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

RESULT_OF = {
    Remedy.NOTIFY: Result.NOTIFIED,
    Remedy.LEAVE: Result.LEFT,
    Remedy.REPORT: Result.REPORTED,
    Remedy.TAG: Result.TAGGED,
    Remedy.UNMARK: Result.UNMARKED,
    Remedy.MARK: Result.MARKED,
    Remedy.REMOVE: Result.REMOVED,
    **{ending.remedy: ending.result for ending in ENDINGS},
}
"""What a remedy results in; gentlest first, which is the order of the calls."""

_GENTLEST_FIRST = tuple(RESULT_OF)

_PROBES = 3
"""Instances to whom a tag is refused, and to nobody granted, before it is refused to all alike."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""When something was seen that has to be looked at again in any case."""

NOT_ALONE = Refusal(
    Result.DEFERRED,
    "it depends on a tag that could not be written with it; the next run looks again",
)
NOT_YET = Refusal(
    Result.DEFERRED,
    "the tag that replaces it cannot be seen yet; the next run looks again",
)
OUT_OF_TIME = Refusal(Result.DEFERRED, "the time of this run was up; the next run goes on here")
CHANGED = Refusal(
    Result.DEFERRED, "it changed while the run was under way; the next run looks again"
)

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A remedy for some resources, in one call; all of them need the same tags.

    ``seen_at`` is when the first of the instances was looked at, ``looks`` how many looks were in
    vain. ``tried`` says that the instances were part of a call that failed. AWS may have carried
    out a part of that, so that their state has to be asked for before anything is said of them.
    """

    remedy: Remedy
    tags: Tags
    findings: dict[str, list[Finding]]  # by the id of the resource
    seen_at: datetime
    tried: bool = False
    looks: int = 0

    def of(self, instance_ids: Iterable[str]) -> "Call":
        """Return the same for some of the instances."""
        return replace(self, findings={i: self.findings[i] for i in instance_ids})

    def without(self, tag_keys: Iterable[str]) -> "Call":
        """Return the same without what it is to do about some tags."""
        left_out = set(tag_keys)
        if not left_out:
            return self
        left = {
            instance_id: [finding for finding in findings if finding.tag_key not in left_out]
            for instance_id, findings in self.findings.items()
        }
        findings = {instance_id: some for instance_id, some in left.items() if some}
        tags = tags_of(next(iter(findings.values()))) if findings else ()
        return replace(self, findings=findings, tags=tags)

    def resting(self) -> "Call":
        """Return what of the call rests on other tags of it.

        A key that rests on another one for one instance is left out for all: the next run has it.
        """
        keys = {f.tag_key for some in self.findings.values() for f in some if f.rests_on}
        return self.without({key for key, _ in self.tags} - keys)

    @property
    def whats(self) -> frozenset[tuple[Remedy, str]]:
        """What may be refused to all alike: the remedy, with each of its tags."""
        (some, *_) = self.findings.values()
        return frozenset((self.remedy, finding.tag_key) for finding in some)

    @property
    def is_unlocked(self) -> bool:
        """Whether the call is not to be made without a look right before it, for one of them all.

        IAM would let it write over a value that somebody writes meanwhile, or what it writes was
        taken from what may have changed.
        """
        return any(finding.unlocked for some in self.findings.values() for finding in some)

    @property
    def deletes(self) -> bool:
        """Whether the call deletes tags, each with its value only."""
        return self.remedy in (Remedy.UNMARK, Remedy.REMOVE)

    @property
    def order(self) -> tuple[int, Tags]:
        """By what calls are sorted: gentlest first."""
        return _GENTLEST_FIRST.index(self.remedy), self.tags

    def done(self) -> Iterator[Outcome]:
        """Yield the outcomes of a call that AWS has carried out."""
        for findings in self.findings.values():
            for finding in findings:
                yield Outcome(finding, RESULT_OF[finding.remedy], code=finding.detail_refused)

    def refused(self, refusal: Refusal) -> Iterator[Outcome]:
        """Yield the outcomes of a call that AWS has not carried out."""
        for findings in self.findings.values():
            for finding in findings:
                yield Outcome(finding, refusal.result, refusal.detail, refusal.code)


def tags_of(findings: Sequence[Finding]) -> Tags:
    """Return the tags that some findings write or delete; each key once, as EC2 demands."""
    details = [finding.detail_tag for finding in findings if finding.detail_tag]
    values = []
    for finding in findings:
        match finding.remedy:
            case Remedy.TAG | Remedy.UNMARK | Remedy.REMOVE:
                values.append((finding.tag_key, finding.value or ""))
            case Remedy.MARK if finding.mark is not None:
                values.append((finding.tag_key, finding.mark.announcing))
            case _ if finding.mark is not None:
                values.append((finding.tag_key, str(finding.mark)))
            case _:
                pass
    return tuple(dict([*details, *values]).items())


class Queue:
    """The calls of a run that are still to be made, and what is known of those that were.

    ``later`` are made when every other call has had its turn; ``at_once`` before anything else,
    because what comes of them says what becomes of the others.
    """

    def __init__(self) -> None:
        self.later = deque[Call]()
        self.at_once = deque[Call]()
        self._worked = set[tuple[Remedy, str]]()
        self._refusals = Counter[tuple[Remedy, str, str]]()
        self._given_up: dict[tuple[Remedy, str], Refusal] = {}

    def worked(self, call: Call) -> None:
        """Remember that AWS grants what a call is about: it is not refused to all alike."""
        self._worked |= call.whats

    def is_granted(self, call: Call) -> bool:
        """Tell whether AWS has granted all that a call is about to somebody."""
        return call.whats <= self._worked

    def is_known(self, call: Call) -> bool:
        """Tell whether it is known of all that a call is about that AWS grants it, or does not."""
        return call.whats <= self._worked | self._given_up.keys()

    def without_what_is_given_up(self, call: Call) -> tuple[Call, list[Outcome]]:
        """Return what is left of a call without what is known to be refused, and that, refused."""
        refusals = {
            tag_key: refusal
            for (remedy, tag_key), refusal in self._given_up.items()
            if remedy is call.remedy
        }
        refused = [
            Outcome(finding, refusal.result, refusal.detail, refusal.code)
            for findings in call.findings.values()
            for finding in findings
            if (refusal := refusals.get(finding.tag_key)) is not None
        ]
        left = call.without(refusals)
        if refusals and left.findings:
            resting = left.resting()
            refused += resting.refused(NOT_ALONE)
            left = left.without(key for key, _ in resting.tags)
        return left, refused

    def count(self, call: Call, refusal: Refusal) -> None:
        """Count a refusal to one instance; give up when it is one to all alike."""
        for remedy, tag_key in call.whats:
            self._refusals[remedy, tag_key, refusal.code] += 1
            alike = self._refusals[remedy, tag_key, refusal.code] >= _PROBES
            if alike and (remedy, tag_key) not in self._worked:
                detail = (
                    f"{refusal.detail} (refused for all that were tried; the others were not tried)"
                )
                self._given_up[remedy, tag_key] = replace(refusal, detail=detail)

    def split(self, call: Call, error: Exception) -> None:
        """Queue the parts of a refused call: a part a tag, else by instance.

        ``call`` has more than one tag, or more than one instance. Until a tag has been granted to
        somebody, some single instances are tried at once: what is refused to them may be refused to
        all alike, and is then asked for nobody else.
        """
        (some, *_) = call.findings.values()
        ids = list(call.findings)
        if len(some) > 1:
            parts = self.later if is_about_one(error) else self.at_once
            for position, finding in enumerate(some):
                findings = {i: [found[position]] for i, found in call.findings.items()}
                parts.append(replace(call, findings=findings, tags=tags_of([finding])))
        elif self.is_granted(call) or is_about_one(error):
            middle = len(ids) // 2
            self.later.extend([call.of(ids[:middle]), call.of(ids[middle:])])
        else:
            probes = _spread(ids, _PROBES)
            self.at_once.extendleft(call.of([instance_id]) for instance_id in reversed(probes))
            if rest := [instance_id for instance_id in ids if instance_id not in probes]:
                self.later.append(call.of(rest))

    def refused_to_one(self, call: Call, error: Exception) -> None:
        """Take note that a call about one instance and one tag was refused."""
        if not is_about_one(error):
            self.count(call, refusal_of(error))


def _spread(ids: Sequence[str], number: int) -> list[str]:
    """Return some ids from everywhere in a list: the first, the last, and some between."""
    last = len(ids) - 1
    return list(dict.fromkeys(ids[last * at // (number - 1)] for at in range(number)))
