"""A parser for the answers that a sweep spends its time on.

botocore turns each page of instances, and of CloudTrail's events, into every field that AWS knows,
and reads each date with dateutil: most of what a sweep computes, for a handful of fields that
``resources.instance`` and ``creators.run_instances`` read. This one keeps those, in botocore's own
form. It is registered through botocore's extension points; where they, or AWS's answers, are not
what they were, botocore's own parsers do the work.
"""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from botocore.parsers import (
    PROTOCOL_PARSERS,
    EC2QueryParser,
    JSONParser,
    ResponseParser,
    ResponseParserError,
)
from botocore.parsers import ResponseParserFactory as BotocoreFactory
from botocore.utils import parse_timestamp

from tag_policy.model.text import DETAIL_LIMIT, clean

if TYPE_CHECKING:
    from botocore.model import Shape
    from botocore.session import Session

_TOGETHER = 20
"""Reservations that are parsed together, which is fastest: some 80 KB of XML."""

Found = dict[str, Any]


def register(session: "Session") -> None:
    """Have the clients of a botocore session parse with this module."""
    session.register_component("response_parser_factory", _Factory())


def tell_more(session: "Session") -> None:
    """Have those clients read of instances what few rules ask for, too, from now on."""
    factory = session.get_component("response_parser_factory")
    if isinstance(factory, _Factory):  # botocore's own read everything
        factory.tells_more = True


def timestamp(value: Any) -> datetime:
    """Return a point in time from what AWS writes it as: ISO 8601, or seconds since 1970.

    Raises ValueError for what botocore cannot read either.
    """
    try:
        if isinstance(value, str) and "T" in value:  # EC2's; a number may stand in a string, too
            parsed = datetime.fromisoformat(value)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return parse_timestamp(value)


class _Factory(BotocoreFactory):
    """Makes botocore's parsers, with our dates, and for EC2 and CloudTrail our own.

    ``tells_more`` says whether those that are made read of instances all that any rule asks for.
    """

    tells_more = False

    def create_parser(self, protocol_name: str) -> ResponseParser:
        parsers: Mapping[str, Any] = {
            **PROTOCOL_PARSERS,
            "ec2": LeanEC2Parser,
            "json": LeanJSONParser,
        }
        of_protocol = parsers[protocol_name]
        reads = {"tells_more": staticmethod(lambda: self.tells_more)}
        bounded = type(f"Bounded{of_protocol.__name__}", (_Bounded, of_protocol), reads)
        made: ResponseParser = bounded(timestamp_parser=timestamp)
        return made


MOST_BYTES = {"ScanOutput": 2 * 2**20}
"""Of an answer with what others can write as much of as they like, by the name of its shape.

A page of Scan holds 1 MB as DynamoDB counts it, which may be 10 as it is sent and 200 in memory.
"""


class _Bounded(ResponseParser):
    """Refuses an answer that is too large, and says in few words what cannot be read.

    Stands before another parser among the bases of a class. botocore's own errors hold the whole of
    an answer that they cannot read, which may be hundreds of kilobytes, and would end in a report.
    """

    def parse(self, response: Mapping[str, Any], shape: "Shape") -> Found:
        """Return the answer. Raises ResponseParserError when it cannot be read as one."""
        most = MOST_BYTES.get(getattr(shape, "name", ""))
        if most is not None and len(response["body"]) > most:
            raise ResponseParserError(
                f"an answer of {len(response['body']):,} bytes; expected {most:,} at most"
            )
        try:
            parsed: Found = super().parse(response, shape)
        except ResponseParserError as error:
            raise ResponseParserError(clean(str(error), DETAIL_LIMIT)) from None
        return parsed


class _LeanParser(ResponseParser):
    """Parses one answer, named ``lean_answer``, to what is read of it; all else as botocore does.

    Stands before one of botocore's parsers among the bases of a class.
    """

    lean_answer: str

    def lean(self, body: bytes) -> Found | None:
        """Return that answer; None where it does not look as it always has."""
        raise NotImplementedError

    def parse(self, response: Mapping[str, Any], shape: "Shape") -> Found:
        """Return the answer. Raises ResponseParserError when it cannot be read as one."""
        expected = response["status_code"] == 200 and getattr(shape, "name", "") == self.lean_answer
        page = self.lean(response["body"]) if expected else None
        if page is None:
            parsed: Found = super().parse(response, shape)
            return parsed
        return page | _metadata(response)


