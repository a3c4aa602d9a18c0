"""Who launched it, asked of the embedded CloudTrail, which is fed by every RunInstances."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.conftest import Engine, FakeContext
from tests.support import fleet
from tests.support.calls import AwsError, Call, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.moto_cloudtrail import record_event

ALICE = {"type": "IAMUser", "userName": "alice"}
MALLORY = {"type": "IAMUser", "userName": "mallory"}


def test_a_person_behind_single_sign_on_is_named(engine: Engine) -> None:
    session = fleet.role_session(engine, "AWSReservedSSO_Admin_0a1b", "jane@example.com")
    instance = engine.launch({"Name": "web"}, by=session)

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "jane@example.com"


def test_every_instance_of_one_launch_gets_its_creator(engine: Engine) -> None:
    alice = fleet.iam_user(engine, "alice")
    instances = fleet.launch(engine, engine.vpc, {"Name": "web"}, by=alice, count=3)

    engine.run()

    assert {engine.tags(instance)["CreatedBy"] for instance in instances} == {"alice"}


def test_the_launch_is_found_behind_pages_of_other_events(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    for second in range(120):
        record_event(
            ACCOUNT_ID,
            REGION,
            "StartInstances",
            MALLORY,
            [instance],
            datetime.now(UTC) + timedelta(seconds=second),
        )

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.actions().count("LookupEvents") == 3


def test_what_happened_to_an_instance_later_is_not_read(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=30))
    for hour in range(120):
        record_event(
            ACCOUNT_ID,
            REGION,
            "CreateTags",
            MALLORY,
            [instance],
            datetime.now(UTC) - timedelta(hours=hour),
        )

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.actions().count("LookupEvents") == 1


def test_a_long_history_does_not_take_the_time_of_everything_else(engine: Engine) -> None:
    long = engine.launch({"Name": "web"})
    engine.history().clear()
    for minute in range(300):
        record_event(
            ACCOUNT_ID,
            REGION,
            "StartInstances",
            MALLORY,
            [long],
            datetime.now(UTC) - timedelta(minutes=minute),
        )
    context = FakeContext()

    def run_down(call: Call) -> None:
        if call.action == "LookupEvents":
            context.remaining_millis = [context.remaining_millis[0] - 200_000]

    with listening(run_down):
        summary = engine.run(context=context)

    assert engine.actions().count("LookupEvents") == 2
    assert summary["outcomes"]["deferred"] == 1
    assert not summary["complete"]
    assert engine.tags(long)["ProjectCode"] == "Proj007"


def test_a_launch_that_failed_launched_nothing(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    record_event(
        ACCOUNT_ID,
        REGION,
        "RunInstances",
        MALLORY,
        [instance],
        datetime.now(UTC) + timedelta(minutes=1),
        error_code="Client.UnauthorizedOperation",
    )

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_a_launch_too_large_for_its_response_is_known_by_its_resources(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    (event,) = engine.history()
    record = json.loads(event["CloudTrailEvent"]) | {"responseElements": None}
    event["CloudTrailEvent"] = json.dumps(record)

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_a_launch_that_is_not_in_the_history_yet_is_left_for_the_next_run(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    late = engine.history().pop()

    first = engine.run()

    tags = engine.tags(instance)
    assert "CreatedBy" not in tags
    assert tags["ProjectCode"] == "Proj007", "the other tags do not wait"
    assert first["outcomes"]["deferred"] == 1
    assert "on its way" in engine.emails()[0].text

    engine.history().append(late)
    engine.run()
    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_a_launch_that_nothing_tells_of_after_a_while_gets_the_fallback(engine: Engine) -> None:
    engine.set_rules({1: {"TagKey": "CreatedBy", "Action": "UserLookup", "Default": "unknown"}})
    instance = engine.launch({"Name": "web"})
    engine.history().clear()
    engine.backdate(instance, timedelta(minutes=31))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "unknown"


@pytest.mark.parametrize("broken", ["not JSON", "[]", "{}", None])
def test_a_launch_that_cannot_be_read_is_left_and_not_written_as_nobody(
    engine: Engine, broken: str | None
) -> None:
    instance = engine.launch({"Name": "web"})
    engine.backdate(instance, timedelta(days=1))
    (event,) = engine.history()
    if broken is None:
        del event["CloudTrailEvent"]
    else:
        event["CloudTrailEvent"] = broken

    summary = engine.run()

    assert "CreatedBy" not in engine.tags(instance)
    assert summary["outcomes"]["deferred"] == 1
    assert "cannot be read" in engine.emails()[0].text


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_a_cloudtrail_that_refuses_is_not_nobody(engine: Engine, code: str) -> None:
    instances = [engine.launch({"Name": "web"}) for _ in range(3)]
    for instance in instances:
        engine.backdate(instance, timedelta(days=1))

    with failing("LookupEvents", AwsError(code)):
        summary = engine.run()

    assert summary["outcomes"]["deferred"] == 3
    assert summary["outcomes"]["tagged"] == 6
    assert all("CreatedBy" not in engine.tags(instance) for instance in instances)
    assert code in engine.emails()[0].text

    engine.run()
    assert all(engine.tags(instance)["CreatedBy"] == "root" for instance in instances)


def test_a_cloudtrail_that_denies_is_asked_once(engine: Engine) -> None:
    for _ in range(3):
        engine.launch({"Name": "web"})

    with failing("LookupEvents", AwsError("AccessDeniedException")):
        engine.run()

    assert engine.actions().count("LookupEvents") == 1


def test_an_instance_is_looked_up_once_for_all_its_tags(engine: Engine) -> None:
    both = enumerate(("ProjectCode", "CreatedBy"), start=1)
    engine.set_rules({i: {"TagKey": key, "Action": "UserLookup"} for i, key in both})
    engine.launch({"Name": "web"})

    with failing("CreateTags", AwsError("UnauthorizedOperation")):
        engine.run()

    assert engine.actions().count("LookupEvents") == 1


def test_the_log_names_the_event_that_proves_the_creator(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    (event,) = engine.history()

    engine.run()

    assert event["EventId"] in [getattr(record, "event_id", None) for record in caplog.records]
