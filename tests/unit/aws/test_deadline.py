"""The time that Lambda gives a run: until when another call may be started."""

import pytest

from tag_policy.aws.deadline import Deadline, seconds_left


class Invocation:
    """An invocation of which some time is left."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:tag-policy"
    log_group_name = "/aws/lambda/tag-policy"

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def test_lambdas_milliseconds_are_told_in_seconds() -> None:
    assert seconds_left(Invocation(1_500)) == 1.5


@pytest.mark.parametrize(
    ("milliseconds", "too_late"), [(120_001, False), (120_000, False), (119_999, True), (0, True)]
)
def test_it_is_too_late_as_soon_as_less_is_left_than_is_reserved(
    milliseconds: int, too_late: bool
) -> None:
    deadline = Deadline(Invocation(milliseconds), 120)

    assert deadline() is too_late
    assert deadline.passed is too_late


def test_a_deadline_that_nobody_has_asked_has_kept_nobody_from_anything() -> None:
    """``passed`` says that something was left undone, not what time it is."""
    assert not Deadline(Invocation(0), 120).passed


def test_what_was_once_too_late_stays_so() -> None:
    """Even if the machine's clock is set back: what was left undone was left undone."""
    invocation = Invocation(1)
    deadline = Deadline(invocation, 120)
    assert deadline()

    invocation.milliseconds = 900_000

    assert deadline()
    assert deadline.passed


def test_time_passes_for_a_deadline_while_it_is_in_use() -> None:
    invocation = Invocation(900_000)
    deadline = Deadline(invocation, 120)
    assert not deadline()

    invocation.milliseconds = 60_000

    assert deadline()
