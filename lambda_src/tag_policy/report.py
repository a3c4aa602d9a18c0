"""Outcomes to what people and machines are told: summary, subject, text and JSON. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tag_policy.model import Mode, Outcome, Remedy, Result, RuleError
from tag_policy.rules import MAX_TAG_VALUE_LENGTH

SUBJECT_LIMIT = 99
"""Characters; ASCII, no line breaks.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

MESSAGE_LIMIT = 262_144 - 1_024
"""Bytes of a message; the rest of SNS's 262,144 is left to its attributes.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

_MOST_FINDINGS = 10_000
"""No message holds as many: a finding takes more than 100 bytes, written as text and as JSON."""

_MOST_RULE_ERRORS = 50
_DETAIL_LIMIT = 300
_NAME_LIMIT = 64

_HEADINGS = {
    Result.TERMINATED: "TERMINATED",
    Result.STOPPED: "STOPPED",
    Result.FAILED: "FAILED",
    Result.DEFERRED: "LEFT FOR THE NEXT RUN",
    Result.NOTIFIED: "UNTAGGED, NOT TOUCHED",
    Result.TAGGED: "TAGGED",
}
"""In the order of the report: worst first."""

_AUDIT_HEADINGS = {
    Result.TERMINATED: "WOULD BE TERMINATED",
    Result.STOPPED: "WOULD BE STOPPED",
    Result.FAILED: "WOULD FAIL",
    Result.DEFERRED: "WOULD BE LEFT FOR THE NEXT RUN",
    Result.NOTIFIED: "UNTAGGED, WOULD NOT BE TOUCHED",
    Result.TAGGED: "WOULD BE TAGGED",
}


_NOT_DONE = {
    (Result.FAILED, Remedy.TERMINATE): "not terminated",
    (Result.FAILED, Remedy.STOP): "not stopped",
    # Deferred may be a call that AWS did not answer, and that it may have carried out.
    (Result.DEFERRED, Remedy.TERMINATE): "termination not confirmed",
    (Result.DEFERRED, Remedy.STOP): "stop not confirmed",
}


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run has to tell.

    ``problems`` are the reasons why the run is incomplete: a VPC that does not exist, time that
    ran out, a listing that broke off. ``failed`` says that such a reason is for the alarm too.
    ``compliant`` counts the instances that needed nothing.
    """

    mode: Mode
    trigger: str
    vpc_ids: Sequence[str]
    region: str
    account_id: str
    time: datetime
    log_group: str
    request_id: str
    rules: int = 0
    rule_errors: Sequence[RuleError] = ()
    instances: int = 0
    compliant: int = 0
    violations: int = 0
    outcomes: Sequence[Outcome] = ()
    problems: Sequence[str] = ()
    failed: bool = False

    @property
    def complete(self) -> bool:
        """Whether the run looked at everything that it was to look at."""
        return not self.problems

    @property
    def has_something_to_say(self) -> bool:
        """Whether anybody is to be told of this run."""
        return bool(self.outcomes or self.rule_errors or self.problems)


def summary(report: Report) -> dict[str, Any]:
    """Return what the function returns and logs; ``outcomes`` counts findings, not instances."""
    return {
        "mode": str(report.mode),
        "trigger": report.trigger,
        "vpc_ids": list(report.vpc_ids),
        "rules": report.rules,
        "rule_errors": len(report.rule_errors),
        "instances": report.instances,
        "compliant": report.compliant,
        "violations": report.violations,
        "complete": report.complete,
        "outcomes": counts(report),
    }


def counts(report: Report) -> dict[str, int]:
    """Return the number of findings by result, every result included."""
    counted = Counter(outcome.result for outcome in report.outcomes)
    in_order = ("tagged", "terminated", "stopped", "notified", "deferred", "failed")
    return {result: counted[Result(result)] for result in in_order}


