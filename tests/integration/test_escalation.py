"""Rules that end instances that have tags: announced step by step, and never what is right again.

The role of each engine is enforced: what it does, IAM allows.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from tag_policy.model.mark import Mark
from tag_policy.reporting.publish import RunError
from tag_policy.rules.mark import read_mark
from tests.integration.conftest import Engine
from tests.support.acts import Person
from tests.support.calls import AwsError, Call, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.faults import KilledError, answer_lost, killed_after

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = "tag-policy:due"
OWNER = {"TagKey": "Owner", "Escalate": {"stop": "7d", "terminate": "14d"}, "Note": "ask Jane"}


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine whose rule 10 wants an owner, and stops and then terminates what has none."""
    made: Engine = make_engine("escalating")
    made.environment = {"TAG_POLICY_SCHEDULE": "rate(1 hour)"}
    made.set_rules({10: OWNER})
    return made


def mark_of(engine: Engine, instance_id: str) -> Mark:
    mark = read_mark(engine.tags(instance_id)[DUE])
    assert isinstance(mark, Mark)
    return mark


def later(engine: Engine, time: timedelta) -> dict[str, Any]:
    """Return the summary of the run after some time."""
    engine.clock.sleep(time.total_seconds())
    return engine.run()


def is_announced(engine: Engine, time: timedelta = timedelta()) -> str:
    """Launch an instance without an owner, have that announced, and return its id."""
    instance_id = engine.launch({"Name": "web"})
    engine.run()
    engine.clock.sleep(time.total_seconds())
    return instance_id


def test_an_instance_without_an_owner_is_announced_stopped_announced_and_terminated(
    engine: Engine,
) -> None:
    began = engine.clock.now()
    web = engine.launch({"Name": "web"})

    first = engine.run()

    counted = first["outcomes"]
    assert (first["violations"], counted["marked"], counted["reported"]) == (1, 1, 1)
    (announcement,) = engine.emails()
    assert "  Owner: required tag missing; terminate 7d after that - ask Jane" in announcement.text
    assert "what follows: stop after 7d, then terminate after 14d" in announcement.text
    stop = mark_of(engine, web)
    assert (stop.action, stop.time - began >= 7 * DAY) == ("stop", True)
    assert f"stop at {stop.time:%Y-%m-%dT%H:%M}" in announcement.text

    later(engine, 7 * DAY - HOUR)
    assert (engine.state(web), len(engine.emails())) == ("running", 2), "the daily list"
    stopped = later(engine, HOUR + timedelta(seconds=30))
    assert (engine.state(web), stopped["outcomes"]["stopped"]) == ("stopped", 1)
    assert "STOPPED (1)" in engine.emails()[-1].text

    later(engine, HOUR)
    terminate = mark_of(engine, web)
    assert (terminate.action, terminate.time - began >= 14 * DAY) == ("terminate", True)
    assert "terminate at " in engine.emails()[-1].text
    later(engine, 7 * DAY - HOUR)
    assert engine.state(web) == "stopped"
    later(engine, HOUR + timedelta(seconds=30))
    assert engine.state(web) == "terminated"
    assert engine.clock.now() - began >= 14 * DAY


def test_who_mends_it_in_time_is_told_no_more_and_the_mark_goes(engine: Engine) -> None:
    web = is_announced(engine, 6 * DAY)

    engine.tag(web, Owner="ann")
    summary = engine.run()

    assert summary["outcomes"]["unmarked"] == 1
    assert engine.tags(web) == {"Name": "web", "Owner": "ann"}
    later(engine, 30 * DAY)
    assert engine.state(web) == "running"


@contextmanager
def after_the_listing(act: Any) -> Iterator[None]:
    """Let somebody act when all is listed, and the engine asks what people were told of it."""
    done: list[bool] = []

    def see(call: Call) -> None:
        if call.action == "BatchGetItem" and "announced#" in str(call.parameters) and not done:
            done.append(True)
            act()

    with listening(see):
        yield
    assert done, "the engine did not ask"


