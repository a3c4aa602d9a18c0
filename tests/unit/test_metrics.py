"""What the metrics are made of: the patterns of metrics.tf, tried on summaries."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tag_policy.model.assignment import Mode, Scope
from tag_policy.model.outcome import LIMIT, PART, Result
from tag_policy.model.remedy import Remedy
from tag_policy.reporting.report import Tally, summaries_by_vpc, summary
from tests.support.builders import outcome, report
from tests.support.filter_pattern import matches, parse, select

TERRAFORM = (Path(__file__).parents[2] / "metrics.tf").read_text(encoding="utf-8")
PATTERNS = {
    name: json.loads(f'"{pattern}"')
    .replace("${local.mode}", "enforce")
    .replace("${var.name}", "tag-policy")
    for name, pattern in re.findall(r'^ +(\w+) += "(\{ .* \})"$', TERRAFORM, re.MULTILINE)
}
METRICS = {
    name: (PATTERNS[of], value)
    for name, of, value in re.findall(r'(\w+) += \{ of = "(\w+)", value = "([^"]+)"', TERRAFORM)
}


def datum(metric: str, **changes: Any) -> Any:
    """Return the value that a metric gets of a run; None where it gets none."""
    pattern, value = METRICS[metric]
    line = {"message": "summary", "summary": summary(report(**changes))}
    found = matches(parse(pattern), json.dumps(line))
    return found if found is None or value == "1" else select(found, value)


REFUSED = outcome(Result.FAILED, code="UnauthorizedOperation")
HELD, A_PART = (
    outcome(Result.DEFERRED, remedy=Remedy.TERMINATE, tag_key="", value=None, code=code)
    for code in (LIMIT, PART)
)


@pytest.mark.parametrize("metric", ["SweepFailed", "HeldBack"])
def test_a_sweep_that_saw_a_part_ends_no_alarm(metric: str) -> None:
    assert datum(metric) == 0, "all was seen, and nothing was refused"
    assert datum(metric, problems=["the instances could not all be listed"]) is None
    assert datum(metric, problems=["the time was up"], outcomes=[A_PART]) is None


def test_a_sweep_that_saw_a_part_rings_an_alarm_for_what_it_saw() -> None:
    assert datum("SweepFailed", problems=["the time was up"], outcomes=[REFUSED]) == 1
    assert datum("HeldBack", problems=["vpc-1 does not exist"], outcomes=[HELD]) == 1
    assert datum("Sweeps", problems=["the time was up"]) is not None


OTHERS = {
    "a part": {"scope": Scope.SOME},
    "an evaluation": {"acts": False},
    "another mode": {"mode": Mode.AUDIT},
    "without rules": {"rules": 0},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("metric", ["Sweeps", "Seconds", "SweepFailed", "HeldBack"])
def test_only_a_sweep_that_acts_by_rules_rings_and_ends_an_alarm(
    metric: str, changes: dict[str, Any]
) -> None:
    assert datum(metric) is not None
    assert datum(metric, **changes) is None
    assert datum(metric, **changes, outcomes=[REFUSED, HELD]) is None


INCOMPLETE = {"problems": ["the time was up"]}


@pytest.mark.parametrize(
    "changes", [OTHERS["a part"], OTHERS["another mode"], INCOMPLETE], ids=lambda c: next(iter(c))
)
@pytest.mark.parametrize("metric", ["Instances", "Compliant", "Exempt", "Violations"])
def test_only_a_whole_run_about_everything_says_how_many_there_are(
    metric: str, changes: dict[str, Any]
) -> None:
    assert datum(metric) == 0
    assert datum(metric, **changes) is None

    for of_run in ({}, changes):
        (of_vpc,) = summaries_by_vpc(report(by_vpc={"vpc-abc123c1": Tally()}, **of_run))
        line = json.dumps({"message": "summary of a VPC", "vpc": of_vpc})
        assert (matches(parse(PATTERNS["vpc"]), line) is None) is bool(of_run)


def test_what_another_engine_logs_into_the_same_group_is_in_no_metric() -> None:
    for metric in METRICS:
        assert datum(metric) is not None, metric
        assert datum(metric, engine="tag-policy-2") is None, metric
