"""What follows for an instance that has tags, and not those that rules ask for. Pure.

A rule may say what follows a violation that lasts: its ladder, of steps that come so long after
they were announced. An instance has one mark, which names one rule and one step. While that rule
is violated and the step has not come, the mark stays; then the step is made, and the mark goes to
the next step of the rule, or to the step of another violated rule that would come earlier, counted
from now. So no step ever comes earlier than the rule says: later, where other rules, limits or a
message that was not accepted stood in between.

What is not known for sure leads to nothing: a rule that waits for a tag or a source keeps its mark,
and nothing else is announced meanwhile.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from tag_policy.model.ending import ENDING_OF_END, ENDING_OF_REMEDY
from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance, security_groups
from tag_policy.model.ladder import LEAST, Ladder, Step, gaps, said
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End, Remedy
from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.rules.mark import Announcing, due_at, trusted
from tag_policy.rules.marker import Marker, not_understood


@dataclass(frozen=True, slots=True)
class _Climb:
    """A violation, and the steps of its rule that are still to come for an instance, one at least.

    ``delay`` is how long from now the first of them comes, if it is announced now; ``by_mark`` that
    it is shorter because the step before it was made by the instance's mark.
    """

    finding: Finding
    cause: str
    ladder: Ladder
    steps: Ladder
    delay: timedelta
    by_mark: bool

    @property
    def step(self) -> Step:
        """The next step."""
        return self.steps[0]

    @property
    def says(self) -> str:
        """What is wrong with the instance, for people who are told of the step."""
        return f"{self.finding.tag_key}: {self.finding.reason}"

    @property
    def what_comes_then(self) -> str:
        """What follows when the step was made; empty for nothing."""
        return "".join(f"; {gap}" for gap in gaps(self.steps))


@dataclass(frozen=True)
class Escalation:
    """Says what follows for instances, for the rules that have a ladder.

    ``anew`` are the instances that are to be announced, whatever their tags say.
    """

    rules: Sequence[Rule]
    marker: Marker
    anew: Container[str] = frozenset()

    @cached_property
    def ladders(self) -> Mapping[int, tuple[str, Ladder]]:
        """By RuleId, what a mark names the rule by, and its ladder."""
        return {rule.rule_id: (rule.cause, rule.escalate) for rule in self.rules if rule.escalate}

    def findings(
        self, instance: Instance, found: Sequence[Finding], waiting: Collection[int]
    ) -> Iterator[Finding]:
        """Yield what was ``found`` about an instance, what follows, and which marks are to go.

        ``waiting`` are the ids of rules of which it is not known whether they are violated.
        """
        violated = [finding for finding in found if self._leads_to_more(finding)]
        # What rests on a tag that is still to be written is not known before it is.
        unsure = {*waiting, *(f.rule_id for f in violated if f.rests_on)} & self.ladders.keys()
        sure = [finding for finding in violated if not finding.rests_on]
        if not sure and not unsure:
            yield from found
            yield from self.marker.own_marks_to_remove(instance)
            yield from self._left_isolated(instance)
            return
        why_not = self._why_nothing_follows(instance)
        for finding in found:
            if not self._leads_to_more(finding):
                yield finding
                continue
            _, ladder = self.ladders[finding.rule_id]
            follows = why_not or self._why_not(ladder, instance) or self._says(ladder, instance)
            yield replace(finding, reason=f"{finding.reason}; {follows}")
        if why_not:
            yield from self.marker.own_marks_to_remove(instance)
            yield from self._left_to_others(instance, sure)
        else:
            yield from self.marker.former_marks_to_remove(instance)
            yield from self._follows(instance, sure, unsure)

    def _leads_to_more(self, finding: Finding) -> bool:
        """Tell whether a finding is a violation that people have to mend, by a rule with a ladder.

        What the engine mends itself, or was kept from mending, is none.
        """
        is_open = finding.remedy is Remedy.REPORT and finding.violation
        return is_open and finding.rule_id in self.ladders

    def _why_nothing_follows(self, instance: Instance) -> str:
        """Return why nothing follows for an instance, whatever rules say; empty where it does."""
        kept = self._is_kept(instance)
        if kept:
            return kept
        left = self.marker.left_to_others(instance, "")
        if left is not None:
            return f"nothing follows while its tag {left.tag_key} holds what others wrote"
        return ""

    def _is_kept(self, instance: Instance) -> str:
        """Return what keeps an instance, beside what its marker's tags say; empty for nothing."""
        if self.marker.settings.protect_managed and instance.ref.managers:
            # Not what it is part of there: thousands may have the same finding, and are counted.
            return f"nothing follows, because {next(iter(instance.ref.managers))} manages it"
        if self.marker.now - instance.ref.created_at < self.marker.settings.minimum_age:
            return "nothing follows yet: it is younger than the minimum age"
        exempt = as_iam_compares(self.marker.settings.exempt_tag_key)
        for key in instance.tags:
            if as_iam_compares(key) == exempt:
                # It has expired, or is no exemption for its case; IAM keeps it all the same.
                return f"nothing follows: IAM guards it while it has the tag {key}"
        return ""

    def _says(self, ladder: Ladder, instance: Instance) -> str:
        """Return what was done already, and what follows."""
        done = self._done(ladder, instance)
        if done < 0:
            return f"what follows: {said(ladder)}"
        then = gaps(ladder[done:])
        was = f"it is {ENDING_OF_END[ladder[done].end].result}"
        return f"{was}; what follows: {', then '.join(then)}" if then else was

    def _left_isolated(self, instance: Instance) -> Iterator[Finding]:
        """Yield that people may put back what an instance had, which is not wrong any more."""
        if instance.is_isolated(self._isolation_groups):
            reason = (
                "it is still in the isolation security group, but no rule asks for that any more; "
                "restore its former groups"
            )
            code = Code.ISOLATED_ALREADY
            yield Finding(instance.ref, Remedy.REPORT, code, reason, violation=False)

    def _why_not(self, ladder: Ladder, instance: Instance) -> str:
        """Return why a rule only reports: it would isolate, and that cannot be."""
        if all(step.end is not End.ISOLATE for step in ladder):
            return ""
        why_not = instance.cannot_be_isolated(self._isolation_groups)
        return f"nothing follows, because {why_not}" if why_not else ""

    @property
    def _isolation_groups(self) -> Mapping[str, str]:
        return self.marker.settings.isolation_security_groups

    def _follows(
        self, instance: Instance, sure: Sequence[Finding], unsure: Collection[int]
    ) -> Iterator[Finding]:
        """Yield the step that is to be made or announced, or which is waited for."""
        marker, mark = self.marker, self.marker.said(instance)
        causes_unsure = {self.ladders[rule_id][0] for rule_id in unsure}
        if isinstance(mark, Mark) and mark.cause in causes_unsure:
            yield self._waits(instance, mark)
            return
        climbs = list(self._climbs(instance, sure, mark))
        if not climbs:
            # All was done that its rules ask for: what its mark says is history, and stays for
            # people to read, unless it is of another rule, or of one that only reports now.
            ladders = [self.ladders[finding.rule_id] for finding in sure]
            history = {cause for cause, ladder in ladders if not self._why_not(ladder, instance)}
            if not isinstance(mark, Mark) or mark.cause not in history | causes_unsure:
                yield from marker.own_marks_to_remove(instance)
            return
        if isinstance(mark, Mark) and instance.ref.resource_id not in self.anew:
            for climb in climbs:
                if mark.cause == climb.cause and self._holds(mark, climb, instance):
                    yield self._by_its_mark(instance, mark, climb)
                    return
        about = min(climbs, key=lambda climb: (climb.delay, climb.finding.rule_id))
        # What is being announced already has been chosen, and people may have been told of it.
        begun = [one for one in climbs if _is_being_announced(one, mark, self.marker.engine)]
        about = begun[0] if begun else about
        yield self._to_announce(
            about,
            not_understood(None if self._was_made(mark, about) else mark, marker.key),
            instance.tags.get(marker.key),
            marker.told(instance),
        )

    def _left_to_others(self, instance: Instance, sure: Sequence[Finding]) -> Iterator[Finding]:
        """Yield that somebody has to decide, where what others wrote into the marker's tag counts.

        It counts where something would follow else.
        """
        follow = [f for f in sure if not self._why_not(self.ladders[f.rule_id][1], instance)]
        for finding in follow[:1]:
            what = f"{finding.tag_key}: {finding.reason}"
            left = self.marker.left_to_others(instance, what)
            if left is not None and not self._is_kept(instance):
                yield replace(left, violation=False, rule_id=finding.rule_id)

    def _climbs(
        self, instance: Instance, sure: Iterable[Finding], mark: object
    ) -> Iterator[_Climb]:
        """Yield what is still to come, for each violation with a rule of which something is."""
        for finding in sure:
            cause, ladder = self.ladders[finding.rule_id]
            if self._why_not(ladder, instance):
                continue
            done = self._done(ladder, instance)
            steps = ladder[done + 1 :]
            if not steps:
                continue
            delay = steps[0].delay
            made = ladder[done] if done >= 0 else None
            by_mark = (
                made is not None
                and isinstance(mark, Mark)
                and (mark.cause, mark.action) == (cause, made.end)
                and self._counts(mark, ladder, instance)
            )
            if made is not None and by_mark:
                # The rule was announced, and its time runs on.
                delay = max(delay - made.delay, LEAST[steps[0].end])
            yield _Climb(finding, cause, ladder, steps, delay, by_mark)

    def _done(self, ladder: Ladder, instance: Instance) -> int:
        """Return the place of the last step that is done, by whomever; -1 for none."""
        groups = self._isolation_groups
        done = (
            at
            for at, step in enumerate(ladder)
            if ENDING_OF_END[step.end].is_done(instance, groups)
        )
        return max(done, default=-1)

    def _was_made(self, mark: object, climb: _Climb) -> bool:
        """Tell whether what a mark says was the step before the next one."""
        made = {step.end for step in climb.ladder} - {step.end for step in climb.steps}
        return isinstance(mark, Mark) and mark.cause == climb.cause and mark.action in made

    def _holds(self, mark: Mark, climb: _Climb, instance: Instance) -> bool:
        """Tell whether a mark still says what the next step is, and when.

        So does one of a step that somebody else has made before its time, until that has come: what
        is stopped each night is none the later for it.
        """
        if not self._counts(mark, climb.ladder, instance):
            return False
        is_sooner = due_at(mark, LEAST[mark.action]) > self.marker.now
        return mark.action is climb.step.end or (is_sooner and self._was_made(mark, climb))

    def _counts(self, mark: Mark, ladder: Ladder, instance: Instance) -> bool:
        """Tell whether a mark is believed; one of another engine's never comes here."""
        return trusted(
            mark,
            longest=max(step.delay for step in ladder),
            least=LEAST[mark.action],
            schedule=self.marker.settings.schedule,
            created_at=instance.ref.created_at,
            started_at=instance.started_at,
            now=self.marker.now,
        )

    def _by_its_mark(self, instance: Instance, mark: Mark, climb: _Climb) -> Finding:
        if due_at(mark, LEAST[mark.action]) > self.marker.now:
            return self._waits(instance, mark)
        return replace(
            climb.finding,
            remedy=ENDING_OF_END[mark.action].remedy,
            reason=f"{climb.says}{climb.what_comes_then}",
            violation=False,
            tag_key=self.marker.key,
            value=instance.tags[self.marker.key],
            found=security_groups(instance.interfaces) if mark.action is End.ISOLATE else "",
        )

    @staticmethod
    def _waits(instance: Instance, mark: Mark) -> Finding:
        return Finding(instance.ref, Remedy.WAIT, Code.ANNOUNCED, str(mark), violation=False)

    def _to_announce(
        self,
        climb: _Climb,
        why: str,
        value: str | None,
        told: Iterable[datetime] = (),
    ) -> Finding:
        mark = self.marker.to_write(
            climb.step.end, climb.cause, climb.delay, told, lead=climb.delay
        )
        mark = replace(mark, follows=climb.by_mark)
        return replace(
            climb.finding,
            remedy=Remedy.MARK,
            reason=f"{climb.says}{climb.what_comes_then}{why}",
            violation=False,
            tag_key=self.marker.key,
            value=value,
            mark=mark,
        )

    def announced_anew(self, finding: Finding) -> Finding:
        """Return that a step which rests on an instance's mark is announced anew, in all its time.

        That is the step which was to be made by it, or the one that was to come after it.
        """
        cause, ladder = self.ladders[finding.rule_id]
        end = finding.mark.action if finding.mark else ENDING_OF_REMEDY[finding.remedy].action
        (step,) = (step for step in ladder if step.end is end)
        mark = self.marker.to_write(end, cause, step.delay, lead=step.delay)
        why = f"no record that people were told what its tag {finding.tag_key} says"
        return replace(finding, remedy=Remedy.MARK, reason=f"{finding.reason}; {why}", mark=mark)


def _is_being_announced(climb: _Climb, said: object, engine: str) -> bool:
    """Tell whether an instance says that the next step of a rule is being announced."""
    return isinstance(said, Announcing) and (said.engine, said.cause, said.action) == (
        engine,
        climb.cause,
        climb.step.end,
    )
