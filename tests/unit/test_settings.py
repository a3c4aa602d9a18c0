import base64
import gzip
import json
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from tag_policy.model.assignment import Mode
from tag_policy.model.remedy import MaxEscalation, UntaggedAction
from tag_policy.model.resource import ResourceType
from tag_policy.settings import (
    AttributionDetails,
    CreatorFormat,
    Settings,
    SettingsError,
    Unchanged,
)
from tests.support.builders import ENVIRONMENT

ISOLATION = "TAG_POLICY_ISOLATION_SECURITY_GROUPS"


def test_a_whole_environment_is_read() -> None:
    settings = Settings.from_env(ENVIRONMENT)

    assert settings == Settings(
        rules_table="tag-policy-rules",
        state_table="tag-policy-state",
        topic_arn="arn:aws:sns:eu-west-1:123456789012:tag-policy-reports",
        vpc_ids=("vpc-abc123c1", "vpc-0def"),
        seeded_rules=None,
        resource_types=frozenset({ResourceType.INSTANCE}),
        unlocked_tag_keys=(),
        named_tag_keys=None,
        facts={},
        vpc_tags={},
        all_vpcs=False,
        default_untagged_action=UntaggedAction.TERMINATE,
        default_mode=Mode.ENFORCE,
        max_escalation=MaxEscalation.NONE,
        isolation_security_groups={},
        vpc_overrides={},
        grace_period=timedelta(0),
        minimum_age=timedelta(minutes=15),
        marker_tag_key="tag-policy:due",
        former_marker_tag_keys=(),
        exempt_tag_key="tag-policy:exempt",
        protect_managed=True,
        max_destructive=10,
        max_destructive_percent=None,
        creator_format=CreatorFormat.NAME,
        attribution_details=AttributionDetails.OFF,
        attribution_delay=timedelta(minutes=30),
        attribution_budget=timedelta(minutes=5),
        lookups_per_second=2,
        queue_url="",
        config_rule=False,
        config_rule_remediates=False,
        schedule="",
        time_zone=UTC,
        report_unchanged=Unchanged.DAILY,
        report_bucket="",
        report_kms_key_arn="",
        report_prefix="",
    )


def test_what_is_said_about_ending_instances_takes_the_place_of_the_defaults() -> None:
    settings = Settings.from_env(
        {
            **ENVIRONMENT,
            "TAG_POLICY_GRACE_PERIOD": "24h",
            "TAG_POLICY_MINIMUM_AGE": "2d",
            "TAG_POLICY_MARKER_TAG_KEY": "due",
            "TAG_POLICY_EXEMPT_TAG_KEY": "keep",
            "TAG_POLICY_PROTECT_MANAGED": "false",
            "TAG_POLICY_MAX_DESTRUCTIVE": "0",
            "TAG_POLICY_MAX_DESTRUCTIVE_PERCENT": "2.5",
        }
    )

    assert settings.grace_period == timedelta(hours=24)
    assert settings.minimum_age == timedelta(days=2)
    assert (settings.marker_tag_key, settings.exempt_tag_key) == ("due", "keep")
    assert not settings.protect_managed
    assert (settings.max_destructive, settings.max_destructive_percent) == (0, 2.5)


def test_what_is_said_about_creators_takes_the_place_of_the_defaults() -> None:
    settings = Settings.from_env(
        {
            **ENVIRONMENT,
            "TAG_POLICY_CREATOR_FORMAT": "role/name",
            "TAG_POLICY_ATTRIBUTION_DETAILS": "event_time",
            "TAG_POLICY_ATTRIBUTION_DELAY_MINUTES": "45",
            "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS": "120",
            "TAG_POLICY_LOOKUPS_PER_SECOND": "0.5",
        }
    )

    assert settings.creator_format is CreatorFormat.ROLE_AND_NAME
    assert settings.attribution_details is AttributionDetails.EVENT_TIME
    assert settings.attribution_delay == timedelta(minutes=45)
    assert settings.attribution_budget == timedelta(minutes=2)
    assert settings.lookups_per_second == 0.5


def packed(text: str) -> str:
    """Return a text as Terraform's base64gzip() makes it."""
    return "gzip:" + base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def overridden(overrides: str, mode: str = "enforce") -> Settings:
    said = {"TAG_POLICY_VPC_OVERRIDES": overrides, "TAG_POLICY_MODE": mode}
    return Settings.from_env(ENVIRONMENT | said)


