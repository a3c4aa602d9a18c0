"""The pace of calls: further apart for a while after AWS has throttled one.

Whoever goes over the limits of an account is throttled, and so is everybody else in it: somebody
may be launching instances just now.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from botocore.exceptions import ClientError

from tag_policy.aws.clock import Clock
from tag_policy.model.error import TagPolicyError

_FIRST_PAUSE = timedelta(seconds=0.5)
_LONGEST_PAUSE = timedelta(seconds=10)
_MOST_THROTTLED = 8
"""Calls throttled in a row, each with botocore's own retries, after which it is given up."""

_THROTTLED = frozenset(
    {
        "EC2ThrottledException",
        "KMSThrottling",
        "KMSThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""How the services that are called say it: EC2, CloudTrail, DynamoDB, SNS, AWS Config.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
"""

Answer = TypeVar("Answer")


def is_throttled(error: ClientError) -> bool:
    """Tell whether AWS refused a call only because there were too many."""
    return error.response["Error"]["Code"] in _THROTTLED


class Pace:
    """Spaces calls out: ``shortest`` apart at least, and longer after AWS has throttled one."""

    def __init__(self, clock: Clock, shortest: timedelta = timedelta()) -> None:
        self._clock = clock
        self._shortest = shortest
        self._pause = shortest
        self._not_before: datetime | None = None

    def wait(self) -> None:
        """Wait for the turn of the next call."""
        now = self._clock.now()
        wait = (self._not_before or now) - now
        if wait > timedelta():
            # Never longer than a pause, even where the clock of the machine was set back.
            self._clock.sleep(min(wait, self._pause).total_seconds())
        self._not_before = self._clock.now() + self._pause

    def slower(self) -> None:
        """Make longer pauses from now on, and one at once."""
        self._pause = min(_LONGEST_PAUSE, max(self._pause * 2, _FIRST_PAUSE))
        self._not_before = self._clock.now() + self._pause

    def faster(self) -> None:
        """Make shorter pauses again, little by little."""
        shorter = self._pause * 0.8
        self._pause = self._shortest if shorter < _FIRST_PAUSE / 4 else max(self._shortest, shorter)


class ThrottledError(TagPolicyError):
    """AWS throttled a call that is not to be repeated as it is; there is time to look again."""


class PacedCalls:
    """Makes calls, and makes those that AWS throttles again, for as long as there is time.

    A call that changes something is made ``once``, after ``wait`` and a look at what it is about:
    by the time that it could be repeated, somebody may have changed that.
    """

    def __init__(self, clock: Clock, out_of_time: Callable[[], bool]) -> None:
        self._clock = clock
        self._pace = Pace(clock)
        self._out_of_time = out_of_time
        self._throttled = 0
        self._throttled_once = 0

    def now(self) -> datetime:
        """Return the time."""
        return self._clock.now()

    def wait(self) -> None:
        """Wait for the turn of the next call."""
        self._pace.wait()

    def __call__(self, call: Callable[[], Answer]) -> Answer:
        """Make a call and return its answer; raises what it raises, throttling last of all."""
        while True:
            self._pace.wait()
            try:
                answer = call()
            except ClientError as error:
                self._throttled += is_throttled(error)
                self._refused(error, self._throttled)
            else:
                self._throttled = 0
                self._pace.faster()
                return answer

    def once(self, call: Callable[[], Answer]) -> Answer:
        """Make a call now, and once, and return its answer.

        Raises ThrottledError when AWS throttles it and another attempt may be made later, and what
        the call raises otherwise: throttling, too, where there were too many such calls in a row,
        whatever calls of another kind were answered between them, or no time is left.
        """
        try:
            answer = call()
        except ClientError as error:
            self._throttled_once += is_throttled(error)
            self._refused(error, self._throttled_once)
            raise ThrottledError(str(error)) from error
        self._throttled_once = 0
        self._pace.faster()
        return answer

    def _refused(self, error: ClientError, throttled: int) -> None:
        """Make longer pauses after a call was throttled; raise the error if that is of no use."""
        if not is_throttled(error) or throttled >= _MOST_THROTTLED or self._out_of_time():
            raise error
        self._pace.slower()
