"""The rules table in all the states that people get it into."""

import json
from typing import Any

import pytest

from tag_policy.handler import RunError
from tag_policy.rules import table
from tests.integration.conftest import DEFAULT_ITEMS, Engine
from tests.support.calls import AwsError, Call, answering, failing

SEEDED = json.dumps({"1": "ProjectCode", "2": "CreatedBy", "3": "Expires"})

BAD = {
    4: {"Action": "Update", "Default": "x"},
    5: {"TagKey": "A", "Action": "Delete"},
    6: {"TagKey": "B", "Action": "UserLookup", "Required": "maybe"},
    7: {"TagKey": "C", "Action": "Function", "Default": "tomorrow()"},
    8: {"TagKey": "ProjectCode", "Action": "Update", "Default": "other"},
}


def test_bad_items_are_skipped_and_reported_and_the_rest_go_on(engine: Engine) -> None:
    engine.set_rules(DEFAULT_ITEMS | BAD)
    instance = engine.launch({"Name": "web"})

    summary = engine.run()

    assert (summary["rules"], summary["rule_errors"]) == (3, 5)
    assert summary["complete"]
    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    text = engine.emails()[0].text
    for problem in ("rule 4: TagKey", "rule 5: Action", "rule 6: Required", "rule 7: Default"):
        assert problem in text
    assert "rule 8: TagKey 'ProjectCode' already has rule 1" in text


def test_a_bad_item_takes_the_later_rules_of_its_tag_with_it_and_the_report_says_why(
    engine: Engine,
) -> None:
    narrowed = {"TagKey": "Owner", "Action": "Update", "Default": "ops", "Unless": "production"}
    engine.set_rules(
        DEFAULT_ITEMS
        | {4: narrowed, 5: {"TagKey": "Owner", "Action": "Update", "Default": "somebody"}}
    )
    instance = engine.launch({"Name": "web"})

    summary = engine.run()

    assert (summary["rules"], summary["rule_errors"]) == (3, 2)
    assert "Owner" not in engine.tags(instance)
    text = engine.emails()[0].text
    assert "rule 4: attribute 'Unless' is not known, and might have narrowed the rule" in text
    assert "rule 5: TagKey 'Owner' is that of rule 4" in text


def test_what_terraform_has_not_made_writes_no_tag_and_is_said(engine: Engine) -> None:
    foreign = {4: {"TagKey": "Owner", "Action": "Update", "Default": "mallory"}}
    engine.set_rules(DEFAULT_ITEMS | foreign)
    engine.environment = {**engine.environment, "TAG_POLICY_SEEDED_RULES": SEEDED}
    instance = engine.launch({"Name": "web"})

    engine.run()

    assert "Owner" not in engine.tags(instance)
    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    assert "rule 4: " in engine.emails()[0].text


def test_nothing_is_ended_while_a_rule_is_about_a_tag_that_nobody_can_read(engine: Engine) -> None:
    engine.set_rules(DEFAULT_ITEMS | {4: BAD[4]})
    untagged, tagged = engine.launch(), engine.launch({"Name": "web"})

    summary = engine.run()

    assert engine.state(untagged) == "running"
    assert engine.tags(tagged)["ProjectCode"] == "Proj007", "tags are filled all the same"
    assert summary["outcomes"]["deferred"] == 1
    assert "a rule's TagKey cannot be read" in engine.emails()[0].text
    engine.set_rules(DEFAULT_ITEMS)
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_bad_items_are_reported_even_when_every_instance_is_compliant(engine: Engine) -> None:
    engine.set_rules(DEFAULT_ITEMS | BAD)

    engine.run()

    assert "5 bad rules" in engine.emails()[0].subject


@pytest.mark.parametrize("items", [{}, BAD | {8: {}}], ids=["empty", "nothing valid"])
def test_without_a_valid_rule_nothing_is_changed_and_the_run_fails(
    engine: Engine, items: dict[int, dict[str, str]]
) -> None:
    engine.set_rules(items)
    untagged, tagged = engine.launch(), engine.launch({"Name": "web"})

    with pytest.raises(RunError, match="has no valid rule"):
        engine.run()

    assert engine.changes() == []
    assert engine.state(untagged) == "running"
    assert engine.tags(tagged) == {"Name": "web"}
    assert "has no valid rule" in engine.emails()[0].text


@pytest.mark.parametrize(
    ("code", "tries"),
    [("AccessDeniedException", 1), ("ResourceNotFoundException", 1), ("ThrottlingException", 8)],
)
def test_a_table_that_cannot_be_read_changes_nothing_and_fails_the_run(
    engine: Engine, code: str, tries: int
) -> None:
    untagged = engine.launch()

    with failing("Scan", AwsError(code)), pytest.raises(RunError, match="cannot be read"):
        engine.run()

    assert engine.state(untagged) == "running"
    assert engine.actions() == ["Scan"] * tries + ["Publish"]
    assert code in engine.emails()[0].text


