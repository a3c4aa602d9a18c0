"""The report as people read it: plain text for an e-mail. Pure."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from tag_policy.model.assignment import Mode
from tag_policy.model.outcome import LIMIT, PART, TOO_SLOW, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.schedule import next_run
from tag_policy.model.tag_limits import MAX_TAG_VALUE_LENGTH
from tag_policy.model.text import DETAIL_LIMIT, LINE_LIMIT, clean
from tag_policy.reporting.report import MOST_ALIKE, Report, Severity, counts
from tag_policy.reporting.wording import ENDING_WORDING, WORDING, number_of

NAME_LIMIT = 64
"""Characters of the name of an instance."""

MOST_RULE_ERRORS = 50
MOST_PROBLEMS = 20
"""Lines after which the report leaves the rest to the log."""

_MANY = 4
"""Instances that wait for the same, from which on they are named in one line."""

_NAMED = _MANY - 1
"""Instances that are named in such a line."""

_NOT_TRIED = frozenset({"", LIMIT, PART, TOO_SLOW})
"""The codes of deferred ends for which no call was made, or none that may have been carried out."""

_VERDICTS = {
    Severity.ERROR: "NEEDS ACTION",
    Severity.WARNING: "PLEASE CHECK",
    Severity.INFO: "ALL WELL",
}


def verdict(report: Report) -> str:
    """Return the report in one line: whether somebody is needed, and what was done."""
    counted = report.outcomes.counted - Counter({Result.DEFERRED: report.outcomes.held_back})
    said = [
        f"{number:,} {wording.one if number == 1 else wording.many}"
        for result, wording in WORDING.items()
        if (number := counted[result])
    ]
    if report.outcomes.held_back:
        said.insert(0, f"{report.outcomes.held_back:,} held back by a limit")
    if report.rule_errors:
        said.insert(0, f"{plural(len(report.rule_errors), 'rule')} cannot be used")
    if not report.complete:
        said.insert(0, "the run is incomplete")
    what = f"{', '.join(said) or 'nothing to do'}."
    if report.mode is Mode.AUDIT:
        return f"AUDIT: NOTHING WAS CHANGED. An enforcing run would say: {what}"
    return f"{_VERDICTS[report.severity]}: {what}"


def text(report: Report, outcomes: Sequence[Outcome], shown: int) -> str:
    """Return the report for people, with the first ``shown`` of the outcomes, worst first.

    Whatever the parts of it hold, each line is cleaned here, and is one line.
    """
    lines = itertools.chain(
        _head(report),
        _what_is_wrong(report),
        _sections(report, outcomes, shown),
        _known(report),
        _tail(report, report.outcomes.new - shown - _told_in_numbers(report, outcomes[:shown])),
    )
    return "\n".join(clean(line, LINE_LIMIT) for line in lines)


def _head(report: Report) -> Iterator[str]:
    yield verdict(report)
    yield ""
    yield (
        f"{plural(report.instances, 'instance')} checked against "
        f"{plural(report.rules, 'rule')}: {report.compliant:,} needed nothing, "
        f"{plural(report.violations, 'violation')} in the others."
    )
    if report.exempt:
        yield f"{plural(report.exempt, 'exempt instance')} left alone."
    for of_type, tally in report.by_type.items():
        exempt = f", {tally.exempt:,} exempt" if tally.exempt else ""
        yield (
            f"{number_of(tally.instances, of_type)} that hang off them: {tally.compliant:,} needed "
            f"nothing{exempt}, {plural(tally.violations, 'violation')}."
        )
    if report.page:
        yield f"As a page: {report.page}"
    yield ""
    yield f"Region:   {report.target.region}"
    yield f"Account:  {report.target.account_id}"
    if len(report.by_vpc) < 2:
        yield f"VPCs:     {', '.join(report.vpc_ids) or 'none'}"
    else:
        yield from (
            f"VPC:      {vpc_id}, {tally.compliant:,} of {tally.instances:,} needed nothing"
            for vpc_id, tally in report.by_vpc.items()
        )
    yield f"Time:     {report.time:%Y-%m-%d %H:%M:%S} UTC"
    audited = f", but audit only in {', '.join(report.audited)}" if report.audited else ""
    yield f"Mode:     {report.mode}{audited}"
    yield f"Trigger:  {report.trigger}"
    yield from (f"Note:     {note}" for note in report.notes)


def _what_is_wrong(report: Report) -> Iterator[str]:
    if report.problems:
        yield from ("", "THIS RUN IS INCOMPLETE")
        yield from (f"  {clean(p, DETAIL_LIMIT)}" for p in report.problems[:MOST_PROBLEMS])
        yield from _left_to_the_log(len(report.problems) - MOST_PROBLEMS)
    if report.rule_errors:
        yield from ("", f"RULES THAT CANNOT BE USED ({len(report.rule_errors)})")
        for error in report.rule_errors[:MOST_RULE_ERRORS]:
            yield f"  {clean(str(error), DETAIL_LIMIT)}"
        yield from _left_to_the_log(len(report.rule_errors) - MOST_RULE_ERRORS)


def _left_to_the_log(number: int) -> Iterator[str]:
    if number > 0:
        yield f"  and {number:,} more; the log names all of them"


def _sections(report: Report, outcomes: Sequence[Outcome], shown: int) -> Iterator[str]:
    counted = counts(report)
    for result, some in itertools.groupby(outcomes[:shown], lambda outcome: outcome.result):
        wording = WORDING[result]
        heading = wording.audit_heading if report.mode is Mode.AUDIT else wording.heading
        new = counted[result] - report.outcomes.known[result]
        yield from ("", f"{heading} ({new:,})")
        if result is Result.DEFERRED:
            yield f"  Looked at again {next_run(report.schedule, report.time, report.time_zone)}."
        alike = result in (Result.DEFERRED, Result.FAILED, Result.REPORTED)
        listed = list(some)
        if result is Result.REPORTED:
            yield from _in_numbers(report, listed)
            listed = [one for one in listed if not report.outcomes.alike(one)]
        yield from _by_owner(listed, _together if alike else _one_by_one)


def _in_numbers(report: Report, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield one line for each kind of which there are too many to be listed, with their number."""
    some: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        if report.outcomes.alike(outcome):
            some.setdefault(outcome.kind, []).append(outcome)
    for of_kind in some.values():
        first = of_kind[0]
        named = ", ".join(_who(outcome) for outcome in of_kind[:_NAMED])
        others = report.outcomes.alike(first) - len(of_kind[:_NAMED])
        who = f"{named} and {number_of(others, first.finding.resource.resource_type, 'other')}"
        yield "  " + "  ".join(part for part in (who, _what(first), _why(first)) if part)


