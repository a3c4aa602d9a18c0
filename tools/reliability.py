"""`make docs`: writes the fault matrix into docs/reliability.md, from the test that makes it."""

import os
import sys

from tests.integration.test_fault_matrix import BEGIN, END, PAGE, markdown, row_of, told_of
from tests.support.embedded_aws import REGION, EmbeddedAws
from tests.support.faults import CELLS
from tests.support.policies import render


def main() -> int:
    """Write the table between its marks; returns the exit status."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAEMBEDDEDAWS00000",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": REGION,
    }
    with EmbeddedAws() as aws:
        policies = render(aws).policies
    table = {
        (action, fault): row_of(action, fault, told_of(action, fault, policies)[0], policies)
        for action, fault in CELLS
    }
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(table)}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
