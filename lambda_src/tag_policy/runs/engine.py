"""The engine of one run: the rules, judging, acting, and the end at which people are told."""

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from tag_policy.aws import threads
from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.pace import PacedCalls
from tag_policy.creators.answers import instances_to_look_up, waits_for_creator, with_creators
from tag_policy.creators.attribution import attribute
from tag_policy.creators.cloudtrail import EventHistory
from tag_policy.creators.decision import NOBODY_WILL_ASK, ON_ITS_WAY
from tag_policy.model.assignment import Mode, Scope, Trigger
from tag_policy.model.finding import Code, Finding, Verdict
from tag_policy.model.instance import Interface
from tag_policy.model.launch import Answer
from tag_policy.model.outcome import PART, Outcome, Result
from tag_policy.model.remedy import End, Remedy
from tag_policy.model.resource import Parent, Resource, ResourceType
from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_text import is_blank
from tag_policy.reporting import publish
from tag_policy.reporting.archive import Archive
from tag_policy.reporting.publish import RunError
from tag_policy.reporting.report import Outcomes, Report, Tally, summary, total
from tag_policy.reporting.sns_message import as_record
from tag_policy.resources.hanging import Hanging
from tag_policy.resources.instance import persistent_spot_requests
from tag_policy.resources.kind import Kind
from tag_policy.resources.kinds import KINDS
from tag_policy.resources.parent_tags import ParentTags, read_ahead
from tag_policy.resources.remediation import SIDE_BY_SIDE, Remediation
from tag_policy.resources.second_look import SecondLook
from tag_policy.resources.vpc import find_vpcs
from tag_policy.rules import table
from tag_policy.rules.evaluation import Evaluator
from tag_policy.rules.limits import is_destructive, within_limits
from tag_policy.rules.sources import Sources
from tag_policy.rules.untagged import protected_by_spot
from tag_policy.runs.announcements import Announcements
from tag_policy.runs.context import RunContext
from tag_policy.runs.holding import Oldest
from tag_policy.runs.memory import MEMORY_ERRORS, Memory
from tag_policy.runs.repeats import Repeats

log = logging.getLogger(__name__)

MOST_HELD = 100_000
"""Instances that wait for their creators, and findings that are announced or limited, that a run
holds at a time: what fits into the 256 MB that the function has by default (docs/scale.md)."""

_MORE_THAN_IT_HOLDS = (
    f"more than {MOST_HELD:,} instances wait for their creators, or are to be announced or ended, "
    "and a run can hold no more; the next run goes on with the rest"
)

TIME_WAS_UP = "the time of this run was up; the next run goes on with what is left"

_A_PART = (
    "this run looked at only a part of the instances, and limits apply to all of them; a run that "
    "looks at all goes on here"
)
_INCOMPLETE = (
    "this run has not seen all instances, and limits apply to all of them; the next run that sees "
    "all goes on here"
)

_UNREADABLE_RULE = (
    "a rule's TagKey cannot be read, so nobody knows which tag it was meant for; fix that rule"
)

_SPOT_NOT_KNOWN = (
    "EC2 does not say whether its Spot request would launch another; the next run looks again"
)

Judged = Callable[[Resource, Verdict], None]
"""Is told of a resource and of its verdict."""


