"""The answer to AWS Config: what is known is told, and what is not known is not made up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.runs.config_run import answer
from tag_policy.runs.engine import Engine
from tag_policy.triggers.config_rule import ConfigRequest
from tests.support.builders import NOW
from tests.support.small_aws import CREATED_BY, PROJECT, VPC, SmallAws, context, refusal

ONE, TWO, THREE = "i-0000000000000001", "i-0000000000000002", "i-0000000000000003"
FINE = {"ProjectCode": "Apollo", "CreatedBy": "ann"}
LACKS = {"CreatedBy": "ann"}
EXEMPT = {"Name": "web", "tag-policy:exempt": "until 2027-01-01: a test"}
ASSIGNMENT = Assignment(Trigger.CONFIG, Scope.ALL, (VPC,), Mode.ENFORCE, acts=False)
ALL = ConfigRequest(ASSIGNMENT, "token", NOW)
OF_ONE = replace(ALL, assignment=replace(ASSIGNMENT, scope=Scope.SOME), instance_id=ONE)


def small_aws(**changes: Any) -> SmallAws:
    return SmallAws(**({"rules": [PROJECT, CREATED_BY]} | changes))


def acting(request: ConfigRequest) -> ConfigRequest:
    return replace(request, assignment=replace(request.assignment, acts=True))


def run(aws: SmallAws, request: ConfigRequest) -> Engine:
    this = Engine(context(aws, request.assignment))
    assert this._read_rules()
    answer(this, request)
    return this


def told(aws: SmallAws) -> dict[str, str]:
    return {one["ComplianceResourceId"]: one["ComplianceType"] for one in aws.evaluations}


def test_all_instances_are_evaluated_where_all_are_asked_about() -> None:
    aws = small_aws()
    aws.add(ONE, FINE)
    aws.add(TWO, LACKS)
    aws.add(THREE, EXEMPT)

    run(aws, ALL)

    assert told(aws) == {ONE: "COMPLIANT", TWO: "NON_COMPLIANT", THREE: "NOT_APPLICABLE"}
    assert "CreateTags" not in aws.calls, "an evaluation touches nothing"


def test_where_one_is_asked_about_nothing_is_said_of_another() -> None:
    aws = small_aws()
    aws.add(ONE, LACKS)
    aws.add(TWO, LACKS)

    run(aws, OF_ONE)

    assert told(aws) == {ONE: "NON_COMPLIANT"}


def test_an_exempt_instance_is_not_told_as_compliant() -> None:
    aws = small_aws()
    aws.add(ONE, EXEMPT)

    run(aws, OF_ONE)

    (evaluation,) = aws.evaluations
    assert (evaluation["ComplianceType"], evaluation["Annotation"]) == ("NOT_APPLICABLE", "exempt")


def test_what_config_says_is_gone_is_not_looked_at_even_where_ec2_still_shows_it() -> None:
    aws = small_aws()
    aws.add(ONE, LACKS)

    run(aws, acting(replace(OF_ONE, gone=True)))

    assert told(aws) == {ONE: "NOT_APPLICABLE"}
    assert "DescribeInstances" not in aws.calls
    assert aws.tags(ONE) == LACKS


def test_an_instance_that_is_not_shown_is_told_as_gone_or_hidden() -> None:
    aws = small_aws()

    run(aws, OF_ONE)

    (evaluation,) = aws.evaluations
    assert evaluation["ComplianceType"] == "NOT_APPLICABLE"
    assert "gone, or in no VPC" in evaluation["Annotation"]
    assert "the account hides it" in evaluation["Annotation"], "this SDK cannot ask for such"


def test_of_an_instance_that_cannot_be_looked_at_config_is_told_nothing() -> None:
    """Not applicable would take it off the list of those that lack tags."""
    aws = small_aws(failing={"DescribeInstances": [refusal("UnauthorizedOperation", 403)]})
    aws.add(ONE, LACKS)

    this = run(aws, acting(OF_ONE))

    assert aws.evaluations == []
    assert this.report.failed


def test_of_a_listing_that_breaks_off_config_is_told_what_was_seen_and_the_run_fails() -> None:
    aws = small_aws(failing={"DescribeInstances": [refusal("UnauthorizedOperation", 403)]})
    aws.add(ONE, LACKS)

    this = run(aws, ALL)

    assert aws.evaluations == []
    assert this.report.failed


@pytest.mark.parametrize("request_of", [ALL, OF_ONE], ids=["all", "one"])
def test_a_rule_that_remediates_puts_right_what_it_evaluates(request_of: ConfigRequest) -> None:
    aws = small_aws()
    aws.add(ONE, LACKS)

    run(aws, acting(request_of))

    assert told(aws) == {ONE: "NON_COMPLIANT"}, "as it was asked about"
    assert aws.tags(ONE) == {**LACKS, "ProjectCode": "Proj007"}


def test_where_config_cannot_be_told_instances_are_put_right_all_the_same() -> None:
    aws = small_aws(failing={"PutEvaluations": [refusal("AccessDeniedException")]})
    aws.add(ONE, LACKS)

    this = run(aws, acting(ALL))

    assert this.report.failed
    assert "AWS Config could not be told" in this.report.problems[0]
    assert aws.tags(ONE)["ProjectCode"] == "Proj007"


def test_what_config_does_not_take_fails_the_run_and_is_named() -> None:
    aws = small_aws(refused={TWO})
    aws.add(ONE, FINE)
    aws.add(TWO, FINE)

    this = run(aws, ALL)

    assert told(aws) == {ONE: "COMPLIANT"}
    assert this.report.failed
    assert this.report.problems == [f"AWS Config did not accept the evaluation of {TWO}"]


def test_where_one_is_asked_about_an_instance_without_tags_is_left_to_the_run_about_all() -> None:
    aws = small_aws()
    aws.add(ONE)

    run(aws, acting(OF_ONE))

    assert told(aws) == {ONE: "NON_COMPLIANT"}
    assert aws.tags(ONE) == {}


def test_evaluations_bear_the_time_at_which_config_asked_and_not_that_of_the_answer() -> None:
    """Of several answers about an instance, the one to the latest question holds."""
    aws = small_aws()
    aws.add(ONE, FINE)
    asked = NOW - timedelta(minutes=9)

    run(aws, replace(OF_ONE, time=asked))

    assert [one["OrderingTimestamp"] for one in aws.evaluations] == [asked]
