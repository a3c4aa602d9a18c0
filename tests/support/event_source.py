"""Lambda's polling of a queue: batches, partial failures, and what comes back.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of an invocation: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_MOST_A_CALL = 10


class InvocationFailedError(Exception):
    """The function ended with an error."""


@dataclass(frozen=True)
class EventSource:
    """A queue, and the function that its messages are handed to.

    ``invoke`` returns what the function answers, and raises InvocationFailedError where it fails.
    """

    sqs: "SQSClient"
    queue_url: str
    queue_arn: str
    batch_size: int
    invoke: Callable[[dict[str, Any]], Any]

    def poll(self) -> int:
        """Hand over one batch, and return the number of its messages: 0 where none is visible.

        The messages that the function does not name as failed are deleted. All others stay, hidden
        for as long as the queue says, or the function.
        """
        messages = self._receive()
        if not messages:
            return 0
        try:
            answer = self.invoke({"Records": [self._record(message) for message in messages]})
        except InvocationFailedError:
            return len(messages)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        unknown = failed - {message["MessageId"] for message in messages}
        if unknown:
            return len(messages)  # as Lambda does: the whole batch has failed
        self._delete([message for message in messages if message["MessageId"] not in failed])
        return len(messages)

    def drain(self) -> int:
        """Poll until nothing is visible, and return the number of batches."""
        batches = 0
        while self.poll():
            batches += 1
        return batches

    def _receive(self) -> "list[MessageTypeDef]":
        messages: list[MessageTypeDef] = []
        size = 0
        while len(messages) < self.batch_size:
            some = self.sqs.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=min(_MOST_A_CALL, self.batch_size - len(messages)),
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            size += sum(len(json.dumps(self._record(message))) for message in some)
            messages += some
            if not some or size > PAYLOAD_LIMIT - 1024 * 1024:
                break
        return messages

    def _delete(self, messages: "Sequence[MessageTypeDef]") -> None:
        for some in _chunks(messages):
            self.sqs.delete_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(some)
                ],
            )

    def _record(self, message: "MessageTypeDef") -> dict[str, Any]:
        """Return a message as Lambda hands it over.

        https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
        """
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.queue_arn.split(":")[3],
        }


def _chunks(messages: "Sequence[MessageTypeDef]") -> "Iterator[Sequence[MessageTypeDef]]":
    for start in range(0, len(messages), _MOST_A_CALL):
        yield messages[start : start + _MOST_A_CALL]