@pytest.mark.parametrize("what", ["mends", "exempts", "rewrites the mark of"])
def test_who_acts_between_the_listing_and_the_look_keeps_the_instance(
    engine: Engine, what: str
) -> None:
    web = is_announced(engine, 7 * DAY + HOUR)
    tags = {
        "mends": {"Owner": "ann"},
        "exempts": {"exempt": ""},
        "rewrites the mark of": {"due": "please do not"},
    }[what]

    with after_the_listing(lambda: engine.tag(web, **tags)):
        summary = engine.run()

    assert engine.state(web) == "running"
    assert (summary["outcomes"]["stopped"], summary["outcomes"]["deferred"]) == (0, 1)


def test_a_throttled_end_is_looked_at_again(engine: Engine) -> None:
    web = is_announced(engine, 7 * DAY + HOUR)
    tries: list[Call] = []

    def is_first(call: Call) -> bool:
        if call.action != "StopInstances":
            return False
        tries.append(call)
        if len(tries) == 1:
            engine.tag(web, Owner="ann")
        return len(tries) == 1

    with failing("StopInstances", AwsError("RequestLimitExceeded"), is_first):
        engine.run()

    assert (engine.state(web), len(tries)) == ("running", 1)


def test_a_message_that_was_not_accepted_delays_the_end_and_is_sent_again(engine: Engine) -> None:
    web = engine.launch({"Name": "web"})
    with failing("Publish", AwsError("InternalError")), suppress(RunError):
        engine.run()
    engine.clock.sleep((7 * DAY + HOUR).total_seconds())

    engine.run()

    assert engine.state(web) == "running"
    assert mark_of(engine, web).time - engine.clock.now() > 6 * DAY


def test_a_lost_answer_to_the_end_is_no_second_end_and_the_next_step_is_announced(
    engine: Engine,
) -> None:
    web = is_announced(engine, 7 * DAY + HOUR)

    with answer_lost("StopInstances"):
        summary = engine.run()

    assert (engine.state(web), summary["outcomes"]["stopped"]) == ("stopped", 1)
    later(engine, HOUR)
    assert mark_of(engine, web).action == "terminate"


@pytest.mark.parametrize("engine_forgets", [True, False])
def test_a_mark_that_somebody_copied_ends_nothing(engine: Engine, engine_forgets: bool) -> None:
    web = is_announced(engine, 7 * DAY + HOUR)
    copied = engine.launch({"Name": "copy", DUE: engine.tags(web)[DUE]})
    engine.backdate(copied, 30 * DAY)
    if engine_forgets:
        dynamodb = engine.client("dynamodb")
        for item in dynamodb.scan(TableName="escalating-state")["Items"]:
            dynamodb.delete_item(TableName="escalating-state", Key={"Key": item["Key"]})

    engine.run()

    assert engine.state(copied) == "running"
    assert mark_of(engine, copied).time - engine.clock.now() > 6 * DAY
    assert engine.state(web) == ("running" if engine_forgets else "stopped")


def test_a_changed_rule_is_announced_anew_and_not_earlier_than_people_were_told(
    engine: Engine,
) -> None:
    web = is_announced(engine, 6 * DAY)
    told = mark_of(engine, web).time

    engine.set_rules({10: OWNER | {"Escalate": {"stop": "1h"}}})
    engine.run()

    anew = mark_of(engine, web)
    assert (anew.time, anew.cause != OWNER) == (told, True)
    later(engine, 23 * HOUR)
    assert engine.state(web) == "running"
    later(engine, 2 * HOUR)  # it is longer ago than the rule would have it by now: once more
    assert engine.state(web) == "running"
    later(engine, 2 * HOUR)
    assert engine.state(web) == "stopped"


