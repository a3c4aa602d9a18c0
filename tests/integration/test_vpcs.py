"""Which VPCs: by their tags, or all of them; found anew in each run."""

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest

from tag_policy.reporting.publish import RunError
from tests.integration.conftest import Engine
from tests.support import fleet
from tests.support.acts import before
from tests.support.calls import AwsError, Call, failing

PROD = {"TAG_POLICY_VPCS": json.dumps({"tags": {"Stage": "prod", "Team": "web*"}})}
ALL = {"TAG_POLICY_VPCS": json.dumps({"all": True})}


def tag_vpc(engine: Engine, vpc: fleet.Vpc, **tags: str) -> None:
    engine.client("ec2").create_tags(
        Resources=[vpc.vpc_id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def launch_in(engine: Engine, vpc: fleet.Vpc, tags: dict[str, str] | None = None) -> str:
    (instance_id,) = fleet.launch(engine, vpc, tags)
    return instance_id


@pytest.fixture
def prod(engine: Engine) -> fleet.Vpc:
    """A VPC that has the tags; the engine finds its VPCs by them."""
    engine.environment = {**engine.environment, **PROD}
    vpc = fleet.create_vpc(engine)
    tag_vpc(engine, vpc, Stage="prod", Team="web*", Name="main")
    return vpc


def test_what_is_in_a_vpc_with_the_tags_is_put_right_and_nothing_else_is_touched(
    engine: Engine, prod: fleet.Vpc
) -> None:
    like, half = fleet.create_vpc(engine), fleet.create_vpc(engine)
    tag_vpc(engine, like, Stage="prod", Team="web-shop")
    tag_vpc(engine, half, Stage="prod")
    ours, untagged = launch_in(engine, prod, {"Name": "web"}), launch_in(engine, prod)
    others = [launch_in(engine, vpc) for vpc in (like, half, engine.vpc)]

    summary = engine.run()

    assert summary["vpc_ids"] == [prod.vpc_id]
    assert engine.tags(ours)["ProjectCode"] == "Proj007"
    assert engine.state(untagged) == "terminated"
    assert [engine.state(instance) for instance in others] == ["running"] * 3
    assert [engine.tags(instance) for instance in others] == [{}] * 3


def test_with_all_vpcs_all_are_looked_after(engine: Engine) -> None:
    engine.environment = {**engine.environment, **ALL}
    other = fleet.create_vpc(engine)
    instances = [launch_in(engine, vpc, {"Name": "web"}) for vpc in (engine.vpc, other)]

    engine.run()

    assert all(engine.tags(instance)["ProjectCode"] == "Proj007" for instance in instances)


def test_a_vpc_that_has_lost_its_tags_is_left_alone(engine: Engine, prod: fleet.Vpc) -> None:
    also = fleet.create_vpc(engine)
    tag_vpc(engine, also, Stage="prod", Team="web*")
    engine.run()
    instance = launch_in(engine, prod)
    engine.client("ec2").delete_tags(Resources=[prod.vpc_id], Tags=[{"Key": "Stage"}])

    engine.run()

    assert (engine.state(instance), engine.tags(instance)) == ("running", {})


def end_of_the_announced(engine: Engine, vpc: fleet.Vpc) -> str:
    """Launch an instance without tags, have it announced, and let a day pass."""
    engine.environment = {**engine.environment, "TAG_POLICY_GRACE_PERIOD": "24h"}
    instance = launch_in(engine, vpc)
    engine.run()
    engine.clock.sleep(timedelta(days=1, minutes=1).total_seconds())
    return instance


def test_a_vpc_that_loses_its_tags_while_a_run_is_under_way_has_nothing_ended(
    engine: Engine, prod: fleet.Vpc
) -> None:
    instance = end_of_the_announced(engine, prod)

    def let_go() -> None:
        engine.client("ec2").delete_tags(Resources=[prod.vpc_id], Tags=[{"Key": "Stage"}])

    with before(2, let_go, action="DescribeVpcs") as moment:
        engine.run()

    assert moment.calls, "the run had begun"
    assert engine.state(instance) == "running"
    assert "TerminateInstances" not in engine.actions()


def test_what_is_due_is_ended_where_the_vpc_keeps_its_tags(engine: Engine, prod: fleet.Vpc) -> None:
    instance = end_of_the_announced(engine, prod)

    engine.run()

    assert engine.state(instance) == "terminated"


def test_where_the_vpcs_cannot_be_asked_for_again_nothing_is_ended(
    engine: Engine, prod: fleet.Vpc
) -> None:
    instance = end_of_the_announced(engine, prod)

    asked = itertools.count()

    def is_a_second_time(_: Call) -> bool:
        return next(asked) > 0

    refused = AwsError("UnauthorizedOperation", status=403)
    with failing("DescribeVpcs", refused, is_a_second_time):
        summary = engine.run()

    assert engine.state(instance) == "running"
    assert summary["outcomes"]["failed"] == 1


def test_a_new_vpc_is_named_once_people_have_got_the_message(
    engine: Engine, prod: fleet.Vpc
) -> None:
    launch_in(engine, prod, {"Name": "web"})
    engine.run()
    assert "new, and looked after" not in engine.emails()[-1].text, "they were all new then"
    added = fleet.create_vpc(engine)
    tag_vpc(engine, added, Stage="prod", Team="web*")

    with failing("Publish", AwsError("InternalError", status=500)), pytest.raises(RunError):
        engine.run()
    before = len(engine.emails())
    engine.run()
    engine.run()

    (email,) = engine.emails()[before:]
    assert f"new, and looked after from now on: {added.vpc_id}" in email.text


def test_where_the_vpcs_cannot_be_asked_for_nothing_is_changed_and_the_run_fails(
    engine: Engine, prod: fleet.Vpc
) -> None:
    instances = [launch_in(engine, prod), launch_in(engine, prod, {"Name": "web"})]

    with (
        failing("DescribeVpcs", AwsError("UnauthorizedOperation", status=403)),
        pytest.raises(RunError, match="the VPCs could not be looked up"),
    ):
        engine.run()

    assert engine.changes() == []
    assert [engine.state(instance) for instance in instances] == ["running"] * 2
    assert "UnauthorizedOperation" in engine.emails()[-1].text


def test_where_no_vpc_has_the_tags_the_run_fails(engine: Engine) -> None:
    engine.environment = {**engine.environment, **PROD}
    instance = engine.launch()

    with pytest.raises(RunError, match="no VPC of this account and region has the tags"):
        engine.run()

    assert (engine.state(instance), engine.tags(instance)) == ("running", {})


def test_a_run_by_hand_may_be_narrowed_to_some_of_them(engine: Engine, prod: fleet.Vpc) -> None:
    instance = launch_in(engine, prod, {"Name": "web"})

    summary = engine.run({"vpc_ids": [prod.vpc_id], "mode": "audit"})

    assert summary["vpc_ids"] == [prod.vpc_id]
    assert engine.tags(instance) == {"Name": "web"}


def test_a_run_that_was_narrowed_by_hand_does_not_make_the_others_new(
    engine: Engine, prod: fleet.Vpc
) -> None:
    also = fleet.create_vpc(engine)
    tag_vpc(engine, also, Stage="prod", Team="web*")
    launch_in(engine, prod, {"Name": "web"})
    engine.run()

    engine.run({"vpc_ids": [prod.vpc_id]})
    launch_in(engine, also, {"Name": "web"})
    engine.run()

    assert "new, and looked after" not in engine.emails()[-1].text


def test_vpcs_without_an_instance_to_be_seen_are_said(engine: Engine, prod: fleet.Vpc) -> None:
    shared = fleet.create_vpc(engine)
    tag_vpc(engine, shared, Stage="prod", Team="web*")
    launch_in(engine, prod, {"Name": "web"})

    engine.run()

    text = engine.emails()[-1].text
    assert f"no instance can be seen in {shared.vpc_id}: nothing runs there" in text
    assert f"seen in {prod.vpc_id}" not in text


@pytest.fixture
def with_events(make_engine: Any) -> Engine:
    """An engine that finds its VPCs, and is told of launches."""
    made: Engine = make_engine("events")
    made.environment = {**made.environment, **PROD}
    return made


def test_an_event_of_a_vpc_that_has_the_tags_is_dealt_with_and_of_another_not(
    with_events: Engine,
) -> None:
    engine = with_events
    other = launch_in(engine, engine.vpc, {"Name": "web"})
    engine.deliver()
    assert engine.tags(other) == {"Name": "web"}, "none has the tags, and that is no failure"
    assert engine.messages(engine.queue) == 0

    tag_vpc(engine, engine.vpc, Stage="prod", Team="web*")
    ours = launch_in(engine, engine.vpc, {"Name": "web"})
    engine.deliver()

    assert engine.tags(ours)["ProjectCode"] == "Proj007"


def test_an_event_comes_back_where_the_vpcs_could_not_be_asked_for(with_events: Engine) -> None:
    engine = with_events
    tag_vpc(engine, engine.vpc, Stage="prod", Team="web*")
    instance = launch_in(engine, engine.vpc, {"Name": "web"})

    with failing("DescribeVpcs", AwsError("InternalError", status=500)):
        engine.deliver()
    assert engine.tags(instance) == {"Name": "web"}
    engine.pass_time(timedelta(minutes=1))
    engine.deliver()

    assert engine.tags(instance)["ProjectCode"] == "Proj007"
