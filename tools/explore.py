"""`make explore`: looks for a history in which an instance is wrongly ended, a process a kind."""

import os
import subprocess
import sys

KINDS = ("Terminating", "Stopping")
MACHINE = "tests/integration/test_safety_machine.py"


def main(histories: int) -> int:
    """Make up so many histories; returns the exit status, which is bad if any goes wrong."""
    each = -(-histories // len(KINDS))
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", MACHINE, "-k", f"{kind} or had_in_them"],
            env=os.environ | {"HISTORIES": str(each)},
        )
        for kind in KINDS
    ]
    return max([run.wait() for run in runs])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
