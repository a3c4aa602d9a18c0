"""Who launched the instances of a run: an answer for each, and why CloudTrail was not asked on."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from tag_policy.creators.attribution import Attribution, attribute
from tag_policy.creators.cloudtrail import EventHistory
from tag_policy.creators.decision import ON_ITS_WAY
from tag_policy.model.launch import Known, Nobody, NotKnownYet
from tag_policy.model.resource import ResourceRef
from tests.support.builders import NOW
from tests.support.clock import SimulatedClock
from tests.support.fake_trail import FakeTrail, launch_of, named

DAY = timedelta(days=1)
KNOWN, OLD, NEW = named(1, NOW - DAY), named(2, NOW - 100 * DAY), named(3, NOW)


def attributed(
    *instances: ResourceRef,
    before: Callable[[Any], None] | None = None,
    out_of_time: Callable[[], bool] = lambda: False,
    delay: timedelta = timedelta(minutes=30),
) -> Attribution:
    clock = SimulatedClock(NOW)
    events = [launch_of("jane", [KNOWN.resource_id], KNOWN.created_at)]
    trail = FakeTrail(events, clock, before)
    history = EventHistory(cast("Any", trail), clock, lookups_per_second=2, out_of_time=out_of_time)
    return attribute(instances, history, NOW, delay)


def deny(_: Any) -> None:
    raise FakeTrail.error("AccessDeniedException")


def test_there_is_an_answer_for_each_instance_and_no_problem_where_all_was_asked() -> None:
    found = attributed(KNOWN, OLD, NEW)

    assert found.problem == ""
    known = found.answers[KNOWN.resource_id]
    assert isinstance(known, Known)
    assert known.launch.name == "jane"
    assert isinstance(found.answers[OLD.resource_id], Nobody)
    assert found.answers[NEW.resource_id] == ON_ITS_WAY


def test_for_how_long_an_event_may_be_on_its_way_is_said_by_the_settings() -> None:
    found = attributed(named(4, NOW - DAY), delay=2 * DAY)

    assert list(found.answers.values()) == [ON_ITS_WAY]


def test_where_cloudtrail_denies_everything_nobody_is_taken_for_nobody() -> None:
    found = attributed(KNOWN, OLD, NEW, before=deny)

    not_asked = NotKnownYet("CloudTrail was not asked any further", "AccessDeniedException")
    assert found.answers == {
        OLD.resource_id: Nobody("because it was launched more than 90 days ago"),
        KNOWN.resource_id: not_asked,
        NEW.resource_id: not_asked,
    }
    assert found.problem == (
        "CloudTrail denies LookupEvents (AccessDeniedException); 2 of 3 creators are not known yet"
    )


def test_where_the_time_is_up_there_is_no_code() -> None:
    found = attributed(KNOWN, out_of_time=lambda: True)

    assert found == Attribution(
        {KNOWN.resource_id: NotKnownYet("CloudTrail was not asked any further")},
        "the time for look-ups was up; 1 of 1 creators are not known yet",
    )


def test_what_is_known_stays_known_where_the_asking_comes_to_an_early_end() -> None:
    far = named(9, NOW - 50 * DAY)
    asked: list[Any] = []

    def deny_the_second(request: Any) -> None:
        asked.append(request)
        if len(asked) > 1:
            deny(request)

    found = attributed(KNOWN, far, before=deny_the_second)

    assert isinstance(found.answers[KNOWN.resource_id], Known)
    assert isinstance(found.answers[far.resource_id], NotKnownYet)
    assert "1 of 2 creators are not known yet" in found.problem


def test_it_is_logged_what_is_known_and_what_it_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    throttled: list[Any] = []

    def throttle(request: Any) -> None:
        if not throttled:
            throttled.append(request)
            raise FakeTrail.error("ThrottlingException")

    attributed(KNOWN, OLD, before=throttle)

    assert caplog.messages[-1] == (
        "creators: 1 known, 1 nobody, 0 not known yet; "
        "0 calls by the time of a launch, 2 by name, 1 of them throttled"
    )


def test_the_calls_by_time_are_counted_apart(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    attributed(named(7, NOW - 2 * DAY), before=None)

    assert caplog.messages[-1] == (
        "creators: 0 known, 1 nobody, 0 not known yet; "
        "1 calls by the time of a launch, 1 by name, 0 of them throttled"
    )


def test_where_nobody_is_asked_for_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    assert attributed() == Attribution({})
    assert caplog.messages == []
