"""Lints the role's policies with parliament, in every shape that the inputs can give them."""

import json
import sys

from parliament import analyze_policy_string

from tests.support.embedded_aws import EmbeddedAws
from tests.support.policies import render


def main() -> int:
    """Print what parliament finds; returns the exit status."""
    with EmbeddedAws() as aws:
        policies = render(aws).policies
    documents = [(name, policy) for name, some in policies.items() for policy in some]
    found = 0
    for name, policy in documents:
        for finding in analyze_policy_string(json.dumps(policy)).findings:
            print(f"{name}: {finding}")
            found += 1
    print(f"parliament: {len(documents)} policies, {found} findings")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
