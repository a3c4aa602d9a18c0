"""What the metrics are made of: the patterns of metrics.tf, tried on summaries."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tag_policy.model import LIMIT, PART, Remedy, Result
from tag_policy.reporting.report import summary
from tests.support.builders import outcome, report
from tests.support.filter_pattern import matches, parse, select

TERRAFORM = (Path(__file__).parents[2] / "metrics.tf").read_text(encoding="utf-8")
PATTERNS = {
    name: json.loads(f'"{pattern}"').replace("${var.mode}", "enforce")
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
