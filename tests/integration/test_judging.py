"""Rules that say which values are right: what is wrong is told, and nothing is overwritten."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from moto.config.models import config_backends

from tag_policy.runs import holding
from tests.integration.conftest import Engine
from tests.support import fleet, moto_config
from tests.support.calls import AwsError, Call, acting, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.faults import answer_lost

HOUR = 3600

CHECK = {"TagKey": "Owner", "Action": "Check", "Note": "see https://wiki.example.org/owner"}
STAGE = {"TagKey": "Stage", "Action": "Check", "AllowedValues": ["prod", "dev", "test-*"]}
TEAM = {
    "TagKey": "ProjectCode",
    "Action": "Update",
    "Default": "platform",
    "AllowedPattern": "^[a-z]+$",
    "Required": "Y",
}
CREATOR = {
    "TagKey": "CreatedBy",
    "Action": "UserLookup",
    "Default": "Platform",
    "AllowedPattern": "^[A-Z][a-z]+$",
}
UNTIL = {
    "TagKey": "Until",
    "Action": "Check",
    "Required": "N",
    "Expires": "Y",
    "MaxLifetime": "90d",
}


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine that reports untagged instances, and has rules about values."""
    made: Engine = make_engine("notify")
    made.set_rules({10: CHECK, 20: STAGE, 30: TEAM, 40: UNTIL})
    return made


def test_what_is_wrong_is_told_and_what_is_missing_is_written_where_the_rule_has_a_value(
    engine: Engine,
) -> None:
    right = engine.launch(
        {"Owner": "a", "Stage": "test-7", "ProjectCode": "web", "Until": "2026-12-31"}
    )
    wrong = engine.launch({"Stage": "Prod", "ProjectCode": "Team 7", "Until": "2026-01-01"})

    summary = engine.run()

    assert engine.tags(wrong) == {"Stage": "Prod", "ProjectCode": "Team 7", "Until": "2026-01-01"}
    assert (summary["compliant"], summary["violations"]) == (1, 4)
    assert summary["outcomes"]["reported"] == 4
    assert engine.changes() == []
    (email,) = engine.emails()
    assert right not in email.text
    assert "PLEASE CHECK: 4 findings for people to fix." in email.text
    for line in (
        f"{wrong}  Owner  required tag missing - see https://wiki.example.org/owner",
        f"{wrong}  Stage  'Prod' is not allowed; expected one of 'prod', 'dev', 'test-*'",
        f"{wrong}  ProjectCode  'Team 7' is not allowed; expected a match for ^[a-z]+$",
        f"{wrong}  Until  expired: 2026-01-01 was the last day",
    ):
        assert line in email.text


def test_what_lacks_a_tag_gets_it_beside_what_is_only_told(engine: Engine) -> None:
    instance = engine.launch({"Owner": "a", "Stage": "Prod"})

    first, second = engine.run(), engine.run()

    assert engine.tags(instance) == {"Owner": "a", "Stage": "Prod", "ProjectCode": "platform"}
    assert engine.changes() == ["CreateTags"], "the second run changes nothing"
    assert (first["outcomes"]["tagged"], first["outcomes"]["reported"]) == (1, 1)
    assert (second["outcomes"]["tagged"], second["outcomes"]["reported"]) == (0, 1)


def test_what_is_as_it_was_is_told_once_and_another_wrong_value_again(engine: Engine) -> None:
    instance = engine.launch({"Owner": "a", "Stage": "Prod", "ProjectCode": "web"})
    for _ in range(3):
        engine.run()
        engine.clock.sleep(HOUR)
    assert len(engine.emails()) == 1

    engine.tag(instance, Stage="PROD")
    engine.run()

    assert "'PROD' is not allowed" in engine.emails()[1].text


