"""The asking: what is asked of CloudTrail for some instances, and what is answered for each."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from tag_policy.creators.cloudtrail import EventHistory as Questions
from tag_policy.creators.decision import ON_ITS_WAY
from tag_policy.creators.search import LaunchSearch
from tag_policy.model.launch import Answer, Known, Nobody, NotKnownYet
from tag_policy.model.resource import ResourceRef
from tests.support.builders import NOW
from tests.support.clock import SimulatedClock
from tests.support.fake_trail import FakeTrail, launch_of, named, number

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
DELAY = 30 * MINUTE
NOT_THERE = Nobody("because CloudTrail has no launch event that names it")


class Asked:
    """A search that has been run, over some events."""

    def __init__(
        self,
        *instances: ResourceRef,
        events: list[Any],
        before: Callable[[Any], None] | None = None,
        arrange: Callable[[FakeTrail], None] = lambda _: None,
    ) -> None:
        clock = SimulatedClock(NOW)
        self.trail = FakeTrail(events, clock, before)
        arrange(self.trail)
        history = Questions(
            cast("Any", self.trail), clock, lookups_per_second=2, out_of_time=lambda: False
        )
        self.search = LaunchSearch(instances, history, NOW, DELAY)
        self.search.run()
        self.calls = history.calls

    def answers(self) -> dict[str, Answer]:
        assert self.search.unanswered() == []
        return self.search.answers

    def names(self) -> dict[str, str]:
        return {
            one: answer.launch.name if isinstance(answer, Known) else type(answer).__name__
            for one, answer in self.answers().items()
        }


def others(count: int, newest: datetime, apart: timedelta) -> list[Any]:
    """Return launches of somebody else's, one after the other."""
    return [launch_of("other", [number(10_000 + at)], newest - at * apart) for at in range(count)]


def test_one_instance_is_asked_for_by_its_name() -> None:
    one = named(1, NOW - DAY)

    asked = Asked(one, events=[launch_of("jane", [one.resource_id], one.created_at)])

    assert asked.names() == {one.resource_id: "jane"}
    assert asked.calls == {"ResourceName": 1}
    assert asked.search.asked == 1
    (request,) = asked.trail.asked
    assert request["LookupAttributes"] == [
        {"AttributeKey": "ResourceName", "AttributeValue": one.resource_id}
    ]
    assert request["EndTime"] == one.created_at + HOUR, "what came after that is not read"


def test_who_was_launched_close_together_is_asked_for_together() -> None:
    ours = [named(at, NOW - DAY + at * SECOND) for at in range(10)]
    events = [
        launch_of(f"user-{at}", [one.resource_id], one.created_at) for at, one in enumerate(ours)
    ]

    asked = Asked(*reversed(ours), events=events)

    assert asked.names() == {one.resource_id: f"user-{at}" for at, one in enumerate(ours)}
    assert asked.calls == {"EventName": 1}
    (request,) = asked.trail.asked
    assert request["LookupAttributes"] == [
        {"AttributeKey": "EventName", "AttributeValue": "RunInstances"}
    ]
    assert request["EndTime"] == ours[-1].created_at + 2 * MINUTE


def test_an_instance_that_is_older_than_the_history_is_not_asked_for() -> None:
    old, older = named(1, NOW - 90 * DAY - HOUR), named(2, NOW - 90 * DAY - HOUR - SECOND)

    asked = Asked(old, older, events=[])

    assert asked.answers() == {
        older.resource_id: Nobody("because it was launched more than 90 days ago"),
        old.resource_id: NOT_THERE,
    }
    assert asked.search.asked == 2
    assert asked.trail.of_name(older.resource_id) == []
    assert len(asked.trail.of_name(old.resource_id)) == 1


def test_nobody_is_the_answer_only_after_the_launches_of_its_time_were_read_too() -> None:
    one = named(1, NOW - DAY)

    asked = Asked(one, events=[])

    assert asked.answers() == {one.resource_id: NOT_THERE}
    assert asked.calls == {"ResourceName": 1, "EventName": 1}
    assert asked.trail.asked[-1]["EndTime"] == one.created_at + 2 * MINUTE


