"""All that one run has to tell, and the summary of it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any

from tag_policy.model.assignment import Mode, Scope, Trigger
from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.outcome import LIMIT, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceType
from tag_policy.model.rule import RuleError
from tag_policy.model.target import Target
from tag_policy.model.text import LINE_LIMIT, clean
from tag_policy.reporting.wording import WORDING

MOST_ALIKE = 200
"""Outcomes ``REPORTED`` that are kept of one kind; of more, people are told how many they are."""

_MOST_KINDS = 5_000
"""Kinds that are counted: a stranger may write another value into each tag."""

MOST_KEPT = 2_000
"""Outcomes of a kind that are kept. No message holds as many.

See ``MESSAGE_LIMIT`` in reporting/sns_message.py.
"""


class Severity(StrEnum):
    """How much a run wants to be looked at.

    ``ERROR``: somebody has to do something. ``WARNING``: instances were stopped or terminated, will
    be or would be, or have no tags; or AWS did not answer, so that something was left undone.
    ``INFO``: tags were written, or wait for a creator that CloudTrail does not know yet.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(slots=True)
class Tally:
    """What a run has counted so far, of a VPC, of a type or of all; see ``Report``.

    ``instances`` are the resources of the type, where it is one of another.
    """

    instances: int = 0
    compliant: int = 0
    exempt: int = 0
    violations: int = 0


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of some tallies."""
    summed = Tally()
    for tally in tallies:
        summed.instances += tally.instances
        summed.compliant += tally.compliant
        summed.exempt += tally.exempt
        summed.violations += tally.violations
    return summed


class Outcomes:
    """The outcomes of a run: all are counted, and of each result as many kept as can be told.

    ``counted`` are all of them, ``known`` those of them that people were told of before, and that
    are as they were. ``held_back`` counts those of the deferred that a limit held back,
    ``unanswered`` those that AWS did not carry out, or did not confirm, or of which it refused a
    part, and creators whom only a person can set (see ``model.CREATOR_UNREADABLE``); ``would_end``
    counts the ends, announced or made, in VPCs that are only audited; ``vpc_ids`` are those that
    they are about.
    """

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.counted = Counter[Result]()
        self.known = Counter[Result]()
        self.vpc_ids = set[str]()
        self.held_back = 0
        self.unanswered = 0
        self.would_end = 0
        self._kept: dict[Result, list[Outcome]] = {}
        self._of_kind = Counter[tuple[str, ...]]()
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome, *, is_known: bool = False) -> None:
        """Count an outcome, and keep it if there are not too many like it.

        What ``is_known`` to people from an earlier report is counted, and not kept.
        """
        self.counted[outcome.result] += 1
        self.known[outcome.result] += is_known
        self.vpc_ids.add(outcome.finding.resource.vpc_id)
        if outcome.result is Result.DEFERRED:
            self.held_back += outcome.code == LIMIT
            ends = outcome.finding.remedy in ENDING_OF_REMEDY
            self.unanswered += outcome.code != LIMIT and bool(outcome.code or ends)
        elif outcome.result is Result.TAGGED:
            self.unanswered += bool(outcome.code)
        elif outcome.result is Result.AUDITED:
            remedy = outcome.finding.remedy
            self.would_end += remedy is Remedy.MARK or remedy in ENDING_OF_REMEDY
        kept = self._kept.setdefault(outcome.result, [])
        if is_known or not self._has_room_for(outcome):
            return
        if len(kept) < MOST_KEPT:
            kept.append(outcome)

    def _has_room_for(self, outcome: Outcome) -> bool:
        """Count what people have to mend by its kind, so that one kind leaves room for others."""
        if outcome.result is not Result.REPORTED:
            return True
        kind = outcome.kind
        if kind in self._of_kind or len(self._of_kind) < _MOST_KINDS:
            self._of_kind[kind] += 1
        return self._of_kind[kind] <= MOST_ALIKE

    def alike(self, outcome: Outcome) -> int:
        """Return how many new ones there are of the kind of an outcome, if too many to be kept.

        0 where each of them is kept, or they are not counted by their kind.
        """
        number = self._of_kind[outcome.kind] if outcome.result is Result.REPORTED else 0
        return number if number > MOST_ALIKE else 0

    def replace(self, before: Outcome, after: Outcome) -> None:
        """Put what an outcome has become in its place: people are told before it is known."""
        if after == before:
            return
        self.counted[before.result] -= 1
        with suppress(ValueError):  # it was not kept
            self._kept[before.result].remove(before)
        self.add(after)

    def __len__(self) -> int:
        """Return how many there were, kept or not, known or not."""
        return self.counted.total()

    @property
    def new(self) -> int:
        """How many there were that people do not know from an earlier report."""
        return self.counted.total() - self.known.total()

    def of(self, result: Result) -> Sequence[Outcome]:
        """Return the first of those with a result."""
        return self._kept.get(result, ())


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run has to tell.

    ``scope`` is how much of what the engine is responsible for it was about, ``acts`` and
    ``rehearsal`` are those of ``model.Assignment``. ``audited`` are those of its VPCs in which an
    enforcing run only says what it would do. ``problems`` are the reasons why the
    run is incomplete: a VPC that does not exist, time that ran out, a listing that broke off.
    ``failed`` says that such a reason is for the alarm too. ``compliant`` counts the instances that
    needed nothing, ``exempt`` those that were left alone because they carry the exemption tag;
    ``by_vpc`` has these numbers for each VPC, and ``by_type`` for each type of resource that is no
    instance, which is in none of the others. ``engine`` is the name of the function, ``schedule``
    when it is woken, in ``time_zone``, empty where it is not. ``page`` is
    where the report is to be read as a page, empty where it is kept nowhere. ``told_at`` is since
    when those outcomes were listed that people know already. ``notes`` are what a reader should
    know of the run beside that; ``has_news`` says that people are to be told of one in any case.
    """

    mode: Mode
    trigger: Trigger
    scope: Scope
    acts: bool
    rehearsal: bool
    vpc_ids: Sequence[str]
    target: Target
    time: datetime
    log_group: str
    request_id: str
    engine: str
    schedule: str = ""
    time_zone: tzinfo = UTC
    seconds: float = 0.0
    rules: int = 0
    rule_errors: Sequence[RuleError] = ()
    instances: int = 0
    compliant: int = 0
    exempt: int = 0
    violations: int = 0
    by_vpc: Mapping[str, Tally] = field(default_factory=dict)
    by_type: Mapping[ResourceType, Tally] = field(default_factory=dict)
    outcomes: Outcomes = field(default_factory=Outcomes)
    problems: Sequence[str] = ()
    failed: bool = False
    page: str = ""
    told_at: datetime | None = None
    notes: Sequence[str] = ()
    has_news: bool = False
    audited: Sequence[str] = ()

    @property
    def complete(self) -> bool:
        """Whether the run looked at everything that it was to look at."""
        return not self.problems

    def with_problem(self, problem: str, *, failed: bool) -> "Report":
        """Return the report with one more reason why the run is incomplete, cleaned and cut."""
        problems = [*self.problems, clean(problem, LINE_LIMIT)]
        return replace(self, problems=problems, failed=self.failed or failed)

    @property
    def is_sweep(self) -> bool:
        """Whether the run was about all that the engine is responsible for."""
        return self.scope is Scope.ALL

    @property
    def has_something_to_say(self) -> bool:
        """Whether anybody is to be told of this run.

        Of bad rules alone, only a sweep or a person's run tells: events would do so many times an
        hour.
        """
        asked = self.is_sweep or self.trigger is Trigger.MANUAL
        found = self.outcomes.new or self.problems or self.has_news
        return bool(found or (self.rule_errors and asked))

    @property
    def severity(self) -> Severity:
        """How much the run wants to be looked at."""
        counted = self.outcomes.counted
        if self.problems or self.rule_errors or counted[Result.FAILED] or self.outcomes.held_back:
            return Severity.ERROR
        may_wait = not self.outcomes.unanswered and not self.outcomes.would_end
        if not may_wait or any(counted[result] for result in _WORTH_A_LOOK):
            return Severity.WARNING
        return Severity.INFO


