"""The messages of the event queue."""

from typing import Any

import pytest

from tag_policy import handler
from tag_policy.model.assignment import Scope
from tag_policy.triggers.sqs_batch import Message, accepts, bring_back, failures, read
from tests.support.builders import HOME, settings
from tests.support.small_aws import SmallAws, refusal

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/tag-policy-events"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "messageId": "m-1",
        "receiptHandle": "r",
        "attributes": {"ApproximateReceiveCount": "1"},
        "body": "{}",
    } | changes


@pytest.mark.parametrize(
    "forged", ["\nERROR all is well", "\u2028", "\u202e", "\ud800", "x" * 10**6]
)
def test_what_cannot_be_read_is_one_line_of_the_log_whatever_it_holds(
    forged: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert handler.__name__, "which has the log cleaned"

    records = [record(messageId=f"m{forged}"), record(body=forged)]
    messages = read({"Records": records}, settings(), HOME).messages

    assert [message.event for message in messages] == [None, None]
    assert [message.message_id for message in messages] == [f"m{forged}", "m-1"]
    assert len(caplog.messages) == 2
    assert all(line.isprintable() and len(line) <= 2_000 for line in caplog.messages)


def test_what_events_name_is_a_part_of_what_the_engine_is_responsible_for() -> None:
    assert read({"Records": [record()]}, settings(), HOME).assignment.scope is Scope.SOME


def message(name: str, tries: int = 1) -> Message:
    return Message(name, f"receipt of {name}", tries, None)


def of_sqs(**changes: Any) -> dict[str, Any]:
    return record(eventSource="aws:sqs") | changes


def test_a_batch_is_accepted_only_where_there_is_a_queue_and_all_of_it_is_from_one() -> None:
    queue = settings(queue_url=QUEUE)

    assert accepts({"Records": [of_sqs()]}, queue)
    assert not accepts({"Records": [of_sqs()]}, settings())
    for records in ([], {}, None, "text", [of_sqs(), of_sqs(eventSource="aws:s3")], ["text"]):
        assert not accepts({"Records": records}, queue)


def test_a_message_says_how_often_it_was_tried_and_by_what_it_is_brought_back() -> None:
    tried = of_sqs(attributes={"ApproximateReceiveCount": "3"}, receiptHandle="h")

    (read_one,) = read({"Records": [tried]}, settings(), HOME).messages

    assert (read_one.tries, read_one.receipt_handle) == (3, "h")


def test_lambda_is_told_of_failed_messages_by_their_ids_and_of_none_by_an_empty_list() -> None:
    """Anything else, and Lambda takes the whole batch for failed, or for done."""
    assert failures([message("a"), message("b")]) == {
        "batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]
    }
    assert failures([]) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (7, 900), (2_000, 900)]
)
def test_a_message_comes_back_after_half_a_minute_and_twice_as_long_each_time(
    tries: int, seconds: int
) -> None:
    aws = SmallAws()

    bring_back(aws.clients.sqs, QUEUE, [message("m", tries)])

    assert aws.brought_back == {"receipt of m": seconds}


@pytest.mark.parametrize(("number", "calls"), [(0, 0), (1, 1), (10, 1), (11, 2), (100, 10)])
def test_no_call_brings_back_more_than_ten_and_none_is_left_out(number: int, calls: int) -> None:
    aws = SmallAws()

    bring_back(aws.clients.sqs, QUEUE, [message(f"m-{n}") for n in range(number)])

    assert (len(aws.calls), len(aws.brought_back)) == (calls, number)


def test_a_call_that_is_refused_keeps_no_other_message_away_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = SmallAws(failing={"ChangeMessageVisibilityBatch": [refusal("AccessDenied", 403)]})

    bring_back(aws.clients.sqs, QUEUE, [message(f"m-{n}") for n in range(12)])

    assert aws.brought_back == {"receipt of m-10": 30, "receipt of m-11": 30}
    assert "10 messages come back later than they could" in caplog.text
