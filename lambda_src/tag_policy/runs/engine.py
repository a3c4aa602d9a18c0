"""One run: what it works with, what it has to tell, and what every run does alike."""

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

from tag_policy.aws.clients import AWS_ERRORS, Clients
from tag_policy.aws.clock import Clock
from tag_policy.aws.deadline import Context, Deadline, seconds_left
from tag_policy.aws.function_arn import FunctionArn
from tag_policy.aws.pace import PacedCalls
from tag_policy.creators.answers import instances_to_look_up, waits_for_creator, with_creators
from tag_policy.creators.attribution import attribute
from tag_policy.creators.cloudtrail import EventHistory
from tag_policy.model import (
    Answer,
    Finding,
    Instance,
    InstanceRef,
    Mode,
    Outcome,
    Remedy,
    Rule,
)
from tag_policy.reporting import publish as telling
from tag_policy.reporting.archive import Archive
from tag_policy.reporting.message import as_record
from tag_policy.reporting.publish import RunError
from tag_policy.reporting.report import Outcomes, Report, Tally, summary, total
from tag_policy.resources import instance as inventory
from tag_policy.resources.remediation import Enforcement
from tag_policy.rules import evaluation as policy
from tag_policy.rules import table as rules
from tag_policy.rules.limits import is_destructive, within_limits
from tag_policy.settings import Settings
from tag_policy.triggers.event import Scope

log = logging.getLogger(__name__)

_MARGIN_SECONDS = 120.0
_ARCHIVE_SECONDS = 40.0
_TELLING_SECONDS = 80.0
"""Kept for the last call and for publishing the report, each with its retries (see aws.py); where
reports are kept in a bucket, for that, too. With ``_TELLING_SECONDS`` left, no further call is made
to the bucket: it may take 30, and publishing 50."""

_LAST_TRY_SECONDS = 60.0
"""With so much left, or with half of what there was, publishing that is throttled is given up: a
try may take 50, and the report has to be logged, then."""

Judged = Callable[[Instance, list[Finding] | None], None]
"""Is told of an instance and of what was found about it: None where it is exempt."""


TIME_WAS_UP = "the time of this run was up; the next run goes on with what is left"


