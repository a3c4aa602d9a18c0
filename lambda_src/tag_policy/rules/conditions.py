"""When a rule concerns an instance: facts, and what each has to be. Pure.

A condition is a fact and patterns. It holds if no pattern behind a ``!`` matches and, where there
are others, one of them does. A tag without a value is as one that is not there, and what is not
there matches no pattern, so that ``!x`` holds for it, and ``!*`` for it alone.

What another fact touches: ``_FACTS`` here; where it is read of the instance, ``Instance`` in
model/instance.py, ``_what_few_ask_for`` in resources/instance.py and aws/fast/parser.py;
``variable "rules"`` in variables.tf.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import Instance
from tag_policy.model.rule import GIVEN_FACT, TAG_FACT, Conditions, Rule
from tag_policy.model.tag_text import is_blank, quoted
from tag_policy.model.target import Target
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.aliases import Spellings
from tag_policy.rules.dates import Length, read_length
from tag_policy.rules.globs import is_like

_AGE = re.compile(r"(!?)([<>])(.*)", re.DOTALL)


class ConditionError(TagPolicyError):
    """A condition that nobody can answer, or whose pattern is none."""


@dataclass(frozen=True, slots=True)
class Context:
    """What conditions are about: an instance, its tags as rules leave them, where and when.

    ``facts`` are those of the module's input of that name, ``spellings`` the keys of its tags by
    their meaning.
    """

    instance: Instance
    tag: Callable[[str], Value]
    target: Target
    now: datetime
    facts: Mapping[str, str]
    spellings: Spellings


def public_ip(instance: Instance) -> Value:
    """Return whether an instance has a public address; what is only starting may yet get one."""
    if not instance.subnet_id or (instance.state == "pending" and not instance.has_public_ip):
        return Unknown.VALUE
    return "true" if instance.has_public_ip else "false"


def _read(value_of: Callable[[Instance], Value]) -> Callable[[Context], Value]:
    """Return a fact that is not known where the look at the instance has not read it.

    An instance of a VPC is in a subnet; where none was read, neither was anything of these.
    """
    return lambda asked: value_of(asked.instance) if asked.instance.subnet_id else Unknown.VALUE


_READ_WHERE_ASKED_FOR: Mapping[str, Callable[[Instance], Value]] = {
    "subnet": lambda instance: instance.subnet_id,
    "availability_zone": lambda instance: instance.availability_zone,
    "instance_type": lambda instance: instance.instance_type,
    "image": lambda instance: instance.image_id,
    "lifecycle": lambda instance: instance.lifecycle,
    "platform": lambda instance: instance.platform,
    "public_ip": public_ip,
    "instance_profile": lambda instance: instance.instance_profile,
}
"""What is read of instances only where a rule asks for it; see ``Clients.tell_more``."""

_FACTS: Mapping[str, Callable[[Context], Value]] = {
    "vpc": lambda asked: asked.instance.ref.vpc_id,
    "region": lambda asked: asked.target.region,
    "account": lambda asked: asked.target.account_id,
    "state": lambda asked: asked.instance.state,
    "auto_scaling_group": lambda asked: asked.instance.ref.managers.get("autoscaling"),
    "managed_by": lambda asked: tuple(asked.instance.ref.managers),
    **{fact: _read(value_of) for fact, value_of in _READ_WHERE_ASKED_FOR.items()},
}
"""What is known of an instance beside its tags and its age.

``managed_by`` are the services that it belongs to, as resources/instance.py names them.
"""

_AGE_FACT = "age"

_OF_OTHERS = {"attached": "is about volumes, snapshots, network interfaces and addresses"}
"""Facts that no instance has, and why."""


def asks_for_more(rule: Rule) -> bool:
    """Tell whether a rule asks for what is read of instances only where one does."""
    return any(fact in _READ_WHERE_ASKED_FOR for fact, _ in rule.when)


class When:
    """The conditions of a rule; all of them have to hold.

    Raises ConditionError for facts that nobody knows, and for patterns that are none.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = [_condition(fact, patterns) for fact, patterns in conditions]
        self.is_always = not conditions

    def holds(self, asked: Context) -> bool | None:
        """Tell whether all conditions hold; None where it depends on what is not known yet."""
        answers = [condition(asked) for condition in self._conditions]
        if not all(answer is not False for answer in answers):
            return False
        return None if None in answers else True


_Condition = Callable[[Context], bool | None]


def _condition(fact: str, patterns: Sequence[str]) -> _Condition:
    if fact == _AGE_FACT:
        bounds = [_bound(pattern) for pattern in patterns]
        return lambda asked: _holds(
            [(not_, _is_as_old(asked, sign, length)) for not_, sign, length in bounds]
        )
    if fact.startswith(TAG_FACT):
        key = fact.removeprefix(TAG_FACT)
        return _of_text(lambda asked: asked.tag(key), patterns)
    if fact.startswith(GIVEN_FACT):
        name = fact.removeprefix(GIVEN_FACT)
        return _of_text(lambda asked: asked.facts.get(name), patterns)
    if fact in _OF_OTHERS:
        raise ConditionError(f"asks for {quoted(fact)}, which {_OF_OTHERS[fact]}")
    if fact not in _FACTS:
        known = ", ".join((f"{TAG_FACT}Key", f"{GIVEN_FACT}name", *_FACTS, _AGE_FACT))
        raise ConditionError(f"asks for {quoted(fact)}, which is not known; known are {known}")
    return _of_text(_FACTS[fact], patterns)


def _of_text(value_of: Callable[[Context], Value], patterns: Sequence[str]) -> _Condition:
    said = [(pattern.startswith("!"), pattern.removeprefix("!")) for pattern in patterns]
    if any(is_blank(glob) for _, glob in said):
        raise ConditionError(
            "has a blank pattern, which matches nothing; '!*' is for no value at all"
        )
    parted = [(not_, glob.split("*")) for not_, glob in said]

    def condition(asked: Context) -> bool | None:
        value = value_of(asked)
        if isinstance(value, Unknown):
            return None
        values = value if isinstance(value, tuple) else [value or ""]
        there = [one for one in values if not is_blank(one)]
        return _holds([(not_, any(is_like(glob, one) for one in there)) for not_, glob in parted])

    return condition


def _holds(answers: Sequence[tuple[bool, bool]]) -> bool:
    """Tell what follows from whether each pattern is one behind a ``!``, and whether it matches."""
    if any(not_ and matches for not_, matches in answers):
        return False
    others = [matches for not_, matches in answers if not not_]
    return not others or any(others)


def _bound(pattern: str) -> tuple[bool, str, Length]:
    match = _AGE.fullmatch(pattern)
    length = read_length(match[3]) if match else None
    if match is None or length is None:
        raise ConditionError(
            f"has {quoted(pattern)} for an age, which must be such as '>30d', '<2w', '!>6m'"
        )
    return bool(match[1]), match[2], length


def _is_as_old(asked: Context, sign: str, length: Length) -> bool:
    """Tell whether an instance is older, or younger, counted from its creation to the moment."""
    created_at = asked.instance.ref.created_at
    day = length.after(created_at.date())
    then = created_at + timedelta(days=(day - created_at.date()).days)
    return asked.now > then if sign == ">" else asked.now < then