@pytest.mark.parametrize(
    ("ago", "answer"), [(DELAY - SECOND, ON_ITS_WAY), (DELAY, NOT_THERE)], ids=str
)
def test_the_event_of_a_new_launch_may_still_be_on_its_way(ago: timedelta, answer: Answer) -> None:
    one = named(1, NOW - ago)

    assert Asked(one, events=[]).answers() == {one.resource_id: answer}


@pytest.mark.parametrize(
    ("ago", "answer"), [(DELAY - SECOND, ON_ITS_WAY), (DELAY, NOT_THERE)], ids=str
)
def test_so_may_those_of_several_that_are_asked_for_together(
    ago: timedelta, answer: Answer
) -> None:
    ours = [named(at, NOW - ago) for at in range(3)]
    events = [launch_of("jane", [ours[0].resource_id], ours[0].created_at)]

    asked = Asked(*ours, events=events)

    assert asked.names()[ours[0].resource_id] == "jane"
    assert [asked.answers()[one.resource_id] for one in ours[1:]] == [answer] * 2


def test_a_young_instance_that_an_earlier_launch_names_is_asked_for_by_its_name() -> None:
    """Its creation may be known too late; nothing is on its way then."""
    ours = [named(at, NOW - 5 * MINUTE) for at in range(2)]
    events = [
        launch_of("jane", [ours[0].resource_id], ours[0].created_at),
        launch_of("joe", [ours[1].resource_id], ours[1].created_at - HOUR),
    ]

    assert Asked(*ours, events=events).names() == {
        ours[0].resource_id: "jane",
        ours[1].resource_id: "joe",
    }


def test_an_instance_that_no_launch_of_its_time_names_is_asked_for_by_its_name() -> None:
    """A window is read to its end first: ten minutes before the creation."""
    ours = [named(at, NOW - DAY) for at in range(2)]
    events = [
        launch_of("jane", [ours[0].resource_id], ours[0].created_at),
        *others(60, ours[0].created_at - SECOND, 30 * SECOND),
    ]

    asked = Asked(*ours, events=events)

    assert asked.names() == {ours[0].resource_id: "jane", ours[1].resource_id: "Nobody"}
    assert asked.calls == {"EventName": 1, "ResourceName": 1}, "and in no other window"


def test_the_earliest_launch_of_an_instance_counts_though_it_is_on_the_next_page() -> None:
    ours = [named(at, NOW - DAY) for at in range(2)]
    ids = [one.resource_id for one in ours]
    events = [
        launch_of("repeats", ids, ours[0].created_at + 10 * SECOND),
        *others(49, ours[0].created_at + 9 * SECOND, timedelta(0)),
        launch_of("jane", ids, ours[0].created_at),
    ]

    asked = Asked(*ours, events=events)

    assert asked.names() == dict.fromkeys(ids, "jane")
    assert asked.calls == {"EventName": 2}


def test_where_an_earlier_launch_may_be_many_pages_away_each_is_asked_for_by_its_name() -> None:
    ours = [named(at, NOW - DAY) for at in range(2)]
    ids = [one.resource_id for one in ours]
    events = [
        launch_of("jane", ids, ours[0].created_at),
        *others(600, ours[0].created_at, timedelta(seconds=0.1)),
    ]

    asked = Asked(*ours, events=events)

    assert asked.names() == dict.fromkeys(ids, "jane")
    assert asked.calls == {"EventName": 2, "ResourceName": 2}, "the second page tells how many"


def test_after_a_page_that_tells_of_none_of_ours_the_newest_is_asked_for_by_its_name() -> None:
    ours = [named(at, NOW - DAY - (9 - at) * SECOND) for at in range(10)]
    events = [
        *(
            launch_of(f"user-{at}", [one.resource_id], one.created_at)
            for at, one in enumerate(ours)
        ),
        *others(60, NOW - DAY + 100 * SECOND, SECOND),
    ]

    asked = Asked(*ours, events=events)

    assert asked.names() == {one.resource_id: f"user-{at}" for at, one in enumerate(ours)}
    values = [one["LookupAttributes"][0]["AttributeValue"] for one in asked.trail.asked]
    assert values[:2] == ["RunInstances", ours[-1].resource_id]
    assert asked.calls == {"EventName": 4, "ResourceName": 10}


