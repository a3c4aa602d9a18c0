"""EC2's real answers where it refuses to end an instance, which moto does not give.

A one-time Spot Instance cannot be stopped.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-spot-instance-stop-works.html

Of a TerminateInstances call with a protected instance in it, the instances of that instance's zone
are not terminated, those of other zones are, and the call reports an error; moto ends those before
the protected one, whatever their zone.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html

An account may hide the instances that AWS services manage, and this one does: DescribeInstances
leaves them out unless it is asked for them, or for one of them by its id.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html

All filters of a call have 200 values at most, together: "The maximum number of filter values
specified on a single call is 200".

A network interface has the security groups that it was given last, which are of its VPC.

The values of a filter may have wildcards, which moto knows for tags only.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#advanced-filters
"""

import itertools
from collections.abc import Callable, Sequence
from copy import copy
from fnmatch import fnmatchcase
from typing import Any

from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError, OperationNotPermitted4
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.elastic_network_interfaces import (
    NetworkInterface,
    NetworkInterfaceBackend,
)
from moto.ec2.models.instances import InstanceBackend, Reservation
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, filter_reservations, get_prefix

from tests.support.calls import current_call
from tests.support.extensions import replace


def extend() -> None:
    """Refuse to terminate by zone, and to stop Spot Instances; find instances by ids and parts."""
    replace(EC2BaseResponse, "_filters_from_querystring", _make_filters)
    replace(utils, "instance_value_in_filter_values", _make_matches)
    replace(InstanceBackend, "terminate_instances", _make_terminate_instances)
    replace(InstanceBackend, "stop_instances", _make_stop_instances)
    replace(InstanceBackend, "run_instances", _make_run_instances)
    replace(InstanceBackend, "all_reservations", _make_all_reservations)
    replace(InstanceBackend, "describe_instances", _make_describe_instances)
    replace(InstanceBackend, "get_instance", _make_get_instance)
    replace(InstanceBackend, "get_instance_by_id", _make_get_instance)
    replace(TaggedEC2Resource, "get_tags", lambda _: _get_tags)
    replace(EBSBackend, "describe_volumes", _make_describe_volumes)
    replace(NetworkInterface, "group_set", _make_group_set)
    replace(NetworkInterfaceBackend, "modify_network_interface_attribute", _make_modify_interface)


