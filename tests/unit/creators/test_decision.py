"""Which record is the launch of an instance, and what it says."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tag_policy.creators.decision import (
    IncompleteLaunch,
    launch_among,
    may_repeat_another,
    what_it_says,
)
from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.model.launch import Known, Launch, NotKnownYet, PrincipalKind
from tests.support.builders import NOW, ref

INSTANCE = ref()
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def launch(event_id: str, after: timedelta = timedelta(), **changes: Any) -> LaunchEvent:
    user = {"type": "IAMUser", "userName": event_id}
    made = LaunchEvent(event_id, NOW + after, frozenset({INSTANCE.resource_id}), user, True)
    return replace(made, **changes)


def test_of_a_launch_that_is_told_more_than_once_the_earliest_counts_in_any_order() -> None:
    alice, bob, carol = launch("alice"), launch("bob", 30 * SECOND), launch("carol", MINUTE)

    for told in ([alice, bob, carol], [carol, bob, alice], [bob, alice, carol]):
        assert launch_among(told, INSTANCE) == alice
        assert launch_among(told, INSTANCE, whole_history=True) == alice


def test_a_launch_that_names_others_is_not_the_instances() -> None:
    assert launch_among([launch("alice", instance_ids=frozenset({"i-1"}))], INSTANCE) is None


@pytest.mark.parametrize("whole_history", [True, False])
@pytest.mark.parametrize("after", [3 * MINUTE, 60 * DAY])
def test_a_repetition_after_the_creation_is_not_the_launch(
    after: timedelta, whole_history: bool
) -> None:
    assert launch_among([launch("bob", after)], INSTANCE, whole_history=whole_history) is None


def test_a_launch_long_before_what_is_known_of_the_creation_takes_the_whole_history() -> None:
    for early in (launch("alice", -DAY), launch("alice", -3 * MINUTE)):
        assert launch_among([early], INSTANCE) is None
        assert launch_among([early], INSTANCE, whole_history=True) == early


@pytest.mark.parametrize(
    "identity", [None, {"type": "IAMUser"}, {"type": "AWSService"}, {"type": "SomethingNew"}]
)
def test_a_launch_that_names_nobody_is_for_a_person_to_mend(identity: object) -> None:
    answer = what_it_says(launch("e-1", user_identity=identity), INSTANCE)

    assert isinstance(answer, NotKnownYet)
    assert answer.by_hand
    assert "set the tag by hand" in answer.reason


def test_a_launch_that_names_somebody_is_their_proof() -> None:
    answer = what_it_says(launch("alice"), INSTANCE)

    assert isinstance(answer, Known)
    assert (answer.launch.name, answer.launch.event_id) == ("alice", "alice")


@pytest.mark.parametrize(
    ("after", "may_be"),
    [(-11 * MINUTE, False), (-9 * MINUTE, True), (MINUTE, True), (3 * MINUTE, False)],
)
def test_a_launch_that_leaves_out_whom_it_launched_may_be_of_who_was_created_then(
    after: timedelta, may_be: bool
) -> None:
    assert IncompleteLaunch("e-1", NOW + after).may_be_of(INSTANCE) is may_be


def test_two_clocks_may_differ_by_two_minutes_about_a_launch() -> None:
    late, early = launch("late", 2 * MINUTE), launch("early", -2 * MINUTE)

    assert launch_among([late], INSTANCE) == late
    assert launch_among([launch("later", 2 * MINUTE + SECOND)], INSTANCE) is None
    assert launch_among([early], INSTANCE) == early
    assert launch_among([launch("earlier", -2 * MINUTE - SECOND)], INSTANCE) is None


def test_what_is_told_more_than_fifteen_seconds_after_the_creation_may_repeat_another() -> None:
    assert not may_repeat_another(launch("at once"), INSTANCE)
    assert not may_repeat_another(launch("late", 15 * SECOND), INSTANCE)
    assert may_repeat_another(launch("later", 16 * SECOND), INSTANCE)


@pytest.mark.parametrize(
    ("after", "may_be"),
    [
        (-10 * MINUTE - SECOND, False),
        (-10 * MINUTE, True),
        (2 * MINUTE, True),
        (2 * MINUTE + SECOND, False),
    ],
)
def test_what_is_left_out_may_be_of_an_instance_from_ten_minutes_before_until_two_after(
    after: timedelta, may_be: bool
) -> None:
    assert IncompleteLaunch("e-1", NOW + after).may_be_of(INSTANCE) is may_be


def test_a_launch_is_told_with_all_that_proves_it() -> None:
    arn = "arn:aws:iam::111122223333:user/Alice"
    identity = {"type": "IAMUser", "userName": "Alice", "arn": arn}

    assert what_it_says(launch("e-1", user_identity=identity), INSTANCE) == Known(
        Launch(PrincipalKind.IAM_USER, "Alice", "", arn, "e-1", NOW)
    )


def test_a_launch_that_names_nobody_is_told_with_its_event() -> None:
    assert what_it_says(launch("e-1", user_identity=None), INSTANCE) == NotKnownYet(
        "who acted in its launch event e-1 can never be read; set the tag by hand",
        by_hand=True,
    )
