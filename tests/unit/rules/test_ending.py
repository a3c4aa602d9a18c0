"""Which instance is stopped or terminated, and which is not: decisions alone."""

from datetime import datetime, timedelta, timezone

import pytest

from tag_policy.model import LIMIT, Finding, Instance, Remedy, Result, UntaggedAction
from tag_policy.rules.evaluation import evaluate, is_exempt
from tag_policy.rules.limits import within_limits
from tag_policy.rules.mark import Mark
from tests.support.builders import DEFAULT_RULES, NOW, instance, ref, settings

HOUR = timedelta(hours=1)
DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"
COMPLIANT = {"ProjectCode": "Apollo", "CreatedBy": "ann", "Expires": "2030-01-01"}


def mark(time: datetime, action: UntaggedAction = UntaggedAction.TERMINATE) -> str:
    return str(Mark(action, time, "no tags at all"))


def judge(found: Instance, **changes: str) -> list[Finding]:
    return evaluate(found, DEFAULT_RULES, settings(**changes), NOW)


def remedies(found: Instance, **changes: str) -> list[Remedy]:
    return [finding.remedy for finding in judge(found, **changes)]


def test_without_a_grace_period_an_instance_is_marked_and_ended_in_one_run() -> None:
    (finding,) = judge(instance({}))

    assert finding.remedy is Remedy.TERMINATE
    assert (finding.tag_key, finding.value) == (DUE, mark(NOW))


def test_with_a_grace_period_it_is_marked_first() -> None:
    (finding,) = judge(instance({}), grace_period="24h")

    assert finding.remedy is Remedy.MARK
    assert (finding.tag_key, finding.value) == (DUE, mark(NOW + 24 * HOUR))


def test_until_its_time_comes_nothing_more_is_said_and_then_it_is_ended() -> None:
    marked = instance({DUE: mark(NOW + HOUR)})
    assert remedies(marked, grace_period="24h") == [Remedy.WAIT]

    due = instance({DUE: mark(NOW)})
    (finding,) = judge(due, grace_period="24h")
    assert finding.remedy is Remedy.TERMINATE
    assert finding.tag_key == "", "it has its mark"


def test_what_was_announced_holds_when_the_grace_period_changes() -> None:
    marked = instance({DUE: mark(NOW + 20 * HOUR)})

    assert remedies(marked, grace_period="1h") == [Remedy.WAIT]
    assert remedies(marked, grace_period="0s") == [Remedy.WAIT]


@pytest.mark.parametrize(
    "value", ["", "soon", "terminate", mark(NOW - HOUR, UntaggedAction.STOP), "terminate at noon"]
)
def test_a_mark_that_is_none_of_ours_leads_to_no_action(value: str) -> None:
    (finding,) = judge(instance({DUE: value}), grace_period="24h")

    assert finding.remedy is Remedy.MARK
    assert finding.value == mark(NOW + 24 * HOUR)
    assert "does not hold" in finding.reason


def test_without_a_grace_period_a_mark_that_is_none_of_ours_protects_nobody() -> None:
    (finding,) = judge(instance({DUE: "soon"}))

    assert (finding.remedy, finding.value) == (Remedy.TERMINATE, mark(NOW))
    assert "does not hold" in finding.reason


def test_an_instance_that_was_stopped_and_started_again_gets_a_new_mark() -> None:
    stop = {"untagged_action": "stop", "grace_period": "24h"}
    tags = {DUE: mark(NOW - 48 * HOUR, UntaggedAction.STOP)}

    assert remedies(instance(tags, state="stopped"), **stop) == [Remedy.NOTIFY], "the mark stays"
    assert remedies(instance(tags), **stop) == [Remedy.MARK]


@pytest.mark.parametrize("tags", [COMPLIANT, {"Name": "web"}])
def test_the_mark_of_an_instance_that_got_a_tag_is_removed(tags: dict[str, str]) -> None:
    findings = judge(instance(tags | {DUE: mark(NOW - HOUR)}))

    assert findings[-1].remedy is Remedy.UNMARK
    assert not findings[-1].violation
    assert Remedy.TERMINATE not in [finding.remedy for finding in findings]


@pytest.mark.parametrize("action", ["notify", "remediate"])
def test_a_mark_is_removed_when_nothing_is_ended_any_more(action: str) -> None:
    found = remedies(instance({DUE: mark(NOW - HOUR)}), untagged_action=action)

    assert found[-1] is Remedy.UNMARK
    assert not {Remedy.STOP, Remedy.TERMINATE} & set(found)