def _told_in_numbers(report: Report, outcomes: Iterable[Outcome]) -> int:
    """Return how many outcomes are told of beside these, in the number of their kind."""
    kinds = {one.kind: report.outcomes.alike(one) for one in outcomes if report.outcomes.alike(one)}
    return sum(number - MOST_ALIKE for number in kinds.values())


def _known(report: Report) -> Iterator[str]:
    """Yield how many findings are as they were when they were last listed.

    That was in one of the reports since a time, and not always in the first of them.
    """
    known = {result: report.outcomes.known[result] for result in WORDING}
    if any(known.values()) and report.told_at is not None:
        yield from (
            "",
            f"UNCHANGED, ALREADY LISTED SINCE {report.told_at:%Y-%m-%d %H:%M} UTC",
        )
        for result, number in known.items():
            if number:
                wording = WORDING[result]
                yield f"  {number:,} {wording.one if number == 1 else wording.many}"


def _by_owner(
    outcomes: Sequence[Outcome], in_lines: Callable[[Iterable[Outcome]], Iterator[str]]
) -> Iterator[str]:
    """Yield lines, under the name of who launched the instances, where that is known of some."""
    if not any(outcome.finding.owner for outcome in outcomes):
        yield from (f"  {line}" for line in in_lines(outcomes))
        return
    for owner, theirs in itertools.groupby(outcomes, lambda outcome: outcome.finding.owner):
        yield f"  {clean(owner, MAX_TAG_VALUE_LENGTH) or 'launched by somebody unknown'}:"
        yield from (f"    {line}" for line in in_lines(theirs))


