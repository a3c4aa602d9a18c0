"""Lints the role's policies with parliament, in every shape that the inputs can give them."""

import json
import sys

from parliament import analyze_policy_string

from tests.support.embedded_aws import EmbeddedAws
from tests.support.policies import render
from tests.support.role_cases import BY_LAMBDA_IN_A_VPC

# What parliament finds and we mean: the issue, and what it is about.
EXPECTED = {
    # Lambda names the interfaces, and refuses a function whose role may not do this on all.
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    (
        "RESOURCE_STAR",
        "['ec2:AssignPrivateIpAddresses', 'ec2:CreateNetworkInterface', "
        "'ec2:DeleteNetworkInterface', 'ec2:UnassignPrivateIpAddresses']",
    ),
    # Lambda adds it to each call that a function makes, of whatever service; parliament knows the
    # keys of each service only.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    *(
        (
            "UNKNOWN_CONDITION_FOR_ACTION",
            f"Unknown condition lambda:SourceFunctionArn for action ec2:{action}",
        )
        for action in BY_LAMBDA_IN_A_VPC
    ),
    # IAM is asked about the interface, the group and the instance, and each has conditions of its
    # own: a statement for each. Parliament wants the interface in all of them.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    (
        "RESOURCE_MISMATCH",
        "[{'action': 'ec2:ModifyNetworkInterfaceAttribute', "
        "'required_format': 'arn:*:ec2:*:*:network-interface/*'}]",
    ),
}


def main() -> int:
    """Print what parliament finds; returns the exit status."""
    with EmbeddedAws() as aws:
        policies = render(aws).policies
    documents = [(name, policy) for name, some in policies.items() for policy in some]
    found = 0
    for name, policy in documents:
        for finding in analyze_policy_string(json.dumps(policy)).findings:
            if (finding.issue, str(finding.detail)) in EXPECTED:
                continue
            print(f"{name}: {finding}")
            found += 1
    print(f"parliament: {len(documents)} policies, {found} findings")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