class LeanEC2Parser(_LeanParser, EC2QueryParser):
    """Parses pages of instances to what ``resources.instance`` reads.

    ``tells_more`` says whether that is everything, or what every run needs. Reading everything
    takes a third more time.
    """

    lean_answer = "DescribeInstancesResult"

    @staticmethod
    def tells_more() -> bool:
        """Tell whether everything is read."""
        return True

    def lean(self, body: bytes) -> Found | None:
        """Return a page of instances. Raises ResponseParserError when it cannot be read as one."""
        return _page(body, _EVERYTHING if self.tells_more() else _WHAT_EVERY_RUN_NEEDS)


class LeanJSONParser(_LeanParser, JSONParser):
    """Parses pages of events to what ``creators.run_instances`` reads."""

    lean_answer = "LookupEventsResponse"

    def lean(self, body: bytes) -> Found | None:
        """Return a page of events."""
        return _events(body)


def _metadata(response: Mapping[str, Any]) -> Found:
    headers = {key.lower(): value for key, value in response["headers"].items()}
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers}}


def _events(body: bytes) -> Found | None:
    """Return a page of events; None where it does not look as it always has."""
    try:
        page = _part(json.loads(body), ("Events", "NextToken"))
        page["Events"] = [_event(event) for event in page["Events"]]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
    return page


def _event(whole: Found) -> Found:
    names = ("EventId", "EventName", "EventTime", "Resources", "CloudTrailEvent")
    event = _part(whole, names)
    if "EventTime" in event:
        event["EventTime"] = timestamp(event["EventTime"])
    if "Resources" in event:
        event["Resources"] = [
            _part(one, ("ResourceType", "ResourceName")) for one in event["Resources"]
        ]
    return event


def _part(whole: Found, names: Sequence[str]) -> Found:
    """Return the fields of those names that are there, and not null."""
    return {name: whole[name] for name in names if whole.get(name) is not None}


def _page(body: bytes, instances: "_Instances") -> Found | None:
    """Return a page of instances; None where it does not look as it always has.

    Four fifths of it, which nobody reads, are cut away before it is parsed. The instances of some
    reservations at a time are cut out and parsed on their own: small documents without a namespace
    take less time, and the elements of one are gone before the next. ``<`` is always the start of a
    tag, as EC2 writes no comments and no CDATA; where it does, botocore parses.
    """
    read = instances.without_the_unread(body)
    if b"<!" in read:
        return None
    first, *others = read.split(b"<instancesSet>")
    cuts = [other.partition(b"</instancesSet>") for other in others]
    try:
        frame = ET.fromstring(first + b"".join(after for _, _, after in cuts))
        if any(_name(element) == "instancesSet" for element in frame.iter()):
            return None
        page = {_name(element): element for element in frame}
        if "reservationSet" not in page or len(page["reservationSet"]) != len(cuts):
            return None
        reservations: list[Found] = []
        for start in range(0, len(cuts), _TOGETHER):
            some = [instances for instances, _, _ in cuts[start : start + _TOGETHER]]
            sets = ET.fromstring(b"<sets><set>" + b"</set><set>".join(some) + b"</set></sets>")
            if len(sets) != len(some):
                raise ValueError("the instances of its reservations cannot be told apart")
            reservations += [{"Instances": instances.read(one)} for one in sets]
    except (ET.ParseError, ValueError) as error:
        raise ResponseParserError(f"a page of instances cannot be read: {error}") from error
    token = page["nextToken"].text if "nextToken" in page else None
    return {"Reservations": reservations, **({"NextToken": token} if token else {})}


