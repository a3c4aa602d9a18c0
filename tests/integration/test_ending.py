"""Stopping and terminating: announced before, limited, and never what is exempt or managed."""

from datetime import timedelta
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from tag_policy.aws.clients import Clients
from tag_policy.model.mark import Mark
from tag_policy.rules.mark import read_mark
from tests.integration.conftest import Engine, shared_clients
from tests.support.builders import HOME
from tests.support.calls import AwsError, Call, failing, failing_for
from tests.support.embedded_aws import ACCOUNT_ID, REGION

HOUR = timedelta(hours=1)
DUE = "tag-policy:due"
DAY = {"TAG_POLICY_GRACE_PERIOD": "24h"}


@pytest.mark.parametrize(("variant", "state"), [("terminate", "terminated"), ("stop", "stopped")])
def test_what_is_announced_once_happens_when_its_time_has_come(
    make_engine: Any, variant: str, state: str
) -> None:
    engine: Engine = make_engine(variant)
    engine.environment = DAY
    untagged = engine.launch()

    first = engine.run()

    mark = read_mark(engine.tags(untagged)[DUE])
    assert isinstance(mark, Mark)
    assert 23 * HOUR < mark.time - engine.clock.now() <= 24 * HOUR
    assert first["outcomes"]["marked"] == 1
    assert engine.state(untagged) == "running"
    (announcement,) = engine.emails()
    assert f"{variant} at " in announcement.text

    engine.clock.sleep(23 * 3600)
    waiting = engine.run()
    assert engine.state(untagged) == "running"
    assert waiting["violations"] == 1
    assert len(engine.emails()) == 1, "it is announced once, not every hour"

    engine.clock.sleep(3600 + 5)
    last = engine.run()
    assert engine.state(untagged) == state
    assert last["outcomes"][state] == 1


def test_a_mark_says_no_earlier_time_than_people_were_told_however_long_that_took(
    engine: Engine,
) -> None:
    engine.environment = {"TAG_POLICY_GRACE_PERIOD": "1m"}
    untagged = engine.launch()
    told = engine.clock.now()

    def take_long(call: Call) -> bool:
        nonlocal told
        if call.action == "Publish":
            engine.clock.sleep(600)
            told = engine.clock.now()
        return False

    with failing("Publish", AwsError("none"), take_long):
        engine.run()

    mark = read_mark(engine.tags(untagged)[DUE])
    assert isinstance(mark, Mark)
    assert mark.announced is not None
    assert told <= mark.announced <= mark.time
    engine.clock.sleep(120)
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_without_a_grace_period_it_is_marked_all_the_same_because_the_role_demands_it(
    engine: Engine,
) -> None:
    untagged = engine.launch()

    engine.run()

    assert engine.changes() == ["CreateTags", "TerminateInstances"]
    assert engine.state(untagged) == "terminated"
    assert read_mark(engine.tags(untagged)[DUE]) is not None


