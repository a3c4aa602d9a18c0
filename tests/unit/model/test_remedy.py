"""How far rules may go."""

import pytest

from tag_policy.model.remedy import End, MaxEscalation


@pytest.mark.parametrize(
    ("most", "allowed"),
    [
        (MaxEscalation.NONE, []),
        (MaxEscalation.ISOLATE, [End.ISOLATE]),
        (MaxEscalation.STOP, [End.ISOLATE, End.STOP]),
        (MaxEscalation.TERMINATE, [End.ISOLATE, End.STOP, End.TERMINATE]),
    ],
)
def test_rules_may_go_as_far_as_is_said_and_no_further(
    most: MaxEscalation, allowed: list[End]
) -> None:
    assert [end for end in End if most.allows(end)] == allowed


def test_every_end_is_one_that_may_be_allowed() -> None:
    assert ["none", *End] == list(MaxEscalation)
