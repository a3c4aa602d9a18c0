"""How instances are listed and described, and what is made of the descriptions."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from tag_policy.aws import threads
from tag_policy.aws.pace import PacedCalls
from tag_policy.model.instance import Instance
from tag_policy.model.resource import ResourceRef
from tag_policy.resources import instance
from tag_policy.resources.instance import (
    FILTER_VALUES,
    ID_DIGITS,
    asks_for_managed,
    chunks,
    ended,
    instances_by_id,
    instances_of_vpcs,
    instances_shown,
    persistent_spot_requests,
    states_by_id,
    to_instance,
    touched,
)
from tests.support.builders import NOW
from tests.support.clock import SimulatedClock
from tests.support.fake_ec2 import VPC, Asked, Fleet, described, number, refusal
from tests.support.workers import InTurn

A, B, C = number(1), number(2), number(3)
OTHER_VPC = "vpc-0def"
HOUR = timedelta(hours=1)
LIVE = ["pending", "running", "stopping", "stopped"]


def paced(clock: SimulatedClock | None = None) -> PacedCalls:
    return PacedCalls(clock or SimulatedClock(NOW), lambda: False)


def never() -> bool:
    return False


def listed(
    fleet: Fleet,
    vpc_ids: Sequence[str] = (VPC,),
    is_late: Callable[[], bool] = never,
    is_over: Callable[[], bool] = never,
    **more: Any,
) -> list[str]:
    found = instances_of_vpcs(fleet.client(), vpc_ids, paced(), is_late, is_over, **more)
    return [one.ref.resource_id for one in found]


def filters(request: Any) -> dict[str, list[str]]:
    return {one["Name"]: list(one["Values"]) for one in request["Filters"]}


# VPCs


def test_some_are_given_so_many_at_a_time_in_their_order() -> None:
    assert list(chunks("abcde", 2)) == ["ab", "cd", "e"]
    assert list(chunks("", 2)) == []


# Listing


def test_managed_instances_are_asked_for_where_the_sdk_can_ask_for_them() -> None:
    fleet = Fleet(described(A))

    assert asks_for_managed(fleet.client())
    listed(fleet)
    assert fleet.asked[-1].request["IncludeManagedResources"] is True

    fleet.members = {"Filters"}
    assert not asks_for_managed(fleet.client())
    listed(fleet)
    assert "IncludeManagedResources" not in fleet.asked[-1].request


def test_an_operation_without_parameters_can_ask_for_nothing() -> None:
    fleet = Fleet()
    client = fleet.client()
    shape = client.operation_model
    client.operation_model = lambda _: shape("another")

    assert not asks_for_managed(client)


@pytest.fixture(autouse=True)
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call after the other, so that it is known which comes first."""
    monkeypatch.setattr(threads, "Workers", InTurn)


def ends(fleet: Fleet) -> list[list[str] | None]:
    """Return of each call in which digits the ids were to end."""
    return [filters(one.request).get("instance-id") for one in fleet.asked]


def test_what_fits_into_a_page_is_one_call() -> None:
    fleet = Fleet(
        described(A),
        described(B, state="terminated"),
        described(C, VpcId=OTHER_VPC),
        described(number(4), state="stopped"),
        described(number(5), state="pending"),
        described(number(6), state="stopping"),
        described(number(7), VpcId="vpc-elsewhere"),
    )

    assert listed(fleet, [VPC, OTHER_VPC]) == [A, C, number(4), number(5), number(6)]

    (asked,) = fleet.asked
    assert filters(asked.request) == {
        "vpc-id": [VPC, OTHER_VPC],
        "instance-state-name": LIVE,
    }
    assert asked.request["MaxResults"] == 500


def test_what_is_more_than_a_page_is_listed_in_parts_by_two_digits_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(instance, "PAGE_SIZE", 2)
    fleet = Fleet(*(described(f"i-{at:016x}{digit}") for at, digit in enumerate("aabbbcd0")))

    found = listed(fleet, digits="cab0d1")

    assert sorted(found) == sorted(fleet.descriptions)
    parts = [["i-*c", "i-*a"], ["i-*b", "i-*0"], ["i-*d", "i-*1"]]
    assert ends(fleet)[:2] == [None, parts[0]], "only the first page is listed in vain"
    assert sorted(filter(None, ends(fleet))) == sorted([*parts, *parts[:2]])


