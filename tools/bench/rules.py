"""`make bench-rules`: what a standard of nine rules costs beside three simple rules.

The function as it is shipped, over instances that lack nothing, from a cold start; in turn.
"""

import argparse
import statistics
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from tools.bench.measure import Run, engine, stand_in
from tools.bench.vpc import Shape

JOBS = ("three tags", "nine rules", "nine rules that end")
MAY_END = {"TAG_POLICY_MAX_ESCALATION": "terminate"}


def main() -> int:
    """Measure, and print a table; returns the exit status, which is bad for a wrong run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--instances", type=int, default=10_000)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    shape = Shape(options.instances, lacking=0, untagged=0, more_tags=9)
    runs: dict[str, list[Run]] = {job: [] for job in JOBS}
    with stand_in(shape, datetime.now(UTC)) as endpoint:
        engine(endpoint, JOBS[0])  # the first one waits for pages that are not made yet
        for _ in range(options.rounds):
            for job in JOBS:
                runs[job].append(engine(endpoint, job, changes=MAY_END))
                if runs[job][-1].calls.get("CreateTags"):
                    console.print(f"{job}: it wrote tags, and nothing is lacking")
                    return 1
    table = Table("rules", "seconds", "CPU s", "of three rules (CPU)", "peak MiB")
    three = _median(runs[JOBS[0]])
    for job in JOBS:
        cpu = _median(runs[job])
        table.add_row(
            job,
            f"{statistics.median(run.seconds for run in runs[job]):.2f}",
            f"{cpu:.2f}",
            f"{cpu / three:.2f}",
            f"{statistics.median(run.peak_bytes for run in runs[job]) / 2**20:.0f}",
        )
    console.print(f"{options.instances:,} instances, medians of {options.rounds} runs in turn")
    console.print(table)
    return 0


def _median(runs: list[Run]) -> float:
    return statistics.median(run.cpu_seconds for run in runs)


if __name__ == "__main__":
    sys.exit(main())
