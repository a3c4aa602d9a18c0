"""An EC2 of a few instances, in plain Python: for unit tests of what lists and changes them.

It does what it is asked, as far as the engine asks it. What happens before a call is carried out,
and after it, a test may decide: somebody acts, AWS refuses, an answer is lost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from botocore.exceptions import ClientError

from tests.support.builders import NOW

Description = dict[str, Any]
VPC = "vpc-abc123c1"


def number(at: int) -> str:
    """Return the id of an instance: the last two of its digits say which one it is."""
    return f"i-{at:017x}"


def described(
    instance_id: str,
    tags: Mapping[str, str] | None = None,
    state: str = "running",
    launched: datetime = NOW - timedelta(days=1),
    **more: Any,
) -> Description:
    """Return an instance as ``DescribeInstances`` shows it."""
    return {
        "InstanceId": instance_id,
        "VpcId": VPC,
        "State": {"Name": state},
        "LaunchTime": launched,
        "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
    } | more


def refusal(code: str, operation: str = "", message: str = "no", status: int = 400) -> ClientError:
    """Return an error of AWS's."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


class Asked(NamedTuple):
    """A call: by which of the clients, of what, and with what."""

    client: str
    operation: str
    request: Mapping[str, Any]


class Fleet:
    """The instances, by their ids, and all that its clients were asked, in its order.

    ``before`` and ``after`` see every call; what they raise, the call raises.
    """

    def __init__(self, *descriptions: Description, page_size: int = 1000) -> None:
        self.descriptions = {one["InstanceId"]: one for one in descriptions}
        self.page_size = page_size
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], None] = lambda _: None
        self.after: Callable[[Asked], None] = lambda _: None
        self.members = {"Filters", "IncludeManagedResources"}
        self.unconfirmed: set[str] = set()
        self.spot_requests: set[str] = set()
        self.takes_patterns = True  # whether a * in a filter stands for anything
        self.pages_first = False  # whether pages are made of all instances, and filtered then

    def client(self, name: str = "ec2") -> Any:
        """Return a client of this EC2."""
        return cast("Any", FakeEC2(self, name))

    def tags(self, instance_id: str) -> dict[str, str]:
        """Return the tags of an instance."""
        return {tag["Key"]: tag["Value"] for tag in self.descriptions[instance_id]["Tags"]}

    def set(self, instance_id: str, tags: Mapping[str, str | None]) -> None:
        """Write tags of an instance; delete those that are None."""
        left = {k: v for k, v in {**self.tags(instance_id), **tags}.items() if v is not None}
        self.descriptions[instance_id]["Tags"] = [{"Key": k, "Value": v} for k, v in left.items()]

    def state(self, instance_id: str) -> str:
        """Return the state of an instance."""
        return cast("str", self.descriptions[instance_id]["State"]["Name"])

    def operations(self) -> list[str]:
        """Return what was asked, by name."""
        return [one.operation for one in self.asked]

    def requests(self, operation: str) -> list[Mapping[str, Any]]:
        """Return with what an operation was asked for."""
        return [one.request for one in self.asked if one.operation == operation]