def test_all_parts_are_asked_for_before_any_of_them_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(instance, "PAGE_SIZE", 2)
    fleet = Fleet(*(described(f"i-{at:016x}{digit}") for at, digit in enumerate(ID_DIGITS)))
    found = instances_of_vpcs(fleet.client(), [VPC], paced(), never, never)

    ids = [next(found).ref.resource_id for _ in range(3)]

    assert ids[:2] == list(fleet.descriptions)[:2]
    assert len(list(filter(None, ends(fleet)))) >= 8


def test_where_pages_are_made_first_and_filtered_then_the_listing_goes_on_as_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then each part would take as many calls as the whole."""
    monkeypatch.setattr(instance, "PAGE_SIZE", 20)
    fleet = Fleet(*(described(number(at)) for at in range(200)), page_size=20)
    fleet.pages_first = True

    assert sorted(listed(fleet)) == sorted(fleet.descriptions)

    assert ends(fleet).count(None) == 1 + 10
    assert len(list(filter(None, ends(fleet)))) <= 9


def test_parts_that_do_not_show_what_the_first_page_did_are_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Were the digits taken for something else, all parts would be empty, and nothing amiss."""
    monkeypatch.setattr(instance, "PAGE_SIZE", 20)
    fleet = Fleet(*(described(number(at)) for at in range(200)))
    fleet.takes_patterns = False

    assert sorted(listed(fleet)) == sorted(fleet.descriptions)


def test_a_part_that_fails_fails_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "PAGE_SIZE", 2)
    fleet = Fleet(*(described(number(at)) for at in range(20)))

    def fail(asked: Asked) -> None:
        if filters(asked.request).get("instance-id") == ["i-*e", "i-*f"]:
            raise refusal("InternalError")

    fleet.before = fail

    with pytest.raises(ClientError, match="InternalError"):
        listed(fleet)


def test_no_further_part_is_listed_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "PAGE_SIZE", 1)
    fleet = Fleet(*(described(number(at)) for at in range(200)))

    listed(fleet, is_late=lambda: True, is_over=lambda: True)

    assert len(fleet.asked) <= 1 + 8 + 1 + 2 + 2


def test_so_many_vpcs_are_listed_at_a_time_that_a_call_has_two_hundred_values() -> None:
    """Four states, and two digits, count, too."""
    vpc_ids = [f"vpc-{at}" for at in range(FILTER_VALUES - 4 - 2 + 1)]
    fleet = Fleet(described(A, VpcId=vpc_ids[0]), described(B, VpcId=vpc_ids[-1]))

    assert listed(fleet, vpc_ids) == [A, B]
    asked = [filters(one.request)["vpc-id"] for one in fleet.asked]
    assert asked[0] == vpc_ids[:-1]
    assert sorted(asked[1:]) == sorted([vpc_ids[:-1], vpc_ids[-1:]] * 8), "eight parts of each"


def test_what_lies_outside_the_vpcs_is_not_taken_on_trust_of_a_filter() -> None:
    answers = Answers([described(A), described(B, VpcId=OTHER_VPC), described(C, VpcId=None)])

    found = instances_of_vpcs(cast("Any", answers), [VPC], paced(), never, never)

    assert [one.ref.resource_id for one in found] == [A]


class Answers:
    """An EC2 that answers pages, whatever it is asked for."""

    def __init__(self, *pages: list[dict[str, Any]], tokens: Sequence[str] = ()) -> None:
        self._pages = list(pages)
        self._tokens = list(tokens)
        self.meta = Fleet().client().meta
        self.asked: list[Any] = []

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer: dict[str, Any] = {"Reservations": [{"Instances": self._pages.pop(0)}]}
        if self._tokens:
            answer["NextToken"] = self._tokens.pop(0)
        return answer


def test_an_instance_that_is_listed_twice_counts_once_as_it_was_seen_first() -> None:
    answers = Answers(
        [described(A, {"Name": "first"}), described(B)],
        [described(A, {"Name": "second"}), described(B), described(C)],
        *[[]] * 7,
        tokens=["more"],
    )

    found = list(instances_of_vpcs(cast("Any", answers), [VPC], paced(), never, never))

    assert [one.ref.resource_id for one in found] == [A, B, C]
    assert found[0].ref.name == "first"


def test_a_page_with_the_token_of_the_same_page_cannot_be_read() -> None:
    answers = Answers([described(A)], [described(B)], tokens=["more", "more"])

    with pytest.raises(ResponseParserError) as error:
        ended(cast("Any", answers), paced())

    assert str(error.value) == "EC2 answers a page with the token of the same page"