def subject(report: Report) -> str:
    """Return the subject: the counts that matter first, then where; ASCII, 99 characters."""
    counted = counts(report)
    start = "Tag policy"
    if report.mode is Mode.AUDIT:
        start += " AUDIT, nothing done; would be"
    parts = [] if report.complete else ["INCOMPLETE"]
    parts += [f"{counted[result]} {result}" for result in _HEADINGS if counted[result]]
    if report.rule_errors:
        parts.insert(min(len(parts), 3), _plural(len(report.rule_errors), "bad rule"))
    more = f" +{len(report.vpc_ids) - 1}" if len(report.vpc_ids) > 1 else ""
    line = f"{start}: {', '.join(parts) or 'nothing to do'}"
    where = f" - {report.vpc_ids[0]}{more} {report.region}"
    if len(line) + len(where) <= SUBJECT_LIMIT:
        line += where
    while len(line) > SUBJECT_LIMIT:
        line = line.rpartition(", ")[0]
    return line.encode("ascii", "replace").decode()


def message(report: Report) -> str:
    """Return the message for ``MessageStructure="json"``, within SNS's limit.

    ``email`` gets the text, ``sms`` the subject, and everything else (SQS, Lambda, HTTPS) the
    JSON. Where not all findings fit, text and JSON are cut at the same one, the gentlest left out,
    and say how many are missing and where they are.
    """
    outcomes = _worst_first(report.outcomes)
    fitting, too_many = 0, min(len(outcomes), _MOST_FINDINGS) + 1
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        if len(_message(report, outcomes, middle).encode()) <= MESSAGE_LIMIT:
            fitting = middle
        else:
            too_many = middle
    return _message(report, outcomes, fitting)


def attributes(report: Report) -> dict[str, str | int]:
    """Return the message attributes that a subscription may filter on; SNS allows 10."""
    return {
        "mode": str(report.mode),
        "trigger": report.trigger,
        "complete": str(report.complete).lower(),
        "violations": report.violations,
        **counts(report),
    }


def text(report: Report) -> str:
    """Return the whole report for people, however long."""
    outcomes = _worst_first(report.outcomes)
    return _text(report, outcomes, len(outcomes))


def _message(report: Report, outcomes: Sequence[Outcome], shown: int) -> str:
    return json.dumps(
        {
            "default": _json(report, outcomes, shown),
            "email": _text(report, outcomes, shown),
            "sms": subject(report),
        },
        ensure_ascii=False,
    )


def _worst_first(outcomes: Iterable[Outcome]) -> list[Outcome]:
    order = {result: position for position, result in enumerate(_HEADINGS)}
    return sorted(outcomes, key=lambda outcome: order[outcome.result])


def _json(report: Report, outcomes: Sequence[Outcome], shown: int) -> str:
    return json.dumps(
        {
            "summary": summary(report),
            "region": report.region,
            "account_id": report.account_id,
            "time": report.time.isoformat(timespec="seconds"),
            "log_group": report.log_group,
            "request_id": report.request_id,
            "problems": [_clean(problem, _DETAIL_LIMIT) for problem in report.problems],
            "rule_errors": [
                {"rule_id": error.rule_id, "problem": _clean(error.problem, _DETAIL_LIMIT)}
                for error in report.rule_errors[:_MOST_RULE_ERRORS]
            ],
            "findings": [as_record(outcome) for outcome in outcomes[:shown]],
            "findings_left_out": len(outcomes) - shown,
        },
        ensure_ascii=False,
    )


def as_record(outcome: Outcome) -> dict[str, str]:
    """Return one outcome for machines: the same in the log and in the JSON of the message."""
    finding = outcome.finding
    record = {
        "result": str(outcome.result),
        "remedy": str(finding.remedy),
        "instance_id": finding.instance.instance_id,
        "vpc_id": finding.instance.vpc_id,
        "instance_name": _clean(finding.instance.name, _NAME_LIMIT),
        "reason": finding.reason,
        "tag_key": finding.tag_key,
        "tag_value": finding.value or "",
        "code": outcome.code,
        "detail": _clean(outcome.detail, _DETAIL_LIMIT),
    }
    return {key: value for key, value in record.items() if value}


