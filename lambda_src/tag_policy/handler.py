"""The entry point: which trigger, which scope; wires the rest and returns the summary."""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from tag_policy import inventory, notify, policy, rules
from tag_policy.attribution import Attribution, attribute
from tag_policy.aws import AWS_ERRORS, Clients
from tag_policy.clock import Clock, SystemClock
from tag_policy.creators import instances_to_look_up, with_creators
from tag_policy.enforcement import enforce
from tag_policy.event_history import EventHistory
from tag_policy.events import Scope, read_event
from tag_policy.limits import within_limits
from tag_policy.model import Finding, InstanceRef, Outcome, Remedy, Rule, TagPolicyError
from tag_policy.report import as_record, whole_text
from tag_policy.settings import Settings
from tag_policy.summary import Report, summary

log = logging.getLogger(__name__)
# The log is where every finding is to be found, so INFO is the least that is logged.
logging.getLogger("tag_policy").setLevel(logging.INFO)

_MARGIN_SECONDS = 120.0
"""Kept for the last call and for publishing the report, each with its retries (see aws.py)."""


class RunError(TagPolicyError):
    """The run could not do what it was to do. What it did do is in the report and in the log."""


class Context(Protocol):
    """What the function uses of Lambda's context object.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str
    invoked_function_arn: str
    log_group_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""


def lambda_handler(event: object, context: Context) -> dict[str, Any]:
    """Sweep the configured VPCs once and return the summary of what was done.

    ``event`` is a scheduled event of EventBridge, ``{}``, or an object that narrows the sweep:
    ``{"vpc_ids": ["vpc-0a1b2c3d"], "mode": "audit"}``.

    Raises SettingsError for a bad environment, EventError for a bad event, and RunError when the
    rules or the instances cannot be read, or the report cannot be published.
    """
    settings = Settings.from_env(os.environ)
    return run(event, context, settings, Clients(), SystemClock())


def run(
    event: object, context: Context, settings: Settings, clients: Clients, clock: Clock
) -> dict[str, Any]:
    """Do what ``lambda_handler`` does, with the environment, the clients and the clock given."""
    scope = read_event(event, settings)
    report = _empty_report(scope, context, clock.now())
    done: list[Outcome] = []
    try:
        report = _sweep(report, context, settings, clients, clock, done)
    except Exception as error:
        # Whatever it is, people are told what had been done by then.
        log.exception("the run broke off")
        problem = f"the run broke off: {type(error).__name__}: {error}"
        report = replace(report, outcomes=done, problems=[problem], failed=True)
    for rule_error in report.rule_errors:
        log.error("%s", rule_error)
    for problem in report.problems:
        log.error("%s", problem)
    log.info("summary", extra={"summary": summary(report)})
    _tell(report, settings.topic_arn, clients)
    if report.failed:
        raise RunError("; ".join(report.problems))
    return summary(report)


def _empty_report(scope: Scope, context: Context, now: datetime) -> Report:
    _, _, _, region, account_id, *_ = context.invoked_function_arn.split(":")
    return Report(
        mode=scope.mode,
        trigger=scope.trigger,
        vpc_ids=scope.vpc_ids,
        region=region,
        account_id=account_id,
        time=now,
        log_group=context.log_group_name,
        request_id=context.aws_request_id,
    )


class _Deadline:
    """Tells when too little time is left to start another call, and remembers having said so."""

    def __init__(self, context: Context, reserved_seconds: float) -> None:
        self._context = context
        self._reserved_seconds = reserved_seconds
        self.passed = False

    def __call__(self) -> bool:
        if _seconds_left(self._context) < self._reserved_seconds:
            self.passed = True
        return self.passed


def _seconds_left(context: Context) -> float:
    return context.get_remaining_time_in_millis() / 1000


def _sweep(
    report: Report,
    context: Context,
    settings: Settings,
    clients: Clients,
    clock: Clock,
    done: list[Outcome],
) -> Report:
    """Read the rules, judge every instance, act, and return the report of it all.

    Every outcome is logged and added to ``done`` as it comes about, so that it is not lost when
    something breaks later.
    """
    now = report.time
    try:
        items = rules.scan(clients.dynamodb, settings.rules_table)
    except AWS_ERRORS as error:
        problem = f"the rules table {settings.rules_table} cannot be read: {error}"
        return replace(report, problems=[problem], failed=True)
    own_keys = (settings.marker_tag_key, settings.exempt_tag_key)
    valid, errors = rules.parse(items, own_keys)
    report = replace(report, rules=len(valid), rule_errors=errors)
    if not valid:
        problem = f"the rules table {settings.rules_table} has no valid rule; nothing was checked"
        return replace(report, problems=[problem], failed=True)

    # Listing may take half of the time, and looking up creators half of the rest, so that some is
    # left to act on what is known by then.
    margin = min(_MARGIN_SECONDS, _seconds_left(context) / 3)
    listing = _Deadline(context, margin + (_seconds_left(context) - margin) / 2)
    report, findings = _judge(report, valid, settings, clients, listing)
    looking_up = _Deadline(context, margin + (_seconds_left(context) - margin) / 2)
    creators = _look_up_creators(findings, settings, clients, clock, now, looking_up)
    if creators.problem:
        report = replace(report, problems=[*report.problems, creators.problem])
    findings, deferred = with_creators(findings, creators.answers, settings)
    findings, held = within_limits(findings, report.instances, settings)
    for outcome in (*deferred, *held):
        _note(outcome, done)

    def look_again(instances: Sequence[InstanceRef]) -> Iterable[Finding]:
        ids = [instance.instance_id for instance in instances]
        for instance in inventory.instances_by_id(clients.ec2, ids, report.vpc_ids):
            yield from policy.evaluate(instance, valid, settings, now)

    acting = _Deadline(context, margin)
    for outcome in enforce(
        findings,
        mode=report.mode,
        ec2=clients.ec2,
        look_again=look_again,
        out_of_time=acting,
    ):
        _note(outcome, done)
    report = replace(report, outcomes=done)
    if listing.passed or acting.passed:
        problem = "the time of this run was up; the next run goes on with what is left"
        report = replace(report, problems=[*report.problems, problem])
    return report


def _judge(
    report: Report,
    valid: Sequence[Rule],
    settings: Settings,
    clients: Clients,
    out_of_time: Callable[[], bool],
) -> tuple[Report, list[Finding]]:
    """Judge every instance of the VPCs; return the report with the counts, and the findings."""
    instances = compliant = exempt = 0
    findings: list[Finding] = []
    problems: list[str] = []
    failed = False
    try:
        missing = inventory.missing_vpcs(clients.ec2, report.vpc_ids)
        problems += [f"{vpc_id} does not exist in this account and region" for vpc_id in missing]
    except AWS_ERRORS as error:
        problems.append(f"whether the VPCs exist could not be asked: {error}")
    try:
        for instance in inventory.instances_of_vpcs(clients.ec2, report.vpc_ids):
            instances += 1
            if policy.is_exempt(instance, settings, report.time):
                exempt += 1
            else:
                found = policy.evaluate(instance, valid, settings, report.time)
                compliant += not found
                findings += found
            if out_of_time():
                break
    except AWS_ERRORS as error:
        problems.append(f"the instances could not all be listed: {error}")
        failed = True
    violations = sum(finding.violation for finding in findings)
    judged = replace(
        report,
        instances=instances,
        compliant=compliant,
        exempt=exempt,
        violations=violations,
        problems=problems,
        failed=failed,
    )
    for finding in findings:
        if finding.remedy is Remedy.WAIT:
            log.info("waiting %s: %s", finding.instance.instance_id, finding.reason)
    return judged, [finding for finding in findings if finding.remedy is not Remedy.WAIT]


def _look_up_creators(
    findings: Sequence[Finding],
    settings: Settings,
    clients: Clients,
    clock: Clock,
    now: datetime,
    out_of_time: Callable[[], bool],
) -> Attribution:
    """Ask CloudTrail who launched the instances whose findings wait for it."""
    instances = instances_to_look_up(findings)
    if not instances:
        return Attribution({})
    until = clock.now() + settings.attribution_budget
    history = EventHistory(
        clients.cloudtrail,
        clock,
        lookups_per_second=settings.lookups_per_second,
        out_of_time=lambda: out_of_time() or clock.now() >= until,
    )
    return attribute(instances, history, now, settings.attribution_delay)


def _note(outcome: Outcome, done: list[Outcome]) -> None:
    record = as_record(outcome)
    log.info("%s %s", outcome.result, outcome.finding.instance.instance_id, extra=record)
    done.append(outcome)


def _tell(report: Report, topic_arn: str, clients: Clients) -> None:
    if not report.has_something_to_say:
        return
    try:
        notify.publish(clients.sns, topic_arn, report)
    except AWS_ERRORS as error:
        log.error("the report could not be published", extra={"report": whole_text(report)})
        raise RunError(f"the report could not be published to {topic_arn}: {error}") from error
