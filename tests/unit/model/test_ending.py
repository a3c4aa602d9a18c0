"""Whether an instance is as it is when it was ended."""

from dataclasses import replace

import pytest

from tag_policy.model.ending import ENDING_OF_ACTION, ENDING_OF_END, ENDINGS
from tag_policy.model.instance import Interface
from tag_policy.model.remedy import End, UntaggedAction
from tests.support.builders import instance

GROUPS = {"vpc-abc123c1": "sg-1"}


@pytest.mark.parametrize(
    ("end", "state", "group", "is_done"),
    [
        (End.ISOLATE, "running", "sg-1", True),
        (End.ISOLATE, "stopped", "sg-9", False),
        (End.STOP, "stopping", "sg-9", True),
        (End.STOP, "stopped", "sg-9", True),
        (End.STOP, "running", "sg-1", False),
        (End.STOP, "pending", "sg-9", False),
        (End.TERMINATE, "shutting-down", "sg-9", True),
        (End.TERMINATE, "stopped", "sg-1", False),
    ],
)
def test_it_is_seen_whether_an_instance_was_ended_so(
    end: End, state: str, group: str, is_done: bool
) -> None:
    interface = Interface("eni-1", "vpc-abc123c1", (group,))
    found = replace(instance({}, state), interfaces=(interface,))

    assert ENDING_OF_END[end].is_done(found, GROUPS) is is_done


def test_each_end_is_made_in_one_way_and_may_be_asked_for_where_there_are_no_tags() -> None:
    assert [ending.action for ending in ENDINGS] == list(End)
    assert ENDING_OF_ACTION.keys() == {UntaggedAction(end) for end in End}
    assert all(ENDING_OF_ACTION[UntaggedAction(end)] is ENDING_OF_END[end] for end in End)
