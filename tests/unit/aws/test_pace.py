"""The pace of calls: as fast as AWS bears, and slower for a while after it did not."""

import time as real_time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import pytest
from botocore.exceptions import ClientError

from tag_policy.aws.pace import Bucket, Pace, PacedCalls, Paces, ThrottledError
from tests.support.clock import SimulatedClock

THROTTLED = ClientError({"Error": {"Code": "RequestLimitExceeded"}}, "CreateTags")
DENIED = ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "CreateTags")


def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 23, 8, 0, tzinfo=UTC))


def answering(*answers: Exception | str) -> Callable[[], str]:
    rest = iter(answers)

    def call() -> str:
        answer = next(rest)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


def test_nobody_waits_where_nobody_is_throttled() -> None:
    time = clock()
    paced = PacedCalls(time, lambda: False)

    for _ in range(1000):
        paced(lambda: "done")

    assert time.slept == timedelta()


def test_a_throttled_call_is_made_again_after_a_pause_that_grows() -> None:
    time = clock()

    answer = PacedCalls(time, lambda: False)(answering(*[THROTTLED] * 3, "done"))

    assert answer == "done"
    assert time.slept == timedelta(seconds=0.5 + 1 + 2)


def test_after_throttling_calls_are_further_apart_for_a_while() -> None:
    time = clock()
    paced = PacedCalls(time, lambda: False)
    paced(answering(THROTTLED, THROTTLED, "done"))
    began = time.now()

    gaps = []
    for _ in range(20):
        paced(lambda: "done")
        gaps.append(time.now() - began)
        began = time.now()

    assert gaps[0] > gaps[3] > timedelta()
    assert gaps[-1] == timedelta()


def test_what_is_throttled_too_often_is_given_up() -> None:
    time = clock()
    calls = chain(repeat(THROTTLED, 100))
    paced = PacedCalls(time, lambda: False)

    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        paced(answering(*calls))

    assert timedelta(seconds=20) < time.slept < timedelta(minutes=2)
    assert len(list(calls)) == 0


def test_calls_that_are_made_once_are_given_up_whatever_is_answered_between_them() -> None:
    paced = PacedCalls(clock(), lambda: False)
    tries = 0

    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        while tries < 100:
            paced(lambda: "a look")
            tries += 1
            with suppress(ThrottledError):
                paced.once(answering(THROTTLED))

    assert tries == 8


def test_only_calls_that_are_throttled_in_a_row_are_given_up() -> None:
    paced = PacedCalls(clock(), lambda: False)

    for _ in range(3):
        assert paced(answering(*[THROTTLED] * 7, "done")) == "done"
        for _ in range(7):
            with pytest.raises(ThrottledError):
                paced.once(answering(THROTTLED))
        assert paced.once(lambda: "done") == "done"


def test_another_error_is_raised_at_once() -> None:
    time = clock()

    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        PacedCalls(time, lambda: False)(answering(DENIED))

    assert time.slept == timedelta()


def test_nothing_is_waited_for_when_the_time_is_up() -> None:
    time = clock()

    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        PacedCalls(time, lambda: True)(answering(THROTTLED))

    assert time.slept == timedelta()


def test_a_shortest_pause_is_kept() -> None:
    time = clock()
    pace = Pace(time, timedelta(seconds=0.5))

    for _ in range(10):
        pace.wait()
        pace.faster()

    assert time.slept == timedelta(seconds=4.5)


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "Throttled", "KMSThrottling", "Throttling"]
)
def test_whatever_a_service_calls_its_throttling_the_call_is_made_again(code: str) -> None:
    throttled = ClientError({"Error": {"Code": code}}, "Scan")

    assert PacedCalls(clock(), lambda: False)(answering(throttled, "done")) == "done"


# Several threads


def test_calls_that_are_throttled_together_count_as_one() -> None:
    time = clock()
    pace = Pace(time)

    for _ in range(8):
        assert pace.was_throttled(0)

    assert pace.throttled == 1
    pace.wait()
    pace.wait()
    assert time.slept == timedelta(seconds=0.5 + 0.5)


def test_what_is_throttled_eight_times_in_a_row_is_of_no_use_whoever_asks() -> None:
    pace = Pace(clock())

    assert [pace.was_throttled(at) for at in range(8)] == [True] * 7 + [False]
    pace.was_answered(pace.throttled)
    assert pace.was_throttled(8)


def test_an_answer_that_was_on_its_way_when_another_call_was_throttled_says_nothing() -> None:
    time = clock()
    pace = Pace(time)
    pace.was_throttled(0)

    for _ in range(7):
        pace.was_answered(0)

    pace.wait()
    pace.wait()
    assert time.slept == timedelta(seconds=0.5 + 0.5)


def test_nobody_is_in_line_for_a_turn_when_the_time_is_up() -> None:
    time = clock()
    pace = Pace(time)
    for at in range(7):
        pace.was_throttled(at)

    pace.wait(lambda: True)

    assert time.slept == timedelta()


def test_one_thread_at_a_time_waits_for_its_turn() -> None:
    """Each has a turn of its own: nobody goes on in the pause of another."""
    waiting = 0
    together: list[int] = []

    def pause() -> None:
        nonlocal waiting
        waiting += 1
        real_time.sleep(0.002)  # the others may go on, if anything lets them
        together.append(waiting)
        waiting -= 1

    time = clock()
    time.on_sleep = pause
    pace = Pace(time, timedelta(seconds=1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: pace.wait(), range(8)))

    assert time.slept == timedelta(seconds=7)
    assert together == [1] * 7


# Buckets


def test_a_bucket_gives_what_is_in_it_at_once_and_then_what_comes_back() -> None:
    time = clock()
    bucket = Bucket(time, size=5, per_second=2)

    for _ in range(5):
        bucket.take()
    assert time.slept == timedelta()
    for _ in range(4):
        bucket.take()
    assert time.slept == timedelta(seconds=2)


def test_a_bucket_fills_while_nobody_takes_and_never_more_than_full() -> None:
    time = clock()
    bucket = Bucket(time, size=5, per_second=2)
    for _ in range(5):
        bucket.take()
    time.sleep(1)
    for _ in range(2):
        bucket.take()
    assert time.slept == timedelta(seconds=1)

    time.sleep(1_000)
    for _ in range(5):
        bucket.take()
    assert time.slept == timedelta(seconds=1_001)
    bucket.take()
    assert time.slept == timedelta(seconds=1_001.5)


def test_a_clock_that_is_set_back_takes_nothing_out_of_a_bucket() -> None:
    time = clock()
    bucket = Bucket(time, size=2, per_second=1)
    bucket.take()
    time.slept -= timedelta(hours=1)

    bucket.take()

    assert time.slept == timedelta(hours=-1)


def test_ec2_is_left_a_tenth_of_its_limits() -> None:
    for name, per_second in (("reads", 18), ("changes", 9)):
        time = clock()
        pace = getattr(Paces.of_ec2(time), name)
        for _ in range(90):
            pace.wait()
        assert time.slept == timedelta()
        for _ in range(per_second):
            pace.wait()
        assert time.slept == pytest.approx(timedelta(seconds=1), abs=timedelta(milliseconds=1))


def test_what_is_asked_does_not_wait_for_what_is_changed() -> None:
    time = clock()
    paced = PacedCalls(time, lambda: False)
    with suppress(ThrottledError):
        paced.once(answering(THROTTLED))

    paced(lambda: "a look")

    assert time.slept == timedelta()
    paced.wait()
    assert time.slept == timedelta(seconds=0.5)
