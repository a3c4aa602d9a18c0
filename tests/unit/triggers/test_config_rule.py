"""AWS Config: what it asks for, what an evaluation says, and how it is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.aws.clients import Clients
from tag_policy.aws.pace import PacedCalls
from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.model.remedy import Remedy
from tag_policy.triggers import config_rule
from tag_policy.triggers.config_rule import (
    Compliance,
    ConfigRequest,
    ConfigRequestError,
    Evaluation,
    evaluation,
    not_applicable,
    put_evaluations,
)
from tests.support.builders import HOME, NOW, outcome, settings
from tests.support.clock import SimulatedClock
from tests.support.strangers import evil

ASKS = {"config_rule": "true"}
INSTANCE = "i-0123456789abcdef0"
CAPTURED = datetime(2026, 11, 23, 7, 59, tzinfo=UTC)


ITEM: dict[str, Any] = {
    "resourceType": "AWS::EC2::Instance",
    "resourceId": INSTANCE,
    "configurationItemCaptureTime": "2026-11-23T07:59:00.000Z",
    "configurationItemStatus": "OK",
}
CHANGE: dict[str, Any] = {
    "messageType": "ConfigurationItemChangeNotification",
    "configurationItem": ITEM,
}
OVERSIZED: dict[str, Any] = {
    "messageType": "OversizedConfigurationItemChangeNotification",
    "configurationItemSummary": ITEM,
}
PERIODIC: dict[str, Any] = {
    "messageType": "ScheduledNotification",
    "notificationCreationTime": "2026-11-23T08:00:00.000Z",
}


def event(invoking: Any, **changes: Any) -> dict[str, Any]:
    return {
        "invokingEvent": json.dumps(invoking),
        "resultToken": "token",
        "eventLeftScope": False,
    } | changes


def read(invoking: Any, **changes: Any) -> ConfigRequest:
    return config_rule.read(event(invoking, **changes), settings(**ASKS), HOME)


# What it asks for


def test_only_where_there_is_a_rule_an_event_is_taken_for_one_of_config() -> None:
    assert config_rule.accepts(event(CHANGE), settings(**ASKS))
    assert not config_rule.accepts(event(CHANGE), settings())


@pytest.mark.parametrize("field", ["invokingEvent", "resultToken"])
def test_an_event_without_what_all_of_configs_have_is_none_of_them(field: str) -> None:
    without = {key: value for key, value in event(CHANGE).items() if key != field}

    assert not config_rule.accepts(without, settings(**ASKS))


def test_periodically_config_asks_about_everything() -> None:
    assert read(PERIODIC) == ConfigRequest(
        Assignment(
            Trigger.CONFIG, Scope.ALL, ("vpc-abc123c1", "vpc-0def"), Mode.ENFORCE, acts=False
        ),
        "token",
        NOW,
    )


@pytest.mark.parametrize("invoking", [CHANGE, OVERSIZED], ids=["item", "summary"])
def test_after_a_change_config_asks_about_an_instance_as_of_when_it_was_recorded(
    invoking: dict[str, Any],
) -> None:
    request = read(invoking)

    assert (request.instance_id, request.time, request.gone) == (INSTANCE, CAPTURED, False)
    assert request.assignment.scope is Scope.SOME, "of which nothing is ended"


def test_whether_a_run_acts_is_said_by_the_settings_alone() -> None:
    assert not read(PERIODIC).assignment.acts
    acting = settings(**ASKS, config_rule_remediates="true")
    assert config_rule.read(event(PERIODIC), acting, HOME).assignment.acts


@pytest.mark.parametrize(
    ("status", "left_scope", "gone"),
    [
        ("OK", False, False),
        ("ResourceDiscovered", False, False),
        ("ResourceDeleted", False, True),
        ("ResourceDeletedNotRecorded", False, True),
        ("ResourceNotRecorded", False, True),
        ("OK", True, True),
    ],
)
def test_what_is_deleted_or_no_longer_a_concern_of_the_rule_is_gone(
    status: str, left_scope: bool, gone: bool
) -> None:
    invoking = CHANGE | {"configurationItem": ITEM | {"configurationItemStatus": status}}

    assert read(invoking, eventLeftScope=left_scope).gone is gone


@pytest.mark.parametrize(
    ("invoking", "message"),
    [
        ([], "cannot be read"),
        ({}, "cannot be read.*expected an invokingEvent of the type"),
        ({"messageType": "Other"}, "KeyError: 'Other'"),
        (CHANGE | {"configurationItem": None}, "TypeError"),
        (CHANGE | {"configurationItem": {}}, "KeyError"),
        (
            CHANGE | {"configurationItem": ITEM | {"resourceType": "AWS::EC2::Volume"}},
            "asks about a 'AWS::EC2::Volume'; expected 'AWS::EC2::Instance'",
        ),
        (
            CHANGE | {"configurationItem": ITEM | {"resourceId": "i-*"}},
            r"asks about 'i-\*'; expected the id of an instance",
        ),
        (CHANGE | {"configurationItem": ITEM | {"resourceId": None}}, "TypeError"),
        (
            CHANGE | {"configurationItem": ITEM | {"configurationItemCaptureTime": "2026-11-23"}},
            "'2026-11-23' has no time zone",
        ),
        (PERIODIC | {"notificationCreationTime": "now"}, "ValueError"),
    ],
    ids=lambda value: f"{value!r:.50}",
)
def test_what_cannot_be_read_is_an_error_that_says_why(invoking: Any, message: str) -> None:
    with pytest.raises(ConfigRequestError, match=message):
        read(invoking)


def test_json_that_is_nested_too_deeply_is_an_error_like_any_other() -> None:
    nested = event(CHANGE) | {"invokingEvent": "[" * 100_000}

    with pytest.raises(ConfigRequestError, match="cannot be read"):
        config_rule.read(nested, settings(**ASKS), HOME)


# What an evaluation says


LACKS = outcome().finding
OPTIONAL = replace(LACKS, tag_key="Expires", violation=False)
UNMARK = replace(LACKS, remedy=Remedy.UNMARK, violation=False)
YOUNG = replace(
    LACKS, remedy=Remedy.WAIT, reason="no tags at all; too young", tag_key="", violation=False
)
UNTAGGED = replace(LACKS, remedy=Remedy.TERMINATE, reason="no tags at all", tag_key="")


def test_an_instance_of_which_nothing_was_found_is_compliant_and_needs_no_words() -> None:
    assert evaluation(INSTANCE, []) == Evaluation(INSTANCE, Compliance.COMPLIANT, "")


def test_each_violation_is_named_with_its_tag() -> None:
    other = replace(LACKS, tag_key="CreatedBy", reason="required tag empty")

    made = evaluation(INSTANCE, [LACKS, OPTIONAL, other])

    assert made.compliance is Compliance.NON_COMPLIANT
    assert made.annotation == "ProjectCode: required tag missing; CreatedBy: required tag empty"


def test_an_instance_without_tags_is_told_as_that() -> None:
    assert evaluation(INSTANCE, [UNTAGGED]).annotation == "no tags at all"


@pytest.mark.parametrize("finding", [OPTIONAL, UNMARK], ids=["optional", "unmark"])
def test_what_nobody_requires_is_no_violation(finding: Any) -> None:
    assert evaluation(INSTANCE, [finding]).compliance is Compliance.COMPLIANT


def test_an_instance_that_is_too_young_to_be_judged_is_neither_one_nor_the_other() -> None:
    made = evaluation(INSTANCE, [YOUNG, UNMARK])

    assert made == not_applicable(INSTANCE, "no tags at all; too young")
    assert made.compliance is Compliance.NOT_APPLICABLE


def test_a_violation_is_told_even_of_an_instance_that_is_waited_for() -> None:
    assert evaluation(INSTANCE, [YOUNG, LACKS]).compliance is Compliance.NON_COMPLIANT


def test_an_annotation_of_blanks_is_none_because_config_takes_no_empty_one() -> None:
    assert not_applicable(INSTANCE, " \n\u202e ").annotation == ""


@given(st.lists(evil, min_size=1, max_size=5), st.sampled_from(list(Compliance)))
def test_an_annotation_is_one_line_that_config_takes_or_none(
    texts: list[str], compliance: Compliance
) -> None:
    findings = [
        replace(outcome(remedy=remedy).finding, reason=text, tag_key=text)
        for text in texts
        for remedy in (Remedy.TAG, Remedy.NOTIFY)
    ]

    for made in (evaluation("i-1", findings), Evaluation("i-1", compliance, texts[0])):
        assert made.annotation == "" or 1 <= len(made.annotation) <= 256
        assert made.annotation.isprintable()
        assert made.annotation.encode().decode() == made.annotation


# How it is told


class Told:
    """AWS Config, which expects some calls."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(NOW)
        self.client: Any = Clients(HOME).config
        self.stub = Stubber(self.client)

    def expects(self, answer: dict[str, Any], **parameters: Any) -> None:
        expected = {"Evaluations": ANY, "ResultToken": "token"} | parameters
        self.stub.add_response("put_evaluations", answer, expected)

    @contextmanager
    def whole(self) -> Iterator[None]:
        with self.stub:
            yield
            self.stub.assert_no_pending_responses()

    def put(self, *evaluations: Evaluation) -> list[str]:
        with self.whole():
            paced = PacedCalls(self.clock, lambda: False)
            return put_evaluations(self.client, read(CHANGE), evaluations, paced)


