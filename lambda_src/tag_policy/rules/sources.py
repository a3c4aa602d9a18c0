"""Where a missing value comes from: what a rule's ``from`` names. Pure.

A source is a tag of what the resource is in, hangs off, or was made of (``vpc``: the same key
there; ``vpc:CostCenter``: another one), another tag of the resource (``tag:Stage``), what
Terraform's input ``facts`` gives (``fact:team``), or whether it has a public address
(``public_ip``). One that a type of resource has not, such as the subnet of a volume, is passed
over.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import Instance
from tag_policy.model.resource import Resource, ResourceType
from tag_policy.model.rule import GIVEN_FACT, TAG_FACT, Rule
from tag_policy.model.tag_limits import MAX_TAG_KEY_LENGTH
from tag_policy.model.tag_text import is_blank, quoted
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.conditions import Context, asks_for_more, public_ip

TagsOfParents = Callable[[str, str, str], Value]
"""Tells of a kind of parent, such as ``vpc``, its id, and a key, which value its tag has."""


def _read(field: Callable[[Instance], str]) -> Callable[[Resource], str | Unknown]:
    """Return a field that is not known where the look at the instance has not read it."""
    return lambda of: (field(of) if of.subnet_id else Unknown.VALUE) if _is_instance(of) else ""


def _is_instance(resource: Resource) -> TypeGuard[Instance]:
    return isinstance(resource, Instance)


def _subnet(resource: Resource) -> str | Unknown:
    is_read = resource.subnet_id or not _is_instance(resource)
    return resource.subnet_id if is_read else Unknown.VALUE


_ALL = frozenset(ResourceType)
_INSTANCE = frozenset({ResourceType.INSTANCE})
_IN_A_SUBNET = _INSTANCE | {ResourceType.NETWORK_INTERFACE}


@dataclass(frozen=True, slots=True)
class ParentKind:
    """A kind of what resources are in or were made of: how its id is to be had, empty for none.

    ``types`` are those that may have one.
    """

    id_of: Callable[[Resource], str | Unknown]
    types: frozenset[ResourceType]


PARENTS: Mapping[str, ParentKind] = {
    "auto_scaling_group": ParentKind(lambda of: of.ref.managers.get("autoscaling", ""), _INSTANCE),
    "subnet": ParentKind(_subnet, _IN_A_SUBNET),
    "vpc": ParentKind(lambda of: of.ref.vpc_id, _ALL),
    "image": ParentKind(_read(lambda instance: instance.image_id), _INSTANCE),
    "launch_template": ParentKind(
        lambda of: of.tags.get("aws:ec2launchtemplate:id", ""), _INSTANCE
    ),
}
"""What a resource is in or was made of, whose tags are read apart.

What another one touches: ``Instance`` in model/instance.py, ``_what_few_ask_for`` in
resources/instance.py and aws/fast/parser.py, which read its id; resources/parent_tags.py, which
reads its tags; ``reads_tags_of_parents`` in iam.tf, ``variable "rules"`` in variables.tf.

``aws:ec2launchtemplate:id`` is a tag that only AWS can write.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

HANGS_OFF: Mapping[str, frozenset[ResourceType]] = {
    "instance": _ALL - _INSTANCE,
    "volume": frozenset({ResourceType.SNAPSHOT}),
}
"""What a resource hangs off, and which types do. Its tags come with it: ``Resource.parents``."""

PUBLIC_IP = "public_ip"

_MAY_CHANGE = ("auto_scaling_group", *HANGS_OFF, PUBLIC_IP, TAG_FACT)
"""What begins so may be another one a moment later: instances are attached to groups, volumes to
instances, and both may be given other tags."""


