"""Recorded events of EventBridge, and the instances that they are about.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tag-changes.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.triggers.instance_event import (
    InstanceEvent,
    InstanceEventError,
    read_instance_event,
)
from tests.support.builders import HOME

EVENTS = Path(__file__).parents[1] / "events"
INSTANCE = "i-0abcdef1234567890"
ODD_INSTANCE = {"instancesSet": {"items": [{"instanceId": "x"}]}}


def event(name: str, **changes: Any) -> str:
    recorded = json.loads((EVENTS / f"{name}.json").read_text())
    detail = recorded["detail"] | changes.pop("detail", {})
    return json.dumps(recorded | {"detail": detail} | changes)


def test_a_launch_names_its_instances_and_who_launched_them() -> None:
    read = read_instance_event(event("launch"), HOME)

    assert read.instance_ids == {INSTANCE, "i-0abcdef1234567891"}
    assert read.time == datetime(2026, 11, 23, 7, 59, 40, tzinfo=UTC)
    assert read.launch is not None
    assert read.launch.user_identity is not None
    assert read.launch.user_identity["userName"] == "alice"
    assert read.launch.event_id == "6e1d2f3a-4b5c-4d6e-8f70-8192a3b4c5d6"
    assert read.launch.event_time == datetime(2026, 11, 23, 7, 59, 38, tzinfo=UTC)


@pytest.mark.parametrize("name", ["state-change", "tag-change"])
def test_other_events_name_an_instance_and_nobody(name: str) -> None:
    read = read_instance_event(event(name), HOME)

    assert read.instance_ids == {INSTANCE}
    assert read.launch is None


@pytest.mark.parametrize(
    "body",
    [
        event("launch", detail={"errorCode": "Client.InstanceLimitExceeded"}),
        event("launch", detail={"eventName": "StartInstances"}),
        event("launch", detail={"responseElements": None}),
        event("state-change", detail={"state": "stopped", "instance-id": "-"}),
        event("tag-change", detail={"resource-type": "volume"}),
        event("tag-change", detail={"service": "rds"}),
    ],
)
def test_an_event_that_tells_of_nothing_to_look_at_names_none(body: str) -> None:
    assert read_instance_event(body, HOME).instance_ids == frozenset()


def test_a_launch_that_does_not_say_when_was_when_its_event_was() -> None:
    for wrong in ("soon", None, "2026-11-23T07:59:38"):
        read = read_instance_event(event("launch", detail={"eventTime": wrong}), HOME)
        assert read.launch is not None
        assert read.launch.event_time == read.time


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "the event is a list; expected an object"),
        ("{}", "the event is of the account None and the region None"),
        (event("launch", account="210987654321"), "expected one of '123456789012' and 'eu-west-1'"),
        (event("state-change", region="eu-west-2"), "of the account '123456789012' and the region"),
        (event("tag-change", account=123456789012), "the event is of the account 123456789012"),
        (event("launch", time=None), "its time is None; expected a time such as"),
        (event("launch", time="now"), "its time is 'now'"),
        (event("launch", time="2026-11-23T07:59:40"), "its time is '2026-11-23T07:59:40'"),
        (event("launch", source="aws.rds"), "the event is 'AWS API Call via CloudTrail' of"),
        (event("state-change", source="my.own"), "of 'my.own'; expected a RunInstances call"),
        (event("tag-change", source="my.own"), "of 'my.own'; expected a RunInstances call"),
        (event("launch", **{"detail-type": "Other"}), "expected a RunInstances call"),
        (event("state-change", detail={"instance-id": "i-*"}), "it names 'i-*'; expected the id"),
        (event("state-change", detail={"instance-id": 7}), "it names 7"),
        (event("tag-change", resources=["arn:aws:ec2:::volume/vol-1"]), "it names 'arn:aws:ec2::"),
        (
            event(
                "tag-change", resources=[f"arn:aws:ec2:eu-west-1:210987654321:instance/{INSTANCE}"]
            ),
            "it names 'arn:aws:ec2:eu-west-1:210987654321:instance/i-0abcdef1234567890'",
        ),
        (event("tag-change", resources=[None]), "it names None"),
        (event("tag-change", resources="i-0abcdef1234567890"), "expected a list of ARNs"),
        (
            event(
                "launch",
                detail={"responseElements": {"instancesSet": {"items": [{"instanceId": "x"}]}}},
            ),
            "it names 'x'",
        ),
    ],
)
def test_what_is_no_such_event_is_an_error_that_says_why(body: str, message: str) -> None:
    with pytest.raises(InstanceEventError) as error:
        read_instance_event(body, HOME)

    assert message in str(error.value)


@pytest.mark.parametrize("field", ["source", "detail-type", "time", "resources"])
def test_what_an_error_shows_is_cut_and_can_be_printed(field: str) -> None:
    with pytest.raises(InstanceEventError) as error:
        read_instance_event(event("tag-change", **{field: "x\n" * 10_000}), HOME)

    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    name=st.sampled_from(["launch", "state-change", "tag-change"]),
    key=st.sampled_from(["time", "detail", "resources", "source", "detail-type"]),
    inner=st.sampled_from(["", "userIdentity", "responseElements", "instance-id", "eventTime"]),
    value=JSON,
)
def test_whatever_stands_in_an_event_it_is_read_or_refused(
    name: str, key: str, inner: str, value: Any
) -> None:
    recorded = json.loads((EVENTS / f"{name}.json").read_text())
    if inner:
        recorded["detail"][inner] = value
    else:
        recorded[key] = value

    with contextlib.suppress(InstanceEventError):
        assert isinstance(read_instance_event(json.dumps(recorded), HOME), InstanceEvent)
