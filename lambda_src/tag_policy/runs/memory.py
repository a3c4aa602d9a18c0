"""What the engine remembers from run to run, in a table that only its role writes.

Nothing that ends an instance is decided by this alone: without an entry, everything is told anew.
"""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from tag_policy.aws.clients import AWS_ERRORS, Clients
from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import Interface

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_MOST_READ = 100
_MOST_WRITTEN = 25
"""Items a call.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

_TRIES = 5
"""Calls about the same items, of which DynamoDB has left some unprocessed each time."""

_KEPT = timedelta(days=90)
"""How long after the time that was announced an entry is kept."""


_GROUPS_KEPT = timedelta(days=400)
"""How long it is kept which security groups an isolated instance had."""


class MemoryFailedError(TagPolicyError):
    """DynamoDB has not processed everything, although asked several times."""


MEMORY_ERRORS = (*AWS_ERRORS, MemoryFailedError, KeyError, OverflowError, TypeError, ValueError)
"""How the state table may fail, or what stands in it be unreadable."""


@dataclass(frozen=True, slots=True)
class Told:
    """What people were last told of an instance: for what time, and the mark that says so.

    ``mark`` is empty where it has been taken back since.
    """

    time: datetime
    mark: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The findings that people were told of, as digests of 64 bits, and since when; None for never.

    ``at`` is since when: everything is listed anew a day after it, where that is wanted.
    """

    digests: frozenset[int]
    at: datetime | None


_MOST_LISTED = 45_000
"""Digests that are remembered: an item has 400 KB at most. The others are listed again.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

_LISTED_KEPT = timedelta(days=30)


_VPCS = "vpcs"


class Memory:
    """Reads and writes the state table.

    Raises botocore's errors and MemoryFailedError.
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    @property
    def _dynamodb(self) -> "DynamoDBClient":
        return self._clients.dynamodb

    def last_told(self, instance_ids: Collection[str]) -> dict[str, Told]:
        """Return what people were last told of those instances of whom they were told anything."""
        told: dict[str, Told] = {}
        for some in _chunks(sorted(instance_ids), _MOST_READ):
            items = self._read([_announced(instance_id) for instance_id in some])
            told |= {
                key.partition("#")[2]: Told(_time(item), item["Mark"]["S"])
                for key, item in items.items()
            }
        return told

    def remember_told(self, told: Mapping[str, Told]) -> None:
        """Remember what people were told of some instances, by their ids."""
        self._write(
            [
                {
                    "Key": {"S": _announced(instance_id)},
                    "Time": {"S": one.time.astimezone(UTC).isoformat(timespec="seconds")},
                    "Mark": {"S": one.mark},
                    "ExpiresAt": {"N": str(int((one.time + _KEPT).timestamp()))},
                }
                for instance_id, one in sorted(told.items())
            ]
        )

    def remember_groups(
        self,
        instance_id: str,
        interfaces: Sequence[Interface],
        given: Mapping[str, str],
        now: datetime,
    ) -> list[Interface]:
        """Remember which security groups an instance has, by its network interfaces; return that.

        For people, who put them back: docs/operations.md says how. ``given`` are the groups that
        they get instead, by VPC. What still has a group that it was given before is not as it was:
        of that, what it had then is kept.
        """
        before = self._read([_isolated(one) for one in interfaces])
        kept = [_as_it_was(one, before.get(_isolated(one))) for one in interfaces]
        self._write(
            [
                {
                    "Key": {"S": _isolated(interface)},
                    "Instance": {"S": instance_id},
                    "SecurityGroups": {"SS": list(interface.groups)},
                    "Given": {"S": given.get(interface.vpc_id, "")},
                    "Time": {"S": now.astimezone(UTC).isoformat(timespec="seconds")},
                    "ExpiresAt": {"N": str(int((now + _GROUPS_KEPT).timestamp()))},
                }
                for interface in kept
            ]
        )
        return kept

    def listed(self, kind: str) -> Listed:
        """Return what was listed in the last delivered reports of a kind of run."""
        item = self._read([_listed(kind)]).get(_listed(kind))
        if item is None:
            return Listed(frozenset(), None)
        digests = array("Q")
        digests.frombytes(bytes(item["Digests"]["B"]))
        return Listed(frozenset(digests), _time(item))

    def remember_listed(self, kind: str, listed: Listed) -> None:
        """Remember what was listed; ``listed.at`` must be a time."""
        at = listed.at
        if at is None:
            raise ValueError("what was listed was listed at some time")
        digests = array("Q", sorted(listed.digests)[:_MOST_LISTED])
        self._write(
            [
                {
                    "Key": {"S": _listed(kind)},
                    "Time": {"S": at.astimezone(UTC).isoformat(timespec="seconds")},
                    "Digests": {"B": digests.tobytes()},
                    "ExpiresAt": {"N": str(int((at + _LISTED_KEPT).timestamp()))},
                }
            ]
        )

    def vpcs(self) -> frozenset[str]:
        """Return the VPCs that the last sweep has found; none where there was no such sweep."""
        item = self._read([_VPCS]).get(_VPCS)
        return frozenset() if item is None else frozenset(map(str, item["Vpcs"]["SS"]))

    def remember_vpcs(self, vpc_ids: Collection[str]) -> None:
        """Remember which VPCs a sweep has found, of which there is at least one.

        It is written only when it changes, so that it has no time to live.
        """
        self._write([{"Key": {"S": _VPCS}, "Vpcs": {"SS": sorted(vpc_ids)}}])

    def _read(self, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return the items that there are, by their keys."""
        found: dict[str, Mapping[str, Any]] = {}
        for some in _chunks(keys, _MOST_READ):
            wanted = [{"Key": {"S": key}} for key in some]
            request: Mapping[str, Any] = {self._table: {"Keys": wanted, "ConsistentRead": True}}
            for _ in range(_TRIES):
                answer = self._dynamodb.batch_get_item(RequestItems=request)
                items = answer["Responses"].get(self._table, [])
                found.update({item["Key"]["S"]: item for item in items})
                request = answer.get("UnprocessedKeys", {})
                if not request:
                    break
            else:
                raise MemoryFailedError("DynamoDB does not give all that is asked for")
        return found

    def _write(self, items: Sequence[Mapping[str, Any]]) -> None:
        for some in _chunks(items, _MOST_WRITTEN):
            puts = [{"PutRequest": {"Item": item}} for item in some]
            request: Mapping[str, Any] = {self._table: puts}
            for _ in range(_TRIES):
                answer = self._dynamodb.batch_write_item(RequestItems=request)
                request = answer.get("UnprocessedItems", {})
                if not request:
                    break
            else:
                raise MemoryFailedError("DynamoDB does not take all that is to be remembered")


def _time(item: Mapping[str, Any]) -> datetime:
    time = datetime.fromisoformat(item["Time"]["S"])
    if time.tzinfo is None:  # not comparable with any other time
        raise ValueError("a time without its time zone")
    return time


def _announced(instance_id: str) -> str:
    return f"announced#{instance_id}"


def _listed(kind: str) -> str:
    return f"listed#{kind}"


def _isolated(interface: Interface) -> str:
    return f"isolated#{interface.interface_id}"


def _as_it_was(interface: Interface, item: Mapping[str, Any] | None) -> Interface:
    """Return a network interface with the security groups that it had before it was isolated."""
    if item is None or item.get("Given", {}).get("S") not in interface.groups:
        return interface
    return replace(interface, groups=tuple(sorted(map(str, item["SecurityGroups"]["SS"]))))


def _chunks(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
