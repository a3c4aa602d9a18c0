"""How many instances a run may end: over the limit, it ends none. Pure.

So does a run that has seen only a part of what the limit is held against.
"""

from collections.abc import Sequence

from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.finding import Finding
from tag_policy.model.outcome import LIMIT, PART, Outcome, Result
from tag_policy.settings import Settings


def is_destructive(finding: Finding) -> bool:
    """Tell whether a finding asks for an instance to be ended, which is limited."""
    return finding.remedy in ENDING_OF_REMEDY


def within_limits(
    findings: Sequence[Finding],
    instances: int,
    settings: Settings,
    only_a_part: str = "",
    left: Sequence[Outcome] = (),
) -> tuple[list[Finding], list[Outcome]]:
    """Return the findings that may be acted on, and what is held back, as deferred.

    ``instances`` is how many the run has looked at. ``only_a_part`` says why that is not all that
    the engine is responsible for, and is empty where it is: limits are held against the whole, so
    that a run that does not know the whole may end nothing. ``left`` is what is left for the next
    run for other reasons, and would be ended then: it counts, too. A number over a limit is more
    likely to be a mistake, of a rule or of a pipeline, than a number of instances to end: all of
    them are held back, not only those that are too many, and somebody has to decide.
    """
    destructive = [finding for finding in findings if is_destructive(finding)]
    number = len(destructive) + sum(is_destructive(outcome.finding) for outcome in left)
    exceeded, code = _exceeded(number, instances, settings), LIMIT
    if only_a_part:
        exceeded, code = only_a_part, PART
    if not exceeded:
        return list(findings), []
    rest = [finding for finding in findings if not is_destructive(finding)]
    return rest, [Outcome(finding, Result.DEFERRED, exceeded, code) for finding in destructive]


def _exceeded(number: int, instances: int, settings: Settings) -> str:
    """Return which limit a number of instances exceeds, for the report; empty when none."""
    if number > settings.max_destructive:
        return f"{number:,} are due, but a run may end {settings.max_destructive:,} at most"
    percent = settings.max_destructive_percent
    if percent is not None and number * 100 > instances * percent:
        return f"{number:,} of {instances:,} are due, but a run may end {percent:g} % at most"
    return ""
