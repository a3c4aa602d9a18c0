"""An EC2 instance, as the engine knows it.

What another kind of resource would touch: ``InstanceRef`` here, which every finding has, and
``Rule`` in model/rule.py, which would say of what it is; rules/item.py, rules/conditions.py and
rules/sources.py, which refuse it, rules/evaluation.py and rules/judging.py; a module beside
resources/instance.py, and what goes by the ids of instances: resources/second_look.py,
resources/remedy_queue.py, resources/writing.py; runs/sweep.py and runs/engine.py;
reporting/sns_message.py, reporting/email.py and reporting/wording.py; variables.tf, iam.tf.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
"""What the id of an instance looks like.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
"""


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """What a finding needs to know of its instance: enough to name it and to ask who launched it.

    Tags are left behind on purpose, so that a run over 100,000 instances does not hold the tags of
    all of them. ``created_at`` is the instance's creation or a moment after it, never before it.
    ``seen_at`` is when EC2 was asked for what is known of it, not when that was looked through, and
    ``shown_at`` when it had answered: what it told may be as old as the one, and as new as the
    other.
    ``managers`` says which AWS services the instance belongs to, and what it is part of there, such
    as ``{"autoscaling": "web-asg"}``: from tags that only AWS can write. ``spot_request_id`` is the
    Spot request that it fulfils, or empty.
    """

    instance_id: str
    vpc_id: str
    name: str
    created_at: datetime
    managers: Mapping[str, str]
    seen_at: datetime = _NEVER
    shown_at: datetime = _NEVER
    spot_request_id: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of an instance; ``groups`` are the ids of its security groups."""

    interface_id: str
    vpc_id: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as ``DescribeInstances`` tells of it; ``started_at`` is its last start.

    What it does not tell is empty: ``lifecycle`` of an instance on demand, and ``instance_profile``
    of one without. ``platform`` is in the words of EC2's ``PlatformDetails``, and
    ``instance_profile`` the name of the profile, without its path. ``interfaces`` are empty where
    they were not read.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
    """

    ref: InstanceRef
    state: str
    started_at: datetime
    tags: Mapping[str, str]
    subnet_id: str = ""
    availability_zone: str = ""
    instance_type: str = ""
    image_id: str = ""
    lifecycle: str = ""
    platform: str = ""
    instance_profile: str = ""
    has_public_ip: bool = False
    interfaces: tuple[Interface, ...] = ()

    def open_interfaces(self, isolation_groups: Mapping[str, str]) -> tuple[Interface, ...]:
        """Return its network interfaces that have other security groups than isolated ones have.

        ``isolation_groups`` are those, by VPC.
        """
        return tuple(
            interface
            for interface in self.interfaces
            if interface.groups != (isolation_groups.get(interface.vpc_id),)
        )

    def is_isolated(self, isolation_groups: Mapping[str, str]) -> bool:
        """Tell whether all of its network interfaces have the group of isolated ones alone."""
        return bool(self.interfaces) and not self.open_interfaces(isolation_groups)

    def cannot_be_isolated(self, isolation_groups: Mapping[str, str]) -> str:
        """Return why it cannot be isolated; empty where it can."""
        without = {one.vpc_id for one in self.interfaces} - isolation_groups.keys()
        if self.ref.vpc_id not in isolation_groups or without:
            which = min(without, default=self.ref.vpc_id)
            return f"isolation_security_groups has no group for {which}"
        return "" if self.interfaces else "its network interfaces are not known"


def security_groups(interfaces: Iterable[Interface]) -> str:
    """Return which security groups some network interfaces have, for people and programs."""
    return "; ".join(f"{one.interface_id}: {', '.join(one.groups)}" for one in interfaces)
