"""The ARN that Lambda says the function was invoked by."""

import pytest

from tag_policy.aws.function_arn import FunctionArn
from tag_policy.model.target import Target


@pytest.mark.parametrize("version", ["", ":7", ":live"])
def test_a_version_is_no_part_of_the_name(version: str) -> None:
    arn = f"arn:aws-cn:lambda:cn-north-1:123456789012:function:tag-policy{version}"

    assert FunctionArn.parse(arn) == FunctionArn(
        Target("aws-cn", "cn-north-1", "123456789012"), "tag-policy"
    )
