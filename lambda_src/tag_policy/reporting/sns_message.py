"""Outcomes to what is published: subject, message and attributes. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tag_policy.model.assignment import Mode
from tag_policy.model.ending import ENDINGS
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.schedule import next_run
from tag_policy.model.tag_limits import MAX_TAG_VALUE_LENGTH
from tag_policy.model.text import DETAIL_LIMIT, LINE_LIMIT, clean, cleaned
from tag_policy.reporting.email import (
    MOST_PROBLEMS,
    MOST_RULE_ERRORS,
    NAME_LIMIT,
    plural,
    text,
    verdict,
)
from tag_policy.reporting.report import (
    MOST_KEPT,
    Outcomes,
    Report,
    counts,
    summaries_by_vpc,
    summary,
)
from tag_policy.reporting.wording import WORDING

FORMAT_VERSION = 2
"""Of the JSON of a report: docs/report.schema.json. It grows when a field goes or means another."""

SUBJECT_LIMIT = 99
"""Characters; ASCII, no line breaks.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

MESSAGE_LIMIT = 262_144 - 8_192
"""Bytes of a message; the rest of SNS's 262,144 is left to its attributes, VPCs among them.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

FIELD_LIMIT = 500
"""Characters of any text of the report's head, so that there is room for findings."""

MOST_MESSAGES = 10
"""Messages that a run publishes at most."""

_NEARLY_FULL = 0.98
"""The part of a message's limit with which it is full enough."""


def subject(report: Report) -> str:
    """Return the subject: the counts that matter first, then where; ASCII, 99 characters."""
    counted = counts(report)
    start = "Tag policy"
    if report.mode is Mode.AUDIT:
        start += " AUDIT, nothing done; would be"
    parts = [] if report.complete else ["INCOMPLETE"]
    parts += [f"{counted[result]} {result}" for result in WORDING if counted[result]]
    if report.rule_errors:
        parts.insert(min(len(parts), 3), plural(len(report.rule_errors), "bad rule"))
    more = f" +{len(report.vpc_ids) - 1}" if len(report.vpc_ids) > 1 else ""
    line = f"{start}: {', '.join(parts) or 'nothing to do'}"
    first = f"{report.vpc_ids[0]}{more} " if report.vpc_ids else ""
    where = f" - {first}{report.target.region}"
    if len(line) + len(where) <= SUBJECT_LIMIT:
        line += where
    while len(line) > SUBJECT_LIMIT:
        line = line.rpartition(", ")[0]
    return clean(line, SUBJECT_LIMIT).encode("ascii", "replace").decode()


@dataclass(frozen=True, slots=True)
class Message:
    """What is published in one call; ``shown`` are the outcomes that it lists."""

    subject: str
    body: str
    attributes: Mapping[str, str | int | list[str]]
    shown: Sequence[Outcome]

    @property
    def announced(self) -> Sequence[Outcome]:
        """The announcements that it names."""
        return [one for one in self.shown if one.result is Result.MARKED]


_EACH_IS_NAMED = (*(ending.result for ending in ENDINGS), Result.MARKED)


def messages(report: Report) -> Iterator[Message]:
    """Yield the message of a report, and those for what has no room in it and must be named.

    Every instance that is announced is named in a message, with its time, and so is every one that
    was ended; what has no room in ``MOST_MESSAGES`` is in none of them. Each says how the run went,
    because a subscription may filter by that.
    """
    rest = [one for result in _EACH_IS_NAMED for one in report.outcomes.of(result)]
    for part in range(1, MOST_MESSAGES + 1):
        message = _one_message(report)
        yield message
        named = {
            one.finding.resource.resource_id
            for one in message.shown
            if one.result in _EACH_IS_NAMED
        }
        rest = [one for one in rest if one.finding.resource.resource_id not in named]
        if not rest or (not named and part > 1):
            return
        report = replace(report, outcomes=Outcomes(rest))


def _one_message(report: Report) -> Message:
    outcomes = _worst_first(report)
    body, shown = _fitting(report, outcomes)
    return Message(
        subject=subject(report),
        body=body,
        attributes=attributes(report),
        shown=outcomes[:shown],
    )


def message(report: Report) -> str:
    """Return the body of the first message of a report; see ``messages``."""
    return next(messages(report)).body


def _fitting(report: Report, outcomes: Sequence[Outcome]) -> tuple[str, int]:
    """Return the message for ``MessageStructure="json"``, within SNS's limit, and what it shows.

    ``email`` gets the text, ``sms`` the subject, and everything else (SQS, Lambda, HTTPS) the
    JSON. Where not all findings fit, text and JSON are cut at the same one, the gentlest left out,
    and say how many are missing and where they are. The message is nearly full then, which takes a
    few tries, and not as full as can be, which takes many.
    """
    tried = min(len(outcomes), MOST_KEPT)
    fitting, too_many, full = 0, tried + 1, 0.0
    while too_many - fitting > 1 and full < _NEARLY_FULL:
        size = len(_message(report, outcomes, tried).encode())
        if size <= MESSAGE_LIMIT:
            fitting, full = tried, size / MESSAGE_LIMIT
        else:
            too_many = tried
        tried = int(tried * MESSAGE_LIMIT * (1 + _NEARLY_FULL) / 2 / size)  # if all are alike
        if not fitting < tried < too_many:
            tried = (fitting + too_many) // 2
    return _message(report, outcomes, fitting), fitting


