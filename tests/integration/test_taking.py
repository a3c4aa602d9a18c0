"""Values that are taken from elsewhere, other spellings of keys, and tags not to be used."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from tag_policy.aws.clients import Clients
from tag_policy.reporting.publish import RunError
from tests.integration.conftest import Engine
from tests.support import fleet
from tests.support.builders import HOME
from tests.support.calls import AwsError, Call, acting, failing, listening
from tests.support.faults import FAULTS, KilledError, answer_lost

CENTER = {
    "TagKey": "Center",
    "Action": "Check",
    "Aliases": ["cc", "cost center"],
    "Rename": "Y",
    "AllowedValues": ["4*"],
}
TEAM = {"TagKey": "Team", "Action": "Check", "Required": "N", "Aliases": ["tm"]}
OLD = {"TagKey": "Old", "Action": "Remove", "Note": "it says what Stage says"}
STAGE = {
    "TagKey": "Stage",
    "Action": "Update",
    "From": ["auto_scaling_group", "subnet", "vpc:Environment"],
    "AllowedValues": ["prod", "dev"],
}


@pytest.fixture
def engine(make_engine: Callable[[str], Engine]) -> Engine:
    """An engine whose role may write Center, Team and Stage, and delete cc, cost center and Old."""
    made = make_engine("taking")
    made.set_rules({10: CENTER, 20: TEAM, 30: OLD, 40: STAGE})
    made.client("ec2").create_tags(
        Resources=[made.vpc.vpc_id], Tags=[{"Key": "Environment", "Value": "dev"}]
    )
    return made


def tag(engine: Engine, resource_id: str, **tags: str) -> None:
    """Write tags of something that is no instance."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    engine.client("ec2").create_tags(Resources=[resource_id], Tags=listed)


RIGHT = {"Center": "4711", "Stage": "dev"}


def test_a_value_is_taken_from_the_first_that_has_one_that_is_allowed(engine: Engine) -> None:
    tag(engine, engine.vpc.subnet_ids[0], Stage="prod")
    tag(engine, engine.vpc.subnet_ids[1], Stage="Production")
    in_first = engine.launch({"Center": "4711"})
    in_second = engine.launch({"Center": "4711"}, zone=1)
    (member,) = fleet.launch_group(engine, engine.vpc, "web")
    engine.tag(member, Center="4711")
    engine.client("autoscaling").create_or_update_tags(
        Tags=[
            {
                "ResourceId": "web",
                "ResourceType": "auto-scaling-group",
                "Key": "Stage",
                "Value": "dev",
                "PropagateAtLaunch": False,
            }
        ]
    )

    first, second = engine.run(), engine.run()

    assert engine.tags(in_first)["Stage"] == "prod"
    assert engine.tags(in_second)["Stage"] == "dev", "what the subnet says is not allowed"
    assert engine.tags(member)["Stage"] == "dev", "the group comes before the subnet"
    assert first["outcomes"]["tagged"] == 3
    assert (second["outcomes"]["tagged"], second["violations"]) == (0, 0)
    (email,) = engine.emails()
    assert f'{in_first}  Stage = "prod"  required tag missing; taken from subnet' in email.text
    assert (
        f'{in_second}  Stage = "dev"  required tag missing; taken from vpc:Environment'
        in email.text
    )
    assert engine.actions().count("DescribeTags") == 2, "of subnets and VPCs, and of groups, once"


def test_images_and_launch_templates_are_sources_too(engine: Engine) -> None:
    engine.set_rules({40: STAGE | {"From": ["launch_template", "image"]}})
    (member,) = fleet.launch_group(engine, engine.vpc, "web")
    ec2 = engine.client("ec2")
    (template,) = ec2.describe_launch_templates()["LaunchTemplates"]
    tag(engine, template["LaunchTemplateId"], Stage="prod")
    image = ec2.create_image(InstanceId=member, Name="ours")["ImageId"]
    tag(engine, image, Stage="dev")
    (other,) = ec2.run_instances(
        ImageId=image, SubnetId=engine.vpc.subnet_ids[0], MinCount=1, MaxCount=1
    )["Instances"]
    engine.tag(other["InstanceId"], Name="web")

    engine.run()

    assert engine.tags(member)["Stage"] == "prod"
    assert engine.tags(other["InstanceId"])["Stage"] == "dev"


