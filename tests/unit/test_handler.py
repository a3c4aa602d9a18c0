"""The entry point: which trigger has which run, and what Lambda is told of it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tag_policy import handler
from tag_policy.handler import run
from tag_policy.reporting.log import CleanRecord
from tag_policy.reporting.publish import RunError
from tag_policy.settings import SettingsError
from tag_policy.triggers.config_rule import ConfigRequestError
from tag_policy.triggers.request import EventError
from tests.support.builders import NOW, settings
from tests.support.clock import SimulatedClock
from tests.support.small_aws import CREATED_BY, PROJECT, Invocation, SmallAws, refusal

EVENTS = Path(__file__).parent / "events"
QUEUE = {"queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/tag-policy-events"}
INSTANCE = "i-0abcdef1234567890"
LACKS = {"CreatedBy": "ann"}


def small_aws(**changes: Any) -> SmallAws:
    aws = SmallAws(**({"rules": [PROJECT, CREATED_BY]} | changes))
    aws.add(INSTANCE, LACKS)
    return aws


def invoke(aws: SmallAws, event: object, **changes: str) -> dict[str, Any]:
    clock = SimulatedClock(NOW)
    return run(event, Invocation(clock), settings(**changes), aws.clients, clock)


def record(name: str, body: str, tries: int = 1) -> dict[str, Any]:
    return {
        "eventSource": "aws:sqs",
        "messageId": name,
        "receiptHandle": f"receipt of {name}",
        "attributes": {"ApproximateReceiveCount": str(tries)},
        "body": body,
    }


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


STARTED = (EVENTS / "state-change.json").read_text()
"""An event of some seconds ago, about the instance."""


def failed(*names: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def config_event() -> dict[str, Any]:
    invoking = {
        "messageType": "ConfigurationItemChangeNotification",
        "configurationItem": {
            "resourceType": "AWS::EC2::Instance",
            "resourceId": INSTANCE,
            "configurationItemCaptureTime": "2026-11-23T07:59:00Z",
            "configurationItemStatus": "OK",
        },
    }
    return {"invokingEvent": json.dumps(invoking), "resultToken": "token"}


def test_a_schedule_or_a_person_has_everything_swept_and_gets_the_summary() -> None:
    scheduled = json.loads((EVENTS / "scheduled.json").read_text())
    for event, trigger in ((scheduled, "schedule"), ({}, "manual")):
        aws = small_aws()

        summary = invoke(aws, event)

        assert (summary["trigger"], summary["instances"]) == (trigger, 1)
        assert aws.tags(INSTANCE)["ProjectCode"] == "Proj007"


def test_a_question_of_config_is_answered_and_touches_nothing() -> None:
    aws = small_aws()

    summary = invoke(aws, config_event(), config_rule="true")

    assert [one["ComplianceType"] for one in aws.evaluations] == ["NON_COMPLIANT"]
    assert (summary["trigger"], aws.tags(INSTANCE)) == ("config", LACKS)


def test_of_a_batch_that_was_put_right_no_message_fails() -> None:
    aws = small_aws()

    assert invoke(aws, batch(record("one", STARTED)), **QUEUE) == failed()

    assert aws.tags(INSTANCE)["ProjectCode"] == "Proj007"
    assert aws.brought_back == {}


def test_only_the_messages_that_failed_come_back_and_soon() -> None:
    aws = small_aws()

    answer = invoke(aws, batch(record("one", STARTED), record("poison", "{", tries=2)), **QUEUE)

    assert answer == failed("poison")
    assert aws.brought_back == {"receipt of poison": 60}
    assert aws.tags(INSTANCE)["ProjectCode"] == "Proj007"


@pytest.mark.parametrize("operation", ["Scan", "DescribeInstances", "Publish"])
def test_when_a_run_fails_the_whole_batch_comes_back_and_lambda_is_told(operation: str) -> None:
    aws = small_aws(failing={operation: [refusal("AccessDeniedException", 403)]})

    with pytest.raises(RunError):
        invoke(aws, batch(record("one", STARTED), record("two", STARTED)), **QUEUE)

    assert aws.brought_back == {"receipt of one": 30, "receipt of two": 30}


def test_a_fault_in_the_code_brings_the_whole_batch_back_too() -> None:
    aws = small_aws(failing={"DescribeInstances": [ZeroDivisionError("a fault")]})

    with pytest.raises(RunError, match="the run broke off: ZeroDivisionError: a fault"):
        invoke(aws, batch(record("one", STARTED)), **QUEUE)

    assert aws.brought_back == {"receipt of one": 30}


def test_where_messages_cannot_be_brought_back_soon_they_fail_all_the_same() -> None:
    aws = small_aws(failing={"ChangeMessageVisibilityBatch": [refusal("AccessDenied", 403)]})

    assert invoke(aws, batch(record("poison", "{")), **QUEUE) == failed("poison")


@pytest.mark.parametrize(
    "event",
    [None, "sweep", {"vpc_ids": ["vpc-0bad"]}, batch(record("one", STARTED)), config_event()],
    ids=["none", "text", "another VPC", "a queue that there is not", "a rule that there is not"],
)
def test_an_event_that_is_not_accepted_is_refused_before_anything_is_asked(event: object) -> None:
    aws = small_aws()

    with pytest.raises(EventError):
        invoke(aws, event)

    assert aws.calls == []


def test_a_question_of_config_that_cannot_be_read_is_refused_before_anything_is_asked() -> None:
    aws = small_aws()

    with pytest.raises(ConfigRequestError):
        invoke(aws, config_event() | {"invokingEvent": "{"}, config_rule="true")

    assert aws.calls == []


def test_an_environment_that_lacks_something_is_said_before_anything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TAG_POLICY_RULES_TABLE", raising=False)
    context = Invocation(SimulatedClock(NOW), invoked_function_arn="no ARN at all")

    with pytest.raises(SettingsError, match="TAG_POLICY_RULES_TABLE is not set"):
        handler.lambda_handler({}, context)


def test_the_function_has_its_log_cleaned() -> None:
    assert handler.__name__
    assert logging.getLogRecordFactory() is CleanRecord


def test_every_finding_is_logged_whatever_level_lambda_sets_for_others() -> None:
    assert logging.getLogger("tag_policy").isEnabledFor(logging.INFO)