def test_a_young_instance_is_left_alone_and_unmarked() -> None:
    young = instance({}, created_at=NOW - timedelta(minutes=14))

    (finding,) = judge(young)

    assert finding.remedy is Remedy.WAIT
    assert not finding.violation
    assert remedies(instance({}, created_at=NOW - timedelta(minutes=15))) == [Remedy.TERMINATE]
    assert remedies(young, minimum_age="0s") == [Remedy.TERMINATE]


@pytest.mark.parametrize("action", ["terminate", "stop", "notify"])
def test_a_young_instance_is_not_even_reported_as_untagged(action: str) -> None:
    young = instance({}, created_at=NOW - timedelta(minutes=14))

    assert remedies(young, untagged_action=action) == [Remedy.WAIT]


def test_the_tags_of_a_young_instance_are_filled_at_once() -> None:
    assert remedies(instance({"Name": "web"}, created_at=NOW)) == [Remedy.TAG] * 3


@pytest.mark.parametrize("action", ["terminate", "stop"])
def test_an_instance_that_a_service_manages_is_reported_and_not_ended(action: str) -> None:
    managed = instance({}, managers={"operator": "eks.amazonaws.com"})

    (finding,) = judge(managed, untagged_action=action)

    assert finding.remedy is Remedy.NOTIFY
    assert "eks.amazonaws.com" in finding.reason
    unprotected = remedies(managed, untagged_action=action, protect_managed="false")
    assert unprotected == [Remedy(action)]


@pytest.mark.parametrize("key", ["aws:autoscaling:groupName", "aws:elasticmapreduce:job-flow-id"])
def test_what_carries_a_tag_of_its_service_is_never_untagged(key: str) -> None:
    assert remedies(instance({key: "x"}), protect_managed="false") == [Remedy.TAG] * 3


@pytest.mark.parametrize(
    ("value", "exempt"),
    [
        ("", True),
        ("because", True),
        ("false", True),
        ("2026-13-01", True),
        ("20261122", True),
        ("2026-11-22T00:00:00Z", True),
        ("2026-11-22", False),
        ("2026-11-23", True),
        (" 2026-11-24 ", True),
    ],
)
def test_an_exemption_may_end_with_a_day(value: str, exempt: bool) -> None:
    found = instance({EXEMPT: value})

    assert is_exempt(found, settings(), NOW) is exempt
    assert (judge(found) == []) is exempt


def test_the_day_of_an_exemption_is_one_in_utc() -> None:
    found = instance({EXEMPT: "2026-11-22"})
    already_the_23rd_in_tokyo = datetime(2026, 11, 23, 8, 59, tzinfo=timezone(9 * HOUR))

    assert is_exempt(found, settings(), already_the_23rd_in_tokyo)
    assert not is_exempt(found, settings(), already_the_23rd_in_tokyo + timedelta(minutes=1))


def test_an_exempt_instance_is_not_touched_whatever_else_it_carries() -> None:
    assert judge(instance({EXEMPT: "", DUE: mark(NOW - HOUR)})) == []
    assert judge(instance({EXEMPT: "", "ProjectCode": ""})) == []


def test_an_expired_exemption_is_a_tag_so_that_the_instance_is_not_ended() -> None:
    assert remedies(instance({EXEMPT: "2026-01-01"})) == [Remedy.TAG] * 3


def due(count: int) -> list[Finding]:
    return [Finding(ref(f"i-{n}"), Remedy.TERMINATE, "no tags at all") for n in range(count)]


TAGGING = Finding(ref(), Remedy.TAG, "required tag missing", tag_key="A", value="b")


@pytest.mark.parametrize(
    ("count", "instances", "limits", "held"),
    [
        (10, 1_000, {}, False),
        (11, 1_000, {}, True),
        (1, 1_000, {"max_destructive": "0"}, True),
        (10, 100, {"max_destructive_percent": "10"}, False),
        (10, 99, {"max_destructive_percent": "10"}, True),
        (50, 1_000, {"max_destructive": "50", "max_destructive_percent": "5"}, False),
        (11, 10_000, {"max_destructive_percent": "100"}, True),
    ],
)
def test_over_a_limit_nothing_is_ended_and_everything_else_is_done(
    count: int, instances: int, limits: dict[str, str], held: bool
) -> None:
    allowed, outcomes = within_limits([*due(count), TAGGING], instances, settings(**limits))

    assert TAGGING in allowed
    assert len(allowed) == (1 if held else count + 1)
    assert len(outcomes) == (count if held else 0)
    assert all((o.result, o.code) == (Result.DEFERRED, LIMIT) for o in outcomes)


def test_marks_are_no_matter_of_limits() -> None:
    marks = [Finding(ref(f"i-{n}"), Remedy.MARK, "no tags at all") for n in range(50)]

    assert within_limits(marks, 50, settings()) == (marks, [])
