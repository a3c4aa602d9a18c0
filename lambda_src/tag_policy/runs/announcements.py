"""Announcing: nothing is ended before people have been told.

An instance that is to be ended is marked in two steps. First its tag says ``announcing …``, which
counts for nothing; then a message names it, and the time; then it gets the mark that counts, if
that message was accepted. A crash, a lost answer or a refused message in between means that it is
announced anew by the next run: people are told twice, never not at all.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from tag_policy.model.assignment import Mode
from tag_policy.model.finding import Finding
from tag_policy.model.mark import Mark
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.reporting.report import MOST_KEPT
from tag_policy.resources.marks import Marks, completed
from tag_policy.rules.limits import is_destructive
from tag_policy.rules.mark import read_mark
from tag_policy.runs.context import RunContext
from tag_policy.runs.memory import MEMORY_ERRORS, Memory, Told

log = logging.getLogger(__name__)

_NO_ROOM = "a run announces 2,000 instances at most; the next run announces more"
_UNTOLD = "no message about it was accepted; the next run announces it again"
_NOT_REMEMBERED = "people were told, but that cannot be recorded; it is announced again"
_NOT_KNOWN = (
    "what people were told, and for what time, cannot be read from the state table; the next run "
    "looks again"
)


_USED = "used "
"""What stands before a mark by which an instance was ended, or was about to be."""


def _knows(told: Told | None, finding: Finding) -> bool:
    """Tell whether people are remembered to have been told what an instance's mark says."""
    return told is not None and told.mark.removeprefix(_USED) == finding.value


