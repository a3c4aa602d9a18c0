"""CloudTrail's event history: how it is asked, and what its answers and refusals mean."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tag_policy.creators.cloudtrail import EventHistory, NoAnswerError, NoMoreAnswersError, Page
from tests.support.builders import NOW
from tests.support.clock import SimulatedClock
from tests.support.fake_ec2 import refusal

EVENT: Any = {"EventId": "e-1"}
THROTTLED = refusal("ThrottlingException")
BROKEN = refusal("InternalError", status=500)
TIMEOUT = ReadTimeoutError(endpoint_url="https://cloudtrail")


class Trail:
    """A CloudTrail that gives some answers, the last of them for ever."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def lookup_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Asking:
    """An event history, with its clock."""

    def __init__(
        self,
        *answers: dict[str, Any] | Exception,
        a_second: float = 2,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> None:
        self.trail = Trail(*answers)
        self.clock = SimulatedClock(NOW)
        self.history = EventHistory(
            cast("Any", self.trail),
            self.clock,
            lookups_per_second=a_second,
            out_of_time=out_of_time,
        )

    def ask(self, token: str = "") -> Page:
        return self.history.page("ResourceName", "i-1", NOW, token)

    def seconds(self) -> float:
        return self.clock.slept.total_seconds()


def page(*events: object, **more: str) -> dict[str, Any]:
    return {"Events": list(events), **more}


def test_a_question_is_about_one_attribute_and_a_time() -> None:
    asking = Asking(page(EVENT, NextToken="more"), page())

    first = asking.history.page("ResourceName", "i-1", NOW)
    second = asking.history.page("EventName", "RunInstances", NOW, "more")

    assert (first, second) == (Page([EVENT], "more"), Page([], ""))
    assert asking.trail.asked == [
        {
            "LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": "i-1"}],
            "EndTime": NOW,
        },
        {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "RunInstances"}],
            "EndTime": NOW,
            "NextToken": "more",
        },
    ]
    assert asking.history.calls == {"ResourceName": 1, "EventName": 1}
    assert asking.history.throttled == 0


@pytest.mark.parametrize(("a_second", "apart"), [(2, 0.5), (0.5, 2)])
def test_questions_are_so_far_apart_that_no_more_are_asked_a_second_than_may_be(
    a_second: float, apart: float
) -> None:
    asking = Asking(page(), a_second=a_second)

    asking.ask()
    assert asking.seconds() == 0
    asking.ask()
    assert asking.seconds() == apart
    asking.ask()
    assert asking.seconds() == 2 * apart


def test_a_throttled_question_is_asked_again_after_a_longer_wait_however_often() -> None:
    asking = Asking(*[THROTTLED] * 8, page(EVENT))

    assert asking.ask().events == [EVENT]

    assert asking.history.throttled == 8
    assert asking.history.calls == {"ResourceName": 9}
    assert asking.seconds() == 1 + 2 + 4 + 8 + 4 * 10


def test_after_an_answer_the_wait_becomes_shorter_again() -> None:
    asking = Asking(THROTTLED, page())
    asking.ask()
    before = asking.seconds()

    asking.ask()
    asking.ask()

    assert asking.seconds() - before == pytest.approx(0.8 + 0.64)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (BROKEN, "InternalError"),
        (refusal("Whatever", status=503), "Whatever"),
        (TIMEOUT, "ReadTimeoutError"),
        ({"NextToken": "x"}, "UnreadableAnswer"),
    ],
    ids=str,
)
def test_after_five_failures_in_a_row_nothing_more_is_asked(
    failure: dict[str, Any] | Exception, code: str
) -> None:
    asking = Asking(*[failure] * 4, page(EVENT), failure)
    assert asking.ask().events == [EVENT]
    assert asking.seconds() == 1 + 2 + 4 + 8, "with longer waits"
    assert asking.history.throttled == 0

    with pytest.raises(NoMoreAnswersError) as error:
        asking.ask()

    assert str(error.value) == f"CloudTrail did not answer ({code})"
    assert error.value.code == code
    assert len(asking.trail.asked) == 5 + 5
    with pytest.raises(NoMoreAnswersError) as again:
        asking.ask()
    assert again.value is error.value
    assert len(asking.trail.asked) == 10


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_where_questions_are_denied_none_is_asked_any_more(code: str) -> None:
    asking = Asking(refusal(code, status=500), page())

    for _ in range(2):
        with pytest.raises(NoMoreAnswersError) as error:
            asking.ask()
        assert str(error.value) == f"CloudTrail denies LookupEvents ({code})"
        assert error.value.code == code
    assert len(asking.trail.asked) == 1


