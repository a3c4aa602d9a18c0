"""When a condition holds, when it does not, and when nobody knows yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tag_policy.model.resource import NEVER, Resource, ResourceRef, ResourceType
from tag_policy.model.target import Target
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.aliases import Spellings
from tag_policy.rules.conditions import ConditionError, Context, When, asks_for_more
from tests.support.builders import NOW, PROJECT_CODE, instance

HERE = Target("aws", "eu-west-1", "123456789012")
FACTS = {"team": "platforms"}


def holds(fact: str, *patterns: str, tag: Value = None, **changes: object) -> bool | None:
    """Tell whether a condition holds of an instance of an age of a day."""
    subject = instance({"Name": "web"})
    ref = replace(subject.ref, created_at=changes.pop("created_at", subject.ref.created_at))
    ref = replace(ref, managers=changes.pop("managers", {}))
    subject = replace(subject, ref=ref, **changes)
    return When(((fact, patterns),)).holds(
        Context(subject, lambda _: tag, HERE, NOW, FACTS, Spellings({}))
    )


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        (["prod"], "prod", True),
        (["prod"], "Prod", False),
        (["prod"], "production", False),
        (["prod*"], "production", True),
        (["dev", "test-*"], "test-7", True),
        (["dev", "test-*"], "prod", False),
        (["!prod"], "prod", False),
        (["!prod"], "dev", True),
        (["!prod", "!dev"], "dev", False),
        (["!prod-1", "prod-*"], "prod-1", False),
        (["!prod-1", "prod-*"], "prod-2", True),
        (["!prod-1", "prod-*"], "dev", False),
        (["*"], "anything", True),
        (["!*"], "anything", False),
        # What is not there, and what is blank, matches only what is behind a "!".
        *[(["*"], absent, False) for absent in (None, "", " ", "\u200b")],
        *[(["!*"], absent, True) for absent in (None, "", " ", "\u200b")],
        *[(["!prod"], absent, True) for absent in (None, "", " ")],
        *[(["prod"], absent, False) for absent in (None, "")],
        *[(["!prod", "dev"], absent, False) for absent in (None, "")],
        # A value that is to hold who launched the instance.
        (["*"], Unknown.VALUE, None),
        (["!*"], Unknown.VALUE, None),
        (["!prod"], Unknown.VALUE, None),
    ],
)
def test_a_condition_on_a_tag(patterns: list[str], value: Value, expected: bool | None) -> None:
    assert holds("tag:Stage", *patterns, tag=value) is expected


@pytest.mark.parametrize(
    ("fact", "pattern", "expected"),
    [
        ("vpc", "vpc-abc123c1", True),
        ("vpc", "vpc-0*", False),
        ("region", "eu-*", True),
        ("region", "!eu-west-1", False),
        ("account", "123456789012", True),
        ("account", "123456789013", False),
        ("state", "running", True),
        ("state", "stopped", False),
        ("auto_scaling_group", "!*", True),
        ("managed_by", "!*", True),
        ("fact:team", "plat*", True),
        ("fact:team", "!*", False),
        ("fact:stage", "*", False),
        ("fact:stage", "!*", True),
    ],
)
def test_a_condition_on_what_is_known_of_an_instance(
    fact: str, pattern: str, expected: bool
) -> None:
    assert holds(fact, pattern) is expected


SEEN = {
    "subnet": ("subnet_id", "subnet-1"),
    "availability_zone": ("availability_zone", "eu-west-1a"),
    "instance_type": ("instance_type", "m6i.large"),
    "image": ("image_id", "ami-1"),
    "lifecycle": ("lifecycle", "spot"),
    "platform": ("platform", "Windows with SQL Server Standard"),
    "instance_profile": ("instance_profile", "web"),
}


@pytest.mark.parametrize("fact", SEEN)
def test_a_condition_on_what_is_read_where_it_is_asked_for(fact: str) -> None:
    field, value = SEEN[fact]
    seen = {"subnet_id": "subnet-1", field: value}

    assert holds(fact, value, **seen)
    assert holds(fact, f"{value[:3]}*", **seen)
    assert not holds(fact, f"!{value}", **seen)
    assert not holds(fact, "other*", **seen)


@pytest.mark.parametrize("fact", [*SEEN, "public_ip"])
@pytest.mark.parametrize("pattern", ["*", "!*", "true", "!true", "false"])
def test_what_was_not_read_is_not_known_and_not_nothing(fact: str, pattern: str) -> None:
    assert holds(fact, pattern) is None


@pytest.mark.parametrize("fact", ["lifecycle", "instance_profile"])
def test_what_an_instance_has_not_is_nothing(fact: str) -> None:
    assert holds(fact, "!*", subnet_id="subnet-1")
    assert not holds(fact, "*", subnet_id="subnet-1")


def test_a_public_address_is_there_or_not() -> None:
    assert holds("public_ip", "true", subnet_id="subnet-1", has_public_ip=True)
    assert holds("public_ip", "false", subnet_id="subnet-1")
    assert not holds("public_ip", "true", subnet_id="subnet-1")


def test_what_is_only_starting_may_yet_get_a_public_address() -> None:
    starting = {"subnet_id": "subnet-1", "state": "pending"}

    assert holds("public_ip", "false", **starting) is None
    assert holds("public_ip", "true", **starting, has_public_ip=True)


def test_only_a_rule_that_asks_for_it_has_more_read_of_instances() -> None:
    def asks(fact: str) -> bool:
        return asks_for_more(replace(PROJECT_CODE, when=((fact, ("*",)),)))

    assert all(map(asks, [*SEEN, "public_ip"]))
    assert not any(map(asks, ["vpc", "tag:Stage", "state", "auto_scaling_group", "fact:team"]))


def test_conditions_on_who_manages_an_instance() -> None:
    web = {"autoscaling": "web-asg", "cloudformation": "web"}

    assert holds("auto_scaling_group", "web-*", managers=web)
    assert not holds("auto_scaling_group", "db-*", managers=web)
    assert holds("managed_by", "autoscaling", managers=web)
    assert holds("managed_by", "cloudformation", managers=web)
    assert not holds("managed_by", "!cloudformation", managers=web)
    assert not holds("managed_by", "spotfleet", managers=web)


@pytest.mark.parametrize(
    ("pattern", "age", "expected"),
    [
        (">2d", timedelta(days=2), False),
        (">2d", timedelta(days=2, seconds=1), True),
        ("<2d", timedelta(days=2), False),
        ("<2d", timedelta(days=2, seconds=-1), True),
        (">1w", timedelta(days=7, seconds=1), True),
        ("!>1w", timedelta(days=7, seconds=1), False),
        ("!>1w", timedelta(days=7), True),
    ],
)
def test_age_counts_from_creation_to_the_second(
    pattern: str, age: timedelta, expected: bool
) -> None:
    assert holds("age", pattern, created_at=NOW - age) is expected


def test_a_month_of_age_ends_on_a_day_that_exists() -> None:
    """The last start is no concern: only creation is."""
    on_the_31st = datetime(2026, 10, 31, 8, tzinfo=UTC)

    when = When((("age", (">1m",)),))
    subject = replace(instance({}), started_at=NOW)
    subject = replace(subject, ref=replace(subject.ref, created_at=on_the_31st))

    def after(days: int, seconds: int = 0) -> bool | None:
        now = on_the_31st + timedelta(days=days, seconds=seconds)
        return when.holds(Context(subject, lambda _: None, HERE, now, FACTS, Spellings({})))

    assert (after(30), after(30, 1)) == (False, True), "the 30th of November"


def test_all_conditions_have_to_hold_and_what_does_not_is_known_whatever_else_is_not() -> None:
    def both(stage: Value, state: str) -> bool | None:
        when = When((("tag:Stage", ("prod",)), ("state", ("running",))))
        subject = replace(instance({}), state=state)
        return when.holds(Context(subject, lambda _: stage, HERE, NOW, FACTS, Spellings({})))

    assert both("prod", "running") is True
    assert both("dev", "running") is False
    assert both(Unknown.VALUE, "running") is None
    assert both(Unknown.VALUE, "stopped") is False


def test_without_conditions_a_rule_concerns_everything() -> None:
    when = When(())

    assert (
        when.holds(Context(instance({}), lambda _: Unknown.VALUE, HERE, NOW, FACTS, Spellings({})))
        is True
    )


@pytest.mark.parametrize(
    ("fact", "pattern", "problem"),
    [
        (
            "colour",
            "red",
            "asks for 'colour', which is not known; known are tag:Key, fact:name, vpc, region",
        ),
        ("Tag:Stage", "prod", "asks for 'Tag:Stage'"),
        ("age", "30d", "'30d' for an age, which must be such as '>30d'"),
        ("age", ">0d", "'>0d' for an age"),
        ("age", ">=30d", "'>=30d' for an age"),
        ("tag:Stage", "", "a blank pattern"),
        ("tag:Stage", "! ", "a blank pattern"),
    ],
)
def test_what_nobody_can_answer_is_refused(fact: str, pattern: str, problem: str) -> None:
    with pytest.raises(ConditionError) as refused:
        When(((fact, (pattern,)),))

    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "expected"), [(">1d", False), ("<1d", False), ("!>1d", True), ("!<1d", True)]
)
def test_what_came_to_be_at_no_time_that_is_told_is_of_no_age(pattern: str, expected: bool) -> None:
    assert holds("age", pattern, created_at=NEVER) is expected


@pytest.mark.parametrize(
    ("fact", "pattern", "expected"),
    [
        ("attached", "true", True),
        ("attached", "!true", False),
        ("availability_zone", "eu-west-1a", True),
        ("platform", "*", False),
        ("platform", "!*", True),
        ("subnet", "!*", True),
        ("state", "in-use", True),
    ],
)
def test_what_a_type_does_not_have_is_as_what_is_not_there(
    fact: str, pattern: str, expected: bool
) -> None:
    of = ResourceRef("vol-1", "vpc-1", "", NOW, {}, resource_type=ResourceType.VOLUME)
    volume = Resource(of, "in-use", {}, availability_zone="eu-west-1a", is_attached=True)
    asked = Context(volume, lambda _: None, HERE, NOW, FACTS, Spellings({}))

    assert When(((fact, (pattern,)),)).holds(asked) is expected
