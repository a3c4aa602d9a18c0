"""Where a missing value comes from: what a rule's ``from`` names. Pure.

A source is a tag of what the instance is in, or was made of (``vpc``: the same key there;
``vpc:CostCenter``: another one), another tag of the instance (``tag:Stage``), what Terraform's
input ``facts`` gives (``fact:team``), or whether it has a public address (``public_ip``).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import Instance
from tag_policy.model.rule import GIVEN_FACT, TAG_FACT, Rule
from tag_policy.model.tag_limits import MAX_TAG_KEY_LENGTH
from tag_policy.model.tag_text import is_blank, quoted
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.conditions import Context, asks_for_more, public_ip

TagsOfParents = Callable[[str, str, str], Value]
"""Tells of a kind of parent, such as ``vpc``, its id, and a key, which value its tag has."""


def _read(field: Callable[[Instance], str]) -> Callable[[Instance], str | Unknown]:
    """Return a field that is not known where the look at the instance has not read it."""
    return lambda instance: field(instance) if instance.subnet_id else Unknown.VALUE


PARENTS: Mapping[str, Callable[[Instance], str | Unknown]] = {
    "auto_scaling_group": lambda instance: instance.ref.managers.get("autoscaling", ""),
    "subnet": _read(lambda instance: instance.subnet_id),
    "vpc": lambda instance: instance.ref.vpc_id,
    "image": _read(lambda instance: instance.image_id),
    "launch_template": lambda instance: instance.tags.get("aws:ec2launchtemplate:id", ""),
}
"""What an instance is in or was made of, and how its id is to be had, empty where there is none.

What another one touches: ``Instance`` in model/instance.py, ``_what_few_ask_for`` in
resources/instance.py and aws/fast/parser.py, which read its id; resources/parent_tags.py, which
reads its tags; ``reads_tags_of_parents`` in iam.tf, ``variable "rules"`` in variables.tf.

``aws:ec2launchtemplate:id`` is a tag that only AWS can write.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

PUBLIC_IP = "public_ip"

_OF_OTHERS = ("instance", "volume")
"""Sources of what hangs off an instance."""

_MAY_CHANGE = ("auto_scaling_group", PUBLIC_IP, TAG_FACT)
"""What begins so may be another one a moment later, as instances are attached to groups, too."""


class SourceError(TagPolicyError):
    """A source that there is none of."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was understood: ``said`` in the words of the rule.

    ``parent`` is the kind of what has the tag, empty where that is none of ``PARENTS``; ``key`` is
    the key of the tag, or the name of the fact.
    """

    said: str
    parent: str
    key: str

    def parent_of(self, instance: Instance) -> tuple[str, str] | None:
        """Return the kind and the id of what has the tag; None where there is no such thing."""
        if not self.parent:
            return None
        parent_id = PARENTS[self.parent](instance)
        return (self.parent, parent_id) if isinstance(parent_id, str) and parent_id else None

    def value(self, asked: Context, tags_of_parents: TagsOfParents) -> str | Unknown:
        """Return the value that the source has for an instance, empty where it has none."""
        value: Value
        if self.parent:
            parent_id = PARENTS[self.parent](asked.instance)
            if isinstance(parent_id, Unknown):
                return parent_id
            value = tags_of_parents(self.parent, parent_id, self.key) if parent_id else None
        elif self.said == PUBLIC_IP:
            value = public_ip(asked.instance)
        elif self.said.startswith(TAG_FACT):
            value = asked.tag(self.key)
        else:
            value = asked.facts.get(self.key)
        if isinstance(value, Unknown):
            return value
        return value if isinstance(value, str) and not is_blank(value) else ""

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

    ``keys`` are the tag keys that are asked of each kind of parent. ``ask_for_more`` says that what
    is read of instances only where a rule asks for it is asked for.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._of_rules = [(rule, some) for rule in rules if (some := sources_of(rule))]
        self.keys: dict[str, set[str]] = {}
        for source in itertools.chain.from_iterable(some for _, some in self._of_rules):
            if source.parent:
                self.keys.setdefault(source.parent, set()).add(source.key)
        self.ask_for_more = any(map(asks_for_more, rules)) or any(
            source.is_read_where_asked_for for _, some in self._of_rules for source in some
        )

    def of(self, instances: Iterable[Instance]) -> Iterator[tuple[str, str]]:
        """Yield the kinds and ids of the parents whose tags instances may need: often the same."""
        for instance in instances:
            for rule, sources in self._of_rules:
                if rule.replace_invalid or is_blank(instance.tags.get(rule.tag_key, "")):
                    yield from filter(None, (source.parent_of(instance) for source in sources))


def sources_of(rule: Rule) -> Sequence[Source]:
    """Return the sources of a rule. Raises SourceError where it names something else."""
    return [_source(said, rule.tag_key) for said in rule.sources]


def _source(said: str, tag_key: str) -> Source:
    kind, colon, key = said.partition(":")
    if said == PUBLIC_IP:
        return Source(said, "", "")
    if kind in _OF_OTHERS:
        raise SourceError(
            f"names {quoted(said)}, which is a source for volumes and snapshots, not for instances"
        )
    if kind in PARENTS and (not colon or _may_be_a_key(key)):
        return Source(said, kind, key or tag_key)
    if said.startswith((TAG_FACT, GIVEN_FACT)) and _may_be_a_key(key):
        if said == f"{TAG_FACT}{tag_key}":
            raise SourceError(f"names {quoted(said)}, which is the tag that is missing")
        return Source(said, "", key)
    known = ", ".join((*PARENTS, PUBLIC_IP, f"{TAG_FACT}Key", f"{GIVEN_FACT}name"))
    raise SourceError(
        f"names {quoted(said)}, which is not known; known are {known}, and those such as "
        "'vpc:CostCenter'"
    )


def _may_be_a_key(key: str) -> bool:
    return not is_blank(key) and len(key) <= MAX_TAG_KEY_LENGTH and key.isprintable()
