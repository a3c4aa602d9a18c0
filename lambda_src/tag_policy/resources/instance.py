"""EC2 pages to instances, one by one; the whole VPC is never in memory."""

import itertools
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.parsers import ResponseParserError

from tag_policy.aws.pace import PacedCalls
from tag_policy.aws.threads import one_ahead, side_by_side
from tag_policy.model.instance import Instance, Interface
from tag_policy.model.resource import ResourceRef
from tag_policy.resources.managers import managers

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef

_Item = TypeVar("_Item")

LIVE_STATES = ("pending", "running", "stopping", "stopped")
ENDED_STATES = ("shutting-down", "terminated")
"""Instances that are shutting down or terminated do not exist for the engine."""

FILTER_VALUES = 200
"""The most values that all filters of a Describe call take together.

EC2 says ``FilterLimitExceeded`` to more: "The maximum number of filter values specified on a single
call is 200".

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

MEANS_MORE = re.compile(r"[*?\\]")
"""What does not stand for itself in the value of a filter.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

PAGE_SIZE = 1000
"""Instances a page, at most.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

_MANAGED_TOO = "IncludeManagedResources"
"""The parameter that has hidden instances listed, too."""

ID_DIGITS = "0123456789abcdef"
"""What the id of an instance may end in."""

DIGITS_A_PART = 2
"""So there are eight parts, which is as fast as EC2's limits of calls are (docs/benchmark.md)."""

PART_PAGE_SIZE = 500
"""Instances a page of a part: sixteen of these are held at a time. The first page has as many, as
all that it shows is shown again where there are more.
"""


def asks_for_managed(ec2: "EC2Client") -> bool:
    """Tell whether this SDK can ask for the instances that an account hides.

    An account may hide what AWS services manage. Describe calls then leave it out unless they ask,
    which the SDK of an older Lambda runtime cannot.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html
    """
    request = ec2.meta.service_model.operation_model("DescribeInstances").input_shape
    return request is not None and _MANAGED_TOO in request.members


def instances_of_vpcs(
    ec2: "EC2Client",
    vpc_ids: Sequence[str],
    paced: PacedCalls,
    is_late: Callable[[], bool],
    is_over: Callable[[], bool],
    digits: Sequence[str] = ID_DIGITS,
) -> Iterator[Instance]:
    """Yield the live instances of the VPCs, each once, as their pages arrive.

    Only a page says where the next one begins. So what is more than a page is listed in parts, side
    by side: by the digits that their ids end in. Should EC2 make pages first and filter then, a
    part would take as many of them as the whole; that is seen by a page that is half empty and not
    the last one, and they are listed one after the other, each page while the one before it is
    used.

    EC2 lists in an order of its own, much the same each time; where a run has no time for all, the
    last would never have their turn. So from when ``is_late`` comes true they are listed digit by
    digit, in the order of ``digits``, which each run draws anew, until ``is_over``.
    """
    live = _filter("instance-state-name", LIVE_STATES)
    room = FILTER_VALUES - len(LIVE_STATES) - DIGITS_A_PART
    in_vpcs = [[_filter("vpc-id", some), live] for some in chunks(vpc_ids, room)]
    # Of an instance that is listed twice, the first look counts: it must not be counted, or ended,
    # twice.
    listed = set[int]()

    def new(page: _Page) -> Iterator[Instance]:
        for instance in _ours(page, vpc_ids):
            number = _number(instance)
            if number not in listed:
                listed.add(number)
                yield instance

    def part(some_digits: Sequence[str], size: int | None = None) -> Iterator[_Page]:
        ends = _filter("instance-id", [f"i-*{digit}" for digit in some_digits])
        return _pages(ec2, [[*one, ends] for one in in_vpcs], paced, size)

    first = next(_pages(ec2, in_vpcs, paced, _part_page_size()))
    yield from new(first)
    if first.is_last:
        return
    parts = [part(some, _part_page_size()) for some in chunks(digits, DIGITS_A_PART)]
    if (yield from _in_parts(parts, new, is_late, first)):
        return
    if not is_late():
        for page in one_ahead(_pages(ec2, in_vpcs, paced)):
            yield from new(page)
            if page.is_last:
                return
            if is_late():
                break
    for page in itertools.chain.from_iterable(one_ahead(part(digit)) for digit in digits):
        yield from new(page)
        if is_over():
            return