def test_three_hundred_without_a_tag_are_one_line_and_machines_are_told_of_each(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    ids = fleet.launch(engine, engine.vpc, {"Stage": "prod", "ProjectCode": "web"}, count=300)

    engine.run()

    (email,) = engine.emails()
    assert "and 297 other instances  Owner  required tag missing - see https" in email.text
    told = [line for line in map(vars, caplog.records) if line.get("result") == "reported"]
    assert {line["resource_id"] for line in told} == set(ids)
    assert {(line["code"], line["rule_id"], line["note"]) for line in told} == {
        ("missing", "10", "see https://wiki.example.org/owner")
    }


def test_of_hundreds_that_lack_the_same_people_are_told_how_many_and_then_know_of_all(
    engine: Engine,
) -> None:
    """A line for each would be a message an hour, for as long as it takes to list them all."""
    fleet.launch(engine, engine.vpc, {"ProjectCode": "web"}, count=450)
    other = engine.launch({"ProjectCode": "web", "Owner": "a", "Stage": "Test"})

    summary = engine.run()

    assert summary["outcomes"]["reported"] == 901
    (email,) = engine.emails()
    assert "and 447 other instances  Owner  required tag missing - see https" in email.text
    assert "and 447 other instances  Stage  required tag missing; expected one of" in email.text
    assert f"{other}  Stage  'Test' is not allowed" in email.text, "and it has room for others"
    assert "left out, because the message would be too long" not in email.text
    engine.clock.sleep(HOUR)
    assert engine.run()["outcomes"]["reported"] == 901
    assert len(engine.emails()) == 1, "nothing is new"

    engine.tag(other, Stage="TEST")
    engine.clock.sleep(HOUR)
    engine.run()
    assert "'TEST' is not allowed" in engine.emails()[1].text
    assert "901 findings for people to fix" in engine.emails()[1].text
    assert "900 findings for people to fix" in engine.emails()[1].text.partition("LISTED")[2]


def test_a_creator_that_the_rule_forbids_gives_way_to_its_default(
    make_engine: Callable[[str], Engine],
) -> None:
    engine = make_engine("notify")
    engine.set_rules({10: CREATOR})
    instance = engine.launch({"Name": "web"})
    engine.backdate(instance, timedelta(hours=2))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "Platform", "root has launched it"
    (email,) = engine.emails()
    assert (
        "required tag missing; who launched it is not written: 'root' is not allowed; expected a "
        "match for ^[A-Z][a-z]+$"
    ) in email.text
    assert engine.run()["outcomes"]["tagged"] == 0


@contextmanager
def before_the_look(engine: Engine, deed: Callable[[], object], age: int = 0) -> Iterator[None]:
    """Have something done just before the instances are looked at again, and see that they are.

    What was listed is ``age`` seconds old by then.
    """
    asked = 0

    def act(call: Call) -> None:
        nonlocal asked
        if call.action == "DescribeInstances":
            asked += 1
            if asked == 1:
                engine.clock.sleep(age)
            elif asked == 2:
                deed()

    with acting(act):
        yield
    assert asked > 1, "what was listed is looked at again"


# Values that are written anew

SPELT = {
    "TagKey": "Stage",
    "Normalize": ["trim", "lower"],
    "Synonyms": {"prod": ["production"]},
    "AllowedValues": ["prod", "dev"],
}
GIVES_WAY = {
    "TagKey": "Backup",
    "Action": "Update",
    "Default": "daily",
    "AllowedValues": ["daily", "none"],
    "ReplaceInvalid": "Y",
}


@pytest.fixture
def speller(make_engine: Callable[[str], Engine]) -> Engine:
    """An engine whose role may write over Stage and Backup, and over nothing else."""
    made = make_engine("spelling")
    made.set_rules({10: SPELT, 20: GIVES_WAY})
    return made


def test_what_is_spelt_otherwise_is_written_over_and_the_report_says_what_stood_there(
    speller: Engine,
) -> None:
    some = [
        speller.launch({"Stage": stage, "Backup": backup})
        for stage, backup in [
            (" Production", "hourly"),
            ("prod", "none"),
            ("Test", "daily"),
            ("dev", ""),
        ]
    ]

    summary = speller.run()

    assert [speller.tags(instance_id) for instance_id in some] == [
        {"Stage": "prod", "Backup": "daily"},
        {"Stage": "prod", "Backup": "none"},
        {"Stage": "Test", "Backup": "daily"},
        {"Stage": "dev", "Backup": "daily"},
    ]
    assert (summary["outcomes"]["tagged"], summary["outcomes"]["reported"]) == (3, 1)
    (email,) = speller.emails()
    assert f'{some[0]}  Stage = "prod" (was " Production")  not spelt as the rule' in email.text
    assert f'{some[0]}  Backup = "daily" (was "hourly")' in email.text
    again = speller.run()
    assert (again["outcomes"]["tagged"], again["violations"]) == (0, 1)


@pytest.mark.parametrize("becomes", ["dev", "Prod", "test", ""])
def test_only_the_value_that_was_judged_is_written_over_however_fresh_the_listing(
    speller: Engine, becomes: str
) -> None:
    """IAM lets it be written over, so that it is looked at right before the call in any case."""
    instance = speller.launch({"Stage": "Production", "Backup": "none"})

    with before_the_look(speller, lambda: speller.tag(instance, Stage=becomes)):
        summary = speller.run()

    assert speller.tags(instance)["Stage"] == becomes
    assert (summary["outcomes"]["tagged"], summary["outcomes"]["deferred"]) == (0, 1)
    speller.run()
    assert speller.tags(instance)["Stage"] == {"Prod": "prod"}.get(becomes, becomes)


def test_what_is_missing_is_not_written_over_what_its_owner_has_written_meanwhile(
    speller: Engine,
) -> None:
    instance = speller.launch({"Stage": "prod"})

    with before_the_look(speller, lambda: speller.tag(instance, Backup="none")):
        speller.run()

    assert speller.tags(instance)["Backup"] == "none"


def test_a_lost_answer_is_asked_for_and_told_as_what_it_was(speller: Engine) -> None:
    instance = speller.launch({"Stage": "Production", "Backup": "none"})

    with answer_lost("CreateTags"):
        summary = speller.run()

    assert (summary["outcomes"]["tagged"], summary["outcomes"]["failed"]) == (1, 0)
    assert speller.tags(instance)["Stage"] == "prod"
    assert speller.run()["violations"] == 0


STAGES = ["prod", "dev", "PROD ", "Production", "Dev", "test", "", None]
BACKUPS = ["daily", "none", "hourly", "", " ", None]


def is_rightly_written(key: str, before: str, after: str) -> bool:
    """Tell whether a rule of the speller's would write a value over another, in a test's words."""
    if key == "Stage":
        word = before.strip().lower()
        right = "prod" if word == "production" else word
        return right in ("prod", "dev") and after == right != before
    return key == "Backup" and after == "daily" and before not in ("daily", "none")


@pytest.mark.parametrize("seed", range(30))
def test_whatever_its_owners_do_meanwhile_only_what_was_judged_is_written_over(
    speller: Engine, seed: int
) -> None:
    """AWS throttles, refuses and loses answers, and some listings are too old to act on.

    The owners act before any call but the one that writes, which follows its look at once.
    """
    random = Random(seed)

    def some_tags() -> dict[str, str]:
        drawn = {"Stage": random.choice(STAGES), "Backup": random.choice(BACKUPS), "Name": "x"}
        return {key: value for key, value in drawn.items() if value is not None}

    ids = [speller.launch(some_tags()) for _ in range(6)]

    def act(call: Call) -> None:
        if call.action == "CreateTags" or random.random() < 0.4:
            return
        speller.clock.sleep(random.choice([0, 0, 4, 11]))
        speller.tag(random.choice(ids), **some_tags())

    def examine(call: Call) -> None:
        if call.action != "CreateTags":
            return
        for tags in call.resource_tags.values():
            for tag in call.parameters["Tags"]:
                before, after = tags.get(tag["Key"], ""), tag["Value"]
                # An answer that was lost may be asked for anew: then it is there already.
                assert after == before or is_rightly_written(tag["Key"], before, after), (
                    f"{tag['Key']}: {before!r} gives way to {after!r}"
                )
        trouble = random.choice(["", "", "RequestLimitExceeded", "InternalError", "Refused"])
        if trouble:
            raise AwsError(trouble)

    for _ in range(3):
        with acting(act), listening(examine), answer_lost("CreateTags"):
            speller.run()
        speller.clock.sleep(HOUR)

    speller.run()
    settled = [speller.tags(instance_id) for instance_id in ids]
    assert speller.run()["outcomes"]["tagged"] == 0
    assert settled == [speller.tags(instance_id) for instance_id in ids]
    for tags in settled:
        assert tags["Backup"] in ("daily", "none")
        assert not is_rightly_written("Stage", tags.get("Stage", ""), "prod")
        assert not is_rightly_written("Stage", tags.get("Stage", ""), "dev")


# Rules that concern some instances

OF_DEV = {
    "TagKey": "ProjectCode",
    "Action": "Update",
    "Default": "dev-project",
    "When": {"tag:Stage": ["dev"]},
}
OF_PROD = {**OF_DEV, "Default": "prod-project", "When": {"tag:Stage": ["prod"]}}
ELSE = {"TagKey": "ProjectCode", "Action": "Check"}


def test_the_first_rule_that_concerns_an_instance_says_what_is_written(engine: Engine) -> None:
    engine.set_rules({10: OF_DEV, 20: OF_PROD, 30: ELSE})
    dev, prod, other = (engine.launch({"Stage": stage}) for stage in ("dev", "prod", "test"))

    summary = engine.run()

    assert engine.tags(dev)["ProjectCode"] == "dev-project"
    assert engine.tags(prod)["ProjectCode"] == "prod-project"
    assert engine.tags(other) == {"Stage": "test"}
    assert (summary["outcomes"]["tagged"], summary["outcomes"]["reported"]) == (2, 1)
    assert engine.run()["outcomes"]["tagged"] == 0


@pytest.mark.parametrize("becomes", ["prod", "test", ""])
def test_what_another_rule_concerns_by_now_does_not_get_the_value_of_the_first(
    engine: Engine, becomes: str
) -> None:
    """Its owner says it is another stage between the listing and the call, which looks again."""
    engine.set_rules({10: OF_DEV, 20: OF_PROD, 30: ELSE})
    instance = engine.launch({"Stage": "dev"})

    with before_the_look(engine, lambda: engine.tag(instance, Stage=becomes), age=11):
        engine.run()

    assert "ProjectCode" not in engine.tags(instance)
    engine.run()
    expected = "prod-project" if becomes == "prod" else None
    assert engine.tags(instance).get("ProjectCode") == expected


@pytest.mark.parametrize("many", [1, 5])
def test_what_rests_on_a_tag_that_aws_refuses_is_not_written_without_it(
    speller: Engine, many: int
) -> None:
    stage = {"TagKey": "Stage", "Action": "Update", "Default": "dev"}
    backup = {"TagKey": "Backup", "Action": "Update", "Default": "none"}
    team = {"TagKey": "Team", "Action": "Update", "Default": "web"}
    speller.set_rules({10: stage, 20: {**backup, "When": {"tag:Stage": ["dev"]}}, 30: team})
    ids = [speller.launch({"Name": "x"}) for _ in range(many)]

    def has_stage(call: Call) -> bool:
        return any(tag["Key"] == "Stage" for tag in call.parameters["Tags"])

    with failing("CreateTags", AwsError("TagPolicyViolation"), has_stage):
        summary = speller.run()

    assert [speller.tags(i) for i in ids] == [{"Name": "x", "Team": "web"}] * many
    assert (summary["outcomes"]["failed"], summary["outcomes"]["deferred"]) == (many, many)
    speller.run()
    written = {"Name": "x", "Team": "web", "Stage": "dev", "Backup": "none"}
    assert [speller.tags(i) for i in ids] == [written] * many


def test_what_rests_on_a_tag_is_written_along_with_it(speller: Engine) -> None:
    stage = {"TagKey": "Stage", "Action": "Update", "Default": "dev"}
    backup = {"TagKey": "Backup", "Action": "Update", "Default": "none"}
    speller.set_rules({10: stage, 20: {**backup, "When": {"tag:Stage": ["dev"]}}})
    instance = speller.launch({"Name": "x"})

    speller.run()

    assert speller.tags(instance) == {"Name": "x", "Stage": "dev", "Backup": "none"}
    assert speller.changes() == ["CreateTags"], "in one call"


def test_where_the_lock_is_off_a_fill_is_looked_at_whatever_the_table_says(
    speller: Engine,
) -> None:
    """Somebody has taken Normalize off the rule in the table; Terraform does not know."""
    speller.set_rules({10: {"TagKey": "Stage", "Action": "Update", "Default": "dev"}})
    speller.environment = {
        **speller.environment,
        "TAG_POLICY_UNLOCKED_TAG_KEYS": '["Backup", "Stage"]',
    }
    instance = speller.launch({"Name": "x"})

    with before_the_look(speller, lambda: speller.tag(instance, Stage="mine")):
        speller.run()

    assert speller.tags(instance)["Stage"] == "mine"


def test_a_rule_that_waits_for_a_creator_is_asked_in_the_next_run(
    make_engine: Callable[[str], Engine],
) -> None:
    engine = make_engine("notify")
    waits = {
        "TagKey": "ProjectCode",
        "Action": "Update",
        "Default": "of-root",
        "When": {"tag:CreatedBy": ["root"]},
    }
    engine.set_rules({10: {"TagKey": "CreatedBy", "Action": "UserLookup"}, 20: waits})
    instance = engine.launch({"Name": "web"})
    engine.backdate(instance, timedelta(hours=2))

    engine.run()
    assert engine.tags(instance) == {"Name": "web", "CreatedBy": "root"}
    engine.run()
    assert engine.tags(instance)["ProjectCode"] == "of-root"
    engine.run()
    assert engine.changes() == ["CreateTags", "CreateTags"]


@pytest.mark.parametrize(("kinds", "owner"), [(5_000, "root"), (0, None)])
def test_where_findings_take_too_much_memory_they_are_told_without_the_creator(
    make_engine: Callable[[str], Engine],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kinds: int,
    owner: str | None,
) -> None:
    monkeypatch.setattr(holding, "_MANY_KINDS", kinds)
    engine = make_engine("notify")
    engine.set_rules({10: {"TagKey": "CreatedBy", "Action": "UserLookup"}, 20: STAGE})
    engine.backdate(engine.launch({"Stage": "Prod"}), timedelta(hours=2))

    summary = engine.run()

    assert (summary["outcomes"]["tagged"], summary["outcomes"]["reported"]) == (1, 1)
    (told,) = [line for line in map(vars, caplog.records) if line.get("result") == "reported"]
    assert told.get("owner") == owner


def test_an_annotation_that_would_be_cut_names_each_tag_with_its_code(
    make_engine: Callable[[str], Engine],
) -> None:
    engine = make_engine("events")
    long = {"AllowedValues": [f"{number}{'x' * 40}" for number in range(5)]}
    engine.set_rules({n: {"TagKey": f"Key{n}", "Action": "Check", **long} for n in range(1, 5)})
    instance = engine.launch({"Name": "web", "Key2": "wrong", "Key3": ""})

    engine.run(moto_config.change(ACCOUNT_ID, REGION, "events", instance))

    told = moto_config.evaluations_of(config_backends[ACCOUNT_ID][REGION], "events")[instance]
    assert told["Annotation"] == "Key1: missing; Key2: not-allowed; Key3: empty; Key4: missing"


def test_aws_config_is_told_of_each_and_why(make_engine: Callable[[str], Engine]) -> None:
    engine = make_engine("events")
    engine.set_rules({10: CHECK, 20: STAGE})
    instance = engine.launch({"Name": "web", "Stage": "Prod"})

    engine.run(moto_config.change(ACCOUNT_ID, REGION, "events", instance))

    told = moto_config.evaluations_of(config_backends[ACCOUNT_ID][REGION], "events")[instance]
    assert told["ComplianceType"] == "NON_COMPLIANT"
    assert told["Annotation"] == (
        "Owner: required tag missing; Stage: 'Prod' is not allowed; expected one of 'prod', 'dev', "
        "'test-*'"
    )


def test_an_untagged_instance_has_its_action_and_no_rule_is_asked(engine: Engine) -> None:
    engine.launch()

    summary = engine.run()

    assert (summary["outcomes"]["notified"], summary["outcomes"]["reported"]) == (1, 0)
