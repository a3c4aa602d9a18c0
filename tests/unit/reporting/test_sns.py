"""A message to SNS: what goes over the wire, and what becomes of a refusal."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from tag_policy.aws.clients import Clients
from tag_policy.aws.pace import PacedCalls
from tag_policy.reporting import sns
from tag_policy.reporting.sns_message import Message, messages
from tests.support.builders import HOME, NOW, outcome, report
from tests.support.clock import SimulatedClock

TOPIC = "arn:aws:sns:eu-west-1:123456789012:tag-policy-reports"
TAKEN = {"MessageId": "00000000-0000-0000-0000-000000000001"}


def message() -> Message:
    (only,) = messages(report(outcomes=[outcome()]))
    return only


def sent(**expected: Any) -> dict[str, Any]:
    return {
        "TopicArn": TOPIC,
        "Subject": ANY,
        "Message": ANY,
        "MessageStructure": "json",
        "MessageAttributes": ANY,
    } | expected


def publish(stub: Stubber, one: Message, *, out_of_time: bool = False) -> SimulatedClock:
    clock = SimulatedClock(NOW)
    client: Any = stub.client
    with stub:
        sns.publish(client, TOPIC, one, PacedCalls(clock, lambda: out_of_time))
    return clock


def test_a_message_goes_to_the_topic_with_its_subject_and_a_body_for_each_protocol() -> None:
    one = message()
    stub = Stubber(Clients(HOME).sns)
    stub.add_response("publish", TAKEN, sent(Subject=one.subject, Message=one.body))

    publish(stub, one)

    stub.assert_no_pending_responses()
    assert json.loads(one.body).keys() == {"default", "email", "sms"}


def test_filter_policies_can_compare_numbers_as_numbers_and_lists_by_their_items() -> None:
    one = Message("s", "{}", {"tagged": 3, "mode": "enforce", "vpc_ids": ["vpc-1", "vpc-2"]}, ())
    stub = Stubber(Clients(HOME).sns)
    attributes = {
        "tagged": {"DataType": "Number", "StringValue": "3"},
        "mode": {"DataType": "String", "StringValue": "enforce"},
        "vpc_ids": {"DataType": "String.Array", "StringValue": '["vpc-1", "vpc-2"]'},
    }
    stub.add_response("publish", TAKEN, sent(MessageAttributes=attributes))

    publish(stub, one)

    stub.assert_no_pending_responses()


def test_a_message_that_is_throttled_is_published_after_a_pause() -> None:
    stub = Stubber(Clients(HOME).sns)
    stub.add_client_error("publish", "Throttled", http_status_code=429)
    stub.add_response("publish", TAKEN)

    clock = publish(stub, message())

    stub.assert_no_pending_responses()
    assert clock.slept.total_seconds() > 0


def test_without_time_for_another_try_throttling_is_an_error() -> None:
    stub = Stubber(Clients(HOME).sns)
    stub.add_client_error("publish", "Throttled", http_status_code=429)

    with pytest.raises(ClientError, match="Throttled"):
        publish(stub, message(), out_of_time=True)


def test_a_message_that_is_refused_is_not_published_again() -> None:
    stub = Stubber(Clients(HOME).sns)
    stub.add_client_error("publish", "AuthorizationError", http_status_code=403)

    with pytest.raises(ClientError, match="AuthorizationError"):
        publish(stub, message())