_WORTH_A_LOOK = [result for result, wording in WORDING.items() if wording.worth_a_look]


def summary(report: Report) -> dict[str, Any]:
    """Return what the function returns and logs; ``outcomes`` counts findings, not instances."""
    return {
        "engine": report.engine,
        "mode": str(report.mode),
        "trigger": str(report.trigger),
        "scope": str(report.scope),
        "acts": report.acts,
        "vpc_ids": list(report.vpc_ids),
        "rules": report.rules,
        "rule_errors": len(report.rule_errors),
        "instances": report.instances,
        "compliant": report.compliant,
        "exempt": report.exempt,
        "violations": report.violations,
        "resources": resources(report),
        "complete": report.complete,
        "held_back": report.outcomes.held_back,
        "seconds": report.seconds,
        "outcomes": counts(report),
    }


def resources(report: Report) -> dict[str, dict[str, int]]:
    """Return the numbers of each type of resource that the run has looked at."""
    instances = Tally(report.instances, report.compliant, report.exempt, report.violations)
    return {
        str(of_type): {
            "looked_at": tally.instances,
            "compliant": tally.compliant,
            "exempt": tally.exempt,
            "violations": tally.violations,
        }
        for of_type, tally in {ResourceType.INSTANCE: instances, **report.by_type}.items()
    }


def summaries_by_vpc(report: Report) -> list[dict[str, Any]]:
    """Return the numbers of each VPC, with what they are to be filtered by."""
    return [
        {
            "vpc_id": vpc_id,
            "engine": report.engine,
            "mode": str(report.mode),
            "trigger": str(report.trigger),
            "scope": str(report.scope),
            "complete": report.complete,
            **asdict(tally),
        }
        for vpc_id, tally in report.by_vpc.items()
    ]


def counts(report: Report) -> dict[str, int]:
    """Return the number of findings by result, every result included."""
    return {str(result): report.outcomes.counted[result] for result in WORDING}