def test_an_owner_who_tags_in_time_is_told_no_more_and_the_mark_goes(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()

    engine.tag(untagged, Name="web")
    summary = engine.run()

    tags = engine.tags(untagged)
    assert DUE not in tags
    assert tags["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["unmarked"] == 1
    engine.clock.sleep(48 * 3600)
    engine.run()
    assert engine.state(untagged) == "running"


@pytest.mark.parametrize("grace", [DAY, {}])
@pytest.mark.parametrize("words", ["", "soon", "ask Jane"])
def test_a_marker_tag_in_somebodys_own_words_is_left_and_told_and_nothing_is_ended(
    engine: Engine, words: str, grace: dict[str, str]
) -> None:
    engine.environment = grace
    untagged = engine.launch()
    engine.tag(untagged, due=words)

    summary = engine.run()

    assert engine.state(untagged) == "running"
    assert engine.tags(untagged) == {DUE: words}
    assert engine.changes() == []
    assert summary["outcomes"]["left"] == 1
    assert "somebody's own words" in engine.emails()[0].text


def test_a_mark_that_somebody_has_forged_is_announced_anew(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    long_ago = (
        "terminate: terminate at 2020-01-02T00:00:00Z: untagged, announced 2020-01-01T00:00:00Z"
    )
    engine.tag(untagged, due=long_ago)

    engine.run()

    assert engine.state(untagged) == "running"
    new = read_mark(engine.tags(untagged)[DUE])
    assert isinstance(new, Mark)
    assert new.time > engine.clock.now() + 23 * HOUR
    assert "does not count" in engine.emails()[0].text


def test_a_mark_that_came_with_the_launch_was_copied_and_is_announced_anew(engine: Engine) -> None:
    engine.environment = DAY
    original = engine.launch()
    engine.run()
    engine.clock.sleep(20 * 3600)
    copy = engine.launch(engine.tags(original))  # as "Launch more like this" does
    engine.backdate(copy, -20 * HOUR)

    engine.clock.sleep(4 * 3600 + 60)
    engine.run()

    assert (engine.state(original), engine.state(copy)) == ("terminated", "running")
    assert f"{copy}  terminate at " in engine.emails()[-1].text
    engine.clock.sleep(25 * 3600)
    engine.run()
    assert engine.state(copy) == "terminated"


def test_a_mark_that_was_copied_from_another_instance_is_announced_anew(engine: Engine) -> None:
    engine.environment = DAY
    original = engine.launch()
    copy = engine.launch({"Name": "web"})
    engine.run()
    engine.tag(copy, due=engine.tags(original)[DUE])
    tags = [{"Key": key} for key in engine.tags(copy) if key != DUE]
    engine.client("ec2").delete_tags(Resources=[copy], Tags=tags)

    engine.clock.sleep(24 * 3600 + 60)
    engine.run()

    assert (engine.state(original), engine.state(copy)) == ("terminated", "running")
    assert f"{copy}  terminate at " in engine.emails()[-1].text


def test_what_was_announced_for_later_is_not_ended_by_the_earlier_mark_of_another_instance(
    engine: Engine,
) -> None:
    engine.environment = DAY
    original, copy = engine.launch(), engine.launch({"Name": "web"})
    engine.run()
    engine.clock.sleep(20 * 3600)
    tags = [{"Key": key} for key in engine.tags(copy)]
    engine.client("ec2").delete_tags(Resources=[copy], Tags=tags)
    engine.run()
    assert isinstance(read_mark(engine.tags(copy)[DUE]), Mark), "it is announced for itself"
    engine.tag(copy, due=engine.tags(original)[DUE])

    engine.clock.sleep(4 * 3600 + 60)
    engine.run()

    assert (engine.state(original), engine.state(copy)) == ("terminated", "running")
    engine.clock.sleep(25 * 3600)
    engine.run()
    assert engine.state(copy) == "terminated"


@pytest.mark.parametrize("tags", [{"exempt": ""}, {"Name": "web"}])
def test_who_answers_a_message_at_once_is_not_marked(engine: Engine, tags: dict[str, str]) -> None:
    engine.environment = DAY
    untagged = engine.launch()

    def answer_it(call: Call) -> bool:
        if call.action == "Publish":
            engine.tag(untagged, **tags)
        return False

    with failing("Publish", AwsError("none"), answer_it):
        summary = engine.run()

    assert not isinstance(read_mark(engine.tags(untagged)[DUE]), Mark)
    assert summary["outcomes"]["deferred"] == 1


def test_what_nobody_remembers_having_told_is_told_anew(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()
    engine.client("dynamodb").delete_item(
        TableName="terminate-state", Key={"Key": {"S": f"announced#{untagged}"}}
    )

    engine.clock.sleep(25 * 3600)
    with failing("BatchGetItem", AwsError("AccessDeniedException", status=400)):
        engine.run()
    assert engine.state(untagged) == "running"
    engine.run()

    assert engine.state(untagged) == "running"
    assert "no record that people were told" in engine.emails()[-1].text
    engine.clock.sleep(25 * 3600)
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_what_was_announced_is_marked_anew_where_there_is_no_grace_any_more(
    engine: Engine,
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()
    mark = read_mark(engine.tags(untagged)[DUE])
    engine.client("ec2").delete_tags(Resources=[untagged], Tags=[{"Key": DUE}])

    engine.environment = {"TAG_POLICY_GRACE_PERIOD": "0s"}
    engine.run()

    new = read_mark(engine.tags(untagged)[DUE])
    assert isinstance(mark, Mark)
    assert isinstance(new, Mark)
    assert (engine.state(untagged), new.time) == ("running", mark.time)


def test_an_instance_that_is_tagged_between_mark_and_end_is_left_alone(engine: Engine) -> None:
    untagged = engine.launch()
    described = 0

    def tag_it_after_the_mark(call: Call) -> bool:
        nonlocal described
        described += call.action == "DescribeInstances"
        if described == 3:  # listed, looked at before the mark, and now before the end
            described += 1
            engine.tag(untagged, Name="web")
        return False

    with failing("DescribeInstances", AwsError("none"), tag_it_after_the_mark):
        summary = engine.run()

    assert engine.state(untagged) == "running"
    assert summary["outcomes"]["terminated"] == 0
    assert summary["outcomes"]["deferred"] == 1
    engine.run()
    assert DUE not in engine.tags(untagged)


@pytest.mark.parametrize("grace", ["0s", "24h"])
def test_no_client_is_made_between_the_look_and_the_call(engine: Engine, grace: str) -> None:
    engine.environment = {"TAG_POLICY_GRACE_PERIOD": grace}
    untagged = engine.launch()
    clients, once = Clients(HOME), shared_clients().ec2_once
    for name in ("ec2", "dynamodb", "sns"):
        setattr(clients, name, getattr(shared_clients(), name))
    if grace != "0s":
        engine.run()
        engine.clock.sleep(24 * 3600 + 60)

    def make_it(_: Clients) -> Any:
        # The lock in IAM does not know it. Not by a call, which would be taken for the engine's.
        ec2_backends[ACCOUNT_ID][REGION].create_tags([untagged], {"team": "x"})
        return once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clients, "ec2_once", property(make_it))
        engine.run(clients=clients)

    assert engine.state(untagged) == "running"
    assert "TerminateInstances" not in engine.actions()


def test_young_exempt_and_managed_instances_are_left_alone(engine: Engine) -> None:
    engine.environment = {"TAG_POLICY_MINIMUM_AGE": "1h"}
    young, exempt, managed = (engine.launch() for _ in range(3))
    engine.backdate(exempt, 2 * HOUR)
    engine.tag(exempt, exempt="until the migration is done")
    engine.backdate(managed, 2 * HOUR)
    engine.let_a_service_manage(managed)

    summary = engine.run()

    assert engine.changes() == []
    assert {engine.state(instance) for instance in (young, exempt, managed)} == {"running"}
    assert (summary["exempt"], summary["outcomes"]["notified"]) == (1, 1)
    (email,) = engine.emails()
    assert "1 exempt instance left alone." in email.text
    assert "eks.amazonaws.com manages it" in email.text

    engine.clock.sleep(2 * 3600)
    engine.run()
    assert engine.state(young) == "terminated"


def test_over_the_limit_nothing_is_ended_everything_else_is_done_and_all_are_listed(
    engine: Engine,
) -> None:
    engine.environment = {"TAG_POLICY_MAX_DESTRUCTIVE": "2"}
    untagged = [engine.launch() for _ in range(3)]
    tagged = engine.launch({"Name": "web"})

    summary = engine.run()

    assert summary["outcomes"]["deferred"] == 3
    assert engine.tags(tagged)["ProjectCode"] == "Proj007"
    assert "TerminateInstances" not in engine.actions()
    (email,) = engine.emails()
    for instance in untagged:
        assert f"{instance}  not terminated" in email.text
    assert "3 are due, but a run may end 2 at most" in email.text

    engine.environment = {"TAG_POLICY_MAX_DESTRUCTIVE": "3"}
    engine.run()
    assert {engine.state(instance) for instance in untagged} == {"terminated"}


def test_an_audit_decides_the_same_and_marks_nothing(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()

    audited = engine.run({"mode": "audit"})

    assert engine.changes() == []
    assert engine.tags(untagged) == {}
    assert audited["outcomes"]["marked"] == 1
    assert "WOULD BE ANNOUNCED" in engine.emails()[0].text
    assert engine.run()["outcomes"] == audited["outcomes"]


@pytest.mark.parametrize("variant", ["notify", "remediate"])
def test_marks_of_earlier_days_go_when_nothing_is_ended_any_more(
    make_engine: Any, variant: str
) -> None:
    engine: Engine = make_engine(variant)
    untagged = engine.launch()
    engine.tag(untagged, due="terminate at 2020-01-01T00:00:00Z: no tags at all")

    engine.run()

    assert DUE not in engine.tags(untagged)
    assert engine.state(untagged) == "running"


def test_where_the_mark_cannot_be_written_nothing_is_ended(engine: Engine) -> None:
    untagged = engine.launch()

    with failing("CreateTags", AwsError("UnauthorizedOperation")):
        summary = engine.run()

    assert engine.state(untagged) == "running"
    assert summary["outcomes"]["failed"] == 1
    assert "UnauthorizedOperation" in engine.emails()[0].text


def test_what_cannot_be_stopped_is_an_outcome_of_its_own_with_the_code_of_aws(
    make_engine: Any,
) -> None:
    engine: Engine = make_engine("stop")
    plain, spot, protected = (engine.launch() for _ in range(3))
    engine.make_spot(spot)
    engine.client("ec2").modify_instance_attribute(
        InstanceId=protected, DisableApiStop={"Value": True}
    )

    summary = engine.run()

    assert engine.state(plain) == "stopped"
    assert (summary["outcomes"]["stopped"], summary["outcomes"]["failed"]) == (1, 2)
    (email,) = engine.emails()
    assert f"{spot}  not stopped  no tags at all - UnsupportedOperation" in email.text
    assert f"{protected}  not stopped  no tags at all - OperationNotPermitted" in email.text


def test_a_rule_about_the_engines_own_tags_is_refused(engine: Engine) -> None:
    engine.environment = {"TAG_POLICY_FORMER_MARKER_TAG_KEYS": '["due"]'}
    keys = [DUE, "tag-policy:exempt", "due", "ProjectCode"]
    rule = {"Action": "Update", "Default": "x"}
    engine.set_rules({n: rule | {"TagKey": key} for n, key in enumerate(keys, 1)})
    instance = engine.launch({"Name": "web"})

    summary = engine.run()

    assert summary["rule_errors"] == 3
    assert engine.tags(instance).keys() == {"Name", "ProjectCode"}
    assert "the engine's own mark or exemption" in engine.emails()[0].text


@pytest.mark.parametrize("moment", ["DescribeInstances", "CreateTags", "TerminateInstances"])
@pytest.mark.parametrize("grace_period", ["0s", "24h"])
def test_two_runs_at_once_end_where_one_would(
    engine: Engine, moment: str, grace_period: str
) -> None:
    engine.environment = {"TAG_POLICY_GRACE_PERIOD": grace_period}
    due, tagged = engine.launch(), engine.launch({"Name": "web"})
    met = 0

    def run_another_one(call: Call) -> bool:
        nonlocal met
        met += call.action == moment
        if met == 1:
            met += 1
            engine.run()
        return False

    with failing(moment, AwsError("none"), run_another_one):
        engine.run()

    ended = grace_period == "0s"
    assert engine.state(due) == ("terminated" if ended else "running")
    assert engine.tags(tagged).keys() == {"Name", "ProjectCode", "CreatedBy", "Expires"}
    changes = engine.changes()
    engine.run()
    assert engine.changes() == changes


def test_what_a_persistent_spot_request_would_launch_anew_is_reported_and_not_ended(
    engine: Engine,
) -> None:
    once, for_ever = engine.launch(), engine.launch()
    engine.make_spot(once)
    engine.make_spot(for_ever, "persistent")

    summary = engine.run()

    assert (engine.state(once), engine.state(for_ever)) == ("terminated", "running")
    assert summary["outcomes"]["notified"] == 1
    assert "would launch another" in engine.emails()[0].text


def test_what_a_persistent_spot_request_would_launch_anew_is_not_announced_either(
    engine: Engine,
) -> None:
    engine.environment = DAY
    spot = engine.launch()
    engine.make_spot(spot, "persistent")

    summary = engine.run()

    assert (summary["outcomes"]["notified"], summary["outcomes"]["marked"]) == (1, 0)
    assert engine.tags(spot) == {}


def test_a_spot_request_is_asked_for_again_where_that_is_throttled(engine: Engine) -> None:
    spot = engine.launch()
    engine.make_spot(spot)
    action, throttled = "DescribeSpotInstanceRequests", AwsError("RequestLimitExceeded", status=503)

    with failing_for(timedelta(seconds=2), engine.clock, action, throttled) as refused:
        engine.run()

    assert len(refused) == 3
    assert engine.state(spot) == "terminated"


def test_a_spot_instance_is_left_where_its_request_cannot_be_asked_for(engine: Engine) -> None:
    spot, other = engine.launch(), engine.launch()
    engine.make_spot(spot)

    with failing("DescribeSpotInstanceRequests", AwsError("UnauthorizedOperation", status=403)):
        engine.run()

    assert (engine.state(spot), engine.state(other)) == ("running", "terminated")
    assert "EC2 does not say whether its Spot request" in engine.emails()[0].text


def test_what_is_left_for_another_reason_counts_for_the_limit_too(engine: Engine) -> None:
    engine.environment = {"TAG_POLICY_MAX_DESTRUCTIVE": "2"}
    plain, spot = [engine.launch() for _ in range(2)], [engine.launch() for _ in range(3)]
    for instance in spot:
        engine.make_spot(instance)

    with failing("DescribeSpotInstanceRequests", AwsError("UnauthorizedOperation", status=403)):
        engine.run()

    assert {engine.state(instance) for instance in plain} == {"running"}
    assert "5 are due, but a run may end 2 at most" in engine.emails()[0].text
