"""`make explore`: looks for a history in which an instance is wrongly ended, with every core.

The histories are made up some hundreds at a time, so that it can be seen how far it has got, and no
core waits for another. What they have had in them is counted over all, and has to be enough.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

KINDS = ("Terminating", "Stopping", "Escalating")
MACHINE = "tests/integration/test_safety_machine.py"
A_ROUND = 200
"""Histories that are made up by a process, all of a kind."""

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
    rounds = max(1, -(-histories // A_ROUND))
    each = -(-histories // rounds)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(_round, KINDS[n % len(KINDS)], each) for n in range(rounds)]
        for done in as_completed(running):
            counts, failed = done.result()
            counted += counts
            print(_line(counted), flush=True)
            if failed:
                for one in running:
                    one.cancel()
                return 1
    missing = lacking(counted)
    if missing:
        print(f"too few of them: {', '.join(missing)}")
    return int(bool(missing))


def _round(kind: str, histories: int) -> tuple[Counter[str], bool]:
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        environment = {"HISTORIES": str(histories), "COUNTS": str(counts)}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", MACHINE]
        command += ["-k", f"{kind} or had_in_them"]
        failed = subprocess.run(command, env=os.environ | environment, check=False).returncode
        counted = json.loads(counts.read_text()) if counts.exists() else {}
    return Counter(counted), bool(failed)


def _line(counted: Counter[str]) -> str:
    parts = [f"{number:,} {what}" for what, number in counted.most_common()]
    return ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
