"""The tests' own IAM says what AWS's does, where this project's policies lean on it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.calls import Call
from tests.support.iam import Policy, Request, allows, refuses, requests_of

OWNER = "aws:ResourceTag/Owner"


def policy(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**condition: Any) -> dict[str, Any]:
    return _statement("Allow", condition)


def deny(**condition: Any) -> dict[str, Any]:
    return _statement("Deny", condition)


def _statement(effect: str, condition: dict[str, Any]) -> dict[str, Any]:
    operators = {name.replace("_", ":"): keys for name, keys in condition.items()}
    return {"Effect": effect, "Action": "ec2:*", "Resource": "*", "Condition": operators}


def request(**context: Sequence[str]) -> Request:
    names = {"owner": OWNER, "keys": "aws:TagKeys"}
    return Request("ec2:CreateTags", "arn", {names[k]: values for k, values in context.items()})


@pytest.mark.parametrize(
    ("condition", "given", "holds"),
    [
        ({"Null": {OWNER: "true"}}, {}, True),
        ({"Null": {OWNER: "true"}}, {"owner": [""]}, False),  # a tag without a value is there
        ({"Null": {OWNER: "true"}}, {"owner": ["x"]}, False),
        ({"Null": {OWNER: "false"}}, {}, False),
        ({"Null": {OWNER: "false"}}, {"owner": [""]}, True),
        ({"Null": {"aws:TagKeys": "false"}}, {"keys": []}, False),  # no values are no key
        ({"StringLike": {OWNER: "?*"}}, {}, False),
        ({"StringLike": {OWNER: "?*"}}, {"owner": [""]}, False),
        ({"StringLike": {OWNER: "?*"}}, {"owner": [" "]}, True),
        ({"StringLike": {OWNER: "?*"}}, {"owner": ["x\ny"]}, True),
        ({"StringLike": {OWNER: "*"}}, {}, False),
        ({"StringLike": {OWNER: "*"}}, {"owner": [""]}, True),
        ({"StringLike": {OWNER: "a?c"}}, {"owner": ["abc"]}, True),
        ({"StringLike": {OWNER: "a?c"}}, {"owner": ["ac"]}, False),
        ({"StringLike": {OWNER: "a?c"}}, {"owner": ["ABC"]}, False),
        ({"StringLike": {OWNER: "[a]*"}}, {"owner": ["[a] x"]}, True),  # no classes in IAM
        ({"StringLike": {OWNER: "[a]*"}}, {"owner": ["a"]}, False),
        ({"StringLike": {OWNER: ["a", "b*"]}}, {"owner": ["bc"]}, True),
        ({"StringNotLike": {OWNER: ["a", "b*"]}}, {"owner": ["bc"]}, False),
        ({"StringNotLike": {OWNER: ["a", "b*"]}}, {"owner": ["c"]}, True),
        ({"StringNotLike": {OWNER: "a"}}, {}, True),  # true of what is not there
        ({"StringEquals": {OWNER: "a"}}, {"owner": ["A"]}, False),
        ({"StringEquals": {OWNER: "*"}}, {"owner": ["A"]}, False),
        ({"ForAnyValue_StringEquals": {"aws:TagKeys": "a"}}, {"keys": ["b", "a"]}, True),
        ({"ForAnyValue_StringEquals": {"aws:TagKeys": "a"}}, {"keys": ["b"]}, False),
        ({"ForAnyValue_StringEquals": {"aws:TagKeys": "a"}}, {"keys": ["A"]}, False),
        ({"ForAnyValue_StringEquals": {"aws:TagKeys": "a"}}, {}, False),
        ({"ForAllValues_StringEquals": {"aws:TagKeys": "a"}}, {"keys": ["b", "a"]}, False),
        ({"ForAllValues_StringEquals": {"aws:TagKeys": "a"}}, {"keys": ["a"]}, True),
        ({"ForAllValues_StringEquals": {"aws:TagKeys": "a"}}, {}, True),
    ],
)
def test_a_condition_holds_as_iam_says(
    condition: dict[str, Any], given: dict[str, list[str]], holds: bool
) -> None:
    assert allows(policy(allow(**condition)), request(**given)) is holds
    assert refuses([policy(allow()), policy(deny(**condition))], request(**given)) is holds


def test_every_condition_of_a_statement_has_to_hold() -> None:
    one = policy(allow(Null={OWNER: "true", "aws:ResourceTag/Name": "true"}))

    assert allows(one, request())
    assert not allows(one, request(owner=["x"]))
    assert not allows(one, Request("ec2:CreateTags", "arn", {"aws:ResourceTag/Name": ["x"]}))


@pytest.mark.parametrize("spelt", ["owner", "OWNER", "oWnEr"])
def test_condition_keys_are_compared_without_regard_to_case(spelt: str) -> None:
    given = Request("ec2:CreateTags", "arn", {f"aws:ResourceTag/{spelt}": ["x"]})

    assert allows(policy(allow(StringLike={OWNER: "?*"})), given)
    assert not allows(policy(allow(Null={OWNER: "true"})), given)


def test_of_two_keys_that_differ_in_case_alone_iam_sees_one_or_the_other() -> None:
    both = {"aws:ResourceTag/Owner": [""], "aws:ResourceTag/owner": ["x"]}
    given = Request("ec2:CreateTags", "arn", both)
    lock = [policy(allow()), policy(deny(StringLike={OWNER: "?*"}))]
    absent = policy(allow(Null={OWNER: "true"}))

    assert (allows(lock, given), refuses(lock, given)) == (False, False)
    assert (allows(absent, given), refuses(absent, given)) == (False, True)


def test_a_deny_of_any_policy_outweighs_every_allow() -> None:
    assert allows([policy(), policy(allow())], request())
    assert refuses([policy(allow()), policy(), policy(deny())], request())
    assert refuses([policy(deny()), policy(allow(), allow())], request())
    assert refuses([], request())


@pytest.mark.parametrize(
    "unknown",
    [
        {"StringNotEquals": {OWNER: "x"}},
        {"StringEqualsIfExists": {OWNER: "x"}},
        {"StringLike": {OWNER: "${aws:username}"}},
    ],
)
def test_what_is_not_known_here_is_an_error(unknown: dict[str, Any]) -> None:
    with pytest.raises((KeyError, NotImplementedError)):
        allows(policy(allow(**unknown)), request(owner=["x"]))


def test_a_call_that_tags_is_seen_with_what_is_written_and_what_is_there() -> None:
    call = Call(
        "ec2",
        "CreateTags",
        {"Resources": ["i-1", "i-2"], "Tags": [{"Key": "Owner", "Value": "jane"}]},
        "eu-west-1",
        "123456789012",
        "key",
        {"i-1": {"Name": "web"}, "i-2": {}},
    )
    written = {"aws:RequestTag/Owner": ["jane"], "aws:TagKeys": ["Owner"]}
    arn = "arn:aws:ec2:eu-west-1:123456789012:instance"

    assert list(requests_of(call)) == [
        Request("ec2:CreateTags", f"{arn}/i-1", written | {"aws:ResourceTag/Name": ["web"]}),
        Request("ec2:CreateTags", f"{arn}/i-2", written),
    ]


@pytest.mark.parametrize("action", ["BatchGetItem", "BatchWriteItem"])
def test_a_batch_is_seen_as_one_request_for_each_table(action: str) -> None:
    tables = {"a": {}, "b": {}}
    call = Call("dynamodb", action, {"RequestItems": tables}, "eu-west-1", "123456789012", "key")

    assert [request.resource for request in requests_of(call)] == [
        f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}" for name in tables
    ]
