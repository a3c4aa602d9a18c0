"""What an error of AWS's means for a remedy: whether it passes, and what people are told."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tag_policy.aws.errors import (
    NOT_CONFIRMED,
    NotConfirmedError,
    Refusal,
    is_about_one,
    passes,
    refusal_of,
)
from tag_policy.model.outcome import Result
from tag_policy.model.text import DETAIL_LIMIT


def refused(code: str, status: int | None = 400, message: str = "no") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}}
    if status is not None:
        answer["ResponseMetadata"] = {"HTTPStatusCode": status}
    return ClientError(answer, "TerminateInstances")


def no_answer() -> list[Exception]:
    return [
        ReadTimeoutError(endpoint_url="https://ec2"),
        EndpointConnectionError(endpoint_url="https://ec2"),
        ResponseParserError("Unable to parse response"),
    ]


PASSING = [
    refused("RequestLimitExceeded", 503),
    refused("ThrottlingException"),
    refused("RequestTimeout"),
    refused("Unavailable"),
    refused("InternalError", status=None),
    refused("SomethingNew", 500),
    refused("SomethingNew", 503),
    *no_answer(),
]
STAYING = [
    refused("UnauthorizedOperation", 403),
    refused("OperationNotPermitted"),
    refused("TagLimitExceeded", status=None),
    refused("SomethingNew", 499),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: f"{error!r:.60}")
def test_what_passes_by_itself_is_left_for_the_next_run_and_not_told_as_a_failure(
    error: Exception,
) -> None:
    assert passes(error)
    assert refusal_of(error).result is Result.DEFERRED


@pytest.mark.parametrize("error", STAYING, ids=lambda error: f"{error!r:.60}")
def test_what_does_not_pass_is_a_failure_that_somebody_has_to_see(error: Exception) -> None:
    assert not passes(error)
    assert refusal_of(error).result is Result.FAILED


def test_an_error_of_our_own_does_not_pass_by_itself() -> None:
    assert not passes(KeyError("a fault in the code"))


@pytest.mark.parametrize(
    "code", ["OperationNotPermitted", "InvalidInstanceID.NotFound", "TagLimitExceeded"]
)
def test_an_error_about_one_instance_says_nothing_of_the_others(code: str) -> None:
    assert is_about_one(refused(code))


@pytest.mark.parametrize(
    "error", [refused("UnauthorizedOperation", 403), *no_answer()], ids=lambda error: f"{error!r}"
)
def test_what_is_refused_to_all_is_not_taken_for_a_matter_of_one(error: Exception) -> None:
    assert not is_about_one(error)


def test_an_end_that_is_not_confirmed_concerns_one_and_has_a_code_of_its_own() -> None:
    error = NotConfirmedError("EC2 does not say of i-1 that it is ending")

    assert is_about_one(error)
    assert refusal_of(error) == Refusal(
        Result.FAILED, "EC2 does not say of i-1 that it is ending", NOT_CONFIRMED
    )


def test_people_are_told_the_code_and_the_words_of_aws() -> None:
    refusal = refusal_of(refused("UnauthorizedOperation", 403, "explicit deny in an SCP"))

    assert (refusal.code, refusal.detail) == ("UnauthorizedOperation", "explicit deny in an SCP")


def test_where_aws_gave_no_answer_the_code_is_what_happened() -> None:
    assert [refusal_of(error).code for error in no_answer()] == [
        "ReadTimeoutError",
        "EndpointConnectionError",
        "ResponseParserError",
    ]


def test_a_refusal_without_words_is_one_all_the_same() -> None:
    error = ClientError({"Error": {"Code": "Blocked"}}, "CreateTags")

    assert refusal_of(error) == Refusal(Result.FAILED, "", "Blocked")


def test_a_reason_of_aws_is_cut_where_it_is_made() -> None:
    refusal = refusal_of(ValueError("Unable to parse response\n" + "x" * 372_000))

    assert len(refusal.detail) == DETAIL_LIMIT
    assert refusal.detail.startswith("Unable to parse response x")
    assert Refusal(Result.FAILED, "", "a\nb").code == "a b"
