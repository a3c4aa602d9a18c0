"""Which AWS services a resource belongs to."""

import pytest

from tag_policy.resources.managers import managers


@pytest.mark.parametrize(
    ("description", "tags", "found"),
    [
        ({}, {"Name": "web"}, {}),
        ({}, {"aws:backup:source-resource": "arn"}, {"backup": "arn"}),
        ({}, {"aws:dlm:lifecycle-policy-id": "policy-1"}, {"dlm": "policy-1"}),
        ({}, {"aws:autoscaling:groupName": ""}, {}),
        ({"Operator": {"Managed": True, "Principal": "eks"}}, {}, {"operator": "eks"}),
        ({"Operator": {"Managed": True}}, {}, {"operator": "an AWS service"}),
        ({"Operator": {"Managed": False}}, {}, {}),
        ({"RequesterManaged": True, "RequesterId": "amazon-elb"}, {}, {"operator": "amazon-elb"}),
        ({"RequesterManaged": True}, {}, {"operator": "an AWS service"}),
        ({"RequesterManaged": False, "RequesterId": "1234"}, {}, {}),
        ({"ServiceManaged": "nlb"}, {}, {"operator": "nlb"}),
    ],
)
def test_what_only_aws_can_write_says_what_a_resource_is_part_of(
    description: dict[str, object], tags: dict[str, str], found: dict[str, str]
) -> None:
    assert managers(description, tags) == found
