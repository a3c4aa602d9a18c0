"""Nothing is ended before people were told: what is announced, waits, or is ended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.assignment import Mode
from tag_policy.model.finding import Finding
from tag_policy.model.instance import Instance
from tag_policy.model.ladder import Step
from tag_policy.model.mark import Mark
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import End, Remedy
from tag_policy.model.rule import Action, Rule
from tag_policy.resources.hanging import Hanging
from tag_policy.resources.marks import Marks
from tag_policy.resources.second_look import SecondLook
from tag_policy.rules.evaluation import Evaluator
from tag_policy.runs.announcements import Announcements
from tag_policy.runs.memory import Memory, Told
from tests.support.builders import (
    DEFAULT_RULES,
    ENGINE,
    HOME,
    NOW,
    instance,
    mark,
    outcome,
    ref,
    settings,
)
from tests.support.clock import SimulatedClock
from tests.support.small_aws import STATE_TABLE, SWEEP, VPC, SmallAws, context, refusal

DAY = timedelta(days=1)
DUE = "tag-policy:due"
ONE, TWO = "i-0000000000000001", "i-0000000000000002"
DUE_NOW = str(mark(NOW, NOW - DAY))
"""Of an instance that is a day old, under a grace period of a day."""


class Run:
    """A run about some instances, under a grace period of a day where nothing else is said."""

    def __init__(self, aws: SmallAws, *, now: datetime = NOW, mode: Mode = Mode.ENFORCE) -> None:
        self.aws = aws
        self.clock = SimulatedClock(now)
        self.context = context(aws, replace(SWEEP, mode=mode), clock=self.clock)
        self.memory = Memory(aws.clients, STATE_TABLE)
        self.problems: list[str] = []
        self.announcements = Announcements(self.context, self.memory, self.problems.append)

    def evaluator(self, **changes: str) -> Evaluator:
        how = settings(**({"grace_period": "24h"} | changes))
        return Evaluator(DEFAULT_RULES, how, ENGINE, NOW, self.announcements.anew)

    def to_announce(
        self, *instances: Instance, **changes: str
    ) -> tuple[list[Finding], list[Outcome]]:
        evaluate = self.evaluator(**changes)
        findings = [f for one in instances for f in evaluate(one).findings]
        return self.announcements.to_announce(findings, evaluate.announced_anew)

    def is_told(self, *outcomes: Outcome) -> list[tuple[Outcome, Outcome]]:
        """Take in announcements, of which a message has been accepted."""
        evaluate = self.evaluator()
        ec2: Any = self.aws
        paced = PacedCalls(self.clock, lambda: False)
        hanging = Hanging(ec2, HOME.account_id, paced)
        look = SecondLook(ec2, lambda: (VPC,), evaluate, "tag-policy:exempt", paced, hanging)
        self.announcements.marks = Marks(lambda: ec2, look, paced)
        for one in outcomes:
            assert self.announcements.is_pending(one)
        return list(self.announcements.complete(outcomes))


def marked(aws: SmallAws, instance_id: str = ONE, time: datetime = NOW + DAY) -> Outcome:
    """Return the outcome of an instance whose tag says that it is being announced."""
    promised = mark(time, time)
    aws.add(instance_id, {DUE: promised.announcing})
    return outcome(Result.MARKED, resource=ref(instance_id), mark=promised)


def told(aws: SmallAws, time: datetime, said: str, instance_id: str = ONE) -> None:
    Memory(aws.clients, STATE_TABLE).remember_told({instance_id: Told(time, said)})


def untagged(tags: dict[str, str] | None = None, instance_id: str = ONE) -> Instance:
    return instance(tags or {}, resource_id=instance_id)


# Who is ended by a mark


def test_an_end_goes_ahead_only_where_it_is_remembered_that_people_were_told_just_that() -> None:
    aws = SmallAws()
    told(aws, NOW, DUE_NOW)

    (ready,), deferred = Run(aws).to_announce(untagged({DUE: DUE_NOW}))

    assert (ready.remedy, deferred) == (Remedy.TERMINATE, [])
    assert (ready.tag_key, ready.value, ready.mark) == ("", None, None), "its mark stands there"


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        str(mark(NOW, NOW - DAY, End.STOP)),
        str(mark(NOW, NOW - DAY - timedelta(seconds=1))),
    ],
    ids=["nothing", "taken back", "another action", "another time"],
)
def test_a_mark_that_says_anything_else_than_what_was_told_ends_nothing(said: str | None) -> None:
    """It was copied from another instance, or forged."""
    aws = SmallAws()
    if said is not None:
        told(aws, NOW - timedelta(hours=1), said)
    run = Run(aws)

    (ready,), _ = run.to_announce(untagged({DUE: DUE_NOW}))

    assert ready.remedy is Remedy.MARK
    assert ready.mark is not None
    assert ready.mark.time == NOW + DAY
    assert run.announcements.anew == {ONE}, "also at the second look"


def test_what_people_were_told_of_another_instance_ends_nothing() -> None:
    aws = SmallAws()
    told(aws, NOW, DUE_NOW, TWO)

    (ready,), _ = Run(aws).to_announce(untagged({DUE: DUE_NOW}))

    assert ready.remedy is Remedy.MARK


def test_without_a_grace_period_an_instance_of_which_nobody_was_told_is_ended_at_once() -> None:
    (ready,), _ = Run(SmallAws()).to_announce(untagged(), grace_period="0s")

    assert ready.remedy is Remedy.TERMINATE
    assert ready.mark == mark(NOW, None)


def test_a_grace_period_that_was_taken_away_ends_nothing_before_the_time_that_was_told() -> None:
    aws = SmallAws()
    told(aws, NOW + 3 * DAY, str(mark(NOW + 3 * DAY, NOW)))

    (ready,), _ = Run(aws).to_announce(untagged(), grace_period="0s")

    assert ready.remedy is Remedy.MARK
    assert ready.mark is not None
    assert ready.mark.time == NOW + 3 * DAY


# For what time


def test_who_was_never_told_of_is_announced_for_the_end_of_the_grace_period() -> None:
    (ready,), _ = Run(SmallAws()).to_announce(untagged())

    assert ready.remedy is Remedy.MARK
    assert ready.mark is not None
    assert ready.mark.time == NOW + DAY


@pytest.mark.parametrize(
    ("before", "time"),
    [
        (NOW - DAY, NOW + DAY),
        (NOW + DAY - timedelta(seconds=1), NOW + DAY),
        (NOW + DAY, NOW + DAY),
        (NOW + DAY + timedelta(seconds=1), NOW + DAY + timedelta(seconds=1)),
        (NOW + 9 * DAY, NOW + 9 * DAY),
    ],
)
def test_nothing_is_announced_for_an_earlier_time_than_people_were_last_told(
    before: datetime, time: datetime
) -> None:
    """Whatever became of its mark: here, somebody has deleted it."""
    aws = SmallAws()
    told(aws, before, str(mark(before, before - DAY)))

    (ready,), _ = Run(aws).to_announce(untagged())

    assert ready.mark is not None
    assert ready.mark.time == time


LATER = str(mark(NOW + 3 * DAY, NOW))


def test_what_was_announced_for_later_and_has_its_mark_waits_without_another_word() -> None:
    aws = SmallAws()
    told(aws, NOW + 3 * DAY, LATER)
    run = Run(aws)

    assert run.to_announce(untagged({DUE: LATER})) == ([], [])
    assert run.announcements.anew == set()


def test_what_was_told_as_a_stop_is_told_anew_before_it_is_a_termination() -> None:
    aws = SmallAws()
    stop = str(mark(NOW + 3 * DAY, NOW, End.STOP))
    told(aws, NOW + 3 * DAY, stop)

    (ready,), _ = Run(aws).to_announce(untagged({DUE: stop}))

    assert ready.mark is not None
    assert (ready.mark.action, ready.mark.time) == (End.TERMINATE, NOW + 3 * DAY)


# What cannot be known, and what there is no room for


def test_where_the_memory_cannot_be_read_nothing_is_ended_or_announced_but_tags_are_written() -> (
    None
):
    aws = SmallAws(failing={"BatchGetItem": [refusal("AccessDeniedException")]})
    run = Run(aws)
    lacks_tags = instance({"Name": "web"}, resource_id="i-3")

    ready, deferred = run.to_announce(
        untagged({DUE: DUE_NOW}), untagged({}, TWO), lacks_tags, grace_period="24h"
    )

    assert {finding.remedy for finding in ready} == {Remedy.TAG}
    assert [one.finding.resource.resource_id for one in deferred] == [ONE, TWO]
    assert {one.result for one in deferred} == {Result.DEFERRED}
    (problem,) = run.problems
    assert "AccessDeniedException" in problem


def test_a_memory_with_a_time_that_cannot_be_compared_is_one_that_cannot_be_read() -> None:
    aws = SmallAws()
    told(aws, NOW, DUE_NOW)
    key = f"announced#{ONE}"
    aws.state[key] = {**aws.state[key], "Time": {"S": "2026-11-23T08:00:00"}}
    run = Run(aws)

    ready, (deferred,) = run.to_announce(untagged({DUE: DUE_NOW}))

    assert (ready, deferred.result) == ([], Result.DEFERRED)
    assert run.problems


def test_for_tags_alone_the_memory_is_not_asked() -> None:
    aws = SmallAws()

    ready, _ = Run(aws).to_announce(instance({"Name": "web"}))

    assert ready
    assert aws.calls == []


def test_no_more_is_announced_than_messages_have_room_for_and_all_else_goes_on() -> None:
    run = Run(SmallAws())
    many = [untagged(instance_id=f"i-{number:017x}") for number in range(2_001)]
    lacks_tags = instance({"Name": "web"}, resource_id="i-3")

    ready, (left,) = run.to_announce(*many, lacks_tags)

    assert sum(finding.remedy is Remedy.MARK for finding in ready) == 2_000
    assert {f.remedy for f in ready if f.resource.resource_id == "i-3"} == {Remedy.TAG}
    assert left.finding.resource.resource_id == many[-1].ref.resource_id
    assert left.result is Result.DEFERRED
    assert left.finding.resource.resource_id in run.announcements.anew


# After the message


def test_who_is_named_by_an_accepted_message_gets_the_mark_that_counts() -> None:
    aws = SmallAws()
    one = marked(aws)

    ((before, after),) = Run(aws).is_told(one)

    assert before is after is one
    assert aws.tags(ONE)[DUE] == str(mark(NOW + DAY, NOW + timedelta(seconds=1)))


def test_that_people_were_told_is_remembered_before_any_mark_counts() -> None:
    aws = SmallAws()

    Run(aws).is_told(marked(aws))

    assert aws.calls.index("BatchWriteItem") < aws.calls.index("CreateTags")
    assert Run(aws).memory.last_told([ONE]) == {ONE: Told(NOW + DAY, aws.tags(ONE)[DUE])}


def test_what_cannot_be_remembered_gets_no_mark_that_counts_and_is_announced_anew() -> None:
    aws = SmallAws(failing={"BatchWriteItem": [refusal("AccessDeniedException")]})
    run = Run(aws)

    became = run.is_told(marked(aws), marked(aws, TWO))

    assert [after.result for _, after in became] == [Result.DEFERRED] * 2
    assert "CreateTags" not in aws.calls
    assert all(aws.tags(i)[DUE].startswith("announcing ") for i in (ONE, TWO))
    assert run.problems
    assert list(run.announcements.untold()) == [], "nobody is told of it twice"


@pytest.mark.parametrize("microseconds", [0, 1, 999_999])
def test_no_mark_says_that_people_were_told_sooner_than_they_were(microseconds: int) -> None:
    now = NOW + timedelta(microseconds=microseconds)
    aws = SmallAws()

    Run(aws, now=now).is_told(marked(aws))

    announced = Run(aws).memory.last_told([ONE])[ONE].mark.partition("announced ")[2]
    assert now < datetime.fromisoformat(announced) <= now + timedelta(seconds=1)


def test_a_time_that_came_while_people_were_being_told_is_put_off_until_they_know() -> None:
    aws = SmallAws()
    one = marked(aws, time=NOW - timedelta(minutes=1))
    run = Run(aws)

    run.is_told(one)

    assert run.memory.last_told([ONE])[ONE].time == NOW + timedelta(seconds=1)


def test_only_those_whom_the_message_names_are_marked_and_the_others_are_untold() -> None:
    aws = SmallAws()
    one, two = marked(aws), marked(aws, TWO)
    run = Run(aws)
    assert run.announcements.is_pending(two)

    became = run.is_told(one)

    assert [after for _, after in became] == [one]
    ((before, after),) = run.announcements.untold()
    assert before is two
    assert (after.result, after.code) == (Result.DEFERRED, "Untold")
    assert aws.tags(TWO)[DUE].startswith("announcing ")


def test_who_is_untold_is_told_of_once() -> None:
    run = Run(SmallAws())
    assert run.announcements.is_pending(marked(SmallAws()))

    assert len(list(run.announcements.untold())) == 1
    assert list(run.announcements.untold()) == []


def test_a_message_that_is_named_twice_marks_nobody_twice() -> None:
    """Of a run with several messages, each names the worst first."""
    aws = SmallAws()
    one = marked(aws)
    run = Run(aws)
    run.is_told(one)
    aws.calls.clear()

    assert list(run.announcements.complete([one])) == []
    assert aws.calls == []


def test_who_was_tagged_while_the_message_was_on_its_way_gets_no_mark() -> None:
    aws = SmallAws()
    one = marked(aws)
    aws.tags(ONE)["Name"] = "web"

    ((_, after),) = Run(aws).is_told(one)

    assert after.result is Result.DEFERRED
    assert aws.tags(ONE)[DUE].startswith("announcing ")


def test_where_aws_does_not_take_the_mark_it_is_remembered_all_the_same_what_was_told() -> None:
    """So that the next announcement is for no earlier time."""
    aws = SmallAws(failing={"CreateTags": [refusal("UnauthorizedOperation", 403)]})
    run = Run(aws)

    ((_, after),) = run.is_told(marked(aws))

    assert (after.result, after.code) == (Result.DEFERRED, "UnauthorizedOperation")
    assert run.memory.last_told([ONE])[ONE].time == NOW + DAY


@pytest.mark.parametrize(
    "other", [outcome(Result.DEFERRED, mark=mark(NOW, NOW)), outcome(Result.TAGGED)], ids=str
)
def test_only_what_is_being_announced_waits_for_the_message(other: Outcome) -> None:
    assert not Run(SmallAws()).announcements.is_pending(other)


def test_in_an_audit_nothing_waits_for_the_message_because_nothing_is_marked() -> None:
    aws = SmallAws()
    run = Run(aws, mode=Mode.AUDIT)

    assert not run.announcements.is_pending(marked(aws))
    assert list(run.announcements.untold()) == []


# What is taken back


def remembered(aws: SmallAws, *ids: str) -> Sequence[Told]:
    return list(Run(aws).memory.last_told(ids).values())


def test_a_mark_that_was_taken_back_does_not_come_back_to_life_and_its_time_is_kept() -> None:
    aws = SmallAws()
    told(aws, NOW + DAY, LATER)

    Run(aws).announcements.taken_back({ONE: LATER})

    assert remembered(aws, ONE) == [Told(NOW + DAY, "")]


def test_another_mark_than_people_were_told_of_changes_nothing_of_what_is_remembered() -> None:
    """Somebody had put it there: the one that was told may still be written."""
    aws = SmallAws()
    told(aws, NOW + DAY, LATER)

    Run(aws).announcements.taken_back({ONE: DUE_NOW, TWO: LATER})

    assert remembered(aws, ONE, TWO) == [Told(NOW + DAY, LATER)]


def test_where_no_mark_was_taken_back_the_memory_is_not_asked() -> None:
    aws = SmallAws()

    Run(aws).announcements.taken_back({})

    assert aws.calls == []


@pytest.mark.parametrize("operation", ["BatchGetItem", "BatchWriteItem"])
def test_that_a_mark_is_gone_and_cannot_be_remembered_is_said(operation: str) -> None:
    aws = SmallAws()
    told(aws, NOW + DAY, LATER)
    aws.failing[operation] = [refusal("AccessDeniedException")]
    run = Run(aws)

    run.announcements.taken_back({ONE: LATER})

    (problem,) = run.problems
    assert "could not be recorded" in problem


# A step that comes sooner, because the one before it was made by the instance's mark

OWNER = Rule(
    10,
    "Owner",
    Action.CHECK,
    required=True,
    default="",
    escalate=(Step(End.STOP, "7d"), Step(End.TERMINATE, "14d")),
)
STOPPED_BY = Mark(ENGINE, End.STOP, NOW - timedelta(hours=1), OWNER.cause, NOW - 7 * DAY)


def to_terminate(run: Run, memory: Told | None) -> timedelta:
    """Return after how long a stopped instance is to be terminated, as people are to be told."""
    stopped = replace(
        instance({"Name": "web", DUE: str(STOPPED_BY)}, "stopped", created_at=NOW - 99 * DAY),
        started_at=NOW - 90 * DAY,
    )
    if memory is not None:
        run.memory.remember_told({stopped.ref.resource_id: memory})
    evaluate = Evaluator([OWNER], settings(max_escalation="terminate"), ENGINE, NOW)
    findings = [f for f in evaluate(stopped).findings if f.mark is not None]
    (ready,), _ = run.announcements.to_announce(findings, evaluate.announced_anew)
    assert ready.mark is not None
    assert ready.mark.action is End.TERMINATE
    return ready.mark.time - NOW


@pytest.mark.parametrize("used", ["", "used "])
def test_a_step_comes_sooner_where_people_were_told_of_the_one_before_it(used: str) -> None:
    told = Told(STOPPED_BY.time, f"{used}{STOPPED_BY}")

    assert to_terminate(Run(SmallAws()), told) == 7 * DAY


@pytest.mark.parametrize(
    "told", [None, Told(STOPPED_BY.time, ""), Told(STOPPED_BY.time, str(mark(NOW, NOW)))]
)
def test_it_takes_all_its_time_where_the_mark_of_the_one_before_is_a_strangers(
    told: Told | None,
) -> None:
    assert to_terminate(Run(SmallAws()), told) == 14 * DAY


def test_a_mark_by_which_an_instance_is_about_to_be_ended_does_not_end_it_again() -> None:
    run = Run(SmallAws())
    (found,) = run.evaluator()(untagged({DUE: DUE_NOW})).findings
    run.memory.remember_told({found.resource.resource_id: Told(NOW, DUE_NOW)})

    run.announcements.used([found.resource.resource_id, "i-0"])

    (ready,), _ = run.to_announce(untagged({DUE: DUE_NOW}))
    assert ready.remedy is Remedy.MARK
    kept = run.memory.last_told([found.resource.resource_id, "i-0"])
    assert kept == {found.resource.resource_id: Told(NOW, f"used {DUE_NOW}")}
    run.announcements.taken_back({found.resource.resource_id: DUE_NOW})
    assert run.memory.last_told(kept)[found.resource.resource_id] == Told(NOW, "")


def test_what_waits_by_another_rules_mark_is_announced_by_its_own() -> None:
    stage = replace(OWNER, rule_id=20, tag_key="Stage")
    of_stage = Mark(ENGINE, End.STOP, NOW + 30 * DAY, stage.cause, NOW)
    found = instance({"Name": "web", DUE: str(of_stage)}, created_at=NOW - 99 * DAY)
    run = Run(SmallAws())
    run.memory.remember_told({found.ref.resource_id: Told(of_stage.time, str(of_stage))})
    evaluate = Evaluator([OWNER], settings(max_escalation="terminate"), ENGINE, NOW)

    findings = [f for f in evaluate(found).findings if f.mark is not None]
    (ready,), _ = run.announcements.to_announce(findings, evaluate.announced_anew)

    assert ready.mark is not None
    assert (ready.mark.cause, ready.mark.time) == (OWNER.cause, of_stage.time)