def as_sent(number: int) -> dict[str, Any]:
    return {
        "ComplianceResourceType": "AWS::EC2::Instance",
        "ComplianceResourceId": f"i-{number}",
        "ComplianceType": "COMPLIANT",
        "OrderingTimestamp": CAPTURED,
    }


def compliant(number: int) -> list[Evaluation]:
    return [Evaluation(f"i-{n}", Compliance.COMPLIANT) for n in range(number)]


def test_an_evaluation_bears_the_time_of_the_change_and_no_empty_annotation() -> None:
    config = Told()
    lacks = as_sent(1) | {"ComplianceType": "NON_COMPLIANT", "Annotation": "why"}
    config.expects({}, Evaluations=[as_sent(0), lacks])

    config.put(*compliant(1), Evaluation("i-1", Compliance.NON_COMPLIANT, "why"))


def test_where_there_is_nothing_to_tell_config_is_not_called() -> None:
    assert Told().put() == []


@pytest.mark.parametrize(
    ("number", "sizes"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_no_call_has_more_than_a_hundred_and_none_is_left_out(
    number: int, sizes: list[int]
) -> None:
    config = Told()
    sent = [as_sent(n) for n in range(number)]
    for size in sizes:
        config.expects({}, Evaluations=sent[:size])
        del sent[:size]

    assert config.put(*compliant(number)) == []


def test_what_config_does_not_take_is_returned_from_every_call() -> None:
    config = Told()
    config.expects({"FailedEvaluations": [as_sent(0)]})
    config.expects({"FailedEvaluations": [as_sent(100)]})

    assert config.put(*compliant(101)) == ["i-0", "i-100"]


def test_a_call_that_is_throttled_is_made_again_and_no_other_with_it() -> None:
    config = Told()
    config.expects({}, Evaluations=[as_sent(n) for n in range(100)])
    config.stub.add_client_error("put_evaluations", "ThrottlingException", http_status_code=400)
    config.expects({}, Evaluations=[as_sent(100)])

    assert config.put(*compliant(101)) == []
    assert config.clock.slept > timedelta()


def test_a_token_that_config_does_not_know_is_an_error_for_the_run() -> None:
    config = Told()
    config.stub.add_client_error("put_evaluations", "InvalidResultTokenException")

    with pytest.raises(ClientError, match="InvalidResultTokenException"):
        config.put(*compliant(1))
