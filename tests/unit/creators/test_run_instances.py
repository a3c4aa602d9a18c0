"""Recorded events of CloudTrail, and the launches that they tell of."""

import json
from typing import Any

import pytest

from tag_policy.creators.run_instances import read_launch
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
