"""Reads `tests/rules.json`: good and bad rules, for the function's tests and for Terraform's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Rules = Mapping[str, Mapping[str, Any]]
"""As ``variable "rules"`` takes them."""


@dataclass(frozen=True)
class BadRules:
    """Rules that are refused at plan.

    ``function`` is what the function says of the bad one. ``plan`` are the beginnings of what the
    variable's own validations say at plan; where it is something else that refuses them,
    ``refused_by`` says what. ``max_escalation`` is how far rules may go.
    """

    name: str
    rules: Rules
    function: str = ""
    plan: Sequence[str] = ()
    refused_by: str = ""
    why: str = ""
    max_escalation: str = "terminate"

    def __str__(self) -> str:
        """Return what a test is named after."""
        return self.name


_FILE = json.loads((Path(__file__).parents[1] / "rules.json").read_text())

FACTS: Mapping[str, str] = _FILE["facts"]
"""What the input ``facts`` gives beside all of these rules."""

GOOD: Rules = {str(number): rule for number, rule in enumerate(_FILE["good"].values(), start=1)}
"""The good rules, each with a RuleId."""

BAD: Sequence[BadRules] = [BadRules(**one) for one in _FILE["bad"]]
PLAN_ONLY: Sequence[BadRules] = [BadRules(**one) for one in _FILE["refused_at_plan_only"]]
