"""The lean parser: what is read of a page is what botocore reads of the same bytes."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.parsers import EC2QueryParser, JSONParser, ResponseParserError
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.aws.fast import parser as lean_parser
from tag_policy.aws.fast.parser import (
    LeanEC2Parser,
    LeanJSONParser,
    register,
    tell_more,
    timestamp,
)
from tag_policy.resources.instance import to_instance

SEEN_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEPT: Mapping[str, Any] = {
    "InstanceId": None,
    "VpcId": None,
    "State": {"Name": None},
    "LaunchTime": None,
    "Tags": [{"Key": None, "Value": None}],
    "Operator": {"Managed": None, "Principal": None},
    "RootDeviceName": None,
    "BlockDeviceMappings": [{"DeviceName": None, "Ebs": {"AttachTime": None}}],
    "NetworkInterfaces": [{"Attachment": {"DeviceIndex": None, "AttachTime": None}}],
}
"""What every run needs."""

ASSOCIATION = {"Association": {"PublicIp": None}}
EVERYTHING: Mapping[str, Any] = {
    **KEPT,
    "SubnetId": None,
    "InstanceType": None,
    "ImageId": None,
    "InstanceLifecycle": None,
    "PlatformDetails": None,
    "PublicIpAddress": None,
    "Placement": {"AvailabilityZone": None},
    "IamInstanceProfile": {"Arn": None},
    "NetworkInterfaces": [
        {
            **KEPT["NetworkInterfaces"][0],
            **ASSOCIATION,
            "PrivateIpAddresses": [ASSOCIATION],
            "NetworkInterfaceId": None,
            "VpcId": None,
            "Groups": [{"GroupId": None}],
        }
    ],
}
"""What a run needs whose rules ask for all that there is."""


def answer_of(service: str, operation: str) -> Any:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).output_shape


SHAPE = answer_of("ec2", "DescribeInstances")
EVENTS = answer_of("cloudtrail", "LookupEvents")
KEPT_EVENTS = [
    {
        "EventId": None,
        "EventName": None,
        "EventTime": None,
        "Resources": [{"ResourceType": None, "ResourceName": None}],
        "CloudTrailEvent": None,
    }
]


def kept(value: Any, form: Any) -> Any:
    """Return of botocore's answer what the lean parser keeps."""
    match form:
        case None:
            return value
        case [of_each]:
            return [kept(item, of_each) for item in value]
        case _:
            return {name: kept(value[name], form[name]) for name in form if name in value}


def response(body: str, status: int = 200) -> dict[str, Any]:
    return {"body": body.encode(), "headers": {"X-Request": "1"}, "status_code": status}


def document(reservations: str, rest: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\n'
        f"<requestId>1</requestId>{rest}<reservationSet>{reservations}</reservationSet>"
        "</DescribeInstancesResponse>"
    )


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"),
    max_size=8,
) | st.sampled_from(["</instancesSet>", "<instancesSet>", "a & b", "]]>", "&amp;", " ", "<!--"])
times = st.datetimes(datetime(2007, 1, 1), datetime(2090, 1, 1)).map(
    lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.000Z"
)