def test_what_is_said_of_a_vpc_holds_there_and_nowhere_else() -> None:
    of_one = overridden('{"vpc-0def": {"mode": "audit", "untagged_action": "stop"}}')

    assert of_one.mode_in("vpc-0def") is Mode.AUDIT
    assert of_one.untagged_action_in("vpc-0def") is UntaggedAction.STOP
    assert of_one.mode_in("vpc-abc123c1") is Mode.ENFORCE
    assert of_one.untagged_action_in("vpc-abc123c1") is UntaggedAction.TERMINATE
    assert of_one == overridden(
        packed('{"vpc-0def": {"mode": "audit", "untagged_action": "stop"}}')
    )


def test_what_is_not_said_of_a_vpc_is_as_everywhere() -> None:
    only_mode = overridden('{"vpc-0def": {"mode": "audit"}}')
    only_action = overridden('{"vpc-0def": {"untagged_action": "stop"}}')

    assert only_mode.untagged_action_in("vpc-0def") is UntaggedAction.TERMINATE
    assert only_action.mode_in("vpc-0def") is Mode.ENFORCE


@pytest.mark.parametrize(
    ("mode", "override", "of_a_run"),
    [
        ("audit", "enforce", Mode.ENFORCE),
        ("enforce", "audit", Mode.ENFORCE),
        ("audit", "audit", Mode.AUDIT),
    ],
)
def test_a_run_enforces_where_any_vpc_is_enforced(mode: str, override: str, of_a_run: Mode) -> None:
    assert overridden(f'{{"vpc-0def": {{"mode": "{override}"}}}}', mode).mode is of_a_run