def _make_filters(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def filters(self: Any) -> Any:
        found = original(self)
        if sum(map(len, found.values())) > 200:
            raise EC2ClientError(
                "FilterLimitExceeded",
                "The maximum number of filter values specified on a single call is 200",
            )
        return found

    return filters


def _make_matches(original: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def matches(instance_value: Any, filter_values: Sequence[str]) -> bool:
        if isinstance(instance_value, str):
            return any(fnmatchcase(instance_value, pattern) for pattern in filter_values)
        return original(instance_value, filter_values)

    return matches


def _make_run_instances(original: Callable[..., Reservation]) -> Callable[..., Reservation]:
    def run_instances(self: Any, *args: Any, **kwargs: Any) -> Reservation:
        reservation = original(self, *args, **kwargs)
        _reservation_ids(self).update({i.id: reservation.id for i in reservation.instances})
        return reservation

    return run_instances


def _make_all_reservations(original: Callable[..., Any]) -> Callable[..., Any]:
    """Look up instances whose ids are known, where moto compares each with all of the others."""

    def all_reservations(self: Any, filters: Any = None) -> Any:
        ids = (filters or {}).get("instance-id", [])
        if not ids or any(set(instance_id) & {"*", "?"} for instance_id in ids):
            return original(self, filters)
        wanted = {_reservation_ids(self).get(instance_id): None for instance_id in ids}
        reservations = [self.reservations[key] for key in wanted if key in self.reservations]
        return filter_reservations([copy(reservation) for reservation in reservations], filters)

    return all_reservations


def _make_describe_instances(original: Callable[..., Any]) -> Callable[..., Any]:
    def describe_instances(self: Any, filters: Any = None) -> Any:
        reservations = original(self, filters)
        call = current_call()
        if call is None or str(call.parameters.get("IncludeManagedResources")).lower() == "true":
            return reservations
        shown = []
        for reservation in reservations:
            if any(map(_is_managed, reservation.instances)):
                reservation = copy(reservation)
                reservation.instances = [i for i in reservation.instances if not _is_managed(i)]
            shown += [reservation] if reservation.instances else []
        return shown

    return describe_instances


def _is_managed(instance: Any) -> bool:
    return bool((getattr(instance, "operator", None) or {}).get("Managed"))


def _make_group_set(original: property) -> property:
    """Have the security groups of a network interface be what they were made last.

    Those of an instance are those of its primary one; moto adds the two.
    """

    def group_set(self: Any) -> Any:
        return getattr(self, "own_groups", None) or original.__get__(self)

    return property(group_set)


def _make_modify_interface(original: Callable[..., None]) -> Callable[..., None]:
    def modify(self: Any, eni_id: str, group_ids: list[str], *rest: Any, **more: Any) -> None:
        interface = self.get_network_interface(eni_id)
        groups = []
        for group_id in group_ids:
            group = self.get_security_group_from_id(group_id)
            if group is None:
                raise EC2ClientError(
                    "InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"
                )
            if group.vpc_id != interface.vpc_id:
                raise EC2ClientError(
                    "InvalidParameterValue",
                    "You have specified two resources that belong to different networks.",
                )
            groups.append(group)
        if interface.requester_managed:
            raise EC2ClientError(
                "OperationNotPermitted", f"You may not modify the interface '{eni_id}'."
            )
        original(self, eni_id, group_ids, *rest, **more)
        if groups:
            interface.own_groups = groups
            if interface.instance is not None and interface.device_index == 0:
                interface.instance.security_groups = groups

    return modify


def _make_get_instance(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_instance(self: Any, instance_id: str) -> Any:
        key = _reservation_ids(self).get(instance_id)
        known = [self.reservations[key]] if key in self.reservations else []
        # One that is being launched is not known yet, and is in the last of them.
        for reservation in (*known, *itertools.islice(reversed(self.reservations.values()), 1)):
            for instance in reservation.instances:
                if instance.id == instance_id:
                    return instance
        return original(self, instance_id)

    return get_instance


def _make_describe_volumes(original: Callable[..., Any]) -> Callable[..., Any]:
    def describe_volumes(
        self: Any, volume_ids: list[str] | None = None, filters: Any = None
    ) -> Any:
        if volume_ids and not filters and all(one in self.volumes for one in volume_ids):
            return [self.volumes[one] for one in volume_ids]
        return original(self, volume_ids, filters)

    return describe_volumes


def _get_tags(self: Any) -> list[dict[str, str]]:
    """Return the tags of a resource, where moto goes through those of all resources."""
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
        for key, value in self.ec2_backend.tags.get(self.id, {}).items()
    ]


def _reservation_ids(backend: Any) -> dict[str, str]:
    """Return the id of each instance's reservation; gone with the backend's reset."""
    ids: dict[str, str] = backend.__dict__.setdefault("reservation_ids", {})
    return ids


def _make_stop_instances(original: Callable[..., Any]) -> Callable[..., Any]:
    def stop_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.lifecycle == "spot":
                raise EC2ClientError(
                    "UnsupportedOperation",
                    f"You can't stop the Spot Instance '{instance.id}' because it is associated "
                    "with a one-time Spot Instance request.",
                )
        return original(self, instance_ids)

    return stop_instances


def _make_terminate_instances(original: Callable[..., Any]) -> Callable[..., Any]:
    def terminate_instances(self: Any, instance_ids: list[str]) -> Any:
        instances = self.get_multi_instances_by_id(instance_ids) if instance_ids else []
        protected = [i for i in instances if i.disable_api_termination is True]
        if not protected:
            return original(self, instance_ids)
        zones = {instance._placement.zone for instance in protected}
        elsewhere = [instance.id for instance in instances if instance._placement.zone not in zones]
        if elsewhere:
            original(self, elsewhere)
        raise OperationNotPermitted4(protected[0].id)

    return terminate_instances


class _FulfilledRequest(SpotInstanceRequest):
    """A Spot request of an instance that is there already, for what DescribeSpot… tells of it."""

    def __init__(self, ec2_backend: Any, instance: Any, kind: str) -> None:
        self.ec2_backend = ec2_backend
        self.instance = instance
        self.id = f"sir-{instance.id[2:10]}"
        self.type = kind
        self.state = "active"
        self.price = "0.010000"
        self._status_code, self.status_message = "fulfilled", ""

    def get_filter_value(self, filter_name: str, _method_name: str | None = None) -> Any:
        by_name = {"spot-instance-request-id": self.id, "type": self.type, "state": self.state}
        if filter_name not in by_name:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{filter_name}' is invalid")
        return by_name[filter_name]


def make_spot(ec2_backend: Any, instance_id: str, kind: str) -> None:
    """Have an instance fulfil a Spot request of a kind: ``one-time`` or ``persistent``."""
    instance = ec2_backend.get_instance(instance_id)
    request = _FulfilledRequest(ec2_backend, instance, kind)
    instance.lifecycle = "spot"
    instance.spot_instance_request_id = request.id
    ec2_backend.spot_instance_requests[request.id] = request
