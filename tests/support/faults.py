"""What AWS may do to a call of the function, and what became of a run in which it did."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError

from tests.support.calls import AwsError, Call, answering, failing

CALLS = (
    "Scan",
    "DescribeVpcs",
    "DescribeInstances",
    "LookupEvents",
    "CreateTags",
    "DeleteTags",
    "ModifyNetworkInterfaceAttribute",
    "StopInstances",
    "TerminateInstances",
    "PutObject",
    "GetObject",
    "BatchGetItem",
    "BatchWriteItem",
    "Publish",
)
"""Every call that the function makes, but for those that it makes for some rules only.

What becomes of ``DescribeTags``, by which values are taken from elsewhere: test_taking.py.
"""

OF_THE_ARCHIVE = ("PutObject", "GetObject")
"""Those that it makes only where it keeps its reports."""

_DYNAMODB = ("Scan", "BatchGetItem", "BatchWriteItem")
_THROTTLING = dict.fromkeys([*_DYNAMODB, "LookupEvents"], "ThrottlingException")
_BUSY = dict.fromkeys(OF_THE_ARCHIVE, "SlowDown")
_DENIED = {
    **dict.fromkeys(OF_THE_ARCHIVE, "AccessDenied"),
    **dict.fromkeys([*_DYNAMODB, "LookupEvents"], "AccessDeniedException"),
    "Publish": "AuthorizationError",
}


class KilledError(BaseException):
    """The run ends there and then, as when Lambda's time is up."""


@contextmanager
def throttled(action: str) -> Iterator[None]:
    """Throttle the call for ever."""
    code = {**_THROTTLING, **_BUSY}.get(action, "RequestLimitExceeded")
    with failing(action, AwsError(code, status=400 if action in _THROTTLING else 503)):
        yield


@contextmanager
def denied(action: str) -> Iterator[None]:
    """Deny the call."""
    with failing(action, AwsError(_DENIED.get(action, "UnauthorizedOperation"), status=403)):
        yield


@contextmanager
def broken(action: str) -> Iterator[None]:
    """Answer the call with an error of AWS's own."""
    with failing(action, AwsError("InternalError", status=500)):
        yield


@contextmanager
def partly_broken(action: str) -> Iterator[None]:
    """Answer every second call with an error of AWS's own."""
    number = itertools.count(1)
    fault = AwsError("InternalError", status=500)
    with failing(action, fault, lambda _: next(number) % 2 == 0):
        yield


@contextmanager
def one_refused(action: str) -> Iterator[None]:
    """Refuse each call that names the instance which the first one names first."""
    refused: list[str] = []

    def names_it(call: Call) -> bool:
        ids = [*call.parameters.get("InstanceIds", []), *call.parameters.get("Resources", [])]
        refused[:] = refused or ids[:1]
        return refused[0] in ids

    with failing(action, AwsError("OperationNotPermitted"), names_it):
        yield


@contextmanager
def _after(action: str, what: Callable[[Any], Any]) -> Iterator[None]:
    def last_word(call: Call, answer: Any) -> Any:
        return what(answer) if call.action == action else answer

    with answering(last_word):
        yield


@contextmanager
def answer_lost(action: str) -> Iterator[None]:
    """Carry the call out and lose the answer, until the caller waits no longer."""

    def lose(_: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="the embedded AWS")

    with _after(action, lose):
        yield


@contextmanager
def answer_malformed(action: str) -> Iterator[None]:
    """Carry the call out and answer with what is no answer."""
    with _after(action, lambda answer: (200, answer[1], "<<< this is no answer")):
        yield


@contextmanager
def killed_after(action: str) -> Iterator[None]:
    """Carry the call out and end the run before it learns of that."""

    def kill(_: Any) -> Any:
        raise KilledError

    with _after(action, kill):
        yield


FAULTS: dict[str, Callable[[str], Any]] = {
    "throttled for ever": throttled,
    "denied": denied,
    "5xx": broken,
    "every second one 5xx": partly_broken,
    "answer lost": answer_lost,
    "malformed answer": answer_malformed,
    "one instance refused": one_refused,
    "killed after it": killed_after,
}

OWNERS = {
    "the owner tags just before it": {"Name": "web"},
    "the owner exempts just before it": {"tag-policy:exempt": "until the migration is done"},
}
"""What the owner of an instance writes just before a call reaches AWS."""

_WRITES = ("CreateTags", "DeleteTags", "StopInstances", "TerminateInstances")

ISOLATES = "ModifyNetworkInterfaceAttribute"

CELLS = [
    (action, fault)
    for action in CALLS
    for fault in (*FAULTS, *OWNERS)
    if fault != "one instance refused" or action in _WRITES
]
"""Every call, with every fault that it can have, and every owner who may act just before it."""


@dataclass(frozen=True)
class Told:
    """What a reader is told of a run."""

    failure: str
    subject: str
    text: str

    def __str__(self) -> str:
        """Return it in a line, without the ids of one run."""
        parts = []
        if self.failure:
            parts.append(f"alarm: {self.failure}")
        if self.subject:
            parts.append(f"e-mail: {self.subject.removeprefix('Tag policy: ')}")
        silence = "alarm: Lambda counts an error"
        return _anonymous("; ".join(parts) or silence)


def _anonymous(text: str) -> str:
    """Leave out what differs from run to run, and what only a test has."""
    for pattern, instead in (
        (r" - vpc-[0-9a-f]+ [a-z0-9-]+", ""),
        (r"arn:aws:sns:\S+:\S+-reports", "the topic"),
        (r"[a-z]+-rules", "*name*-rules"),
        (r"the bucket all-reports", "the bucket"),
        (r"An error occurred \((\w+)\) when calling the \w+ operation[^;]*", r"\1"),
        (r'Read timeout on endpoint URL: "the embedded AWS"', "no answer"),
        (r"Unable to parse response[^;]*(;(?! e-mail)[^;]*)*", "unreadable answer"),
    ):
        text = re.sub(pattern, instead, text)
    return " ".join(text.split())