class Engine:
    """One run. ``report`` is what it has to tell so far, ``rules`` are the valid ones.

    ``kinds`` are what rules are about beside instances, and ``instance_ids`` the instances that
    were judged, where there are such rules. ``leaves_too_much`` says that more is handed on from
    them than a run holds.
    ``obstacle`` is why it cannot even begin, or empty: then it tells people, and fails.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.rules: Sequence[Rule] = ()
        self._sources = Sources(())
        self._taken_keys: Collection[str] = ()
        self.tallies = {vpc_id: Tally() for vpc_id in context.assignment.vpc_ids}
        self.by_type: dict[ResourceType, Tally] = {}
        self.kinds: Sequence[Kind] = ()
        self.instance_ids: list[str] = []
        self._left: dict[str, dict[str, str | None]] = {}
        self.leaves_too_much = False
        self.outcomes = Outcomes()
        self.may_not_end = "" if context.assignment.scope is Scope.ALL else _A_PART
        assignment = context.assignment
        self.report = Report(
            mode=assignment.mode,
            trigger=assignment.trigger,
            scope=assignment.scope,
            acts=assignment.acts,
            rehearsal=assignment.rehearsal,
            vpc_ids=assignment.vpc_ids,
            target=context.target,
            time=context.now,
            log_group=context.log_group,
            request_id=context.request_id,
            engine=context.engine,
            schedule=context.settings.schedule,
            time_zone=context.settings.time_zone,
            by_vpc=self.tallies,
            by_type=self.by_type,
            outcomes=self.outcomes,
            audited=[vpc_id for vpc_id in assignment.vpc_ids if self._only_audits(vpc_id)],
        )
        self.obstacle = ""
        self._memory = memory = Memory(context.clients, context.settings.state_table)
        self._new_to_remember: Sequence[str] = ()
        self._announcements = Announcements(context, memory, self.problem)
        self._repeats = Repeats(context, memory, context.settings.report_unchanged)
        self._archive: Archive | None = None
        # What a line of the archive needs, which does not stand in a log.
        self._of_the_run = {
            "time": context.now.isoformat(timespec="seconds"),
            "request_id": context.request_id,
        }

    @cached_property
    def evaluate(self) -> Evaluator:
        """What judges an instance by the rules of the run."""
        context = self.context
        return Evaluator(
            self.rules,
            context.settings,
            context.engine,
            context.now,
            self._announcements.anew,
            context.target,
            self._parent_tags.value,
            self._taken_keys,
        )

    @cached_property
    def _parent_tags(self) -> ParentTags:
        """The tags of what instances are in, as far as they were read."""
        context = self.context
        return ParentTags(
            context.clients.ec2,
            lambda: context.clients.autoscaling,
            self._sources.keys,
            context.ec2_calls(context.until_margin()),
            self._could_not_read,
        )

    def _could_not_read(self, problem: str) -> None:
        """Tell of a source that could not be read: once an hour, and not for each launch."""
        is_for_events = self.report.trigger is Trigger.EVENTS
        if is_for_events and self.context.settings.looks_again:
            log.warning("left to the sweep: %s", problem)
        else:
            self.problem(problem)

    def problem(self, problem: str, *, failed: bool = False) -> None:
        """Remember why the run is incomplete; ``failed`` is for the alarm, too."""
        self.report = self.report.with_problem(problem, failed=failed)

    def note(self, note: str) -> None:
        """Remember what readers of the report should know; the run is complete all the same."""
        self.report = replace(self.report, notes=[*self.report.notes, note])

    def end_nothing(self, why: str) -> None:
        """Remember why this run may end nothing."""
        self.may_not_end = self.may_not_end or why

    def has_seen_a_part(self) -> None:
        """Remember that the run has not seen all that it was to see: it may end nothing."""
        self.end_nothing(_INCOMPLETE)

    def carry_out(self, work: Callable[["Engine"], None]) -> dict[str, Any]:
        """Read the rules, do the work, tell people of it, and return the summary.

        Raises RunError when the run failed.
        """
        context = self.context
        out_of_time = context.until_the_end()
        opened = publish.opened_archive(context.settings, context.clients, out_of_time)
        with opened as self._archive:
            try:
                if self.obstacle:
                    self.problem(self.obstacle, failed=True)
                elif self._read_rules():
                    self._repeats.load()
                    work(self)
            except Exception as error:
                # Whatever it is, people are told what had been done by then.
                log.exception("the run broke off")
                self.problem(f"the run broke off: {type(error).__name__}: {error}", failed=True)
            seconds = round((context.clock.now() - context.now).total_seconds(), 1)
            counted = asdict(total(self.tallies.values()))
            self.report = replace(
                self.report, seconds=seconds, told_at=self._repeats.told_at, **counted
            )
            self._tell()
            if self._archive is not None:
                self.report = publish.kept(self.report, self._archive)
        publish.log_the_end(self.report)
        if self.report.failed:
            raise RunError("; ".join(self.report.problems))
        return summary(self.report)

    def _tell(self) -> None:
        """Tell people; then give what they were told of the mark that counts, and no other."""
        if self._archive is not None and publish.is_kept(self.report):
            self.report = replace(self.report, page=self._archive.url(self.report))
        became: list[tuple[Outcome, Outcome]] = []
        context = self.context
        paced = context.paced(context.until_last_try())
        try:
            for told in publish.publish(self.report, context.settings, context.clients, paced):
                self._repeats.told(told.shown, self.outcomes.alike)
                became += self._announcements.complete(told.announced)
        except publish.PublishError as error:
            self.problem(str(error), failed=True)
        else:
            self._repeats.remember()
            self._remember_vpcs()
        for before, after in (*became, *self._announcements.untold()):
            self.outcomes.replace(before, after)
            self._record(after)

    def find_new_vpcs(self) -> None:
        """Have people told of the VPCs that this run has found, and the last one had not.

        They are remembered once people were told, so that a report that is lost is made again.
        """
        if self.report.scope is not Scope.ALL:
            return
        found = self.context.assignment.vpc_ids
        try:
            known = self._memory.vpcs()
        except MEMORY_ERRORS as error:
            self.problem(f"which VPCs were there before could not be read: {error}")
            return
        if known != frozenset(found):
            self._new_to_remember = found
        new = [vpc_id for vpc_id in found if known and vpc_id not in known]
        if new:
            self.note(f"new, and looked after from now on: {', '.join(new)}")
            self.report = replace(self.report, has_news=True)

    def _remember_vpcs(self) -> None:
        if not self._new_to_remember:
            return
        try:
            self._memory.remember_vpcs(self._new_to_remember)
        except MEMORY_ERRORS as error:
            log.warning("which VPCs there are could not be recorded: %s", error)

    def _read_rules(self) -> bool:
        """Read the rules, and tell whether there are any to judge by."""
        settings = self.context.settings
        name = settings.rules_table
        try:
            paced = self.context.paced(self.context.until_margin())
            items = table.scan(self.context.clients.dynamodb, name, paced)
        except AWS_ERRORS as error:
            self.problem(f"the rules table {name} cannot be read: {error}", failed=True)
            return False
        own_keys = (
            settings.marker_tag_key,
            settings.exempt_tag_key,
            *settings.former_marker_tag_keys,
        )
        parsed = table.parse(
            items,
            own_keys,
            settings.seeded_rules,
            settings.facts,
            settings.max_escalation,
            settings.resource_types,
        )
        self.rules = parsed.rules
        self._taken_keys = parsed.other_keys
        if not parsed.may_end:
            self.end_nothing(_UNREADABLE_RULE)
        self._mind_the_lock()
        self._sources = Sources(self.rules)
        types = {of_type for rule in self.rules for of_type in rule.resource_types}
        self.kinds = [kind for of_type, kind in KINDS.items() if of_type in types]
        if self._sources.ask_for_more or settings.isolates_untagged or self._rules_isolate():
            self.context.clients.tell_more()
        self.report = replace(self.report, rules=len(self.rules), rule_errors=parsed.errors)
        if not self.rules:
            problem = f"the rules table {name} has no valid rule; nothing was checked"
            self.problem(problem, failed=True)
        return bool(self.rules)

    def _rules_isolate(self) -> bool:
        return any(step.end is End.ISOLATE for rule in self.rules for step in rule.escalate)

    def _mind_the_lock(self) -> None:
        """End nothing where the role does not know the keys of all rules.

        What has the tag of a rule is not untagged; the second lock, in IAM, goes by the keys that
        Terraform knows.
        """
        named = self.context.settings.named_tag_keys
        if named is None:
            return
        known = set(map(as_iam_compares, named))
        unknown = [rule for rule in self.rules if as_iam_compares(rule.tag_key) not in known]
        if unknown:
            which = ", ".join(f"{rule.tag_key} (rule {rule.rule_id})" for rule in unknown[:5])
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            problem = (
                f"nothing is ended, because the role does not know {which}{more}, so IAM would "
                "not protect instances that have such a tag; put the tag keys into "
                "rules_table.writable_tag_keys, or into its removable_tag_keys if the rule "
                "deletes the tag"
            )
            self.end_nothing(problem)
            if self.report.is_sweep or self.report.trigger is Trigger.MANUAL:
                self.problem(problem)  # a run for events ends nothing, and comes many times an hour

    def hanging(self, out_of_time: Callable[[], bool]) -> Hanging:
        """Return what tells of what hangs off instances, for as long as there is time."""
        context = self.context
        paced = context.ec2_calls(out_of_time)
        return Hanging(context.clients.ec2, context.target.account_id, paced)

    def judge(
        self,
        resources: Iterable[Resource],
        out_of_time: Callable[[], bool],
        judged: Judged | None = None,
        remedies: Collection[Remedy] = frozenset(Remedy),
        what: str = "instances",
    ) -> Iterator[list[Finding]]:
        """Judge resources as they are listed; yield what was found, a resource at a time.

        ``judged`` is told of each. What asks for none of the ``remedies`` is no affair of the run:
        it is logged, and neither counted nor yielded. A listing that breaks off fails the run, but
        what was found by then is yielded; ``what`` is listed, for people.
        """
        try:
            for resource in self._with_parents(resources):
                tally = self._tally_of(resource)
                tally.instances += 1
                verdict = self.evaluate(resource)
                if verdict.findings and self._sources.handed_on:
                    self._will_leave(resource, verdict.findings)
                tally.exempt += verdict.exempt
                tally.compliant += verdict.compliant
                if judged is not None:
                    judged(resource, verdict)
                if verdict.findings:
                    found = [f for f in verdict.findings if f.remedy in remedies]
                    tally.violations += sum(finding.violation for finding in found)
                    for finding in verdict.findings:
                        if finding.remedy not in remedies:
                            resource_id = resource.ref.resource_id
                            log.info("left to the sweep %s: %s", resource_id, finding.reason)
                    yield found
                if out_of_time():
                    self.has_seen_a_part()
                    break
        except AWS_ERRORS as error:
            self.has_seen_a_part()
            self.problem(f"the {what} could not all be listed: {error}", failed=True)

    def _tally_of(self, resource: Resource) -> Tally:
        """Return where a resource is counted: instances by their VPC, all else by its type."""
        if resource.type is not ResourceType.INSTANCE:
            return self.by_type.setdefault(resource.type, Tally())
        if self.kinds:
            self.instance_ids.append(resource.ref.resource_id)
        return self.tallies[resource.ref.vpc_id]

    def _with_parents(self, resources: Iterable[Resource]) -> Iterable[Resource]:
        """Return the resources, of each of which the parents are read before it is judged."""
        as_left = map(self._as_left, resources) if self._left else resources
        if not self._sources.keys:
            return as_left
        return read_ahead(as_left, lambda some: self._parent_tags.read(self._sources.of(some)))

    def _as_left(self, resource: Resource) -> Resource:
        """Return a resource with the tags of what it hangs off as this run leaves them.

        In audit mode, where they are not written, too; and EC2 may show for some seconds what was
        there before.
        """
        if all(parent.resource_id not in self._left for parent in resource.parents):
            return resource
        return replace(resource, parents=tuple(map(self._parent_as_left, resource.parents)))

    def _parent_as_left(self, parent: Parent) -> Parent:
        left = self._left.get(parent.resource_id, {})
        written = {key: value for key, value in left.items() if value is not None}
        not_known = frozenset(left.keys() - written.keys())
        return replace(parent, tags={**parent.tags, **written}, not_known=not_known)

    def _will_leave(self, resource: Resource, findings: Iterable[Finding]) -> None:
        """Remember which tags that are handed on to others are still to be written.

        Until they are, it is not known what they will hold: a creator may be looked up by the next
        run only, and a rule may wait.
        """
        handed_on = self._sources.handed_on.get(resource.type, set())
        keys: set[str] = set()
        for finding in findings:
            if finding.remedy is Remedy.TAG and finding.tag_key in handed_on:
                keys.add(finding.tag_key)
            elif finding.code is Code.NOT_KNOWN_YET:
                keys |= {key for key in handed_on if is_blank(resource.tags.get(key, ""))}
        if keys and len(self._left) >= MOST_HELD:
            self.leaves_too_much = True
        elif keys:
            self._left.setdefault(resource.ref.resource_id, {}).update(dict.fromkeys(keys))

    def _leave(self, outcome: Outcome) -> None:
        """Remember what a run has written, or would write, that is handed on to others."""
        finding = outcome.finding
        left = self._left.get(finding.resource.resource_id, {})
        if (
            finding.tag_key in left
            and finding.remedy is Remedy.TAG
            and outcome.result in (Result.TAGGED, Result.AUDITED)
        ):
            left[finding.tag_key] = finding.value

    def remedy(
        self,
        found: Iterable[Sequence[Finding]],
        known: Mapping[str, Answer] = MappingProxyType({}),
        noted: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Act on what is found, an instance at a time, and note what comes of each finding.

        Tags whose values are known are written while the rest is still being found. What waits for
        a creator, is to be announced, or is limited, is kept until everything is known, up to
        ``MOST_HELD`` instances of each kind: of those that wait, the oldest, which leave CloudTrail
        first. The rest is left for the next run. ``known``
        are the answers that are there already, by the id of the instance; ``noted`` is told of each
        outcome.
        """
        out_of_time = self.context.until_margin()
        taken_back: dict[str, str] = {}

        def note(outcomes: Iterable[Outcome]) -> None:
            for outcome in outcomes:
                self._note(outcome)
                if outcome.result is Result.UNMARKED and self.report.mode is not Mode.AUDIT:
                    finding = outcome.finding
                    taken_back[finding.resource.resource_id] = finding.value or ""
                if noted is not None:
                    noted(outcome)

        with threads.Workers(SIDE_BY_SIDE) as workers:
            remediation = self._remediation(workers, out_of_time)
            try:
                self._act(found, known, remediation, note)
            finally:
                # Also where the run breaks off: people are told of what was under way.
                note(remediation.settled())
        self._announcements.taken_back(taken_back)
        if out_of_time.passed:
            self.problem(TIME_WAS_UP)

    def _act(
        self,
        found: Iterable[Sequence[Finding]],
        known: Mapping[str, Answer],
        remediation: Remediation,
        note: Callable[[Iterable[Outcome]], None],
    ) -> None:
        """Take what is found, as ``remedy`` says, until nothing is left to do about it."""
        waiting = Oldest(MOST_HELD)
        held: list[Finding] = []
        too_many = False

        def take(findings: Iterable[Finding]) -> None:
            to_do, audited = self._without_what_is_audited(findings)
            note(audited)
            note(remediation.take(to_do))

        for some in found:
            findings: list[Finding] = []
            ends: list[Finding] = []
            for finding in self._without_those_that_wait(some):
                (ends if _has_to_be_held(finding) else findings).append(finding)
            if ends and len(held) < MOST_HELD:
                held += ends
            elif ends:
                too_many = True
                self.end_nothing(_MORE_THAN_IT_HOLDS)
                note(_not_held(ends))
            if any(map(waits_for_creator, findings)):
                if waiting.is_crowded:  # told without the creator, rather than held
                    take(f for f in findings if f.remedy is Remedy.REPORT)
                    findings = [f for f in findings if f.remedy is not Remedy.REPORT]
                newest = waiting.push(findings)
                if newest is not None:
                    too_many = True
                    take(f for f in newest if not waits_for_creator(f))
                    note(_not_asked(newest))
            else:
                take(findings)
        answers = {**known, **self._look_up_creators(waiting, known)}
        for of_one in waiting.emptied():
            instance_id = of_one[0].resource.resource_id
            answer = {instance_id: answers[instance_id]}
            with_values, deferred = with_creators(of_one, answer, self.context.settings)
            note(deferred)
            take(map(self.evaluate.allowed, with_values))
        if too_many:
            self.problem(_MORE_THAN_IT_HOLDS)
        ready, audited = self._without_what_is_audited(held)
        note(audited)
        held.clear()
        ready, not_known = self._with_those_that_are_replaced(ready)
        ready, not_announced = self._announcements.to_announce(ready, self.evaluate.announced_anew)
        looked_at = total(self.tallies.values()).instances
        left = (*not_known, *not_announced)
        ready, over_limit = within_limits(
            ready, looked_at, self.context.settings, self.may_not_end, left
        )
        note((*left, *over_limit))
        for _, theirs in itertools.groupby(ready, key=lambda f: f.resource.resource_id):
            note(remediation.take(theirs))
        note(remediation.finish())

    def _only_audits(self, vpc_id: str) -> bool:
        """Tell whether a run that enforces only says of a VPC what it would do."""
        context = self.context
        enforces = context.assignment.mode is Mode.ENFORCE
        return enforces and context.settings.mode_in(vpc_id) is Mode.AUDIT

    def _without_what_is_audited(
        self, findings: Iterable[Finding]
    ) -> tuple[list[Finding], list[Outcome]]:
        """Return what may be acted on, and what becomes of the rest: nothing is done about it.

        What would not be touched in any mode is told as such.
        """
        to_do: list[Finding] = []
        audited: list[Outcome] = []
        for finding in findings:
            changes = finding.remedy not in (Remedy.NOTIFY, Remedy.LEAVE, Remedy.REPORT)
            if changes and self._only_audits(finding.resource.vpc_id):
                audited.append(Outcome(finding, Result.AUDITED))
            else:
                to_do.append(finding)
        return to_do, audited

    def _with_those_that_are_replaced(
        self, findings: Sequence[Finding]
    ) -> tuple[list[Finding], list[Outcome]]:
        """Protect what a persistent Spot request would launch anew, in every run, for ever.

        The type of a request is asked for here, because it takes a call, and matters for next to
        no instance. Where it cannot be asked for, the instance is left for the next run.
        """
        concerned = {
            finding.resource.spot_request_id
            for finding in findings
            if is_destructive(finding) or finding.remedy is Remedy.MARK
        } - {""}
        if not concerned or not self.context.settings.protect_managed:
            return list(findings), []
        persistent: set[str] | None = None
        try:
            paced = self.context.ec2_calls(self.context.until_margin())
            persistent = persistent_spot_requests(self.context.clients.ec2, concerned, paced)
        except AWS_ERRORS as error:
            self.problem(f"Spot requests could not be read: {error}")
        ready: list[Finding] = []
        not_known: list[Outcome] = []
        for finding in findings:
            request = finding.resource.spot_request_id
            if request not in concerned or not (
                is_destructive(finding) or finding.remedy is Remedy.MARK
            ):
                ready.append(finding)
            elif persistent is None:
                not_known.append(Outcome(finding, Result.DEFERRED, _SPOT_NOT_KNOWN))
            else:
                ready.append(protected_by_spot(finding) if request in persistent else finding)
        return ready, not_known

    def _remediation(
        self, workers: threads.Workers, out_of_time: Callable[[], bool]
    ) -> Remediation:
        context = self.context
        paced = context.ec2_calls(out_of_time)
        second_look = SecondLook(
            context.clients.ec2,
            lambda: self._vpcs_by_now(paced),
            self.evaluate,
            context.settings.exempt_tag_key,
            paced,
            self.hanging(out_of_time),
        )
        remediation = Remediation(
            workers,
            context.assignment.mode,
            lambda: context.clients.ec2_once,
            second_look,
            paced,
            out_of_time,
            context.clock,
            context.settings.isolation_security_groups,
            self._keep_groups,
        )
        self._announcements.marks = remediation.marks
        return remediation

    def _keep_groups(
        self, instance_id: str, interfaces: Sequence[Interface]
    ) -> Sequence[Interface] | None:
        """Remember which security groups an instance has, before it is isolated by its mark."""
        groups = self.context.settings.isolation_security_groups
        try:
            kept = self._memory.remember_groups(
                instance_id, interfaces, groups, self.context.clock.now()
            )
            self._announcements.used([instance_id])
        except MEMORY_ERRORS as error:
            self.problem(f"the security groups of {instance_id} could not be recorded: {error}")
            return None
        return kept

    def _vpcs_by_now(self, paced: PacedCalls) -> Collection[str]:
        """Return the VPCs of this run that are still to be looked after.

        One that has lost the tags by which it was found is not: somebody has said stop.
        """
        context = self.context
        vpc_ids, tags = context.assignment.vpc_ids, context.settings.vpc_tags
        if not tags:
            return vpc_ids
        return paced(lambda: find_vpcs(context.clients.ec2, tags))

    def _without_those_that_wait(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            if finding.remedy is Remedy.WAIT:
                log.info("waiting %s: %s", finding.resource.resource_id, finding.reason)
            else:
                yield finding

    def _look_up_creators(
        self, waiting: Iterable[Sequence[Finding]], known: Mapping[str, Answer]
    ) -> Mapping[str, Answer]:
        """Ask CloudTrail who launched the instances whose findings wait for it."""
        findings = itertools.chain.from_iterable(waiting)
        instances = [i for i in instances_to_look_up(findings) if i.resource_id not in known]
        if not instances:
            return {}
        context, settings = self.context, self.context.settings
        until = context.clock.now() + settings.attribution_budget
        half = context.part_of_the_time(1 / 2)
        history = EventHistory(
            context.clients.cloudtrail,
            context.clock,
            lookups_per_second=settings.lookups_per_second,
            out_of_time=lambda: half() or context.clock.now() >= until,
        )
        found = attribute(instances, history, context.now, settings.attribution_delay)
        if found.problem:
            self.problem(found.problem)
        if settings.looks_again:
            return found.answers
        return {
            instance_id: NOBODY_WILL_ASK if answer is ON_ITS_WAY else answer
            for instance_id, answer in found.answers.items()
        }

    def _note(self, outcome: Outcome) -> None:
        """Take in an outcome; what was announced is recorded when people have been told of it."""
        self.outcomes.add(outcome, is_known=self._repeats.is_known(outcome))
        if self._sources.handed_on:
            self._leave(outcome)
        if not self._announcements.is_pending(outcome):
            self._record(outcome)

    def _record(self, outcome: Outcome) -> None:
        """Write an outcome into the log and the archive."""
        mode = self.report.mode
        record = as_record(outcome) | {"mode": str(mode)}
        would_be = "would be " if mode is Mode.AUDIT else ""
        line = f"{would_be}{outcome.result} {outcome.finding.resource.resource_id}"
        # Not log.info, which finds out where it is called: a tenth of what a line takes.
        log.handle(
            log.makeRecord(log.name, logging.INFO, __file__, 0, line, (), None, None, record)
        )
        if self._archive is not None:
            self._archive.add(record | self._of_the_run)


def _has_to_be_held(finding: Finding) -> bool:
    return is_destructive(finding) or finding.remedy is Remedy.MARK


def _not_asked(findings: Iterable[Finding]) -> Iterator[Outcome]:
    for finding in findings:
        if waits_for_creator(finding):
            yield Outcome(finding, Result.DEFERRED, _MORE_THAN_IT_HOLDS)


def _not_held(findings: Iterable[Finding]) -> Iterator[Outcome]:
    for finding in findings:
        code = PART if is_destructive(finding) else ""
        yield Outcome(finding, Result.DEFERRED, _MORE_THAN_IT_HOLDS, code)
