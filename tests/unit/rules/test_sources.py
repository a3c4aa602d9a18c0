"""Where a missing value comes from."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tag_policy.model.instance import Instance
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.aliases import Spellings
from tag_policy.rules.conditions import Context
from tag_policy.rules.sources import SourceError, Sources, sources_of
from tests.support.builders import HOME, NOW, PROJECT_CODE, instance

RULE = replace(PROJECT_CODE, tag_key="CostCenter", default="")
TEMPLATE = {"aws:ec2launchtemplate:id": "lt-1"}


def in_a_subnet(tags: dict[str, str] | None = None, **changes: object) -> Instance:
    subject = instance(tags or {"Name": "web"}, managers={"autoscaling": "web-asg"})
    return replace(subject, **{"subnet_id": "subnet-1", "image_id": "ami-1"} | changes)


def value(
    said: str,
    subject: Instance,
    parents: dict[tuple[str, str, str], Value] | None = None,
    tag: Callable[[str], Value] = lambda _: None,
) -> Value:
    (source,) = sources_of(replace(RULE, sources=(said,)))
    asked = Context(subject, tag, HOME, NOW, {"team": "platforms", "blank": " "}, Spellings({}))
    found = source.values(asked, lambda *which: (parents or {}).get(which))
    if isinstance(found, Unknown):
        return found
    assert len(found) <= 1
    return "".join(value for _, value in found)


@pytest.mark.parametrize(
    ("said", "which"),
    [
        ("vpc", ("vpc", "vpc-abc123c1", "CostCenter")),
        ("vpc:cc", ("vpc", "vpc-abc123c1", "cc")),
        ("subnet", ("subnet", "subnet-1", "CostCenter")),
        ("subnet:a:b", ("subnet", "subnet-1", "a:b")),
        ("image:cc", ("image", "ami-1", "cc")),
        ("auto_scaling_group", ("auto_scaling_group", "web-asg", "CostCenter")),
        ("launch_template", ("launch_template", "lt-1", "CostCenter")),
    ],
)
def test_a_tag_of_what_an_instance_is_in_or_was_made_of(
    said: str, which: tuple[str, str, str]
) -> None:
    subject = in_a_subnet(TEMPLATE)

    assert value(said, subject, {which: "4711"}) == "4711"
    assert value(said, subject, {which: Unknown.VALUE}) is Unknown.VALUE
    assert value(said, subject, {which: " "}) == "", "a blank one is none"
    assert value(said, subject) == ""


@pytest.mark.parametrize("said", ["auto_scaling_group", "launch_template"])
def test_what_was_not_made_of_such_a_thing_has_nothing_from_it(said: str) -> None:
    subject = replace(instance({"Name": "web"}), subnet_id="subnet-1")
    (source,) = sources_of(replace(RULE, sources=(said,)))

    assert source.parent_of(subject) is None
    assert value(said, subject) == ""


@pytest.mark.parametrize("said", ["subnet", "image", "public_ip"])
def test_what_was_not_read_of_an_instance_is_not_known(said: str) -> None:
    assert value(said, instance({"Name": "web"})) is Unknown.VALUE


def test_what_terraform_gives_and_what_other_tags_say() -> None:
    subject = in_a_subnet()

    assert value("fact:team", subject) == "platforms"
    assert value("fact:blank", subject) == ""
    assert value("tag:Stage", subject, tag=lambda key: f"of {key}") == "of Stage"
    assert value("tag:Stage", subject, tag=lambda _: Unknown.VALUE) is Unknown.VALUE
    assert value("tag:Stage", subject) == ""


def test_whether_it_has_a_public_address() -> None:
    assert value("public_ip", in_a_subnet(has_public_ip=True)) == "true"
    assert value("public_ip", in_a_subnet()) == "false"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("region", "which is not known; known are auto_scaling_group, subnet, vpc, image"),
        ("vpc:", "which is not known"),
        ("vpc: ", "which is not known"),
        ("vpc:a\nb", "which is not known"),
        (f"vpc:{'k' * 128}", "which is not known"),
        ("tag:", "which is not known"),
        ("fact:", "which is not known"),
        ("public_ip:x", "which is not known"),
        ("VPC", "which is not known"),
        ("", "which is not known"),
        ("tag:CostCenter", "which is the tag that is missing"),
    ],
)
def test_what_is_no_source_is_refused(said: str, problem: str) -> None:
    with pytest.raises(SourceError) as error:
        sources_of(replace(RULE, sources=(said,)))

    assert problem in str(error.value)
    assert str(error.value).isprintable()


def test_a_key_of_as_many_characters_as_a_key_has_is_one() -> None:
    assert sources_of(replace(RULE, sources=(f"vpc:{'k' * 127}",)))


def test_what_may_be_another_one_a_moment_later() -> None:
    may_change = {
        said: source.may_change
        for said in (
            *("auto_scaling_group", "public_ip", "tag:x", "vpc", "subnet", "image", "fact:x"),
            *("instance", "volume:x"),
        )
        for source in sources_of(replace(RULE, sources=(said,)))
    }

    assert [said for said, may in may_change.items() if may] == [
        "auto_scaling_group",
        "public_ip",
        "tag:x",
        "instance",
        "volume:x",
    ]


# What has to be read


def test_only_parents_of_what_lacks_a_tag_are_read_and_only_those_keys() -> None:
    owner = replace(RULE, rule_id=2, tag_key="Owner", sources=("vpc:Team", "tag:Team"))
    sources = Sources([replace(RULE, sources=("subnet", "vpc")), owner])
    whole = in_a_subnet({"CostCenter": "1", "Owner": "jane"})
    lacking = in_a_subnet({"CostCenter": "1", "Owner": " "}, subnet_id="subnet-2")

    assert sources.keys == {"subnet": {"CostCenter"}, "vpc": {"CostCenter", "Team"}}
    assert list(sources.of([whole])) == []
    assert list(sources.of([lacking])) == [("vpc", "vpc-abc123c1")]
    assert ("subnet", "subnet-1") in sources.of([in_a_subnet()])


def test_where_values_are_replaced_they_may_be_needed_in_any_case() -> None:
    sources = Sources([replace(RULE, sources=("vpc",), replace_invalid=True)])

    assert list(sources.of([in_a_subnet({"CostCenter": "1"})])) == [("vpc", "vpc-abc123c1")]


def test_without_sources_nothing_is_read() -> None:
    sources = Sources([RULE])

    assert not sources.keys
    assert list(sources.of([in_a_subnet()])) == []
    assert not sources.ask_for_more


@pytest.mark.parametrize(
    ("said", "asks"),
    [("subnet", True), ("image:x", True), ("public_ip", True), ("vpc", False), ("tag:x", False)],
)
def test_which_sources_ask_for_more_of_instances(said: str, asks: bool) -> None:
    assert Sources([replace(RULE, sources=(said,))]).ask_for_more is asks


def test_conditions_may_ask_for_more_of_instances_too() -> None:
    assert Sources([replace(RULE, when=(("instance_type", ("m6i.*",)),))]).ask_for_more
