"""A parser for the answers that a sweep spends its time on.

botocore turns each page of instances into every field that EC2 knows, and reads each date with
dateutil: most of what a sweep computes, for a handful of fields that ``inventory`` reads. This one
keeps those, in botocore's own form, and lets go of the XML as it goes. It is registered through
botocore's extension points; where they are not what they were, botocore's own parsers stay.
"""

import logging
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.parsers import EC2QueryParser, ResponseParser, ResponseParserError
from botocore.parsers import ResponseParserFactory as BotocoreFactory
from botocore.utils import parse_timestamp

if TYPE_CHECKING:
    from botocore.model import Shape
    from botocore.session import Session

log = logging.getLogger(__name__)

_PAGE_OF_INSTANCES = "DescribeInstancesResult"
_CHUNK = 65_536
"""Bytes of XML that are parsed at a time."""

Found = dict[str, Any]


def register(session: "Session") -> None:
    """Have the clients of a botocore session parse with this module."""
    try:
        session.register_component("response_parser_factory", _Factory())
    except Exception:  # whatever botocore may have changed: slower is better than not at all
        log.warning("botocore's own parsers are used, which are slower", exc_info=True)


def timestamp(value: Any) -> datetime:
    """Return a point in time from what AWS writes it as: ISO 8601, or seconds since 1970.

    Raises ValueError for what botocore cannot read either.
    """
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return parse_timestamp(value)


class _Factory(BotocoreFactory):
    """Makes botocore's parsers, with our dates, and for EC2 our own."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=timestamp)

    def create_parser(self, protocol_name: str) -> ResponseParser:
        if protocol_name == "ec2":
            return LeanEC2Parser(timestamp_parser=timestamp)
        return super().create_parser(protocol_name)


class LeanEC2Parser(EC2QueryParser):
    """Parses pages of instances to what ``inventory`` reads; all else as botocore does."""

    def parse(self, response: Mapping[str, Any], shape: "Shape") -> Found:
        """Return the answer. Raises ResponseParserError when it cannot be read as one."""
        if response["status_code"] != 200 or getattr(shape, "name", "") != _PAGE_OF_INSTANCES:
            parsed: Found = super().parse(response, shape)
            return parsed
        try:
            page = _page(response["body"])
        except (ET.ParseError, LookupError, TypeError, ValueError) as error:
            raise ResponseParserError(f"a page of instances cannot be read: {error}") from error
        metadata = {
            "HTTPStatusCode": response["status_code"],
            "HTTPHeaders": {key.lower(): value for key, value in response["headers"].items()},
        }
        return {**page, "ResponseMetadata": metadata}


def _page(body: bytes) -> Found:
    """Return a page of instances; what has been read of its XML is let go of on the way."""
    names = _Names("")
    reservations: list[Found] = []
    page: Found = {}
    for event, what in _events(body):
        if event == "start-ns":
            names = _names(what[1])
        elif what.tag == names.instances_set:
            reservations.append({"Instances": names.read(what)})
            what.clear()
        elif what.tag == names.reservation_set:
            page["Reservations"] = reservations
        elif what.tag == names.next_token and what.text:
            page["NextToken"] = what.text
    if "Reservations" not in page:
        raise ValueError("it has no reservationSet")
    return page


def _events(body: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the beginning of a namespace, and each element that is complete; raises ParseError."""
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(("start-ns", "end"))
    for start in range(0, len(body), _CHUNK):
        parser.feed(body[start : start + _CHUNK])
        events: Iterator[Any] = parser.read_events()
        yield from events
    parser.close()


Read = Callable[[ET.Element], Any]
"""Makes a value of an XML element."""


def _text(element: ET.Element) -> str:
    return element.text or ""


def _number(element: ET.Element) -> int:
    return int(_text(element))


def _is_true(element: ET.Element) -> bool:
    return element.text == "true"


def _time(element: ET.Element) -> datetime:
    return timestamp(_text(element))


def _list(read: Read) -> Read:
    return lambda element: [read(item) for item in element]


class _Names:
    """The names that are looked for, in one namespace (EC2's has the version of its API in it)."""

    def __init__(self, uri: str) -> None:
        self._prefix = f"{{{uri}}}" if uri else ""
        self.instances_set = f"{self._prefix}instancesSet"
        self.reservation_set = f"{self._prefix}reservationSet"
        self.next_token = f"{self._prefix}nextToken"
        self.read = _list(
            self._structure(
                InstanceId=("instanceId", _text),
                VpcId=("vpcId", _text),
                State=("instanceState", self._structure(Name=("name", _text))),
                LaunchTime=("launchTime", _time),
                Tags=("tagSet", _list(self._structure(Key=("key", _text), Value=("value", _text)))),
                Operator=(
                    "operator",
                    self._structure(Managed=("managed", _is_true), Principal=("principal", _text)),
                ),
                RootDeviceName=("rootDeviceName", _text),
                BlockDeviceMappings=("blockDeviceMapping", _list(self._block_device())),
                NetworkInterfaces=("networkInterfaceSet", _list(self._network_interface())),
            )
        )

    def _block_device(self) -> Read:
        ebs = self._structure(AttachTime=("attachTime", _time))
        return self._structure(DeviceName=("deviceName", _text), Ebs=("ebs", ebs))

    def _network_interface(self) -> Read:
        attachment = self._structure(
            DeviceIndex=("deviceIndex", _number), AttachTime=("attachTime", _time)
        )
        return self._structure(Attachment=("attachment", attachment))

    def _structure(self, **fields: tuple[str, Read]) -> Read:
        """Read the given fields, each named as in botocore and in XML; the others are left out."""
        wanted = [(name, self._prefix + tag, read) for name, (tag, read) in fields.items()]

        def read_all(element: ET.Element) -> Found:
            found: Found = {}
            for name, tag, read in wanted:
                child = element.find(tag)
                if child is not None:
                    found[name] = read(child)
            return found

        return read_all


_names = cache(_Names)
