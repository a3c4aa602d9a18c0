"""Completing marks of which people were told, and what is said of those that cannot be."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from tag_policy.model.outcome import Outcome, Result
from tag_policy.resources.marks import completed
from tag_policy.resources.remedy_queue import BATCH_SIZE
from tests.support.acting import World, failing, told, world
from tests.support.builders import NOW, mark, settings
from tests.support.fake_ec2 import Asked, Description, described, number, refusal

DUE = "tag-policy:due"
A, B, C = number(1), number(2), number(3)
DAY = timedelta(days=1)
ANNOUNCED = NOW + timedelta(seconds=30)
NO_ANSWER = ReadTimeoutError(endpoint_url="https://ec2")
AS_ANNOUNCED = mark(NOW + DAY, NOW + DAY)
FINAL = mark(NOW + DAY, ANNOUNCED)
NOT_MARKED = "people were told, but it could not be marked: {}; it is announced again"


def announcing(instance_id: str) -> Description:
    """Return an instance whose tag says that its end is being announced."""
    return described(instance_id, {DUE: AS_ANNOUNCED.announcing})


def under_grace(*descriptions: Description) -> World:
    return world(*descriptions, settings=settings(grace_period="24h"))


def marked(made: World, *instance_ids: str) -> list[Outcome]:
    """Return the outcomes of which people were told."""
    outcomes = []
    for one in instance_ids:
        (finding,) = made.findings(one)
        assert finding.mark == AS_ANNOUNCED
        outcomes.append(Outcome(finding, Result.MARKED))
    return outcomes


def complete(made: World, outcomes: list[Outcome]) -> list[Outcome]:
    """Complete marks; each outcome comes along with what was told of the same instance."""
    pairs = list(made.marks.complete(outcomes, ANNOUNCED, lambda: made.time_is_up()))
    for before, after in pairs:
        assert before in outcomes
        assert after.finding is before.finding
    return [after for _, after in pairs]


def test_a_mark_counts_from_when_people_were_told_and_is_never_due_before_that() -> None:
    assert completed(mark(NOW + DAY, None), NOW) == mark(NOW + DAY, NOW)
    assert completed(mark(NOW, None), NOW + DAY) == mark(NOW + DAY, NOW + DAY)


def test_what_has_no_mark_to_complete_keeps_no_other_from_its_own() -> None:
    made = under_grace(announcing(A), announcing(B))
    without, other = marked(made, A, B)
    without = replace(without, finding=replace(without.finding, mark=None))

    (after,) = complete(made, [without, other])

    assert after is other


def test_what_was_announced_gets_its_mark_after_a_look() -> None:
    made = under_grace(announcing(A), announcing(B))
    outcomes = marked(made, A, B)

    assert complete(made, outcomes) == outcomes

    assert [made.fleet.tags(one) for one in (A, B)] == [{DUE: str(FINAL)}] * 2
    assert [(one.client, one.operation) for one in made.fleet.asked] == [
        ("look", "describe_instances"),
        ("once", "create_tags"),
    ]
    assert made.fleet.requests("create_tags") == [
        {"Resources": [A, B], "Tags": [{"Key": DUE, "Value": str(FINAL)}]}
    ]


def test_marks_of_different_times_are_written_apart() -> None:
    later = mark(NOW + 2 * DAY, NOW + 2 * DAY)
    made = under_grace(announcing(A), described(B, {DUE: later.announcing}))
    (first,) = marked(made, A)
    (finding,) = made.findings(B)
    assert finding.mark == later

    complete(made, [first, Outcome(finding, Result.MARKED)])

    assert made.fleet.tags(A) == {DUE: str(FINAL)}
    assert made.fleet.tags(B) == {DUE: str(mark(NOW + 2 * DAY, ANNOUNCED))}


def test_no_more_than_a_batch_is_marked_in_one_call() -> None:
    ids = [number(at) for at in range(2 * BATCH_SIZE + 1)]
    made = under_grace(*(announcing(one) for one in ids))

    assert len(complete(made, marked(made, *ids))) == len(ids)

    batches = [one["Resources"] for one in made.fleet.requests("create_tags")]
    assert batches == [ids[:BATCH_SIZE], ids[BATCH_SIZE:-1], ids[-1:]]


def test_what_got_a_tag_after_it_was_announced_gets_no_mark() -> None:
    made = under_grace(announcing(A), announcing(B), announcing(C))
    outcomes = marked(made, A, B, C)
    made.fleet.set(A, {"Name": "web"})
    made.fleet.set(B, {"Name": "web"})

    found = complete(made, outcomes)

    assert told(found) == [
        (A, Result.DEFERRED, ""),
        (B, Result.DEFERRED, ""),
        (C, Result.MARKED, ""),
    ]
    assert found[0].detail == NOT_MARKED.format(
        "it changed while the run was under way; the next run looks again"
    )
    assert made.fleet.requests("create_tags")[0]["Resources"] == [C]


def test_where_all_have_changed_nothing_is_written() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.fleet.set(A, {DUE: "somebody's own words"})

    assert told(complete(made, outcomes)) == [(A, Result.DEFERRED, "")]
    assert made.fleet.operations() == ["describe_instances"]


def test_a_mark_that_was_written_by_a_call_of_which_the_answer_was_lost_counts() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.fleet.after = failing("create_tags", NO_ANSWER)

    assert complete(made, outcomes) == outcomes
    assert made.fleet.operations() == ["describe_instances", "create_tags", "describe_instances"]


@pytest.mark.parametrize("error", [NO_ANSWER, refusal("RequestLimitExceeded")], ids=repr)
def test_what_passes_is_tried_again_with_a_look_of_its_own(error: Exception) -> None:
    made = under_grace(announcing(A), announcing(B))
    outcomes = marked(made, A, B)
    errors = iter([error, error])

    def fail(asked: Asked) -> None:
        if asked.operation == "create_tags" and (now := next(errors, None)):
            made.fleet.set(B, {"Name": "web"})
            raise now

    made.fleet.before = fail

    assert told(complete(made, outcomes)) == [(B, Result.DEFERRED, ""), (A, Result.MARKED, "")]
    assert made.fleet.operations() == ["describe_instances", "create_tags"] * 3


def test_a_look_that_is_not_answered_is_taken_again() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.fleet.before = failing("describe_instances", NO_ANSWER, None)

    assert complete(made, outcomes) == outcomes


def test_after_eight_attempts_it_is_announced_anew_by_the_next_run() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.fleet.before = failing("create_tags", refusal("ServiceUnavailable", message="later"))

    (outcome,) = complete(made, outcomes)

    assert told([outcome]) == [(A, Result.DEFERRED, "ServiceUnavailable")]
    assert outcome.detail == NOT_MARKED.format("later")
    assert len(made.fleet.requests("create_tags")) == 8


def test_what_is_refused_is_not_tried_again() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.fleet.before = failing("create_tags", refusal("TagLimitExceeded", message="too many"))

    (outcome,) = complete(made, outcomes)

    assert told([outcome]) == [(A, Result.DEFERRED, "TagLimitExceeded")]
    assert outcome.detail == NOT_MARKED.format("too many")
    assert len(made.fleet.requests("create_tags")) == 1


def test_where_the_time_is_up_no_call_is_made() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.time_is_up = lambda: True

    (outcome,) = complete(made, outcomes)

    assert told([outcome]) == [(A, Result.DEFERRED, "")]
    assert outcome.detail == NOT_MARKED.format(
        "the time of this run was up; the next run goes on here"
    )
    assert made.fleet.asked == []


def test_the_time_is_asked_for_before_every_attempt() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    made.time_is_up = lambda: len(made.fleet.requests("create_tags")) == 2
    made.fleet.before = failing("create_tags", NO_ANSWER)

    assert told(complete(made, outcomes)) == [(A, Result.DEFERRED, "ReadTimeoutError")]
    assert len(made.fleet.requests("create_tags")) == 2


def test_the_wait_for_the_pace_comes_before_the_look() -> None:
    made = under_grace(announcing(A))
    outcomes = marked(made, A)
    times: list[timedelta] = []
    errors = iter([refusal("RequestLimitExceeded")])

    def note(asked: Asked) -> None:
        times.append(made.clock.slept)
        if asked.operation == "create_tags" and (error := next(errors, None)):
            raise error

    made.fleet.before = note

    complete(made, outcomes)

    first, second, third, fourth = times
    assert first == second < third
    assert third == fourth


def test_nobody_told_nothing_done() -> None:
    made = under_grace(announcing(A))

    assert complete(made, []) == []
    assert made.fleet.asked == []
