"""How many calls a plan takes, and how long they are at CloudTrail's pace: on a simulated clock.

``make bench-attribution`` prints the figures, beside those of other ways to ask.
"""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tag_policy.creators.attribution import Attribution, attribute
from tag_policy.creators.cloudtrail import EventHistory
from tag_policy.model.launch import Answer, Known, Nobody, NotKnownYet
from tests.support.calls import AwsError, failing
from tests.support.clock import SharedTime, SimulatedClock
from tests.support.event_history import PAGE_SIZE, Event, make_event
from tests.support.launches import (
    Launched,
    embedded_cloudtrail,
    evenly,
    in_bursts,
    launched,
    of_others,
    questions,
    user,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """What the engine answered, and what that took."""

    answers: dict[str, Answer]
    calls: int
    throttled: int
    time: timedelta

    def known(self) -> int:
        return sum(isinstance(answer, Known) for answer in self.answers.values())


def ask(
    ours: Sequence[Launched],
    others: Iterable[Event] = (),
    *,
    budget: timedelta = timedelta(days=1),
    others_per_second: float = 0.0,
) -> Asked:
    clock = SimulatedClock(NOW)
    with embedded_cloudtrail(clock) as (history, client):
        history.events += [one.event for one in ours]
        history.events += others
        history.others_per_second = others_per_second
        asking = questions(client, clock, budget)
        found = attribute([one.instance for one in ours], asking, NOW, 30 * MINUTE)
    assert_right(ours, found.answers.items())
    return Asked(dict(found.answers), asking.calls.total(), asking.throttled, clock.slept)


def assert_right(ours: Iterable[Launched], answers: Iterable[tuple[str, Answer]]) -> None:
    event_ids = {one.instance.resource_id: one.event["EventId"] for one in ours}
    for instance_id, answer in answers:
        if isinstance(answer, Known):
            assert answer.launch.event_id == event_ids[instance_id]
        assert not isinstance(answer, Nobody)


def test_5000_launched_in_bursts_amid_20000_others_are_known_in_less_than_five_minutes() -> None:
    ours = list(in_bursts(NOW, bursts=50, size=100, over=60 * DAY, within=10 * MINUTE))

    asked = ask(ours, of_others(NOW, count=20_000, over=60 * DAY))

    assert asked.known() == 5_000
    assert asked.time < 5 * MINUTE
    assert asked.throttled == 0


def test_5000_launched_one_by_one_take_hardly_more_than_the_fewest_calls_possible() -> None:
    ours = list(evenly(NOW, count=5_000, over=90 * DAY - 2 * HOUR))

    asked = ask(ours)

    fewest = 5_000 / PAGE_SIZE  # no call tells of more than 50 events
    assert asked.known() == 5_000
    assert asked.calls <= 1.3 * fewest


def test_amid_others_the_calls_are_near_the_fewest_that_any_plan_could_need() -> None:
    ours = list(evenly(NOW, count=1_000, over=80 * DAY))
    others = list(of_others(NOW, count=4_000, over=80 * DAY))

    asked = ask(ours, others)

    assert asked.known() == 1_000
    assert asked.calls <= 1.3 * fewest_pages(ours, others)


def fewest_pages(ours: Sequence[Launched], others: Sequence[Event]) -> int:
    """Return the fewest pages that have all of ours, for somebody who knew where they are.

    A page is 50 events in a row; to begin each with the newest that is still missing is optimal.
    """
    wanted = {one.event["EventId"] for one in ours}
    events = [*(one.event for one in ours), *others]
    events.sort(key=lambda event: event["EventTime"], reverse=True)
    positions = [i for i, event in enumerate(events) if event["EventId"] in wanted]
    pages, covered = 0, -1
    for position in positions:
        if position > covered:
            pages, covered = pages + 1, position + PAGE_SIZE - 1
    return pages


def test_lone_ones_far_apart_take_a_call_each() -> None:
    ours = list(evenly(NOW, count=50, over=80 * DAY))

    asked = ask(ours, of_others(NOW, count=20_000, over=80 * DAY))

    assert asked.known() == 50
    assert asked.calls <= 1.1 * 50


def test_in_a_storm_of_others_it_is_never_worse_than_two_calls_an_instance() -> None:
    start = NOW - 10 * DAY
    ours = [launched(number, start + number * 6 * timedelta(seconds=1)) for number in range(100)]
    storm = [
        make_event("RunInstances", user(number), [f"i-{2**60 + number:017x}"], at)
        for number in range(10_000)
        for at in [start + number * timedelta(milliseconds=60)]
    ]

    asked = ask(ours, storm)

    assert asked.known() == 100
    assert asked.calls <= 2 * 100


def test_what_does_not_fit_into_the_budget_is_left_and_the_oldest_are_answered() -> None:
    ours = list(evenly(NOW, count=200, over=80 * DAY))
    others = list(of_others(NOW, count=40_000, over=80 * DAY))

    first = ask(ours, others, budget=20 * timedelta(seconds=1))

    left = [i for i, answer in first.answers.items() if isinstance(answer, NotKnownYet)]
    oldest_first = [one.instance.resource_id for one in ours]
    assert len(left) == 200 - first.known()
    assert first.known() >= 38  # of 41 calls
    assert not set(left) & set(oldest_first[:30]), "some newer ones are asked for to find the way"

    rest = [one for one in ours if one.instance.resource_id in left]
    assert ask(rest, others).known() == len(rest)


def test_a_page_that_is_refused_costs_no_answer_that_was_found_before() -> None:
    ours = list(in_bursts(NOW - DAY, bursts=1, size=100, over=HOUR, within=10 * MINUTE))
    error = AwsError("InvalidNextTokenException")

    with failing("LookupEvents", error, lambda call: "NextToken" in call.parameters):
        asked = ask(ours)

    assert asked.known() == 100, "whoever the page would have been about is asked for by name"


@pytest.mark.parametrize("others_per_second", [1.0, 1.8])
def test_sharing_the_limit_costs_time_and_no_answer(others_per_second: float) -> None:
    ours = list(evenly(NOW, count=2_000, over=80 * DAY))

    asked = ask(ours, others_per_second=others_per_second)

    assert asked.known() == 2_000
    assert 0 < asked.throttled < asked.calls / 2


def test_two_engines_that_share_the_limit_both_get_their_answers() -> None:
    time = SharedTime(NOW, threads=2)
    ours = list(evenly(NOW, count=4_000, over=80 * DAY))
    halves = ours[::2], ours[1::2]

    with embedded_cloudtrail(time) as (history, client):
        history.events += [one.event for one in ours]

        def engine(half: Sequence[Launched]) -> tuple[Attribution, EventHistory]:
            asking = questions(client, time, 5 * MINUTE)
            try:
                return attribute([o.instance for o in half], asking, NOW, 30 * MINUTE), asking
            finally:
                time.leave()

        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(engine, halves))

    for half, (attribution, asking) in zip(halves, found, strict=True):
        assert_right(half, attribution.answers.items())
        assert all(isinstance(answer, Known) for answer in attribution.answers.values())
        assert asking.throttled < asking.calls.total() / 2
    assert sum(asking.throttled for _, asking in found) > 0


def test_the_log_says_what_was_chosen(caplog: pytest.LogCaptureFixture) -> None:
    burst = list(in_bursts(NOW - DAY, bursts=1, size=100, over=HOUR, within=MINUTE))
    lone = [launched(1_000 + number, NOW - (5 + number) * DAY) for number in range(3)]

    with caplog.at_level(logging.INFO, "tag_policy"):
        ask([*burst, *lone], of_others(NOW, count=20_000, over=10 * DAY))

    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "asking who launched 103 instances, in about 4 calls: "
        "103 by the time of their launch, 0 by name",  # nothing is known of others yet
        "creators: 103 known, 0 nobody, 0 not known yet; "
        "3 calls by the time of a launch, 3 by name, 0 of them throttled",
    ]
