"""SQS spelled as AWS does, with queues that invoke no function before they are polled."""

import json
from collections.abc import Callable
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from tests.support.extensions import replace


def extend() -> None:
    """Answer with AWS's spelling, and leave the polling to ``event_source``."""
    replace(Queue, "attributes", lambda original: property(_make_attributes(original.fget)))
    replace(Queue, "add_message", _make_add_message)
    # Moto counts all messages for each that is sent or received, and reads the clock for each that
    # it counts: with thousands of them, that takes minutes.
    replace(Queue, "messages", lambda _: property(_messages))
    replace(Queue, "approximate_number_of_messages_delayed", lambda _: property(_delayed))
    replace(Queue, "approximate_number_of_messages_not_visible", lambda _: property(_not_visible))
    # Whether each is days old is asked for, too, in a way that counts all of them.
    replace(SQSBackend, "is_message_valid_based_on_retention_period", lambda _: lambda *_: True)


def pass_time(account_id: str, region: str, seconds: float) -> None:
    """Let time pass for every queue, so that hidden messages come back."""
    for queue in sqs_backends[account_id][region].queues.values():
        for message in queue._messages:
            message.visible_at -= seconds * 1000
            message.delayed_until -= seconds * 1000


def _messages(self: Queue) -> list[Message]:
    now = unix_time_millis()
    return [m for m in self._messages if m.visible_at <= now and m.delayed_until <= now]


def _delayed(self: Queue) -> int:
    now = unix_time_millis()
    return sum(message.delayed_until > now for message in self._messages)


def _not_visible(self: Queue) -> int:
    now = unix_time_millis()
    return sum(message.visible_at > now for message in self._messages)


def _make_attributes(original: Callable[[Queue], dict[str, Any]]) -> Callable[..., Any]:
    def attributes(self: Queue) -> dict[str, Any]:
        found = original(self)
        if self.redrive_policy:
            # AWS writes it without spaces, and Terraform compares the text.
            found["RedrivePolicy"] = json.dumps(self.redrive_policy, separators=(",", ":"))
        return found

    return attributes


def _make_add_message(original: Callable[..., None]) -> Callable[..., None]:
    def add_message(self: Queue, message: Message) -> None:
        mappings, self.lambda_event_source_mappings = self.lambda_event_source_mappings, {}
        try:
            original(self, message)
        finally:
            self.lambda_event_source_mappings = mappings

    return add_message