def element(name: str, content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return content.map(lambda inner: f"<{name}>{inner}</{name}>")


def maybe(name: str, content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | element(name, content)


def together(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Parts in any order: nothing says that EC2 keeps to one."""
    return st.tuples(*parts).flatmap(st.permutations).map("\n".join)


def items(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(element("item", content), max_size=3).map("".join)


text = texts.map(escape)
names = st.sampled_from(["placement", "groupSet", "item", "instanceId", "tagSet", "attachTime"])
empty = names.map(lambda name: f"<{name}/>")
nested = st.recursive(
    text | empty,
    lambda inner: st.lists(
        st.builds(
            lambda name, attribute, content: f"<{name}{attribute}>{content}</{name}>",
            names,
            st.sampled_from(["", ' x="1"']),
            inner,
        ),
        max_size=3,
    ).map("".join),
)
"""What EC2 may tell some day, where nothing is read: of any depth, and with any names in it."""

attachment = together(
    maybe("attachmentId", text),
    maybe("deviceIndex", st.sampled_from("012")),
    maybe("attachTime", times),
)
association = together(maybe("publicIp", text), maybe("ipOwnerId", text))
instances = together(
    element("instanceId", st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)),
    maybe("vpcId", st.sampled_from(["vpc-1", "vpc-2"])),
    element("instanceState", st.just("<code>16</code><name>running</name>")),
    element("launchTime", times),
    maybe("tagSet", items(together(element("key", text), maybe("value", text)))),
    maybe(
        "operator",
        together(element("managed", st.sampled_from(["true", "false"])), maybe("principal", text)),
    ),
    maybe("rootDeviceName", st.just("/dev/xvda")),
    maybe(
        "blockDeviceMapping",
        items(
            together(
                element("deviceName", st.sampled_from(["/dev/xvda", "/dev/sdb"])),
                maybe("ebs", together(maybe("attachTime", times), maybe("volumeId", text))),
            )
        ),
    ),
    # An interface names a VPC, too, and may be in another one than its instance.
    maybe(
        "networkInterfaceSet",
        items(
            together(
                maybe("vpcId", st.just("vpc-3")),
                maybe("subnetId", st.just("subnet-3")),
                maybe("networkInterfaceId", st.just("eni-3")),
                maybe(
                    "groupSet", items(together(maybe("groupId", text), maybe("groupName", text)))
                ),
                maybe("attachment", attachment),
                maybe("association", association),
                maybe(
                    "privateIpAddressesSet",
                    items(together(maybe("primary", text), maybe("association", association))),
                ),
            )
        ),
    ),
    maybe("placement", together(maybe("availabilityZone", text), maybe("groupName", text))),
    maybe("iamInstanceProfile", together(maybe("arn", text), maybe("id", text))),
    maybe("subnetId", text),
    maybe("instanceType", text),
    maybe("imageId", text),
    maybe("instanceLifecycle", text),
    maybe("platformDetails", text),
    maybe("ipAddress", text),
    maybe("somethingNew", nested),
)
reservations = items(
    together(
        maybe("groupSet", items(element("groupName", text))),
        element("instancesSet", items(instances)),
    )
)


ONE = "<item><instancesSet><item><instanceId>i-1</instanceId>{}</item></instancesSet></item>"
RUNNING = "<instanceState><code>16</code><name>running</name></instanceState>"


class OfWhatEveryRunNeeds(LeanEC2Parser):
    """As clients have it where no rule asks for more."""

    @staticmethod
    def tells_more() -> bool:
        return False


def parser(*, tells_more: bool) -> LeanEC2Parser:
    """Make a parser of what every run needs, or of everything."""
    return LeanEC2Parser() if tells_more else OfWhatEveryRunNeeds()


@given(
    reservations,
    st.sampled_from(["", "<nextToken>abc</nextToken>", "<nextToken/>"]),
    st.booleans(),
)
def test_a_page_is_read_as_botocore_reads_it(xml: str, rest: str, more: bool) -> None:
    page = response(document(xml, rest))

    lean = parser(tells_more=more).parse(page, SHAPE)
    full = EC2QueryParser().parse(page, SHAPE)

    in_full = [r["Instances"] for r in full["Reservations"]]
    in_lean = [r["Instances"] for r in lean["Reservations"]]
    assert in_lean == [kept(some, [EVERYTHING if more else KEPT]) for some in in_full]
    assert lean.get("NextToken") == (full.get("NextToken") or None)
    assert lean["ResponseMetadata"]["HTTPHeaders"] == full["ResponseMetadata"]["HTTPHeaders"]
    for one, other in zip(chain(*in_lean), chain(*in_full), strict=True):
        if "VpcId" in one:
            of_lean, of_full = (to_instance(each, SEEN_AT) for each in (one, other))
            assert (of_lean if more else of_lean.ref) == (of_full if more else of_full.ref)
            assert of_lean.tags == of_full.tags


@given(reservations | element("somethingNew", nested).map(ONE.format), st.data(), st.booleans())
def test_a_damaged_page_is_read_as_botocore_reads_it(
    xml: str, data: st.DataObject, more: bool
) -> None:
    whole = document(xml)
    tag = data.draw(st.sampled_from([*re.finditer("</?[a-zA-Z]+[^>]*>", whole)]))
    instead = data.draw(st.sampled_from(["", "<wrong>", "</wrong>"]))
    page = response(whole[: tag.start()] + instead + whole[tag.end() :])

    try:
        full = EC2QueryParser().parse(page, SHAPE)
    except ResponseParserError:
        with pytest.raises(ResponseParserError):
            parser(tells_more=more).parse(page, SHAPE)
    else:
        lean = parser(tells_more=more).parse(page, SHAPE)
        assert [r["Instances"] for r in lean["Reservations"]] == [
            kept(r["Instances"], [EVERYTHING if more else KEPT]) for r in full["Reservations"]
        ]


@given(
    times
    | st.integers(0, 4_000_000_000)
    | st.floats(0, 4e9)
    | st.integers(0, 4_000_000_000).map(str)
    | st.sampled_from(["Mon, 23 Nov 2026 08:00:00 GMT", "2026-11-23T08:00:00+02:00"])
)
def test_a_time_is_read_as_botocore_reads_it(value: Any) -> None:
    assert timestamp(value) == parse_timestamp(value)


CDATA = "<value><![CDATA[<imageId>ami-1</imageId>]]></value>"


@pytest.mark.parametrize(
    "xml",
    [
        "<item><instancesSet/></item>",
        '<item><instancesSet x="1"><item><instanceId>i-1</instanceId></item></instancesSet></item>',
        "<item><groupSet/></item>",
        ONE.format(f"{RUNNING}<tagSet><item><key>a</key>{CDATA}</item></tagSet>"),
        ONE.format(f"{RUNNING}<!-- <imageId>ami-1</imageId> -->"),
    ],
)
def test_a_page_that_looks_otherwise_is_left_to_botocore(xml: str) -> None:
    page = response(document(xml))

    for more in (True, False):
        assert parser(tells_more=more).lean(page["body"]) is None
    assert LeanEC2Parser().parse(page, SHAPE) == EC2QueryParser().parse(page, SHAPE)


@pytest.mark.parametrize(
    "body",
    [
        "<<< this is no answer",
        document(ONE.format(""))[:-40],
        document(ONE.format("<launchTime>yesterday</launchTime>")),
        document(ONE.format("<tagSet><item></tagSet>")),
        document(ONE.format("<keyName>ops</wrong>")),
        document(ONE.format("<placement><tenancy>default</wrong></placement>")),
        document(ONE.format("<groupSet><item><groupName>web</wrong></item></groupSet>")),
        document("<item><instancesSet></item>"),
        document(ONE.format("</item></set><set><item>")),
    ],
)
def test_what_cannot_be_read_as_a_page_is_an_error(body: str) -> None:
    with pytest.raises(ResponseParserError, match="cannot be read"):
        LeanEC2Parser().parse(response(body), SHAPE)


def may_have(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of the fields, some of them null."""
    optional = {name: st.none() | content for name, content in fields.items()}
    return st.fixed_dictionaries({}, optional=optional)


events = st.lists(
    may_have(
        EventId=st.uuids().map(str),
        EventName=st.sampled_from(["RunInstances", "StopInstances"]),
        EventTime=st.integers(0, 4_000_000_000) | st.floats(0, 4e9) | times,
        ReadOnly=st.just("false"),
        Username=texts,
        Resources=st.lists(may_have(ResourceType=texts, ResourceName=texts), max_size=3),
        CloudTrailEvent=texts,
        SomethingNew=texts,
    ),
    max_size=3,
)


@given(events, st.sampled_from([{}, {"NextToken": None}, {"NextToken": "abc"}]))
def test_a_page_of_events_is_read_as_botocore_reads_it(
    found: list[dict[str, Any]], rest: dict[str, Any]
) -> None:
    page = response(json.dumps({"Events": found} | rest))

    lean, full = LeanJSONParser().parse(page, EVENTS), JSONParser().parse(page, EVENTS)

    assert lean["Events"] == kept(full["Events"], KEPT_EVENTS)
    assert lean.get("NextToken") == full.get("NextToken")
    assert lean["ResponseMetadata"] == full["ResponseMetadata"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"Events": null}',
        "this is no answer",
        "[" * 100_000,
    ],
)
def test_a_page_of_events_that_looks_otherwise_is_left_to_botocore(body: str) -> None:
    page = response(body)

    assert lean_parser._events(page["body"]) is None
    assert parsed_or_raised(LeanJSONParser(), page) == parsed_or_raised(JSONParser(), page)


def parsed_or_raised(parser: JSONParser, page: dict[str, Any]) -> Any:
    try:
        return parser.parse(page, EVENTS)
    except Exception as error:
        return type(error)


def test_an_error_of_cloudtrail_is_read_as_botocore_reads_it() -> None:
    error = response('{"__type": "ThrottlingException", "message": "Slow down"}', 400)

    lean = LeanJSONParser().parse(error, EVENTS)

    assert lean == JSONParser().parse(error, EVENTS)
    assert lean["Error"]["Code"] == "ThrottlingException"


@pytest.mark.parametrize("status", [400, 503])
def test_an_error_of_ec2_is_read_as_botocore_reads_it(status: int) -> None:
    body = (
        "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Slow down"
        "</Message></Error></Errors><RequestID>1</RequestID></Response>"
    )

    lean = LeanEC2Parser().parse(response(body, status), SHAPE)

    assert lean == EC2QueryParser().parse(response(body, status), SHAPE)
    assert lean["Error"]["Code"] == "RequestLimitExceeded"


def test_clients_of_a_session_parse_with_it() -> None:
    session = botocore.session.get_session()

    register(session)

    factory = session.get_component("response_parser_factory")
    assert isinstance(factory.create_parser("ec2"), LeanEC2Parser)
    assert isinstance(factory.create_parser("json"), LeanJSONParser)
    assert not isinstance(factory.create_parser("query"), LeanEC2Parser)


def test_clients_tell_more_of_instances_from_when_they_are_asked_to() -> None:
    session, other = botocore.session.get_session(), botocore.session.get_session()
    for one in (session, other):
        register(one)
    parsers = [
        one.get_component("response_parser_factory").create_parser("ec2")
        for one in (session, other)
    ]
    page = response(document(ONE.format(f"{RUNNING}<imageId>ami-1</imageId>")))

    def images() -> list[str]:
        answers = [one.parse(page, SHAPE) for one in parsers]
        return [a["Reservations"][0]["Instances"][0].get("ImageId", "") for a in answers]

    assert images() == ["", ""]
    tell_more(session)
    assert images() == ["ami-1", ""]


def test_botocores_own_parsers_tell_everything_in_any_case() -> None:
    """Where ours could not be registered, nothing more is to be asked of them."""
    session = botocore.session.get_session()
    factory = session.get_component("response_parser_factory")

    tell_more(session)

    assert session.get_component("response_parser_factory") is factory
    assert not hasattr(factory, "tells_more")


def test_the_time_of_an_answer_has_a_time_zone() -> None:
    assert timestamp("2026-11-23T08:00:00") == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


PROTOCOLS = {
    "dynamodb": "Scan",
    "sns": "Publish",
    "ec2": "CreateTags",
    "cloudtrail": "LookupEvents",
    "sqs": "ChangeMessageVisibilityBatch",
    "config": "PutEvaluations",
    "s3": "ListObjectsV2",
}


def parser_of(service: str) -> Any:
    session = botocore.session.get_session()
    register(session)
    protocol = session.get_service_model(service).resolved_protocol
    return session.get_component("response_parser_factory").create_parser(protocol)


@pytest.mark.parametrize(("service", "operation"), PROTOCOLS.items())
def test_what_cannot_be_read_is_said_in_few_words(service: str, operation: str) -> None:
    parser, shape = parser_of(service), answer_of(service, operation)

    for status in (200, 500):
        try:
            parser.parse(response("<<<\n" + "x" * 372_000, status), shape)
        except ResponseParserError as error:
            assert len(str(error)) <= 300
            assert str(error).isprintable()
            assert error.__suppress_context__


def test_a_page_of_a_table_that_is_too_large_is_not_parsed() -> None:
    parser, shape = parser_of("dynamodb"), answer_of("dynamodb", "Scan")
    most = lean_parser.MOST_BYTES["ScanOutput"]
    empty = json.dumps({"Items": [], "Count": 0})

    assert parser.parse(response(empty.ljust(most)), shape)["Items"] == []
    with pytest.raises(ResponseParserError, match="2,097,153 bytes; expected 2,097,152 at most"):
        parser.parse(response(empty.ljust(most + 1)), shape)
