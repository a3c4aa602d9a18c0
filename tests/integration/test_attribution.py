"""Who launched it, asked of the embedded CloudTrail, which is fed by every RunInstances."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tag_policy.reporting.report import counts
from tests.integration.conftest import Engine, FakeContext
from tests.support import fleet
from tests.support.builders import report
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
    engine.backdate(instance, timedelta(days=1))
    for second in range(120):
        record_event(
            ACCOUNT_ID,
            REGION,
            "StartInstances",
            MALLORY,
            [instance],
            datetime.now(UTC) - timedelta(days=1, seconds=-second),
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


def test_an_instance_with_a_long_history_has_its_turn_last_and_its_launch_is_found(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=50))
    for second in range(560):
        at = datetime.now(UTC) - timedelta(days=50, seconds=-second - 1)
        record_event(ACCOUNT_ID, REGION, "CreateTags", MALLORY, [instance], at)

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.actions().count("LookupEvents") == 10 + 12


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
    engine.backdate(instance, timedelta(days=1))
    record_event(
        ACCOUNT_ID,
        REGION,
        "RunInstances",
        MALLORY,
        [instance],
        datetime.now(UTC) - timedelta(days=1, minutes=-1),
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
    assert "can never be read" in engine.emails()[0].text


def backdated(engine: Engine, count: int, age: timedelta) -> list[str]:
    instances = [engine.launch({"Name": "web"}) for _ in range(count)]
    for instance in instances:
        engine.backdate(instance, age)
    return instances


def test_a_throttled_cloudtrail_is_asked_more_slowly_and_answers(engine: Engine) -> None:
    (instance,) = backdated(engine, 1, timedelta(days=1))
    refusals = iter([True, True, True, False])

    with failing("LookupEvents", AwsError("ThrottlingException"), lambda _: next(refusals)):
        summary = engine.run()

    assert engine.tags(instance)["CreatedBy"] == "root"
    assert summary["complete"]
    assert engine.clock.slept > timedelta(seconds=6), "pauses of 1, 2 and 4 seconds"


def test_a_cloudtrail_that_throttles_to_the_end_is_not_nobody(engine: Engine) -> None:
    instances = backdated(engine, 3, timedelta(days=1))

    with failing("LookupEvents", AwsError("ThrottlingException")):
        summary = engine.run()

    assert summary["outcomes"] == counted(tagged=6, deferred=3)
    assert not summary["complete"]
    assert all("CreatedBy" not in engine.tags(instance) for instance in instances)
    assert "ThrottlingException" in engine.emails()[0].text
    assert timedelta(minutes=5) <= engine.clock.slept < timedelta(minutes=6), "the budget"
    assert engine.actions().count("LookupEvents") < 50

    engine.run()
    assert all(engine.tags(instance)["CreatedBy"] == "root" for instance in instances)


def counted(**outcomes: int) -> dict[str, int]:
    return dict.fromkeys(counts(report()), 0) | outcomes


def test_where_cloudtrail_is_denied_the_rest_is_done_and_it_is_said_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    instances = backdated(engine, 20, timedelta(days=1))
    untagged = engine.launch()

    with failing("LookupEvents", AwsError("AccessDeniedException")):
        summary = engine.run()

    assert summary["outcomes"] == counted(tagged=40, terminated=1, deferred=20)
    assert engine.actions().count("LookupEvents") == 1
    assert engine.state(untagged) in ("shutting-down", "terminated")
    assert all(engine.tags(instance)["ProjectCode"] == "Proj007" for instance in instances)
    (email,) = engine.emails()
    said = [line for line in email.text.splitlines() if "denies" in line]
    assert said == [
        "  CloudTrail denies LookupEvents (AccessDeniedException); "
        "20 of 20 creators are not known yet"
    ]
    (waiting,) = [line for line in email.text.splitlines() if "not asked any further" in line]
    assert "17 other instances" in waiting
    complaints = [r for r in caplog.records if "denies" in r.getMessage()]
    assert len(complaints) == 1


def test_a_question_that_cloudtrail_refuses_leaves_the_others_answered(engine: Engine) -> None:
    first, second = backdated(engine, 2, timedelta(days=1))
    engine.backdate(second, timedelta(days=40))
    asked: list[Call] = []

    def refuse_the_first(call: Call) -> bool:
        asked.append(call)
        return len(asked) == 1

    with failing("LookupEvents", AwsError("InvalidTimeRangeException"), refuse_the_first):
        summary = engine.run()

    assert summary["outcomes"]["deferred"] == 1
    assert sorted("CreatedBy" in engine.tags(i) for i in (first, second)) == [False, True]


@pytest.mark.parametrize("code", ["OperationNotPermittedException", "UnrecognizedClientException"])
def test_a_cloudtrail_that_refuses_for_another_reason_is_not_asked_for_each_instance(
    engine: Engine, code: str
) -> None:
    backdated(engine, 5, timedelta(days=1))

    with failing("LookupEvents", AwsError(code)):
        summary = engine.run()

    assert engine.actions().count("LookupEvents") == 1
    assert summary["outcomes"]["deferred"] == 5
    assert not summary["complete"]
    assert f"CloudTrail refuses LookupEvents ({code})" in engine.emails()[0].text


def test_a_launch_that_is_indexed_under_no_name_is_found_in_a_storm_of_others(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=1))
    engine.history()[0]["Resources"] = []
    for number in range(600):
        at = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=number / 6)
        record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, ["i-0"], at)

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_the_engine_keeps_to_the_pace_that_it_is_given(engine: Engine) -> None:
    engine.environment = {"TAG_POLICY_LOOKUPS_PER_SECOND": "0.5"}
    for days in (3, 30, 60):
        backdated(engine, 1, timedelta(days=days))
    for second in range(300):  # others between them, so that each is looked up alone
        at = datetime.now(UTC) - timedelta(days=60) * second / 300
        record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, ["i-0"], at)

    asked: list[datetime] = []

    def note_the_time(call: Call) -> None:
        if call.action == "LookupEvents":
            asked.append(engine.clock.now())

    with listening(note_the_time):
        engine.run()

    assert len(asked) >= 3
    # Two seconds, but for the time that a call takes to arrive.
    assert all(b - a > timedelta(seconds=1.8) for a, b in itertools.pairwise(asked))


def test_what_the_budget_does_not_allow_is_left_for_the_next_run(engine: Engine) -> None:
    engine.environment = {
        "TAG_POLICY_LOOKUPS_PER_SECOND": "0.1",
        "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS": "10",
    }
    instances = [backdated(engine, 1, timedelta(days=days))[0] for days in (80, 40, 1)]
    for number in range(300):
        at = datetime.now(UTC) - timedelta(days=80) * number / 300
        record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, ["i-0"], at)

    summary = engine.run()

    left = [instance for instance in instances if "CreatedBy" not in engine.tags(instance)]
    assert left
    assert summary["outcomes"]["deferred"] == len(left)
    assert not summary["complete"]
    assert "the time for look-ups was up" in engine.emails()[0].text
    for _ in range(3):
        engine.run()
    assert all(engine.tags(instance)["CreatedBy"] == "root" for instance in instances)


def test_how_long_an_event_may_be_on_its_way_can_be_said(engine: Engine) -> None:
    engine.environment = {"TAG_POLICY_ATTRIBUTION_DELAY_MINUTES": "120"}
    (instance,) = backdated(engine, 1, timedelta(minutes=100))
    engine.history().clear()

    assert engine.run()["outcomes"]["deferred"] == 1

    engine.environment = {"TAG_POLICY_ATTRIBUTION_DELAY_MINUTES": "60"}
    engine.run()
    assert engine.tags(instance)["CreatedBy"] == "Undefined"


def test_an_event_that_takes_its_time_is_waited_for(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.cloudtrail.delay = lambda _: timedelta(minutes=20)

    engine.run()
    assert "CreatedBy" not in engine.tags(instance)

    engine.clock.sleep(20 * 60)
    engine.run()
    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_an_instance_older_than_the_history_is_not_asked_for(engine: Engine) -> None:
    (instance,) = backdated(engine, 1, timedelta(days=91))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "Undefined"
    assert "LookupEvents" not in engine.actions()
    assert "more than 90 days ago" in engine.emails()[0].text


def test_a_launch_that_is_indexed_under_no_name_is_found_by_its_time(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=1))
    engine.history()[0]["Resources"] = []

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"


@pytest.mark.parametrize(
    ("creator_format", "value"),
    [
        ("name", "jane"),
        ("role/name", "Deploy/jane"),
        ("arn", f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/Deploy/jane"),
    ],
)
def test_a_creator_is_written_as_the_organisation_wants_it(
    engine: Engine, creator_format: str, value: str
) -> None:
    engine.environment = {"TAG_POLICY_CREATOR_FORMAT": creator_format}
    instance = engine.launch({"Name": "web"}, by=fleet.role_session(engine, "Deploy", "jane"))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == value


DETAILS = {"TAG_POLICY_ATTRIBUTION_DETAILS": "event_id"}


def test_the_event_is_written_next_to_its_creator_where_that_is_wanted(make_engine: Any) -> None:
    engine: Engine = make_engine("event-id")
    engine.environment = DETAILS
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    (event,) = engine.history()

    summary = engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.tags(instance)["CreatedBy:event-id"] == event["EventId"]
    assert engine.actions().count("CreateTags") == 1
    assert summary["outcomes"] == counted(tagged=3), "a detail is no finding of its own"
    event_id = event["EventId"]
    assert f'CreatedBy = "alice", CreatedBy:event-id = "{event_id}"' in engine.emails()[0].text
    assert engine.run()["violations"] == 0


def test_a_detail_that_may_not_be_written_does_not_keep_its_creator_from_being_written(
    make_engine: Any,
) -> None:
    engine: Engine = make_engine("event-id")
    engine.environment = DETAILS
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    def writes_a_detail(call: Call) -> bool:
        return any(tag["Key"] == "CreatedBy:event-id" for tag in call.parameters["Tags"])

    with failing("CreateTags", AwsError("UnauthorizedOperation"), writes_a_detail):
        summary = engine.run()

    tags = engine.tags(instance)
    assert tags["CreatedBy"] == "alice"
    assert tags["ProjectCode"] == "Proj007"
    assert "CreatedBy:event-id" not in tags
    assert summary["outcomes"] == counted(tagged=3)
    told = "CreatedBy:event-id could not be written next to it - UnauthorizedOperation"
    assert told in engine.emails()[0].text


def test_nobody_has_no_event(make_engine: Any) -> None:
    engine: Engine = make_engine("event-id")
    engine.environment = DETAILS
    (instance,) = backdated(engine, 1, timedelta(days=91))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "Undefined"
    assert "CreatedBy:event-id" not in engine.tags(instance)


def test_an_instance_is_looked_up_once_for_all_its_tags(engine: Engine) -> None:
    both = enumerate(("ProjectCode", "CreatedBy"), start=1)
    engine.set_rules({i: {"TagKey": key, "Action": "UserLookup"} for i, key in both})
    engine.launch({"Name": "web"})

    with failing("CreateTags", AwsError("UnauthorizedOperation")):
        engine.run()

    assert engine.actions().count("LookupEvents") == 1


def test_log_and_message_name_the_event_that_proves_a_creator(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.launch({"Name": "web"}, by=fleet.role_session(engine, "Deploy", "jane"))
    (event,) = engine.history()

    engine.run()

    proof = {
        "creator_kind": "role",
        "creator_role": "Deploy",
        "event_id": event["EventId"],
        "event_time": event["EventTime"].isoformat(),
    }
    logged = [r.__dict__ for r in caplog.records if r.__dict__.get("tag_key") == "CreatedBy"]
    assert proof.items() <= logged[0].items()
    (publish,) = [call for call in engine.calls if call.action == "Publish"]
    findings = json.loads(json.loads(publish.parameters["Message"])["default"])["findings"]
    assert any(proof.items() <= finding.items() for finding in findings)


def too_large(engine: Engine, *, resources: bool = False) -> None:
    (event,) = engine.history()
    record = json.loads(event["CloudTrailEvent"]) | {"responseElements": {"omitted": True}}
    event["CloudTrailEvent"] = json.dumps(record)
    if not resources:
        event["Resources"] = []


def test_a_launch_too_large_to_name_anybody_is_told_as_something_to_check_and_not_as_nobody(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=1))
    too_large(engine)

    summary = engine.run()

    assert "CreatedBy" not in engine.tags(instance)
    assert summary["outcomes"]["deferred"] == 1
    (email,) = engine.emails()
    assert email.text.startswith("PLEASE CHECK: ")
    assert "creator-unreadable: " in email.text
    assert "set the tag by hand" in email.text


def test_a_launch_too_large_at_another_time_is_no_reason_to_doubt(engine: Engine) -> None:
    other = engine.launch({"Name": "web", "CreatedBy": "bob"})
    engine.backdate(other, timedelta(days=1))
    too_large(engine)
    instance = engine.launch({"Name": "web"})
    engine.history().pop()
    engine.backdate(instance, timedelta(days=2))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "Undefined"


@pytest.mark.parametrize("seconds", [1, 90, 1800])
@pytest.mark.parametrize("companions", [0, 20])
def test_who_repeats_a_launch_with_its_client_token_is_not_the_creator(
    engine: Engine, seconds: int, companions: int
) -> None:
    ids = [engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))]
    ids += [engine.launch({"Name": "web"}) for _ in range(companions)]
    for instance in ids:
        engine.backdate(instance, timedelta(days=1))
    later = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=seconds)
    record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, ids[:1], later)

    engine.run()

    assert engine.tags(ids[0])["CreatedBy"] == "alice"


def test_who_repeats_a_launch_is_not_the_creator_where_the_launch_is_on_the_next_page(
    engine: Engine,
) -> None:
    alice = fleet.iam_user(engine, "alice")
    ids = [engine.launch({"Name": "web"}, by=alice) for _ in range(20)]
    for instance in ids:
        engine.backdate(instance, timedelta(days=1))
    then = datetime.now(UTC) - timedelta(days=1)
    for number in range(60):
        between, others = then + timedelta(seconds=30), [f"i-{number:017x}"]
        record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, others, between)
    repeated = then + timedelta(seconds=60)
    record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, ids[:1], repeated)

    engine.run()

    assert [engine.tags(i)["CreatedBy"] for i in ids] == ["alice"] * 20


def test_a_repetition_whose_launch_is_not_there_is_neither_the_creator_nor_nobody(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.history().clear()
    engine.backdate(instance, timedelta(days=1))
    later = datetime.now(UTC) - timedelta(days=1) + timedelta(minutes=30)
    record_event(ACCOUNT_ID, REGION, "RunInstances", MALLORY, [instance], later)

    engine.run()

    assert "CreatedBy" not in engine.tags(instance)
    assert "repeats after its creation" in engine.emails()[0].text
