"""The messages of the event queue: what they say, and which of them come back.

Lambda hands over a batch, and takes out of the queue whatever the function does not name as failed.
What it names becomes visible again after a while, and goes to the dead-letter queue after as many
tries as the queue allows.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.model.assignment import Assignment, Scope, Trigger
from tag_policy.model.target import Target
from tag_policy.settings import Settings
from tag_policy.triggers.instance_event import (
    InstanceEvent,
    InstanceEventError,
    read_instance_event,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 900
_MOST_A_CALL = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``event`` is None where it cannot be read."""

    message_id: str
    receipt_handle: str
    tries: int
    event: InstanceEvent | None


@dataclass(frozen=True, slots=True)
class EventsRequest:
    """Messages of the event queue, about whose instances the run is."""

    assignment: Assignment
    messages: tuple[Message, ...]


def accepts(event: Mapping[Any, Any], settings: Settings) -> bool:
    """Tell whether Lambda hands over messages of the event queue."""
    records = event.get("Records")
    return (
        bool(settings.queue_url)
        and isinstance(records, list)
        and bool(records)
        and all(isinstance(r, Mapping) and r.get("eventSource") == "aws:sqs" for r in records)
    )


def read(event: Mapping[str, Any], settings: Settings, home: Target) -> EventsRequest:
    """Return the messages of a batch; what cannot be read is logged, and fails alone.

    Nor can an event that is not of the account and region of ``home``.
    """
    assignment = Assignment(Trigger.EVENTS, Scope.SOME, settings.vpc_ids, settings.mode)
    return EventsRequest(assignment, tuple(_read(record, home) for record in event["Records"]))


def _read(record: Mapping[str, Any], home: Target) -> Message:
    event = None
    try:
        event = read_instance_event(record["body"], home)
    except InstanceEventError as error:
        log.error("message %s cannot be read: %s", record["messageId"], error)
    return Message(
        message_id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        tries=int(record["attributes"]["ApproximateReceiveCount"]),
        event=event,
    )


def failures(messages: Iterable[Message]) -> dict[str, Any]:
    """Return what tells Lambda that these messages of a batch have failed, and no others."""
    return {"batchItemFailures": [{"itemIdentifier": m.message_id} for m in messages]}


def bring_back(sqs: "SQSClient", queue_url: str, messages: Sequence[Message]) -> None:
    """Have messages that failed come back soon: after 30 seconds, and twice as long each time.

    Without that they would be away for as long as the longest run may take, several times over. A
    call that AWS refuses is logged: the messages come back all the same, but later.
    """
    for start in range(0, len(messages), _MOST_A_CALL):
        some = messages[start : start + _MOST_A_CALL]
        try:
            sqs.change_message_visibility_batch(
                QueueUrl=queue_url,
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": message.receipt_handle,
                        "VisibilityTimeout": _pause(message.tries),
                    }
                    for number, message in enumerate(some)
                ],
            )
        except AWS_ERRORS as error:
            log.warning("%d messages come back later than they could: %s", len(some), error)


def _pause(tries: int) -> int:
    return int(min(_FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 10), _LONGEST_PAUSE_SECONDS))
