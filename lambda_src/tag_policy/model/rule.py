"""A rule, as the rules table states it.

What a new attribute touches: ``_ATTRIBUTES`` and ``_rule`` in rules/table.py; rules/values.py where
it says which values are right, rules/conditions.py where it says which instances are meant, else
rules/evaluation.py; ``variable "rules"`` in variables.tf, ``rules`` in locals.tf and
``seeded_items`` in rules.tf; tests/rules.json, docs/rules.md, README.md; ``Code`` in finding.py,
where something new may be found by it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """How a rule finds the value of its tag. Spelled as in the rules table.

    ``CHECK`` finds none: what is missing or not allowed is reported, for people to mend.
    """

    CHECK = "Check"
    UPDATE = "Update"
    USER_LOOKUP = "UserLookup"
    FUNCTION = "Function"


Conditions = tuple[tuple[str, tuple[str, ...]], ...]
"""Facts, and the patterns that each has to be like."""

TAG_FACT = "tag:"
"""What the fact begins with that is the value of a tag; its key follows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One valid item of the rules table.

    ``default`` is the value for ``Update``, the call for ``Function`` and the fallback for
    ``UserLookup``, and never blank; ``Check`` has none.

    ``allowed_values`` (with ``*`` for anything) and ``allowed_pattern`` say which values are right;
    both where both are given. ``expires`` says that the value is a date, which is its last good
    day, and ``max_lifetime`` how far that may be away, such as ``90d``. ``note`` is for whoever has
    to mend what is found. ``when`` says which instances the rule concerns; see rules/conditions.py.

    ``normalize`` and ``synonyms`` (right values, and the patterns of what means the same) say how a
    value is written; ``replace_invalid`` that one which is not allowed gives way to the rule's own.
    """

    rule_id: int
    tag_key: str
    action: Action
    required: bool
    default: str
    allowed_values: tuple[str, ...] = ()
    allowed_pattern: str = ""
    expires: bool = False
    max_lifetime: str = ""
    note: str = ""
    when: Conditions = ()
    normalize: tuple[str, ...] = ()
    synonyms: Conditions = ()
    replace_invalid: bool = False

    @property
    def changes_values(self) -> bool:
        """Whether a value that somebody wrote may be written anew."""
        return bool(self.normalize or self.synonyms or self.replace_invalid)

    @property
    def asks_for_tags(self) -> list[str]:
        """The keys of the tags on which it depends whether the rule concerns an instance."""
        return [fact.removeprefix(TAG_FACT) for fact, _ in self.when if fact.startswith(TAG_FACT)]


@dataclass(frozen=True, slots=True)
class RuleError:
    """An item of the rules table that cannot be used, and what would make it right."""

    rule_id: str
    problem: str

    def __str__(self) -> str:
        return f"rule {self.rule_id}: {self.problem}"
