"""An EC2 instance, as the engine knows it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tag_policy.model.resource import NEVER, Resource

INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
"""What the id of an instance looks like.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
"""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of an instance; ``groups`` are the ids of its security groups."""

    interface_id: str
    vpc_id: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instance(Resource):
    """An EC2 instance as ``DescribeInstances`` tells of it; ``started_at`` is its last start.

    What it does not tell is empty: ``lifecycle`` of an instance on demand, and ``instance_profile``
    of one without. ``platform`` is in the words of EC2's ``PlatformDetails``, and
    ``instance_profile`` the name of the profile, without its path. ``interfaces`` are empty where
    they were not read.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
    """

    started_at: datetime = NEVER
    instance_type: str = ""
    image_id: str = ""
    lifecycle: str = ""
    platform: str = ""
    instance_profile: str = ""
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
