"""Names of sessions: which a program made up, and which are people's."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.creators.session_name import is_made_up

MADE_UP = [
    "botocore-session-1759654682",
    "boto3-session-1759654682",
    "aws-go-sdk-1759654682000000000",
    "aws-sdk-java-1759654682000",
    "aws-sdk-js-1759654682000",
    "aws-sdk-php-1759654682",
    "aws-dotnet-sdk-session-638952514820000000",
    "AWS-CLI-session-1759654682",
    "web-identity-token-1759654682000",
    "1750075873000000000",
    "AWSCodeBuild-3f2b1c9e-5d4a-4c6b-8e7f-1a2b3c4d5e6f",
    "Automation-3F2B1C9E-5D4A-4C6B-8E7F-1A2B3C4D5E6F",
    "eks-prod-karpenter-7c-1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    "3f2b1c9e-5d4a-4c6b-8e7f-1a2b3c4d5e6f",
    "3f2b1c9e-5d4a-4c6b-8e7f-1a2b3c4d5e6f-worker",
    "6b777c1809a94925ab48098fa09824de",
    "00cd9bb2a9aa4b2cd3d6f1a3b4c5d6e7f8",
    "pUBglYSipyAbyPsehEoWHmOFMDviUKzd",
    "M2YyYjFjOWUtNWQ0YS00YzZiLThlN2YtMWEyYjNjNGQ1ZTZm",
    "vault-token-ec2-1759654682-AbCd1234EFgh5678IJkl",
    "vault-root-deploy-1759654682-4711",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV@landing-zone@acme",
    "i-0f9e8d7c6b5a43210",
    "mi-0f9e8d7c6b5a43210",
]

PEOPLE = [
    "SMITHJ",
    "user1234567",
    "jane",
    "Jane.Doe",
    "jane@example.com",
    "jane.doe+aws1234567890@example.com",
    "4915112345678@example.com",
    "3f2b1c9e-5d4a-4c6b-8e7f-1a2b3c4d5e6f@example.com",
    "AlexandraMariaTheresiaVonSchmidt",
    "JOHANNESCHRISTOPHERMAXIMILIANSEN",
    "deployment-pipeline-of-the-team-a",
    "deadbeef",
    "i-love-ec2",
    "A1234567",
    "",
]


@pytest.mark.parametrize("session", MADE_UP)
def test_what_sdks_clis_and_services_call_their_sessions_is_made_up(session: str) -> None:
    assert is_made_up(session)


@pytest.mark.parametrize("session", PEOPLE)
def test_what_people_are_called_is_not(session: str) -> None:
    assert not is_made_up(session)


words = st.text(string.ascii_letters, min_size=1, max_size=15).map(str.capitalize) | st.text(
    string.ascii_letters, min_size=1, max_size=15
)
numbers = st.integers(0, 999_999_999).map(str)
usual = st.one_of(
    words,
    st.builds("{}{}".format, words, numbers),
    st.builds("{}.{}".format, words, words),
    st.builds("{}-{}-{}".format, words, words, numbers),
    st.builds("{}_{}".format, words, words).map(str.upper),
    st.builds("{}.{}@{}.com".format, words, words | st.integers(0, 10**19).map(str), words),
)


@given(usual)
def test_no_name_of_a_usual_form_is_taken_for_made_up(session: str) -> None:
    assert not is_made_up(session)


@given(
    prefix=st.text(string.ascii_letters + "-_", max_size=12),
    number=st.integers(10**9, 10**19),
    tail=st.just("") | st.text(string.ascii_letters + string.digits, min_size=4).map("-".__add__),
)
def test_a_time_at_the_end_or_before_a_random_tail_is_made_up(
    prefix: str, number: int, tail: str
) -> None:
    assert is_made_up(f"{prefix}{number}{tail}")


@given(st.uuids(), st.text(string.ascii_letters + "-=,._", max_size=10))
def test_a_uuid_anywhere_is_made_up(uuid: object, around: str) -> None:
    assert is_made_up(f"{around}{uuid}{around}")


def test_a_long_name_is_random_where_it_has_six_letters_of_each_case() -> None:
    assert is_made_up(6 * "A" + 26 * "x")
    assert is_made_up(26 * "A" + 6 * "x")
    assert not is_made_up(5 * "A" + 27 * "x")
    assert not is_made_up(27 * "A" + 5 * "x")