def test_an_empty_page_with_a_token_is_not_the_last() -> None:
    answers = Answers([], [described(A)], tokens=["more", ""])

    assert ended(cast("Any", answers), paced()) == {A}
    assert [one.get("NextToken") for one in answers.asked] == [None, "more"]


def many(*digits: str) -> Fleet:
    """Return instances whose ids end in some digits; one a page."""
    ids = [f"i-{at:016x}{digit}" for at, digit in enumerate(digits)]
    return Fleet(*(described(one) for one in ids), page_size=1)


def test_a_run_that_is_late_goes_on_by_the_last_digit_of_the_ids_in_the_order_it_is_given() -> None:
    fleet = many("a", "b", "b", "c", "a")
    late = iter([False, True])

    found = listed(fleet, is_late=lambda: next(late), digits="cab")

    assert [one[-1] for one in found] == ["a", "c", "a", "b", "b"], "c is of a part"
    by_digit = [filters(one.request)["instance-id"] for one in fleet.asked[-5:]]
    assert by_digit == [["i-*c"], ["i-*a"], ["i-*a"], ["i-*b"], ["i-*b"]]
    assert filters(fleet.asked[-1].request) == {
        "vpc-id": [VPC],
        "instance-state-name": LIVE,
        "instance-id": ["i-*b"],
    }


def test_a_run_that_is_late_by_its_parts_does_not_begin_the_whole_again() -> None:
    fleet = many("a", "b", "b", "c", "a")

    assert len(listed(fleet, is_late=lambda: True, digits="cab")) == 5
    assert ends(fleet).count(None) == 1


def test_a_run_that_is_late_lists_all_digits_where_nothing_else_is_said() -> None:
    fleet = many(*ID_DIGITS)

    assert len(listed(fleet, is_late=lambda: True)) == 16
    assert ID_DIGITS == "0123456789abcdef"


def test_a_run_that_is_late_goes_on_until_its_time_is_over() -> None:
    fleet = many("a", "b", "c", "d")
    over = iter([False, True])

    found = listed(fleet, is_late=lambda: True, is_over=lambda: next(over), digits="dcb")

    assert [one[-1] for one in found] == ["a", "c", "d"], "c is of the part that was tried"


def test_a_run_that_is_late_on_the_last_page_has_seen_everything() -> None:
    fleet = many("a", "c")
    late = iter([False] * 7)

    assert len(listed(fleet, is_late=lambda: next(late, True))) == 2
    assert ["i-*0"] not in ends(fleet)


def test_parts_are_left_by_a_run_that_is_late() -> None:
    fleet = many(*ID_DIGITS)
    late = iter([False] * 3)

    assert len(listed(fleet, is_late=lambda: next(late, True))) == 16
    assert ["i-*0"] in ends(fleet)


def test_the_last_page_is_that_of_the_last_listing() -> None:
    """Where there are more VPCs than a filter takes, another listing follows."""
    vpc_ids = [f"vpc-{at}" for at in range(FILTER_VALUES + 1)]
    fleet = Fleet(described(A, VpcId=vpc_ids[0]), described(B, VpcId=vpc_ids[-1]))

    assert listed(fleet, vpc_ids, is_late=lambda: True, digits="12") == [A, B]

    by_digit = [filters(one.request).get("instance-id") for one in fleet.asked]
    assert by_digit[-4:] == [["i-*1"], ["i-*1"], ["i-*2"], ["i-*2"]]


def test_ids_that_differ_in_their_last_64_bits_are_different_instances() -> None:
    ids = ["i-00000000000000001", "i-00000000000000002", "i-08000000000000001", "i-80000001"]
    ids += ["i-4283fefc63f0cd0e8", "i-48fd67f17234f40f9"]
    fleet = Fleet(*(described(one) for one in ids))

    assert listed(fleet) == ids


def test_it_is_known_when_a_page_was_asked_for_and_when_it_was_answered() -> None:
    clock = SimulatedClock(NOW)
    fleet = Fleet(described(A))

    def answer_slowly(_: Asked) -> None:
        clock.slept += timedelta(seconds=3)

    fleet.after = answer_slowly
    (found,) = instances_of_vpcs(fleet.client(), [VPC], paced(clock), never, never)

    assert (found.ref.seen_at, found.ref.shown_at) == (NOW, NOW + timedelta(seconds=3))