class Run:
    """One run. ``report`` is what it has to tell so far, ``rules`` are the valid ones."""

    def __init__(
        self, scope: Scope, context: Context, settings: Settings, clients: Clients, clock: Clock
    ) -> None:
        self.settings = settings
        self.clients = clients
        self.now = clock.now()
        self.rules: Sequence[Rule] = ()
        self.tallies = {vpc_id: Tally() for vpc_id in scope.vpc_ids}
        self.outcomes = Outcomes()
        function = FunctionArn.parse(context.invoked_function_arn)
        self.report = Report(
            mode=scope.mode,
            trigger=scope.trigger,
            vpc_ids=scope.vpc_ids,
            partition=function.partition,
            region=function.region,
            account_id=function.account_id,
            time=self.now,
            log_group=context.log_group_name,
            request_id=context.aws_request_id,
            engine=function.name,
            schedule=settings.schedule,
            by_vpc=self.tallies,
            outcomes=self.outcomes,
        )
        self._archive: Archive | None = None
        # What a line of the archive needs, which does not stand in a log.
        self._of_the_run = {
            "time": self.now.isoformat(timespec="seconds"),
            "request_id": context.aws_request_id,
        }
        self._clock = clock
        self._context = context
        margin = _MARGIN_SECONDS + (_ARCHIVE_SECONDS if settings.report_bucket else 0)
        self._margin = min(margin, seconds_left(context) / 3)

    def part_of_the_time(self, share: float) -> Deadline:
        """Return a deadline after a share, from 0 to 1, of the time that is left to act in."""
        left = seconds_left(self._context) - self._margin
        return Deadline(self._context, self._margin + left * (1 - share))

    def paced(self, out_of_time: Callable[[], bool]) -> PacedCalls:
        """Return what makes calls at the pace that AWS bears, for as long as there is time."""
        return PacedCalls(self._clock, out_of_time)

    def problem(self, problem: str, *, failed: bool = False) -> None:
        """Remember why the run is incomplete; ``failed`` is for the alarm, too."""
        self.report = self.report.with_problem(problem, failed=failed)

    def carry_out(self, work: Callable[["Run"], None]) -> dict[str, Any]:
        """Read the rules, do the work, tell people of it, and return the summary.

        Raises RunError when the run failed.
        """
        too_late = Deadline(self._context, min(_TELLING_SECONDS, seconds_left(self._context) / 4))
        with telling.opened_archive(self.settings, self.clients, too_late) as self._archive:
            try:
                if self._read_rules():
                    work(self)
            except Exception as error:
                # Whatever it is, people are told what had been done by then.
                log.exception("the run broke off")
                self.problem(f"the run broke off: {type(error).__name__}: {error}", failed=True)
            seconds = round((self._clock.now() - self.now).total_seconds(), 1)
            counted = asdict(total(self.tallies.values()))
            self.report = replace(self.report, seconds=seconds, **counted)
            if self._archive is not None:
                self.report = telling.kept(self.report, self._archive)
        telling.log_the_end(self.report)
        last_try = Deadline(self._context, min(_LAST_TRY_SECONDS, seconds_left(self._context) / 2))
        telling.tell(self.report, self.settings, self.clients, self.paced(last_try))
        if self.report.failed:
            raise RunError("; ".join(self.report.problems))
        return summary(self.report)

    def _read_rules(self) -> bool:
        """Read the rules, and tell whether there are any to judge by."""
        table = self.settings.rules_table
        try:
            items = rules.scan(self.clients.dynamodb, table, self.paced(self.part_of_the_time(1)))
        except AWS_ERRORS as error:
            self.problem(f"the rules table {table} cannot be read: {error}", failed=True)
            return False
        own_keys = (self.settings.marker_tag_key, self.settings.exempt_tag_key)
        self.rules, errors = rules.parse(items, own_keys)
        self.report = replace(self.report, rules=len(self.rules), rule_errors=errors)
        if not self.rules:
            problem = f"the rules table {table} has no valid rule; nothing was checked"
            self.problem(problem, failed=True)
        return bool(self.rules)

    def evaluate(self, instance: Instance) -> list[Finding]:
        """Return what is to be done about an instance, by the rules of the run."""
        return policy.evaluate(instance, self.rules, self.settings, self.now)

    def judge(
        self,
        instances: Iterable[Instance],
        out_of_time: Callable[[], bool],
        judged: Judged | None = None,
        remedies: Collection[Remedy] = frozenset(Remedy),
    ) -> Iterator[list[Finding]]:
        """Judge instances as they are listed; yield what was found, an instance at a time.

        ``judged`` is told of each instance, with None for an exempt one. What asks for none of the
        ``remedies`` is no affair of the run: it is logged, and neither counted nor yielded. A
        listing that breaks off fails the run, but what was found by then is yielded.
        """
        try:
            for instance in instances:
                tally = self.tallies[instance.ref.vpc_id]
                tally.instances += 1
                findings = None
                if policy.is_exempt(instance, self.settings, self.now):
                    tally.exempt += 1
                else:
                    findings = self.evaluate(instance)
                    tally.compliant += not findings
                if judged is not None:
                    judged(instance, findings)
                if findings:
                    found = [finding for finding in findings if finding.remedy in remedies]
                    tally.violations += sum(finding.violation for finding in found)
                    for finding in findings:
                        if finding.remedy not in remedies:
                            instance_id = instance.ref.instance_id
                            log.info("left to the sweep %s: %s", instance_id, finding.reason)
                    yield found
                if out_of_time():
                    break
        except AWS_ERRORS as error:
            self.problem(f"the instances could not all be listed: {error}", failed=True)

    def remedy(
        self,
        found: Iterable[Sequence[Finding]],
        known: Mapping[str, Answer] = MappingProxyType({}),
        noted: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Act on what is found, an instance at a time, and note what comes of each finding.

        Tags whose values are known are written while the rest is still being found. What waits for
        a creator, or is limited, is kept until everything is known. ``known`` are the answers that
        are there already, by the id of the instance; ``noted`` is told of each outcome.
        """
        out_of_time = Deadline(self._context, self._margin)
        enforcement = self._enforcement(out_of_time)
        held: list[Finding] = []

        def note(outcomes: Iterable[Outcome]) -> None:
            for outcome in outcomes:
                self._note(outcome)
                if noted is not None:
                    noted(outcome)

        for some in found:
            findings = list(self._without_those_that_wait(some))
            if any(waits_for_creator(f) or is_destructive(f) for f in findings):
                held += findings
            else:
                note(enforcement.take(findings))
        answers = {**known, **self._look_up_creators(held, known)}
        ready, deferred = with_creators(held, answers, self.settings)
        looked_at = total(self.tallies.values()).instances
        ready, over_limit = within_limits(ready, looked_at, self.settings)
        note((*deferred, *over_limit))
        for _, of_one in itertools.groupby(ready, key=lambda f: f.instance.instance_id):
            note(enforcement.take(of_one))
        note(enforcement.finish())
        if out_of_time.passed:
            self.problem(TIME_WAS_UP)

    def _enforcement(self, out_of_time: Callable[[], bool]) -> Enforcement:
        ec2, vpc_ids, paced = self.clients.ec2, self.report.vpc_ids, self.paced(out_of_time)

        def look_again(instances: Sequence[InstanceRef]) -> Iterable[Finding]:
            ids = [instance.instance_id for instance in instances]
            for instance in inventory.instances_by_id(ec2, ids, vpc_ids, paced):
                yield from self.evaluate(instance)

        def touched(instance_ids: Collection[str], tag_keys: Collection[str]) -> Collection[str]:
            keys = {*tag_keys, self.settings.exempt_tag_key}
            return inventory.touched(ec2, instance_ids, keys, paced)

        return Enforcement(
            self.report.mode,
            ec2,
            paced,
            look_again,
            touched,
            lambda: inventory.ended(ec2, paced),
            out_of_time,
            self._clock,
        )

    def _without_those_that_wait(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            if finding.remedy is Remedy.WAIT:
                log.info("waiting %s: %s", finding.instance.instance_id, finding.reason)
            else:
                yield finding

    def _look_up_creators(
        self, findings: Iterable[Finding], known: Mapping[str, Answer]
    ) -> Mapping[str, Answer]:
        """Ask CloudTrail who launched the instances whose findings wait for it."""
        instances = [i for i in instances_to_look_up(findings) if i.instance_id not in known]
        if not instances:
            return {}
        until = self._clock.now() + self.settings.attribution_budget
        half = self.part_of_the_time(1 / 2)
        history = EventHistory(
            self.clients.cloudtrail,
            self._clock,
            lookups_per_second=self.settings.lookups_per_second,
            out_of_time=lambda: half() or self._clock.now() >= until,
        )
        found = attribute(instances, history, self.now, self.settings.attribution_delay)
        if found.problem:
            self.problem(found.problem)
        return found.answers

    def _note(self, outcome: Outcome) -> None:
        mode = self.report.mode
        record = as_record(outcome) | {"mode": str(mode)}
        would_be = "would be " if mode is Mode.AUDIT else ""
        line = f"{would_be}{outcome.result} {outcome.finding.instance.instance_id}"
        # Not log.info, which finds out where it is called: a tenth of what a line takes.
        log.handle(
            log.makeRecord(log.name, logging.INFO, __file__, 0, line, (), None, None, record)
        )
        self.outcomes.add(outcome)
        if self._archive is not None:
            self._archive.add(record | self._of_the_run)