def test_what_is_longer_unpacked_than_it_can_be_is_refused() -> None:
    ids = ", ".join(f'"vpc-{number:08x}"' for number in range(100_000))

    with pytest.raises(SettingsError, match="which VPCs to look after"):
        Settings.from_env(ENVIRONMENT | {"TAG_POLICY_VPCS": packed(f'{{"ids": [{ids}]}}')})


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    for absent in ({}, {name: " "}):
        environment = {k: v for k, v in ENVIRONMENT.items() if k != name} | absent
        with pytest.raises(SettingsError, match=f"{name} is not set; expected, for example"):
            Settings.from_env(environment)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TAG_POLICY_TOPIC_ARN", "reports", "the ARN of a topic"),
        ("TAG_POLICY_VPCS", '{"ids": ["vpc-abc123c1", "web"]}', "which VPCs to look after"),
        ("TAG_POLICY_NAMED_TAG_KEYS", "Owner", "a list of tag keys in JSON"),
        ("TAG_POLICY_SEEDED_RULES", "10,20", "ids of rules and their tag keys"),
        ("TAG_POLICY_SEEDED_RULES", "{}", "ids of rules and their tag keys"),
        ("TAG_POLICY_SEEDED_RULES", "[10]", "ids of rules and their tag keys"),
        ("TAG_POLICY_SEEDED_RULES", '{"10": 5}', "ids of rules and their tag keys"),
        ("TAG_POLICY_SEEDED_RULES", '{"ten": "A"}', "ids of rules and their tag keys"),
        ("TAG_POLICY_NAMED_TAG_KEYS", "gzip:%", "a list of tag keys in JSON"),
        ("TAG_POLICY_FACTS", "team=ops", "names and values in JSON"),
        ("TAG_POLICY_FACTS", "{}", "names and values in JSON"),
        ("TAG_POLICY_FACTS", "[1]", "names and values in JSON"),
        ("TAG_POLICY_FACTS", '{"team": 1}', "names and values in JSON"),
        ("TAG_POLICY_FACTS", "gzip:%", "names and values in JSON"),
        (ISOLATION, "sg-0abc", "ids of VPCs and of security groups in JSON"),
        (ISOLATION, "{}", "ids of VPCs and of security groups in JSON"),
        (ISOLATION, "[]", "ids of VPCs and of security groups in JSON"),
        (ISOLATION, '{"vpc-0abc": 1}', "ids of VPCs and of security groups in JSON"),
        (ISOLATION, '{"vpc-0abc": "default"}', "ids of VPCs and of security groups in JSON"),
        (ISOLATION, '{"main": "sg-0abc"}', "ids of VPCs and of security groups in JSON"),
        (ISOLATION, "gzip:%", "ids of VPCs and of security groups in JSON"),
        ("TAG_POLICY_VPCS", '{"ids": []}', "which VPCs to look after"),
        ("TAG_POLICY_VPCS", '{"ids": ["vpc-0abc"], "all": true}', "which VPCs to look after"),
        ("TAG_POLICY_VPCS", '{"tags": {}}', "which VPCs to look after"),
        ("TAG_POLICY_VPCS", '{"tags": {"Stage": null}}', "which VPCs to look after"),
        ("TAG_POLICY_VPCS", '{"all": false}', "which VPCs to look after"),
        ("TAG_POLICY_VPCS", "vpc-0abc,vpc-0def", "which VPCs to look after"),
        ("TAG_POLICY_VPCS", "[" * 100_000, "which VPCs to look after"),
        ("TAG_POLICY_VPCS", "gzip:bm90IGd6aXA=", "which VPCs to look after"),
        ("TAG_POLICY_VPCS", "gzip:%", "which VPCs to look after"),
        ("TAG_POLICY_VPCS", packed(" " * 10_000_000), "which VPCs to look after"),
        ("TAG_POLICY_VPCS", packed('{"all": true}')[:-8], "which VPCs to look after"),
        ("TAG_POLICY_VPC_OVERRIDES", "{", "what is otherwise in some VPCs"),
        ("TAG_POLICY_VPC_OVERRIDES", "[]", "what is otherwise in some VPCs"),
        ("TAG_POLICY_VPC_OVERRIDES", '{"web": {}}', "what is otherwise in some VPCs"),
        ("TAG_POLICY_VPC_OVERRIDES", '{"vpc-0abc": "audit"}', "what is otherwise in some VPCs"),
        ("TAG_POLICY_VPC_OVERRIDES", '{"vpc-0abc": {"mod": "audit"}}', "what is otherwise"),
        ("TAG_POLICY_VPC_OVERRIDES", '{"vpc-0abc": {"mode": "Audit"}}', "what is otherwise"),
        ("TAG_POLICY_VPC_OVERRIDES", "gzip:%", "what is otherwise in some VPCs"),
        (
            "TAG_POLICY_UNTAGGED_ACTION",
            "kill",
            "'terminate', 'stop', 'isolate', 'notify', 'remediate'",
        ),
        ("TAG_POLICY_MODE", "Enforce", "'enforce', 'audit'"),
        ("TAG_POLICY_GRACE_PERIOD", "1 day", "such as '30m' or '24h'"),
        ("TAG_POLICY_MINIMUM_AGE", "-5m", "such as '30m' or '24h'"),
        ("TAG_POLICY_EXEMPT_TAG_KEY", "tag-policy:due", "expected different keys, such as"),
        (
            "TAG_POLICY_EXEMPT_TAG_KEY",
            "Tag-Policy:DUE",
            "does not mind case; expected",
        ),
        ("TAG_POLICY_EXEMPT_TAG_KEY", " keep", "without blanks at its edges, such as"),
        ("TAG_POLICY_MARKER_TAG_KEY", "due ", "without blanks at its edges, such as"),
        ("TAG_POLICY_MARKER_TAG_KEY", "due\u200b", "without blanks at its edges, such as"),
        ("TAG_POLICY_PROTECT_MANAGED", "yes", "'true', 'false'"),
        ("TAG_POLICY_MAX_DESTRUCTIVE", "all", "a number from 0 to 1000000, such as 10"),
        ("TAG_POLICY_MAX_DESTRUCTIVE_PERCENT", "101", "a number from 0 to 100, such as 5"),
        ("TAG_POLICY_CREATOR_FORMAT", "user", "'name', 'arn', 'role/name'"),
        ("TAG_POLICY_ATTRIBUTION_DETAILS", "on", "'off', 'event_id', 'event_time'"),
        ("TAG_POLICY_ATTRIBUTION_DELAY_MINUTES", "0", "a number from 5 to 1440, such as 30"),
        ("TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS", "long", "a number from 10 to 600, such as 300"),
        ("TAG_POLICY_LOOKUPS_PER_SECOND", "nan", "a number from 0.1 to 1000, such as 2"),
    ],
)
def test_a_malformed_variable_is_named_with_what_would_be_right(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(ENVIRONMENT | {name: value})

    assert name in str(caught.value)
    assert expected in str(caught.value)


def test_one_error_names_all_that_is_wrong() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})

    assert all(name in str(caught.value) for name in ENVIRONMENT)