def test_a_page_that_aws_throttles_is_asked_for_again() -> None:
    fleet = Fleet(described(A))
    errors = iter([refusal("RequestLimitExceeded")])

    def throttle(_: Asked) -> None:
        for error in errors:
            raise error

    fleet.before = throttle

    assert listed(fleet) == [A]


# By id


def test_instances_are_found_by_their_ids_where_they_are_live_and_in_the_vpcs() -> None:
    fleet = Fleet(
        described(A),
        described(B, state="shutting-down"),
        described(C, VpcId=OTHER_VPC),
        described(number(4)),
    )

    found = instances_by_id(fleet.client(), [A, B, C, number(9)], [VPC], paced())

    assert [one.ref.resource_id for one in found] == [A]
    assert [filters(one.request) for one in fleet.asked] == [{"instance-id": [A, B, C, number(9)]}]


def test_of_what_ec2_shows_and_is_no_concern_of_the_engine_only_the_id_is_told() -> None:
    gone = described(C)
    del gone["VpcId"]
    answers = Answers([described(A), described(number(4)), described(B, state="stopped"), gone])

    shown = dict(instances_shown(cast("Any", answers), [A, B, C], [VPC], paced()))

    assert list(shown) == [A, B, C], "nobody has asked for the fourth"
    assert isinstance(shown[A], Instance)
    assert isinstance(shown[B], Instance)
    assert shown[C] is None


def test_what_is_shown_by_id_has_the_times_of_its_page() -> None:
    clock = SimulatedClock(NOW)
    fleet = Fleet(described(A))

    def answer_slowly(_: Asked) -> None:
        clock.slept += timedelta(seconds=3)

    fleet.after = answer_slowly
    ((_, found),) = instances_shown(fleet.client(), [A], [VPC], paced(clock))

    assert found is not None
    assert (found.ref.seen_at, found.ref.shown_at) == (NOW, NOW + timedelta(seconds=3))


def test_instances_are_asked_for_by_two_hundred_ids_at_a_time() -> None:
    ids = [number(at) for at in range(FILTER_VALUES + 1)]
    fleet = Fleet(*(described(one) for one in ids))

    assert len(list(instances_by_id(fleet.client(), ids, [VPC], paced()))) == len(ids)
    assert [filters(one.request)["instance-id"] for one in fleet.asked] == [ids[:-1], ids[-1:]]


def test_the_states_of_instances_are_told_whatever_they_are_and_wherever() -> None:
    fleet = Fleet(described(A), described(B, state="terminated", VpcId=None), described(C))

    assert states_by_id(fleet.client(), [A, B, number(9)], paced()) == {
        A: "running",
        B: "terminated",
    }


def test_what_has_ended_is_asked_for_in_the_whole_region() -> None:
    fleet = Fleet(
        described(A),
        described(B, state="terminated", VpcId=None),
        described(C, state="shutting-down"),
        page_size=1,
    )

    assert ended(fleet.client(), paced()) == {B, C}
    assert filters(fleet.asked[0].request) == {
        "instance-state-name": ["shutting-down", "terminated"]
    }


# What has a tag by now


def test_the_instances_that_have_one_of_the_tags_are_asked_for_by_the_tags() -> None:
    fleet = Fleet(described(A, {"Owner": ""}), described(B, {"Team": "red"}), described(C))

    assert touched(fleet.client(), [A, B, C], {"Team", "Owner"}, paced()) == {A, B}
    assert [filters(one.request) for one in fleet.asked] == [
        {"instance-id": [A, B, C], "tag-key": ["Owner", "Team"]}
    ]


def test_so_many_instances_are_asked_for_at_a_time_that_a_call_has_two_hundred_values() -> None:
    ids = [number(at) for at in range(FILTER_VALUES + 1)]
    fleet = Fleet(*(described(one, {"Owner": ""}) for one in ids))

    assert touched(fleet.client(), frozenset(ids), {"Owner"}, paced()) == set(ids)
    sizes = [len(filters(one.request)["instance-id"]) for one in fleet.asked]
    assert sizes == [FILTER_VALUES - 1, 2]


@pytest.mark.parametrize("key", ["Own*", "Owner?", "a\\b"])
def test_all_may_have_a_tag_whose_key_means_more_in_a_filter(key: str) -> None:
    fleet = Fleet(described(A))

    assert touched(fleet.client(), [A, B], {"Team", key}, paced()) == [A, B]
    assert fleet.asked == []