class FakeEC2:
    """A client of the fleet; ``name`` tells it from others."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet = fleet
        self._name = name
        self.meta = SimpleNamespace(service_model=self)

    def operation_model(self, name: str) -> SimpleNamespace:
        """Return what botocore knows of an operation."""
        known = self._fleet.members if name == "DescribeInstances" else {}
        return SimpleNamespace(
            input_shape=None if known is None else SimpleNamespace(members=known)
        )

    def _call(
        self, operation: str, request: Mapping[str, Any], act: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        asked = Asked(self._name, operation, deepcopy(dict(request)))
        self._fleet.asked.append(asked)
        if sum(len(one["Values"]) for one in request.get("Filters", [])) > 200:
            raise refusal("FilterLimitExceeded", operation)
        self._fleet.before(asked)
        answer = deepcopy(act())
        self._fleet.after(asked)
        return answer

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        """Answer a page of the instances that pass all filters, two a reservation."""

        def act() -> dict[str, Any]:
            def passes(one: Description) -> bool:
                patterns = self._fleet.takes_patterns
                return all(
                    _passes(one, f["Name"], f["Values"])
                    and (patterns or not any("*" in value for value in f["Values"]))
                    for f in request["Filters"]
                )

            first = self._fleet.pages_first
            found = [one for one in self._fleet.descriptions.values() if first or passes(one)]
            size = min(self._fleet.page_size, request["MaxResults"])
            start = int(request.get("NextToken", "0"))
            page = [one for one in found[start : start + size] if passes(one)]
            answer: dict[str, Any] = {
                "Reservations": [{"Instances": page[at : at + 2]} for at in range(0, len(page), 2)]
            }
            if start + size < len(found):
                answer["NextToken"] = str(start + size)
            return answer

        return self._call("describe_instances", request, act)

    def create_tags(self, **request: Any) -> dict[str, Any]:
        """Write tags."""

        def act() -> dict[str, Any]:
            for instance_id in request["Resources"]:
                self._fleet.set(instance_id, {t["Key"]: t["Value"] for t in request["Tags"]})
            return {}

        return self._call("create_tags", request, act)

    def delete_tags(self, **request: Any) -> dict[str, Any]:
        """Delete tags that have the values."""

        def act() -> dict[str, Any]:
            for instance_id in request["Resources"]:
                tags = self._fleet.tags(instance_id)
                gone = [t["Key"] for t in request["Tags"] if tags.get(t["Key"]) == t["Value"]]
                self._fleet.set(instance_id, dict.fromkeys(gone))
            return {}

        return self._call("delete_tags", request, act)

    def stop_instances(self, **request: Any) -> dict[str, Any]:
        """Stop instances."""
        return self._call(
            "stop_instances",
            request,
            lambda: {"StoppingInstances": list(self._end(request["InstanceIds"], "stopping"))},
        )

    def terminate_instances(self, **request: Any) -> dict[str, Any]:
        """Terminate instances."""
        states = "shutting-down"
        return self._call(
            "terminate_instances",
            request,
            lambda: {"TerminatingInstances": list(self._end(request["InstanceIds"], states))},
        )

    def modify_network_interface_attribute(self, **request: Any) -> dict[str, Any]:
        """Give a network interface other security groups."""

        def act() -> dict[str, Any]:
            for one in self._fleet.descriptions.values():
                for interface in one.get("NetworkInterfaces", []):
                    if interface["NetworkInterfaceId"] == request["NetworkInterfaceId"]:
                        interface["Groups"] = [{"GroupId": g} for g in request["Groups"]]
            return {}

        return self._call("modify_network_interface_attribute", request, act)

    def _end(self, ids: Sequence[str], state: str) -> Iterator[dict[str, Any]]:
        for instance_id in ids:
            if instance_id not in self._fleet.unconfirmed:
                self._fleet.descriptions[instance_id]["State"] = {"Name": state}
            shown = self._fleet.descriptions[instance_id]["State"]
            yield {"InstanceId": instance_id, "CurrentState": shown}

    def describe_spot_instance_requests(self, **request: Any) -> dict[str, Any]:
        """Answer those Spot requests that are asked for by id, and are there."""
        ids = [f["Values"] for f in request["Filters"] if f["Name"] == "spot-instance-request-id"]
        found = [one for one in ids[0] if one in self._fleet.spot_requests]
        return self._call(
            "describe_spot_instance_requests",
            request,
            lambda: {"SpotInstanceRequests": [{"SpotInstanceRequestId": one} for one in found]},
        )


def _passes(description: Description, name: str, values: Sequence[str]) -> bool:
    shown = {
        "instance-id": [description["InstanceId"]],
        "vpc-id": [description.get("VpcId")],
        "instance-state-name": [description["State"]["Name"]],
        "tag-key": [tag["Key"] for tag in description.get("Tags", [])],
    }[name]
    return any(one is not None and fnmatchcase(one, value) for one in shown for value in values)
