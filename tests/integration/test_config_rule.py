"""The AWS Config rule: what Config asks, and what it is told."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.config.models import config_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.sns.models import sns_backends

from tag_policy.reporting.publish import RunError
from tag_policy.triggers.config_rule import ConfigRequestError
from tests.integration.conftest import Engine, prepare, shared_clients
from tests.support import fleet, moto_config
from tests.support.calls import AwsError, Call, answering, failing, failing_for
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.policies import Rendered

RULE = "events"


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine whose AWS Config rule only evaluates."""
    made: Engine = make_engine("events")
    return made


def remediating(engine: Engine) -> Engine:
    engine.environment = {**engine.environment, "TAG_POLICY_CONFIG_RULE_REMEDIATES": "true"}
    return engine


def change(engine: Engine, instance_id: str, **options: Any) -> tuple[str, str]:
    """Have Config ask about an instance; return what it was told."""
    engine.run(moto_config.change(ACCOUNT_ID, REGION, RULE, instance_id, **options))
    return told()[instance_id]


def told() -> dict[str, tuple[str, str]]:
    """Return the evaluations that Config has: compliance and annotation, by instance."""
    evaluations = moto_config.evaluations_of(config_backends[ACCOUNT_ID][REGION], RULE)
    return {i: (e["ComplianceType"], e.get("Annotation", "")) for i, e in evaluations.items()}


def test_an_instance_that_lacks_tags_is_not_compliant_and_the_annotation_names_them(
    engine: Engine,
) -> None:
    instance = engine.launch({"Name": "web", "ProjectCode": ""})

    assert change(engine, instance) == (
        "NON_COMPLIANT",
        "ProjectCode: tag empty; CreatedBy: required tag missing",
    )
    assert engine.changes() == ["PutEvaluations"], "it only evaluates"
    assert engine.emails() == []


def test_an_instance_that_has_them_is_compliant_also_without_one_that_nobody_requires(
    engine: Engine,
) -> None:
    instance = engine.launch({"ProjectCode": "P1", "CreatedBy": "alice"})

    assert change(engine, instance) == ("COMPLIANT", "")


def test_an_untagged_instance_is_not_compliant_once_its_tags_could_have_come(
    engine: Engine,
) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_MINIMUM_AGE": "15m"}
    instance = engine.launch()
    assert change(engine, instance) == (
        "NOT_APPLICABLE",
        "no tags at all; younger than the minimum age",
    )

    engine.backdate(instance, timedelta(minutes=16))
    assert change(engine, instance) == ("NON_COMPLIANT", "no tags at all")


def test_what_the_rule_is_not_about_is_not_applicable(engine: Engine) -> None:
    exempt = engine.launch({"tag-policy:exempt": ""})
    (foreign,) = fleet.launch(engine, fleet.create_vpc(engine), {"Name": "web"})
    ended = engine.launch({"Name": "web"})
    engine.client("ec2").terminate_instances(InstanceIds=[ended])
    deleted, left = engine.launch({"Name": "web"}), engine.launch({"Name": "web"})

    assert change(engine, exempt)[0] == "NOT_APPLICABLE"
    assert change(engine, foreign)[0] == "NOT_APPLICABLE"
    assert change(engine, ended)[0] == "NOT_APPLICABLE"
    assert change(engine, deleted, status="ResourceDeleted")[0] == "NOT_APPLICABLE"
    assert change(engine, left, left_scope=True)[0] == "NOT_APPLICABLE"
    assert change(engine, "i-00000000000000000")[0] == "NOT_APPLICABLE"


def test_an_instance_that_config_asks_about_is_a_part_and_all_of_them_are_not(
    engine: Engine,
) -> None:
    asked = moto_config.change(ACCOUNT_ID, REGION, RULE, engine.launch({"Name": "web"}))

    assert engine.run(asked)["scope"] == "some"
    assert engine.run(moto_config.periodic(ACCOUNT_ID, REGION, RULE))["scope"] == "all"