def test_all_may_have_one_of_more_tags_than_a_filter_takes() -> None:
    fleet = Fleet(described(A))
    keys = {f"key{at}" for at in range(FILTER_VALUES - 1)}

    assert touched(fleet.client(), [A], keys, paced()) == set()
    assert touched(fleet.client(), [A], keys | {"one more"}, paced()) == [A]


# Spot requests


def test_the_persistent_ones_of_spot_requests_are_asked_for() -> None:
    fleet = Fleet()
    fleet.spot_requests = {"sir-2"}

    found = persistent_spot_requests(fleet.client(), {"sir-2", "sir-1"}, paced())

    assert found == {"sir-2"}
    assert [filters(one.request) for one in fleet.asked] == [
        {"spot-instance-request-id": ["sir-1", "sir-2"], "type": ["persistent"]}
    ]


def test_so_many_spot_requests_are_asked_for_that_a_call_has_two_hundred_values() -> None:
    ids = [f"sir-{at:03}" for at in range(FILTER_VALUES + 1)]
    fleet = Fleet()
    fleet.spot_requests = set(ids)

    assert persistent_spot_requests(fleet.client(), ids, paced()) == set(ids)
    assert [len(filters(one.request)["spot-instance-request-id"]) for one in fleet.asked] == [
        FILTER_VALUES - 1,
        2,
    ]


def test_of_no_spot_request_but_those_in_question_anything_is_told() -> None:
    class Tells:
        def describe_spot_instance_requests(self, **_: Any) -> dict[str, Any]:
            return {"SpotInstanceRequests": [{"SpotInstanceRequestId": "sir-9"}]}

    assert persistent_spot_requests(cast("Any", Tells()), ["sir-1"], paced()) == set()


# One description


def attachment(attached: datetime, **more: int) -> dict[str, Any]:
    return {"Attachment": {"AttachTime": attached} | more}


def read(**more: Any) -> Instance:
    return to_instance(cast("Any", described(A, {"Name": "web"}, launched=NOW, **more)), NOW)


def test_an_instance_is_what_its_description_says() -> None:
    found = to_instance(
        cast(
            "Any",
            described(
                A,
                {"Name": "web", "Owner": ""},
                state="stopped",
                launched=NOW - HOUR,
                SpotInstanceRequestId="sir-1",
            ),
        ),
        NOW,
        NOW + HOUR,
    )

    assert found == Instance(
        ref=ResourceRef(
            resource_id=A,
            vpc_id=VPC,
            name="web",
            created_at=NOW - HOUR,
            managers={},
            seen_at=NOW,
            shown_at=NOW + HOUR,
            spot_request_id="sir-1",
        ),
        state="stopped",
        started_at=NOW - HOUR,
        tags={"Name": "web", "Owner": ""},
    )


def test_what_few_rules_ask_for_is_there_where_it_was_read() -> None:
    profile = "arn:aws:iam::123456789012:instance-profile/ops/team-1/web"
    whole = described(
        A,
        SubnetId="subnet-1",
        Placement={"AvailabilityZone": "eu-west-1a", "Tenancy": "default"},
        InstanceType="m6i.large",
        ImageId="ami-1",
        InstanceLifecycle="spot",
        PlatformDetails="Linux/UNIX",
        IamInstanceProfile={"Arn": profile, "Id": "AIPA"},
        PublicIpAddress="203.0.113.7",
    )

    found = to_instance(cast("Any", whole), NOW)

    assert (found.subnet_id, found.availability_zone) == ("subnet-1", "eu-west-1a")
    assert (found.instance_type, found.image_id) == ("m6i.large", "ami-1")
    assert (found.lifecycle, found.platform) == ("spot", "Linux/UNIX")
    assert (found.instance_profile, found.has_public_ip) == ("web", True)


def test_an_instance_on_demand_and_without_a_profile_has_neither() -> None:
    found = to_instance(cast("Any", described(A, SubnetId="subnet-1")), NOW)

    assert found.subnet_id == "subnet-1"
    assert (found.lifecycle, found.instance_profile, found.platform) == ("", "", "")
    assert not found.has_public_ip


ADDRESS = {"Association": {"PublicIp": "203.0.113.7"}}


