"""Events: EventBridge's patterns as Terraform renders them, moto's queue, the function."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from tests.integration.conftest import Engine, FakeContext
from tests.support import fleet
from tests.support.calls import AwsError, Call, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION

ALL_THREE = {"ProjectCode", "CreatedBy", "Expires"}


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine that is told of launches, starts and tag changes."""
    made: Engine = make_engine("events")
    return made


@contextmanager
def not_shown(instance_id: str) -> Iterator[None]:
    """Have EC2 not show an instance, as it may for moments after the launch."""
    reservations = ec2_backends[ACCOUNT_ID][REGION].reservations
    (key,) = [k for k, r in reservations.items() if any(i.id == instance_id for i in r.instances)]
    hidden = reservations.pop(key)
    try:
        yield
    finally:
        reservations[key] = hidden


def test_a_launch_is_put_right_with_its_creator_and_cloudtrail_is_not_asked(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    engine.deliver()

    tags = engine.tags(instance)
    assert tags["ProjectCode"] == "Proj007"
    assert tags["CreatedBy"] == "alice"
    assert tags["Expires"] == f"{datetime.now(UTC):%Y-%m-%d}"
    assert engine.actions().count("LookupEvents") == 0
    assert engine.actions().count("CreateTags") == 1
    assert engine.messages(engine.queue) == 0
    (email,) = engine.emails()
    assert "Trigger:  events" in email.text


def test_the_launch_is_known_from_its_event_alone(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.role_session(engine, "Deploy", "jane"))
    engine.history().clear()

    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "jane"


@pytest.mark.parametrize("value", [None, ""])
def test_a_tag_that_is_removed_or_emptied_comes_back_once(
    engine: Engine, value: str | None
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.deliver()
    before = engine.actions().count("CreateTags")

    ec2 = engine.client("ec2")
    if value is None:
        ec2.delete_tags(Resources=[instance], Tags=[{"Key": "ProjectCode"}])
    else:
        engine.tag(instance, ProjectCode=value)
    engine.deliver()

    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    assert engine.actions().count("CreateTags") == before + 1
    assert engine.messages(engine.queue) == 0


def test_the_engines_own_writes_come_back_once_and_settle(engine: Engine) -> None:
    engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    assert engine.source.poll() == 3, "its launch, its start, and the tag that it came with"
    assert engine.source.poll() == 1, "its three new tags, in one change"
    assert engine.source.poll() == 0

    assert engine.actions().count("CreateTags") == 1
    assert len(engine.emails()) == 1


def test_a_creator_that_was_removed_from_an_old_instance_is_looked_up(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.deliver()
    engine.backdate(instance, timedelta(days=3))

    engine.client("ec2").delete_tags(Resources=[instance], Tags=[{"Key": "CreatedBy"}])
    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.actions().count("LookupEvents") == 1


def test_without_a_trail_the_creator_is_left_to_the_sweep(engine: Engine) -> None:
    engine.client("cloudtrail").stop_logging(Name="trail")
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    engine.deliver()

    assert engine.tags(instance).keys() == {"Name", "ProjectCode", "Expires"}
    assert engine.actions().count("LookupEvents") == 0
    assert engine.messages(engine.queue) == 0, "asking again in a minute would not help"
    (email,) = engine.emails()
    assert email.subject.startswith("Tag policy: 2 tagged - ")
    engine.run()
    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_a_burst_is_a_few_invocations_and_a_few_calls(engine: Engine) -> None:
    alice = fleet.iam_user(engine, "alice")
    ids = [engine.launch({"Name": "web"}, by=alice) for _ in range(100)]

    assert engine.messages(engine.queue) == 300
    assert engine.deliver() == 2

    assert all(engine.tags(i).keys() >= ALL_THREE for i in ids)
    assert engine.actions().count("CreateTags") == 1


def test_a_poison_event_ends_in_the_dead_letter_queue_and_the_rest_is_done(
    engine: Engine,
) -> None:
    sqs = engine.client("sqs")
    sqs.send_message(QueueUrl=engine.queue, MessageBody='{"source": "aws.ec2"}')
    instance = engine.launch({"Name": "web"})

    engine.deliver()
    assert engine.tags(instance).keys() >= ALL_THREE
    assert engine.messages(engine.queue) == 1

    tries = 1
    while engine.messages(engine.queue):
        assert engine.source.poll() == 0, "not before its time"
        engine.pass_time(timedelta(minutes=15))
        tries += engine.deliver()
    assert tries == 5
    assert engine.messages(engine.dead_letters) == 1
    assert engine.actions().count("CreateTags") == 1


@pytest.mark.parametrize(
    "forged", [{"account": "210987654321"}, {"region": "eu-west-2"}, {"source": "my.own"}]
)
def test_an_event_of_elsewhere_is_logged_and_not_acted_upon(
    engine: Engine, forged: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    waiting = engine.waiting_messages()
    (launch,) = [m for m in waiting if "RunInstances" in m.body]
    waiting.clear()
    body = json.dumps(json.loads(launch.body) | forged)
    engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody=body)

    engine.deliver()

    assert engine.tags(instance) == {"Name": "web"}
    assert engine.messages(engine.queue) == 1, "it will be a dead letter"
    assert any("cannot be read: the event is" in message for message in caplog.messages)


def test_what_failed_comes_back_after_half_a_minute_and_then_later_each_time(
    engine: Engine,
) -> None:
    engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody="no event")

    for pause in (30, 60, 120, 240):
        assert engine.source.poll() == 1
        engine.pass_time(timedelta(seconds=pause - 2))
        assert engine.source.poll() == 0
        engine.pass_time(timedelta(seconds=3))


def test_an_instance_of_another_vpc_is_dropped_without_a_word(engine: Engine) -> None:
    (instance,) = fleet.launch(engine, fleet.create_vpc(engine), {"Name": "web"})

    engine.deliver()

    assert engine.tags(instance) == {"Name": "web"}
    assert engine.emails() == []
    assert engine.messages(engine.queue) == 0


def test_an_instance_that_ec2_does_not_show_yet_is_tried_again(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    other = engine.launch({"Name": "web"})

    with not_shown(instance):
        engine.deliver()
    assert engine.tags(other).keys() >= ALL_THREE
    assert engine.messages(engine.queue) == 3, "the launch, the start and the tag of the one"

    engine.pass_time(timedelta(seconds=31))
    engine.deliver()
    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.messages(engine.queue) == 0


def test_an_event_about_an_instance_that_is_long_gone_is_dropped(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})
    engine.clock.sleep(11 * 60)

    with not_shown(instance):
        engine.deliver()

    assert engine.messages(engine.queue) == 0
    assert engine.messages(engine.dead_letters) == 0


def test_an_event_about_an_instance_that_never_shows_does_not_become_a_dead_letter(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"})

    with not_shown(instance):
        tries = 0
        while engine.messages(engine.queue):
            tries += engine.deliver()
            engine.pass_time(timedelta(seconds=30))
            engine.clock.sleep(30)

    assert 2 <= tries <= 4
    assert engine.messages(engine.dead_letters) == 0


def test_an_instance_that_may_not_be_tagged_yet_is_tried_again(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    with failing("CreateTags", AwsError("InvalidInstanceID.NotFound")):
        engine.deliver()
    assert engine.messages(engine.queue) == 3, "the launch, the start and the tag of the one"
    engine.pass_time(timedelta(minutes=1))
    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.messages(engine.dead_letters) == 0


def test_events_that_a_run_had_no_time_for_come_back(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    other = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "bob"))
    waiting = engine.messages(engine.queue)
    engine.clock.sleep(10 * 60)  # the events are too old to come back for another reason
    engine.context = FakeContext()

    def run_down(call: Call) -> None:
        if call.action == "DescribeInstances" and engine.context is not None:
            engine.context.remaining_millis = [100_000]

    with listening(run_down):
        engine.deliver()
    assert engine.messages(engine.queue) == waiting
    assert engine.changes() == ["ChangeMessageVisibilityBatch"]
    engine.context = None
    engine.pass_time(timedelta(minutes=1))
    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.tags(other)["CreatedBy"] == "bob"


def test_of_a_launch_that_is_told_twice_the_first_counts(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    (launch,) = [m for m in engine.waiting_messages() if "RunInstances" in m.body]
    later = json.loads(launch.body)
    later["time"] = "2099-01-01T00:00:00Z"
    later["detail"]["eventTime"] = later["time"]
    later["detail"]["userIdentity"]["userName"] = "mallory"
    engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody=json.dumps(later))

    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"


def launch_message(engine: Engine) -> dict[str, Any]:
    """Return the event of the one launch, taken out of the queue."""
    waiting = engine.waiting_messages()
    (launch,) = [m for m in waiting if "RunInstances" in m.body]
    waiting.remove(launch)
    body: dict[str, Any] = json.loads(launch.body)
    return body


def put_back(engine: Engine, body: dict[str, Any]) -> None:
    engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody=json.dumps(body))


def by_mallory(body: dict[str, Any], time: datetime) -> dict[str, Any]:
    """Return the launch as it is recorded when mallory repeats it with its client token."""
    at = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    identity = {"type": "IAMUser", "userName": "mallory"}
    detail = body["detail"] | {"eventTime": at, "userIdentity": identity}
    return body | {"time": at, "detail": detail}


def test_a_launch_that_is_repeated_months_after_the_creation_is_asked_for(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=60))
    put_back(engine, by_mallory(launch_message(engine), datetime.now(UTC)))

    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert "LookupEvents" in engine.actions()


def test_a_repetition_that_comes_alone_is_left_to_the_sweep(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(minutes=10))
    put_back(engine, by_mallory(launch_message(engine), datetime.now(UTC)))

    engine.deliver()
    assert "CreatedBy" not in engine.tags(instance)
    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"


def without_a_schedule(engine: Engine) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_SCHEDULE": ""}


def test_without_a_schedule_a_creator_is_waited_for_and_then_people_are_told(
    engine: Engine,
) -> None:
    without_a_schedule(engine)
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    launch_message(engine)

    engine.deliver()
    assert engine.messages(engine.queue) == 3, "its start, its first tag, and the tags since"
    while engine.messages(engine.queue):
        engine.pass_time(timedelta(minutes=2))
        engine.deliver()

    assert "CreatedBy" not in engine.tags(instance)
    of_the_other_tags, of_the_creator = engine.emails()
    assert "creator-not-looked-up" not in of_the_other_tags.text
    assert of_the_creator.text.startswith("PLEASE CHECK: 1 finding left")
    assert "creator-not-looked-up: " in of_the_creator.text
    assert engine.messages(engine.dead_letters) == 0


def test_without_a_schedule_the_event_of_a_launch_that_comes_later_is_in_time(
    engine: Engine,
) -> None:
    without_a_schedule(engine)
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    launch = launch_message(engine)
    engine.deliver()
    put_back(engine, launch)
    engine.deliver()
    assert engine.tags(instance)["CreatedBy"] == "alice"

    for _ in range(3):
        engine.pass_time(timedelta(minutes=2))
        engine.deliver()

    assert engine.messages(engine.queue) == engine.messages(engine.dead_letters) == 0
    assert not any("creator-not-looked-up" in email.text for email in engine.emails())


def test_a_launch_whose_record_leaves_out_the_answer_names_its_resources(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    body = launch_message(engine)
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{instance}"
    body["detail"]["responseElements"] = {"omitted": True}
    body["detail"]["resources"] = [{"type": "AWS::EC2::Instance", "ARN": arn}]
    put_back(engine, body)

    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"


@pytest.mark.parametrize("schedule", ["", "rate(1 hour)"])
def test_a_launch_whose_record_names_nothing_is_told_unless_a_sweep_will_find_it(
    engine: Engine, schedule: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_SCHEDULE": schedule}
    engine.launch({"ProjectCode": "P1", "CreatedBy": "alice", "Expires": "2099-01-01"})
    body = launch_message(engine)
    body["detail"]["responseElements"] = {"omitted": True}
    put_back(engine, body)

    engine.deliver()

    said = "is so large that its record names no instance"
    assert said in caplog.text
    assert any(said in email.text for email in engine.emails()) == (not schedule)


def test_a_launch_whose_event_cannot_be_read_is_looked_up(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=1))
    waiting = engine.waiting_messages()
    (launch,) = [m for m in waiting if "RunInstances" in m.body]
    body = json.loads(launch.body)
    then = datetime.now(UTC) - timedelta(days=1)
    body["detail"] |= {"userIdentity": None, "eventTime": then.isoformat()}
    waiting.remove(launch)
    engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody=json.dumps(body))

    engine.deliver()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert "LookupEvents" in engine.actions()
    assert engine.actions().count("CreateTags") == 1, "at once, and not when its tags come back"


def test_a_creator_that_cloudtrail_does_not_tell_now_makes_no_dead_letter(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.deliver()
    engine.backdate(instance, timedelta(days=3))
    engine.client("ec2").delete_tags(Resources=[instance], Tags=[{"Key": "CreatedBy"}])

    with failing("LookupEvents", AwsError("ThrottlingException")):
        engine.deliver()

    assert engine.messages(engine.queue) == 0
    engine.run()
    assert engine.tags(instance)["CreatedBy"] == "alice"


def test_an_untagged_instance_is_left_to_the_sweep(engine: Engine) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_MAX_DESTRUCTIVE": "0"}
    young, old = engine.launch(), engine.launch({"Name": "web"})
    engine.deliver()
    engine.backdate(old, timedelta(days=1))
    engine.client("ec2").delete_tags(
        Resources=[old], Tags=[{"Key": key} for key in engine.tags(old)]
    )

    engine.deliver()

    assert engine.state(young) == engine.state(old) == "running"
    assert engine.tags(young) == engine.tags(old) == {}
    assert len(engine.emails()) == 1, "of the tags that were set at first"
    engine.run()
    assert "2 are due, but a run may end 0 at most" in engine.emails()[1].text


def test_an_untagged_instance_is_filled_at_once_where_that_is_what_it_gets(
    engine: Engine,
) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_UNTAGGED_ACTION": "remediate"}
    instance = engine.launch(by=fleet.iam_user(engine, "alice"))

    engine.deliver()

    assert engine.tags(instance).keys() == ALL_THREE


def test_a_mark_is_taken_back_as_soon_as_somebody_tags_the_instance(engine: Engine) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_GRACE_PERIOD": "24h"}
    instance = engine.launch()
    engine.run()
    assert engine.tags(instance).keys() == {"tag-policy:due"}

    engine.tag(instance, Name="mine")
    engine.deliver()

    assert "tag-policy:due" not in engine.tags(instance)


def test_an_exempt_instance_is_left_alone(engine: Engine) -> None:
    instance = engine.launch({"tag-policy:exempt": ""})

    engine.deliver()

    assert engine.tags(instance) == {"tag-policy:exempt": ""}
    assert engine.changes() == []


def test_in_audit_mode_events_change_nothing_and_are_told(engine: Engine) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_MODE": "audit"}
    instance = engine.launch({"Name": "web"})

    engine.deliver()

    assert engine.tags(instance) == {"Name": "web"}
    assert engine.changes() == []
    assert "WOULD BE TAGGED (3)" in engine.emails()[0].text


def test_what_aws_does_not_take_now_comes_back(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    with failing("CreateTags", AwsError("RequestLimitExceeded", status=503)):
        engine.deliver()
    assert engine.tags(instance) == {"Name": "web"}
    assert engine.messages(engine.queue) == 3

    engine.pass_time(timedelta(seconds=31))
    engine.deliver()
    assert engine.tags(instance).keys() >= ALL_THREE
    assert engine.messages(engine.queue) == 0


def test_what_aws_refuses_is_told_and_does_not_come_back(engine: Engine) -> None:
    engine.launch({"Name": "web"})

    with failing("CreateTags", AwsError("UnauthorizedOperation", status=403)):
        engine.deliver()

    assert engine.messages(engine.queue) == 0
    assert "UnauthorizedOperation" in engine.emails()[0].text


@pytest.mark.parametrize("action", ["Scan", "DescribeInstances", "Publish"])
def test_when_a_run_fails_its_events_come_back_soon(engine: Engine, action: str) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    with failing(action, AwsError("AccessDeniedException")):
        engine.deliver()
    assert engine.messages(engine.queue) >= 2

    engine.pass_time(timedelta(seconds=31))
    engine.deliver()
    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.messages(engine.queue) == 0


def test_where_they_cannot_be_brought_back_soon_they_come_back_all_the_same(
    engine: Engine,
) -> None:
    engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody="no event")

    with failing("ChangeMessageVisibilityBatch", AwsError("AccessDenied", status=403)):
        engine.deliver()

    engine.pass_time(timedelta(minutes=89))
    assert engine.deliver() == 0
    engine.pass_time(timedelta(minutes=2))
    assert engine.deliver() == 1


def test_events_that_cannot_matter_are_filtered_out_by_eventbridge(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})
    engine.deliver()
    ec2 = engine.client("ec2")
    with pytest.raises(ec2.exceptions.ClientError):
        ec2.run_instances(ImageId=fleet.IMAGE, MinCount=1, MaxCount=1, SubnetId="subnet-0")
    ec2.create_tags(Resources=[engine.vpc.vpc_id], Tags=[{"Key": "Name", "Value": "vpc"}])
    ec2.stop_instances(InstanceIds=[instance])

    assert engine.messages(engine.queue) == 0


def test_a_launch_of_many_is_one_event_with_all_their_names(engine: Engine) -> None:
    ids = fleet.launch(engine, engine.vpc, {"Name": "web"}, count=30)
    assert engine.messages(engine.queue) == 1 + 30 + 30

    engine.deliver()

    assert all(engine.tags(i).keys() >= ALL_THREE for i in ids)
    assert engine.actions().count("CreateTags") == 1


def test_bad_rules_alone_are_left_for_the_sweep_to_tell(engine: Engine) -> None:
    engine.set_rules({1: {"TagKey": "Name", "Action": "Update", "Default": "-"}, 2: {}})
    engine.launch({"Name": "web"})

    engine.deliver()
    assert engine.emails() == []

    engine.run()
    assert "RULES THAT CANNOT BE USED (1)" in engine.emails()[0].text


def test_without_a_queue_a_batch_is_refused(make_engine: Any) -> None:
    engine = make_engine("terminate")
    record = {"eventSource": "aws:sqs", "messageId": "1", "body": json.dumps({})}

    with pytest.raises(Exception, match="the event has 'Records'; accepted are"):
        engine.run({"Records": [record]})
