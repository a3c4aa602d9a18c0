"""Check that each test has the same name in every process, whatever the second and the hash seed.

The workers of pytest-xdist each collect the tests on their own, and refuse to begin when their
lists differ: a value that the clock, a set's order or chance has a say in must not be part of a
test's name. That fails one time in many, so it is looked for on purpose.
"""

import difflib
import os
import subprocess
import sys
from collections.abc import Iterable

COLLECT = """
import sys, pytest, time_machine
with time_machine.travel(sys.argv[1]):
    sys.exit(pytest.main(["--collect-only", "--quiet", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""
# Without the project's own --quiet: twice that counts the tests of a file instead of naming them.
VERBOSE = "--override-ini=addopts="
WORLDS = (("1", "2026-01-31T23:59:58Z"), ("2", "2027-07-01T12:00:00Z"))


def names(hash_seed: str, moment: str, tests: Iterable[str]) -> subprocess.Popen[str]:
    """Start to collect the tests in a process with that hash seed, begun at that moment."""
    return subprocess.Popen(
        [sys.executable, "-c", COLLECT, moment, VERBOSE, *tests],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def main(tests: Iterable[str] = ("tests",)) -> None:
    """Collect twice at a time; exit with what differs."""
    lists = []
    for process in [names(*world, tests) for world in WORLDS]:
        collected, _ = process.communicate()
        if process.returncode:
            sys.exit(f"The tests could not be collected:\n{collected}")
        lists.append([line for line in collected.splitlines() if "::" in line])
    if not lists[0]:
        sys.exit("No test was found, so that nothing was compared.")
    if differing := list(difflib.unified_diff(*lists, n=0, lineterm="")):
        sys.exit(
            "These tests have another name in another process, so that no two workers agree; give "
            "their parameters an id:\n" + "\n".join(differing)
        )


if __name__ == "__main__":
    main(sys.argv[1:] or ("tests",))
