"""The tags of what instances are in, or were made of: VPCs, subnets, images, templates, groups.

They are read in batches, as instances are listed, and once in a run. What cannot be read is not
known, which is not the same as nothing.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.pace import PacedCalls
from tag_policy.model.resource import Resource
from tag_policy.model.unknown import Unknown
from tag_policy.resources.instance import MEANS_MORE, chunks

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_ec2.client import EC2Client

Parent = tuple[str, str]
"""The kind of something that has tags, such as ``vpc``, and its id; of a group: its name."""

GROUP = "auto_scaling_group"
"""The one kind of which EC2 does not tell."""

PARENTS_A_CALL = 150
KEYS_A_CALL = 50
"""Of what EC2 tells of: ids and keys, which are no more than ``FILTER_VALUES`` together."""

GROUPS_A_CALL = 50
"""Auto Scaling groups that one filter names: the service says of no limit, and a page is 100 tags.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeTags.html
"""


class ParentTags:
    """The tags of some keys, of all parents that were read in a run.

    ``keys`` are the keys of each kind of parent. ``problem`` is told once of a service that cannot
    be asked, and it is not asked again in the run.
    """

    def __init__(
        self,
        ec2: "EC2Client",
        autoscaling: Callable[[], "AutoScalingClient"],
        keys: Mapping[str, Iterable[str]],
        paced: PacedCalls,
        problem: Callable[[str], None],
    ) -> None:
        self._ec2 = ec2
        self._autoscaling = autoscaling
        self._keys = {kind: frozenset(some) for kind, some in keys.items()}
        self._paced = paced
        self._problem = problem
        self._read: dict[Parent, Mapping[str, str]] = {}
        self._unreadable: set[str] = set()

    def read(self, parents: Iterable[Parent]) -> None:
        """Read the tags of those parents that were not read before."""
        new = sorted(set(parents) - self._read.keys())
        for service, is_of_it in _SERVICES.items():
            some = [parent for parent in new if is_of_it(parent[0])]
            if not some or service in self._unreadable:
                continue
            try:
                self._read_some(some)
            except AWS_ERRORS as error:
                self._unreadable.add(service)
                self._problem(
                    f"the tags of {service} could not be read, so values that rules take from "
                    f"there are not written: {error}"
                )

    def value(self, kind: str, parent_id: str, key: str) -> str | Unknown | None:
        """Return the value of a tag; None where there is no such tag."""
        tags = self._read.get((kind, parent_id))
        return Unknown.VALUE if tags is None else tags.get(key)

    def _read_some(self, parents: Sequence[Parent]) -> None:
        """Read the tags of parents that are all known to one service."""
        of_groups = parents[0][0] == GROUP
        for some in chunks(parents, GROUPS_A_CALL if of_groups else PARENTS_A_CALL):
            found: dict[str, dict[str, str]] = {parent_id: {} for _, parent_id in some}
            for tag in itertools.chain.from_iterable(
                self._of_groups(list(found)) if of_groups else self._of_ec2(list(found))
            ):
                # What AWS tells of others than those is nobody's concern.
                if tag["ResourceId"] in found:
                    found[tag["ResourceId"]][tag["Key"]] = tag.get("Value", "")
            for kind, parent_id in some:
                keys = self._keys[kind]
                tags = {k: v for k, v in found[parent_id].items() if k in keys}
                self._read[kind, parent_id] = tags

    def _of_ec2(self, ids: Sequence[str]) -> Iterator[Sequence[Any]]:
        """Yield pages of the tags of VPCs, subnets, images, and launch templates.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html
        """
        keys = frozenset().union(*(some for kind, some in self._keys.items() if kind != GROUP))
        filters = [{"Name": "resource-id", "Values": ids}, *_of_keys(keys)]
        return self._pages(self._ec2.describe_tags, Filters=filters, MaxResults=1000)

    def _of_groups(self, names: Sequence[str]) -> Iterator[Sequence[Any]]:
        """Yield pages of the tags of Auto Scaling groups.

        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeTags.html
        """
        filters = [{"Name": "auto-scaling-group", "Values": names}, *_of_keys(self._keys[GROUP])]
        return self._pages(self._autoscaling().describe_tags, Filters=filters, MaxRecords=100)

    def _pages(self, call: Callable[..., Any], **request: Any) -> Iterator[Sequence[Any]]:
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            page = self._paced(partial(call, **request, **more))
            yield page["Tags"]
            asked, token = token, page.get("NextToken", "")
            if token and token == asked:
                raise ResponseParserError("AWS answers a page with the token of the same page")
            if not token:
                return


_SERVICES: Mapping[str, Callable[[str], bool]] = {
    "VPCs, subnets, images and launch templates": lambda kind: kind != GROUP,
    "Auto Scaling groups": lambda kind: kind == GROUP,
}
"""Who tells of the tags of what kinds of parents, in words for people."""


def _of_keys(keys: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Yield a filter that leaves out the tags of other keys, where there can be one."""
    if len(keys) <= KEYS_A_CALL and not any(MEANS_MORE.search(key) for key in keys):
        yield {"Name": "key", "Values": sorted(keys)}


RESOURCES_AHEAD = 500
"""Resources that are waited for, so that their parents are read together: a page of a listing."""


def read_ahead(
    resources: Iterable[Resource], read: Callable[[Sequence[Resource]], None]
) -> Iterator[Resource]:
    """Yield resources, some hundreds at a time, when something was read about those.

    What breaks off is raised when those before it were yielded.
    """
    some: list[Resource] = []
    broken: Exception | None = None
    try:
        for resource in resources:
            some.append(resource)
            if len(some) == RESOURCES_AHEAD:
                read(some)
                yield from some
                some = []
    except AWS_ERRORS as error:
        broken = error
    read(some)
    yield from some
    if broken is not None:
        raise broken