def attributes(report: Report) -> dict[str, str | int | list[str]]:
    """Return the message attributes that a subscription may filter on.

    No more than 10: a queue that is subscribed for raw messages gets none of them otherwise.
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """
    return {
        "mode": str(report.mode),
        "trigger": str(report.trigger),
        "severity": str(report.severity),
        "complete": str(report.complete).lower(),
        "vpc_ids": _concerned(report),
        **{str(result): report.outcomes.counted[result] for result in _FILTERED},
    }


def _concerned(report: Report) -> list[str]:
    """Return the VPCs with findings, or all of the run's where something went wrong in it."""
    about_all = report.problems or report.rule_errors
    return [v for v in report.vpc_ids if about_all or v in report.outcomes.vpc_ids]


_FILTERED = tuple(result for result, wording in WORDING.items() if wording.is_filtered)
"""The results that a subscription may filter on."""


def _message(report: Report, outcomes: Sequence[Outcome], shown: int) -> str:
    return json.dumps(
        {
            "default": _json(report, outcomes, shown),
            "email": text(report, outcomes, shown),
            "sms": subject(report),
        },
        ensure_ascii=False,
    )


def _worst_first(report: Report) -> list[Outcome]:
    """Return what is kept of the findings: worst first, those of one owner together."""
    return [
        outcome
        for result in WORDING
        for outcome in sorted(report.outcomes.of(result), key=_owner_last_if_unknown)
    ]


def _owner_last_if_unknown(outcome: Outcome) -> tuple[bool, str]:
    return not outcome.finding.owner, outcome.finding.owner


def _json(report: Report, outcomes: Sequence[Outcome], shown: int) -> str:
    return json.dumps(
        head(report)
        | {
            "findings": [as_record(outcome) for outcome in outcomes[:shown]],
            "findings_left_out": report.outcomes.new - shown,
            "findings_known": report.outcomes.known.total(),
        },
        ensure_ascii=False,
    )


def head(report: Report) -> dict[str, Any]:
    """Return the report for machines, without its findings; see docs/report.schema.json.

    Each text in it is cleaned, whatever it comes from.
    """
    of_the_report = {
        "version": FORMAT_VERSION,
        "severity": str(report.severity),
        "verdict": verdict(report),
        "summary": summary(report),
        "vpcs": summaries_by_vpc(report),
        "engine": report.engine,
        "region": report.target.region,
        "account_id": report.target.account_id,
        "time": report.time.isoformat(timespec="seconds"),
        "next_run": next_run(report.schedule, report.time, report.time_zone),
        "page": "",
        "audited": list(report.audited),
        "log_group": report.log_group,
        "request_id": report.request_id,
        "notes": list(report.notes),
        "problems": [clean(problem, DETAIL_LIMIT) for problem in report.problems[:MOST_PROBLEMS]],
        "rule_errors": [
            {
                "rule_id": clean(error.rule_id, NAME_LIMIT),
                "problem": clean(error.problem, DETAIL_LIMIT),
            }
            for error in report.rule_errors[:MOST_RULE_ERRORS]
        ],
    }
    printable: dict[str, Any] = cleaned(of_the_report, FIELD_LIMIT)
    return printable | {"page": clean(report.page, LINE_LIMIT)}


def as_record(outcome: Outcome) -> dict[str, str]:
    """Return one outcome for machines: the same in the log and in the JSON of the message.

    Each text in it is cleaned and cut, whatever it comes from.
    """
    finding = outcome.finding
    writes = finding.remedy is Remedy.TAG
    record = {
        "result": str(outcome.result),
        "remedy": str(finding.remedy),
        "code": str(finding.code),
        "resource_type": str(finding.resource.resource_type),
        "resource_id": finding.resource.resource_id,
        "resource_name": finding.resource.name,
        "vpc_id": finding.resource.vpc_id,
        "owner": finding.owner,
        "rule_id": str(finding.rule_id or ""),
        "tag_key": finding.tag_key,
        "old_value": finding.found or ("" if writes else finding.value or ""),
        "new_value": (finding.value or "") if writes else "",
        "source": finding.source,
        "reason": finding.reason,
        "note": "" if finding.remedy in (Remedy.TAG, Remedy.REMOVE) else finding.note,
        "due": finding.mark.what if finding.mark is not None else "",
        "error_code": outcome.code,
        "detail": outcome.detail,
    }
    if finding.launch is not None:
        record |= {
            "creator_kind": str(finding.launch.kind),
            "creator_role": finding.launch.role,
            "event_id": finding.launch.event_id,
            "event_time": finding.launch.event_time.isoformat(timespec="seconds"),
        }
    if finding.detail_tag is not None:
        record["detail_tag_key"], record["detail_tag_value"] = finding.detail_tag
    return {
        key: value
        # What needs no cleaning is most of it, and a call for each takes as long as all the rest.
        if len(value) <= NAME_LIMIT and value.isascii() and value.isprintable()
        else clean(value, _LIMITS.get(key, DETAIL_LIMIT))
        for key, value in record.items()
        if value
    }


_LIMITS = {
    "resource_name": NAME_LIMIT,
    "owner": MAX_TAG_VALUE_LENGTH,
    "old_value": MAX_TAG_VALUE_LENGTH,
    "new_value": MAX_TAG_VALUE_LENGTH,
    "creator_role": NAME_LIMIT,
    "event_id": NAME_LIMIT,
}
"""Characters of a field, where it is not as many as of any other; none is fewer than of a name."""


def whole_text(report: Report) -> str:
    """Return the report for people, with all that is kept of it."""
    outcomes = _worst_first(report)
    return text(report, outcomes, len(outcomes))
