"""CloudTrail's event history behind a client of plain Python: for unit tests of what asks it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from tag_policy.aws.clock import Clock
from tag_policy.model.resource import ResourceRef
from tests.support.calls import AwsError
from tests.support.event_history import Event, EventHistory, make_event
from tests.support.fake_ec2 import VPC, number, refusal

__all__ = ["FakeTrail", "launch_of", "named", "number"]


def named(at: int, created_at: datetime) -> ResourceRef:
    """Return an instance by its number."""
    return ResourceRef(number(at), VPC, "", created_at, {})


def launch_of(
    who: str,
    instance_ids: Iterable[str],
    at: datetime,
    *,
    name: str = "RunInstances",
    event_id: str = "",
    indexed: bool = True,
) -> Event:
    """Return the launch of some instances by a user; of none, it is one that leaves them out."""
    event = make_event(name, {"type": "IAMUser", "userName": who}, instance_ids, at)
    if event_id:
        event["EventId"] = event_id
    if not indexed:
        event["Resources"] = []
    return event


class FakeTrail:
    """A client of CloudTrail over some events; ``before`` sees each question, and may raise."""

    def __init__(
        self, events: list[Event], clock: Clock, before: Callable[[Any], None] | None = None
    ) -> None:
        self.history = EventHistory(events, clock)
        self.asked: list[Mapping[str, Any]] = []
        self.empty_pages = 0
        """How many empty pages it answers first, each with a token."""
        self._before = before or (lambda _: None)

    @staticmethod
    def error(code: str) -> ClientError:
        """Return an error of CloudTrail's."""
        return refusal(code, "LookupEvents")

    def lookup_events(self, **request: Any) -> dict[str, Any]:
        """Answer a page of the events."""
        self.asked.append(request)
        self._before(request)
        if self.empty_pages:
            self.empty_pages -= 1
            return {"Events": [], "NextToken": f"empty {self.empty_pages}"}
        token = request.get("NextToken", "")
        try:
            events, token = self.history.lookup(
                request["LookupAttributes"],
                end=request["EndTime"],
                token="" if token.startswith("empty") else token,
            )
        except AwsError as error:
            raise self.error(error.code) from error
        return {"Events": events} | ({"NextToken": token} if token else {})

    def of_name(self, instance_id: str) -> list[Mapping[str, Any]]:
        """Return the questions about an instance."""
        return [
            one for one in self.asked if one["LookupAttributes"][0]["AttributeValue"] == instance_id
        ]