def vpcs(value: str) -> Settings:
    return Settings.from_env(ENVIRONMENT | {"TAG_POLICY_VPCS": value})


def test_which_vpcs_may_be_said_by_ids_by_tags_or_that_it_is_all_of_them() -> None:
    assert vpcs('{"ids": ["vpc-0def", "vpc-0abc", "vpc-0def"]}').vpc_ids == ("vpc-0def", "vpc-0abc")
    assert vpcs('{"tags": {"Stage": "prod"}}').vpc_tags == {"Stage": "prod"}
    assert vpcs('{"all": true}').all_vpcs
    assert [
        settings.finds_vpcs
        for settings in (
            vpcs('{"ids": ["vpc-0abc"]}'),
            vpcs('{"tags": {"a": ""}}'),
            vpcs('{"all": true}'),
        )
    ] == [False, True, True]


MADE = '{"10": "Owner", "20": "Team"}'


@pytest.mark.parametrize("form", [MADE, packed(MADE)], ids=["plain", "packed"])
def test_which_rules_terraform_has_made_is_read(form: str) -> None:
    environment = ENVIRONMENT | {"TAG_POLICY_SEEDED_RULES": form}

    assert Settings.from_env(environment).seeded_rules == {10: "Owner", 20: "Team"}
    assert Settings.from_env(ENVIRONMENT).seeded_rules is None


GROUPS = '{"vpc-0abc": "sg-0abc", "vpc-0def": "sg-0def"}'


@pytest.mark.parametrize("form", [GROUPS, packed(GROUPS)], ids=["plain", "packed"])
def test_the_groups_that_isolate_are_read_by_vpc(form: str) -> None:
    groups = Settings.from_env(ENVIRONMENT | {ISOLATION: form}).isolation_security_groups

    assert groups == {"vpc-0abc": "sg-0abc", "vpc-0def": "sg-0def"}


FACTS = '{"team": "platforms", "stage": "prod"}'


@pytest.mark.parametrize("form", [FACTS, packed(FACTS)], ids=["plain", "packed"])
def test_what_terraform_gives_rules_to_know_is_read(form: str) -> None:
    environment = ENVIRONMENT | {"TAG_POLICY_FACTS": form}

    assert Settings.from_env(environment).facts == {"team": "platforms", "stage": "prod"}


@pytest.mark.parametrize("name", ["named_tag_keys", "unlocked_tag_keys"])
def test_a_long_list_of_tag_keys_is_compressed(name: str) -> None:
    environment = ENVIRONMENT | {f"TAG_POLICY_{name.upper()}": packed('["Owner", "Team"]')}

    assert getattr(Settings.from_env(environment), name) == ("Owner", "Team")


def test_a_long_list_of_vpcs_is_compressed() -> None:
    ids = [f"vpc-{number:017x}" for number in range(150)]

    assert vpcs(packed(json.dumps({"ids": ids}))).vpc_ids == tuple(ids)


def test_a_run_that_has_found_its_vpcs_knows_them() -> None:
    found = vpcs('{"all": true}').with_vpcs(["vpc-0abc"])

    assert (found.vpc_ids, found.all_vpcs) == (("vpc-0abc",), True)


def test_days_are_counted_in_the_time_zone_that_is_given() -> None:
    read = Settings.from_env({**ENVIRONMENT, "TAG_POLICY_TIME_ZONE": "America/New_York"})

    assert read.time_zone == ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "value", ["Europe/Berlinn", "Europe", "../UTC", "/etc/localtime", "CEST", "europe/\0"]
)
def test_what_is_no_time_zone_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"TAG_POLICY_TIME_ZONE is .*'Europe/Berlin'"):
        Settings.from_env({**ENVIRONMENT, "TAG_POLICY_TIME_ZONE": value})


def test_what_rules_may_be_about_is_read_and_instances_are_always_among_it() -> None:
    name = "TAG_POLICY_RESOURCE_TYPES"
    read = Settings.from_env({**ENVIRONMENT, name: '["volume", "snapshot"]'})

    assert read.resource_types == {
        ResourceType.INSTANCE,
        ResourceType.VOLUME,
        ResourceType.SNAPSHOT,
    }
    for wrong in ('["volumes"]', '{"volume": 1}', "volume"):
        with pytest.raises(SettingsError, match=name):
            Settings.from_env({**ENVIRONMENT, name: wrong})
