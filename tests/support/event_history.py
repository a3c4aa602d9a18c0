"""CloudTrail's event history as AWS documents it, on a clock that a test may hold.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.moto_api._internal import mock_random

from tag_policy.aws.clock import Clock, SystemClock
from tests.support.calls import AwsError

HORIZON = timedelta(days=90)
PAGE_SIZE = 50
CALLS_PER_SECOND = 2.0

Event = dict[str, Any]
"""An event as LookupEvents returns it, with ``EventTime`` a datetime."""

_NO_TIME = timedelta()


@dataclass
class EventHistory:
    """The events of one account and region, and what CloudTrail may make of a question.

    What AWS documents cannot be switched off: 90 days, one attribute, newest first, a token for
    more, two calls a second. What it leaves open, a test may choose: how long an event takes to
    show (``delay``), how far from the order of their times events are returned (``disorder``), how
    many a page has (``page_size``, 50 at most, none possible), and how often others in the account
    ask (``others_per_second``).
    """

    events: list[Event] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)
    delay: Callable[[Event], timedelta] = lambda _: _NO_TIME
    disorder: Callable[[Event], timedelta] = lambda _: _NO_TIME
    page_size: Callable[[], int] = lambda: PAGE_SIZE
    others_per_second: float = 0.0
    _credit: float = CALLS_PER_SECOND
    _credited: datetime | None = None

    def lookup(
        self,
        attributes: Sequence[Mapping[str, str]],
        start: datetime | None = None,
        end: datetime | None = None,
        most: int = PAGE_SIZE,
        token: str = "",
    ) -> tuple[list[Event], str]:
        """Return a page of events and the token of the next one, empty where there is none.

        Raises AwsError with the code that AWS would give.
        """
        self._throttle()
        if len(attributes) > 1:
            raise AwsError("InvalidLookupAttributesException", "One attribute at most.")
        if not 1 <= most <= PAGE_SIZE:
            raise AwsError("InvalidMaxResultsException", "From 1 to 50.")
        if start and end and start > end:
            raise AwsError("InvalidTimeRangeException", "It ends before it starts.")
        question = str(([dict(attribute) for attribute in attributes], start, end))
        offset = _offset(token, question)
        found = self._matching(attributes, start, end)
        last = offset + min(self.page_size(), most)
        more = f"{last} {question}" if last < len(found) else ""
        return found[offset:last], more

    def _throttle(self) -> None:
        """Take a call from the bucket, which refills with the time that passes."""
        now = self.clock.now()
        elapsed = (now - (self._credited or now)).total_seconds()
        refill = max(elapsed * (CALLS_PER_SECOND - self.others_per_second), 0)
        self._credit = min(self._credit + refill, CALLS_PER_SECOND)
        self._credited = now
        # Pauses of half a second add up to a credit of one, but for the rounding of floats.
        if self._credit < 1 - 1e-6:
            raise AwsError("ThrottlingException", "Rate exceeded")
        self._credit -= 1

    def _matching(
        self,
        attributes: Sequence[Mapping[str, str]],
        start: datetime | None,
        end: datetime | None,
    ) -> list[Event]:
        now = self.clock.now()
        first = max(start or now - HORIZON, now - HORIZON)
        last = end or datetime.max.replace(tzinfo=UTC)
        matches = _matcher(attributes)
        found = [
            event
            for event in self.events
            if first <= event["EventTime"] <= last
            and matches(event)
            and event["EventTime"] + self.delay(event) <= now
        ]
        found.sort(key=lambda event: event["EventTime"] + self.disorder(event), reverse=True)
        return found


def make_event(
    name: str,
    user_identity: Mapping[str, Any],
    instance_ids: Iterable[str],
    time: datetime,
    *,
    account_id: str = "123456789012",
    region: str = "eu-west-1",
    error_code: str | None = None,
) -> Event:
    """Make an event of EC2 that names some instances."""
    ids = list(instance_ids)
    at = time.astimezone(UTC).replace(microsecond=0)
    event_id = str(mock_random.uuid4())
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": dict(user_identity),
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "eventID": event_id,
        "eventType": "AwsApiCall",
        "recipientAccountId": account_id,
        "responseElements": {"instancesSet": {"items": [{"instanceId": i} for i in ids]}},
    }
    if error_code:
        record |= {"errorCode": error_code, "responseElements": None}
    return {
        "EventId": event_id,
        "EventName": name,
        "EventSource": "ec2.amazonaws.com",
        "EventTime": at,
        "ReadOnly": "false",
        "Resources": [{"ResourceType": "AWS::EC2::Instance", "ResourceName": i} for i in ids],
        "CloudTrailEvent": json.dumps(record),
    }


def _offset(token: str, question: str) -> int:
    """Return how far the pages before have read; the token belongs to its question."""
    if not token:
        return 0
    offset, _, asked = token.partition(" ")
    if asked != question:
        raise AwsError("InvalidNextTokenException", "The token is of another question.")
    return int(offset)


def _matcher(attributes: Sequence[Mapping[str, str]]) -> Callable[[Event], bool]:
    if not attributes:
        return lambda _: True
    key, value = attributes[0]["AttributeKey"], attributes[0]["AttributeValue"]
    if key in ("ResourceName", "ResourceType"):
        return lambda event: value in [resource[key] for resource in event["Resources"]]
    return lambda event: event.get(key) == value
