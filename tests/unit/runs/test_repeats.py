"""What people know already, and when they are told of it again all the same."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tag_policy.model.assignment import Mode, Scope
from tag_policy.model.finding import Code
from tag_policy.model.outcome import LIMIT, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.runs import repeats
from tag_policy.runs.memory import Memory
from tag_policy.runs.repeats import Repeats
from tag_policy.settings import Unchanged
from tests.support.builders import NOW, outcome, ref
from tests.support.clock import SimulatedClock
from tests.support.small_aws import STATE_TABLE, SWEEP, SmallAws, context, refusal

FAILED = outcome(Result.FAILED, code="UnauthorizedOperation", detail="at 08:00")
TAGGED = outcome(Result.TAGGED)
ALMOST_A_DAY = timedelta(hours=23, minutes=30)
SECOND = timedelta(seconds=1)


def test_another_remedy_is_another_finding() -> None:
    stop, terminate = (
        outcome(Result.DEFERRED, remedy=remedy, tag_key="", value=None, code=LIMIT)
        for remedy in (Remedy.STOP, Remedy.TERMINATE)
    )

    assert repeats._digest(stop) != repeats._digest(terminate)


def few(_: Outcome) -> int:
    """Tell that there are no more of a kind than can be listed."""
    return 0


def begin(
    aws: SmallAws,
    now: datetime = NOW,
    again: Unchanged = Unchanged.DAILY,
    **assignment: Any,
) -> Repeats:
    """Begin a run at a time; load what people know."""
    of = context(aws, replace(SWEEP, **assignment), clock=SimulatedClock(now))
    begun = Repeats(of, Memory(aws.clients, STATE_TABLE), again)
    begun.load()
    return begun


def run(aws: SmallAws, outcomes: Sequence[Outcome], **how: Any) -> list[bool]:
    """Do a run whose message is delivered; return which of the outcomes were known."""
    this = begin(aws, **how)
    known = [this.is_known(one) for one in outcomes]
    this.told([one for one, is_known in zip(outcomes, known, strict=True) if not is_known], few)
    this.remember()
    return known


def test_what_is_as_it_was_told_is_known_and_what_was_not_told_is_not() -> None:
    aws = SmallAws()

    assert run(aws, [FAILED]) == [False]
    assert run(aws, [FAILED, replace(FAILED, code="RequestTimeout")]) == [True, False]


@pytest.mark.parametrize(
    "changed",
    [
        replace(FAILED, detail="at 09:00"),
        replace(FAILED, finding=replace(FAILED.finding, reason="required tag missing, at 09:00")),
        replace(FAILED, finding=replace(FAILED.finding, owner="ann")),
        replace(FAILED, finding=replace(FAILED.finding, resource=ref(name="another name"))),
    ],
    ids=["detail", "reason", "owner", "name"],
)
def test_sentences_may_change_without_anything_being_new(changed: Outcome) -> None:
    """They hold times, so that otherwise each run would tell of everything."""
    aws = SmallAws()
    run(aws, [FAILED])

    assert run(aws, [changed]) == [True]


@pytest.mark.parametrize(
    "other",
    [
        replace(FAILED, result=Result.DEFERRED),
        replace(FAILED, code="TagLimitExceeded"),
        replace(FAILED, finding=replace(FAILED.finding, code=Code.EMPTY)),
        replace(FAILED, finding=replace(FAILED.finding, resource=ref("i-1"))),
        replace(FAILED, finding=replace(FAILED.finding, tag_key="Project")),
        replace(FAILED, finding=replace(FAILED.finding, value="Proj008")),
        # The same letters, in other fields.
        replace(FAILED, finding=replace(FAILED.finding, tag_key="ProjectCodeProj", value="007")),
    ],
    ids=["result", "code", "kind", "instance", "key", "value", "boundary"],
)
def test_whatever_is_different_about_a_finding_makes_it_a_new_one(other: Outcome) -> None:
    aws = SmallAws()
    run(aws, [FAILED])

    assert run(aws, [other]) == [False]


def test_a_value_that_cannot_be_encoded_is_known_again_too() -> None:
    aws = SmallAws()
    odd = replace(FAILED, finding=replace(FAILED.finding, value="\ud800"))

    assert [run(aws, [odd]), run(aws, [odd])] == [[False], [True]]


def test_what_is_done_is_told_each_time_that_it_is_done() -> None:
    aws = SmallAws()

    assert [run(aws, [TAGGED]), run(aws, [TAGGED])] == [[False], [False]]


def test_what_an_audit_would_do_is_told_once_because_it_never_comes_about() -> None:
    aws = SmallAws()

    assert [run(aws, [TAGGED], mode=Mode.AUDIT) for _ in range(2)] == [[False], [True]]


def test_what_an_audit_has_told_is_told_by_a_run_too_and_neither_forgets_for_the_other() -> None:
    aws = SmallAws()

    assert run(aws, [FAILED], mode=Mode.AUDIT) == [False]
    assert run(aws, [FAILED]) == [False]
    assert run(aws, [], mode=Mode.AUDIT) == []
    assert run(aws, [FAILED]) == [True]


@pytest.mark.parametrize(
    ("later", "is_known"),
    [(ALMOST_A_DAY - SECOND, True), (ALMOST_A_DAY, False), (timedelta(days=9), False)],
)
def test_once_a_day_everything_is_listed_again(later: timedelta, is_known: bool) -> None:
    aws = SmallAws()
    run(aws, [FAILED])

    assert run(aws, [FAILED], now=NOW + later) == [is_known]


def test_the_day_begins_with_the_first_report_and_not_anew_with_each_sweep() -> None:
    """Else hourly sweeps would put off what is to be listed daily for ever."""
    aws = SmallAws()
    run(aws, [FAILED])

    found = [run(aws, [FAILED], now=NOW + timedelta(hours=hour)) for hour in range(1, 26)]

    assert found.count([False]) == 1
    assert found[23] == [False]


def test_who_never_wants_to_hear_it_again_does_not() -> None:
    aws = SmallAws()
    run(aws, [FAILED])

    later = NOW + timedelta(days=9)
    assert run(aws, [FAILED], now=later, again=Unchanged.NEVER) == [True]


def test_in_every_run_means_all_but_an_exemption_that_cannot_be_read() -> None:
    aws = SmallAws()
    unreadable = outcome(Result.LEFT, finding_code=Code.EXEMPTION_UNREADABLE)

    run(aws, [FAILED, unreadable], again=Unchanged.EVERY_RUN)

    assert run(aws, [FAILED, unreadable], again=Unchanged.EVERY_RUN) == [False, True]


def test_what_was_gone_for_one_sweep_is_new_when_it_comes_back() -> None:
    aws = SmallAws()
    run(aws, [FAILED])
    run(aws, [])

    assert run(aws, [FAILED]) == [False]


@pytest.mark.parametrize("part", [{"scope": Scope.SOME}, {"acts": False}], ids=str)
def test_a_run_about_a_part_knows_nothing_and_changes_nothing_of_what_is_known(
    part: dict[str, Any],
) -> None:
    aws = SmallAws()
    run(aws, [FAILED])
    aws.calls.clear()

    assert run(aws, [FAILED], **part) == [False]

    assert aws.calls == []
    assert run(aws, [FAILED]) == [True]


def test_what_no_message_had_room_for_is_not_known() -> None:
    aws = SmallAws()
    this = begin(aws)
    this.is_known(FAILED)
    this.told([], few)
    this.remember()

    assert run(aws, [FAILED]) == [False]


def test_a_run_that_ended_before_it_had_loaded_forgets_nothing() -> None:
    """Such as one that cannot read the rules."""
    aws = SmallAws()
    other = replace(FAILED, code="RequestTimeout")
    run(aws, [FAILED, other])

    of = context(aws, SWEEP, clock=SimulatedClock(NOW))
    not_loaded = Repeats(of, Memory(aws.clients, STATE_TABLE), Unchanged.DAILY)
    not_loaded.told([FAILED], few)
    not_loaded.remember()

    assert run(aws, [FAILED, other]) == [True, True]


def test_where_nothing_has_changed_nothing_is_written() -> None:
    aws = SmallAws()
    run(aws, [])
    assert "BatchWriteItem" not in aws.calls, "nothing, and nothing before"
    run(aws, [FAILED])
    aws.calls.clear()

    run(aws, [FAILED])

    assert aws.calls == ["BatchGetItem"]


def test_after_a_day_the_time_is_written_even_where_the_findings_are_the_same() -> None:
    aws = SmallAws()
    run(aws, [FAILED])
    run(aws, [FAILED], now=NOW + timedelta(days=1))

    assert run(aws, [FAILED], now=NOW + timedelta(days=1, hours=1)) == [True]


def test_the_report_can_say_since_when_what_it_leaves_out_was_listed() -> None:
    aws = SmallAws()
    assert begin(aws).told_at is None
    run(aws, [FAILED])

    assert begin(aws, NOW + timedelta(hours=5)).told_at == NOW
    assert begin(aws, NOW + timedelta(days=1)).told_at is None


def test_where_the_memory_cannot_be_read_everything_is_told_and_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = SmallAws()
    run(aws, [FAILED])
    aws.failing["BatchGetItem"] = [refusal("AccessDeniedException")]

    assert run(aws, [FAILED]) == [False]

    assert "what people were told before could not be read" in caplog.text


def test_what_cannot_be_remembered_is_told_again_and_fails_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = SmallAws(failing={"BatchWriteItem": [refusal("AccessDeniedException")]})

    run(aws, [FAILED])

    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "could not be recorded" in warning.getMessage()
    assert run(aws, [FAILED]) == [False]


def missing(number: int, **changes: Any) -> Outcome:
    """Return that an instance lacks a tag that people have to set."""
    of = ref(f"i-{number:017x}")
    return outcome(Result.REPORTED, resource=of, remedy=Remedy.REPORT, value=None, **changes)


def test_of_what_people_were_told_how_many_there_are_each_is_known_as_long_as_they_are_many() -> (
    None
):
    aws = SmallAws()
    this = begin(aws)
    this.told([missing(1)], lambda _: 5_000)
    this.remember()
    many = [missing(number) for number in range(201)]

    assert all(run(aws, many))
    others = [missing(3, rule_id=7), missing(4, note="x")]
    assert run(aws, [*many, *others]) == [True] * 201 + [False, False]
    assert run(aws, [missing(500), *others]) == [True, True, True]
    assert run(aws, [missing(501)]) == [False], "they have become few, and each is listed"


def test_what_was_listed_is_known_of_that_instance_only() -> None:
    aws = SmallAws()

    assert run(aws, [missing(1)]) == [False]
    assert run(aws, [missing(1), missing(2)]) == [True, False]


def test_kinds_that_nobody_was_told_of_in_numbers_take_no_memory() -> None:
    this = begin(SmallAws())

    for number in range(1_000):
        this.is_known(missing(number, reason=f"{number} is not allowed"))

    assert not this._of_kind