def test_a_limit_holds_for_what_rules_end_and_what_has_no_tags_together(engine: Engine) -> None:
    engine.environment |= {
        "TAG_POLICY_MAX_DESTRUCTIVE": "2",
        "TAG_POLICY_GRACE_PERIOD": "7d",
    }
    tagged = [engine.launch({"Name": "web"}) for _ in range(2)]
    bare = engine.launch()
    engine.run()

    summary = later(engine, 7 * DAY + HOUR)

    assert {engine.state(one) for one in (*tagged, bare)} == {"running"}
    assert summary["outcomes"]["deferred"] == 3
    assert "3 are due, but a run may end 2 at most" in engine.emails()[-1].text


def test_a_service_that_takes_an_instance_over_keeps_it(engine: Engine) -> None:
    web = is_announced(engine, 7 * DAY + HOUR)
    engine.let_a_service_manage(web)

    summary = engine.run()

    assert (engine.state(web), DUE in engine.tags(web)) == ("running", False)
    assert summary["outcomes"]["reported"] == 1
    assert "nothing follows, because operator manages it" in engine.emails()[-1].text


def test_an_instance_of_a_persistent_spot_request_is_reported_and_never_ended(
    engine: Engine,
) -> None:
    web = engine.launch({"Name": "web"})
    engine.make_spot(web, "persistent")

    engine.run()
    later(engine, 8 * DAY)

    assert (engine.state(web), DUE in engine.tags(web)) == ("running", False)
    assert "Owner: required tag missing" in engine.emails()[0].text
    assert "would launch another" in engine.emails()[0].text


def test_without_permission_to_go_so_far_the_rule_is_bad_and_its_mark_goes(
    engine: Engine,
) -> None:
    web = is_announced(engine)
    engine.environment |= {"TAG_POLICY_MAX_ESCALATION": "stop"}

    with pytest.raises(RunError, match="no valid rule"):
        engine.run()
    engine.set_rules({10: OWNER, 20: {"TagKey": "Stage", "Action": "Update", "Default": "dev"}})
    summary = later(engine, 30 * DAY)

    assert summary["rule_errors"] == 1
    assert engine.tags(web) == {"Name": "web", "Stage": "dev"}
    assert engine.state(web) == "running"
    assert "goes beyond the engine's max_escalation, stop" in engine.emails()[-1].text


def test_a_run_for_an_event_takes_a_mark_back_and_announces_and_ends_nothing(
    engine: Engine,
) -> None:
    engine.environment |= {"TAG_POLICY_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/none"}
    due, mended = is_announced(engine), is_announced(engine)
    engine.clock.sleep((7 * DAY + HOUR).total_seconds())
    engine.tag(mended, Owner="ann")
    new = engine.launch({"Name": "new"})

    for instance_id in (due, mended, new):
        engine.run(changed(instance_id, engine.clock.now()))

    assert {engine.state(one) for one in (due, mended, new)} == {"running"}
    assert DUE in engine.tags(due)
    assert engine.tags(mended) == {"Name": "web", "Owner": "ann"}
    assert DUE not in engine.tags(new)


def changed(instance_id: str, at: datetime) -> dict[str, Any]:
    """Return what Lambda hands over of an instance that has been started."""
    event = {
        "id": "1",
        "source": "aws.ec2",
        "account": ACCOUNT_ID,
        "region": REGION,
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "detail-type": "EC2 Instance State-change Notification",
        "detail": {"instance-id": instance_id, "state": "running"},
    }
    record = {
        "eventSource": "aws:sqs",
        "messageId": "1",
        "receiptHandle": "1",
        "attributes": {"ApproximateReceiveCount": "1"},
        "body": json.dumps(event),
    }
    return {"Records": [record]}


# Isolating

EXPOSED = {"TagKey": "Owner", "Escalate": {"isolate": "1d", "stop": "3d"}}


def kept(engine: Engine) -> list[list[str]]:
    items = engine.client("dynamodb").scan(TableName=f"{engine.variant}-state")["Items"]
    return [i["SecurityGroups"]["SS"] for i in items if i["Key"]["S"].startswith("isolated#")]


