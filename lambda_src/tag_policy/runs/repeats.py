"""What people know already: a finding that is as it was when they were last told is only counted.

Only runs about everything tell of the same things again and again: an instance without tags that is
not to be touched, a tag that AWS refuses. Each such finding is remembered as a few bytes, once a
message with it was delivered.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from tag_policy.model.assignment import Mode, Scope
from tag_policy.model.finding import Code
from tag_policy.model.outcome import Outcome, Result
from tag_policy.reporting.report import MOST_ALIKE
from tag_policy.runs.context import RunContext
from tag_policy.runs.memory import MEMORY_ERRORS, Listed, Memory
from tag_policy.settings import Unchanged

log = logging.getLogger(__name__)

_STATES = frozenset(
    {
        *(Result.NOTIFIED, Result.LEFT, Result.REPORTED),
        *(Result.FAILED, Result.DEFERRED, Result.AUDITED),
    }
)
"""Results that say how something is. The others say what was done, which happens once."""

_A_DAY = timedelta(hours=23, minutes=30)
"""After which everything is listed again: a sweep of the same hour is not always a second later."""


class Repeats:
    """Tells of each outcome of a run whether people know it already.

    ``again`` is how often they want to be told. Where the state table cannot be read, everything is
    told.
    """

    def __init__(self, context: RunContext, memory: Memory, again: Unchanged) -> None:
        self._memory = memory
        self._again = again
        self._now = context.now
        self._is_audit = context.assignment.mode is Mode.AUDIT
        # One that does not act, such as an evaluation for AWS Config, tells nobody of anything.
        self._applies = context.assignment.scope is Scope.ALL and context.assignment.acts
        self._loaded = False
        self._before = Listed(frozenset(), None)
        self._known = set[int]()
        self._of_kind = Counter[int]()
        self.told_at: datetime | None = None

    def load(self) -> None:
        """Read what people know, at the beginning of a run."""
        if not self._applies:
            return
        self._loaded = True
        try:
            self._before = self._memory.listed(self._kind)
        except MEMORY_ERRORS as error:
            log.warning("what people were told before could not be read: %s", error)
        at = self._before.at
        if at is not None and (self._again is Unchanged.NEVER or self._now - at < _A_DAY):
            self.told_at = at
        else:
            self._before = Listed(frozenset(), None)

    @property
    def _kind(self) -> str:
        """Under which the findings are remembered: an audit's are others than a run's."""
        return "audit" if self._is_audit else "enforce"

    def is_known(self, outcome: Outcome) -> bool:
        """Tell whether people have been told of an outcome as it is."""
        if not self._may_repeat(outcome):
            return False
        wanted = self._again is Unchanged.EVERY_RUN
        # It exempts for ever, and hourly words about it would soon be read by nobody.
        if wanted and outcome.finding.code is not Code.EXEMPTION_UNREADABLE:
            return False
        digests = [_digest(outcome)]
        if outcome.result is Result.REPORTED:
            of_kind = _digest_of_kind(outcome)
            digests.append(of_kind)
            if of_kind in self._before.digests:  # others may be as many as strangers write values
                self._of_kind[of_kind] += 1
        for digest in digests:
            if digest in self._before.digests:
                self._known.add(digest)
                return True
        return False

    def told(self, outcomes: Iterable[Outcome], are_many: Callable[[Outcome], int]) -> None:
        """Take in that a message which lists these outcomes was delivered.

        What had no room in any message is not known to anybody, and is listed by the next run.
        ``are_many`` tells of which outcomes people were told how many there are of their kind: all
        of that kind are known from then on.
        """
        for one in outcomes:
            if self._may_repeat(one):
                self._known.add(_digest_of_kind(one) if are_many(one) else _digest(one))

    def _may_repeat(self, outcome: Outcome) -> bool:
        return self._applies and (outcome.result in _STATES or self._is_audit)

    def remember(self) -> None:
        """Remember what people know now, after the report was delivered, or had nothing new.

        A run that could not read the rules has found nothing out, and forgets nothing.
        """
        if not self._loaded:
            return
        # What was told in numbers and has become few is listed by the next run, one by one.
        few = {one for one, number in self._of_kind.items() if number <= MOST_ALIKE}
        known = frozenset(self._known - few)
        at = self.told_at or self._now
        if known == self._before.digests and (not known or at == self._before.at):
            return
        try:
            self._memory.remember_listed(self._kind, Listed(known, at))
        except MEMORY_ERRORS as error:
            log.warning("what people were told could not be recorded: %s", error)


def _digest(outcome: Outcome) -> int:
    """Return 64 bits of an outcome: what it is about, and not the sentences, which hold times."""
    finding = outcome.finding
    parts = (
        outcome.result,
        outcome.code,
        finding.remedy,
        finding.code,
        finding.resource.resource_id,
        finding.tag_key,
        finding.value or finding.found,
        str(finding.rule_id),
        finding.note,
    )
    return _hash(parts)


def _digest_of_kind(outcome: Outcome) -> int:
    """Return 64 bits of what an outcome has in common with those of other instances."""
    return _hash(("of this kind", *outcome.kind))


def _hash(parts: Iterable[str]) -> int:
    hashed = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(hashed.digest())
