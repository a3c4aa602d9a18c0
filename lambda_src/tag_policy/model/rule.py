"""A rule, as the rules table states it.

What a new attribute touches: ``_ATTRIBUTES`` and ``_rule`` in rules/table.py, rules/evaluation.py,
``variable "rules"`` in variables.tf, ``rules`` in locals.tf and ``seeded_items`` in rules.tf,
tests/rules.json, README.md; ``Code`` in finding.py, where something new may be found by it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """How a rule finds the value of its tag. Spelled as in the rules table."""

    UPDATE = "Update"
    USER_LOOKUP = "UserLookup"
    FUNCTION = "Function"


@dataclass(frozen=True, slots=True)
class Rule:
    """One valid item of the rules table.

    ``default`` is the value for ``Update``, the call for ``Function`` and the fallback for
    ``UserLookup``; it is never blank.
    """

    rule_id: int
    tag_key: str
    action: Action
    required: bool
    default: str


@dataclass(frozen=True, slots=True)
class RuleError:
    """An item of the rules table that cannot be used, and what would make it right."""

    rule_id: str
    problem: str

    def __str__(self) -> str:
        return f"rule {self.rule_id}: {self.problem}"
