"""All that one run has to tell, and the summary of it. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tag_policy.model import Mode, Outcome, Result, RuleError, Trigger

MOST_KEPT = 3_000
"""Outcomes of a kind that are kept. No message holds as many: see ``report.MESSAGE_LIMIT``."""


class Outcomes:
    """The outcomes of a run: all are counted, and of each result as many kept as can be told."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.counted = Counter[Result]()
        self._kept: dict[Result, list[Outcome]] = {}
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome, and keep it if there are not too many like it."""
        self.counted[outcome.result] += 1
        kept = self._kept.setdefault(outcome.result, [])
        if len(kept) < MOST_KEPT:
            kept.append(outcome)

    def __len__(self) -> int:
        """Return how many there were, kept or not."""
        return self.counted.total()

    def of(self, result: Result) -> Sequence[Outcome]:
        """Return the first of those with a result."""
        return self._kept.get(result, ())


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run has to tell.

    ``problems`` are the reasons why the run is incomplete: a VPC that does not exist, time that
    ran out, a listing that broke off. ``failed`` says that such a reason is for the alarm too.
    ``compliant`` counts the instances that needed nothing, ``exempt`` those that were left alone
    because they carry the exemption tag.
    """

    mode: Mode
    trigger: Trigger
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
    exempt: int = 0
    violations: int = 0
    outcomes: Outcomes = field(default_factory=Outcomes)
    problems: Sequence[str] = ()
    failed: bool = False

    @property
    def complete(self) -> bool:
        """Whether the run looked at everything that it was to look at."""
        return not self.problems

    @property
    def has_something_to_say(self) -> bool:
        """Whether anybody is to be told of this run.

        Of bad rules alone, only the sweep tells: events would do so many times an hour.
        """
        is_sweep = self.trigger in (Trigger.SCHEDULE, Trigger.MANUAL)
        return bool(self.outcomes or self.problems or (self.rule_errors and is_sweep))


def summary(report: Report) -> dict[str, Any]:
    """Return what the function returns and logs; ``outcomes`` counts findings, not instances."""
    return {
        "mode": str(report.mode),
        "trigger": str(report.trigger),
        "vpc_ids": list(report.vpc_ids),
        "rules": report.rules,
        "rule_errors": len(report.rule_errors),
        "instances": report.instances,
        "compliant": report.compliant,
        "exempt": report.exempt,
        "violations": report.violations,
        "complete": report.complete,
        "outcomes": counts(report),
    }


def counts(report: Report) -> dict[str, int]:
    """Return the number of findings by result, every result included."""
    in_order = (
        Result.TAGGED,
        Result.TERMINATED,
        Result.STOPPED,
        Result.NOTIFIED,
        Result.MARKED,
        Result.UNMARKED,
        Result.DEFERRED,
        Result.FAILED,
    )
    return {str(result): report.outcomes.counted[result] for result in in_order}
