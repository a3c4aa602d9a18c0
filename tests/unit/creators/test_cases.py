"""What AWS has recorded, read by the real code: each file of ``tests/cases/creators`` is a test."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws
from moto.cloudtrail.models import cloudtrail_backends

from tag_policy.aws.clients import Clients
from tag_policy.aws.pace import PacedCalls
from tag_policy.creators.attribution import attribute
from tag_policy.creators.cloudtrail import EventHistory as Questions
from tag_policy.creators.decision import launch_among, what_it_says
from tag_policy.creators.run_instances import LaunchEvent, is_launch, launch_of, read_launch
from tag_policy.creators.tag_value import creator_tag
from tag_policy.model.launch import Known
from tag_policy.model.resource import ResourceRef
from tag_policy.resources.instance import instances_of_vpcs
from tag_policy.settings import CreatorFormat
from tag_policy.triggers import config_rule
from tag_policy.triggers.instance_event import read_instance_event
from tests.support import extensions
from tests.support.builders import HOME, settings
from tests.support.cases import Case, cases
from tests.support.clock import SimulatedClock
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.event_history import EventHistory

CASES = cases("creators")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
VPC = "vpc-0a1b2c3d"
INSTANCE = "i-0123456789abcdef0"


def the_launch(case: Case) -> None:
    """The record as EventBridge delivers it, and as LookupEvents does, are one launch."""
    record, managers = case.input["record"], case.input["managers"]
    time = datetime.fromisoformat(record["eventTime"])
    looked_up = read_launch(
        {
            "EventId": record["eventID"],
            "EventName": record["eventName"],
            "EventTime": time,
            "CloudTrailEvent": json.dumps(record),
        }
    )
    if case.expected.get("launch") is False:
        assert case.expected == {"launch": False}
        assert not is_launch(record)
        assert looked_up is None
        return
    assert is_launch(record)
    delivered = launch_of(record, NOW)
    assert looked_up == delivered
    instance = ResourceRef(INSTANCE, VPC, "", time, managers)
    assert_creator(case.expected, delivered, instance)


def assert_creator(expected: Mapping[str, Any], launch: LaunchEvent, instance: ResourceRef) -> None:
    assert launch_among([launch], instance) == launch
    answer = what_it_says(launch, instance)
    assert isinstance(answer, Known)
    assert expected.keys() <= {"name", "kind", "role_and_name"}
    assert creator_tag(answer.launch, CreatorFormat.NAME) in expected["name"]
    if "kind" in expected:
        assert answer.launch.kind == expected["kind"]
    if "role_and_name" in expected:
        with_role = creator_tag(answer.launch, CreatorFormat.ROLE_AND_NAME)
        assert with_role == expected["role_and_name"]


def the_search(case: Case) -> None:
    """CloudTrail is asked through the client of the function, with its own parser."""
    clock = SimulatedClock(datetime.fromisoformat(case.input["now"]))
    events = [
        event | {"EventTime": datetime.fromisoformat(event["EventTime"])}
        for event in case.input["events"]
    ]
    instances = [
        ResourceRef(instance_id, VPC, "", datetime.fromisoformat(created_at), {})
        for instance_id, created_at in case.input["instances"].items()
    ]
    with mock_aws():
        backend = cloudtrail_backends[ACCOUNT_ID][REGION]
        backend.__dict__["event_history"] = EventHistory(events, clock)
        questions = Questions(
            Clients(HOME).cloudtrail, clock, lookups_per_second=2, out_of_time=lambda: False
        )
        found = attribute(instances, questions, clock.now(), timedelta(minutes=30))
    creators = {
        instance_id: answer.launch.name if isinstance(answer, Known) else None
        for instance_id, answer in found.answers.items()
    }
    assert {"creators": creators} == case.expected


@contextmanager
def described(reservations: Sequence[Any]) -> Any:
    """A client of EC2 that answers with some reservations, and what it was asked."""
    asked: list[Mapping[str, Any]] = []
    with mock_aws():
        client = Clients(HOME).ec2

        def answer(params: Mapping[str, Any], **_: Any) -> tuple[Any, Any]:
            asked.append(params["body"])
            return Ok(), {"Reservations": reservations}

        client.meta.events.register("before-call.ec2.DescribeInstances", answer)
        yield client, asked


class Ok:
    """An answer on the wire, as far as botocore looks at it."""

    status_code = 200


def the_description(case: Case) -> None:
    reservations = json.loads(json.dumps(case.input["Reservations"]), object_hook=with_times)
    with described(reservations) as (ec2, _):
        found = list(listed(ec2))

    assert found
    assert case.expected.keys() == {instance.ref.resource_id for instance in found}
    for instance in found:
        known = {
            "managers": dict(instance.ref.managers),
            "tags": dict(instance.tags),
            "created_at": instance.ref.created_at.isoformat(),
        }
        expected = case.expected[instance.ref.resource_id]
        assert {key: known[key] for key in expected} == expected


def with_times(value: dict[str, Any]) -> dict[str, Any]:
    times = {key for key in value if key.endswith("Time")}
    return value | {key: datetime.fromisoformat(value[key]) for key in times}


def listed(ec2: Any) -> Any:
    paced = PacedCalls(SimulatedClock(NOW), lambda: False)
    return instances_of_vpcs(ec2, [VPC], paced, lambda: False, lambda: False)


def the_request(case: Case) -> None:
    assert case.input["call"] == "DescribeInstances"
    with described([]) as (ec2, asked):
        assert list(listed(ec2)) == []

    (body,) = asked
    for number, one in enumerate(case.input["filters"], start=1):
        assert one["Name"] in (body[f"Filter.{number}.Name"])
        assert body[f"Filter.{number}.Value.1"] in one["Values"]
    for name, value in case.expected["request_has"].items():
        assert body[name] == json.dumps(value)


def the_event(case: Case) -> None:
    home = replace(HOME, account_id=case.input["account"], region=case.input["region"])
    read = read_instance_event(json.dumps(case.input), home)

    assert {"instances": sorted(read.instance_ids)} == case.expected


def the_question_of_config(case: Case) -> None:
    request = config_rule.read(case.input, settings(), HOME)

    assert case.expected == {
        "instance_id": request.instance_id,
        "gone": request.gone,
        "time": request.time.isoformat(),
    }


HOLDS: Mapping[str, Callable[[Case], None]] = {
    "launch": the_launch,
    "search": the_search,
    "describe": the_description,
    "request": the_request,
    "eventbridge": the_event,
    "config": the_question_of_config,
}


@pytest.fixture(autouse=True)
def _in_process_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    extensions.install()
    monkeypatch.delenv("AWS_ENDPOINT_URL")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_aws_has_recorded_is_read_as_an_administrator_would_want(case: Case) -> None:
    assert case.kind in HOLDS, f"{case} is of a kind that nothing tests"

    HOLDS[case.kind](case)


def test_there_is_a_case_of_every_kind() -> None:
    assert {case.kind for case in CASES} == HOLDS.keys()