def test_an_item_that_is_too_large_for_an_event_is_judged_all_the_same(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    assert change(engine, instance, oversized=True)[0] == "NON_COMPLIANT"


def test_an_annotation_is_cut_to_what_config_takes(engine: Engine) -> None:
    engine.set_rules(
        {n: {"TagKey": f"key-{n:03}" + "x" * 90, "Action": "UserLookup"} for n in range(1, 6)}
    )
    instance = engine.launch({"Name": "web"})

    compliance, annotation = change(engine, instance)

    assert compliance == "NON_COMPLIANT"
    assert len(annotation) == 256
    assert annotation.endswith("…")


def test_periodically_all_instances_are_evaluated_a_hundred_a_call(engine: Engine) -> None:
    good = {"ProjectCode": "P1", "CreatedBy": "alice"}
    compliant = fleet.launch(engine, engine.vpc, good, count=120)
    others = fleet.launch(engine, engine.vpc, {"Name": "web"}, count=90)

    engine.run(moto_config.periodic(ACCOUNT_ID, REGION, RULE))

    evaluations = told()
    assert {evaluations[i][0] for i in compliant} == {"COMPLIANT"}
    assert {evaluations[i][0] for i in others} == {"NON_COMPLIANT"}
    assert engine.actions().count("PutEvaluations") == 3
    details = engine.client("config").get_compliance_details_by_config_rule(ConfigRuleName=RULE)
    assert len(details["EvaluationResults"]) == 210


def test_an_older_answer_does_not_replace_a_newer_one(engine: Engine) -> None:
    instance = engine.launch({"ProjectCode": "P1", "CreatedBy": "alice"})
    asked = moto_config.change(ACCOUNT_ID, REGION, RULE, instance)
    engine.client("ec2").delete_tags(Resources=[instance], Tags=[{"Key": "CreatedBy"}])
    assert change(engine, instance)[0] == "NON_COMPLIANT"

    engine.tag(instance, CreatedBy="alice")
    engine.run(asked)

    assert told()[instance][0] == "NON_COMPLIANT", "a change of later on will say otherwise"


def test_with_remediation_an_instance_that_has_changed_is_put_right(engine: Engine) -> None:
    remediating(engine)
    instance = engine.launch({"Name": "web"})
    untagged = engine.launch()
    engine.backdate(instance, timedelta(days=1))

    change(engine, instance)
    change(engine, untagged)

    assert engine.tags(instance).keys() >= {"ProjectCode", "CreatedBy", "Expires"}
    assert engine.state(untagged) == "running", "left to a sweep"
    engine.run(moto_config.periodic(ACCOUNT_ID, REGION, RULE))
    assert engine.state(untagged) == "terminated"


def test_in_audit_mode_remediation_changes_nothing(engine: Engine) -> None:
    remediating(engine).environment = {**engine.environment, "TAG_POLICY_MODE": "audit"}
    engine.environment = {**engine.environment, "TAG_POLICY_CONFIG_RULE_REMEDIATES": "true"}
    instance = engine.launch({"Name": "web"})

    assert change(engine, instance)[0] == "NON_COMPLIANT"

    assert engine.tags(instance) == {"Name": "web"}
    assert "WOULD BE TAGGED" in engine.emails()[0].text


@pytest.mark.parametrize("action", ["Scan", "DescribeInstances"])
def test_what_could_not_be_looked_at_is_not_evaluated_and_the_run_fails(
    engine: Engine, action: str
) -> None:
    instance = engine.launch({"Name": "web"})

    with failing(action, AwsError("AccessDeniedException")), pytest.raises(RunError):
        change(engine, instance)

    assert told() == {}


def test_when_config_cannot_be_told_the_run_fails_and_still_remedies(engine: Engine) -> None:
    remediating(engine)
    instance = engine.launch({"Name": "web"})

    with (
        failing("PutEvaluations", AwsError("AccessDeniedException")),
        pytest.raises(RunError, match="AWS Config could not be told"),
    ):
        change(engine, instance)

    assert engine.tags(instance).keys() >= {"ProjectCode", "Expires"}


def test_throttling_of_two_seconds_does_not_keep_config_from_being_told(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})
    throttled = AwsError("ThrottlingException")

    with failing_for(timedelta(seconds=2), engine.clock, "PutEvaluations", throttled) as refused:
        assert change(engine, instance)[0] == "NON_COMPLIANT"

    assert len(refused) == 3


def test_what_strangers_write_into_a_rule_is_one_line_of_an_annotation(engine: Engine) -> None:
    engine.set_rules({1: {"TagKey": "Cost\u3164Centre", "Action": "Update", "Default": "x"}})
    instance = engine.launch({"Name": "web"})

    assert change(engine, instance)[1] == "Cost Centre: required tag missing"


def test_what_is_no_question_of_config_is_refused(engine: Engine) -> None:
    asked = moto_config.change(ACCOUNT_ID, REGION, RULE, "i-00000000000000000")
    other = json.dumps(
        json.loads(asked["invokingEvent"])
        | {"configurationItem": {"resourceType": "AWS::EC2::Volume"}}
    )

    all_of_them = asked["invokingEvent"].replace("i-00000000000000000", "i-*")

    for invoking in ("{", "[]", "{}", '{"messageType": "Other"}', other, all_of_them):
        with pytest.raises(ConfigRequestError, match="AWS Config"):
            engine.run({**asked, "invokingEvent": invoking})


