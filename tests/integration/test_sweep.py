"""A sweep, end to end within the process: what happens to instances, and what is told of it."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tag_policy.resources import instance as inventory
from tag_policy.triggers.request import EventError
from tests.integration.conftest import Engine, shared_clients
from tests.support import fleet


def test_missing_tags_are_set_together_in_one_call(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))

    summary = engine.run()

    tags = engine.tags(instance)
    assert tags.pop("Expires")
    assert tags == {"Name": "web", "ProjectCode": "Proj007", "CreatedBy": "alice"}
    assert engine.changes() == ["CreateTags"]
    assert summary["outcomes"]["tagged"] == 3
    assert summary["violations"] == 2, "Expires is not required"


def test_an_empty_tag_is_filled_and_a_tag_with_a_value_is_kept(engine: Engine) -> None:
    instance = engine.launch({"ProjectCode": "Apollo", "CreatedBy": "", "Expires": " "})

    summary = engine.run()

    tags = engine.tags(instance)
    assert tags["ProjectCode"] == "Apollo"
    assert tags["CreatedBy"] == "root"
    assert tags["Expires"] == " ", "IAM takes blanks for a value, and guards it"
    assert summary["outcomes"]["left"] == 1
    assert "IAM takes for a value" in engine.emails()[0].text


def test_a_compliant_instance_is_never_touched_and_nobody_is_told(engine: Engine) -> None:
    engine.launch({"ProjectCode": "Apollo", "CreatedBy": "alice", "Expires": "2030-01-01"})

    summary = engine.run()

    assert (summary["instances"], summary["compliant"], summary["violations"]) == (1, 1, 0)
    assert engine.changes() == []
    assert engine.emails() == []


@pytest.mark.parametrize(
    ("variant", "state"),
    [("terminate", "terminated"), ("stop", "stopped"), ("notify", "running")],
)
def test_an_untagged_instance_gets_the_untagged_action(
    make_engine: Any, variant: str, state: str
) -> None:
    engine: Engine = make_engine(variant)
    untagged, tagged = engine.launch(), engine.launch({"Name": "web"})

    summary = engine.run()

    assert engine.state(untagged) == state
    assert engine.tags(untagged).keys() <= {"tag-policy:due"}
    assert engine.state(tagged) == "running"
    done = {"terminate": "terminated", "stop": "stopped", "notify": "notified"}[variant]
    assert summary["outcomes"][done] == 1


def test_remediate_treats_an_untagged_instance_like_any_other(make_engine: Any) -> None:
    engine: Engine = make_engine("remediate")
    instance = engine.launch(by=fleet.iam_user(engine, "alice"))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "alice"
    assert engine.state(instance) == "running"


def test_a_second_run_straight_after_the_first_changes_nothing(engine: Engine) -> None:
    engine.launch({"Name": "web"})
    engine.launch()
    engine.run()
    changes, emails = len(engine.changes()), len(engine.emails())

    summary = engine.run()

    assert len(engine.changes()) == changes
    assert len(engine.emails()) == emails
    assert summary["instances"] == summary["compliant"] == 1


def test_a_stopped_untagged_instance_is_not_stopped_again(make_engine: Any) -> None:
    engine: Engine = make_engine("stop")
    engine.launch()
    engine.run()

    summary = engine.run()

    assert engine.changes() == ["CreateTags", "StopInstances"]
    assert summary["outcomes"]["notified"] == 1


def test_an_auto_scaling_member_is_never_untagged_and_is_known_by_its_group(
    engine: Engine,
) -> None:
    (member,) = fleet.launch_group(engine, engine.vpc, "web-asg")

    engine.run()

    assert engine.state(member) == "running"
    assert engine.tags(member)["CreatedBy"] == "autoscaling:web-asg"


def test_an_instance_outside_the_configured_vpcs_is_never_touched(engine: Engine) -> None:
    other = fleet.create_vpc(engine)
    untagged, tagged = (fleet.launch(engine, other, tags)[0] for tags in (None, {"Name": "x"}))

    summary = engine.run()

    assert summary["instances"] == 0
    assert engine.state(untagged) == "running"
    assert engine.tags(tagged) == {"Name": "x"}
    with pytest.raises(EventError):
        engine.run({"vpc_ids": [other.vpc_id]})
    assert engine.state(untagged) == "running"


def test_a_run_that_is_narrowed_to_some_of_the_vpcs_fills_tags_and_ends_nothing(
    engine: Engine,
) -> None:
    other = fleet.create_vpc(engine)
    both = f"{engine.vpc.vpc_id},{other.vpc_id}"
    mine, theirs = engine.launch({"Name": "web"}), fleet.launch(engine, other, {"Name": "web"})[0]
    untagged = fleet.launch(engine, other)[0]

    summary = engine.run({"vpc_ids": [other.vpc_id]}, vpc_ids=both)

    assert summary["vpc_ids"] == [other.vpc_id]
    assert engine.tags(mine) == {"Name": "web"}
    assert engine.tags(theirs)["ProjectCode"] == "Proj007"
    assert engine.state(untagged) == "running"
    assert summary["outcomes"]["deferred"] == 1
    assert "limits apply to all of them" in engine.emails()[0].text

    engine.run(vpc_ids=both)
    assert engine.state(untagged) == "terminated"


@pytest.mark.parametrize("deployed", ["terminate", "audit"])
def test_an_audit_decides_everything_and_changes_nothing(make_engine: Any, deployed: str) -> None:
    engine: Engine = make_engine(deployed)
    untagged, tagged = engine.launch(), engine.launch({"Name": "web"})

    audited = engine.run({"mode": "audit"})

    assert engine.changes() == []
    assert engine.state(untagged) == "running"
    assert engine.tags(tagged) == {"Name": "web"}
    assert audited["mode"] == "audit"
    assert audited["outcomes"] == {
        "tagged": 3,
        "terminated": 1,
        "stopped": 0,
        "isolated": 0,
        "notified": 0,
        "marked": 0,
        "unmarked": 0,
        "removed": 0,
        "left": 0,
        "reported": 0,
        "audited": 0,
        "deferred": 0,
        "failed": 0,
    }
    assert "NOTHING WAS CHANGED" in engine.emails()[0].text


def test_an_audit_counts_what_the_enforcing_run_then_does(engine: Engine) -> None:
    engine.launch()
    engine.launch({"Name": "web"})
    engine.launch({"ProjectCode": ""}, by=fleet.iam_user(engine, "alice"))

    audited, enforced = engine.run({"mode": "audit"}), engine.run()

    differing = {key for key in audited if audited[key] != enforced[key]}
    assert differing - {"seconds"} == {"mode"}  # how long a run takes depends on the machine


def test_instances_that_are_ending_do_not_exist_for_the_engine(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})
    engine.client("ec2").terminate_instances(InstanceIds=[instance])

    assert engine.run()["instances"] == 0


def test_instances_that_need_the_same_tags_share_a_call(engine: Engine) -> None:
    alice, bob = fleet.iam_user(engine, "alice"), fleet.iam_user(engine, "bob")
    fleet.launch(engine, engine.vpc, {"Name": "a"}, by=alice, count=30)
    fleet.launch(engine, engine.vpc, {"Name": "b"}, by=bob, count=30)

    summary = engine.run()

    assert summary["outcomes"]["tagged"] == 180
    assert engine.changes() == ["CreateTags"] * 2


def test_every_page_of_instances_is_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "PAGE_SIZE", 5)
    for _ in range(12):
        engine.launch({"Name": "web"})

    summary = engine.run({"mode": "audit"})

    assert summary["instances"] == 12
    assert engine.actions().count("DescribeInstances") >= 9, "a page, and eight parts"


def test_a_batch_is_no_larger_than_180_so_that_one_look_will_do(engine: Engine) -> None:
    fleet.launch(engine, engine.vpc, {"Name": "web"}, count=230)

    summary = engine.run()

    assert summary["outcomes"]["tagged"] == 690
    batches = [call for call in engine.calls if call.action == "CreateTags"]
    assert [len(call.parameters["Resources"]) for call in batches] == [180, 50]


def test_an_old_instance_has_no_creator_to_be_found_and_gets_the_fallback(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"}, by=fleet.iam_user(engine, "alice"))
    engine.backdate(instance, timedelta(days=91))

    engine.run()

    assert engine.tags(instance)["CreatedBy"] == "Undefined"
    assert "more than 90 days ago" in engine.emails()[0].text


def test_what_a_service_manages_and_the_account_hides_is_put_right(engine: Engine) -> None:
    hidden, shown = engine.launch({"Name": "node"}), engine.launch({"Name": "web"})
    engine.let_a_service_manage(hidden)

    summary = engine.run()

    assert summary["instances"] == 2
    assert engine.tags(hidden)["ProjectCode"] == engine.tags(shown)["ProjectCode"] == "Proj007"


def test_an_sdk_that_cannot_ask_for_hidden_instances_does_not_and_says_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hidden, shown = engine.launch({"Name": "node"}), engine.launch({"Name": "web"})
    engine.let_a_service_manage(hidden)
    model = shared_clients().ec2.meta.service_model.operation_model("DescribeInstances")
    monkeypatch.delitem(model.input_shape.members, "IncludeManagedResources")

    summary = engine.run()

    assert summary["instances"] == 1
    (email,) = engine.emails()
    assert shown in email.text
    note = "if the account hides instances that AWS services manage, this run does not see them"
    assert f"Note:     {note}" in email.text
    assert note in caplog.text


def test_the_embedded_sns_takes_no_topic_of_another_region_as_aws_does(engine: Engine) -> None:
    foreign = engine.topic_arn.replace("eu-west-1", "us-east-1")

    with pytest.raises(ClientError, match="InvalidParameter"):
        engine.client("sns").publish(TopicArn=foreign, Message="hello")