def put_back(engine: Engine, instance_id: str, groups: list[str]) -> None:
    """Do as docs/operations.md says."""
    (reservation,) = engine.client("ec2").describe_instances(InstanceIds=[instance_id])[
        "Reservations"
    ]
    for interface in reservation["Instances"][0]["NetworkInterfaces"]:
        engine.client("ec2").modify_network_interface_attribute(
            NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=groups
        )


def test_an_instance_is_isolated_told_with_what_it_had_and_then_stopped(engine: Engine) -> None:
    engine.set_rules({10: EXPOSED})
    web = is_announced(engine)
    (had,) = engine.groups_of(web)

    later(engine, DAY - HOUR)
    assert engine.groups_of(web) == [had]
    summary = later(engine, HOUR + timedelta(seconds=30))

    assert summary["outcomes"]["isolated"] == 1
    assert engine.groups_of(web) == [[engine.isolation_group]]
    assert kept(engine) == [had]
    assert "had eni-" in engine.emails()[-1].text
    assert had[0] in engine.emails()[-1].text
    later(engine, HOUR)
    assert mark_of(engine, web).action == "stop"
    later(engine, 2 * DAY + timedelta(seconds=30))
    assert engine.state(web) == "stopped"


def test_who_puts_the_groups_back_is_told_again_before_they_are_taken_once_more(
    engine: Engine,
) -> None:
    engine.set_rules({10: {"TagKey": "Owner", "Escalate": {"isolate": "1d"}}})
    web = is_announced(engine, DAY + HOUR)
    (had,) = engine.groups_of(web)
    engine.run()
    assert engine.groups_of(web) == [[engine.isolation_group]]

    put_back(engine, web, had)
    later(engine, HOUR)

    assert engine.groups_of(web) == [had]
    assert mark_of(engine, web).time - engine.clock.now() > 23 * HOUR
    later(engine, DAY + HOUR)
    assert engine.groups_of(web) == [[engine.isolation_group]]


def test_what_cannot_be_remembered_is_not_isolated(engine: Engine) -> None:
    engine.set_rules({10: EXPOSED})
    web = is_announced(engine, DAY + HOUR)
    (had,) = engine.groups_of(web)

    def is_of_groups(call: Call) -> bool:
        return "isolated#" in str(call.parameters)

    with failing("BatchWriteItem", AwsError("InternalServerError", status=500), is_of_groups):
        engine.run()

    assert engine.groups_of(web) == [had]
    assert "could not be recorded" in engine.emails()[-1].text
    later(engine, HOUR)
    assert engine.groups_of(web) == [[engine.isolation_group]]


def test_an_instance_without_tags_is_isolated_where_that_is_its_action(make_engine: Any) -> None:
    engine: Engine = make_engine("isolate")
    bare, tagged = engine.launch(), engine.launch({"Name": "web"})
    (had,) = engine.groups_of(tagged)

    summary = engine.run()

    assert engine.groups_of(bare) == [[engine.isolation_group]]
    assert engine.groups_of(tagged) == [had]
    assert summary["outcomes"]["isolated"] == 1
    again = engine.run()
    assert (again["outcomes"]["isolated"], again["outcomes"]["notified"]) == (0, 1)
    assert "isolated already" in engine.emails()[-1].text


def test_a_limit_holds_for_isolating_too(make_engine: Any) -> None:
    engine: Engine = make_engine("isolate")
    engine.environment |= {"TAG_POLICY_MAX_DESTRUCTIVE": "1"}
    bare = [engine.launch(), engine.launch()]

    summary = engine.run()

    assert all(engine.groups_of(one) != [[engine.isolation_group]] for one in bare)
    assert summary["held_back"] == 2


