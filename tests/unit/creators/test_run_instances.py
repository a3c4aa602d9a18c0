"""Recorded events of CloudTrail, and the launches that they tell of."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tag_policy.creators.run_instances import is_launch, launch_of, read_launch, time_of
from tests.support.builders import NOW
from tests.support.recorded import recorded


def test_a_launch_names_every_instance_that_it_made() -> None:
    launch = read_launch(recorded("many-instances"))

    assert launch is not None
    assert len(launch.instance_ids) == 3
    assert launch.user_identity is not None


@pytest.mark.parametrize("file", ["response-omitted", "index-left-out"])
def test_one_of_the_two_places_that_name_the_instance_is_enough(file: str) -> None:
    launch = read_launch(recorded(file))

    assert launch is not None
    assert len(launch.instance_ids) == 1
    assert launch.user_identity is not None


def test_without_its_record_a_launch_names_the_instance_and_nobody_else() -> None:
    launch = read_launch(recorded("record-left-out"))

    assert launch is not None
    assert len(launch.instance_ids) == 1
    assert launch.user_identity is None


@pytest.mark.parametrize("file", ["refused", "dry-run"])
def test_a_launch_that_launched_nothing_is_none(file: str) -> None:
    assert read_launch(recorded(file)) is None


def changed(**fields: Any) -> dict[str, Any]:
    event = recorded("iam-user")
    return event | {"CloudTrailEvent": json.dumps(json.loads(event["CloudTrailEvent"]) | fields)}


def test_an_event_of_another_kind_or_service_is_no_launch() -> None:
    assert read_launch(recorded("iam-user") | {"EventName": "StartInstances"}) is None
    assert read_launch(changed(eventSource="elsewhere.amazonaws.com")) is None


@pytest.mark.parametrize("record", ["not JSON", "[]", "null", "[" * 100_000, '"text"'])
def test_a_record_that_cannot_be_read_is_a_launch_by_nobody_known(record: str) -> None:
    launch = read_launch(recorded("iam-user") | {"CloudTrailEvent": record})

    assert launch is not None
    assert launch.user_identity is None


@pytest.mark.parametrize(
    "answer",
    [None, [], {"instancesSet": None}, {"instancesSet": {"items": [None]}}, {"instancesSet": []}],
)
def test_an_answer_of_another_shape_names_no_instance(answer: object) -> None:
    event = changed(responseElements=answer)
    del event["Resources"]

    launch = read_launch(event)

    assert launch is not None
    assert launch.instance_ids == frozenset()


def resource(kind: str, name: str) -> dict[str, str]:
    return {"ResourceType": kind, "ResourceName": name}


@pytest.mark.parametrize("kind", ["AWS::EC2::KeyPair", "AWS::EC2::SecurityGroup", "", None])
@pytest.mark.parametrize("answer", [None, {"omitted": True}])
def test_what_users_name_like_an_instance_is_none(kind: str | None, answer: object) -> None:
    users = {"ResourceName": "i-0123456789abcdef0"} | ({} if kind is None else resource(kind, ID))
    event = changed(responseElements=answer) | {"Resources": [users]}

    launch = read_launch(event)

    assert launch is not None
    assert launch.instance_ids == frozenset()
    assert not launch.complete


ID = "i-0123456789abcdef0"


def test_where_ec2_has_answered_only_the_answer_counts() -> None:
    more = [resource("AWS::EC2::Instance", ID)]
    arn = f"arn:aws:ec2:us-east-1:111122223333:instance/{ID}"
    event = changed(resources=[{"type": "AWS::EC2::Instance", "ARN": arn}]) | {"Resources": more}

    launch = read_launch(event)

    assert launch is not None
    assert ID not in launch.instance_ids
    assert len(launch.instance_ids) == 1
    assert launch.complete


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        ([{"type": "AWS::EC2::Instance", "ARN": f"arn:aws:ec2:eu-west-1:1:instance/{ID}"}], {ID}),
        (
            [{"type": "AWS::EC2::Instance", "ARN": f"arn:aws-cn:ec2:cn-north-1::instance/{ID}"}],
            {ID},
        ),
        ([{"type": "AWS::EC2::KeyPair", "ARN": f"arn:aws:ec2:eu-west-1:1:instance/{ID}"}], set()),
        ([{"type": "AWS::EC2::Instance", "ARN": f"arn:aws:ec2:eu-west-1:1:key-pair/{ID}"}], set()),
        ([{"type": "AWS::EC2::Instance"}, None, "x"], set()),
        ({"type": "AWS::EC2::Instance"}, set()),
    ],
)
def test_a_record_may_list_its_resources_by_arn(resources: object, names: set[str]) -> None:
    event = changed(responseElements={"omitted": True}, resources=resources)
    del event["Resources"]

    launch = read_launch(event)

    assert launch is not None
    assert launch.instance_ids == names


@pytest.mark.parametrize("identity", [None, {}, "alice", {"omitted": True}, {"type": 7}])
def test_an_identity_that_is_left_out_cannot_be_read(identity: object) -> None:
    launch = read_launch(changed(userIdentity=identity))

    assert launch is not None
    assert launch.user_identity is None


def test_the_id_of_an_event_can_be_printed_and_is_cut() -> None:
    event = recorded("iam-user") | {"EventId": "a\nb" * 1000}

    launch = read_launch(event)

    assert launch is not None
    assert launch.event_id == ("a b" * 1000)[:64]


def test_an_event_that_does_not_say_its_name_is_what_was_asked_for() -> None:
    nameless = recorded("iam-user")
    del nameless["EventName"]

    assert read_launch(nameless) is not None


def test_a_record_that_does_not_say_its_name_is_what_its_event_says() -> None:
    event = recorded("iam-user")
    record = json.loads(event["CloudTrailEvent"])
    del record["eventName"]

    launch = read_launch(event | {"CloudTrailEvent": json.dumps(record)})

    assert launch is not None
    assert launch.user_identity is not None


def test_a_record_that_does_not_say_its_service_is_one_of_ec2() -> None:
    assert is_launch({"eventName": "RunInstances"})
    assert not is_launch({"eventName": "RunInstances", "eventSource": "x.amazonaws.com"})
    assert not is_launch({"eventSource": "ec2.amazonaws.com"})


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2026-11-22T07:00:00Z", datetime(2026, 11, 22, 7, tzinfo=UTC)),
        ("2026-11-22T07:00:00", NOW),
        ("yesterday", NOW),
        (None, NOW),
        (7, NOW),
    ],
)
def test_a_record_that_does_not_say_its_time_is_of_the_time_at_which_it_came(
    said: object, time: datetime
) -> None:
    record = {"eventName": "RunInstances", "eventID": "e-1"}

    assert launch_of(record | {"eventTime": said}, NOW).event_time == time
    assert launch_of(record, NOW).event_time == NOW


def test_an_event_that_does_not_say_its_time_is_the_latest_of_all() -> None:
    timeless: Any = recorded("iam-user")
    del timeless["EventTime"]

    assert time_of(timeless) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("event_id", [None, 7, ["e-1"]])
def test_an_event_whose_id_cannot_be_read_has_none(event_id: object) -> None:
    launch = read_launch(recorded("iam-user") | {"EventId": event_id})

    assert launch is not None
    assert launch.event_id == ""


@pytest.mark.parametrize(
    ("items", "complete"),
    [
        ([{"instanceId": ID}], True),
        ([], False),
        ([{"instanceId": ID}, {}], False),
        ([{"instanceId": ID}, {"instanceId": 7}], False),
    ],
)
def test_an_answer_is_complete_where_it_names_every_one_of_some_instances(
    items: list[Any], complete: bool
) -> None:
    launch = read_launch(changed(responseElements={"instancesSet": {"items": items}}))

    assert launch is not None
    assert launch.complete is complete


def test_where_ec2s_answer_is_left_out_the_index_names_the_instances() -> None:
    event = changed(responseElements={"omitted": True})

    launch = read_launch(event | {"Resources": [resource("AWS::EC2::Instance", ID)]})
    nameless = read_launch(event | {"Resources": [{"ResourceType": "AWS::EC2::Instance"}]})

    assert launch is not None
    assert launch.instance_ids == {ID}
    assert nameless is not None
    assert all(isinstance(one, str) for one in nameless.instance_ids)