def test_what_cannot_be_read_is_not_nothing_and_is_told_and_goes_on_when_it_can(
    engine: Engine,
) -> None:
    instance = engine.launch({"Center": "4711"})
    (member,) = fleet.launch_group(engine, engine.vpc, "web")

    with failing("DescribeTags", AwsError("UnauthorizedOperation")):
        summary = engine.run()

    for one in (instance, member):
        assert "Stage" not in engine.tags(one)
    assert summary["violations"] >= 2
    (email,) = engine.emails()
    assert "NEEDS ACTION: the run is incomplete" in email.text
    assert "the tags of VPCs, subnets, images and launch templates could not be read" in email.text
    assert "ALL WELL" not in email.text
    engine.run()
    assert engine.tags(instance)["Stage"] == "dev"


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_becomes_of_the_reading_no_default_is_written_for_want_of_it(
    engine: Engine, fault: str
) -> None:
    engine.set_rules({40: STAGE | {"Default": "prod"}})
    instance = engine.launch({"Name": "web"})

    with suppress(RunError, KilledError), FAULTS[fault]("DescribeTags"):
        engine.run()

    assert engine.tags(instance).get("Stage") in (None, "dev")
    engine.clock.sleep(3600)
    engine.run()
    assert engine.tags(instance)["Stage"] == "dev"


def test_what_is_read_only_where_a_rule_asks_for_it_is_read_then(engine: Engine) -> None:
    engine.set_rules(
        {
            40: STAGE
            | {"From": ["public_ip"], "Synonyms": {"prod": ["true"], "dev": ["false"]}}
            | {"When": {"instance_type": ["t3.*"], "public_ip": ["false", "true"]}}
        }
    )
    instance = engine.launch({"Name": "web"})

    engine.run(clients=Clients(HOME))

    assert engine.tags(instance)["Stage"] in ("prod", "dev")


# Other spellings


def test_a_tag_is_renamed_in_one_run_and_the_report_says_both(engine: Engine) -> None:
    instance = engine.launch({"cc": "4711", "Stage": "dev"})
    kept = engine.launch({"CENTER": "4712", "tm": "ops", "Stage": "dev"})

    first, second = engine.run(), engine.run()

    assert engine.tags(instance) == {"Center": "4711", "Stage": "dev"}
    assert engine.tags(kept) == {
        "CENTER": "4712",
        "Center": "4712",
        "tm": "ops",
        "Team": "ops",
        "Stage": "dev",
    }
    assert (first["outcomes"]["tagged"], first["outcomes"]["removed"]) == (3, 1)
    assert (second["outcomes"]["tagged"], second["outcomes"]["removed"]) == (0, 0)
    assert second["violations"] == 0
    assert second["compliant"] == 2
    (email,) = engine.emails()
    assert f"{instance}  Center = \"4711\"  required tag missing; taken from the tag 'cc'" in (
        email.text
    )
    assert f'{instance}  cc = "4711"  its value is in Center' in email.text
    assert engine.refused == []


def test_two_values_are_a_conflict_that_people_have_to_end(engine: Engine) -> None:
    tags = {"cc": "4711", "Center": "4712", "Stage": "dev"}
    instance = engine.launch(tags)
    neither = engine.launch({"cc": "4711", "cost center": "4712", "Stage": "dev"})

    summary = engine.run()

    assert engine.tags(instance) == tags
    assert "Center" not in engine.tags(neither)
    assert engine.changes() == []
    assert (summary["violations"], summary["outcomes"]["reported"]) == (1, 2)
    (email,) = engine.emails()
    assert f"{instance}  Center  it is there with another value: 'cc' has '4711'" in email.text
    assert (
        f"{neither}  Center  required tag missing; it is there with different values: 'cc' has "
        "'4711', 'cost center' has '4712'"
    ) in email.text


def test_what_is_not_to_be_used_is_deleted_and_never_the_last_tag(engine: Engine) -> None:
    engine.set_rules({30: OLD})
    both = engine.launch({"Old": "x", "Id": "1"})
    last = engine.launch({"Old": "x"})

    summary = engine.run()

    assert engine.tags(both) == {"Id": "1"}
    assert engine.tags(last) == {"Old": "x"}
    assert (summary["outcomes"]["removed"], summary["outcomes"]["reported"]) == (1, 1)
    (email,) = engine.emails()
    assert f'{both}  Old = "x"  the tag must not be used' in email.text
    assert "it stays, because it is the last tag - it says what Stage says" in email.text


