"""`make docs`: writes the fault matrix into docs/reliability.md, from the test that makes it."""

import os
import sys

from tests.integration.test_fault_matrix import BEGIN, END, PAGE, markdown, told_of
from tests.support.embedded_aws import REGION
from tests.support.faults import CELLS


def main() -> int:
    """Write the table between its marks; returns the exit status."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAEMBEDDEDAWS00000",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": REGION,
    }
    table = {(action, fault): str(told_of(action, fault)[0]) for action, fault in CELLS}
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(table)}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
