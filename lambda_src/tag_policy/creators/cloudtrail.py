"""CloudTrail's event history, asked no faster than it answers.

The limit is 2 calls a second for an account and region, and cannot be raised. Whoever goes over it
is throttled, and so is everybody else there: so calls are spaced out, and further still for a while
after CloudTrail has throttled one, because somebody else is asking too.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.clock import Clock
from tag_policy.aws.pace import Pace, is_throttled
from tag_policy.model.error import TagPolicyError

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.client import CloudTrailClient
    from mypy_boto3_cloudtrail.type_defs import EventTypeDef

PAGE_SIZE = 50
"""Events a call, at most."""

HORIZON = timedelta(days=90)
"""How far back the history reaches.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
"""

Attribute = Literal["EventName", "ResourceName"]
"""What is asked about: the launches of a time, or one instance by its name."""

_MOST_FAILURES = 5
"""Calls in a row that fail, other than by throttling, after which CloudTrail is left alone."""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class _CloudTrailError(TagPolicyError):
    """Why there is no answer; ``code`` is CloudTrail's own, where there is one."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class NoAnswerError(_CloudTrailError):
    """CloudTrail did not answer one question."""


class NoMoreAnswersError(_CloudTrailError):
    """CloudTrail will answer nothing more in this run."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, newest first; ``token`` asks for older ones, and is empty where there are none.

    A page without events may have a token.
    """

    events: Sequence["EventTypeDef"]
    token: str


class EventHistory:
    """Asks CloudTrail, within its limit of calls a second and for as long as there is time.

    ``lookups_per_second`` is the pace, at most CloudTrail's 2; ``out_of_time`` is asked before each
    call. ``calls`` counts the calls made, ``throttled`` those of them that were throttled.
    """

    def __init__(
        self,
        cloudtrail: "CloudTrailClient",
        clock: Clock,
        *,
        lookups_per_second: float,
        out_of_time: Callable[[], bool],
    ) -> None:
        self._cloudtrail = cloudtrail
        self._out_of_time = out_of_time
        self._pace = Pace(clock, timedelta(seconds=1 / lookups_per_second))
        self._closed: NoMoreAnswersError | None = None
        self._failure: tuple[str, str] = ("", "")
        self.calls = Counter[Attribute]()
        self.throttled = 0

    def page(
        self,
        attribute: Attribute,
        value: str,
        end: datetime,
        token: str = "",
    ) -> Page:
        """Return the newest events with this attribute that are not later than ``end``.

        With the ``token`` of a page, return those that follow it. Waits before it asks; when
        CloudTrail throttles or fails, it waits longer and asks again. Raises NoAnswerError when
        CloudTrail refuses this question or repeats a page, NoMoreAnswersError when it denies every
        one, keeps failing, or the time is up.
        """
        request: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": attribute, "AttributeValue": value}],
            "EndTime": end,
        }
        if token:
            request["NextToken"] = token
        failures = 0
        while failures < _MOST_FAILURES:
            self._wait()
            self.calls[attribute] += 1
            try:
                answer = self._cloudtrail.lookup_events(**request)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _DENIED:
                    raise self._close(f"CloudTrail denies LookupEvents ({code})", code) from error
                if is_throttled(error):
                    self.throttled += 1
                elif _status(error) >= 500:
                    failures += 1
                elif code.startswith("Invalid"):
                    raise NoAnswerError(f"CloudTrail refused to answer ({code})", code) from error
                else:  # nothing about the question, so that any other would fare the same
                    reason = f"CloudTrail refuses LookupEvents ({code})"
                    raise self._close(reason, code) from error
            except AWS_ERRORS as error:
                code = type(error).__name__
                failures += 1
            else:
                # What cannot be read as an answer has no events, which is not the same as none.
                if "Events" in answer:
                    self._pace.faster()
                    self._failure = ("", "")
                    following = answer.get("NextToken", "")
                    if token and following == token:  # it would be asked for the same for ever
                        raise NoAnswerError("CloudTrail repeats a page", "RepeatedToken")
                    return Page(answer["Events"], following)
                code = "UnreadableAnswer"
                failures += 1
            self._failure = (f"CloudTrail did not answer ({code})", code)
            self._pace.slower()
        raise self._close(*self._failure)

    def _wait(self) -> None:
        """Wait for the turn of the next call; raise NoMoreAnswersError when it does not come."""
        if self._closed is not None:
            raise self._closed
        if self._out_of_time():
            reason, code = self._failure
            raise self._close(reason or "the time for look-ups was up", code)
        self._pace.wait()

    def _close(self, reason: str, code: str = "") -> NoMoreAnswersError:
        self._closed = NoMoreAnswersError(reason, code)
        return self._closed


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
