"""What goes wrong on AWS's side: each is told, and none stops what has nothing to do with it."""

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.parsers import ResponseParserError
from moto.ec2.models import ec2_backends

from tag_policy.aws.clients import Clients
from tag_policy.aws.pace import PacedCalls
from tag_policy.handler import RunError
from tag_policy.resources import ending, remediation
from tag_policy.resources.instance import ended, instances_by_id, instances_of_vpcs, touched
from tests.integration.conftest import Engine, FakeContext
from tests.support import fleet
from tests.support.builders import HOME
from tests.support.calls import AwsError, Call, answering, failing, failing_for, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION


def touches(instance_id: str) -> Callable[[Call], bool]:
    def does(call: Call) -> bool:
        parameters = call.parameters
        ids = parameters.get("Resources", []) + parameters.get("InstanceIds", [])
        return instance_id in ids

    return does


def launch_as(
    engine: Engine, name: str, tags: Mapping[str, str] | None = None, count: int = 1
) -> list[str]:
    """Have a user launch instances that have a name, and perhaps further tags."""
    who = fleet.iam_user(engine, name)
    return fleet.launch(engine, engine.vpc, {"Name": "web", **(tags or {})}, by=who, count=count)


def test_a_protected_instance_does_not_keep_others_alive(engine: Engine) -> None:
    protected = engine.launch(protected=True)
    in_its_zone = [engine.launch() for _ in range(4)]
    in_another_zone = [engine.launch(zone=1) for _ in range(3)]

    summary = engine.run()

    assert engine.state(protected) == "running"
    for instance in in_its_zone + in_another_zone:
        assert engine.state(instance) == "terminated"
    assert summary["outcomes"]["terminated"] == 7
    assert summary["outcomes"]["failed"] == 1
    assert "OperationNotPermitted" in engine.emails()[0].text


def test_an_instance_with_50_tags_does_not_keep_others_untagged(engine: Engine) -> None:
    full = engine.launch({f"k{number}": "v" for number in range(50)})
    others = [engine.launch({"Name": "web"}) for _ in range(5)]

    summary = engine.run()

    assert len(engine.tags(full)) == 50
    assert all(engine.tags(other)["ProjectCode"] == "Proj007" for other in others)
    assert summary["outcomes"]["failed"] == 3
    assert "TagLimitExceeded" in engine.emails()[0].text