def _name(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


Read = Callable[[ET.Element], Any]
"""Makes a value of an XML element."""

Convert = Callable[[str], Any]
"""Makes a value of the text of an XML element."""


def _is_true(text: str) -> bool:
    return text == "true"


def _list(read: Read) -> Read:
    return lambda element: [read(item) for item in element]


@dataclass(frozen=True, slots=True)
class _Instances:
    """Reads the instances of a set. ``unread`` are the elements that nobody reads.

    That is an element of a name that is not read, with the whole of what it holds: text, elements
    of text, and items of elements of text, each of them closed. What is deeper stays as it is, and
    so does the place of each element that is read.
    """

    read: Read
    unread: re.Pattern[bytes]

    def without_the_unread(self, body: bytes) -> bytes:
        """Return a page without most of the elements that nobody reads."""
        return self.unread.sub(b"", body)


def _instances(*, everything: bool) -> _Instances:
    """Return what reads instances: everything that ``resources.instance`` reads, or the most of it.

    What few rules ask for is left out, then.
    """
    names = {"reservationSet", "instancesSet", "item", "nextToken"}  # of all elements that are read

    def structure(
        texts: Mapping[str, str],
        converted: Mapping[str, tuple[str, Convert]] = MappingProxyType({}),
        nested: Mapping[str, tuple[str, Read]] = MappingProxyType({}),
    ) -> Read:
        names.update(texts.values())
        names.update(tag for tag, _ in (*converted.values(), *nested.values()))
        return _structure(texts, converted, nested)

    attach_time = {"AttachTime": ("attachTime", timestamp)}
    attachment = structure({}, {"DeviceIndex": ("deviceIndex", int), **attach_time})
    ebs = structure({}, attach_time)
    block_device = structure({"DeviceName": "deviceName"}, nested={"Ebs": ("ebs", ebs)})
    operator = structure({"Principal": "principal"}, {"Managed": ("managed", _is_true)})
    texts = {
        "InstanceId": "instanceId",
        "VpcId": "vpcId",
        "RootDeviceName": "rootDeviceName",
        "SpotInstanceRequestId": "spotInstanceRequestId",
    }
    nested: dict[str, tuple[str, Read]] = {
        "State": ("instanceState", structure({"Name": "name"})),
        "Tags": ("tagSet", _list(structure({"Key": "key", "Value": "value"}))),
        "Operator": ("operator", operator),
        "BlockDeviceMappings": ("blockDeviceMapping", _list(block_device)),
    }
    texts_of_interface: dict[str, str] = {}
    of_interface: dict[str, tuple[str, Read]] = {"Attachment": ("attachment", attachment)}
    if everything:
        texts |= {
            "SubnetId": "subnetId",
            "InstanceType": "instanceType",
            "ImageId": "imageId",
            "InstanceLifecycle": "instanceLifecycle",
            "PlatformDetails": "platformDetails",
            "PublicIpAddress": "ipAddress",
        }
        association = {"Association": ("association", structure({"PublicIp": "publicIp"}))}
        addresses = _list(structure({}, nested=association))
        groups = _list(structure({"GroupId": "groupId"}))
        of_interface |= {**association, "PrivateIpAddresses": ("privateIpAddressesSet", addresses)}
        of_interface |= {"Groups": ("groupSet", groups)}
        texts_of_interface = {"NetworkInterfaceId": "networkInterfaceId", "VpcId": "vpcId"}
        nested |= {
            "Placement": ("placement", structure({"AvailabilityZone": "availabilityZone"})),
            "IamInstanceProfile": ("iamInstanceProfile", structure({"Arn": "arn"})),
        }
    nested["NetworkInterfaces"] = (
        "networkInterfaceSet",
        _list(structure(texts_of_interface, nested=of_interface)),
    )
    read = _list(structure(texts, {"LaunchTime": ("launchTime", timestamp)}, nested))
    return _Instances(read, _elements_not_of(names))


def _elements_not_of(names: Collection[str]) -> re.Pattern[bytes]:
    return re.compile(
        rf"""
        <(?! (?:{"|".join(sorted(names))}) \b) (\w++)
        (?: />
          | > [^<]*+
            (?: (?: <(\w++) (?: /> | > [^<]*+ </\2> )
                  | <item> [^<]*+ (?: <(\w++) (?: /> | > [^<]*+ </\3> ) [^<]*+ )*+ </item>
                ) [^<]*+
            )*+
            </\1>
        )
        """.encode(),
        re.VERBOSE,
    )


def _structure(
    texts: Mapping[str, str],
    converted: Mapping[str, tuple[str, Convert]],
    nested: Mapping[str, tuple[str, Read]],
) -> Read:
    """Read the given fields, each named as in botocore and in XML; the others are left out."""
    as_it_is = list(texts.items())
    to_convert = [(name, tag, convert) for name, (tag, convert) in converted.items()]
    with_elements = [(name, tag, read) for name, (tag, read) in nested.items()]

    def read_all(element: ET.Element) -> Found:
        found: Found = {}
        for name, tag in as_it_is:
            text = element.findtext(tag)
            if text is not None:
                found[name] = text
        for name, tag, convert in to_convert:
            text = element.findtext(tag)
            if text is not None:
                found[name] = convert(text)
        for name, tag, read in with_elements:
            child = element.find(tag)
            if child is not None:
                found[name] = read(child)
        return found

    return read_all


_WHAT_EVERY_RUN_NEEDS = _instances(everything=False)
_EVERYTHING = _instances(everything=True)
