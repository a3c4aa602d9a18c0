"""A rule, as the rules table states it.

What a new attribute touches: ``_ATTRIBUTES`` and ``to_rule`` in rules/item.py; rules/values.py
where it says which values are right, rules/conditions.py where it says which instances are meant,
else rules/judging.py; ``variable "rules"`` in variables.tf, ``rules`` in locals.tf and
``seeded_items`` in rules.tf; tests/rules.json, docs/rules.md, README.md; ``Code`` in
model/finding.py, where something new may be found by it.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from enum import StrEnum

from tag_policy.model.ladder import Ladder
from tag_policy.model.resource import ResourceType


class Action(StrEnum):
    """How a rule finds the value of its tag. Spelled as in the rules table.

    ``CHECK`` finds none: what is missing or not allowed is reported, for people to mend. ``REMOVE``
    says that the tag is not to be used: it is deleted.
    """

    CHECK = "Check"
    REMOVE = "Remove"
    UPDATE = "Update"
    USER_LOOKUP = "UserLookup"
    FUNCTION = "Function"


Conditions = tuple[tuple[str, tuple[str, ...]], ...]
"""Facts, and the patterns that each has to be like."""

TAG_FACT = "tag:"
"""What the fact begins with that is the value of a tag; its key follows."""

GIVEN_FACT = "fact:"
"""What the fact begins with that Terraform's input ``facts`` gives; its name follows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One valid item of the rules table.

    ``default`` is the value for ``Update``, the call for ``Function`` and the fallback for
    ``UserLookup``, and never blank, but for an ``Update`` that has ``sources``, and needs none;
    ``Check`` and ``Remove`` have none. ``resource_types`` are what the rule is about.

    ``allowed_values`` (with ``*`` for anything) and ``allowed_pattern`` say which values are right;
    both where both are given. ``expires`` says that the value is a date, which is its last good
    day, and ``max_lifetime`` how far that may be away, such as ``90d``. ``note`` is for whoever has
    to mend what is found. ``when`` says which resources the rule concerns; see rules/conditions.py.

    ``normalize`` and ``synonyms`` (right values, and the patterns of what means the same) say how a
    value is written; ``replace_invalid`` that one which is not allowed gives way to the rule's own.
    ``sources`` say where a missing value is taken from, before the action's own; see
    rules/sources.py. ``aliases`` are other spellings of the key, and ``rename`` says that those are
    deleted when their value has been taken over; see rules/aliases.py. ``escalate`` says what
    follows where the tag is not as the rule says, and stays so; see rules/escalation.py.
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
    sources: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    rename: bool = False
    escalate: Ladder = ()
    resource_types: tuple[ResourceType, ...] = (ResourceType.INSTANCE,)

    @property
    def cause(self) -> str:
        """What a mark names the rule by: its id, and what changes when the rule does.

        What was announced by a rule does not hold any more when the rule says something else. Its
        note says nothing of that, nor does it matter to one resource what else the rule is about.
        """
        says = {field.name: getattr(self, field.name) for field in fields(self)}
        del says["note"], says["resource_types"]
        # DynamoDB gives a map in any order.
        says |= {"when": sorted(self.when), "synonyms": sorted(self.synonyms)}
        # What is not said does not count, so that nothing changes when rules learn to say more.
        text = json.dumps({name: value for name, value in says.items() if value}, default=str)
        return f"rule {self.rule_id} ({hashlib.sha256(text.encode()).hexdigest()[:8]})"

    @property
    def changes_values(self) -> bool:
        """Whether a value that somebody wrote may be written anew."""
        return bool(self.normalize or self.synonyms or self.replace_invalid)

    @property
    def is_unlocked(self) -> bool:
        """Whether IAM may not keep the values of its key: it would keep them from the rule, too.

        For IAM ``owner`` and ``Owner`` are one key, so that the one could not be taken over by the
        other.
        """
        return self.changes_values or bool(self.aliases)

    @property
    def asks_for_tags(self) -> list[str]:
        """The keys of the tags on which it depends whether a rule concerns an instance, or how."""
        asked = (*(fact for fact, _ in self.when), *self.sources)
        return [one.removeprefix(TAG_FACT) for one in asked if one.startswith(TAG_FACT)]

    @property
    def deletes_keys(self) -> tuple[str, ...]:
        """The keys of the tags that the rule may delete."""
        if self.action is Action.REMOVE:
            return (self.tag_key,)
        return self.aliases if self.rename else ()


@dataclass(frozen=True, slots=True)
class RuleError:
    """An item of the rules table that cannot be used, and what would make it right."""

    rule_id: str
    problem: str

    def __str__(self) -> str:
        return f"rule {self.rule_id}: {self.problem}"
