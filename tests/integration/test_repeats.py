"""What people know already is counted, and not listed again."""

from typing import Any

import pytest

from tag_policy.handler import RunError
from tag_policy.reporting import report
from tests.integration.conftest import Engine
from tests.support import fleet, moto_config
from tests.support.calls import AwsError, failing
from tests.support.embedded_aws import ACCOUNT_ID, REGION

HOUR = 3600


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine that reports untagged instances, and touches none."""
    made: Engine = make_engine("notify")
    return made


def test_what_is_as_it_was_is_not_mailed_again_by_each_sweep_and_once_a_day_it_is(
    engine: Engine,
) -> None:
    untagged = engine.launch()

    for _ in range(5):
        summary = engine.run()
        engine.clock.sleep(HOUR)

    assert summary["outcomes"]["notified"] == 1, "it is counted in each run"
    (email,) = engine.emails()
    assert untagged in email.text

    engine.clock.sleep(20 * HOUR)
    engine.run()
    assert untagged in engine.emails()[1].text


def test_what_is_new_is_listed_beside_the_number_of_what_is_known(engine: Engine) -> None:
    known = engine.launch()
    engine.run()
    new = engine.launch()

    engine.run()

    _, email = engine.emails()
    assert new in email.text
    assert known not in email.text
    assert "UNTAGGED, NOT TOUCHED (1)" in email.text
    assert "\nUNCHANGED, ALREADY LISTED SINCE " in email.text
    assert " UTC\n  1 instance without tags" in email.text
    assert "2 instances without tags." in email.text, "the verdict counts all of them"


def test_what_was_gone_and_is_there_again_is_listed_again(engine: Engine) -> None:
    untagged = engine.launch()
    engine.run()
    engine.tag(untagged, Name="web")
    engine.run()
    tags = [{"Key": key} for key in engine.tags(untagged)]
    engine.client("ec2").delete_tags(Resources=[untagged], Tags=tags)

    engine.run()

    assert "UNTAGGED" in engine.emails()[-1].text


def test_what_is_done_once_more_is_listed_once_more(engine: Engine) -> None:
    tagged = engine.launch({"Name": "web"})

    for _ in range(2):
        engine.run()
        tags = [{"Key": "ProjectCode"}]
        engine.client("ec2").delete_tags(Resources=[tagged], Tags=tags)

    assert len(engine.emails()) == 2
    assert all(f'{tagged} (web)  ProjectCode = "Proj007"' in one.text for one in engine.emails())


def test_what_was_not_delivered_is_not_known(engine: Engine) -> None:
    untagged = engine.launch()

    with (
        failing("Publish", AwsError("AuthorizationError", status=403)),
        pytest.raises(RunError),
    ):
        engine.run()
    engine.run()

    (email,) = engine.emails()
    assert untagged in email.text


def test_in_every_run_is_a_choice_and_never_again_is_another(engine: Engine) -> None:
    engine.launch()

    engine.environment = {"TAG_POLICY_REPORT_UNCHANGED": "every_run"}
    engine.run()
    engine.run()
    assert len(engine.emails()) == 2

    engine.environment = {"TAG_POLICY_REPORT_UNCHANGED": "never"}
    engine.clock.sleep(72 * HOUR)
    engine.run()
    assert len(engine.emails()) == 2


@pytest.mark.parametrize("choice", ["every_run", "daily"])
def test_an_exemption_that_cannot_be_read_is_told_once_a_day_at_most(
    engine: Engine, choice: str
) -> None:
    engine.environment = {"TAG_POLICY_REPORT_UNCHANGED": choice}
    exempt = engine.launch({"tag-policy:exempt": "false"})

    for _ in range(3):
        engine.run()

    (email,) = engine.emails()
    assert f"{exempt}  exempt without end, because 'false'" in email.text
    assert engine.tags(exempt) == {"tag-policy:exempt": "false"}
    engine.clock.sleep(25 * HOUR)
    engine.run()
    assert len(engine.emails()) == 2


def test_without_its_memory_the_engine_tells_everything_anew(engine: Engine) -> None:
    engine.launch()
    engine.run()

    with failing("BatchGetItem", AwsError("AccessDeniedException", status=400)):
        engine.run()
    engine.client("dynamodb").put_item(
        TableName="notify-state", Item={"Key": {"S": "listed#enforce"}, "Digests": {"S": "x"}}
    )
    engine.run()

    assert len(engine.emails()) == 3


def test_an_audit_is_remembered_apart_from_what_was_done(make_engine: Any) -> None:
    engine: Engine = make_engine("audit")
    engine.launch({"Name": "web"})

    engine.run()
    engine.run()

    assert len(engine.emails()) == 1, "it would be tagged, as was said before"
    assert engine.changes() == []
    items = engine.client("dynamodb").scan(TableName="audit-state")["Items"]
    assert [item["Key"]["S"] for item in items] == ["listed#audit"]
    assert ACCOUNT_ID not in str(items)


def test_what_had_no_room_in_a_message_is_not_known_and_is_listed_by_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_KEPT", 2)
    untagged = {engine.launch() for _ in range(3)}

    for _ in range(3):
        engine.run()

    first, second = (email.text for email in engine.emails())
    assert "1 line left out" in first
    assert {one for one in untagged if one in first} ^ {one for one in untagged if one in second}
    assert untagged == {one for one in untagged if one in first or one in second}


def test_no_report_is_named_that_did_not_list_what_is_known(engine: Engine) -> None:
    engine.run()  # finds nothing, and makes no report
    engine.clock.sleep(HOUR)
    engine.launch()
    minutes = {f"{engine.clock.now():%Y-%m-%d %H:%M}"}
    engine.run()
    minutes.add(f"{engine.clock.now():%Y-%m-%d %H:%M}")
    engine.launch()

    engine.run()

    text = engine.emails()[-1].text
    assert any(f"UNCHANGED, ALREADY LISTED SINCE {minute} UTC" in text for minute in minutes)


def test_an_evaluation_for_config_tells_nobody_and_forgets_nothing(make_engine: Any) -> None:
    engine: Engine = make_engine("events")
    engine.environment = {**engine.environment, "TAG_POLICY_UNTAGGED_ACTION": "notify"}
    engine.launch()
    engine.run()

    engine.run(moto_config.periodic(ACCOUNT_ID, REGION, "events"))
    engine.run()

    assert len(engine.emails()) == 1


def test_a_run_about_a_part_forgets_nothing(engine: Engine) -> None:
    other = fleet.create_vpc(engine).vpc_id
    both = f"{engine.vpc.vpc_id},{other}"
    untagged = engine.launch()
    engine.run(vpc_ids=both)

    engine.run({"vpc_ids": [other]}, vpc_ids=both)
    engine.run(vpc_ids=both)

    (email,) = engine.emails()
    assert untagged in email.text


def test_a_run_that_cannot_read_the_rules_forgets_nothing(engine: Engine) -> None:
    untagged = engine.launch()
    engine.run()

    with failing("Scan", AwsError("AccessDeniedException", status=400)), pytest.raises(RunError):
        engine.run()
    engine.run()

    told = [email.text for email in engine.emails() if untagged in email.text]
    assert len(told) == 1