def test_a_page_without_items_is_no_empty_table_and_fails_the_run(engine: Engine) -> None:
    untagged = engine.launch()

    def leave_out(call: Call, answer: Any) -> Any:
        return (200, answer[1], "{}") if call.action == "Scan" else answer

    with answering(leave_out), pytest.raises(RunError, match="a page of the table without items"):
        engine.run()

    assert engine.actions() == ["Scan", "Publish"]
    assert engine.state(untagged) == "running"


def test_every_page_of_the_table_is_read(engine: Engine) -> None:
    too_long = {"Action": "Update", "Default": "x" * 300_000}
    engine.set_rules(
        DEFAULT_ITEMS | {number: too_long | {"TagKey": f"Key{number}"} for number in range(11, 19)}
    )

    summary = engine.run()

    assert (summary["rules"], summary["rule_errors"]) == (3, 8)
    scans = [call.parameters for call in engine.calls if call.action == "Scan"]
    assert len(scans) > 1
    assert all(scan["ConsistentRead"] for scan in scans), "a rule counts from when it is written"


@pytest.mark.parametrize(("limit", "most"), [("MOST_ITEMS", 7), ("MOST_BYTES", 1_300_000)])
def test_a_table_that_holds_more_than_rules_is_not_read_to_its_end_and_the_run_fails(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(table, limit, most)
    monkeypatch.setattr(table, "_ITEMS_A_PAGE", 2)
    rule = {"Action": "Update", "Default": "v", "Comment": "x" * 200_000}
    engine.set_rules({n: {"TagKey": f"Key{n}", **rule} for n in range(1, 21)})
    untagged = engine.launch()

    with pytest.raises(RunError, match="cannot be read: it holds more than"):
        engine.run()

    assert engine.actions() == ["Scan"] * 4 + ["Publish"]
    assert engine.state(untagged) == "running"


def test_a_vpc_that_does_not_exist_is_named_and_the_others_go_on(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    summary = engine.run(vpc_ids=f"vpc-0bad0bad,{engine.vpc.vpc_id}")

    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    assert not summary["complete"]
    assert "vpc-0bad0bad does not exist" in engine.emails()[0].text


def test_one_message_goes_out_in_both_forms_with_attributes(engine: Engine) -> None:
    sqs, sns = engine.client("sqs"), engine.client("sns")
    queue = sqs.create_queue(QueueName="reports")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(
        TopicArn=engine.topic_arn,
        Protocol="sqs",
        Endpoint=arn["QueueArn"],
        Attributes={
            "FilterPolicy": json.dumps(
                {"vpc_ids": [engine.vpc.vpc_id], "failed": [{"numeric": ["=", 0]}]}
            )
        },
    )
    engine.launch({"Name": "web"})

    engine.run()

    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    envelope: dict[str, Any] = json.loads(message["Body"])
    assert json.loads(envelope["Message"])["summary"]["outcomes"]["tagged"] == 3
    attributes = envelope["MessageAttributes"]
    assert attributes["mode"]["Value"] == "enforce"
    assert attributes["severity"]["Value"] == "info"
    assert attributes["vpc_ids"]["Type"] == "String.Array"
    assert attributes["terminated"] == {"Type": "Number", "Value": "0"}
    (email,) = engine.emails()
    assert "TAGGED (3)" in email.text
    assert engine.actions().count("Publish") == 1


def test_where_the_role_does_not_know_the_tag_of_a_rule_nothing_is_ended_and_people_are_told(
    engine: Engine,
) -> None:
    named = json.dumps(["ProjectCode", "createdby", "Expires"])
    engine.environment = {**engine.environment, "TAG_POLICY_NAMED_TAG_KEYS": named}
    untagged = engine.launch()
    engine.set_rules(DEFAULT_ITEMS | {4: {"TagKey": "Owner", "Action": "Check"}})

    summary = engine.run()

    assert engine.state(untagged) == "running"
    assert (summary["outcomes"]["terminated"], summary["complete"]) == (0, False)
    (email,) = engine.emails()
    assert "the role does not know Owner (rule 4)" in email.text
    assert "put the tag keys into rules_table.writable_tag_keys" in email.text
    engine.set_rules(DEFAULT_ITEMS)
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_a_run_for_events_does_not_tell_of_it_because_it_ends_nothing(
    make_engine: Any,
) -> None:
    engine: Engine = make_engine("events")
    engine.environment = {**engine.environment, "TAG_POLICY_NAMED_TAG_KEYS": '["ProjectCode"]'}
    engine.set_rules({4: {"TagKey": "Owner", "Action": "Check", "Required": "N"}})
    engine.launch({"Name": "web"})
    engine.deliver()

    assert engine.emails() == []
