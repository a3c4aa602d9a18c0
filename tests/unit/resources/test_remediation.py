"""Findings to calls, in their order."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from tag_policy.model.assignment import Mode
from tag_policy.model.finding import Code, Finding
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.rule import Action, Rule
from tag_policy.resources import remediation
from tag_policy.resources.remediation import SIDE_BY_SIDE
from tag_policy.resources.remedy_queue import BATCH_SIZE
from tests.support.acting import A_MINUTE_AGO, World, failing, told, world
from tests.support.builders import CREATED_BY, NOW, PROJECT_CODE, mark, ref, settings
from tests.support.fake_ec2 import Asked, Description, described, number, refusal
from tests.support.workers import Late

DUE = "tag-policy:due"
A, B, C = number(1), number(2), number(3)
SECOND = timedelta(seconds=1)


def untidy(instance_id: str) -> Description:
    """Return an instance that lacks the tag ProjectCode."""
    return described(instance_id, {"Name": "web"})


def take(made: World, *instance_ids: str) -> list[Outcome]:
    outcomes = []
    for one in instance_ids:
        outcomes += made.remediation.take(made.findings(one))
    return outcomes


def changes(made: World) -> list[str]:
    return [one for one in made.fleet.operations() if one != "describe_instances"]


def test_in_audit_mode_all_is_told_as_it_would_be_done_and_nothing_is() -> None:
    made = world(untidy(A), described(B), mode=Mode.AUDIT)

    outcomes = take(made, A, B)

    assert told(outcomes) == [(A, Result.TAGGED, ""), (B, Result.TERMINATED, "")]
    assert [one.finding for one in outcomes] == [*made.findings(A), *made.findings(B)]
    assert list(made.remediation.finish()) == []
    assert made.fleet.asked == []


@pytest.mark.parametrize(
    ("remedy", "result"), [(Remedy.NOTIFY, Result.NOTIFIED), (Remedy.LEAVE, Result.LEFT)]
)
def test_what_is_only_told_is_told_at_once(remedy: Remedy, result: Result) -> None:
    made = world()
    finding = Finding(ref(A), remedy, Code.UNTAGGED, "")

    assert list(made.remediation.take([finding])) == [Outcome(finding, result)]
    assert list(made.remediation.finish()) == []
    assert made.fleet.asked == []


def test_what_needs_the_same_tags_shares_a_call_that_waits_until_the_end() -> None:
    made = world(untidy(A), untidy(B))

    assert take(made, A, B) == []
    assert made.fleet.asked == []

    assert told(made.remediation.finish()) == [(A, Result.TAGGED, ""), (B, Result.TAGGED, "")]
    assert [one["Resources"] for one in made.fleet.requests("create_tags")] == [[A, B]]
    assert list(made.remediation.finish()) == [], "it is done"


def test_a_call_is_made_as_soon_as_it_is_full() -> None:
    ids = [number(at) for at in range(BATCH_SIZE + 1)]
    made = world(*(untidy(one) for one in ids))

    assert take(made, *ids[:-2]) == []
    assert changes(made) == []
    assert take(made, *ids[-2:]) == [], "nobody waits for the answer"
    assert changes(made) == ["create_tags"]

    assert told(made.remediation.finish()) == [(one, Result.TAGGED, "") for one in ids]


def test_what_is_to_be_ended_waits_for_the_end_even_where_its_call_is_full() -> None:
    ids = [number(at) for at in range(BATCH_SIZE + 1)]
    made = world(*(described(one, {DUE: str(mark(NOW, None))}) for one in ids))

    assert take(made, *ids) == []
    assert made.fleet.asked == []

    assert len(list(made.remediation.finish())) == len(ids)
    ended = [len(one["InstanceIds"]) for one in made.fleet.requests("terminate_instances")]
    assert sorted(ended) == [1, BATCH_SIZE]
    assert list(made.remediation.finish()) == []


def test_all_tags_of_an_instance_are_written_in_one_call() -> None:
    made = world(untidy(A), rules=(PROJECT_CODE, replace(CREATED_BY, action=PROJECT_CODE.action)))

    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.TAGGED, "")] * 2
    assert made.fleet.requests("create_tags")[0]["Tags"] == [
        {"Key": "ProjectCode", "Value": "Proj007"},
        {"Key": "CreatedBy", "Value": "Undefined"},
    ]


def test_each_mark_is_deleted_by_a_call_of_its_own_with_its_value() -> None:
    value = str(mark(NOW, None))
    made = world(
        described(A, {DUE: value, "old": value, "ProjectCode": "P"}),
        settings=settings(former_marker_tag_keys='["old"]'),
    )

    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.UNMARKED, "")] * 2
    assert [one["Tags"] for one in made.fleet.requests("delete_tags")] == [
        [{"Key": "old", "Value": value}],
        [{"Key": DUE, "Value": value}],
    ]


def test_the_gentlest_call_is_made_first() -> None:
    made = world(
        described(A, {DUE: str(mark(NOW, None))}),
        described(B, {DUE: str(mark(NOW, None)), "ProjectCode": "P"}),
        untidy(C),
    )

    take(made, A, B, C)

    assert told(made.remediation.finish()) == [
        (C, Result.TAGGED, ""),
        (B, Result.UNMARKED, ""),
        (A, Result.TERMINATED, ""),
    ]
    assert changes(made) == ["create_tags", "delete_tags", "terminate_instances"]


def test_what_is_to_be_ended_without_a_grace_period_is_marked_first_and_looked_at_twice() -> None:
    made = world(described(A))

    take(made, A)
    assert told(made.remediation.finish()) == [(A, Result.TERMINATED, "")]

    assert made.fleet.operations() == [
        "describe_instances",
        "create_tags",
        "describe_instances",
        "terminate_instances",
    ]
    assert made.fleet.tags(A) == {DUE: str(mark(NOW, None))}


def test_an_instance_that_gets_a_tag_between_its_mark_and_its_end_is_not_ended() -> None:
    made = world(described(A))

    def tag(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(A, {"Name": "web"})

    made.fleet.after = tag
    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.DEFERRED, "")]
    assert made.fleet.state(A) == "running"


def test_what_is_to_be_announced_is_marked_and_not_ended() -> None:
    made = world(described(A), settings=settings(grace_period="24h"))

    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.MARKED, "")]
    assert changes(made) == ["create_tags"]


def test_a_call_is_as_old_as_the_first_look_at_any_of_its_instances() -> None:
    made = world(untidy(A), untidy(B), untidy(C))
    for one, ago in ((A, 5), (B, 12), (C, 5)):
        list(made.remediation.take(made.findings(one, NOW - ago * SECOND)))

    assert len(list(made.remediation.finish())) == 3
    assert made.fleet.operations() == [*["describe_instances"] * 2, "create_tags"]

    fresh = world(untidy(A), untidy(B))
    for one in (A, B):
        list(fresh.remediation.take(fresh.findings(one, NOW - 5 * SECOND)))
    assert len(list(fresh.remediation.finish())) == 2
    assert fresh.fleet.operations() == ["create_tags"]


def test_where_the_time_is_up_nothing_more_is_done_and_all_is_deferred() -> None:
    made = world(untidy(A), described(B, {DUE: str(mark(NOW, None))}), time_is_up=lambda: True)

    take(made, A, B)
    outcomes = list(made.remediation.finish())

    assert told(outcomes) == [(A, Result.DEFERRED, ""), (B, Result.DEFERRED, "")]
    assert {one.detail for one in outcomes} == {
        "the time of this run was up; the next run goes on here"
    }
    assert made.fleet.asked == []


def after_the_first_change(made: World) -> Callable[[], bool]:
    return lambda: bool(changes(made))


def test_what_was_tried_when_the_time_was_up_is_told_as_ended_where_it_is_ending() -> None:
    """A call that reports an error may have ended the instances of other zones."""
    made = world(*(described(one, {DUE: str(mark(NOW, None))}) for one in (A, B)))
    made.time_is_up = after_the_first_change(made)

    def end_one(asked: Asked) -> None:
        if asked.operation == "terminate_instances":
            made.fleet.descriptions[A]["State"] = {"Name": "shutting-down"}
            raise refusal("IncorrectInstanceState")

    made.fleet.before = end_one
    take(made, A, B)

    assert told(made.remediation.finish()) == [
        (A, Result.TERMINATED, ""),
        (B, Result.DEFERRED, ""),
    ]


def test_what_was_marked_when_the_time_was_up_is_left_to_the_next_run() -> None:
    made = world(described(A))
    made.time_is_up = after_the_first_change(made)
    take(made, A)

    assert told(made.remediation.finish()) == [(A, Result.DEFERRED, "")]
    assert made.fleet.state(A) == "running"


def test_what_was_to_be_marked_when_the_time_was_up_is_not_asked_for_its_state() -> None:
    made = world(described(A), described(B))
    made.time_is_up = after_the_first_change(made)
    made.fleet.before = failing("create_tags", refusal("TagLimitExceeded"))
    take(made, A, B)

    assert told(made.remediation.finish()) == [(A, Result.DEFERRED, ""), (B, Result.DEFERRED, "")]
    assert made.fleet.operations() == ["describe_instances", "create_tags", "describe_instances"]


def test_what_is_refused_to_three_and_granted_to_nobody_is_asked_for_no_more() -> None:
    ids = [number(at) for at in range(10)]
    made = world(*(untidy(one) for one in ids))
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"))
    take(made, *ids)

    outcomes = list(made.remediation.finish())

    assert {one.finding.resource.resource_id for one in outcomes} == set(ids)
    assert {one.result for one in outcomes} == {Result.FAILED}
    assert len(made.fleet.requests("create_tags")) == 1 + 3


def test_the_parts_that_are_to_be_tried_at_once_come_before_every_other_call() -> None:
    ids = [number(at) for at in range(1, 5)]
    other = described(number(9), {"ProjectCode": "P", DUE: str(mark(NOW, None))})
    made = world(*(untidy(one) for one in ids), other)
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"), None)
    take(made, *ids, number(9))

    assert len(list(made.remediation.finish())) == 5

    assert changes(made) == [*["create_tags"] * 4, "delete_tags", "create_tags"]


def test_the_calls_of_several_instances_for_one_remedy_go_on_after_a_lost_answer() -> None:
    made = world(untidy(A), untidy(B))
    made.fleet.after = failing("create_tags", ReadTimeoutError(endpoint_url="https://ec2"))
    take(made, A, B)

    assert told(made.remediation.finish()) == [(A, Result.TAGGED, ""), (B, Result.TAGGED, "")]


def test_what_is_to_wait_is_never_called() -> None:
    made = world()
    ids = [number(at) for at in range(BATCH_SIZE)]

    with pytest.raises(AssertionError, match=r"^nothing is called for a remedy of wait$"):
        for one in ids:
            list(made.remediation.take([Finding(ref(one), Remedy.WAIT, Code.TOO_YOUNG, "")]))
    assert made.fleet.asked == []


def test_marks_are_completed_by_the_same_client() -> None:
    grace = settings(grace_period="24h")
    announced = mark(NOW + timedelta(days=1), None)
    made = world(described(A, {DUE: announced.announcing}), settings=grace)
    (finding,) = made.findings(A, A_MINUTE_AGO)

    pairs = list(
        made.remediation.marks.complete(
            [Outcome(finding, Result.MARKED)], NOW, lambda: made.time_is_up()
        )
    )

    assert [after.result for _, after in pairs] == [Result.MARKED]
    assert [one.client for one in made.fleet.asked] == ["look", "once"]


# Side by side

RULES = [
    PROJECT_CODE,
    *(
        replace(PROJECT_CODE, rule_id=10 + at, tag_key=key)
        for at, key in enumerate(["Denied", "X"])
    ),
]


def with_values(made: World, *instance_ids: str, key: str = "ProjectCode") -> None:
    """Take what is found about some instances, each of which gets a value of its own."""
    for one in instance_ids:
        (finding,) = made.findings(one)
        absent = frozenset({key})
        finding = replace(finding, tag_key=key, value=f"of {one}", absent_keys=absent)
        assert list(made.remediation.take([finding])) == []


def looks(made: World) -> list[list[str]]:
    """Return whom the quick looks were at."""
    filters = [one["Filters"] for one in made.fleet.requests("describe_instances")]
    return [some[0]["Values"] for some in filters if len(some) == 2]


def test_one_look_serves_the_calls_that_write_the_same_keys() -> None:
    made = world(*(untidy(one) for one in (A, B, C)))
    with_values(made, A, B, C)

    outcomes = told(made.remediation.finish())

    assert sorted(outcomes) == [(one, Result.TAGGED, "") for one in (A, B, C)]
    assert looks(made) == [[A, B, C]]
    assert changes(made) == ["create_tags"] * 3


def test_who_has_changed_by_the_look_that_serves_several_is_left_and_the_others_are_not() -> None:
    made = world(*(untidy(one) for one in (A, B, C)))
    with_values(made, A, B, C)
    made.fleet.set(B, {"ProjectCode": "P"})

    outcomes = told(made.remediation.finish())

    assert sorted(outcomes) == [
        (A, Result.TAGGED, ""),
        (B, Result.DEFERRED, ""),
        (C, Result.TAGGED, ""),
    ]
    assert made.fleet.tags(B)["ProjectCode"] == "P"


def test_a_look_serves_no_more_instances_than_a_filter_takes_and_no_other_keys() -> None:
    ids = [number(at) for at in range(BATCH_SIZE + 1)]
    made = world(*(untidy(one) for one in ids), untidy(number(0xFFF)))
    with_values(made, *ids)
    with_values(made, number(0xFFF), key="Team")

    assert len(list(made.remediation.finish())) == len(ids) + 1

    assert [len(some) for some in looks(made)] == [BATCH_SIZE, 1, 1]


def test_a_look_that_serves_several_and_is_too_old_by_then_is_taken_anew_by_each() -> None:
    made = world(*(untidy(one) for one in (A, B)))
    with_values(made, A, B)

    def answer_slowly(asked: Asked) -> None:
        made.clock.slept += 11 * SECOND
        if asked.operation == "create_tags":
            made.fleet.set(B, {"ProjectCode": "by its owner"})

    made.fleet.after = answer_slowly

    assert sorted(told(made.remediation.finish())) == [
        (A, Result.TAGGED, ""),
        (B, Result.DEFERRED, ""),
    ]
    assert looks(made) == [[A, B], [A], [B]]


def test_a_look_that_serves_several_and_fails_leaves_them_all() -> None:
    made = world(*(untidy(one) for one in (A, B)))
    with_values(made, A, B)
    made.fleet.before = failing("describe_instances", refusal("UnauthorizedOperation"))

    assert sorted(told(made.remediation.finish())) == [
        (one, Result.FAILED, "UnauthorizedOperation") for one in (A, B)
    ]
    assert changes(made) == []


def test_until_a_tag_is_granted_one_call_about_it_is_made_at_a_time() -> None:
    workers = Late()
    ids = [number(at) for at in range(30)]
    made = world(*(untidy(one) for one in ids), workers=workers)
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"))
    with_values(made, *ids)

    outcomes = list(made.remediation.finish())

    assert {one.result for one in outcomes} == {Result.FAILED}
    assert len(outcomes) == 30
    assert workers.most == 1
    assert len(changes(made)) == 3


def test_what_is_granted_is_written_side_by_side_eight_at_a_time() -> None:
    workers = Late(newest_first=True)
    ids = [number(at) for at in range(30)]
    made = world(*(untidy(one) for one in ids), workers=workers)
    with_values(made, *ids)

    outcomes = list(made.remediation.finish())

    assert {one.result for one in outcomes} == {Result.TAGGED}
    assert {made.fleet.tags(one)["ProjectCode"] for one in ids} == {f"of {one}" for one in ids}
    assert workers.most == SIDE_BY_SIDE == 8


def test_full_calls_are_made_while_more_is_found_and_all_are_told() -> None:
    workers = Late()
    ids = [number(at) for at in range(10 * BATCH_SIZE)]
    made = world(*(untidy(one) for one in ids), workers=workers)

    outcomes = take(made, *ids)
    assert 0 < len(outcomes) < len(ids)
    outcomes += made.remediation.finish()

    assert sorted(told(outcomes)) == [(one, Result.TAGGED, "") for one in ids]
    assert workers.most == SIDE_BY_SIDE


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_ends_an_instance_is_called_with_nothing_else_under_way(newest_first: bool) -> None:
    workers = Late(newest_first=newest_first)
    tidy = [number(at) for at in range(20)]
    due = [number(at) for at in range(100, 103)]
    made = world(
        *(untidy(one) for one in tidy),
        *(described(one, {DUE: str(mark(NOW, None))}) for one in due),
        workers=workers,
    )
    take(made, *due)
    with_values(made, *tidy)
    under_way: list[str] = []

    def ended(asked: Asked) -> None:
        if asked.operation == "terminate_instances":
            under_way.extend(changes(made))
            assert not workers.waiting

    made.fleet.before = ended
    outcomes = list(made.remediation.finish())

    assert len(outcomes) == len(tidy) + len(due)
    assert under_way == ["create_tags"] * len(tidy) + ["terminate_instances"]


def test_a_gentler_remedy_is_done_before_the_next_one_begins() -> None:
    workers = Late(newest_first=True)
    grace = settings(grace_period="24h")
    tidy, untagged = [number(at) for at in range(12)], [number(at) for at in range(100, 112)]
    made = world(
        *(untidy(one) for one in tidy),
        *(described(one) for one in untagged),
        workers=workers,
        settings=grace,
    )
    take(made, *untagged)
    with_values(made, *tidy)

    list(made.remediation.finish())

    keys = [one["Tags"][0]["Key"] for one in made.fleet.requests("create_tags")]
    assert keys == ["ProjectCode"] * 12 + [DUE] * keys.count(DUE)
    assert keys.count(DUE) > 0


def test_what_was_under_way_is_told_where_the_run_breaks_off() -> None:
    workers = Late()
    ids = [number(at) for at in range(BATCH_SIZE)]
    made = world(*(untidy(one) for one in ids), workers=workers)
    assert take(made, *ids) == []

    assert len(list(made.remediation.settled())) == BATCH_SIZE
    assert list(made.remediation.settled()) == []


def test_no_further_call_is_made_where_the_run_has_broken_off() -> None:
    workers = Late()
    ids = [number(at) for at in range(BATCH_SIZE)]
    made = world(*(untidy(one) for one in ids), workers=workers)
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"))
    assert take(made, *ids) == []

    assert list(made.remediation.settled()) == [], "it was to be tried one by one"
    assert changes(made) == ["create_tags"]


def test_of_several_that_break_off_the_others_are_told_before_it_is_raised() -> None:
    workers = Late()
    ids = [number(at) for at in range(6 * BATCH_SIZE)]
    made = world(*(untidy(one) for one in ids), workers=workers)
    calls = 0

    def break_off(asked: Asked) -> None:
        nonlocal calls
        calls += asked.operation == "create_tags"
        if asked.operation == "create_tags" and calls in (3, 5):
            raise LookupError(f"call {calls}")

    made.fleet.before = break_off
    outcomes = take(made, *ids)

    with pytest.raises(LookupError, match="call 3"):
        outcomes.extend(made.remediation.settled())

    written = [one for one in ids if "ProjectCode" in made.fleet.tags(one)]
    assert len(written) == 4 * BATCH_SIZE
    assert sorted(told(outcomes)) == [(one, Result.TAGGED, "") for one in written]


def test_the_tags_of_an_instance_are_never_changed_by_two_calls_at_once() -> None:
    workers = Late()
    ids = [number(at) for at in range(4)]
    made = world(*(untidy(one) for one in ids), workers=workers, rules=RULES)
    for one in ids:
        for finding in made.findings(one):
            finding = replace(finding, value=f"{finding.tag_key} of {one}")
            assert list(made.remediation.take([finding])) == []
    together: list[set[str]] = []

    def look(asked: Asked) -> None:
        if asked.operation == "create_tags":
            together.append(set(asked.request["Resources"]))
            others = [
                call.findings.keys()
                for calls, _ in made.remediation._under_way.values()
                for call in calls
            ]
            with_those = [ids for ids in others if not ids.isdisjoint(together[-1])]
            assert len(with_those) == 1, "itself"

    made.fleet.before = look

    outcomes = list(made.remediation.finish())

    assert {one.result for one in outcomes} == {Result.TAGGED}
    assert workers.most > 1
    assert len(together) == len(outcomes) == len(RULES) * len(ids)


def test_what_is_given_up_does_not_keep_the_rest_from_going_side_by_side() -> None:
    workers = Late()
    ids = [number(at) for at in range(40)]
    made = world(*(untidy(one) for one in ids), workers=workers, rules=RULES[:2])

    def deny(asked: Asked) -> None:
        if asked.operation == "create_tags" and any(
            tag["Key"] == "Denied" for tag in asked.request["Tags"]
        ):
            raise refusal("UnauthorizedOperation")

    made.fleet.before = deny
    for one in ids:
        both = [replace(finding, value=f"of {one}") for finding in made.findings(one)]
        list(made.remediation.take(both))

    outcomes = list(made.remediation.finish())

    assert {one.result for one in outcomes if one.finding.tag_key == "Denied"} == {Result.FAILED}
    assert sum(one.result is Result.TAGGED for one in outcomes) == 40
    assert workers.most == SIDE_BY_SIDE


def test_of_many_calls_that_few_have_in_common_the_oldest_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remediation, "MOST_FILLING", 2)
    rule = replace(PROJECT_CODE, default="", sources=("tag:Name",))
    ids = [number(at) for at in range(1, 5)]
    made = world(*(described(one, {"Name": one}) for one in ids), rules=[rule])

    outcomes = take(made, *ids)

    assert told([*outcomes, *made.remediation.settled()]) == [
        (one, Result.TAGGED, "") for one in ids[:2]
    ]
    assert told(made.remediation.finish()) == [(one, Result.TAGGED, "") for one in ids[2:]]


# What is deleted

RENAMING = replace(PROJECT_CODE, aliases=("project",), rename=True)
UNWANTED = Rule(9, "Old", Action.REMOVE, required=True, default="")


def told_of(outcomes: Iterable[Outcome]) -> list[tuple[str, str, Result, str]]:
    """Return of each outcome the instance, the tag key, the result and the detail."""
    return [
        (one.finding.resource.resource_id, one.finding.tag_key, one.result, one.detail)
        for one in outcomes
    ]


def test_a_tag_is_renamed_by_writing_and_deleting_after_a_look_that_shows_what_was_written() -> (
    None
):
    made = world(described(A, {"project": "P1"}), described(B, {"project": "P2"}), rules=[RENAMING])
    take(made, A, B)

    outcomes = told_of(made.remediation.finish())

    assert outcomes == [
        (A, "ProjectCode", Result.TAGGED, ""),
        (B, "ProjectCode", Result.TAGGED, ""),
        (A, "project", Result.REMOVED, ""),
        (B, "project", Result.REMOVED, ""),
    ]
    assert [made.fleet.tags(one) for one in (A, B)] == [
        {"ProjectCode": "P1"},
        {"ProjectCode": "P2"},
    ]
    assert changes(made) == ["create_tags"] * 2 + ["delete_tags"] * 2
    assert made.fleet.requests("delete_tags")[0] == {
        "Resources": [A],
        "Tags": [{"Key": "project", "Value": "P1"}],
    }
    for before, following in itertools.pairwise(made.fleet.operations()):
        if following == "delete_tags":
            assert before == "describe_instances"


def test_tags_of_one_key_and_value_are_deleted_in_one_call_and_others_are_not() -> None:
    many = [number(at) for at in range(1, BATCH_SIZE + 2)]
    made = world(
        *(described(one, {"Old": "x", "Name": "web"}) for one in many),
        described(number(900), {"Old": "y", "Name": "web"}),
        rules=[UNWANTED],
    )

    take(made, *many, number(900))
    outcomes = list(made.remediation.finish())

    assert {one.result for one in outcomes} == {Result.REMOVED}
    sizes = [len(one["Resources"]) for one in made.fleet.requests("delete_tags")]
    assert sorted(sizes) == [1, 1, BATCH_SIZE]
    assert all(made.fleet.tags(one) == {"Name": "web"} for one in made.fleet.descriptions)


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"project": "P2"},
        {"project": None},
        {"ProjectCode": "another"},
        {"ProjectCode": None},
        {"tag-policy:exempt": ""},
    ],
    ids=str,
)
def test_what_somebody_changes_before_a_tag_is_deleted_keeps_it_from_that(
    meanwhile: dict[str, str | None],
) -> None:
    made = world(described(A, {"project": "P1", "Name": "web"}), rules=[RENAMING])
    take(made, A)

    def act(asked: Asked) -> None:
        if asked.operation == "create_tags":
            made.fleet.set(A, meanwhile)

    made.fleet.after = act
    outcomes = told_of(made.remediation.finish())

    assert [result for _, _, result, _ in outcomes] == [Result.TAGGED, Result.DEFERRED]
    assert "delete_tags" not in changes(made)
    left = {"project": "P1", "ProjectCode": "P1", "Name": "web"} | meanwhile
    assert made.fleet.tags(A) == {key: value for key, value in left.items() if value is not None}


def test_what_was_written_may_be_shown_some_seconds_later() -> None:
    made = world(described(A, {"project": "P1"}), rules=[RENAMING])
    take(made, A)
    shown: list[dict[str, str]] = []

    def hide(asked: Asked) -> None:
        if asked.operation == "create_tags":
            shown.append(made.fleet.tags(A))
            made.fleet.set(A, {"ProjectCode": None})
        elif asked.operation == "describe_instances" and shown:
            made.fleet.set(A, {"ProjectCode": "P1"})  # for the next look

    made.fleet.after = hide
    began = made.clock.now()
    outcomes = told_of(made.remediation.finish())

    assert outcomes[-1] == (A, "project", Result.REMOVED, "")
    assert made.clock.now() - began >= 3 * SECOND
    assert made.fleet.tags(A) == {"ProjectCode": "P1"}


def test_a_tag_that_could_not_be_written_keeps_the_other_spelling_where_it_is() -> None:
    made = world(described(A, {"project": "P1"}), rules=[RENAMING])
    made.fleet.before = failing("create_tags", refusal("UnauthorizedOperation"))
    take(made, A)

    outcomes = told_of(made.remediation.finish())

    assert [result for _, _, result, _ in outcomes] == [Result.FAILED, Result.DEFERRED]
    assert outcomes[-1][-1] == (
        "the tag that replaces it cannot be seen yet; the next run looks again"
    )
    assert made.fleet.tags(A) == {"project": "P1"}


@pytest.mark.parametrize("is_lost", [True, False])
def test_an_answer_that_is_lost_is_looked_for_and_what_is_refused_is_told(is_lost: bool) -> None:
    made = world(described(A, {"Old": "x", "Name": "web"}), rules=[UNWANTED])
    take(made, A)
    lost = ReadTimeoutError(endpoint_url="https://ec2")
    refused = refusal("UnauthorizedOperation")
    if is_lost:
        made.fleet.after = failing("delete_tags", lost)
    else:
        made.fleet.before = failing("delete_tags", refused)

    (outcome,) = made.remediation.finish()

    assert outcome.result is (Result.REMOVED if is_lost else Result.FAILED)
    assert outcome.code == ("" if is_lost else "UnauthorizedOperation")
    assert ("Old" in made.fleet.tags(A)) is not is_lost


def test_what_is_throttled_is_looked_at_again_before_it_is_deleted() -> None:
    made = world(described(A, {"Old": "x", "Name": "web"}), rules=[UNWANTED])
    take(made, A)

    def act(asked: Asked) -> None:
        if asked.operation == "delete_tags":
            made.fleet.set(A, {"Old": "written anew"})
            raise refusal("RequestLimitExceeded")

    made.fleet.before = act
    (outcome,) = made.remediation.finish()

    assert outcome.result is Result.DEFERRED
    assert made.fleet.tags(A)["Old"] == "written anew"
    assert changes(made) == ["delete_tags"]


def test_when_the_time_is_up_nothing_is_deleted() -> None:
    made = world(described(A, {"project": "P1", "Old": "x"}), rules=[RENAMING, UNWANTED])
    take(made, A)
    made.time_is_up = lambda: "create_tags" in changes(made)

    outcomes = told_of(made.remediation.finish())

    assert [result for *_, result, _ in outcomes] == [Result.TAGGED] + [Result.DEFERRED] * 2
    assert changes(made) == ["create_tags"]


def test_more_than_a_run_holds_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remediation, "MOST_REMOVALS", 1)
    made = world(*(described(one, {"Old": "x", "Name": "web"}) for one in (A, B)), rules=[UNWANTED])

    (left,) = take(made, A, B)

    assert (left.finding.resource.resource_id, left.result) == (B, Result.DEFERRED)
    assert told(made.remediation.finish()) == [(A, Result.REMOVED, "")]


def test_in_audit_mode_nothing_is_deleted_and_it_is_told_what_would_be() -> None:
    made = world(described(A, {"project": "P1"}), rules=[RENAMING], mode=Mode.AUDIT)

    assert told_of(take(made, A)) == [
        (A, "ProjectCode", Result.TAGGED, ""),
        (A, "project", Result.REMOVED, ""),
    ]
    assert made.fleet.asked == []


def test_a_value_is_not_taken_from_a_tag_that_says_something_else_by_now() -> None:
    """Of its first look the run knows that the team is ops, and then it is dev."""
    rule = replace(PROJECT_CODE, default="", sources=("tag:Team",))
    made = world(described(A, {"Team": "ops"}), rules=[rule])
    findings = made.findings(A, NOW)  # however fresh the look was
    made.fleet.set(A, {"Team": "dev"})

    outcomes = [*made.remediation.take(findings), *made.remediation.finish()]

    assert [one.result for one in outcomes] == [Result.DEFERRED]
    assert made.fleet.tags(A) == {"Team": "dev"}


def test_what_ends_an_instance_and_what_is_written_comes_before_what_is_deleted() -> None:
    made = world(
        described(A),
        described(B, {"Old": "x", "Name": "web"}),
        untidy(C),
        rules=[PROJECT_CODE, UNWANTED],
    )
    take(made, B, A, C)

    list(made.remediation.finish())

    assert changes(made)[-1] == "delete_tags"
    assert set(changes(made)) == {"create_tags", "terminate_instances", "delete_tags"}
