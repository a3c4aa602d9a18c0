"""`make explore`: looks for a history in which an instance is wrongly ended, a process a kind.

The histories are made up some hundreds at a time, so that it can be seen how far it has got. What
they have had in them is counted over all, and has to be enough.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

KINDS = ("Terminating", "Stopping", "Escalating")
MACHINE = "tests/integration/test_safety_machine.py"
A_ROUND = 500
"""Histories of a kind that are made up at a time."""

OUT_OF_20_000 = {
    "something is ended rightly": 1_000,
    "an act between look and call": 1_000,
    "a lost answer": 500,
    "a refused message": 500,
    "calls side by side": 1_000,
}


def lacking(counted: Counter[str]) -> list[str]:
    """Return what too few histories have had in them."""
    share = counted["histories"] / 20_000
    if counted["histories"] < A_ROUND:  # of few, chance decides how many there are
        share /= 2
    return [what for what, wanted in OUT_OF_20_000.items() if counted[what] < wanted * share]


def main(histories: int) -> int:
    """Make up so many histories; returns the exit status, which is bad if any goes wrong."""
    counted = Counter[str]()
    while (left := histories - counted["histories"]) > 0:
        each = min(A_ROUND, -(-left // len(KINDS)))
        counts, failed = _round(each)
        counted += counts
        print(_line(counted), flush=True)
        if failed:
            return 1
    missing = lacking(counted)
    if missing:
        print(f"too few of them: {', '.join(missing)}")
    return int(bool(missing))


def _round(each: int) -> tuple[Counter[str], bool]:
    counted = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for kind in KINDS:
            environment = {"HISTORIES": str(each), "COUNTS": str(Path(folder) / kind)}
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", MACHINE]
            command += ["-k", f"{kind} or had_in_them"]
            runs.append(subprocess.Popen(command, env=os.environ | environment))
        failed = [run.wait() for run in runs]
        for counts in Path(folder).iterdir():
            counted.update(json.loads(counts.read_text()))
    return counted, any(failed)


def _line(counted: Counter[str]) -> str:
    parts = [f"{number:,} {what}" for what, number in counted.most_common()]
    return ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
