"""What hangs off instances: volumes, interfaces, addresses, images, snapshots of those volumes.

It is listed by what it hangs off, some hundreds of instances at a time, and judged with the tags
that those have by then. What hangs off no instance that is looked after is left out: no VPC owns
it. So is what hangs off instances of several VPCs, or off one that is not looked after beside one
that is: it is somebody else's, too.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from tag_policy.aws.fast.parser import timestamp
from tag_policy.aws.pace import PacedCalls
from tag_policy.model.instance import Instance
from tag_policy.model.resource import NEVER, Parent, Resource, ResourceRef, ResourceType
from tag_policy.resources.instance import FILTER_VALUES, chunks, instances_by_id
from tag_policy.resources.kind import Description, Kind, ParentIds
from tag_policy.resources.managers import managers
from tag_policy.resources.volume import VOLUME, instances_of

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

SIDE_BY_SIDE = 4
"""Calls that are under way at a time."""

_A_FEW = 50


def instances_a_call(kind: Kind) -> int:
    """Return of how many instances it is asked at a time what hangs off them.

    A volume may have a snapshot for each day of a month, of which each takes 3 KB until it is
    judged, and some calls are under way at a time: fewer fit into the memory.
    """
    return FILTER_VALUES if ResourceType.INSTANCE in kind.filters else _A_FEW


_Described = Mapping[str, Description]
"""What EC2 tells of some resources, by their ids."""


class Hanging:
    """Tells what hangs off instances, for one run; several threads may ask at a time.

    ``account_id`` is whose resources are meant: others share theirs.
    """

    def __init__(self, ec2: "EC2Client", account_id: str, paced: PacedCalls) -> None:
        self._ec2 = ec2
        self._account_id = account_id
        self._paced = paced

    def off(
        self, kind: Kind, instance_ids: Sequence[str], vpc_ids: Collection[str]
    ) -> list[Resource]:
        """Return what of a kind hangs off instances, as far as those are live and in the VPCs.

        Raises botocore's errors.
        """
        asked_at = self._paced.now()
        volumes: _Described = {}
        if ResourceType.INSTANCE in kind.filters:
            found = self._by(kind, kind.filters[ResourceType.INSTANCE], instance_ids)
        else:
            volumes = self._by(VOLUME, VOLUME.filters[ResourceType.INSTANCE], instance_ids)
            found = self._by(kind, kind.filters[ResourceType.VOLUME], list(volumes))
        return self._resources(kind, found, vpc_ids, asked_at, volumes)

    def by_id(
        self, kind: Kind, resource_ids: Sequence[str], vpc_ids: Collection[str]
    ) -> list[Resource]:
        """Return those of some resources that are there, and hang off instances of the VPCs.

        Raises botocore's errors.
        """
        asked_at = self._paced.now()
        found = self._by(kind, kind.id_filter, resource_ids)
        asked_for = frozenset(resource_ids)
        ours = {i: description for i, description in found.items() if i in asked_for}
        hang_off = (kind.parent_ids(one).get(ResourceType.VOLUME, ()) for one in ours.values())
        volumes = self._by(VOLUME, VOLUME.id_filter, _all(hang_off))
        return self._resources(kind, ours, vpc_ids, asked_at, volumes)

    def _by(self, kind: Kind, filter_name: str, values: Sequence[str]) -> _Described:
        return {
            description[kind.id_name]: description
            for some in chunks(values, FILTER_VALUES)
            for page in self._pages(kind, filter_name, some)
            for description in page
            if kind.id_name in description
            and description.get("OwnerId", self._account_id) == self._account_id
        }

    def _pages(
        self, kind: Kind, filter_name: str, values: Sequence[str]
    ) -> Iterator[Sequence[Description]]:
        call = getattr(self._ec2, kind.operation)
        request: dict[str, Any] = {
            "Filters": [{"Name": filter_name, "Values": list(values)}],
            **kind.request,
        }
        if kind.page_size:
            request["MaxResults"] = kind.page_size
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            page = self._paced(partial(call, **request, **more))
            yield page[kind.answer]
            asked, token = token, page.get("NextToken", "")
            if token and token == asked:
                raise ResponseParserError("EC2 answers a page with the token of the same page")
            if not token:
                return

    def _resources(
        self,
        kind: Kind,
        described: _Described,
        vpc_ids: Collection[str],
        asked_at: datetime,
        volumes: _Described,
    ) -> list[Resource]:
        """Return described resources with what they hang off: volumes, and then instances."""
        parents_of = {i: kind.parent_ids(description) for i, description in described.items()}
        above = {
            resource_id: _instances_above(parent_ids, volumes)
            for resource_id, parent_ids in parents_of.items()
        }
        instance_ids = _all(above.values())
        shown = instances_by_id(self._ec2, instance_ids, vpc_ids, self._paced)
        instances = {one.ref.resource_id: one for one in shown}
        found: list[Resource] = []
        for resource_id, description in described.items():
            vpc_id = _vpc_of(above[resource_id], instances)
            # An interface may be in another VPC than its instance.
            if vpc_id and description.get("VpcId", vpc_id) == vpc_id:
                parents = [
                    *(
                        Parent(ResourceType.VOLUME, i, _tags(VOLUME, volumes[i]))
                        for i in parents_of[resource_id].get(ResourceType.VOLUME, ())
                        if i in volumes
                    ),
                    *(
                        Parent(ResourceType.INSTANCE, i, instances[i].tags)
                        for i in sorted(above[resource_id])
                    ),
                ]
                found.append(_resource(kind, description, vpc_id, parents, asked_at))
        return found


def _all(some: Iterable[Collection[str]]) -> list[str]:
    return sorted(set(itertools.chain.from_iterable(some)))


def _instances_above(parents: ParentIds, volumes: _Described) -> frozenset[str]:
    """Return the ids of the instances that something hangs off, by a volume or without one."""
    by_volumes = (
        instances_of(volumes[volume_id])
        for volume_id in parents.get(ResourceType.VOLUME, ())
        if volume_id in volumes
    )
    return frozenset(itertools.chain(parents.get(ResourceType.INSTANCE, ()), *by_volumes))


def _vpc_of(above: Collection[str], instances: Mapping[str, Instance]) -> str:
    """Return the VPC of all instances that something hangs off; empty where that is not one."""
    vpc_ids = {instances[i].ref.vpc_id if i in instances else "" for i in above}
    return vpc_ids.pop() if len(vpc_ids) == 1 else ""


def _tags(kind: Kind, description: Description) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in description.get(kind.tags, [])}


def _resource(
    kind: Kind,
    description: Description,
    vpc_id: str,
    parents: Iterable[Parent],
    asked_at: datetime,
) -> Resource:
    tags = _tags(kind, description)
    fields = kind.fields(description)
    above = tuple(parents)
    if kind.type is ResourceType.SNAPSHOT:
        fields["is_attached"] = any(p.resource_type is ResourceType.VOLUME for p in above)
    return Resource(
        ref=ResourceRef(
            resource_id=description[kind.id_name],
            vpc_id=vpc_id,
            name=tags.get("Name", ""),
            created_at=_created_at(kind, description),
            managers=managers(description, tags),
            seen_at=asked_at,
            shown_at=asked_at,
            resource_type=kind.type,
        ),
        tags=tags,
        parents=above,
        **fields,
    )


def _created_at(kind: Kind, description: Description) -> datetime:
    """Return when something came to be, as far as EC2 tells; of images it tells it as text."""
    created = description.get(kind.created) if kind.created else None
    if isinstance(created, str):
        try:
            return timestamp(created)
        except ValueError:
            return NEVER
    return created or NEVER
