"""The table of DESIGN.md's rule semantics, cell by cell, and what always holds."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance
from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.model.resource import NEVER, Resource, ResourceRef, ResourceType
from tag_policy.model.rule import Action, Rule
from tag_policy.model.tag_text import is_blank
from tag_policy.model.target import Target
from tag_policy.rules.evaluation import Evaluator
from tag_policy.rules.exemption import unreadable_exemption
from tag_policy.rules.values import Standard
from tests.support.builders import (
    CREATED_BY,
    DEFAULT_RULES,
    EXPIRES,
    NOW,
    PROJECT_CODE,
    evaluate,
    instance,
    settings,
    verdict,
)

SETTINGS = settings(untagged_action="terminate")

# What each rule does: the value that is set, "creator" for a look-up, None for nothing.
SEMANTICS = [
    # rule, missing and required, missing and not required, empty
    (PROJECT_CODE, "Proj007", None, "Proj007"),
    (CREATED_BY, "creator", "creator", "creator"),
    (EXPIRES, "2026-11-23", "2026-11-23", "2026-11-23"),
]


def found(rule: Rule, tags: dict[str, str]) -> list[str]:
    findings = evaluate(instance(tags), [rule], SETTINGS, NOW)
    assert all(finding.remedy is Remedy.TAG for finding in findings)
    assert all(finding.tag_key == rule.tag_key for finding in findings)
    return ["creator" if finding.value is None else finding.value for finding in findings]


@pytest.mark.parametrize(("rule", "missing_required", "missing_optional", "empty"), SEMANTICS)
def test_each_cell_of_the_semantics_table(
    rule: Rule, missing_required: str, missing_optional: str | None, empty: str
) -> None:
    required, optional = replace(rule, required=True), replace(rule, required=False)
    other = {"Name": "web"}

    assert found(required, other) == [missing_required]
    assert found(optional, other) == ([missing_optional] if missing_optional else [])
    for either in (required, optional):
        assert found(either, other | {rule.tag_key: ""}) == [empty]
        assert found(either, other | {rule.tag_key: "anything"}) == []


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.action)
def test_a_missing_tag_is_a_violation_only_when_it_is_required(rule: Rule) -> None:
    for required in (True, False):
        findings = evaluate(
            instance({"Name": "web"}), [replace(rule, required=required)], SETTINGS, NOW
        )
        assert [finding.violation for finding in findings] in ([required], [])


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.action)
def test_an_empty_tag_is_a_violation_even_when_it_is_not_required(rule: Rule) -> None:
    optional = replace(rule, required=False)

    (finding,) = evaluate(instance({rule.tag_key: ""}), [optional], SETTINGS, NOW)

    assert finding.violation


@pytest.mark.parametrize("blank", [" \t ", "\u200b\ufeff"])
@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.action)
def test_blanks_are_no_value_and_iam_guards_them_so_that_a_person_has_to(
    rule: Rule, blank: str
) -> None:
    (finding,) = evaluate(instance({rule.tag_key: blank}), [rule], SETTINGS, NOW)

    assert (finding.remedy, finding.code) == (Remedy.LEAVE, Code.REFUSED_BY_LOCK)
    assert finding.violation
    assert "blanks" in finding.reason


def test_tag_keys_are_case_sensitive_for_ec2_and_not_for_iam_so_that_another_case_is_left() -> None:
    (finding,) = evaluate(instance({"projectcode": "P1"}), [PROJECT_CODE], SETTINGS, NOW)

    assert (finding.remedy, finding.code) == (Remedy.LEAVE, Code.REFUSED_BY_LOCK)
    assert finding.violation, "EC2 has no tag ProjectCode there"
    assert "'projectcode'" in finding.reason
    assert found(PROJECT_CODE, {"projectcode": ""}) == ["Proj007"], "an empty one is not guarded"


def test_rules_apply_in_the_order_given() -> None:
    findings = evaluate(instance({"Name": "web"}), DEFAULT_RULES, SETTINGS, NOW)

    assert [finding.tag_key for finding in findings] == ["ProjectCode", "CreatedBy", "Expires"]


@pytest.mark.parametrize(
    ("creator", "owner"),
    [
        ("jane", "jane"),
        (" jane ", "jane"),
        ("\u200bjane\ufeff", "jane"),
        ("Undefined", ""),
        ("Undefined\u200b", ""),
        (" ", ""),
        ("\u200b", ""),
    ],
)
def test_the_owner_is_who_the_tags_name_and_a_fallback_names_nobody(
    creator: str, owner: str
) -> None:
    findings = evaluate(instance({"CreatedBy": creator}), DEFAULT_RULES, settings(), NOW)

    assert {finding.owner for finding in findings} == {owner}


def test_a_fallback_with_a_blank_at_its_edge_names_nobody_either() -> None:
    rule = replace(CREATED_BY, default="nobody ")

    findings = evaluate(instance({"CreatedBy": "nobody "}), [rule, PROJECT_CODE], settings(), NOW)

    assert [finding.owner for finding in findings] == [""]


def test_a_user_lookup_carries_its_fallback() -> None:
    (finding,) = evaluate(
        instance({"Name": "web"}), [replace(CREATED_BY, default="nobody")], SETTINGS, NOW
    )

    assert (finding.value, finding.fallback) == (None, "nobody")


@pytest.mark.parametrize(
    ("action", "remedy"),
    [
        (UntaggedAction.TERMINATE, Remedy.TERMINATE),
        (UntaggedAction.STOP, Remedy.STOP),
        (UntaggedAction.NOTIFY, Remedy.NOTIFY),
    ],
)
def test_an_instance_without_tags_gets_the_untagged_action_and_no_rule(
    action: UntaggedAction, remedy: Remedy
) -> None:
    findings = evaluate(instance({}), DEFAULT_RULES, settings(untagged_action=action), NOW)

    assert [finding.remedy for finding in findings] == [remedy]
    assert findings[0].violation


def test_remediate_applies_the_rules_to_an_instance_without_tags() -> None:
    findings = evaluate(instance({}), DEFAULT_RULES, settings(untagged_action="remediate"), NOW)

    assert [finding.tag_key for finding in findings] == ["ProjectCode", "CreatedBy", "Expires"]


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_an_untagged_instance_that_is_stopped_already_is_reported_and_not_stopped(
    state: str,
) -> None:
    (finding,) = evaluate(instance({}, state), [], settings(untagged_action="stop"), NOW)

    assert finding.remedy is Remedy.NOTIFY
    assert state in finding.reason


@pytest.mark.parametrize("key", ["aws:autoscaling:groupName", "aws:cloudformation:stack-id"])
def test_a_tag_of_aws_is_a_tag_so_that_the_instance_is_not_untagged(key: str) -> None:
    findings = evaluate(instance({key: "x"}), DEFAULT_RULES, SETTINGS, NOW)

    assert {finding.remedy for finding in findings} == {Remedy.TAG}


def test_a_tag_without_a_value_is_a_tag_too() -> None:
    findings = evaluate(instance({"Name": ""}), DEFAULT_RULES, SETTINGS, NOW)

    assert {finding.remedy for finding in findings} == {Remedy.TAG}


def test_a_missing_tag_is_told_with_all_that_is_known_of_it() -> None:
    subject = instance({"CreatedBy": "jane"})

    assert evaluate(subject, [PROJECT_CODE, CREATED_BY], SETTINGS) == [
        Finding(
            subject.ref,
            Remedy.TAG,
            Code.MISSING,
            "required tag missing",
            tag_key="ProjectCode",
            rule_id=PROJECT_CODE.rule_id,
            value="Proj007",
            absent_keys=frozenset({"ProjectCode"}),
            owner="jane",
            source="default",
        )
    ]


def test_a_tag_that_is_missing_and_not_required_is_told_as_that() -> None:
    subject = instance({"Name": "web"})

    assert evaluate(subject, [EXPIRES], SETTINGS) == [
        Finding(
            subject.ref,
            Remedy.TAG,
            Code.MISSING,
            "tag missing",
            violation=False,
            tag_key="Expires",
            rule_id=EXPIRES.rule_id,
            value="2026-11-23",
            absent_keys=frozenset({"Expires"}),
            source="function",
        )
    ]


def test_an_empty_tag_is_told_as_that_and_rests_on_more_than_absent_keys() -> None:
    subject = instance({"ProjectCode": "", "Name": "web"})

    assert evaluate(subject, [PROJECT_CODE, CREATED_BY], SETTINGS)[0] == Finding(
        subject.ref,
        Remedy.TAG,
        Code.EMPTY,
        "tag empty",
        tag_key="ProjectCode",
        rule_id=PROJECT_CODE.rule_id,
        value="Proj007",
        source="default",
    )


def test_a_tag_of_blanks_is_told_with_what_to_do_about_it_and_has_no_value_to_write() -> None:
    subject = instance({"ProjectCode": " "})

    assert evaluate(subject, [PROJECT_CODE], SETTINGS) == [
        Finding(
            subject.ref,
            Remedy.LEAVE,
            Code.REFUSED_BY_LOCK,
            "tag empty; it holds blanks, which IAM takes for a value and guards: empty it, or "
            "write the value",
            tag_key="ProjectCode",
            rule_id=PROJECT_CODE.rule_id,
        )
    ]


def test_a_tag_of_another_case_is_told_with_its_spelling_and_nothing_is_written_beside_it() -> None:
    subject = instance({"projectcode": "P1"})

    assert evaluate(subject, [PROJECT_CODE], SETTINGS) == [
        Finding(
            subject.ref,
            Remedy.LEAVE,
            Code.REFUSED_BY_LOCK,
            "required tag missing; it is there as 'projectcode', which IAM takes for the same "
            "key and guards: rename it",
            tag_key="ProjectCode",
            rule_id=PROJECT_CODE.rule_id,
        )
    ]


def test_the_rules_after_one_that_asks_for_nothing_are_asked_all_the_same() -> None:
    optional = replace(PROJECT_CODE, required=False)

    with_value = evaluate(instance({"ProjectCode": "P1"}), [PROJECT_CODE, EXPIRES], SETTINGS)
    without = evaluate(instance({"Name": "web"}), [optional, EXPIRES], SETTINGS)

    assert [finding.tag_key for finding in with_value] == ["Expires"]
    assert [finding.tag_key for finding in without] == ["Expires"]


def test_an_unreadable_exemption_exempts_and_is_told_with_what_stands_there() -> None:
    subject = instance({"tag-policy:exempt": "2026/12/31", "ProjectCode": ""})

    judged = verdict(subject, DEFAULT_RULES, SETTINGS)

    assert judged.exempt
    assert judged.findings == (
        unreadable_exemption(subject.ref, "tag-policy:exempt", "2026/12/31"),
    )


@pytest.mark.usefixtures("_function_in_japan")
def test_the_last_day_of_an_exemption_is_one_in_utc_wherever_the_function_runs() -> None:
    subject = instance({"tag-policy:exempt": "2026-11-22"})
    on_the_22nd = datetime(2026, 11, 23, 8, 59, tzinfo=timezone(timedelta(hours=9)))

    assert verdict(subject, DEFAULT_RULES, SETTINGS, on_the_22nd).exempt
    later = on_the_22nd + timedelta(minutes=1)
    assert not verdict(subject, DEFAULT_RULES, SETTINGS, later).exempt


def test_days_are_those_of_the_time_zone_of_the_schedule() -> None:
    how = settings(time_zone="America/New_York")
    until = Rule(60, "Until", Action.CHECK, required=False, default="", expires=True)
    exempt = instance({"tag-policy:exempt": "2026-11-22", "Until": "2026-11-22"})
    judged = instance({"Until": "2026-11-22", "Name": "web"})
    late_on_the_22nd = datetime(2026, 11, 23, 4, 59, tzinfo=UTC)
    later = late_on_the_22nd + timedelta(minutes=1)

    def written(now: datetime) -> list[str | None]:
        return [found.value for found in verdict(judged, [EXPIRES], how, now).findings]

    assert verdict(exempt, [until], how, late_on_the_22nd).exempt
    assert not verdict(exempt, [until], how, later).exempt
    assert not verdict(judged, [until], how, late_on_the_22nd).findings
    assert verdict(judged, [until], how, later).findings
    assert (written(late_on_the_22nd), written(later)) == (["2026-11-22"], ["2026-11-23"])


def test_a_day_that_is_written_is_never_past_or_too_far_in_its_time_zone() -> None:
    for time_zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
        how = settings(time_zone=time_zone)
        until = Rule(60, "Until", Action.FUNCTION, required=True, default="today(+30d)")
        until = replace(until, expires=True, max_lifetime="30d")
        for hour in range(24):
            now = datetime(2026, 11, 23, hour, 30, tzinfo=UTC)
            (written,) = verdict(instance({"Name": "web"}), [until], how, now).findings

            assert written.value is not None
            assert not verdict(instance({"Until": written.value}), [until], how, now).findings


# What a rule says of values

OWNER = Rule(40, "Owner", Action.CHECK, required=True, default="", note="ask ops@example.org")
STAGE = Rule(50, "Stage", Action.CHECK, required=True, default="", allowed_values=("prod", "dev"))
UNTIL = Rule(60, "Until", Action.CHECK, required=False, default="", expires=True)


@pytest.mark.parametrize(
    ("rule", "tags", "code", "reason", "found"),
    [
        (OWNER, {}, Code.MISSING, "required tag missing", ""),
        (OWNER, {"Owner": ""}, Code.EMPTY, "tag empty", ""),
        (OWNER, {"Owner": " "}, Code.EMPTY, "tag empty", ""),
        (
            OWNER,
            {"owner": "jane"},
            Code.MISSING,
            "required tag missing; it is there as 'owner'",
            "",
        ),
        (STAGE, {}, Code.MISSING, "required tag missing; expected one of 'prod', 'dev'", ""),
        (
            STAGE,
            {"Stage": "Prod"},
            Code.NOT_ALLOWED,
            "'Prod' is not allowed; expected one of 'prod', 'dev'",
            "Prod",
        ),
        (
            UNTIL,
            {"Until": "2026-11-22"},
            Code.EXPIRED,
            "expired: 2026-11-22 was the last day",
            "2026-11-22",
        ),
        (UNTIL, {"Until": ""}, Code.EMPTY, "tag empty; expected a date such as 2026-12-31, ", ""),
    ],
)
def test_a_check_reports_what_is_wrong_and_writes_nothing(
    rule: Rule, tags: dict[str, str], code: Code, reason: str, found: str
) -> None:
    subject = instance({"Name": "web", "CreatedBy": "jane", **tags})

    (finding,) = evaluate(subject, [CREATED_BY, rule], SETTINGS, NOW)

    assert finding.reason.startswith(reason)
    assert finding == Finding(
        subject.ref,
        Remedy.REPORT,
        code,
        finding.reason,
        tag_key=rule.tag_key,
        owner="jane",
        rule_id=rule.rule_id,
        found=found,
        note=rule.note,
    )


@pytest.mark.parametrize(
    ("rule", "tags"),
    [
        (OWNER, {"Owner": "anybody"}),
        (replace(OWNER, required=False), {}),
        (STAGE, {"Stage": "prod"}),
        (UNTIL, {}),
        (UNTIL, {"Until": "2026-11-23"}),
    ],
)
def test_what_is_right_or_need_not_be_there_is_no_finding(rule: Rule, tags: dict[str, str]) -> None:
    assert evaluate(instance({"Name": "web", **tags}), [rule], SETTINGS, NOW) == []


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.action)
def test_a_value_that_is_not_allowed_is_reported_and_stays_whatever_the_action(rule: Rule) -> None:
    strict = replace(rule, allowed_pattern="^[A-Z][A-Za-z0-9-]+$")
    subject = instance({rule.tag_key: "not so"})

    (finding,) = evaluate(subject, [strict], SETTINGS, NOW)

    assert (finding.remedy, finding.code, finding.value) == (Remedy.REPORT, Code.NOT_ALLOWED, None)
    assert finding.violation


def test_a_rules_own_value_that_it_forbids_is_not_written_and_the_tag_stays_missing() -> None:
    """What a Function gives is known only when it is called; a date that was set may be past."""
    late = replace(EXPIRES, required=True, allowed_values=("2027-*",))
    past = replace(PROJECT_CODE, default="2026-11-22", expires=True)

    for rule, why in ((late, "'2026-11-23' is not allowed; expected '2027-*'"), (past, "expired")):
        (finding,) = evaluate(instance({"Name": "web"}), [rule], SETTINGS, NOW)
        assert (finding.remedy, finding.code) == (Remedy.REPORT, Code.MISSING)
        assert finding.reason.startswith(
            f"required tag missing; the rule's own value is not written: {why}"
        )
        assert finding.violation


CREATOR = replace(CREATED_BY, default="platform", allowed_pattern="^[a-z]+$")


def looked_up(value: str) -> Finding:
    """Return a finding about a missing creator whose value has been looked up."""
    (finding,) = evaluate(instance({"Name": "web"}), [CREATOR], SETTINGS, NOW)
    assert (finding.remedy, finding.value, finding.fallback) == (Remedy.TAG, None, "platform")
    return replace(
        finding,
        value=value,
        owner=value,
        launch=Launch(PrincipalKind.ROLE, value, "admin", "arn:aws:…", "event-1", NOW),
        detail_tag=("CreatedBy:event-id", "event-1"),
    )


def test_a_creator_that_is_allowed_is_written() -> None:
    evaluator = Evaluator([CREATOR], SETTINGS, "tag-policy", NOW)

    assert evaluator.allowed(looked_up("jane")) == looked_up("jane")


def test_a_creator_that_is_not_allowed_gives_way_to_the_default_which_is() -> None:
    evaluator = Evaluator([CREATOR], SETTINGS, "tag-policy", NOW)

    written = evaluator.allowed(looked_up("Jane Doe"))

    assert (written.value, written.owner, written.remedy) == ("platform", "Jane Doe", Remedy.TAG)
    assert (written.launch, written.detail_tag) == (None, None)
    assert written.reason == (
        "required tag missing; who launched it is not written: 'Jane Doe' is not allowed; "
        "expected a match for ^[a-z]+$"
    )


def test_an_instance_of_which_all_is_right_needs_nothing() -> None:
    tags = {"Owner": "jane", "Stage": "dev", "Until": "2026-12-31"}

    assert verdict(instance(tags), [OWNER, STAGE, UNTIL], SETTINGS, NOW).compliant


# How a value is written

SPELT = Rule(
    80,
    "Stage",
    Action.CHECK,
    required=False,
    default="",
    normalize=("trim", "lower"),
    synonyms=(("prod", ("production",)),),
    allowed_values=("prod", "dev"),
)


@pytest.mark.parametrize(
    ("value", "spelt"), [(" Prod", "prod"), ("PRODUCTION", "prod"), ("dev ", "dev")]
)
def test_a_value_that_is_spelt_otherwise_is_written_over_and_what_stood_there_is_told(
    value: str, spelt: str
) -> None:
    subject = instance({"Stage": value})

    assert evaluate(subject, [SPELT], SETTINGS, NOW) == [
        Finding(
            subject.ref,
            Remedy.TAG,
            Code.MISSPELT,
            "not spelt as the rule says",
            tag_key="Stage",
            value=spelt,
            rule_id=80,
            found=value,
            unlocked=True,
            source="spelling",
        )
    ]


@pytest.mark.parametrize("value", ["prod", "dev"])
def test_a_value_that_is_spelt_rightly_is_no_finding(value: str) -> None:
    assert evaluate(instance({"Stage": value}), [SPELT], SETTINGS, NOW) == []


def test_what_is_not_allowed_in_any_spelling_is_left_byte_for_byte() -> None:
    (finding,) = evaluate(instance({"Stage": " Test "}), [SPELT], SETTINGS, NOW)

    assert (finding.remedy, finding.code, finding.value) == (Remedy.REPORT, Code.NOT_ALLOWED, None)
    assert finding.reason == "' Test ' is not allowed; expected one of 'prod', 'dev'"


def test_what_grows_too_long_when_it_is_spelt_is_left() -> None:
    upper = Rule(80, "Stage", Action.CHECK, True, "", normalize=("upper",))

    (finding,) = evaluate(instance({"Stage": "ß" * 200}), [upper], SETTINGS, NOW)

    assert (finding.remedy, finding.code) == (Remedy.REPORT, Code.MISSPELT)
    assert finding.reason == "as the rule spells it, it has 400 characters"


GIVES_WAY = Rule(
    90,
    "Backup",
    Action.UPDATE,
    required=True,
    default="daily",
    allowed_values=("daily", "none"),
    replace_invalid=True,
)


def test_a_value_that_is_not_allowed_gives_way_where_the_rule_says_so() -> None:
    subject = instance({"Backup": "hourly"})

    (finding,) = evaluate(subject, [GIVES_WAY], SETTINGS, NOW)

    assert (finding.remedy, finding.code, finding.value) == (Remedy.TAG, Code.NOT_ALLOWED, "daily")
    assert (finding.found, finding.unlocked, finding.absent_keys) == ("hourly", True, None)
    assert evaluate(instance({"Backup": "none"}), [GIVES_WAY], SETTINGS, NOW) == [], "never that"


def test_a_creator_that_is_not_allowed_gives_way_to_who_launched_the_instance() -> None:
    creator = replace(CREATOR, normalize=("lower",), replace_invalid=True)

    (finding,) = evaluate(instance({"CreatedBy": "Jane Doe"}), [creator], SETTINGS, NOW)

    assert (finding.remedy, finding.value, finding.fallback) == (Remedy.TAG, None, "platform")
    found = replace(finding, value="Jane")
    assert Evaluator([creator], SETTINGS, "e", NOW).allowed(found).value == "jane"


def test_a_rules_own_value_that_it_forbids_replaces_nothing() -> None:
    late = replace(EXPIRES, allowed_values=("2027-*",), replace_invalid=True)

    (finding,) = evaluate(instance({"Expires": "x"}), [late], SETTINGS, NOW)

    assert (finding.remedy, finding.code) == (Remedy.REPORT, Code.NOT_ALLOWED)
    assert (
        "the rule's own value is not written either: '2026-11-23' is not allowed" in finding.reason
    )


def test_where_a_value_may_be_written_over_iam_guards_no_blanks_and_each_write_says_so() -> None:
    other = replace(GIVES_WAY, rule_id=91, replace_invalid=False)
    some = replace(GIVES_WAY, when=(("tag:Name", ("web",)),))

    for rules, tags in (([GIVES_WAY], {"Backup": " "}), ([some, other], {"Name": "db"})):
        (finding,) = evaluate(instance(tags), rules, SETTINGS, NOW)
        assert (finding.remedy, finding.value, finding.unlocked) == (Remedy.TAG, "daily", True)


@pytest.mark.parametrize("tags", [{"backup": "none"}, {"Backup": " ", "backup": "none"}])
def test_a_tag_of_another_case_is_told_of_where_no_lock_refuses_it(tags: dict[str, str]) -> None:
    (finding,) = evaluate(instance(tags), [GIVES_WAY], SETTINGS, NOW)

    assert finding.remedy is Remedy.REPORT
    assert finding.reason.endswith("it is there as 'backup'")


@pytest.mark.parametrize(
    ("value", "pattern", "step"), [("PROD", "^[A-Z0-9]+$", "lower"), ("ß" * 200, "^.+$", "upper")]
)
def test_an_allowed_value_never_gives_way_though_it_cannot_be_spelt(
    value: str, pattern: str, step: str
) -> None:
    rule = replace(GIVES_WAY, default="0", allowed_values=(), allowed_pattern=pattern)

    for finding in evaluate(
        instance({"Backup": value}), [replace(rule, normalize=(step,))], SETTINGS, NOW
    ):
        assert (finding.remedy, finding.code) == (Remedy.REPORT, Code.MISSPELT)


def test_where_iam_lets_a_value_be_written_over_each_write_says_so_whatever_the_rules_say() -> None:
    """Terraform has taken the lock off for a rule that somebody has changed in the table."""
    how = settings(unlocked_tag_keys='["projectcode"]')

    (finding,) = evaluate(instance({"Name": "web"}), [PROJECT_CODE], how, NOW)

    assert finding.unlocked


def test_a_creator_that_grows_too_long_when_it_is_spelt_gives_way_to_the_default() -> None:
    upper = replace(CREATED_BY, normalize=("upper",), default="NOBODY")
    (finding,) = evaluate(instance({"Name": "web"}), [upper], SETTINGS, NOW)

    found = Evaluator([upper], SETTINGS, "e", NOW).allowed(replace(finding, value="ß" * 200))

    assert found.value == "NOBODY"


def test_a_rule_sees_a_tag_as_it_will_be_spelt() -> None:
    asking = Rule(90, "Team", Action.CHECK, True, "", when=(("tag:Stage", ("prod",)),))

    found = evaluate(instance({"Stage": "Production"}), [SPELT, asking], SETTINGS, NOW)

    assert [finding.rule_id for finding in found] == [80, 90]


# When a rule concerns an instance

WEEKENDS = Rule(
    70,
    "Schedule",
    Action.UPDATE,
    required=True,
    default="weekends",
    when=(("tag:Stage", ("dev",)),),
)
ALWAYS = replace(WEEKENDS, rule_id=71, default="always", when=(("tag:Stage", ("prod",)),))
ANY = Rule(72, "Schedule", Action.CHECK, required=True, default="", note="ask ops")
SCHEDULES = [WEEKENDS, ALWAYS, ANY]


@pytest.mark.parametrize(
    ("stage", "rule_id", "value"),
    [("dev", 70, "weekends"), ("prod", 71, "always"), ("test", 72, None), ("", 72, None)],
)
def test_the_first_rule_of_a_key_that_concerns_an_instance_is_the_rule(
    stage: str, rule_id: int, value: str | None
) -> None:
    subject = instance({"Name": "web", "Stage": stage})

    (finding,) = evaluate(subject, SCHEDULES, SETTINGS, NOW)

    assert (finding.rule_id, finding.value) == (rule_id, value)
    assert finding.remedy is (Remedy.TAG if value else Remedy.REPORT)
    assert finding.absent_keys is None, "it rests on more than the absence of Schedule"


def test_a_rule_that_concerns_no_instance_finds_nothing() -> None:
    assert evaluate(instance({"Name": "web"}), [WEEKENDS, ALWAYS], SETTINGS, NOW) == []


def test_a_rule_sees_the_tags_as_the_rules_before_it_leave_them() -> None:
    stage = Rule(60, "Stage", Action.UPDATE, required=True, default="dev")

    for tags in ({"Name": "web"}, {"Stage": ""}):
        found = evaluate(instance(tags), [stage, *SCHEDULES], SETTINGS, NOW)
        assert [(f.tag_key, f.value) for f in found] == [("Stage", "dev"), ("Schedule", "weekends")]


def test_a_value_that_is_only_reported_is_seen_as_it_is() -> None:
    checked = Rule(60, "Stage", Action.CHECK, True, "", allowed_values=("prod",))

    found = evaluate(instance({"Stage": "dev"}), [checked, *SCHEDULES], SETTINGS, NOW)

    assert [(f.rule_id, f.remedy) for f in found] == [(60, Remedy.REPORT), (70, Remedy.TAG)]


@pytest.mark.parametrize("tags", [{"Name": "web"}, {"stage": "dev"}, {"Stage": " "}])
def test_what_is_not_known_yet_makes_rules_wait_with_one_finding_for_all(
    tags: dict[str, str],
) -> None:
    """A creator is looked up later; what IAM refuses to write is left for people."""
    action = Action.USER_LOOKUP if "Name" in tags else Action.UPDATE
    stage = Rule(60, "Stage", action, required=True, default="dev")
    other = replace(WEEKENDS, rule_id=80, tag_key="Backup")

    first, waits = evaluate(instance(tags), [stage, *SCHEDULES, other], SETTINGS, NOW)

    assert first.tag_key == "Stage"
    assert (waits.remedy, waits.code, waits.violation) == (Remedy.WAIT, Code.NOT_KNOWN_YET, False)
    assert waits.reason.startswith("rules 70, 80 wait: they depend on a tag that is not written")


def test_what_waits_for_a_key_makes_what_asks_for_that_key_wait_too() -> None:
    stage = Rule(60, "Stage", Action.USER_LOOKUP, required=True, default="dev")
    asking = Rule(90, "Owner", Action.CHECK, True, "", when=(("tag:Schedule", ("*",)),))

    _, waits = evaluate(instance({"Name": "x"}), [stage, WEEKENDS, asking], SETTINGS, NOW)

    assert waits.reason.startswith("rules 70, 90 wait: they depend on a tag that is not written")


def test_where_an_instance_is_may_decide_which_rule_concerns_it() -> None:
    here = Rule(70, "Owner", Action.CHECK, True, "", when=(("region", ("eu-west-1",)),))
    subject = instance({"Name": "web"})

    def found(region: str) -> int:
        where = Target("aws", region, "123456789012")
        return len(Evaluator([here], SETTINGS, "e", NOW, target=where)(subject).findings)

    assert (found("eu-west-1"), found("eu-west-2")) == (1, 0)


def test_an_untagged_instance_gets_the_untagged_action_and_no_rule_is_asked() -> None:
    (finding,) = evaluate(instance({}), [OWNER, STAGE], settings(untagged_action="notify"), NOW)

    assert finding.code is Code.UNTAGGED


# What always holds

keys = st.sampled_from(["Name", "ProjectCode", "CreatedBy", "Expires", "Owner", "aws:x:y"])
tag_values = st.sampled_from(["", " ", "value", "\t", "0", "\u200b", "\u2060\ufeff"])
tags = st.dictionaries(keys, tag_values)
states = st.sampled_from(["pending", "running", "stopping", "stopped"])
actions = st.sampled_from(list(UntaggedAction))
_any_rules = st.builds(
    Rule,
    rule_id=st.integers(1, 99),
    tag_key=st.sampled_from(["ProjectCode", "CreatedBy", "Expires", "Owner"]),
    action=st.sampled_from([Action.UPDATE, Action.USER_LOOKUP, Action.CHECK]),
    required=st.booleans(),
    default=st.sampled_from(["Proj007", "x"]),
    allowed_values=st.sampled_from([(), (), ("Proj007", "x", "jane"), ("value", "x*", "P*7")]),
    allowed_pattern=st.sampled_from(["", "", "^[A-Za-z0-9]+$"]),
    normalize=st.sampled_from([(), (), ("trim",)]),
    synonyms=st.sampled_from([(), (), (("x", ("value", "v*")),)]),
    expires=st.just(False),
    note=st.sampled_from(["", "ask ops"]),
)
rules = st.lists(
    _any_rules.map(lambda one: replace(one, default="") if one.action is Action.CHECK else one),
    unique_by=(lambda rule: rule.tag_key, lambda rule: rule.rule_id),
)


def remedied(subject: Instance, findings: list[Finding], rules: list[Rule]) -> Instance:
    """Return an instance with what a run would write, where jane has launched it."""
    evaluator = Evaluator(rules, SETTINGS, "tag-policy", NOW)
    found = (f if f.value is not None else replace(f, value="jane") for f in findings)
    written = {f.tag_key: f.value or "" for f in map(evaluator.allowed, found)}
    return replace(subject, tags={**subject.tags, **written})


@given(tags, states, actions, rules)
def test_a_second_look_after_the_remedies_finds_nothing(
    tags: dict[str, str], state: str, action: UntaggedAction, rules: list[Rule]
) -> None:
    subject = instance(tags, state)
    findings = evaluate(subject, rules, settings(untagged_action=action), NOW)
    if any(finding.remedy not in (Remedy.TAG, Remedy.REPORT) for finding in findings):
        return
    to_write = [finding for finding in findings if finding.remedy is Remedy.TAG]
    how = settings(untagged_action=action)

    again = evaluate(remedied(subject, to_write, rules), rules, how, NOW)

    reported = [finding for finding in findings if finding.remedy is Remedy.REPORT]
    assert [replace(f, owner="") for f in again] == [replace(f, owner="") for f in reported]


@given(tags.filter(bool), rules)
def test_what_is_written_is_what_its_rule_finds_right(
    tags: dict[str, str], rules: list[Rule]
) -> None:
    subject = instance(tags)
    to_write = [f for f in evaluate(subject, rules, SETTINGS, NOW) if f.remedy is Remedy.TAG]

    written = remedied(subject, to_write, rules).tags

    for rule in rules:
        if any(finding.tag_key == rule.tag_key for finding in to_write):
            assert Standard(rule).wrong(written[rule.tag_key], NOW.date()) is None


@given(tags.filter(bool), states, actions, rules)
def test_an_instance_with_any_tag_is_never_stopped_or_terminated(
    tags: dict[str, str], state: str, action: UntaggedAction, rules: list[Rule]
) -> None:
    findings = evaluate(instance(tags, state), rules, settings(untagged_action=action), NOW)

    assert {finding.remedy for finding in findings} <= {Remedy.TAG, Remedy.LEAVE, Remedy.REPORT}


@given(tags, states, actions, rules)
def test_a_tag_with_a_value_is_never_written_unless_its_rule_says_so(
    tags: dict[str, str], state: str, action: UntaggedAction, rules: list[Rule]
) -> None:
    findings = evaluate(instance(tags, state), rules, settings(untagged_action=action), NOW)

    for finding in findings:
        may_change = finding.unlocked and finding.found == tags.get(finding.tag_key)
        assert finding.unlocked <= any(rule.changes_values for rule in rules)
        is_empty = is_blank(tags.get(finding.tag_key, ""))
        assert finding.remedy is Remedy.REPORT or is_empty or may_change


@given(tags, tags, states, actions, rules)
def test_what_rests_on_absent_keys_holds_for_as_long_as_they_are_absent(
    before: dict[str, str],
    others: dict[str, str],
    state: str,
    action: UntaggedAction,
    rules: list[Rule],
) -> None:
    how = settings(untagged_action=action)
    resting = [f for f in evaluate(instance(before, state), rules, how, NOW) if f.absent_keys]
    for finding in resting:
        kept = {key: value for key, value in others.items() if key not in finding.absent_keys}
        if not kept:
            continue  # it has lost all of its tags, which a quick look does not show
        after = evaluate(instance(kept, state), rules, how, NOW)
        if any(f.tag_key == finding.tag_key and f.remedy is Remedy.LEAVE for f in after):
            continue  # IAM will refuse it, for the sake of a key in another case
        assert (finding.remedy, finding.tag_key) in [(f.remedy, f.tag_key) for f in after]


# What is not to be used, and what others see of what a rule takes and deletes

UNWANTED = Rule(90, "Old", Action.REMOVE, required=True, default="", note="see the wiki")


@pytest.mark.parametrize("value", ["x", "", " "])
def test_a_tag_that_is_not_to_be_used_is_deleted_whatever_it_holds(value: str) -> None:
    (finding,) = evaluate(instance({"Old": value, "Name": "web"}), [UNWANTED], SETTINGS)

    assert (finding.remedy, finding.code) == (Remedy.REMOVE, Code.NOT_ALLOWED)
    assert (finding.tag_key, finding.value, finding.rule_id) == ("Old", value, 90)
    assert (finding.violation, finding.after_writing) == (True, False)
    assert finding.reason == "the tag must not be used"
    assert evaluate(instance({"Name": "web"}), [UNWANTED], SETTINGS) == []


def test_the_last_tag_of_an_instance_is_never_deleted_and_a_mark_is_none() -> None:
    marked = {"Old": "x", "tag-policy:due": "terminate at 2026-11-24T08:00:00Z: no tags at all"}

    for tags in ({"Old": "x"}, marked):
        found = evaluate(instance(tags), [UNWANTED], SETTINGS)
        (finding,) = [f for f in found if f.rule_id]
        assert (finding.remedy, finding.value) == (Remedy.REPORT, None)
        assert finding.reason == "the tag must not be used; it stays, because it is the last tag"


def test_of_two_tags_that_are_not_to_be_used_and_are_all_there_is_one_stays() -> None:
    other = replace(UNWANTED, rule_id=91, tag_key="Older")

    found = evaluate(instance({"Old": "x", "Older": "y"}), [UNWANTED, other], SETTINGS)

    assert [(f.tag_key, f.remedy) for f in found] == [
        ("Old", Remedy.REMOVE),
        ("Older", Remedy.REPORT),
    ]


def test_what_is_written_takes_the_place_of_the_last_tag_once_it_is_there() -> None:
    found = evaluate(instance({"Old": "x"}), [PROJECT_CODE, UNWANTED], SETTINGS)
    before = evaluate(
        instance({"Old": "x"}), [replace(UNWANTED, rule_id=0), PROJECT_CODE], SETTINGS
    )
    looked_up = evaluate(instance({"Old": "x"}), [CREATED_BY, UNWANTED], SETTINGS)

    assert [(f.remedy, f.after_writing) for f in found] == [
        (Remedy.TAG, False),
        (Remedy.REMOVE, True),
    ]
    assert before == [found[0], replace(found[1], rule_id=0)], "whatever the order of the rules"
    assert looked_up[-1].remedy is Remedy.REPORT, "it may not be known who launched it"


@pytest.mark.parametrize(
    "other",
    [
        {"aws:autoscaling:groupName": "web"},
        {"b:due": "other: terminate at 2026-11-24T08:00:00Z: untagged, no grace period"},
        {"b:due": "announcing other: stop at 2026-11-24T08:00:00Z: untagged"},
    ],
    ids=["of a group", "of another engine", "that another engine announces"],
)
def test_what_is_nobodys_does_not_count_as_another_tag(other: dict[str, str]) -> None:
    """When the group lets go of it, or for the other engine, it has no tags at all."""
    assert [f.remedy for f in evaluate(instance({"Old": "x"} | other), [UNWANTED], SETTINGS)][
        :1
    ] == [Remedy.REPORT]


def test_what_is_deleted_because_of_a_tag_waits_until_that_is_seen() -> None:
    stage = Rule(5, "Stage", Action.UPDATE, True, "dev")
    when = (("tag:Stage", ("dev",)),)
    unwanted, team = replace(UNWANTED, when=when), replace(TEAM, when=when)
    tags = {"Name": "x", "Old": "precious", "Team": "a", "tm": "a"}

    found = evaluate(instance(tags), [stage, team, unwanted], SETTINGS)
    seen = evaluate(instance(tags | {"Stage": "dev"}), [stage, team, unwanted], SETTINGS)

    assert [(f.tag_key, f.after_writing) for f in found] == [
        ("Stage", False),
        ("tm", True),
        ("Old", True),
    ]
    assert [(f.tag_key, f.after_writing) for f in seen] == [("tm", False), ("Old", False)]


def test_what_a_rule_says_because_another_does_not_apply_rests_on_what_kept_it_from_that() -> None:
    stage = Rule(5, "Stage", Action.UPDATE, True, "dev")
    always = Rule(10, "Schedule", Action.UPDATE, True, "always", when=(("tag:Stage", ("!dev",)),))
    office = Rule(20, "Schedule", Action.UPDATE, True, "office")

    _, written = evaluate(instance({"Name": "x"}), [stage, always, office], SETTINGS)

    assert (written.value, written.rests_on) == ("office", frozenset({"Stage"}))


def test_the_keys_of_items_that_are_no_rules_are_no_other_spelling() -> None:
    def found(*taken: str) -> list[Remedy]:
        judge = Evaluator([TEAM], SETTINGS, "tag-policy", NOW, taken=taken)
        return [one.remedy for one in judge(instance({"T-M": "ops"})).findings]

    assert found() == [Remedy.TAG]
    assert found("t-m") == [Remedy.REPORT]


TEAM = Rule(60, "Team", Action.CHECK, required=True, default="", aliases=("tm",), rename=True)


def test_a_rule_sees_what_one_before_it_takes_over_and_both_are_written_together() -> None:
    asking = Rule(70, "Cost", Action.UPDATE, True, "", sources=("tag:Team",))

    written, removed, cost = evaluate(instance({"tm": "ops"}), [TEAM, asking], SETTINGS)

    assert (written.value, removed.tag_key) == ("ops", "tm")
    assert (cost.value, cost.source, cost.rests_on) == ("ops", "tag:Team", frozenset({"Team"}))
    assert cost.unlocked


def test_what_rests_on_a_tag_that_is_deleted_waits_for_that() -> None:
    asking = Rule(70, "Cost", Action.UPDATE, True, "x", when=(("tag:tm", ("!*",)),))

    *_, waits = evaluate(instance({"tm": "ops"}), [TEAM, asking], SETTINGS)

    assert (waits.remedy, waits.violation) == (Remedy.WAIT, False)
    assert waits.reason.startswith("rule 70 waits: it depends on a tag that is not written yet")


@pytest.mark.parametrize("required", [True, False])
def test_what_waits_for_a_source_is_a_violation_where_it_is_required(required: bool) -> None:
    rule = Rule(70, "Cost", Action.UPDATE, required, "", sources=("vpc",))

    (waits,) = evaluate(instance({"Name": "web"}), [rule], SETTINGS)

    assert (waits.remedy, waits.code) == (Remedy.WAIT, Code.NOT_KNOWN_YET)
    assert waits.violation is required


def test_a_wrong_value_that_waits_for_a_source_is_a_violation() -> None:
    rule = Rule(
        70,
        "Cost",
        Action.UPDATE,
        False,
        "",
        sources=("vpc",),
        allowed_values=("prod",),
        replace_invalid=True,
    )

    (waits,) = evaluate(instance({"Cost": "bad"}), [rule], SETTINGS)

    assert (waits.remedy, waits.violation) == (Remedy.WAIT, True)


def test_a_creator_is_not_known_yet_to_who_takes_its_value() -> None:
    rule = Rule(70, "Contact", Action.UPDATE, True, "", sources=("tag:CreatedBy",))

    creator, waits = evaluate(instance({"Name": "web"}), [CREATED_BY, rule], SETTINGS)

    assert creator.value is None
    assert (waits.remedy, waits.violation) == (Remedy.WAIT, True)


def test_a_rule_of_some_instances_and_its_sources_go_together() -> None:
    """As Hackney hands over to a scheduler, and the blog post to patching."""
    patch = Rule(
        70,
        "PatchGroup",
        Action.UPDATE,
        True,
        "",
        when=(("tag:Stage", ("*",)),),
        sources=("tag:Stage",),
        synonyms=(("late", ("prod",)), ("early", ("*",))),
    )

    def written(stage: str) -> list[tuple[str, str | None]]:
        found = evaluate(instance({"Stage": stage, "Name": "x"}), [patch], SETTINGS)
        return [(f.tag_key, f.value) for f in found]

    assert written("prod") == [("PatchGroup", "late")]
    assert written("sandbox") == [("PatchGroup", "early")]
    assert written("") == []


def test_what_terraform_gives_is_known_to_conditions_and_sources() -> None:
    how = settings(untagged_action="terminate", facts='{"team": "ops", "stage": "prod"}')
    rule = Rule(
        70,
        "Team",
        Action.UPDATE,
        True,
        "",
        when=(("fact:stage", ("prod",)),),
        sources=("fact:team",),
    )

    assert [f.value for f in evaluate(instance({"Name": "x"}), [rule], how)] == ["ops"]
    other = replace(rule, when=(("fact:stage", ("dev",)),))
    assert evaluate(instance({"Name": "x"}), [other], how) == []


def test_another_spelling_in_another_case_is_taken_over_as_iam_does_not_guard_such_keys() -> None:
    assert not evaluate(instance({"Owner": "jane"}), [replace(OWNER, aliases=("boss",))], SETTINGS)
    (finding,) = evaluate(
        instance({"owner": "jane"}), [replace(OWNER, aliases=("boss",))], SETTINGS
    )

    assert (finding.remedy, finding.value, finding.source) == (Remedy.TAG, "jane", "alias:owner")
    assert finding.unlocked


def test_a_table_of_thousands_of_rules_takes_little_memory() -> None:
    """Whoever may write the table may not take the memory with which people are told."""
    rules = [
        replace(
            OWNER, rule_id=at, tag_key=f"Key-{at}", aliases=tuple(f"a{at}n{n}" for n in range(9))
        )
        for at in range(1, 2_001)
    ]

    tracemalloc.start()
    try:
        Evaluator(rules, SETTINGS, "tag-policy", NOW)(instance({"Name": "web"}))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 40 * 2**20


def test_the_day_of_what_came_to_be_on_no_day_that_is_told_is_not_known() -> None:
    since = Rule(
        1,
        "Since",
        Action.FUNCTION,
        required=True,
        default="launched(-1w)",
        resource_types=(ResourceType.IMAGE,),
    )
    of = ResourceRef("ami-1", "vpc-abc123c1", "", NEVER, {}, resource_type=ResourceType.IMAGE)

    (found,) = Evaluator([since], settings(), "tag-policy", NOW)(
        Resource(of, "available", {})
    ).findings

    assert (found.remedy, found.code) == (Remedy.WAIT, Code.NOT_KNOWN_YET)
