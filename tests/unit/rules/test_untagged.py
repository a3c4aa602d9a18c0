"""Which instance is stopped or terminated, and which is not: decisions alone."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance, Interface
from tag_policy.model.remedy import End, Remedy
from tag_policy.rules.evaluation import Evaluator
from tag_policy.rules.untagged import Untagged, protected_by_spot
from tests.support.builders import (
    DEFAULT_RULES,
    NOW,
    evaluate,
    instance,
    mark,
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
        {DUE: announced(NOW + 2 * DAY, action=End.STOP)},  # something else
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
        announced(NOW, action=End.STOP),  # of what is not to be done any more
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
    tags = {DUE: announced(NOW - 2 * HOUR, action=End.STOP)}
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
    assert "belongs in the tag tag-policy:due now" in findings[1].reason

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


WITHOUT = "no tags at all"
"""Why all that follows is found."""


def test_a_young_instance_waits_and_that_is_no_violation() -> None:
    young = instance({}, created_at=NOW)

    assert judge(young) == [
        Finding(
            young.ref,
            Remedy.WAIT,
            Code.TOO_YOUNG,
            f"{WITHOUT}; younger than the minimum age",
            violation=False,
        )
    ]


def test_an_instance_of_which_only_a_report_is_wanted_is_reported() -> None:
    found = instance({})

    assert judge(found, untagged_action="notify") == [
        Finding(found.ref, Remedy.NOTIFY, Code.UNTAGGED, WITHOUT)
    ]


def test_what_is_stopped_already_is_reported_as_that() -> None:
    found = instance({}, state="stopped")

    assert judge(found, untagged_action="stop") == [
        Finding(found.ref, Remedy.NOTIFY, Code.STOPPED_ALREADY, f"{WITHOUT}; stopped already")
    ]


def test_what_is_stopped_already_is_terminated_where_that_is_wanted() -> None:
    assert remedies(instance({}, state="stopped")) == [Remedy.TERMINATE]


def test_what_a_service_manages_is_reported_with_the_service_and_what_it_is_a_part_of() -> None:
    found = instance({}, managers={"autoscaling": "web-asg"})

    assert judge(found) == [
        Finding(
            found.ref,
            Remedy.NOTIFY,
            Code.PROTECTED,
            f"{WITHOUT}; protected, because autoscaling:web-asg manages it",
        )
    ]


def test_an_announced_instance_waits_and_is_reported_with_what_its_mark_says() -> None:
    value = announced(NOW + HOUR)
    found = instance({DUE: value})

    assert judge(found, **GRACE) == [
        Finding(found.ref, Remedy.WAIT, Code.ANNOUNCED, f"{WITHOUT}; {value}")
    ]


def test_an_instance_whose_time_has_come_is_ended_by_what_its_mark_says() -> None:
    """It has to be remembered that people were told of it."""
    value = announced(NOW)
    found = instance({DUE: value})

    assert judge(found, **GRACE) == [
        Finding(found.ref, Remedy.TERMINATE, Code.UNTAGGED, WITHOUT, tag_key=DUE, value=value)
    ]


def test_without_a_grace_period_nobody_has_to_remember_what_a_mark_says() -> None:
    found = instance({DUE: str(mark(NOW, None))})

    assert judge(found) == [Finding(found.ref, Remedy.TERMINATE, Code.UNTAGGED, WITHOUT)]


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({}, ""),
        (
            {DUE: announced(NOW - 26 * HOUR)},
            "; the mark in its tag tag-policy:due does not count",
        ),
        (
            {DUE: mark(NOW, NOW).announcing},
            "; it is not known whether people were told before",
        ),
    ],
)
def test_it_is_announced_with_the_reason_why_what_stands_there_does_not_count(
    tags: dict[str, str], why: str
) -> None:
    found = instance(tags)

    assert judge(found, **GRACE) == [
        Finding(
            found.ref,
            Remedy.MARK,
            Code.UNTAGGED,
            WITHOUT + why,
            tag_key=DUE,
            value=tags.get(DUE),
            mark=mark(NOW + DAY, NOW + DAY),
        )
    ]


def test_somebodys_own_words_are_reported_with_what_to_do_about_them() -> None:
    found = instance({DUE: "soon"})

    assert judge(found) == [
        Finding(
            found.ref,
            Remedy.LEAVE,
            Code.MARKER_TAKEN,
            f"{WITHOUT}; nothing is done, because its tag tag-policy:due holds somebody's own "
            "words: delete that tag, or give the instance the tags it lacks",
            tag_key=DUE,
        )
    ]


def test_the_mark_of_another_engine_is_reported_with_its_name_and_the_tag_that_it_is_in() -> None:
    found = instance({FORMER: announced(NOW, engine="other")})

    assert judge(found, former_marker_tag_keys=f'["{FORMER}"]') == [
        Finding(
            found.ref,
            Remedy.LEAVE,
            Code.ANOTHER_ENGINE,
            f"{WITHOUT}; nothing is done, because the engine other has marked it: only one engine "
            "may end the instances of a VPC",
            tag_key=FORMER,
        )
    ]


def test_a_mark_that_is_not_due_any_more_is_removed_with_its_value_and_that_is_no_violation() -> (
    None
):
    value = announced(NOW)
    found = instance(COMPLIANT | {DUE: value})

    assert judge(found) == [
        Finding(
            found.ref,
            Remedy.UNMARK,
            Code.NO_LONGER_DUE,
            "no longer due",
            violation=False,
            tag_key=DUE,
            value=value,
        )
    ]


def test_the_mark_of_an_earlier_version_which_names_no_engine_is_removed_too() -> None:
    found = instance(COMPLIANT | {DUE: "stop at 2026-11-24T08:00:00Z: no tags at all"})

    assert [finding.remedy for finding in judge(found)] == [Remedy.UNMARK]


def test_what_is_to_be_announced_anew_is_though_its_time_has_come_by_its_mark() -> None:
    """Where the engine has forgotten that people were told."""
    value = announced(NOW)
    found = instance({DUE: value})
    how = settings(**GRACE)

    (finding,) = Evaluator((), how, "tag-policy", NOW, anew={found.ref.resource_id})(found).findings
    assert (finding.remedy, finding.value) == (Remedy.MARK, value)
    assert finding.mark == mark(NOW + DAY, NOW + DAY)

    (other,) = Evaluator((), how, "tag-policy", NOW, anew={"i-0"})(found).findings
    assert other.remedy is Remedy.TERMINATE


def test_what_is_to_be_announced_anew_is_without_a_grace_period_too() -> None:
    found = instance({DUE: str(mark(NOW, None))})
    judging = Evaluator((), settings(), "tag-policy", NOW, anew={found.ref.resource_id})

    (finding,) = judging(found).findings

    assert finding.remedy is Remedy.MARK
    assert finding.mark == mark(NOW, NOW)


@pytest.mark.parametrize(
    ("remedy", "action"),
    [(Remedy.TERMINATE, End.TERMINATE), (Remedy.STOP, End.STOP)],
)
def test_an_end_that_nobody_remembers_to_have_announced_becomes_an_announcement(
    remedy: Remedy, action: End
) -> None:
    found = instance({})
    due = Finding(found.ref, remedy, Code.UNTAGGED, WITHOUT, tag_key=DUE, value="what it says")

    anew = Untagged(settings(**GRACE), "tag-policy", NOW).announced_anew(due)

    assert anew == Finding(
        found.ref,
        Remedy.MARK,
        Code.UNTAGGED,
        f"{WITHOUT}; no record that people were told what its tag tag-policy:due says",
        tag_key=DUE,
        value="what it says",
        mark=mark(NOW + DAY, NOW + DAY, action),
    )


def test_what_a_persistent_spot_request_would_replace_is_reported_and_not_marked_or_ended() -> None:
    found = instance({}, spot_request_id="sir-1234")
    due = Finding(
        found.ref,
        Remedy.TERMINATE,
        Code.UNTAGGED,
        WITHOUT,
        tag_key=DUE,
        value="what it says",
        mark=mark(NOW, None),
    )

    assert protected_by_spot(due) == Finding(
        found.ref,
        Remedy.NOTIFY,
        Code.PROTECTED,
        f"{WITHOUT}; protected, because the persistent Spot request sir-1234 would launch another",
    )


def test_a_mark_says_its_time_in_whole_seconds() -> None:
    (finding,) = evaluate(
        instance({}), DEFAULT_RULES, settings(**GRACE), NOW + timedelta(microseconds=7)
    )

    assert finding.mark == mark(NOW + DAY, NOW + DAY)


# Isolating what has no tags

VPC = "vpc-abc123c1"
ISOLATE = {"untagged_action": "isolate", "isolation_security_groups": f'{{"{VPC}": "sg-150"}}'}


def reachable(tags: dict[str, str], *groups: str, vpc_id: str = VPC) -> Instance:
    interface = Interface("eni-1", vpc_id, groups or ("sg-1", "sg-2"))
    return replace(instance(tags, vpc_id=vpc_id), interfaces=(interface,))


def test_an_instance_is_announced_and_then_isolated() -> None:
    (marked,) = judge(reachable({}), **GRACE, **ISOLATE)

    assert (marked.remedy, marked.found) == (Remedy.MARK, "eni-1: sg-1, sg-2")
    assert marked.mark == mark(NOW + DAY, NOW + DAY, End.ISOLATE)

    (due,) = judge(reachable({DUE: announced(NOW, action=End.ISOLATE)}), **GRACE, **ISOLATE)
    assert (due.remedy, due.found) == (Remedy.ISOLATE, "eni-1: sg-1, sg-2")


def test_what_is_isolated_is_reported_and_keeps_its_mark() -> None:
    (finding,) = judge(
        reachable({DUE: announced(NOW, action=End.ISOLATE)}, "sg-150"), **GRACE, **ISOLATE
    )

    assert (finding.remedy, finding.code) == (Remedy.NOTIFY, Code.ISOLATED_ALREADY)
    assert finding.reason == "no tags at all; isolated already"


def test_without_a_group_for_its_vpc_an_instance_is_only_reported() -> None:
    (finding,) = judge(reachable({}, vpc_id="vpc-0def"), **ISOLATE)

    assert (finding.remedy, finding.code) == (Remedy.NOTIFY, Code.UNTAGGED)
    assert finding.reason == (
        "no tags at all; it cannot be isolated, because isolation_security_groups has no group for "
        "vpc-0def"
    )


def test_an_instance_of_which_the_interfaces_are_not_known_is_not_isolated() -> None:
    (finding,) = judge(instance({}), **ISOLATE)

    assert finding.remedy is Remedy.NOTIFY
    assert finding.reason.endswith("because its network interfaces are not known")