def test_an_instance_in_a_vpc_without_a_group_is_only_reported(engine: Engine) -> None:
    engine.set_rules({10: EXPOSED, 20: {"TagKey": "Stage", "Escalate": {"stop": "1d"}}})
    engine.isolation_group = ""
    web = is_announced(engine)

    assert mark_of(engine, web).cause.startswith("rule 20 ")
    assert "isolation_security_groups has no group for" in engine.emails()[-1].text


def test_a_run_that_was_killed_right_after_it_isolated_does_not_isolate_again_by_the_same_mark(
    engine: Engine,
) -> None:
    engine.set_rules({10: {"TagKey": "Owner", "Escalate": {"isolate": "1d"}}})
    web = is_announced(engine, DAY + HOUR)
    (had,) = engine.groups_of(web)
    with killed_after("ModifyNetworkInterfaceAttribute"), suppress(KilledError):
        engine.run()
    assert engine.groups_of(web) == [[engine.isolation_group]]

    engine.run()
    assert "required tag missing; it is isolated" in engine.emails()[-1].text
    put_back(engine, web, had)
    later(engine, HOUR)

    assert engine.groups_of(web) == [had]
    assert mark_of(engine, web).time - engine.clock.now() > 23 * HOUR


@pytest.mark.parametrize("whose", ["the settings", "somebody who looks inside"])
def test_what_an_instance_had_at_first_is_kept_whatever_it_gets_after_that(
    engine: Engine, whose: str
) -> None:
    engine.set_rules({10: {"TagKey": "Owner", "Escalate": {"isolate": "1d"}}})
    web = is_announced(engine, DAY + HOUR)
    (had,) = engine.groups_of(web)
    engine.run()
    other = engine.client("ec2").create_security_group(
        GroupName="other", Description="another", VpcId=engine.vpc.vpc_id
    )["GroupId"]
    if whose == "the settings":
        engine.client("ec2").delete_tags(Resources=[web], Tags=[{"Key": DUE}])
        engine.environment |= {
            "TAG_POLICY_ISOLATION_SECURITY_GROUPS": json.dumps({engine.vpc.vpc_id: other})
        }
    else:
        put_back(engine, web, [engine.isolation_group, other])

    later(engine, HOUR)
    later(engine, DAY + HOUR)

    given = other if whose == "the settings" else engine.isolation_group
    assert engine.groups_of(web) == [[given]]
    assert kept(engine) == [had]
    if whose == "the settings":
        engine.isolation_group = other  # as its role names it then
        engine.calls = [one for one in engine.calls if given in str(one.parameters)]


def test_a_strangers_mark_of_a_step_that_was_never_announced_makes_the_next_no_sooner(
    engine: Engine,
) -> None:
    web = engine.launch({"Name": "web"})
    engine.backdate(web, 100 * DAY)
    engine.client("ec2").stop_instances(InstanceIds=[web])
    other = is_announced(engine)
    now = engine.clock.now()
    cause = mark_of(engine, other).cause
    forged = f"escalating: stop at {now - HOUR:%Y-%m-%dT%H:%M:%SZ}: {cause}, announced "
    engine.tag(web, due=f"{forged}{now - 7 * DAY:%Y-%m-%dT%H:%M:%SZ}")

    engine.run()

    mark = mark_of(engine, web)
    assert mark.action == "terminate"
    assert mark.time - engine.clock.now() > 13 * DAY


def test_what_a_schedule_stops_each_night_is_announced_once_and_stopped_in_its_time(
    engine: Engine,
) -> None:
    web = engine.launch({"Name": "web"})
    engine.backdate(web, 100 * DAY)
    person = Person(engine, engine.clock)
    for _ in range(6):
        later(engine, 12 * HOUR)
        person.stops(web)()
        later(engine, 12 * HOUR)
        person.starts(web)()
    announced = [one for one in engine.emails() if "ANNOUNCED" in one.text]

    assert len(announced) == 1
    assert mark_of(engine, web).action == "stop"
    later(engine, 2 * DAY)
    assert engine.state(web) == "stopped"