@pytest.mark.parametrize(
    ("interfaces", "expected"),
    [
        ([], False),
        ([{}], False),
        ([{"PrivateIpAddresses": [{}]}], False),
        ([{"Association": {"CarrierIp": "1.2.3.4"}}], False),
        ([ADDRESS], True),
        ([{}, ADDRESS], True),
        ([{"PrivateIpAddresses": [{}, ADDRESS]}], True),
        ([{}, {"PrivateIpAddresses": [ADDRESS]}], True),
    ],
)
def test_a_public_address_counts_on_whichever_interface_it_is(
    interfaces: list[Any], expected: bool
) -> None:
    shown = described(A, SubnetId="subnet-1", NetworkInterfaces=interfaces)

    assert to_instance(cast("Any", shown), NOW).has_public_ip is expected


def test_what_a_description_leaves_out_is_empty() -> None:
    bare = described(A)
    del bare["Tags"]

    found = to_instance(cast("Any", bare), NOW)

    assert (found.tags, found.ref.name, found.ref.spot_request_id) == ({}, "", "")
    assert (found.ref.seen_at, found.ref.shown_at) == (NOW, NOW)
    without_value = to_instance(cast("Any", bare | {"Tags": [{"Key": "Owner"}]}), NOW)
    assert without_value.tags == {"Owner": ""}


@pytest.mark.parametrize(
    ("key", "service"),
    [
        ("aws:autoscaling:groupName", "autoscaling"),
        ("aws:cloudformation:stack-name", "cloudformation"),
        ("aws:ec2:fleet-id", "ec2fleet"),
        ("aws:ec2spot:fleet-request-id", "spotfleet"),
        ("aws:elasticmapreduce:job-flow-id", "elasticmapreduce"),
        ("aws:servicecatalog:provisioningPrincipalArn", "servicecatalog"),
    ],
)
def test_a_tag_of_aws_says_what_an_instance_is_a_part_of(key: str, service: str) -> None:
    def managers(value: str) -> dict[str, str]:
        found = to_instance(cast("Any", described(A, {key: value})), NOW)
        return dict(found.ref.managers)

    assert managers("it") == {service: "it"}
    assert managers("") == {}


@pytest.mark.parametrize(
    ("operator", "managers"),
    [
        ({"Managed": True, "Principal": "eks.amazonaws.com"}, {"operator": "eks.amazonaws.com"}),
        ({"Managed": True}, {"operator": "an AWS service"}),
        ({"Managed": False, "Principal": "eks.amazonaws.com"}, {}),
        ({}, {}),
    ],
)
def test_an_operator_manages_an_instance_where_it_says_so(
    operator: dict[str, Any], managers: dict[str, str]
) -> None:
    assert read(Operator=operator).ref.managers == managers


def test_an_instance_was_created_when_its_primary_network_interface_was_attached() -> None:
    """The earliest of those with the index 0, of which each network card may have one."""
    interfaces = [
        attachment(NOW - 9 * HOUR, DeviceIndex=1),
        attachment(NOW - 8 * HOUR),
        attachment(NOW - 2 * HOUR, DeviceIndex=0),
        attachment(NOW - 3 * HOUR, DeviceIndex=0),
        {"Attachment": {"DeviceIndex": 0}},
        {},
    ]
    volume = {"DeviceName": "/dev/xvda", "Ebs": {"AttachTime": NOW - HOUR}}

    found = read(
        NetworkInterfaces=interfaces, RootDeviceName="/dev/xvda", BlockDeviceMappings=[volume]
    )

    assert found.ref.created_at == NOW - 3 * HOUR
    assert found.started_at == NOW


def test_else_when_its_root_volume_was_attached() -> None:
    volumes = [
        {"DeviceName": "/dev/sdb", "Ebs": {"AttachTime": NOW - 9 * HOUR}},
        {"DeviceName": "/dev/xvda", "Ebs": {"AttachTime": NOW - HOUR}},
    ]

    found = read(RootDeviceName="/dev/xvda", BlockDeviceMappings=volumes)

    assert found.ref.created_at == NOW - HOUR


@pytest.mark.parametrize(
    "volume", [{"DeviceName": "/dev/xvda"}, {"DeviceName": "/dev/xvda", "Ebs": {}}, {}]
)
def test_else_when_it_was_last_started(volume: dict[str, Any]) -> None:
    found = read(RootDeviceName="/dev/xvda", BlockDeviceMappings=[volume])

    assert found.ref.created_at == NOW
