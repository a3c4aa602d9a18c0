"""Which record is the launch of an instance, and what it says."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tag_policy.creators.decision import IncompleteLaunch, launch_among, what_it_says
from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.model.launch import Known, NotKnownYet
from tests.support.builders import NOW, ref

INSTANCE = ref()
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def launch(event_id: str, after: timedelta = timedelta(), **changes: Any) -> LaunchEvent:
    user = {"type": "IAMUser", "userName": event_id}
    made = LaunchEvent(event_id, NOW + after, frozenset({INSTANCE.instance_id}), user, True)
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
