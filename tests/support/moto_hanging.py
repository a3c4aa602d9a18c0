"""What hangs off instances, as EC2 lists it: in pages, and of an owner, which moto leaves out.

A page has 5 to 1,000 of them, and the token of the next says where that begins.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html

A volume may be attached to several instances, where moto knows of one.
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volumes-multi.html

Of snapshots, an owner of ``self`` are those of the account, where moto lists those of everybody.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
"""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_block_store import Volume, VolumeAttachment
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from tests.support.extensions import replace

_LISTED = (
    (ElasticBlockStore, "describe_volumes", "Volumes"),
    (ElasticBlockStore, "describe_snapshots", "Snapshots"),
    (ElasticNetworkInterfaces, "describe_network_interfaces", "NetworkInterfaces"),
    (AmisResponse, "describe_images", "Images"),
)


def extend() -> None:
    """List in pages, and snapshots of the account alone where that is asked for."""
    for response, method, answer in _LISTED:
        replace(response, method, _in_pages(answer))
    replace(Volume, "attachments", _make_attachments)
    replace(Volume, "get_filter_value", _make_filter_value)


def attach_to(ec2_backend: Any, volume_id: str, instance_id: str) -> None:
    """Attach a volume that is attached already to another instance, too."""
    volume = ec2_backend.volumes[volume_id]
    attachment = copy(volume.attachment)
    attachment.instance = ec2_backend.get_instance(instance_id)
    volume.__dict__.setdefault("more_attachments", []).append(attachment)


def _make_attachments(original: property) -> property:
    def attachments(self: Any) -> list[VolumeAttachment]:
        return [*original.__get__(self), *self.__dict__.get("more_attachments", [])]

    return property(attachments)


def _make_filter_value(original: Callable[..., Any]) -> Callable[..., Any]:
    def filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        if filter_name == "attachment.instance-id":
            return [one.instance.id for one in self.attachments]
        return original(self, filter_name, method_name)

    return filter_value


def _in_pages(answer: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def describe(self: Any) -> Any:
            size, token = self._get_param("MaxResults"), self._get_param("NextToken")
            result = original(self)
            if size is None and token is None:
                return result
            most = int(size or 1000)
            if not 5 <= most <= 1000:
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"Value ( {most} ) for parameter maxResults is invalid. Expecting a value "
                    "greater than 5.",
                )
            content = result.result
            listed = _owned(self, answer, content[answer])
            start = int(token or 0)
            content[answer] = listed[start : start + most]
            if len(listed) > start + most:
                content["NextToken"] = str(start + most)
            return ActionResult(content)

        return describe

    return make


def _owned(response: Any, answer: str, listed: Sequence[Any]) -> Sequence[Any]:
    owners = response._get_param("OwnerIds", [])
    if answer != "Snapshots" or not owners:
        return list(listed)
    accounts = {response.current_account if one == "self" else one for one in owners}
    return [one for one in listed if one.owner_id in accounts]