def test_an_instance_that_ends_between_listing_and_tagging_is_left_alone(engine: Engine) -> None:
    ending, staying = engine.launch({"Name": "a"}), engine.launch({"Name": "b"})
    done = False

    def end_it(call: Call) -> None:
        nonlocal done
        if call.action == "LookupEvents" and not done:
            done = True
            engine.client("ec2").terminate_instances(InstanceIds=[ending])
            engine.clock.sleep(15)

    with listening(end_it):
        summary = engine.run()

    assert engine.tags(ending) == {"Name": "a"}
    assert engine.tags(staying)["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["deferred"] == 3
    assert summary["outcomes"]["tagged"] == 3


def test_an_instance_that_is_gone_when_the_call_arrives_fails_alone(engine: Engine) -> None:
    gone, staying = engine.launch({"Name": "a"}), engine.launch({"Name": "b"})

    with failing("CreateTags", AwsError("InvalidInstanceID.NotFound"), touches(gone)):
        summary = engine.run()

    assert engine.tags(staying)["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["failed"] == 3
    assert "InvalidInstanceID.NotFound" in engine.emails()[0].text


def test_tags_that_an_owner_sets_while_the_run_is_under_way_are_kept(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    def owner_tags(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.client("ec2").create_tags(
                Resources=[instance], Tags=[{"Key": "ProjectCode", "Value": "Apollo"}]
            )
            engine.clock.sleep(15)

    with listening(owner_tags):
        summary = engine.run()

    assert engine.tags(instance)["ProjectCode"] == "Apollo"
    assert summary["outcomes"]["deferred"] == 3
    assert "changed while the run was under way" in engine.emails()[0].text


def test_only_what_has_got_a_tag_or_has_ended_is_looked_at_again(engine: Engine) -> None:
    mine, gone = engine.launch({"Cost": ""}), engine.launch({"Name": "a"})
    other = engine.launch({"Name": "b"})
    ec2, paced = engine.client("ec2"), PacedCalls(engine.clock, lambda: False)
    ec2.terminate_instances(InstanceIds=[gone])

    assert touched(ec2, [mine, gone, other], ["CreatedBy", "Cost"], paced) == {mine}
    assert ended(ec2, paced) == {gone}


@pytest.mark.parametrize("tag_key", ["Cost*", "Is it?", "back\\slash"])
def test_all_are_looked_at_again_where_a_filter_would_read_a_key_otherwise(
    engine: Engine, tag_key: str
) -> None:
    ids = [engine.launch({tag_key: ""}), engine.launch({"Name": "b"})]
    paced = PacedCalls(engine.clock, lambda: False)

    assert touched(engine.client("ec2"), ids, ["CreatedBy", tag_key], paced) == ids


def test_an_instance_that_is_exempted_while_the_run_is_under_way_is_left_alone(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"})

    def owner_exempts(call: Call) -> None:
        if call.action == "LookupEvents":
            tag(engine, instance, "tag-policy:exempt", "")
            engine.clock.sleep(15)

    with listening(owner_exempts):
        engine.run()

    assert engine.tags(instance).keys() == {"Name", "tag-policy:exempt"}


def test_how_old_a_look_is_counts_from_the_call_and_not_from_the_judging(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tag_policy.resources.remediation.BATCH_SIZE", 2)
    engine.set_rules({1: {"TagKey": "ProjectCode", "Action": "Update", "Default": "ours"}})
    ids = fleet.launch(engine, engine.vpc, {"Name": "web"}, count=6)

    def a_slow_call(call: Call) -> None:
        if call.action == "CreateTags" and engine.clock.slept < timedelta(seconds=30):
            engine.clock.sleep(60)
            waiting = [i for i in ids if i not in call.parameters["Resources"]]
            tag(engine, waiting[0], "ProjectCode", "theirs")
            tag(engine, waiting[1], "tag-policy:exempt", "")

    with listening(a_slow_call):
        engine.run()

    values = [engine.tags(i).get("ProjectCode", "") for i in ids]
    assert sorted(values) == ["", "ours", "ours", "ours", "ours", "theirs"]


def test_how_old_a_look_is_counts_from_the_question_and_not_from_the_answer(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web"})

    def answer_late(call: Call, answer: Any) -> Any:
        if call.action == "DescribeInstances" and engine.clock.slept < timedelta(seconds=12):
            engine.clock.sleep(12)
            ec2_backends[ACCOUNT_ID][REGION].create_tags([instance], {"ProjectCode": "theirs"})
        return answer

    with answering(answer_late):
        engine.run()

    assert engine.tags(instance)["ProjectCode"] == "theirs"


def test_the_second_look_asks_for_what_has_changed_and_not_for_all(engine: Engine) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=3)

    def wait(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.clock.sleep(15)

    with listening(wait):
        summary = engine.run()

    assert summary["outcomes"]["tagged"] == 9
    looks = [c for c in engine.calls if c.action == "DescribeInstances"][1:]
    asked = [[one["Name"] for one in look.parameters["Filters"]] for look in looks]
    assert asked == [["instance-state-name"], ["instance-id", "tag-key"]]


@pytest.mark.parametrize(("batch_size", "looks"), [(200, 1), (4, 2), (3, 3)])
def test_the_calls_for_many_creators_share_a_second_look(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, batch_size: int, looks: int
) -> None:
    monkeypatch.setattr(remediation, "BATCH_SIZE", batch_size)
    launched = {name: launch_as(engine, name, count=2) for name in ("alice", "bob", "carol")}

    def wait(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.clock.sleep(15)

    with listening(wait):
        engine.run()

    for name, ids in launched.items():
        assert [engine.tags(i)["CreatedBy"] for i in ids] == [name, name]
    assert engine.actions().count("CreateTags") == 3
    assert engine.actions().count("DescribeInstances") == 1 + looks + 1, "one of what has ended"


def test_a_shared_second_look_is_no_older_than_any_other(engine: Engine) -> None:
    launched = [launch_as(engine, name, count=2) for name in ("alice", "bob", "carol")]
    taken: list[str] = []

    def an_owner_is_faster(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.clock.sleep(15)
        if call.action == "CreateTags" and not taken:
            engine.clock.sleep(15)
            waiting = [ids[0] for ids in launched if ids[0] not in call.parameters["Resources"]]
            taken.extend(waiting)
            tag(engine, waiting[0], "ProjectCode", "theirs")
            engine.client("ec2").terminate_instances(InstanceIds=[waiting[1]])

    with listening(an_owner_is_faster):
        summary = engine.run()

    assert engine.tags(taken[0]) == {"Name": "web", "ProjectCode": "theirs"}
    assert engine.tags(taken[1]) == {"Name": "web"}
    assert summary["outcomes"]["tagged"] == 3 * 4
    assert summary["outcomes"]["deferred"] == 3 * 2


def test_what_has_ended_is_known_for_no_longer_than_any_look(engine: Engine) -> None:
    launch_as(engine, "alice", {"ProjectCode": "theirs"})
    (bobs,), (carols,) = launch_as(engine, "bob"), launch_as(engine, "carol")
    gone: list[str] = []

    def an_instance_ends(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.clock.sleep(15)
        if call.action == "CreateTags" and not {bobs, carols} & set(call.parameters["Resources"]):
            engine.clock.sleep(8)  # with the next look, what has ended is 8 seconds old
        elif call.action == "CreateTags" and not gone:
            engine.clock.sleep(5)  # and with the call after that, 13
            gone.extend({bobs, carols} - set(call.parameters["Resources"]))
            engine.client("ec2").terminate_instances(InstanceIds=gone)

    with listening(an_instance_ends):
        summary = engine.run()

    assert engine.tags(gone[0]) == {"Name": "web"}
    assert summary["outcomes"]["tagged"] == 2 + 3
    assert summary["outcomes"]["deferred"] == 3


def test_a_second_look_is_shared_only_by_calls_that_write_the_same_keys(engine: Engine) -> None:
    """One that lacks a tag less has another: asked for that one, it would seem to have changed."""
    launch_as(engine, "alice", count=2)
    launch_as(engine, "bob", {"ProjectCode": "theirs"})
    launch_as(engine, "carol")

    def wait(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.clock.sleep(15)

    with listening(wait):
        summary = engine.run()

    assert summary["outcomes"]["tagged"] == 3 * 3 + 2
    looks = [c for c in engine.calls if c.action == "DescribeInstances"][1:]
    asked = [look.parameters["Filters"][-1]["Name"] for look in looks]
    assert asked == ["instance-state-name", "tag-key", "tag-key"], "none is listed anew"


def test_what_was_listed_seconds_ago_is_tagged_without_a_second_look(engine: Engine) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=3)

    engine.run()

    assert engine.actions().count("DescribeInstances") == 1


def test_an_instance_that_gets_its_first_tag_while_the_run_is_under_way_lives(
    engine: Engine,
) -> None:
    engine.launch({"Name": "web"})
    untagged = engine.launch()

    def owner_tags(call: Call) -> None:
        if call.action == "CreateTags" and untagged not in call.parameters["Resources"]:
            engine.client("ec2").create_tags(
                Resources=[untagged], Tags=[{"Key": "Name", "Value": "mine"}]
            )

    with listening(owner_tags):
        engine.run()

    assert engine.state(untagged) == "running"


@pytest.mark.parametrize(
    ("action", "variant"),
    [
        ("CreateTags", "remediate"),
        ("TerminateInstances", "terminate"),
        ("StopInstances", "stop"),
    ],
)
def test_what_aws_refuses_is_reported_with_its_code(
    make_engine: Any, action: str, variant: str
) -> None:
    engine: Engine = make_engine(variant)
    refused, others = engine.launch(), [engine.launch() for _ in range(2)]
    error = AwsError("UnauthorizedOperation", "You are not authorized.", 403)

    with failing(action, error, touches(refused)):
        summary = engine.run()

    assert engine.state(refused) == "running"
    for other in others:
        assert engine.state(other) != "running" or "ProjectCode" in engine.tags(other)
    assert summary["outcomes"]["failed"] == (3 if variant == "remediate" else 1)
    assert "UnauthorizedOperation" in engine.emails()[0].text


def test_a_tag_that_may_not_be_written_does_not_keep_the_others_from_being_written(
    engine: Engine,
) -> None:
    instances = fleet.launch(engine, engine.vpc, {"Name": "web"}, count=4)

    def holds_project_code(call: Call) -> bool:
        return any(tag["Key"] == "ProjectCode" for tag in call.parameters["Tags"])

    with failing("CreateTags", AwsError("UnauthorizedOperation", status=403), holds_project_code):
        summary = engine.run()

    for instance in instances:
        assert set(engine.tags(instance)) == {"Name", "CreatedBy", "Expires"}
    assert summary["outcomes"]["tagged"] == 8
    assert summary["outcomes"]["failed"] == 4


def test_the_parts_of_a_refused_call_are_looked_at_again(engine: Engine) -> None:
    protected = engine.launch(protected=True)
    rescued, others = engine.launch(), [engine.launch() for _ in range(2)]
    full = engine.launch({f"k{number}": "v" for number in range(50)})
    tagged = engine.launch({"Name": "web"})

    def owner_tags(call: Call) -> None:
        if call.action == "TerminateInstances":
            tag(engine, rescued, "Name", "mine")
        if call.action == "CreateTags" and full in call.parameters["Resources"]:
            tag(engine, tagged, "ProjectCode", "Apollo")

    with listening(owner_tags):
        engine.run()

    assert engine.state(rescued) == "running"
    assert engine.tags(tagged)["ProjectCode"] == "Apollo"
    assert [engine.state(other) for other in others] == ["terminated"] * 2
    assert engine.state(protected) == "running"


def test_who_exempts_an_instance_while_a_call_about_it_is_refused_is_heard(engine: Engine) -> None:
    full = engine.launch({f"k{number}": "v" for number in range(50)})
    theirs, other = engine.launch({"Name": "web"}), engine.launch({"Name": "web"})

    def owner_exempts(call: Call) -> None:
        if call.action == "CreateTags" and full in call.parameters["Resources"]:
            tag(engine, theirs, "tag-policy:exempt", "")

    with listening(owner_exempts):
        engine.run()

    assert engine.tags(theirs).keys() == {"Name", "tag-policy:exempt"}
    assert engine.tags(other)["ProjectCode"] == "Proj007"


def tag(engine: Engine, instance: str, key: str, value: str) -> None:
    engine.client("ec2").create_tags(Resources=[instance], Tags=[{"Key": key, "Value": value}])


def test_what_a_refused_call_ended_all_the_same_is_reported_as_ended(engine: Engine) -> None:
    engine.launch(protected=True)
    for _ in range(3):
        engine.launch(zone=1)
    calls = 0

    def first_call_is_over(_: Call) -> bool:
        nonlocal calls
        calls += 1
        return calls > 1

    with failing("TerminateInstances", AwsError("RequestLimitExceeded"), first_call_is_over):
        summary = engine.run()

    assert summary["outcomes"]["terminated"] == 3
    assert summary["outcomes"]["deferred"] == 1


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://ec2.eu-west-1.amazonaws.com/"),
        ResponseParserError("Unable to parse response"),
    ],
    ids=["timeout", "unreadable"],
)
def test_a_termination_whose_answer_is_lost_is_reported_as_what_it_was(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("tag_policy.aws.clients._CONFIG", Config(retries={"total_max_attempts": 1}))
    clients = Clients(HOME)
    instance = engine.launch()

    def lose_answer(**_: Any) -> None:
        engine.client("ec2").terminate_instances(InstanceIds=[instance])
        raise error

    clients.ec2.meta.events.register_first("before-send.ec2.TerminateInstances", lose_answer)

    summary = engine.run(clients=clients)

    assert engine.state(instance) == "terminated"
    assert summary["outcomes"]["terminated"] == 1
    assert summary["outcomes"]["deferred"] == 0


def test_a_call_that_breaks_at_aws_is_left_for_the_next_run_and_not_split(engine: Engine) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=8)

    with failing("CreateTags", AwsError("Strange", status=503)):
        summary = engine.run()

    assert summary["outcomes"]["deferred"] == 24
    assert engine.actions().count("CreateTags") == 1
    assert engine.run()["outcomes"]["tagged"] == 24


@pytest.mark.parametrize("status", [400, 503])
def test_a_call_that_is_throttled_for_ever_is_left_for_the_next_run_and_not_split(
    engine: Engine, status: int
) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=8)
    began = engine.clock.now()

    with failing("CreateTags", AwsError("RequestLimitExceeded", status=status)):
        summary = engine.run()

    assert summary["outcomes"]["deferred"] == 24
    resources = [c.parameters["Resources"] for c in engine.calls if c.action == "CreateTags"]
    assert [len(some) for some in resources] == [8] * 8, "tried again, and never split"
    assert engine.clock.now() - began > timedelta(seconds=30), "at a pace that AWS may bear"
    assert engine.run()["outcomes"]["tagged"] == 24


@pytest.mark.parametrize("action", ["DescribeInstances", "CreateTags", "TerminateInstances"])
def test_throttling_that_passes_only_makes_a_run_slower(engine: Engine, action: str) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=3)
    untagged = engine.launch()
    throttled = itertools.count(1)

    with failing(action, AwsError("RequestLimitExceeded"), lambda _: next(throttled) <= 4):
        summary = engine.run()

    assert summary["complete"]
    assert summary["outcomes"]["tagged"] == 9
    assert engine.state(untagged) == "terminated"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("Scan", "ThrottlingException"),
        ("Scan", "ProvisionedThroughputExceededException"),
        ("DescribeVpcs", "RequestLimitExceeded"),
        ("Publish", "Throttled"),
        ("Publish", "KMSThrottling"),
    ],
)
def test_throttling_of_two_seconds_gives_up_neither_a_run_nor_its_message(
    engine: Engine, action: str, code: str
) -> None:
    instance, untagged = engine.launch({"Name": "web"}), engine.launch()

    with failing_for(timedelta(seconds=2), engine.clock, action, AwsError(code)) as refused:
        summary = engine.run()

    assert 1 <= len(refused) <= 3, "three, or fewer where the machine itself takes its time"
    assert summary["complete"]
    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    assert engine.state(untagged) == "terminated"
    assert len(engine.emails()) == 1


@pytest.mark.parametrize("action", ["Scan", "Publish"])
def test_throttling_that_does_not_pass_is_given_up_when_there_is_no_time_for_more(
    engine: Engine, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.launch({"Name": "web"})
    context = FakeContext()

    def run_down(call: Call) -> None:
        if call.action == action:
            context.remaining_millis = [context.remaining_millis[0] - 400_000]

    with (
        listening(run_down),
        failing(action, AwsError("Throttling")),
        pytest.raises(RunError, match="Throttling"),
    ):
        engine.run(context=context)

    assert engine.actions().count(action) == {"Scan": 2, "Publish": 3}[action]
    assert "cannot be read" in engine.emails()[0].text if action == "Scan" else True
    if action == "Publish":
        assert "the report could not be published" in caplog.messages


@pytest.mark.parametrize("action", ["Scan", "CreateTags", "DescribeVpcs", "TerminateInstances"])
def test_an_answer_that_cannot_be_read_is_not_told_whole(
    engine: Engine, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.launch({"Name": "web"})
    engine.launch()
    page = "<<<\nTERMINATED (9)\n" + "x" * 372_000

    def garble(call: Call, answer: Any) -> Any:
        return (200, answer[1], page) if call.action == action else answer

    with answering(garble), contextlib.suppress(RunError):
        engine.run()

    assert all(len(message) <= 2_000 and message.isprintable() for message in caplog.messages)
    assert max(len(str(vars(record))) for record in caplog.records) < 10_000
    for email in engine.emails():
        assert len(email.text) < 5_000
        assert "\nTERMINATED (9)" not in email.text


def test_a_call_that_times_out_is_left_for_the_next_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = engine.launch({"Name": "web"})
    clients = Clients(HOME)
    monkeypatch.setattr("tag_policy.aws.clients._CONFIG", Config(retries={"total_max_attempts": 1}))

    def time_out(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://ec2.eu-west-1.amazonaws.com/")

    clients.ec2_once.meta.events.register_first("before-send.ec2.CreateTags", time_out)

    summary = engine.run(clients=clients)

    assert engine.tags(instance) == {"Name": "web"}
    assert summary["outcomes"]["deferred"] == 3
    assert "Read timeout" in engine.emails()[0].text


def test_a_termination_that_aws_does_not_confirm_is_not_reported_as_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.ec2.models.instances import InstanceBackend

    engine.launch()
    monkeypatch.setattr(InstanceBackend, "terminate_instances", lambda *_: [])

    summary = engine.run()

    assert summary["outcomes"]["terminated"] == 0
    assert summary["outcomes"]["failed"] == 1
    assert "NotConfirmed" in engine.emails()[0].text


def test_of_a_termination_that_aws_confirms_in_part_only_that_part_is_reported_as_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.ec2.models.instances import InstanceBackend

    original = InstanceBackend.terminate_instances
    confirmed, other = engine.launch(), engine.launch()

    def all_but_one(self: Any, ids: list[str]) -> Any:
        some = [i for i in ids if i != other]
        return original(self, some) if some else []

    monkeypatch.setattr(InstanceBackend, "terminate_instances", all_but_one)

    summary = engine.run()

    assert (engine.state(confirmed), engine.state(other)) == ("terminated", "running")
    assert (summary["outcomes"]["terminated"], summary["outcomes"]["failed"]) == (1, 1)
    assert f"{other}  not terminated  no tags at all - NotConfirmed" in engine.emails()[0].text


def test_what_may_have_been_ended_when_the_time_was_up_is_told_as_not_confirmed(
    engine: Engine,
) -> None:
    engine.launch(protected=True)
    engine.launch(zone=1)
    context = FakeContext(invoked_function_arn=engine.arn)

    def run_down(call: Call) -> None:
        if call.action == "DescribeInstances" and context.remaining_millis == [100_000]:
            raise AwsError("InternalError", status=500)
        if call.action == "TerminateInstances":
            context.remaining_millis = [100_000]

    with listening(run_down):
        summary = engine.run(context=context)

    assert summary["outcomes"]["deferred"] == 2
    text = engine.emails()[0].text
    assert text.count("termination not confirmed  no tags at all - NotConfirmed: ") == 2


def test_a_run_that_breaks_off_tells_what_it_had_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged, untagged = engine.launch({"Name": "web"}), engine.launch()
    confirm = ending._confirm

    def break_off(*arguments: Any) -> None:
        confirm(*arguments)
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(ending, "_confirm", break_off)

    with pytest.raises(RunError, match="the run broke off: ZeroDivisionError"):
        engine.run()

    assert engine.state(untagged) == "terminated"
    text = engine.emails()[0].text
    assert "THIS RUN IS INCOMPLETE" in text
    assert tagged in text


def test_vpcs_that_cannot_be_asked_about_are_swept_all_the_same(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    with failing("DescribeVpcs", AwsError("RequestLimitExceeded")):
        summary = engine.run()

    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    assert not summary["complete"]


def test_a_listing_that_takes_too_long_leaves_time_to_act_on_what_it_saw(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tag_policy.resources.instance.PAGE_SIZE", 5)
    for _ in range(8):
        engine.launch({"Name": "web"})
    context = FakeContext()

    def run_down(call: Call) -> None:
        if call.action == "DescribeInstances":
            context.remaining_millis = [context.remaining_millis[0] - 400_000]

    with listening(run_down):
        summary = engine.run(context=context)

    assert summary["instances"] < 8
    assert not summary["complete"]


def test_an_instance_of_another_vpc_is_never_listed_even_when_named(engine: Engine) -> None:
    (foreign,) = fleet.launch(engine, fleet.create_vpc(engine))
    mine = engine.launch()

    paced = PacedCalls(engine.clock, lambda: False)
    found = instances_by_id(engine.client("ec2"), [mine, foreign], [engine.vpc.vpc_id], paced)

    assert [instance.ref.resource_id for instance in found] == [mine]


def test_what_ec2_tells_of_others_than_were_asked_for_is_nobodys_concern(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.ec2.models.instances import InstanceBackend

    (foreign,) = fleet.launch(engine, fleet.create_vpc(engine))
    mine, other = engine.launch(), engine.launch()
    paced = PacedCalls(engine.clock, lambda: False)
    original = InstanceBackend.all_reservations
    monkeypatch.setattr(InstanceBackend, "all_reservations", lambda self, *_: original(self))
    ec2 = engine.client("ec2")

    found = instances_by_id(ec2, [mine, foreign], [engine.vpc.vpc_id], paced)
    listed = instances_of_vpcs(ec2, [engine.vpc.vpc_id], paced, lambda: False, lambda: False)

    assert [instance.ref.resource_id for instance in found] == [mine]
    assert {instance.ref.resource_id for instance in listed} == {mine, other}


def test_a_page_that_names_itself_as_the_next_one_is_not_asked_for_as_long_as_there_is_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tag_policy.resources.instance.PAGE_SIZE", 2)
    untagged = [engine.launch() for _ in range(40)]
    context = FakeContext(invoked_function_arn=engine.arn)

    def repeat(call: Call, answer: Any) -> Any:
        token = call.parameters.get("NextToken")
        if call.action != "DescribeInstances" or not token:
            return answer
        context.remaining_millis = [context.remaining_millis[0] - 5_000]
        status, headers, body = answer
        return status, headers, re.sub("(<nextToken>)[^<]+", rf"\g<1>{token}", body)

    with answering(repeat), pytest.raises(RunError, match="the token of the same page"):
        engine.run(context=context)

    assert {engine.state(i) for i in untagged} == {"running"}


def test_a_listing_that_breaks_off_is_told_and_fails_the_run(engine: Engine) -> None:
    engine.launch({"Name": "web"})

    with (
        failing("DescribeInstances", AwsError("UnauthorizedOperation", status=403)),
        pytest.raises(RunError, match="could not all be listed"),
    ):
        engine.run()

    assert engine.changes() == []
    assert "INCOMPLETE" in engine.emails()[0].subject


def test_a_report_that_cannot_be_published_is_in_the_log_and_fails_the_run(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    instance = engine.launch({"Name": "web"})

    with (
        failing("Publish", AwsError("AuthorizationError", status=403)),
        pytest.raises(RunError, match="could not be published"),
    ):
        engine.run()

    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    record, _ = [r for r in caplog.records if "could not be published" in r.message]
    assert instance in json.dumps(record.__dict__, default=str)


def test_when_the_time_is_up_before_enforcement_nothing_is_changed(engine: Engine) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=3)
    engine.launch()
    context = FakeContext()

    def run_down(call: Call) -> None:
        if call.action == "LookupEvents":
            context.remaining_millis = [100_000]

    with listening(run_down):
        summary = engine.run(context=context)

    assert not summary["complete"]
    assert summary["outcomes"]["deferred"] == 10
    assert engine.changes() == []
    assert "the time of this run was up" in engine.emails()[0].text
    assert engine.run()["complete"]


def test_when_the_time_is_up_between_two_batches_the_next_run_goes_on(engine: Engine) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=210)
    context = FakeContext()

    def run_down(call: Call) -> None:
        if call.action == "CreateTags":
            context.remaining_millis = [100_000]

    with listening(run_down):
        first = engine.run(context=context)

    assert engine.changes() == ["CreateTags"]
    assert first["outcomes"] == first["outcomes"] | {"tagged": 540, "deferred": 90}
    assert not first["complete"]

    second = engine.run()
    assert second["outcomes"]["tagged"] == 90
    assert second["complete"]