def _text(report: Report, outcomes: Sequence[Outcome], shown: int) -> str:
    return "\n".join(
        [
            *_head(report),
            *_what_is_wrong(report),
            *_sections(report, outcomes, shown),
            *_tail(report, len(outcomes) - shown),
        ]
    )


def _head(report: Report) -> Iterator[str]:
    if report.mode is Mode.AUDIT:
        yield "AUDIT: NOTHING WAS CHANGED. This is what an enforcing run would have done."
        yield ""
    yield f"Region:   {report.region}"
    yield f"Account:  {report.account_id}"
    yield f"VPCs:     {', '.join(report.vpc_ids)}"
    yield f"Time:     {report.time:%Y-%m-%d %H:%M:%S} UTC"
    yield f"Mode:     {report.mode}"
    yield f"Trigger:  {report.trigger}"
    yield ""
    yield (
        f"{_plural(report.instances, 'instance')} checked against "
        f"{_plural(report.rules, 'rule')}: {report.compliant:,} needed nothing, "
        f"{_plural(report.violations, 'violation')} in the others."
    )


def _what_is_wrong(report: Report) -> Iterator[str]:
    if report.problems:
        yield from ("", "THIS RUN IS INCOMPLETE")
        yield from (f"  {_clean(problem, _DETAIL_LIMIT)}" for problem in report.problems)
    if report.rule_errors:
        yield from ("", f"RULES THAT CANNOT BE USED ({len(report.rule_errors)})")
        for error in report.rule_errors[:_MOST_RULE_ERRORS]:
            yield f"  {_clean(str(error), _DETAIL_LIMIT)}"
        left_out = len(report.rule_errors) - _MOST_RULE_ERRORS
        if left_out > 0:
            yield f"  and {left_out:,} more; the log names all of them"


def _sections(report: Report, outcomes: Sequence[Outcome], shown: int) -> Iterator[str]:
    headings = _AUDIT_HEADINGS if report.mode is Mode.AUDIT else _HEADINGS
    counted = counts(report)
    current: Result | None = None
    for outcome in outcomes[:shown]:
        if outcome.result is not current:
            current = outcome.result
            yield from ("", f"{headings[current]} ({counted[current]})")
        yield f"  {_line(outcome)}"


def _line(outcome: Outcome) -> str:
    finding = outcome.finding
    name = _clean(finding.instance.name, _NAME_LIMIT)
    who = f"{finding.instance.instance_id} ({name})" if name else finding.instance.instance_id
    why_not = ": ".join(
        _clean(part, _DETAIL_LIMIT) for part in (outcome.code, outcome.detail) if part
    )
    why = f"{finding.reason} - {why_not}" if why_not else finding.reason
    return "  ".join(part for part in (who, _what(outcome), why) if part)


def _what(outcome: Outcome) -> str:
    """Return what the finding is about, where the heading does not say it already."""
    finding = outcome.finding
    if finding.remedy is Remedy.TAG:
        if finding.value is None:
            return finding.tag_key
        return f'{finding.tag_key} = "{_clean(finding.value, MAX_TAG_VALUE_LENGTH)}"'
    return _NOT_DONE.get((outcome.result, finding.remedy), "")


def _tail(report: Report, left_out: int) -> Iterator[str]:
    yield ""
    if left_out:
        yield (
            f"{_plural(left_out, 'line')} left out, because the message would be too long. "
            "The log holds every finding."
        )
    yield f"Log: {report.log_group}, request {report.request_id}"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _clean(untrusted: str, limit: int) -> str:
    """Make text that strangers wrote fit for one line: no control or direction characters."""
    line = "".join(character if character.isprintable() else " " for character in untrusted)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