def _part_page_size() -> int:
    return min(PART_PAGE_SIZE, PAGE_SIZE)


def _in_parts(
    parts: Sequence[Iterable["_Page"]],
    new: Callable[["_Page"], Iterator[Instance]],
    is_late: Callable[[], bool],
    first: "_Page",
) -> Generator[Instance, None, bool]:
    """Yield the instances of parts that are listed side by side; return whether those are all.

    They are not where a page is half empty and others follow it, as each part takes as many pages
    as the whole, then; nor where the run is late before the last page of the last part; nor where
    the parts do not show what the ``first`` page of the whole did: then EC2 takes the digits for
    something else, and the parts may be next to nothing.
    """
    left = len(parts)
    missing = {description["InstanceId"] for description in first.descriptions}
    many = len(missing) / 2
    with closing(side_by_side(parts, left)) as pages:
        for page in pages:
            yield from new(page)
            missing.difference_update(
                description["InstanceId"] for description in page.descriptions
            )
            left -= page.is_last
            is_sparse = page.goes_on and len(page.descriptions) < _part_page_size() / 2
            if left and (is_sparse or is_late()):
                return False
    return len(missing) <= many


def _ours(page: "_Page", vpc_ids: Sequence[str]) -> Iterator[Instance]:
    """Yield the instances of a page; those outside the VPCs are not taken on trust of a filter."""
    for description in page.descriptions:
        if description.get("VpcId") in vpc_ids:
            yield to_instance(description, page.asked_at, page.answered_at)


def _number(instance: Instance) -> int:
    """Return 64 bits of the 68 of an instance's id."""
    return int(instance.ref.resource_id[2:], 16) & 0xFFFF_FFFF_FFFF_FFFF


def instances_by_id(
    ec2: "EC2Client", instance_ids: Sequence[str], vpc_ids: Collection[str], paced: PacedCalls
) -> Iterator[Instance]:
    """Yield those of the instances that are live and in one of the VPCs; the rest are left out."""
    for _, instance in instances_shown(ec2, instance_ids, vpc_ids, paced):
        if instance is not None:
            yield instance


def instances_shown(
    ec2: "EC2Client", instance_ids: Sequence[str], vpc_ids: Collection[str], paced: PacedCalls
) -> Iterator[tuple[str, Instance | None]]:
    """Yield the id of each of the instances that EC2 shows; with None unless live in the VPCs.

    What EC2 tells of other instances than those is nobody's concern.
    """
    asked_for = frozenset(instance_ids)
    for page in _pages_by_id(ec2, instance_ids, paced):
        for description in page.descriptions:
            if description["InstanceId"] not in asked_for:
                continue
            ours = description.get("VpcId") in vpc_ids
            live = description["State"]["Name"] in LIVE_STATES
            instance = (
                to_instance(description, page.asked_at, page.answered_at) if ours and live else None
            )
            yield description["InstanceId"], instance


def touched(
    ec2: "EC2Client", instance_ids: Collection[str], tag_keys: Collection[str], paced: PacedCalls
) -> Collection[str]:
    """Return the ids of those instances that have one of the tags.

    Asked of instances that lack the tags, that is next to none of them, and so takes next to no
    time. May return too many. What has lost tags is not returned, nor what is not there any more at
    all: a tag that is written to it does no harm.
    """
    room = FILTER_VALUES - len(tag_keys)
    if room < 1 or any(MEANS_MORE.search(key) for key in tag_keys):
        return instance_ids
    found: set[str] = set()
    has_one = _filter("tag-key", sorted(tag_keys))
    for some in chunks(list(instance_ids), room):
        for page in _pages(ec2, [[_filter("instance-id", some), has_one]], paced):
            found.update(description["InstanceId"] for description in page.descriptions)
    return found


