"""The messages of the event queue."""

from typing import Any

import pytest

from tag_policy import handler
from tag_policy.model.assignment import Scope
from tag_policy.triggers.sqs_batch import read
from tests.support.builders import HOME, settings


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
