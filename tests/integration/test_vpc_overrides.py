"""What is said otherwise of some VPCs: their mode, and what happens to what has no tags there."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.conftest import Engine
from tests.support import fleet


def override(engine: Engine, vpc: fleet.Vpc, **said: str) -> None:
    """Have an engine look after its own VPC and another one, of which something else is said."""
    engine.environment = {
        **engine.environment,
        "TAG_POLICY_VPCS": json.dumps({"ids": [engine.vpc.vpc_id, vpc.vpc_id]}),
        "TAG_POLICY_VPC_OVERRIDES": json.dumps({vpc.vpc_id: said}),
    }


def launch_in(engine: Engine, vpc: fleet.Vpc, tags: dict[str, str] | None = None) -> str:
    (instance_id,) = fleet.launch(engine, vpc, tags)
    return instance_id


@pytest.fixture
def audited(engine: Engine) -> fleet.Vpc:
    """A VPC that is only audited, by an engine that terminates what has no tags."""
    vpc = fleet.create_vpc(engine)
    override(engine, vpc, mode="audit")
    return vpc


def test_in_a_vpc_that_is_only_audited_nothing_is_changed_and_the_rest_is_enforced(
    engine: Engine, audited: fleet.Vpc
) -> None:
    ours, here = engine.launch(), launch_in(engine, audited)
    to_tag, here_too = engine.launch({"Name": "a"}), launch_in(engine, audited, {"Name": "b"})

    summary = engine.run()

    assert engine.state(ours) == "terminated"
    assert engine.tags(to_tag)["ProjectCode"] == "Proj007"
    assert (engine.state(here), engine.tags(here)) == ("running", {})
    assert engine.tags(here_too) == {"Name": "b"}
    assert summary["outcomes"]["audited"] == 4
    assert (summary["outcomes"]["terminated"], summary["outcomes"]["tagged"]) == (1, 3)


def test_the_report_says_what_would_be_done_there_and_why_it_is_not(
    engine: Engine, audited: fleet.Vpc
) -> None:
    here, here_too = launch_in(engine, audited), launch_in(engine, audited, {"Name": "b"})

    engine.run()

    (email,) = engine.emails()
    assert f"Mode:     enforce, but audit only in {audited.vpc_id}" in email.text
    section = email.text.partition("NOT DONE, BECAUSE THE VPC IS ONLY AUDITED (4)\n")[2]
    assert f"  {here}  would be terminated  no tags at all" in section
    assert f'  {here_too} (b)  ProjectCode = "Proj007"  required tag missing' in section
    assert email.text.startswith("PLEASE CHECK: 4 findings in VPCs that are only audited.")


def test_what_would_be_ended_there_is_no_part_of_the_limit(
    engine: Engine, audited: fleet.Vpc
) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_MAX_DESTRUCTIVE": "1"}
    ours = engine.launch()
    for _ in range(3):
        launch_in(engine, audited)

    engine.run()

    assert engine.state(ours) == "terminated"


def test_what_would_be_announced_there_is_not(engine: Engine, audited: fleet.Vpc) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_GRACE_PERIOD": "24h"}
    here = launch_in(engine, audited)

    summary = engine.run()
    engine.clock.sleep(timedelta(days=2).total_seconds())
    engine.run()

    assert (engine.state(here), engine.tags(here)) == ("running", {})
    assert (summary["outcomes"]["marked"], summary["outcomes"]["audited"]) == (0, 1)


def test_what_was_announced_before_the_vpc_is_only_audited_does_not_happen(
    engine: Engine, audited: fleet.Vpc
) -> None:
    of_the_vpc = engine.environment
    without = {"TAG_POLICY_VPC_OVERRIDES": "", "TAG_POLICY_GRACE_PERIOD": "24h"}
    engine.environment = {**of_the_vpc, **without}
    here = launch_in(engine, audited)
    engine.run()
    assert "tag-policy:due" in engine.tags(here)
    engine.clock.sleep(timedelta(days=2).total_seconds())

    engine.environment = {**of_the_vpc, "TAG_POLICY_GRACE_PERIOD": "24h"}
    summary = engine.run()

    assert engine.state(here) == "running"
    assert summary["outcomes"]["audited"] == 1


def test_what_people_know_of_an_audited_vpc_is_not_told_again(
    engine: Engine, audited: fleet.Vpc
) -> None:
    launch_in(engine, audited)
    engine.run()
    engine.run()

    assert len(engine.emails()) == 1


def test_an_audit_by_hand_says_of_all_alike_what_would_be_done(
    engine: Engine, audited: fleet.Vpc
) -> None:
    engine.launch()
    launch_in(engine, audited)

    summary = engine.run({"mode": "audit"})

    assert (summary["outcomes"]["terminated"], summary["outcomes"]["audited"]) == (2, 0)
    assert "audit only in" not in engine.emails()[-1].text


def test_what_would_not_be_touched_anyway_is_told_as_such(
    engine: Engine, audited: fleet.Vpc
) -> None:
    override(engine, audited, mode="audit", untagged_action="notify")
    launch_in(engine, audited)

    summary = engine.run()

    assert (summary["outcomes"]["notified"], summary["outcomes"]["audited"]) == (1, 0)


def test_what_was_announced_is_taken_back_where_nothing_is_ended_any_more(engine: Engine) -> None:
    vpc = fleet.create_vpc(engine)
    engine.environment = {**engine.environment, "TAG_POLICY_GRACE_PERIOD": "24h"}
    override(engine, vpc)
    here = launch_in(engine, vpc)
    engine.run()
    assert "tag-policy:due" in engine.tags(here)

    override(engine, vpc, untagged_action="notify")
    summary = engine.run()

    assert engine.tags(here) == {}
    assert summary["outcomes"]["unmarked"] == 1


def test_an_event_of_an_audited_vpc_changes_nothing_and_is_dealt_with(make_engine: Any) -> None:
    engine: Engine = make_engine("events")
    vpc = fleet.create_vpc(engine)
    override(engine, vpc, mode="audit")
    here = launch_in(engine, vpc, {"Name": "web"})

    engine.deliver()

    assert engine.tags(here) == {"Name": "web"}
    assert engine.messages(engine.queue) == 0


def test_of_an_engine_that_audits_one_vpc_may_be_enforced(make_engine: Any) -> None:
    engine: Engine = make_engine("one-enforced")
    vpc = fleet.create_vpc(engine)
    override(engine, vpc, mode="enforce", untagged_action="stop")
    left, stopped = engine.launch(), launch_in(engine, vpc)
    not_tagged, tagged = engine.launch({"Name": "a"}), launch_in(engine, vpc, {"Name": "b"})

    summary = engine.run()

    assert (engine.state(left), engine.tags(left)) == ("running", {})
    assert engine.tags(not_tagged) == {"Name": "a"}
    assert engine.state(stopped) == "stopped"
    assert engine.tags(tagged)["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["failed"] == 0
    assert summary["mode"] == "enforce"


def test_to_ask_for_enforcement_by_hand_enforces_no_vpc_that_is_audited(make_engine: Any) -> None:
    engine: Engine = make_engine("one-enforced")
    vpc = fleet.create_vpc(engine)
    override(engine, vpc, mode="enforce", untagged_action="stop")
    left, not_tagged = engine.launch(), engine.launch({"Name": "a"})

    engine.run({"mode": "enforce"})

    assert (engine.state(left), engine.tags(left)) == ("running", {})
    assert engine.tags(not_tagged) == {"Name": "a"}


def test_each_vpc_has_its_own_untagged_action(make_engine: Any) -> None:
    engine: Engine = make_engine("two-ends")
    gentle, kind = fleet.create_vpc(engine), fleet.create_vpc(engine)
    vpc_ids = [engine.vpc.vpc_id, gentle.vpc_id, kind.vpc_id]
    engine.environment = {
        **engine.environment,
        "TAG_POLICY_VPCS": json.dumps({"ids": vpc_ids}),
        "TAG_POLICY_VPC_OVERRIDES": json.dumps(
            {
                gentle.vpc_id: {"untagged_action": "stop"},
                kind.vpc_id: {"untagged_action": "remediate"},
            }
        ),
    }
    ended, stopped, tagged = engine.launch(), launch_in(engine, gentle), launch_in(engine, kind)

    engine.run()

    assert [engine.state(one) for one in (ended, stopped, tagged)] == [
        "terminated",
        "stopped",
        "running",
    ]
    assert engine.tags(tagged)["ProjectCode"] == "Proj007"


def test_the_role_holds_no_more_than_the_enforced_vpcs_need(rendered: Any) -> None:
    def ends(variant: str) -> set[str]:
        return {
            statement["Sid"]
            for statement in rendered.policies[variant][0]["Statement"]
            if statement["Sid"].endswith("MarkedUntaggedInstances")
        }

    assert ends("one-enforced") == {"StopMarkedUntaggedInstances"}
    assert ends("two-ends") == {"StopMarkedUntaggedInstances", "TerminateMarkedUntaggedInstances"}


def test_while_an_override_is_of_no_vpc_of_ours_nothing_is_ended(engine: Engine) -> None:
    engine.environment = {
        **engine.environment,
        "TAG_POLICY_VPCS": json.dumps({"all": True}),
        "TAG_POLICY_VPC_OVERRIDES": json.dumps({"vpc-0123456789abcdef0": {"mode": "audit"}}),
    }
    instance, to_tag = engine.launch(), engine.launch({"Name": "web"})

    summary = engine.run()

    assert engine.state(instance) == "running"
    assert engine.tags(to_tag)["ProjectCode"] == "Proj007"
    assert not summary["complete"]
    assert "vpc_overrides names vpc-0123456789abcdef0" in engine.emails()[-1].text