def test_what_is_wrong_with_one_question_says_nothing_of_the_next() -> None:
    asking = Asking(refusal("InvalidNextTokenException"), page(EVENT))

    with pytest.raises(NoAnswerError) as error:
        asking.ask()

    assert str(error.value) == "CloudTrail refused to answer (InvalidNextTokenException)"
    assert error.value.code == "InvalidNextTokenException"
    assert asking.ask().events == [EVENT]


@pytest.mark.parametrize(
    "refused",
    [refusal("Unknown", status=499), ClientError({"Error": {"Code": "Unknown"}}, "LookupEvents")],
    ids=str,
)
def test_what_is_refused_for_another_reason_would_be_refused_to_every_question(
    refused: ClientError,
) -> None:
    asking = Asking(refused, page())

    for _ in range(2):
        with pytest.raises(NoMoreAnswersError) as error:
            asking.ask()
        assert str(error.value) == "CloudTrail refuses LookupEvents (Unknown)"
        assert error.value.code == "Unknown"
    assert len(asking.trail.asked) == 1


def test_a_page_that_asks_for_itself_is_no_answer() -> None:
    asking = Asking(page(EVENT, NextToken="more"), page(EVENT, NextToken="other"))

    with pytest.raises(NoAnswerError) as error:
        asking.ask("more")

    assert str(error.value) == "CloudTrail repeats a page"
    assert error.value.code == "RepeatedToken"
    assert asking.ask("more").token == "other"


def test_a_last_page_has_no_token() -> None:
    assert Asking(page(EVENT)).ask() == Page([EVENT], "")
    assert Asking(page(EVENT)).ask("more") == Page([EVENT], "")


def until(asked: int, trails: Sequence[Trail]) -> Callable[[], bool]:
    return lambda: len(trails[0].asked) >= asked


def test_where_the_time_is_up_nothing_is_asked() -> None:
    asking = Asking(page(), out_of_time=lambda: True)

    with pytest.raises(NoMoreAnswersError) as error:
        asking.ask()

    assert str(error.value) == "the time for look-ups was up"
    assert error.value.code == ""
    assert asking.trail.asked == []


@pytest.mark.parametrize("failure", [THROTTLED, BROKEN], ids=str)
def test_where_the_time_is_up_because_nothing_is_answered_that_is_why(failure: ClientError) -> None:
    trails: list[Trail] = []
    asking = Asking(failure, failure, page(), out_of_time=until(2, trails))
    trails.append(asking.trail)
    code = failure.response["Error"]["Code"]

    with pytest.raises(NoMoreAnswersError) as error:
        asking.ask()

    assert str(error.value) == f"CloudTrail did not answer ({code})"
    assert error.value.code == code
    assert len(asking.trail.asked) == 2


def test_where_something_was_answered_since_the_time_is_why() -> None:
    trails: list[Trail] = []
    asking = Asking(BROKEN, page(), out_of_time=until(2, trails))
    trails.append(asking.trail)
    asking.ask()

    with pytest.raises(NoMoreAnswersError) as error:
        asking.ask()

    assert str(error.value) == "the time for look-ups was up"
    assert error.value.code == ""


def test_the_history_reaches_back_for_ninety_days() -> None:
    from tag_policy.creators import cloudtrail

    assert timedelta(days=90) == cloudtrail.HORIZON
    assert cloudtrail.PAGE_SIZE == 50