def ended(ec2: "EC2Client", paced: PacedCalls) -> set[str]:
    """Return the ids of all instances of the region that have ended.

    EC2 shows them for about an hour. Not by VPC, because it does not say in which one they were.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
    """
    pages = _pages(ec2, [[_filter("instance-state-name", ENDED_STATES)]], paced)
    return {description["InstanceId"] for page in pages for description in page.descriptions}


def persistent_spot_requests(
    ec2: "EC2Client", request_ids: Collection[str], paced: PacedCalls
) -> set[str]:
    """Return those of the Spot requests that launch another instance when theirs has ended.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-requests.html
    """
    found: set[str] = set()
    for some in chunks(sorted(request_ids), FILTER_VALUES - 1):
        filters = [_filter("spot-instance-request-id", some), _filter("type", ["persistent"])]
        answer = paced(partial(ec2.describe_spot_instance_requests, Filters=filters))
        found.update(one["SpotInstanceRequestId"] for one in answer["SpotInstanceRequests"])
    return found & set(request_ids)


def states_by_id(
    ec2: "EC2Client", instance_ids: Sequence[str], paced: PacedCalls
) -> dict[str, str]:
    """Return the state of each instance that EC2 still tells of, ended ones included."""
    return {
        description["InstanceId"]: description["State"]["Name"]
        for page in _pages_by_id(ec2, instance_ids, paced)
        for description in page.descriptions
    }


def interfaces_by_id(
    ec2: "EC2Client", instance_ids: Sequence[str], paced: PacedCalls
) -> dict[str, tuple[Interface, ...]]:
    """Return the network interfaces of each instance that EC2 still tells of."""
    return {
        description["InstanceId"]: _interfaces(description)
        for page in _pages_by_id(ec2, instance_ids, paced)
        for description in page.descriptions
    }


