"""All that one run has to tell, and the summary of it."""

from typing import Any

import pytest

from tag_policy.model.outcome import (
    CREATOR_NOT_LOOKED_UP,
    CREATOR_UNREADABLE,
    LIMIT,
    Outcome,
    Result,
)
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceType
from tag_policy.model.rule import RuleError
from tag_policy.model.text import LINE_LIMIT
from tag_policy.reporting import sns_message as reporting
from tag_policy.reporting.publish import RunError
from tag_policy.reporting.report import MOST_KEPT, Outcomes, Severity, Tally, summary
from tests.support.builders import outcome, ref, report
from tests.support.reports import ONE_OF_EACH, parts


def test_the_summary_counts_findings_by_outcome() -> None:
    counted = summary(report(instances=1000, compliant=490, violations=1010, outcomes=ONE_OF_EACH))

    assert counted == {
        "engine": "tag-policy",
        "mode": "enforce",
        "trigger": "schedule",
        "scope": "all",
        "acts": True,
        "vpc_ids": ["vpc-abc123c1"],
        "rules": 3,
        "rule_errors": 0,
        "instances": 1000,
        "compliant": 490,
        "exempt": 0,
        "violations": 1010,
        "resources": {
            "instance": {"looked_at": 1000, "compliant": 490, "exempt": 0, "violations": 1010}
        },
        "complete": True,
        "held_back": 0,
        "seconds": 0.0,
        "outcomes": {
            "tagged": 1,
            "terminated": 1,
            "stopped": 1,
            "isolated": 1,
            "notified": 1,
            "left": 1,
            "reported": 1,
            "marked": 1,
            "audited": 1,
            "unmarked": 1,
            "removed": 1,
            "deferred": 1,
            "failed": 1,
        },
    }


def test_a_run_that_found_nothing_has_nothing_to_say() -> None:
    assert not report().has_something_to_say
    assert report(outcomes=ONE_OF_EACH[:1]).has_something_to_say
    assert report(rule_errors=[RuleError("7", "bad")]).has_something_to_say
    assert report(problems=["no time"]).has_something_to_say


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"outcomes": [ONE_OF_EACH[0], ONE_OF_EACH[3], ONE_OF_EACH[4]]}, "info"),
        *(({"outcomes": [ONE_OF_EACH[number]]}, "warning") for number in (1, 2, 6, 7, 8)),
        ({"outcomes": [outcome(Result.DEFERRED, code="ServiceUnavailable")]}, "warning"),
        ({"outcomes": [outcome(Result.AUDITED)]}, "info"),
        ({"outcomes": [outcome(Result.AUDITED, remedy=Remedy.MARK)]}, "warning"),
        ({"outcomes": [outcome(Result.AUDITED, remedy=Remedy.TERMINATE)]}, "warning"),
        ({"outcomes": [outcome(Result.DEFERRED, remedy=Remedy.TERMINATE)]}, "warning"),
        ({"outcomes": [ONE_OF_EACH[5]]}, "error"),
        ({"outcomes": [outcome(Result.DEFERRED, code=LIMIT)]}, "error"),
        ({"problems": ["p"]}, "error"),
        ({"rule_errors": [RuleError("7", "bad")]}, "error"),
    ],
)
def test_the_severity_says_whether_somebody_is_needed(
    changes: dict[str, Any], severity: str
) -> None:
    assert reporting.attributes(report(**changes))["severity"] == severity
    assert parts(report(**changes))[1]["severity"] == severity


@pytest.mark.parametrize("code", [CREATOR_UNREADABLE, CREATOR_NOT_LOOKED_UP])
def test_what_only_a_person_can_mend_is_never_told_as_all_well(code: str) -> None:
    told = report(outcomes=[outcome(Result.TAGGED), outcome(Result.DEFERRED, code=code)])

    assert told.severity is Severity.WARNING
    assert parts(told)[0].startswith("PLEASE CHECK: ")


def test_all_outcomes_are_counted_and_no_more_kept_than_can_be_told() -> None:
    outcomes = Outcomes(
        outcome(result) for _ in range(100_000) for result in (Result.TAGGED, Result.FAILED)
    )

    assert outcomes.counted == {Result.TAGGED: 100_000, Result.FAILED: 100_000}
    assert len(outcomes) == 200_000
    assert len(outcomes.of(Result.FAILED)) == len(outcomes.of(Result.TAGGED)) == MOST_KEPT
    text, machine = parts(report(outcomes=[outcome(Result.TAGGED)] * 50_000))
    shown = len(machine["findings"])
    assert machine["summary"]["outcomes"]["tagged"] == 50_000
    assert machine["findings_left_out"] == 50_000 - shown
    assert f"{50_000 - shown:,} lines left out" in text


def test_a_problem_is_one_line_from_the_moment_that_it_is_remembered() -> None:
    of = report().with_problem("a\nb" + "x" * 10**6, failed=True)

    (problem,) = of.problems
    assert problem.startswith("a b")
    assert len(problem) == LINE_LIMIT
    assert len(str(RunError("; ".join([*of.problems, "\ud800" * 9])))) == LINE_LIMIT


def mend(number: int, **changes: Any) -> Outcome:
    """Return that an instance lacks a tag that people have to set."""
    of = ref(f"i-{number:017x}")
    return outcome(Result.REPORTED, resource=of, remedy=Remedy.REPORT, value=None, **changes)


def test_of_one_kind_some_are_kept_and_all_are_counted_so_that_others_have_room() -> None:
    outcomes = Outcomes(mend(number) for number in range(5_000))
    few = [mend(number, tag_key="Owner") for number in range(200)]
    for one in few:
        outcomes.add(one)

    assert len(outcomes.of(Result.REPORTED)) == 400
    assert outcomes.counted[Result.REPORTED] == 5_200
    assert outcomes.alike(mend(7)) == 5_000
    assert outcomes.alike(few[0]) == 0, "each is kept"
    assert outcomes.alike(outcome(Result.FAILED)) == 0


def test_what_is_known_already_is_not_counted_among_the_new_of_its_kind() -> None:
    outcomes = Outcomes()
    for number in range(300):
        outcomes.add(mend(number), is_known=number < 150)

    assert outcomes.alike(mend(0)) == 0
    assert len(outcomes.of(Result.REPORTED)) == 150


def test_kinds_are_bounded_whatever_strangers_write() -> None:
    outcomes = Outcomes(mend(number, reason=f"{number} is not allowed") for number in range(7_000))

    assert len(outcomes.of(Result.REPORTED)) == 2_000
    assert len(outcomes._of_kind) == 5_000


def test_what_is_no_instance_is_counted_by_its_type_and_in_no_other_number() -> None:
    volumes = Tally(instances=7, compliant=4, exempt=1, violations=3)
    counted = summary(report(instances=2, compliant=2, by_type={ResourceType.VOLUME: volumes}))

    assert (counted["instances"], counted["compliant"], counted["violations"]) == (2, 2, 0)
    assert counted["resources"]["volume"] == {
        "looked_at": 7,
        "compliant": 4,
        "exempt": 1,
        "violations": 3,
    }