def _one_by_one(outcomes: Iterable[Outcome]) -> Iterator[str]:
    yield from map(_line, outcomes)


def _together(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield one line for all whose tags wait for the same, or are wrong or refused alike."""
    alike: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        finding = outcome.finding
        if finding.remedy not in (Remedy.TAG, Remedy.REMOVE, Remedy.REPORT):
            yield _line(outcome)
            continue
        of_type = finding.resource.resource_type
        key = (_what(outcome), finding.reason, outcome.code, outcome.detail, of_type)
        alike.setdefault(key, []).append(outcome)
    for some in alike.values():
        if len(some) < _MANY:
            yield from map(_line, some)
        else:
            named = ", ".join(_who(outcome) for outcome in some[:_NAMED])
            of_type = some[0].finding.resource.resource_type
            who = f"{named} and {number_of(len(some) - _NAMED, of_type, 'other')}"
            yield "  ".join(part for part in (who, _what(some[0]), _why(some[0])) if part)


def _line(outcome: Outcome) -> str:
    return "  ".join(part for part in (_who(outcome), _what(outcome), _why(outcome)) if part)


def _who(outcome: Outcome) -> str:
    instance = outcome.finding.resource
    name = clean(instance.name, NAME_LIMIT)
    return f"{instance.resource_id} ({name})" if name else instance.resource_id


def _why(outcome: Outcome) -> str:
    why_not = ": ".join(
        clean(part, DETAIL_LIMIT) for part in (outcome.code, outcome.detail) if part
    )
    finding = outcome.finding
    note = "" if finding.remedy in (Remedy.TAG, Remedy.REMOVE) else finding.note
    return " - ".join(part for part in (finding.reason, why_not, note) if part)


def _what(outcome: Outcome) -> str:
    """Return what the finding is about, where the heading does not say it already."""
    finding = outcome.finding
    if finding.remedy is Remedy.REPORT:
        return finding.tag_key
    if finding.remedy is Remedy.REMOVE:
        tag = f'{finding.tag_key} = "{clean(finding.value or "", MAX_TAG_VALUE_LENGTH)}"'
        # Under the other headings stands what was, or would be, written.
        return tag if outcome.result is Result.REMOVED else f"delete {tag}"
    if finding.remedy is Remedy.TAG:
        if finding.value is None:
            return finding.tag_key
        tags = [(finding.tag_key, finding.value)]
        tags += [finding.detail_tag] if finding.detail_tag else []
        said = ", ".join(f'{k} = "{clean(v, MAX_TAG_VALUE_LENGTH)}"' for k, v in tags)
        before = clean(finding.found, MAX_TAG_VALUE_LENGTH)
        return f'{said} (was "{before}")' if before else said
    if finding.remedy is Remedy.MARK and finding.mark is not None:
        return finding.mark.what
    if outcome.result is Result.AUDITED and finding.remedy is Remedy.UNMARK:
        return "its mark would be removed"
    ending = ENDING_WORDING.get(finding.remedy)
    if ending is not None and outcome.result is Result.AUDITED:
        return ending.would_be
    if outcome.result is Result.ISOLATED and finding.found:
        return f"had {clean(finding.found, DETAIL_LIMIT)}"
    if ending is None or outcome.result not in (Result.FAILED, Result.DEFERRED):
        return ""
    # Deferred with AWS's code is a call that AWS may have carried out.
    tried = outcome.result is Result.DEFERRED and outcome.code not in _NOT_TRIED
    return ending.not_confirmed if tried else ending.not_done


def _tail(report: Report, left_out: int) -> Iterator[str]:
    yield ""
    if left_out:
        yield (
            f"{plural(left_out, 'line')} left out, because the message would be too long. "
            "The log holds every finding."
        )
    yield f"Log: {report.log_group}, request {report.request_id}"


def plural(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
