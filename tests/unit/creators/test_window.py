"""Pages of launches in a row, and what they tell of some instances."""

from dataclasses import replace
from datetime import datetime, timedelta

from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.creators.window import Window
from tag_policy.model.resource import ResourceRef
from tests.support.builders import NOW, ref

A, B, C = (ref(f"i-{name}", created_at=NOW) for name in "abc")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def launch(event_id: str, *names: str, at: datetime = NOW) -> LaunchEvent:
    return LaunchEvent(event_id, at, frozenset(f"i-{name}" for name in names), None, True)


def window(*instances: ResourceRef) -> Window:
    waiting = {one.resource_id: one for one in (instances or (A, B, C))}
    return Window(waiting)


def test_a_window_of_which_nothing_was_read_has_nothing_open() -> None:
    empty = window()

    assert not empty.is_open
    assert empty.undecided() == []
    assert A not in empty
    assert not empty.named(A)


def test_the_launches_of_ours_are_counted_and_open_until_it_is_sure_that_none_is_earlier() -> None:
    some = window()

    assert some.take([launch("1", "a", "b"), launch("2", "z"), launch("3", "a")]) == 2
    assert some.is_open
    assert some.undecided() == [A, B] or some.undecided() == [B, A]
    assert A in some
    assert C not in some
    assert some.named(B)
    assert not some.named(C)


def test_a_launch_of_another_time_names_an_instance_and_is_not_its_launch() -> None:
    some = window()

    assert some.take([launch("1", "a", at=NOW + 3 * MINUTE)]) == 0
    assert some.named(A)
    assert A not in some
    assert not some.is_open


def test_a_launch_of_two_of_which_only_one_was_created_then_is_of_ours() -> None:
    early = replace(B, created_at=NOW - timedelta(days=1))
    some = window(A, early)

    assert some.take([launch("1", "a", "b")]) == 1
    assert some.undecided() == [A]


def test_the_earliest_launch_counts_in_whatever_order_they_come() -> None:
    later, earlier = launch("1", "a", at=NOW + SECOND), launch("2", "a", at=NOW - SECOND)

    for order in ([later, earlier], [earlier, later]):
        some = window()
        for one in order:
            assert some.take([one]) == 1
        assert some.decided(NOW - timedelta(hours=1)) == [(A, earlier)]


def test_a_launch_is_known_when_all_has_been_read_back_by_as_much_as_two_clocks_may_differ() -> (
    None
):
    some = window()
    some.take([launch("1", "a", at=NOW + SECOND), launch("2", "b", at=NOW - MINUTE)])

    assert some.decided_at(A) == NOW - 2 * MINUTE, "from its creation, where that is earlier"
    assert some.decided_at(B) == NOW - 3 * MINUTE, "else from the launch"

    assert some.decided(NOW - 2 * MINUTE) == []
    assert some.decided(NOW - 2 * MINUTE - SECOND) == [(A, launch("1", "a", at=NOW + SECOND))]
    assert some.undecided() == [B]
    assert A not in some, "it is decided"
    assert some.decided(NOW - 4 * MINUTE) == [(B, launch("2", "b", at=NOW - MINUTE))]
    assert not some.is_open


def test_whoever_has_an_answer_is_open_no_more() -> None:
    waiting = {one.resource_id: one for one in (A, B)}
    some = Window(waiting)
    some.take([launch("1", "a"), launch("2", "b")])

    del waiting["i-a"]

    assert some.undecided() == [B]
    assert some.is_open
    assert some.decided(NOW - timedelta(hours=1)) == [(B, launch("2", "b"))]
    assert not some.is_open
    assert some.take([launch("3", "a")]) == 0