TAGS = st.dictionaries(
    st.sampled_from(["Name", "ProjectCode", "CreatedBy", "Expires", "tag-policy:exempt"]),
    st.sampled_from(["", " ", "something", "2020-01-01", "2099-12-31"]),
    max_size=4,
)
INSTANCES = st.lists(
    st.tuples(TAGS, st.sampled_from(["young", "old"]), st.sampled_from(["running", "stopped"])),
    min_size=1,
    max_size=8,
)


def findings_of_the_sweep(engine: Engine) -> dict[str, list[dict[str, str]]]:
    """Return what an auditing sweep reports, by instance, from the JSON that it publishes."""
    topic = sns_backends[ACCOUNT_ID][REGION].topics[engine.topic_arn]
    topic.sent_notifications.clear()
    engine.run({"mode": "audit"})
    found: dict[str, list[dict[str, str]]] = {}
    for _, message, *_ in topic.sent_notifications:
        for finding in json.loads(json.loads(message)["default"])["findings"]:
            found.setdefault(finding["resource_id"], []).append(finding)
    return found


@pytest.mark.parametrize(
    "status", ["ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded"]
)
def test_what_config_says_is_gone_is_not_applicable(engine: Engine, status: str) -> None:
    instance = engine.launch({"Name": "web"})

    assert change(engine, instance, status=status)[0] == "NOT_APPLICABLE"


def test_what_config_does_not_take_is_told_and_fails_the_run(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    def take_none(call: Call, answer: Any) -> Any:
        if call.action != "PutEvaluations":
            return answer
        refused = {"ComplianceResourceId": instance, "ComplianceResourceType": "AWS::EC2::Instance"}
        return answer[0], answer[1], json.dumps({"FailedEvaluations": [refused]})

    with (
        answering(take_none),
        pytest.raises(RunError, match=f"did not accept the evaluation of {instance}"),
    ):
        change(engine, instance)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(instances=INSTANCES, action=st.sampled_from(["terminate", "stop", "notify", "remediate"]))
def test_evaluations_agree_with_the_findings_of_the_sweep(
    rendered: Rendered, instances: list[Any], action: str
) -> None:
    moto_api_backend.reset()
    engine = prepare("events", rendered.event_patterns)
    engine.environment = {
        **engine.environment,
        "TAG_POLICY_UNTAGGED_ACTION": action,
        "TAG_POLICY_MINIMUM_AGE": "15m",
    }
    ids = [launch(engine, *instance) for instance in instances]

    found = findings_of_the_sweep(engine)
    engine.run(moto_config.periodic(ACCOUNT_ID, REGION, RULE))
    periodic = told()

    for instance, (tags, age, _) in zip(ids, instances, strict=True):
        compliance, annotation = periodic[instance]
        findings = found.get(instance, [])
        violations = [finding for finding in findings if finding["reason"] != "tag missing"]
        if violations:
            assert compliance == "NON_COMPLIANT"
            for finding in violations:
                assert finding["reason"] in annotation
                assert finding["remedy"] != "tag" or f"{finding['tag_key']}: " in annotation
        elif findings:
            assert compliance == "COMPLIANT"
        else:
            young = not tags and age == "young" and action != "remediate"
            exempt = tags.get("tag-policy:exempt", "2020-01-01") != "2020-01-01"
            assert compliance == ("NOT_APPLICABLE" if young or exempt else "COMPLIANT")
        assert change(engine, instance)[0] == compliance
    assert engine.changes() == ["PutEvaluations"] * (1 + len(ids))


def launch(engine: Engine, tags: dict[str, str], age: str, state: str) -> str:
    instance = engine.launch(tags)
    if age == "old":
        engine.backdate(instance, timedelta(days=1))
    if state == "stopped":
        engine.client("ec2").stop_instances(InstanceIds=[instance])
    return instance


def test_an_instance_that_may_be_hidden_from_an_old_sdk_is_not_told_as_gone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = engine.launch({"Name": "node"})
    engine.let_a_service_manage(instance)
    model = shared_clients().ec2.meta.service_model.operation_model("DescribeInstances")
    assert model.input_shape is not None
    monkeypatch.delitem(model.input_shape.members, "IncludeManagedResources")

    compliance, annotation = change(engine, instance)

    assert compliance == "NOT_APPLICABLE"
    assert "the account hides it" in annotation
