"""What a run works with: above all, how it divides the time that Lambda gives it."""

import pytest

from tag_policy.model.target import Target
from tag_policy.runs.context import RunContext
from tests.support.builders import NOW, settings
from tests.support.clock import SimulatedClock
from tests.support.small_aws import SWEEP, Invocation, SmallAws, context


class Run:
    """A run whose time passes as a test says."""

    def __init__(self, seconds: float, **changes: str) -> None:
        self.clock = SimulatedClock(NOW)
        self.context = context(SmallAws(), clock=self.clock, seconds=seconds, **changes)
        self._seconds = seconds

    def with_left(self, seconds: float) -> RunContext:
        """Return what the run works with once so much is left."""
        self.clock.sleep(self._seconds - seconds - self.clock.slept.total_seconds())
        return self.context


def test_a_run_is_at_home_where_the_function_is_and_named_as_it_is_whatever_its_version() -> None:
    clock = SimulatedClock(NOW)
    arn = "arn:aws-cn:lambda:cn-north-1:210987654321:function:tags:live"
    invocation = Invocation(clock, invoked_function_arn=arn)

    begun = RunContext.begin(SWEEP, invocation, settings(), SmallAws().clients, clock)

    assert begun.target == Target("aws-cn", "cn-north-1", "210987654321")
    assert (begun.engine, begun.now) == ("tags", NOW)
    assert (begun.request_id, begun.log_group) == (
        invocation.aws_request_id,
        "/aws/lambda/tag-policy",
    )


def test_time_is_kept_for_telling_people_and_more_where_reports_are_kept_too() -> None:
    assert Run(900).context.margin == 120
    assert Run(900, report_bucket="reports").context.margin == 160


@pytest.mark.parametrize("seconds", [3, 60, 300])
def test_a_function_with_a_short_timeout_still_acts_for_most_of_its_time(seconds: float) -> None:
    assert Run(seconds).context.margin <= seconds / 3


def test_a_run_acts_until_the_margin_begins() -> None:
    run = Run(900)

    assert not run.with_left(120).until_margin()()
    assert run.with_left(119.9).until_margin()()


def test_a_share_of_the_time_is_one_of_the_time_to_act_in() -> None:
    run = Run(900)
    three_quarters = run.context.part_of_the_time(3 / 4)

    run.with_left(120 + 780 / 4)
    assert not three_quarters()
    run.with_left(120 + 780 / 4 - 1)
    assert three_quarters()


def test_the_whole_of_the_time_ends_with_the_margin_and_none_of_it_at_once() -> None:
    run = Run(900)
    whole, none = run.context.part_of_the_time(1), run.context.part_of_the_time(0)

    run.with_left(120)
    assert not whole()
    assert none()


def test_where_the_margin_has_begun_no_share_gives_any_of_it_away() -> None:
    late = Run(900).with_left(100)

    for share in (1 / 2, 3 / 4, 1):
        assert late.part_of_the_time(share)()


def test_what_follows_the_message_is_done_up_to_the_last_seconds() -> None:
    run = Run(900)
    end = run.context.until_the_end()

    run.with_left(5)
    assert not end()
    run.with_left(4.9)
    assert end()


def test_a_throttled_message_is_tried_again_while_its_report_can_still_be_logged() -> None:
    run = Run(900)
    last_try = run.context.until_last_try()

    run.with_left(60)
    assert not last_try()
    run.with_left(59.9)
    assert last_try()


@pytest.mark.parametrize("name", ["until_the_end", "until_last_try"])
def test_however_little_is_left_a_deadline_that_begins_now_has_not_passed(name: str) -> None:
    """Else a function with a short timeout would never tell, or mark, anybody."""
    late = Run(900).with_left(2)

    assert not getattr(late, name)()()


def test_deadlines_are_told_apart_by_what_they_kept_from_being_done() -> None:
    run = Run(900)
    acting, end = run.context.until_margin(), run.context.until_the_end()

    run.with_left(60)
    assert acting()
    assert not end()

    assert acting.passed
    assert not end.passed


def test_calls_are_made_on_the_clock_of_the_run() -> None:
    run = Run(900)

    assert run.with_left(800).paced(lambda: False).now() == run.clock.now()
