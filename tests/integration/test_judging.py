"""Rules that say which values are right: what is wrong is told, and nothing is overwritten."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from moto.config.models import config_backends

from tests.integration.conftest import Engine
from tests.support import fleet, moto_config
from tests.support.calls import Call, acting
from tests.support.embedded_aws import ACCOUNT_ID, REGION

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
    assert "PLEASE CHECK: 4 findings for people to mend." in email.text
    for line in (
        f"{wrong}  Owner  required tag missing - see https://wiki.example.org/owner",
        f"{wrong}  Stage  'Prod' is not allowed; right is one of 'prod', 'dev', 'test-*'",
        f"{wrong}  ProjectCode  'Team 7' is not allowed; right is what matches ^[a-z]+$",
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
    told = [r for r in caplog.records if getattr(r, "result", "") == "reported"]
    assert {record.instance_id for record in told} == set(ids)  # type: ignore[attr-defined]
    assert {(r.finding, r.rule_id, r.note) for r in told} == {  # type: ignore[attr-defined]
        ("missing", "10", "see https://wiki.example.org/owner")
    }


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
        "required tag missing; who launched it is not written: 'root' is not allowed; right is "
        "what matches ^[A-Z][a-z]+$"
    ) in email.text
    assert engine.run()["outcomes"]["tagged"] == 0


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
    listed: list[Call] = []

    def act(call: Call) -> None:
        if call.action != "DescribeInstances":
            return
        listed.append(call)
        if len(listed) == 1:
            engine.clock.sleep(11)  # what was listed is too old for a call without a look
        else:
            engine.tag(instance, Stage=becomes)

    with acting(act):
        engine.run()

    assert len(listed) > 1, "it was looked at again"
    assert "ProjectCode" not in engine.tags(instance)
    engine.run()
    expected = "prod-project" if becomes == "prod" else None
    assert engine.tags(instance).get("ProjectCode") == expected


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


def test_aws_config_is_told_of_each_and_why(make_engine: Callable[[str], Engine]) -> None:
    engine = make_engine("events")
    engine.set_rules({10: CHECK, 20: STAGE})
    instance = engine.launch({"Name": "web", "Stage": "Prod"})

    engine.run(moto_config.change(ACCOUNT_ID, REGION, "events", instance))

    told = moto_config.evaluations_of(config_backends[ACCOUNT_ID][REGION], "events")[instance]
    assert told["ComplianceType"] == "NON_COMPLIANT"
    assert told["Annotation"] == (
        "Owner: required tag missing; Stage: 'Prod' is not allowed; right is one of 'prod', 'dev', "
        "'test-*'"
    )


def test_an_untagged_instance_has_its_action_and_no_rule_is_asked(engine: Engine) -> None:
    engine.launch()

    summary = engine.run()

    assert (summary["outcomes"]["notified"], summary["outcomes"]["reported"]) == (1, 0)