class SourceError(TagPolicyError):
    """A source that there is none of."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was understood: ``said`` in the words of the rule.

    ``parent`` is the kind of what has the tag, empty where that is none of ``PARENTS`` and
    ``HANGS_OFF``; ``key`` is the key of the tag, or the name of the fact.
    """

    said: str
    parent: str
    key: str

    @property
    def types(self) -> frozenset[ResourceType]:
        """The types of resources that may have a value from there."""
        if self.said == PUBLIC_IP:
            return _IN_A_SUBNET
        if self.parent in HANGS_OFF:
            return HANGS_OFF[self.parent]
        return PARENTS[self.parent].types if self.parent else _ALL

    def parent_of(self, resource: Resource) -> tuple[str, str] | None:
        """Return the kind and the id of whose tags are read apart; None for no such thing."""
        if self.parent not in PARENTS or resource.type not in self.types:
            return None
        parent_id = PARENTS[self.parent].id_of(resource)
        return (self.parent, parent_id) if isinstance(parent_id, str) and parent_id else None

    def values(
        self, asked: Context, tags_of_parents: TagsOfParents
    ) -> Sequence[tuple[str, str]] | Unknown:
        """Return the value that the source has for a resource, and whence; none for none.

        There are several where a resource hangs off several things, such as a volume that is
        attached to two instances.
        """
        if asked.resource.type not in self.types:
            return ()
        if self.parent in HANGS_OFF:
            parents = [p for p in asked.resource.parents if p.resource_type == self.parent]
            if any(self.key in parent.not_known for parent in parents):
                return Unknown.VALUE
            return [
                (f"{self.said} {parent.resource_id}", value)
                for parent in parents
                if not is_blank(value := parent.tags.get(self.key, ""))
            ]
        found = self._value(asked, tags_of_parents)
        if isinstance(found, Unknown):
            return found
        return [(self.said, found)] if isinstance(found, str) and not is_blank(found) else ()

    def _value(self, asked: Context, tags_of_parents: TagsOfParents) -> Value:
        if self.parent:
            parent_id = PARENTS[self.parent].id_of(asked.resource)
            if isinstance(parent_id, Unknown):
                return parent_id
            return tags_of_parents(self.parent, parent_id, self.key) if parent_id else None
        if self.said == PUBLIC_IP:
            return public_ip(asked.resource)
        if self.said.startswith(TAG_FACT):
            return asked.tag(self.key)
        return asked.facts.get(self.key)

    @property
    def may_change(self) -> bool:
        """Whether the value may be another one by the time that it is written."""
        return self.said.startswith(_MAY_CHANGE)

    @property
    def is_read_where_asked_for(self) -> bool:
        """Whether it depends on what is read of instances only where a rule asks for it."""
        return self.said == PUBLIC_IP or self.parent in ("subnet", "image")


class Sources:
    """The sources of all rules of a run, and what has to be read for them.

    ``keys`` are the tag keys that are asked of each kind of parent, ``handed_on`` those that are
    asked of each type that resources hang off. ``ask_for_more`` says that what is read of instances
    only where a rule asks for it is asked for.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._of_rules = [(rule, some) for rule in rules if (some := sources_of(rule))]
        self.keys: dict[str, set[str]] = {}
        self.handed_on: dict[str, set[str]] = {}
        for source in itertools.chain.from_iterable(some for _, some in self._of_rules):
            if source.parent in PARENTS:
                self.keys.setdefault(source.parent, set()).add(source.key)
            elif source.parent:
                self.handed_on.setdefault(source.parent, set()).add(source.key)
        self.ask_for_more = any(map(asks_for_more, rules)) or any(
            source.is_read_where_asked_for
            for rule, some in self._of_rules
            for source in some
            if ResourceType.INSTANCE in rule.resource_types
        )

    def of(self, resources: Iterable[Resource]) -> Iterator[tuple[str, str]]:
        """Yield the kinds and ids of the parents whose tags resources may need: often the same."""
        for resource in resources:
            for rule, sources in self._of_rules:
                if resource.type in rule.resource_types and (
                    rule.replace_invalid or is_blank(resource.tags.get(rule.tag_key, ""))
                ):
                    yield from filter(None, (source.parent_of(resource) for source in sources))


def sources_of(rule: Rule) -> Sequence[Source]:
    """Return the sources of a rule. Raises SourceError where it names something else."""
    return [_source(said, rule.tag_key) for said in rule.sources]


def _source(said: str, tag_key: str) -> Source:
    kind, colon, key = said.partition(":")
    if said == PUBLIC_IP:
        return Source(said, "", "")
    if kind in (*PARENTS, *HANGS_OFF) and (not colon or _may_be_a_key(key)):
        return Source(said, kind, key or tag_key)
    if said.startswith((TAG_FACT, GIVEN_FACT)) and _may_be_a_key(key):
        if said == f"{TAG_FACT}{tag_key}":
            raise SourceError(f"names {quoted(said)}, which is the tag that is missing")
        return Source(said, "", key)
    known = ", ".join((*PARENTS, *HANGS_OFF, PUBLIC_IP, f"{TAG_FACT}Key", f"{GIVEN_FACT}name"))
    raise SourceError(
        f"names {quoted(said)}, which is not known; known are {known}, and those such as "
        "'vpc:CostCenter'"
    )


def _may_be_a_key(key: str) -> bool:
    return not is_blank(key) and len(key) <= MAX_TAG_KEY_LENGTH and key.isprintable()