def _pages_by_id(
    ec2: "EC2Client", instance_ids: Sequence[str], paced: PacedCalls
) -> "Iterator[_Page]":
    """Describe instances by a filter, because one id that is gone would fail a call by ids."""
    listings = [[_filter("instance-id", some)] for some in chunks(instance_ids, FILTER_VALUES)]
    return _pages(ec2, listings, paced)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of ``DescribeInstances``; ``is_last`` when no other follows in any listing.

    ``goes_on`` when another follows in its own listing.

    ``asked_at`` is when EC2 was asked for it, ``answered_at`` when it had answered: what it tells
    may be as old as the one, and as new as the other.
    """

    descriptions: "Sequence[InstanceTypeDef]"
    asked_at: datetime
    answered_at: datetime
    is_last: bool
    goes_on: bool


def _pages(
    ec2: "EC2Client",
    listings: "Sequence[Sequence[FilterTypeDef]]",
    paced: PacedCalls,
    size: int | None = None,
) -> Iterator[_Page]:
    """Yield the pages of some listings, one after the other; each is given by its filters.

    ``size`` is how many instances a page may have, the most that EC2 gives where it is left out.
    """
    managed_too = {_MANAGED_TOO: True} if asks_for_managed(ec2) else {}
    for number, filters in enumerate(listings, start=1):
        token = ""
        while True:
            request: dict[str, Any] = {
                "Filters": filters,
                "MaxResults": size or PAGE_SIZE,
                **managed_too,
            }
            if token:
                request["NextToken"] = token
            asked_at = paced.now()
            answer = paced(partial(ec2.describe_instances, **request))
            asked, token = token, answer.get("NextToken", "")
            if token and token == asked:
                raise ResponseParserError("EC2 answers a page with the token of the same page")
            yield _Page(
                [d for reservation in answer["Reservations"] for d in reservation["Instances"]],
                asked_at,
                paced.now(),
                is_last=not token and number == len(listings),
                goes_on=bool(token),
            )
            if not token:
                break


def _filter(name: str, values: Sequence[str]) -> "FilterTypeDef":
    return {"Name": name, "Values": list(values)}


def to_instance(
    description: "InstanceTypeDef", seen_at: datetime, shown_at: datetime | None = None
) -> Instance:
    """Turn one instance of an answer of ``DescribeInstances`` into an Instance.

    ``seen_at`` is when EC2 was asked, ``shown_at`` when it had answered.
    """
    tags = {tag["Key"]: tag.get("Value", "") for tag in description.get("Tags", [])}
    return Instance(
        ref=ResourceRef(
            resource_id=description["InstanceId"],
            vpc_id=description["VpcId"],
            name=tags.get("Name", ""),
            created_at=_created_at(description),
            managers=managers(description, tags),
            seen_at=seen_at,
            shown_at=shown_at or seen_at,
            spot_request_id=description.get("SpotInstanceRequestId", ""),
        ),
        state=description["State"]["Name"],
        started_at=description["LaunchTime"],
        tags=tags,
        **_what_few_ask_for(description),
    )


def _what_few_ask_for(description: "InstanceTypeDef") -> dict[str, Any]:
    """Return the fields of an instance of which few rules want to know something.

    A field is read only if aws/fast/parser.py reads it, too.

    An instance of a VPC is in a subnet; where there is none to be seen, nothing of this was read.
    """
    if "SubnetId" not in description:
        return {}
    return {
        "subnet_id": description["SubnetId"],
        "availability_zone": description.get("Placement", {}).get("AvailabilityZone", ""),
        "instance_type": description.get("InstanceType", ""),
        "image_id": description.get("ImageId", ""),
        "lifecycle": description.get("InstanceLifecycle", ""),
        "platform": description.get("PlatformDetails", ""),
        "instance_profile": description.get("IamInstanceProfile", {}).get("Arn", "").split("/")[-1],
        "has_public_ip": _has_public_ip(description),
        "interfaces": _interfaces(description),
    }


def _interfaces(description: "InstanceTypeDef") -> tuple[Interface, ...]:
    """Return the network interfaces of an instance; none where one of them cannot be read."""
    found = [
        Interface(
            interface.get("NetworkInterfaceId", ""),
            interface.get("VpcId", description["VpcId"]),
            tuple(sorted(group.get("GroupId", "") for group in interface.get("Groups", []))),
        )
        for interface in description.get("NetworkInterfaces", [])
    ]
    are_read = all(one.interface_id and all(one.groups) and one.groups for one in found)
    return tuple(found) if are_read else ()


def _has_public_ip(description: "InstanceTypeDef") -> bool:
    """Tell whether an instance has a public IPv4 address, on whichever of its interfaces.

    ``PublicIpAddress`` is one of the primary interface. Every other private address, of that one or
    of another, may have an Elastic IP address.
    """
    return bool(description.get("PublicIpAddress")) or any(
        address.get("Association", {}).get("PublicIp")
        for interface in description.get("NetworkInterfaces", [])
        for address in (interface, *interface.get("PrivateIpAddresses", []))
    )


def _created_at(description: "InstanceTypeDef") -> datetime:
    """Return when the instance came to be, or the earliest moment after it that EC2 still tells.

    ``LaunchTime`` is only the last start. The primary network interface is attached at launch and
    cannot be detached; the root volume is attached at launch too, unless it was replaced. Where an
    instance has several network cards, an interface of each may have the device index 0: the
    primary one is the earliest.
    """
    attached = [
        attachment["AttachTime"]
        for interface in description.get("NetworkInterfaces", [])
        if (attachment := interface.get("Attachment", {})).get("DeviceIndex") == 0
        and "AttachTime" in attachment
    ]
    if attached:
        return min(attached)
    for mapping in description.get("BlockDeviceMappings", []):
        if mapping.get("DeviceName") == description.get("RootDeviceName"):
            attach_time = mapping.get("Ebs", {}).get("AttachTime")
            if attach_time is not None:
                return attach_time
    return description["LaunchTime"]


def chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """Yield the items in order, at most ``size`` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