def test_a_window_ends_where_the_next_is_further_back_than_its_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The launches between are none of ours, and are not read."""
    caplog.set_level(logging.INFO)
    new = [named(at, NOW - DAY - at * SECOND) for at in range(3)]
    old = [named(10 + at, NOW - 30 * DAY - at * SECOND) for at in range(3)]
    events = [
        *(launch_of("jane", [one.resource_id], one.created_at) for one in (*new, *old)),
        *others(400, NOW - DAY - 20 * SECOND, HOUR),
    ]

    asked = Asked(*new, *old, events=events)

    assert asked.names() == {one.resource_id: "jane" for one in (*new, *old)}
    assert asked.calls == {"EventName": 2}
    assert len(caplog.messages) == 1, "it is one batch"


def test_a_late_launch_may_repeat_what_leaves_out_only_what_was_launched_before_it() -> None:
    one = named(1, NOW - DAY)
    late = launch_of("jane", [one.resource_id], one.created_at + 30 * SECOND)
    after_it = launch_of("large", [], one.created_at + 40 * SECOND)
    at_once = launch_of("large", [], one.created_at + 30 * SECOND)
    long_before = launch_of("large", [], one.created_at - HOUR)

    for incomplete in (after_it, at_once, long_before):
        assert Asked(one, events=[late, incomplete]).names() == {one.resource_id: "jane"}


def test_a_late_launch_may_repeat_one_that_is_not_found_by_the_name() -> None:
    one = named(1, NOW - DAY)
    repeated = launch_of("repeats", [one.resource_id], one.created_at + 30 * SECOND)
    first = launch_of("jane", [one.resource_id], one.created_at, indexed=False)

    assert Asked(one, events=[repeated, first]).names() == {one.resource_id: "jane"}


def test_a_late_launch_that_repeats_none_is_the_launch() -> None:
    one = named(1, NOW - DAY)
    late = launch_of("jane", [one.resource_id], one.created_at + 30 * SECOND)

    asked = Asked(one, events=[late])

    assert asked.names() == {one.resource_id: "jane"}
    assert asked.calls == {"ResourceName": 1, "EventName": 1}


def test_what_a_late_launch_may_repeat_and_leaves_out_whom_it_launched_cannot_be_read() -> None:
    one = named(1, NOW - DAY)
    late = launch_of("jane", [one.resource_id], one.created_at + 30 * SECOND)
    incomplete = launch_of("large", [], one.created_at, event_id="e-large")

    assert Asked(one, events=[late, incomplete]).answers() == {
        one.resource_id: NotKnownYet(
            "event e-large, which may be its launch and leaves out what was launched, can never "
            "be read; set the tag by hand",
            by_hand=True,
        )
    }


def test_a_late_launch_at_the_end_of_the_history_may_repeat_what_is_not_in_it_any_more() -> None:
    one = named(1, NOW - 90 * DAY - 10 * SECOND)
    late = launch_of("jane", [one.resource_id], one.created_at + 30 * SECOND)

    assert Asked(one, events=[late]).answers() == {
        one.resource_id: Nobody("because it was launched more than 90 days ago")
    }


def test_where_a_launch_leaves_out_whom_it_launched_nobody_would_be_untrue() -> None:
    one, other = named(1, NOW - DAY), named(2, NOW - 2 * DAY)
    incomplete = launch_of("large", [], one.created_at, event_id="e-large")

    answers = Asked(one, other, events=[incomplete]).answers()

    answer = answers[one.resource_id]
    assert isinstance(answer, NotKnownYet)
    assert answer.by_hand
    assert "event e-large, which may be its launch" in answer.reason
    assert answers[other.resource_id] == NOT_THERE, "it was created at another time"


def test_where_only_repetitions_are_left_nobody_would_be_untrue() -> None:
    one = named(1, NOW - DAY)
    repeated = launch_of("joe", [one.resource_id], one.created_at + 5 * MINUTE, event_id="e-2")

    assert Asked(one, events=[repeated]).answers() == {
        one.resource_id: NotKnownYet(
            "its launch, which event e-2 repeats after its creation, can never be read; set the "
            "tag by hand",
            by_hand=True,
        )
    }


def test_one_question_that_is_refused_is_no_bar_to_the_others() -> None:
    old, new = named(1, NOW - 40 * DAY), named(2, NOW - DAY)
    events = [launch_of("jane", [new.resource_id], new.created_at)]

    def refuse(request: Any) -> None:
        if request["LookupAttributes"][0]["AttributeValue"] == old.resource_id:
            raise FakeTrail.error("InvalidLookupAttributesException")

    asked = Asked(old, new, events=[*events, *others(200, NOW - 2 * DAY, HOUR)], before=refuse)

    assert asked.answers()[old.resource_id] == NotKnownYet(
        "CloudTrail refused to answer (InvalidLookupAttributesException)",
        "InvalidLookupAttributesException",
    )
    assert asked.names()[new.resource_id] == "jane"


def test_where_a_window_is_refused_its_newest_is_given_up_and_the_others_go_on() -> None:
    ours = [named(at, NOW - DAY + at * SECOND) for at in range(3)]
    events = [launch_of("jane", [one.resource_id], one.created_at) for one in ours]
    refused: list[Any] = []

    def refuse_the_first(_: Any) -> None:
        if not refused:
            refused.append("once")
            raise FakeTrail.error("InvalidTimeRangeException")

    asked = Asked(*ours, events=events, before=refuse_the_first)

    assert asked.answers()[ours[2].resource_id] == NotKnownYet(
        "CloudTrail refused to answer (InvalidTimeRangeException)", "InvalidTimeRangeException"
    )
    assert [asked.names()[one.resource_id] for one in ours[:2]] == ["jane"] * 2


def events_about(one: ResourceRef, pages: int) -> list[Any]:
    """Return so many pages of events about an instance, the last of which is its launch."""
    about = [
        launch_of("x", [one.resource_id], one.created_at + 5 * MINUTE, name="CreateTags")
        for _ in range(50 * (pages - 1))
    ]
    return [*about, launch_of("jane", [one.resource_id], one.created_at)]


def test_whoever_takes_more_than_ten_pages_has_their_turn_after_all_others() -> None:
    long, short = named(1, NOW - 40 * DAY), named(2, NOW - DAY)
    events = [
        *events_about(long, 11),
        launch_of("joe", [short.resource_id], short.created_at),
    ]

    asked = Asked(long, short, events=[*events, *others(300, NOW - 2 * DAY, HOUR)])

    assert list(asked.names().items()) == [(short.resource_id, "joe"), (long.resource_id, "jane")]
    assert len(asked.trail.of_name(long.resource_id)) == 10 + 11


def test_whoever_takes_ten_pages_is_read_at_once() -> None:
    one = named(1, NOW - 40 * DAY)

    asked = Asked(one, events=events_about(one, 10))

    assert asked.names() == {one.resource_id: "jane"}
    assert len(asked.trail.of_name(one.resource_id)) == 10


@pytest.mark.parametrize(
    ("pages", "calls"), [(10, {"EventName": 11}), (11, {"EventName": 11, "ResourceName": 2})]
)
def test_after_ten_empty_pages_with_a_token_it_is_asked_by_name(
    pages: int, calls: dict[str, int]
) -> None:
    """CloudTrail may have looked at some of the history and found nothing."""
    ours = [named(at, NOW - DAY) for at in range(2)]
    ids = [one.resource_id for one in ours]

    def answer_empty_pages(trail: FakeTrail) -> None:
        trail.empty_pages = pages

    asked = Asked(
        *ours, events=[launch_of("jane", ids, ours[0].created_at)], arrange=answer_empty_pages
    )

    assert asked.names() == dict.fromkeys(ids, "jane")
    assert asked.calls == calls


def test_a_launch_that_the_index_leaves_out_is_found_among_those_of_its_time() -> None:
    """Nothing says that CloudTrail indexes every instance of a launch of many by its name."""
    one = named(1, NOW - DAY)
    launch = launch_of("jane", [one.resource_id], one.created_at, indexed=False)

    asked = Asked(one, events=[launch, *others(60, one.created_at + MINUTE, SECOND)])

    assert asked.names() == {one.resource_id: "jane"}
    assert asked.calls == {"ResourceName": 1, "EventName": 2}, "it is on the second page"


def test_the_launches_of_its_time_are_read_no_further_back_than_ten_minutes() -> None:
    one = named(1, NOW - DAY)

    asked = Asked(one, events=others(120, one.created_at, 30 * SECOND))

    assert asked.answers() == {one.resource_id: NOT_THERE}
    assert asked.calls == {"ResourceName": 1, "EventName": 1}


@pytest.mark.parametrize("late", [True, False])
def test_whoever_takes_more_than_ten_pages_of_their_time_has_their_turn_after_all_others(
    late: bool,
) -> None:
    long, short = named(1, NOW - 40 * DAY), named(2, NOW - DAY)
    repeated = launch_of("jane", [long.resource_id], long.created_at + 30 * SECOND)
    events = [
        *([repeated] if late else []),
        *others(700, long.created_at + 29 * SECOND, SECOND / 4 if late else SECOND),
        launch_of("joe", [short.resource_id], short.created_at),
    ]

    asked = Asked(long, short, events=[*events, *others(300, NOW - 2 * DAY, HOUR)])

    assert list(asked.names().items()) == [
        (short.resource_id, "joe"),
        (long.resource_id, "jane" if late else "Nobody"),
    ]
    assert len(asked.trail.of_name(long.resource_id)) == 2
    before = long.created_at + 2 * MINUTE
    of_its_time = [one for one in asked.trail.of_name("RunInstances") if one["EndTime"] == before]
    assert len(of_its_time) == 10 + PAGES[late]


PAGES = {True: 12, False: 13}
"""To ten minutes before the creation where none names it, else to two before the launch."""


def test_a_launch_counts_on_whatever_page_about_the_instance_it_is() -> None:
    one = named(1, NOW - DAY)
    older = [
        launch_of("x", [one.resource_id], one.created_at - SECOND, name="CreateTags")
        for _ in range(60)
    ]

    asked = Asked(one, events=[launch_of("jane", [one.resource_id], one.created_at), *older])

    assert asked.names() == {one.resource_id: "jane"}
    assert asked.calls == {"ResourceName": 2}


def test_it_is_logged_how_a_batch_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ours = [named(at, NOW - DAY + at * SECOND) for at in range(3)]
    events = [launch_of("jane", [one.resource_id], one.created_at) for one in ours]

    Asked(*ours, events=events)

    (record,) = caplog.records
    assert record.getMessage() == (
        "asking who launched 3 instances, in about 2 calls: 3 by the time of their launch, "
        "0 by name"
    )
    extra = cast("Any", record)
    assert (extra.windows, extra.launched_from, extra.launched_to) == (
        1,
        ours[0].created_at.isoformat(),
        ours[-1].created_at.isoformat(),
    )


def test_of_a_batch_it_is_logged_once_how_many_are_asked_for_by_their_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    one = named(1, NOW - DAY)

    Asked(one, events=[launch_of("jane", [one.resource_id], one.created_at)])

    assert caplog.messages == [
        "asking who launched 1 instances, in about 1 calls: 0 by the time of their launch, "
        "1 by name"
    ]


def test_the_launches_of_the_last_day_of_the_history_are_read_like_others() -> None:
    ours = [named(at, NOW - 90 * DAY + HOUR) for at in range(3)]
    events = [launch_of("jane", [one.resource_id], one.created_at) for one in ours]

    asked = Asked(*ours, events=events)

    assert set(asked.names().values()) == {"jane"}
    assert asked.calls == {"EventName": 1}


def test_what_was_launched_ninety_days_ago_to_the_second_is_in_the_history() -> None:
    one = named(1, NOW - 90 * DAY)
    late = launch_of("jane", [one.resource_id], one.created_at + 30 * SECOND)

    assert Asked(one, events=[late]).names() == {one.resource_id: "jane"}