class Announcements:
    """What one run announces. ``marks`` is what completes the marks, once there is something.

    ``problem`` is told what could not be read or kept.
    """

    def __init__(self, context: RunContext, memory: Memory, problem: Callable[[str], None]) -> None:
        self._context = context
        self._problem = problem
        self._memory = memory
        self._pending: dict[str, Outcome] = {}
        self.marks: Marks | None = None
        self.anew: set[str] = set()

    def to_announce(
        self, findings: Sequence[Finding], announced_anew: Callable[[Finding], Finding]
    ) -> tuple[list[Finding], list[Outcome]]:
        """Return the findings to act on, and those that are left for now, as deferred.

        Whoever may tag an instance may give it a mark: copied from another one, as "Launch more
        like this" does, or forged. An announced mark ends an instance only if it is remembered that
        people were told just that of it; otherwise they are told anew.

        Nothing is announced for an earlier time than people were last told, and nothing is ended
        before that time, whatever has become of the mark or of the grace period since. What was
        announced for a later time, and has its mark, waits for it without another word.
        ``announced_anew`` says how one that was to be ended is announced instead.
        """
        told = self._last_told(findings)
        ready: list[Finding] = []
        deferred: list[Outcome] = []
        announced = 0
        for finding in findings:
            as_told = self._as_told(finding, told, announced_anew)
            if isinstance(as_told, Outcome):
                deferred.append(as_told)
            elif as_told is not None:
                if as_told.remedy is Remedy.MARK:
                    announced += 1
                    # Also where a former mark says why, and is gone by the next look.
                    self.anew.add(as_told.resource.resource_id)
                if as_told.remedy is Remedy.MARK and announced > MOST_KEPT:
                    deferred.append(Outcome(as_told, Result.DEFERRED, _NO_ROOM))
                else:
                    ready.append(as_told)
        return ready, deferred

    def _last_told(self, findings: Sequence[Finding]) -> dict[str, Told] | None:
        """Return what people were last told of those to be marked, or to be ended by their marks.

        None where that is not known.
        """
        concerned = {
            f.resource.resource_id for f in findings if f.mark is not None or is_destructive(f)
        }
        try:
            return self._memory.last_told(concerned)
        except MEMORY_ERRORS as error:
            self._problem(f"what people were told before could not be read: {error}")
            return None

    def _as_told(
        self,
        finding: Finding,
        last_told: dict[str, Told] | None,
        announced_anew: Callable[[Finding], Finding],
    ) -> Finding | Outcome | None:
        """Return what to do about a finding, after what people were told; None for nothing."""
        by_its_mark = is_destructive(finding) and finding.mark is None and finding.value is not None
        if finding.mark is None and not by_its_mark:
            return finding
        if last_told is None:
            return Outcome(finding, Result.DEFERRED, _NOT_KNOWN)
        instance_id = finding.resource.resource_id
        told = last_told.get(instance_id)
        if by_its_mark:
            if told is not None and told.mark == finding.value:
                return replace(finding, tag_key="", value=None)
            finding = announced_anew(finding)
        elif finding.mark is not None and finding.mark.follows and not _knows(told, finding):
            finding = announced_anew(finding)
        mark = finding.mark
        if mark is None or told is None or told.time < mark.time:
            return finding
        said = read_mark(told.mark)
        if (
            finding.value == told.mark
            and isinstance(said, Mark)
            and (said.action, said.cause) == (mark.action, mark.cause)
        ):
            log.info("waiting %s: %s", finding.resource.resource_id, told.mark)
            return None
        later = replace(mark, time=told.time, announced=told.time)
        return replace(finding, remedy=Remedy.MARK, mark=later)

    def taken_back(self, marks: Mapping[str, str]) -> None:
        """Remember that the marks of some instances, by their ids, are gone.

        People are told so, and whoever puts such a mark there again does not bring it back to life.
        Until when nothing was to happen is still remembered.
        """
        if not marks:
            return
        try:
            told = self._memory.last_told(marks.keys())
            gone = {
                i: Told(one.time, "")
                for i, one in told.items()
                if one.mark.removeprefix(_USED) == marks[i]
            }
            self._memory.remember_told(gone)
        except MEMORY_ERRORS as error:
            self._problem(f"that marks were removed could not be recorded: {error}")

    def used(self, instance_ids: Collection[str]) -> None:
        """Remember that some instances are about to be ended by their marks.

        People may put them back, which is not to be seen by when they were started. By the same
        mark they are not ended again, whatever has become of the run: it is announced anew. Raises
        what MEMORY_ERRORS names.
        """
        told = self._memory.last_told(instance_ids)
        used = {i: Told(one.time, f"{_USED}{one.mark}") for i, one in told.items() if one.mark}
        self._memory.remember_told(used)

    def is_pending(self, outcome: Outcome) -> bool:
        """Tell whether an outcome is of an instance whose tag says that it is being announced."""
        if outcome.result is not Result.MARKED or self._context.assignment.mode is Mode.AUDIT:
            return False
        self._pending[outcome.finding.resource.resource_id] = outcome
        return True

    def complete(self, told: Sequence[Outcome]) -> Iterator[tuple[Outcome, Outcome]]:
        """Give those whom an accepted message names the mark that counts, and remember that.

        Yields each outcome as it was told, and as it has become.
        """
        waiting = [one for one in told if one.finding.resource.resource_id in self._pending]
        if not waiting or self.marks is None:
            return
        # Marks are in whole seconds, and none may say that people were told sooner than they were.
        announced = (self._context.clock.now() + timedelta(seconds=1)).replace(microsecond=0)
        told_of: dict[str, Told] = {}
        for one in waiting:
            if one.finding.mark is not None:
                mark = completed(one.finding.mark, announced)
                told_of[one.finding.resource.resource_id] = Told(mark.time, str(mark))
        try:
            # First, so that no mark counts of which it is not remembered that people were told.
            self._memory.remember_told(told_of)
        except MEMORY_ERRORS as error:
            self._problem(f"what people were told could not be recorded: {error}")
            for before in waiting:
                del self._pending[before.finding.resource.resource_id]
                yield before, replace(before, result=Result.DEFERRED, detail=_NOT_REMEMBERED)
            return
        for before, after in self.marks.complete(waiting, announced, self._context.until_the_end()):
            del self._pending[before.finding.resource.resource_id]
            yield before, after

    def untold(self) -> Iterator[tuple[Outcome, Outcome]]:
        """Yield the outcomes of those whom no accepted message names, and what they have become."""
        for before in self._pending.values():
            yield before, replace(before, result=Result.DEFERRED, detail=_UNTOLD, code="Untold")
        self._pending.clear()
