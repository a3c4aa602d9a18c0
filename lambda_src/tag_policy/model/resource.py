"""What is tagged: the types of resources, and what the engine knows of each, whatever its type.

What another type touches: ``ResourceType`` here, a module in resources/ with its row in ``KINDS``
of resources/kinds.py, what is said of it in reporting/wording.py, ``describe`` in iam.tf,
``variable "rules"`` in variables.tf, docs/report.schema.json, docs/rules.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of what has none: EC2 does not say when an interface or an address came to be."""


class ResourceType(StrEnum):
    """What rules may be about, in EC2's own words."""

    INSTANCE = "instance"
    VOLUME = "volume"
    NETWORK_INTERFACE = "network-interface"
    SNAPSHOT = "snapshot"
    IMAGE = "image"
    ELASTIC_IP = "elastic-ip"


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """What a finding needs to know of its resource: enough to name it and to ask who made it.

    Tags are left behind on purpose, so that a run over 100,000 instances does not hold the tags of
    all of them. ``created_at`` is the resource's creation or a moment after it, never before it;
    ``NEVER`` where EC2 does not tell. ``vpc_id`` is the VPC of an instance, and of what hangs off
    it. ``seen_at`` is when EC2 was asked for what is known of it, not when that was looked through,
    and ``shown_at`` when it had answered: what it told may be as old as the one, and as new as the
    other.
    ``managers`` says which AWS services the resource belongs to, and what it is part of there, such
    as ``{"autoscaling": "web-asg"}``: from tags that only AWS can write. ``spot_request_id`` is the
    Spot request that an instance fulfils, or empty.
    """

    resource_id: str
    vpc_id: str
    name: str
    created_at: datetime
    managers: Mapping[str, str]
    seen_at: datetime = NEVER
    shown_at: datetime = NEVER
    spot_request_id: str = ""
    resource_type: ResourceType = ResourceType.INSTANCE


@dataclass(frozen=True, slots=True)
class Parent:
    """Something that a resource hangs off, or was made of, with its tags: an instance, a volume.

    ``not_known`` are the keys of tags of which it is not known yet what they will hold: a rule is
    still to write them.
    """

    resource_type: ResourceType
    resource_id: str
    tags: Mapping[str, str]
    not_known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as EC2 tells of it. What it does not tell, or a type has not, is empty.

    ``state`` is in EC2's words. ``parents`` is what it hangs off, or was made of, as far as that is
    there; an instance's are read elsewhere, see resources/parent_tags.py. ``is_attached`` says of a
    volume or an interface that it is attached to an instance, of an address to anything, and of a
    snapshot that there is its volume; None where a type knows no such thing.
    """

    ref: ResourceRef
    state: str
    tags: Mapping[str, str]
    subnet_id: str = ""
    availability_zone: str = ""
    has_public_ip: bool = False
    parents: tuple[Parent, ...] = ()
    is_attached: bool | None = None

    @property
    def type(self) -> ResourceType:
        """What it is."""
        return self.ref.resource_type
