"""The actions of rules: what each takes as its default, and where a missing value comes from.

What a new one touches: ``Action`` in model/rule.py, a row here, ``variable "rules"`` in
variables.tf, tests/rules.json, README.md. A value that depends on the instance, or is read from
elsewhere: rules/evaluation.py, which asks for it, and runs/engine.py, which reads it before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tag_policy.model.finding import CREATOR, DEFAULT, FUNCTION
from tag_policy.model.rule import Action, Rule
from tag_policy.rules import functions

UNKNOWN_CREATOR = "Undefined"
"""What ``UserLookup`` writes when nobody is found and the item names no fallback."""


@dataclass(frozen=True)
class Kind:
    """What the rules of an action have in common.

    ``default_is`` says what has to stand in ``Default``, ``without`` what holds where the attribute
    is absent, None where it must be there. ``check`` raises functions.ValueCallError for a default
    that is none. ``value`` is what a default means at a time, for an instance of an age; None for a
    kind whose value is who launched the instance, which is looked up, and whose default is for
    nobody found.
    ``only_if_required`` says that a tag which is not required does not get this value where it is
    missing; ``writes`` that there is a value at all: without one, a rule only judges. ``source`` is
    what is told of where the value comes from.
    """

    default_is: str
    value: Callable[[str, datetime, datetime], str] | None
    without: str | None = None
    check: Callable[[str], object] = lambda _: None
    only_if_required: bool = False
    writes: bool = True
    source: str = DEFAULT

    @property
    def is_creator(self) -> bool:
        """Whether the value is who launched the instance."""
        return self.writes and self.value is None

    def fills(self, rule: Rule, now: datetime, created_at: datetime) -> str | None:
        """Return the value that a rule of this kind writes; None where it has to be looked up."""
        return None if self.value is None else self.value(rule.default, now, created_at)


_WRITES_NOTHING = Kind(
    default_is="",
    value=None,
    without="",
    only_if_required=True,
    writes=False,
    source="",
)

KINDS: Mapping[Action, Kind] = {
    Action.CHECK: _WRITES_NOTHING,
    Action.REMOVE: _WRITES_NOTHING,
    Action.UPDATE: Kind(
        default_is="give the value to set",
        without="",  # with sources it needs none
        value=lambda default, *_: default,
        only_if_required=True,
    ),
    Action.FUNCTION: Kind(
        default_is="give the call to make, such as 'today()'",
        value=lambda default, now, created_at: functions.parse(default)(now, created_at),
        source=FUNCTION,
        check=functions.parse,
    ),
    Action.USER_LOOKUP: Kind(
        default_is="give the fallback, or leave the attribute out",
        value=None,
        without=UNKNOWN_CREATOR,
        source=CREATOR,
    ),
}
