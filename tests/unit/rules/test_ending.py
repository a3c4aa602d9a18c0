"""Which instance is stopped or terminated, and which is not: decisions alone."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance
from tag_policy.model.outcome import LIMIT, PART, Result
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.rules.limits import within_limits
from tests.support.builders import (
    DEFAULT_RULES,
    NOW,
    evaluate,
    instance,
    mark,
    ref,
    settings,
    verdict,
)

HOUR = timedelta(hours=1)
DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"
COMPLIANT = {"ProjectCode": "Apollo", "CreatedBy": "ann", "Expires": "2030-01-01"}


DAY = 24 * HOUR
FORMER = "tag-policy:former"
GRACE = {"grace_period": "24h"}


def announced(time: datetime, before: timedelta = DAY, **changes: Any) -> str:
    """Return the mark of an instance that is to be ended at a time."""
    return str(mark(time, time - before, **changes))


def judge(found: Instance, **changes: str) -> list[Finding]:
    return evaluate(found, DEFAULT_RULES, settings(**changes))


def remedies(found: Instance, **changes: str) -> list[Remedy]:
    return [finding.remedy for finding in judge(found, **changes)]


def test_without_a_grace_period_an_instance_is_marked_and_ended_in_one_run() -> None:
    (finding,) = judge(instance({}))

    assert finding.remedy is Remedy.TERMINATE
    assert (finding.tag_key, finding.mark) == (DUE, mark(NOW, None))

    (again,) = judge(instance({DUE: str(mark(NOW, None))}))
    assert (again.remedy, again.mark) == (Remedy.TERMINATE, None), "it has its mark"


def test_with_a_grace_period_it_is_announced_first() -> None:
    (finding,) = judge(instance({}), **GRACE)

    assert finding.remedy is Remedy.MARK
    assert finding.mark is not None
    assert (finding.tag_key, finding.mark.time) == (DUE, NOW + DAY)


def test_until_its_time_comes_nothing_more_is_said_and_then_it_is_ended() -> None:
    assert remedies(instance({DUE: announced(NOW + HOUR)}), **GRACE) == [Remedy.WAIT]

    (finding,) = judge(instance({DUE: announced(NOW)}), **GRACE)
    assert finding.remedy is Remedy.TERMINATE
    assert finding.mark is None, "it has its mark"


def test_a_grace_period_that_was_made_longer_holds_for_what_is_announced_already() -> None:
    marked = instance({DUE: announced(NOW)})

    assert remedies(marked, grace_period="48h") == [Remedy.WAIT]
    assert remedies(marked, grace_period="24h") == [Remedy.TERMINATE]


def test_a_grace_period_that_is_taken_away_does_not_take_back_what_was_announced_under_it() -> None:
    assert remedies(instance({DUE: announced(NOW + HOUR)})) == [Remedy.WAIT]
    assert remedies(instance({DUE: announced(NOW + 89 * DAY, before=90 * DAY)})) == [Remedy.WAIT]

    (finding,) = judge(instance({DUE: announced(NOW)}))
    assert finding.remedy is Remedy.TERMINATE, "people were told of no later time"
    assert finding.mark == mark(NOW, None), "by a mark of its own, and not by what stands there"


@pytest.mark.parametrize("grace", ["0s", "1h", "24h"])
@pytest.mark.parametrize(
    "tags",
    [
        {DUE: announced(NOW + 2 * DAY, before=49 * HOUR)},  # under a longer grace period
        {DUE: announced(NOW + 2 * DAY, before=47 * HOUR)},  # announced in the future
        {DUE: announced(NOW + 2 * DAY, action=UntaggedAction.STOP)},  # something else
        {DUE: mark(NOW + 2 * DAY, NOW).announcing},  # perhaps
        {FORMER: announced(NOW + 2 * DAY)},
        {FORMER: mark(NOW + 2 * DAY, NOW).announcing, DUE: str(mark(NOW, None))},
    ],
)
def test_whatever_becomes_of_the_rest_nothing_is_announced_for_an_earlier_time_than_a_mark_says(
    tags: dict[str, str], grace: str
) -> None:
    found = judge(instance(tags), grace_period=grace, former_marker_tag_keys=f'["{FORMER}"]')

    finding = found[0]
    if grace == "0s" and finding.remedy is Remedy.WAIT:
        assert tags == {DUE: announced(NOW + 2 * DAY, before=49 * HOUR)}
        return
    assert finding.remedy is Remedy.MARK
    assert finding.mark is not None
    assert finding.mark.time == NOW + 2 * DAY
    assert finding.mark.announced is not None


@pytest.mark.parametrize(
    "value",
    [
        announced(NOW + 91 * DAY, before=92 * DAY),  # longer than any grace period may have been
        announced(NOW + DAY, engine="other-2"),
        str(mark(NOW + DAY, None)),  # nobody was told of it
        mark(NOW, NOW).announcing,  # it has passed
    ],
)
def test_without_a_grace_period_nothing_else_about_the_future_protects(value: str) -> None:
    expected = Remedy.LEAVE if "other" in value else Remedy.TERMINATE

    assert remedies(instance({DUE: value})) == [expected]


@pytest.mark.parametrize(
    "value",
    [
        mark(NOW + DAY, NOW).announcing,  # nobody knows whether people were told
        str(mark(NOW, None)),  # there was no grace period, so that nobody was told
        announced(NOW - 26 * HOUR),  # of long ago
        announced(NOW + DAY, before=26 * HOUR),  # later than could be announced
        announced(NOW, action=UntaggedAction.STOP),  # of what is not to be done any more
        "terminate at 2026-11-23T07:00:00Z: no tags at all",  # of an earlier version
    ],
)
def test_a_mark_that_does_not_count_is_announced_anew(value: str) -> None:
    (finding,) = judge(instance({DUE: value}), **GRACE)

    assert finding.remedy is Remedy.MARK
    assert finding.mark is not None
    assert finding.mark.time == NOW + DAY
    assert finding.value == value, "so that it is known whether it changes in the meantime"


@pytest.mark.parametrize("grace", ["0s", "24h"])
@pytest.mark.parametrize("value", ["", "soon", "terminate", "ask Jane before you touch it"])
def test_somebodys_own_words_are_left_and_nothing_is_ended_with_any_grace(
    value: str, grace: str
) -> None:
    (finding,) = judge(instance({DUE: value}), grace_period=grace)

    assert (finding.remedy, finding.code) == (Remedy.LEAVE, Code.MARKER_TAKEN)
    assert "own words" in finding.reason


@pytest.mark.parametrize("grace", ["0s", "24h"])
@pytest.mark.parametrize(
    "value",
    [
        announced(NOW - HOUR, engine="other"),
        mark(NOW, NOW, engine="other").announcing,
        str(mark(NOW, None, engine="other")),
    ],
)
def test_the_mark_of_another_engine_is_left_and_nothing_is_ended(value: str, grace: str) -> None:
    (finding,) = judge(instance({DUE: value}), grace_period=grace)

    assert (finding.remedy, finding.code) == (Remedy.LEAVE, Code.ANOTHER_ENGINE)
    assert "engine other" in finding.reason

    moved = judge(
        instance({FORMER: value}), grace_period=grace, former_marker_tag_keys=f'["{FORMER}"]'
    )
    assert [one.code for one in moved] == [Code.ANOTHER_ENGINE], "wherever that mark is"

    with_tags = judge(instance({DUE: value, "Name": "web"}), grace_period=grace)
    assert Remedy.UNMARK not in [one.remedy for one in with_tags]


def test_an_instance_that_was_stopped_and_started_again_gets_a_new_mark() -> None:
    stop = {"untagged_action": "stop", **GRACE}
    born = NOW - 3 * DAY
    tags = {DUE: announced(NOW - 2 * HOUR, action=UntaggedAction.STOP)}
    started = replace(instance(tags, created_at=born), started_at=NOW - HOUR)

    stopped = instance(tags, state="stopped", created_at=born)
    assert remedies(stopped, **stop) == [Remedy.NOTIFY], "the mark stays"
    assert remedies(instance(tags, created_at=born), **stop) == [Remedy.STOP]
    assert remedies(started, **stop) == [Remedy.MARK]


@pytest.mark.parametrize("tags", [COMPLIANT, {"Name": "web"}])
@pytest.mark.parametrize("value", [announced(NOW - HOUR), mark(NOW, NOW).announcing])
def test_the_mark_of_an_instance_that_got_a_tag_is_removed(
    tags: dict[str, str], value: str
) -> None:
    findings = judge(instance(tags | {DUE: value}))

    assert (findings[-1].remedy, findings[-1].value) == (Remedy.UNMARK, value)
    assert not findings[-1].violation
    assert Remedy.TERMINATE not in [finding.remedy for finding in findings]


def test_somebodys_own_words_beside_other_tags_are_nobodys_concern() -> None:
    assert judge(instance(COMPLIANT | {DUE: "soon"})) == []


def test_marks_under_a_former_key_are_no_tags_and_go() -> None:
    former = {"former_marker_tag_keys": '["old:due"]'}
    old = announced(NOW + HOUR)

    findings = judge(instance({"old:due": old}), **GRACE, **former)
    assert [one.remedy for one in findings] == [Remedy.MARK, Remedy.UNMARK]
    assert (findings[1].tag_key, findings[1].value) == ("old:due", old)
    assert "belongs into the tag tag-policy:due now" in findings[1].reason

    tagged = judge(instance(COMPLIANT | {"old:due": old}), **former)
    assert [(one.remedy, one.tag_key) for one in tagged] == [(Remedy.UNMARK, "old:due")]
    words = remedies(instance({"old:due": "my own"}), **GRACE, **former)
    assert Remedy.MARK not in words, "it is a tag of somebody's"


@pytest.mark.parametrize("action", ["notify", "remediate"])
def test_a_mark_is_removed_when_nothing_is_ended_any_more(action: str) -> None:
    found = remedies(instance({DUE: announced(NOW - HOUR)}), untagged_action=action)

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

    assert is_exempt(found, NOW) is exempt
    assert (Remedy.TAG not in remedies(found)) is exempt


def test_the_day_of_an_exemption_is_one_in_utc() -> None:
    found = instance({EXEMPT: "2026-11-22"})
    already_the_23rd_in_tokyo = datetime(2026, 11, 23, 8, 59, tzinfo=timezone(9 * HOUR))

    assert is_exempt(found, already_the_23rd_in_tokyo)
    assert not is_exempt(found, already_the_23rd_in_tokyo + timedelta(minutes=1))


def test_an_exempt_instance_is_not_touched_whatever_else_it_carries() -> None:
    assert judge(instance({EXEMPT: "", DUE: announced(NOW - HOUR)})) == []
    assert judge(instance({EXEMPT: "", "ProjectCode": ""})) == []


def test_an_expired_exemption_is_a_tag_so_that_the_instance_is_not_ended() -> None:
    assert remedies(instance({EXEMPT: "2026-01-01"})) == [Remedy.TAG] * 3


def is_exempt(found: Instance, now: datetime) -> bool:
    return verdict(found, DEFAULT_RULES, settings(), now).exempt


def untagged(number: int, remedy: Remedy) -> Finding:
    return Finding(ref(f"i-{number}"), remedy, Code.UNTAGGED, "no tags at all")


def due(count: int) -> list[Finding]:
    return [untagged(number, Remedy.TERMINATE) for number in range(count)]


TAGGING = Finding(ref(), Remedy.TAG, Code.MISSING, "required tag missing", tag_key="A", value="b")


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
    marks = [untagged(number, Remedy.MARK) for number in range(50)]

    assert within_limits(marks, 50, settings()) == (marks, [])


def test_a_run_that_has_seen_a_part_ends_nothing_within_whatever_limits() -> None:
    allowed, outcomes = within_limits([*due(1), TAGGING], 1_000, settings(), "only a part")

    assert allowed == [TAGGING]
    assert [(o.result, o.code, o.detail) for o in outcomes] == [
        (Result.DEFERRED, PART, "only a part")
    ]
