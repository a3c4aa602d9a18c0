"""The pace of calls: further apart for a while after AWS has throttled one.

Whoever goes over the limits of an account is throttled, and so is everybody else in it: somebody
may be launching instances just now.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Self, TypeVar

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

_SHARE = 0.9
"""Of the limits of an account, which all who work in it share, what a run makes use of."""

Answer = TypeVar("Answer")


def is_throttled(error: ClientError) -> bool:
    """Tell whether AWS refused a call only because there were too many."""
    return error.response["Error"]["Code"] in _THROTTLED


class Pace:
    """Spaces calls out: ``shortest`` apart at least, and longer after AWS has throttled one.

    May be asked by several threads, which have their turn one after the other.
    """

    def __init__(
        self, clock: Clock, shortest: timedelta = timedelta(), bucket: "Bucket | None" = None
    ) -> None:
        self._clock = clock
        self._shortest = shortest
        self._bucket = bucket
        self._pause = shortest
        self._not_before: datetime | None = None
        self._turn = Lock()
        self._in_a_row = 0
        self.throttled = 0

    def wait(self, out_of_time: Callable[[], bool] = lambda: False) -> None:
        """Wait for the turn of the next call; not any longer when the time is up.

        Several threads may be in line then, each for ten seconds at worst.
        """
        with self._turn:
            if out_of_time():
                return
            now = self._clock.now()
            wait = (self._not_before or now) - now
            if wait > timedelta():
                # Never longer than a pause, even where the clock of the machine was set back.
                self._clock.sleep(min(wait, self._pause).total_seconds())
            self._not_before = self._clock.now() + self._pause
            if self._bucket is not None:
                self._bucket.take()

    def slower(self) -> None:
        """Make longer pauses from now on, and one at once."""
        self._pause = min(_LONGEST_PAUSE, max(self._pause * 2, _FIRST_PAUSE))
        self._not_before = self._clock.now() + self._pause

    def faster(self) -> None:
        """Make shorter pauses again, little by little."""
        shorter = self._pause * 0.8
        self._pause = self._shortest if shorter < _FIRST_PAUSE / 4 else max(self._shortest, shorter)

    def was_answered(self, before: int) -> None:
        """Take note that AWS has answered a call.

        ``before`` is what ``throttled`` was when it was made: an answer to a call that was under
        way when another one was throttled says nothing of the pace since.
        """
        if before == self.throttled:
            self._in_a_row = 0
            self.faster()

    def was_throttled(self, before: int) -> bool:
        """Take note that AWS has throttled a call; tell whether another attempt is of any use.

        ``before`` is what ``throttled`` was when the call was made. Calls that were under way
        together, and are throttled together, count as one: they say the same of the pace.
        """
        if before == self.throttled:
            self.throttled += 1
            self._in_a_row += 1
            if self._in_a_row < _MOST_THROTTLED:
                self.slower()
        return self._in_a_row < _MOST_THROTTLED


class Bucket:
    """A bucket of tokens, one a call: ``size`` of them at once, and then ``per_second``.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
    """

    def __init__(self, clock: Clock, size: float, per_second: float) -> None:
        self._clock = clock
        self._size = size
        self._per_second = per_second
        self._tokens = size
        self._filled_at = clock.now()

    def take(self) -> None:
        """Take a token, and wait for it where there is none."""
        self._fill()
        if self._tokens < 1:
            self._clock.sleep((1 - self._tokens) / self._per_second)
            self._fill()
        self._tokens -= 1

    def _fill(self) -> None:
        now = self._clock.now()
        seconds = max(0.0, (now - self._filled_at).total_seconds())  # a clock may be set back
        self._tokens = min(self._size, self._tokens + seconds * self._per_second)
        self._filled_at = now


@dataclass(frozen=True)
class Paces:
    """The paces of what is asked, and of what is changed, at one service, for all of a run."""

    reads: Pace
    changes: Pace

    @classmethod
    def unlimited(cls, clock: Clock) -> Self:
        """Return paces without a limit but the one that AWS shows by throttling."""
        return cls(Pace(clock), Pace(clock))

    @classmethod
    def of_ec2(cls, clock: Clock) -> Self:
        """Return the paces of EC2, which leave others in the account a tenth of its limits.

        A DescribeInstances with filters or pages has a bucket of 100 tokens and gets 20 a second;
        CreateTags and DeleteTags have 100 and get 10.
        """
        reads, changes = (Bucket(clock, 100 * _SHARE, each * _SHARE) for each in (20, 10))
        return cls(Pace(clock, bucket=reads), Pace(clock, bucket=changes))


class ThrottledError(TagPolicyError):
    """AWS throttled a call that is not to be repeated as it is; there is time to look again."""


class PacedCalls:
    """Makes calls, and makes those that AWS throttles again, for as long as there is time.

    A call that changes something is made ``once``, after ``wait`` and a look at what it is about:
    by the time that it could be repeated, somebody may have changed that.
    """

    def __init__(
        self, clock: Clock, out_of_time: Callable[[], bool], paces: Paces | None = None
    ) -> None:
        self._clock = clock
        self._out_of_time = out_of_time
        self._paces = paces or Paces.unlimited(clock)

    def now(self) -> datetime:
        """Return the time."""
        return self._clock.now()

    def wait(self) -> None:
        """Wait for the turn of the next call that changes something.

        Whether there is still time for it has to be asked then.
        """
        self._paces.changes.wait(self._out_of_time)

    def __call__(self, call: Callable[[], Answer]) -> Answer:
        """Make a call and return its answer; raises what it raises, throttling last of all."""
        pace = self._paces.reads
        while True:
            pace.wait(self._out_of_time)
            before = pace.throttled
            try:
                answer = call()
            except ClientError as error:
                self._refused(error, pace, before)
            else:
                pace.was_answered(before)
                return answer

    def once(self, call: Callable[[], Answer]) -> Answer:
        """Make a call now, and once, and return its answer.

        Raises ThrottledError when AWS throttles it and another attempt may be made later, and what
        the call raises otherwise: throttling, too, where there were too many such calls in a row,
        whatever calls of another kind were answered between them, or no time is left.
        """
        pace = self._paces.changes
        before = pace.throttled
        try:
            answer = call()
        except ClientError as error:
            self._refused(error, pace, before)
            raise ThrottledError(str(error)) from error
        pace.was_answered(before)
        return answer

    def _refused(self, error: ClientError, pace: Pace, before: int) -> None:
        """Make longer pauses after a call was throttled; raise the error if that is of no use."""
        if not is_throttled(error) or self._out_of_time() or not pace.was_throttled(before):
            raise error
