"""All that one run has to tell, and the summary of it. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tag_policy.model import Mode, Outcome, Result, RuleError, Trigger


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
    outcomes: Sequence[Outcome] = ()
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
    counted = Counter(outcome.result for outcome in report.outcomes)
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
    return {str(result): counted[result] for result in in_order}
