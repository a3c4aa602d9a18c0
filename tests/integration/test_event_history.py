"""How the engine asks CloudTrail: at its pace, again where that helps, no longer than it may."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tag_policy.creators.cloudtrail import EventHistory, NoAnswerError, NoMoreAnswersError
from tests.support.calls import AwsError, Call, answering, failing, recording
from tests.support.clock import SimulatedClock
from tests.support.launches import embedded_cloudtrail, evenly, questions

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Asker:
    """The engine's access to a history of 120 launches, and the times at which it asked."""

    clock: SimulatedClock
    history: EventHistory
    client: Any
    asked: list[datetime] = field(default_factory=list)

    def ask(self, token: str = "") -> tuple[int, str]:
        page = self.history.page("EventName", "RunInstances", NOW, token)
        self.asked.append(self.clock.now())
        return len(page.events), page.token


@pytest.fixture
def asker() -> Iterator[Asker]:
    clock = SimulatedClock(NOW)
    with embedded_cloudtrail(clock) as (history, client):
        history.events += [one.event for one in evenly(NOW, count=120, over=timedelta(days=80))]
        yield Asker(clock, questions(client, clock, 60 * SECOND), client)


def test_pages_are_asked_for_at_the_pace_that_cloudtrail_allows(asker: Asker) -> None:
    first, token = asker.ask()
    second, token = asker.ask(token)
    third, token = asker.ask(token)

    assert (first, second, third, token) == (50, 50, 20, "")
    assert [b - a for a, b in itertools.pairwise(asker.asked)] == [SECOND / 2, SECOND / 2]
    assert asker.history.throttled == 0


def test_no_time_is_lost_where_the_caller_took_longer_anyhow(asker: Asker) -> None:
    asker.ask()
    asker.clock.sleep(3)

    asker.ask()

    assert asker.clock.slept == 3 * SECOND


def test_a_throttled_question_is_asked_again_and_the_next_ones_more_slowly(asker: Asker) -> None:
    answers = itertools.chain([True, True], itertools.repeat(False))
    with failing("LookupEvents", AwsError("ThrottlingException"), lambda _: next(answers)):
        for _ in range(12):
            asker.ask()

    pauses = [b - a for a, b in itertools.pairwise(asker.asked)]
    assert asker.asked[0] == NOW + 3 * SECOND  # after pauses of one and of two seconds
    assert pauses == sorted(pauses, reverse=True)
    assert pauses[0] > SECOND
    assert pauses[-1] == SECOND / 2, "in time, it asks as fast as before"


def test_nothing_is_repeated_by_the_client_itself(asker: Asker) -> None:
    with (
        recording() as calls,
        failing("LookupEvents", AwsError("ThrottlingException")),
        pytest.raises(NoMoreAnswersError),
    ):
        asker.ask()

    assert len(calls) == asker.history.calls.total()


@pytest.mark.parametrize(
    ("code", "status", "calls"),
    [("AccessDeniedException", 400, 1), ("InternalFailure", 500, 5)],
)
def test_a_cloudtrail_that_denies_or_keeps_failing_is_left_alone(
    asker: Asker, code: str, status: int, calls: int
) -> None:
    with failing("LookupEvents", AwsError(code, status=status)):
        with pytest.raises(NoMoreAnswersError) as caught:
            asker.ask()
        with pytest.raises(NoMoreAnswersError):
            asker.ask()

    assert caught.value.code == code
    assert asker.history.calls.total() == calls


def test_an_answer_that_cannot_be_read_is_not_an_answer_without_events(asker: Asker) -> None:
    def garble(_: Call, answer: Any) -> Any:
        return 200, answer[1], "<<< this is no answer"

    with answering(garble), pytest.raises(NoMoreAnswersError, match="UnreadableAnswer"):
        asker.ask()


def test_a_page_that_is_repeated_is_not_asked_for_as_long_as_there_is_time(asker: Asker) -> None:
    _, token = asker.ask()

    def repeat(_: Call, answer: Any) -> Any:
        status, headers, body = answer
        return status, headers, json.dumps({**json.loads(body), "NextToken": token})

    with answering(repeat), pytest.raises(NoAnswerError, match="repeats a page"):
        asker.ask(token)
    assert asker.ask(token)[0] == 50


def test_a_question_that_is_refused_is_no_reason_not_to_ask_others(asker: Asker) -> None:
    with pytest.raises(NoAnswerError) as caught:
        asker.ask("50 of another question")

    assert caught.value.code == "InvalidNextTokenException"
    assert asker.ask()[0] == 50


def test_when_the_time_is_up_nothing_more_is_asked(asker: Asker) -> None:
    asker.ask()
    asker.clock.sleep(60)

    with pytest.raises(NoMoreAnswersError, match="the time for look-ups was up"):
        asker.ask()


def test_a_clock_that_is_set_back_does_not_stop_the_engine(asker: Asker) -> None:
    asker.ask()
    asker.clock.slept -= timedelta(hours=1)
    before = asker.clock.slept

    with failing("LookupEvents", AwsError("ThrottlingException"), lambda _: False):
        asker.ask()

    assert asker.clock.slept - before <= SECOND
