"""`make mutants`: changes the code bit by bit, and counts how many changes the unit tests notice.

mutmut makes the changes ("mutants") in a folder of its own, in which it finds the code where it
looks for it. Each is tried with those unit tests, of the packages in question, that run through it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".mutants"
LOG = FOLDER / "log"
PACKAGES = ("rules", "resources", "creators")
ENDING = tuple(f"rules/{name}.py" for name in ("untagged", "mark", "limits", "exemption"))
"""What decides that an instance is ended; all of ``resources`` has a hand in it, too."""

_NO_PLUGINS = ("cacheprovider", "terraform", "threadexception", "unraisableexception", "xdist")
"""What would take as long as the tests, with each of some thousand mutants."""

_RESULTS = {
    **dict.fromkeys((1, 3), "killed"),  # tests have failed
    **dict.fromkeys((24, -24, 36, 152, 255), "killed"),  # they came to no end
    0: "survived",
    **dict.fromkeys((5, 33), "untested"),
}
"""What the exit codes of mutmut mean; any other, that the mutant has not been tried."""


def _prepare(packages: Sequence[str]) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / "src").symlink_to(ROOT / "lambda_src")
    (FOLDER / "tests").symlink_to(ROOT / "tests")
    lines = {
        "source_paths": ["src"],
        "timeout_multiplier": ["3"],  # of the time that the tests take without a change
        "only_mutate": [f"src/tag_policy/{package}/*" for package in packages],
        "pytest_add_cli_args": [
            "--hypothesis-profile=mutants",
            *(f"-pno:{plugin}" for plugin in _NO_PLUGINS),
        ],
        "pytest_add_cli_args_test_selection": [f"tests/unit/{package}" for package in packages],
    }
    settings = "".join(f"{key} =\n  " + "\n  ".join(some) + "\n" for key, some in lines.items())
    # pytest takes its settings from here, too, and not those of pyproject.toml, by which it would
    # find the code as it is.
    (FOLDER / "setup.cfg").write_text(f"[mutmut]\n{settings}[tool:pytest]\naddopts = -q\n")


def _run(processes: int) -> int:
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)  # where it would be found as it is, too
    command = [str(Path(sys.executable).parent / "mutmut"), "run", f"--max-children={processes}"]
    with LOG.open("w") as log:  # of next to nothing but a wheel that turns
        said = None if sys.stdout.isatty() else log
        run = subprocess.run(command, cwd=FOLDER, env=environment, stdout=said, check=False)
    return run.returncode


def _counts(packages: Iterable[str]) -> tuple[dict[str, Counter[str]], list[str]]:
    """Return what became of the mutants, by module, and the names of those that were not killed."""
    counts: dict[str, Counter[str]] = {}
    left = []
    source = FOLDER / "mutants/src/tag_policy"
    for package in packages:
        for path in sorted((source / package).glob("*.py.meta")):
            codes = json.loads(path.read_text())["exit_code_by_key"]
            results = {name: _RESULTS.get(code, "not tried") for name, code in codes.items()}
            if results:
                counts[str(path.relative_to(source).with_suffix(""))] = Counter(results.values())
            left += [f"{name}: {result}" for name, result in results.items() if result != "killed"]
    return counts, left


def _line(name: str, counted: Iterable[Counter[str]]) -> str:
    total = sum(counted, Counter[str]())
    killed, all_of_them = total["killed"], total.total()
    percent = 100 * killed / all_of_them if all_of_them else 0
    return f"{name:<28}{killed:>8,}{all_of_them - killed:>10,}{percent:>8.1f} %"


def main(packages: Sequence[str], processes: int) -> int:
    """Try all mutants of some packages and print the figures; fails where not all were tried."""
    _prepare(packages)
    if status := _run(processes):
        print(f"mutmut has failed; see {LOG}")
        return status
    counts, left = _counts(packages)
    print("\n".join(["", *left, "", f"{'':<28}{'killed':>8}{'survived':>10}{'killed':>10}"]))
    for package in packages:
        print(_line(package, (c for name, c in counts.items() if name.startswith(f"{package}/"))))
    for name, counted in counts.items():
        if name in ENDING or name.startswith("resources/"):
            print(_line(f"  {name}", [counted]))
    return int(any(counted["not tried"] for counted in counts.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    sys.exit(main(arguments.packages, arguments.processes))
