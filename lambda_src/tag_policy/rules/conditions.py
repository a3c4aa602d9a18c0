"""When a rule concerns a resource: facts, and what each has to be. Pure.

A condition is a fact and patterns. It holds if no pattern behind a ``!`` matches and, where there
are others, one of them does. A tag without a value is as one that is not there, and what is not
there matches no pattern, so that ``!x`` holds for it, and ``!*`` for it alone.

What is not there of a type of resource, such as the platform of a volume, is as a tag that is not
there. What another fact touches: ``_FACTS`` here; where it is read of an instance, ``Instance`` in
model/instance.py, ``_what_few_ask_for`` in resources/instance.py and aws/fast/parser.py; where of
another type, its module in resources/; ``variable "rules"`` in variables.tf.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import Instance
from tag_policy.model.resource import NEVER, Resource, ResourceType
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
    """What conditions are about: a resource, its tags as rules leave them, where and when.

    ``facts`` are those of the module's input of that name, ``spellings`` the keys of its tags by
    their meaning.
    """

    resource: Resource
    tag: Callable[[str], Value]
    target: Target
    now: datetime
    facts: Mapping[str, str]
    spellings: Spellings


def public_ip(resource: Resource) -> Value:
    """Return whether a resource has a public address; what is only starting may yet get one."""
    is_starting = resource.state == "pending" and not resource.has_public_ip
    if not resource.subnet_id or is_starting:
        return Unknown.VALUE
    return "true" if resource.has_public_ip else "false"


@dataclass(frozen=True, slots=True)
class Fact:
    """What conditions may ask of a resource, and the ``types`` that know it.

    Of any other type it has no value. ``is_read_where_asked_for`` says that it is read of instances
    only where a rule asks for it; see ``Clients.tell_more``.
    """

    value: Callable[[Context], Value]
    types: frozenset[ResourceType] = frozenset(ResourceType)
    is_read_where_asked_for: bool = False

    def of(self, asked: Context) -> Value:
        """Return the value; not known where the look at an instance has not read it.

        An instance of a VPC is in a subnet; where none was read, neither was anything of these.
        """
        if asked.resource.type not in self.types:
            return None
        if self.is_read_where_asked_for and _was_not_read(asked.resource):
            return Unknown.VALUE
        return self.value(asked)


def _was_not_read(resource: Resource) -> bool:
    return isinstance(resource, Instance) and not resource.subnet_id


def _of_instance(value_of: Callable[[Instance], str]) -> Fact:
    def value(asked: Context) -> Value:
        return value_of(asked.resource) if isinstance(asked.resource, Instance) else None

    return Fact(value, frozenset({ResourceType.INSTANCE}), is_read_where_asked_for=True)


def _is_attached(asked: Context) -> Value:
    attached = asked.resource.is_attached
    return None if attached is None else str(attached).lower()


_IN_A_SUBNET = frozenset({ResourceType.INSTANCE, ResourceType.NETWORK_INTERFACE})

_WITHOUT_CREATION = frozenset({ResourceType.NETWORK_INTERFACE, ResourceType.ELASTIC_IP})
"""Types of which EC2 does not say when they came to be."""

_FACTS: Mapping[str, Fact] = {
    "vpc": Fact(lambda asked: asked.resource.ref.vpc_id),
    "region": Fact(lambda asked: asked.target.region),
    "account": Fact(lambda asked: asked.target.account_id),
    "state": Fact(
        lambda asked: asked.resource.state, frozenset(ResourceType) - {ResourceType.ELASTIC_IP}
    ),
    "auto_scaling_group": Fact(
        lambda asked: asked.resource.ref.managers.get("autoscaling"),
        frozenset({ResourceType.INSTANCE}),
    ),
    "managed_by": Fact(lambda asked: tuple(asked.resource.ref.managers)),
    "subnet": Fact(
        lambda asked: asked.resource.subnet_id, _IN_A_SUBNET, is_read_where_asked_for=True
    ),
    "availability_zone": Fact(
        lambda asked: asked.resource.availability_zone,
        _IN_A_SUBNET | {ResourceType.VOLUME},
        is_read_where_asked_for=True,
    ),
    "instance_type": _of_instance(lambda instance: instance.instance_type),
    "image": _of_instance(lambda instance: instance.image_id),
    "lifecycle": _of_instance(lambda instance: instance.lifecycle),
    "platform": _of_instance(lambda instance: instance.platform),
    "public_ip": Fact(
        lambda asked: public_ip(asked.resource), _IN_A_SUBNET, is_read_where_asked_for=True
    ),
    "instance_profile": _of_instance(lambda instance: instance.instance_profile),
    "attached": Fact(
        _is_attached, frozenset(ResourceType) - {ResourceType.INSTANCE, ResourceType.IMAGE}
    ),
}
"""What is known of a resource beside its tags and its age.

``managed_by`` are the services that it belongs to, as resources/managers.py names them.
"""

_AGE_FACT = "age"


def asks_for_more(rule: Rule) -> bool:
    """Tell whether a rule asks for what is read of instances only where one does."""
    if ResourceType.INSTANCE not in rule.resource_types:
        return False
    asked = (_FACTS.get(fact) for fact, _ in rule.when)
    return any(fact is not None and fact.is_read_where_asked_for for fact in asked)


def types_that_know(fact: str) -> frozenset[ResourceType]:
    """Return the types of which a fact may have a value. Raises KeyError for one that is none."""
    if fact == _AGE_FACT:
        return frozenset(ResourceType) - _WITHOUT_CREATION
    if fact.startswith((TAG_FACT, GIVEN_FACT)):
        return frozenset(ResourceType)
    return _FACTS[fact].types


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
    if fact not in _FACTS:
        known = ", ".join((f"{TAG_FACT}Key", f"{GIVEN_FACT}name", *_FACTS, _AGE_FACT))
        raise ConditionError(f"asks for {quoted(fact)}, which is not known; known are {known}")
    return _of_text(_FACTS[fact].of, patterns)


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
    """Tell whether a resource is older, or younger, counted from its creation to the moment.

    Of what EC2 does not say when it came to be, neither is true.
    """
    created_at = asked.resource.ref.created_at
    if created_at == NEVER:
        return False
    day = length.after(created_at.date())
    then = created_at + timedelta(days=(day - created_at.date()).days)
    return asked.now > then if sign == ">" else asked.now < then