def test_an_exempt_instance_keeps_what_is_not_to_be_used(engine: Engine) -> None:
    tags = {"Old": "x", "cc": "4711", "tag-policy:exempt": ""}
    instance = engine.launch(tags)

    engine.run()

    assert engine.tags(instance) == tags
    assert engine.changes() == []


def test_in_audit_mode_it_is_told_what_would_be_deleted(engine: Engine) -> None:
    instance = engine.launch({"cc": "4711", "Old": "x", "Stage": "dev"})
    engine.mode = "audit"

    summary = engine.run()

    assert engine.changes() == []
    assert (summary["outcomes"]["tagged"], summary["outcomes"]["removed"]) == (1, 2)
    assert "TAG WOULD BE DELETED" in engine.emails()[0].text
    assert engine.tags(instance) == {"cc": "4711", "Old": "x", "Stage": "dev"}


KEYS = ["cc", "cost center", "CENTER", "Center", "Old", "tm", "Team", "Stage", "Name"]
VALUES = ["4711", "4712", "x", "dev", "", None]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_owners_do_meanwhile_only_what_was_judged_is_taken_or_deleted(
    engine: Engine, seed: int
) -> None:
    """They act before any call but the one that changes something, which follows its look."""
    random = Random(seed)

    def some_tags() -> dict[str, str]:
        drawn = {key: random.choice(VALUES) for key in KEYS if random.random() < 0.5}
        return {key: value for key, value in drawn.items() if value is not None} | {"Id": "1"}

    ids = [engine.launch(some_tags()) for _ in range(6)]
    ec2 = engine.client("ec2")

    def act(call: Call) -> None:
        if call.action in ("CreateTags", "DeleteTags") or random.random() < 0.4:
            return
        engine.clock.sleep(random.choice([0, 0, 4, 11]))
        instance_id = random.choice(ids)
        if random.random() < 0.3:
            ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": random.choice(KEYS)}])
        engine.tag(instance_id, **some_tags())

    def examine(call: Call) -> None:
        if call.action not in ("CreateTags", "DeleteTags"):
            return
        for tags in call.resource_tags.values():
            for one in call.parameters["Tags"]:
                if call.action == "CreateTags":
                    assert_may_write(tags, one["Key"], one["Value"])
                else:
                    assert_may_delete(tags, one["Key"], one["Value"])
        trouble = random.choice(["", "", "RequestLimitExceeded", "InternalError", "Refused"])
        if trouble:
            raise AwsError(trouble)

    for _ in range(3):
        with (
            acting(act),
            listening(examine),
            answer_lost(random.choice(["CreateTags", "DeleteTags"])),
        ):
            engine.run()
        engine.clock.sleep(3600)
    engine.run()
    before = {one: engine.tags(one) for one in ids}
    engine.run()
    assert {one: engine.tags(one) for one in ids} == before, "a second run changes nothing"


def others_of(tags: Mapping[str, str]) -> set[str]:
    """Return the values of other spellings of Center that are allowed."""
    values = (tags.get(key, "") for key in ("cc", "cost center", "CENTER"))
    return {value for value in values if value.startswith("4")}


def assert_may_write(tags: Mapping[str, str], key: str, value: str) -> None:
    """Assert what the rules say of a value that is written, in a test's words."""
    there = tags.get(key, "")
    assert there in ("", value), f"{key}: {there!r} gives way to {value!r}"
    if key == "Stage":
        assert value == "dev"
    elif key == "Center":
        assert others_of(tags) == {value}
    else:
        assert key == "Team"
        assert tags["tm"] == value


def assert_may_delete(tags: Mapping[str, str], key: str, value: str) -> None:
    """Assert what the rules say of a tag that is deleted."""
    if key not in tags:  # an answer was lost
        return
    assert tags[key] == value
    assert len(tags) > 1, "never the last tag"
    if key != "Old":
        assert key in ("cc", "cost center")
        assert tags["Center"] == value
        assert others_of(tags) == {value}, "nothing is deleted where values differ"


def test_an_instance_of_an_event_takes_its_values_too(make_engine: Any) -> None:
    """The same code judges, and reads what it takes values from."""
    engine: Engine = make_engine("events")
    engine.set_rules({10: {"TagKey": "ProjectCode", "Action": "Update", "From": ["tag:Team"]}})

    instance = engine.launch({"Team": "ops"})
    engine.deliver()

    assert engine.tags(instance)["ProjectCode"] == "ops"
