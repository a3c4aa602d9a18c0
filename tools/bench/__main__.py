"""`make bench`: measure, print a table, and write docs/benchmark.md with its plot.

At the default sizes it takes an hour and a half: `make bench SIZES="1000 10000"` takes ten minutes.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from tools.bench import page
from tools.bench.measure import ROOT, Endpoint, Run, custodian, engine, listing, sample, stand_in
from tools.bench.page import Results
from tools.bench.vpc import Shape

JOBS: Sequence[tuple[str, str, Callable[[Endpoint, str], Run]]] = (
    ("boto3 lists and drops", "two tags", listing),
    ("this engine", "two tags", engine),
    ("Cloud Custodian", "two tags", custodian),
    ("the sample", "two tags", sample),
    ("this engine", "three tags", engine),
    ("the sample", "three tags", sample),
)

SHAPES = {
    "50 tags each": {"more_tags": 45},
    "5,000 creators": {"creators": 5_000},
    "every one lacks three tags": {"lacking": 1.0, "untagged": 0},
}
ONE_PAGE = {
    "one page of 1,000 reservations of one": {"reservation": 1},
    "one page of one reservation of 1,000": {"reservation": 1000},
}


def main() -> int:
    """Measure everything and write it down; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--shapes-at", type=int, default=100_000)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    now = datetime.now(UTC)
    results = Results(
        date=f"{now:%Y-%m-%d}",
        runs=compare(options.sizes, options.rounds, now, console),
        growth=growth(options.sizes, options.rounds, now, console),
        compliant=only_compliant(options.sizes, options.rounds, now, console),
        shapes=shapes(options.shapes_at, now, console),
        cold_starts=cold_starts(now, console),
    )
    page.write(results, ROOT / "docs")
    console.print(page.table(results))
    console.print("docs/benchmark.md and docs/benchmark.svg are written")
    return 0


def compare(
    sizes: Sequence[int], rounds: int, now: datetime, console: Console
) -> dict[tuple[str, str, int], list[Run]]:
    """Run every runner in turn, round by round, so that a busy machine is so for all of them."""
    runs: dict[tuple[str, str, int], list[Run]] = defaultdict(list)
    for size in sizes:
        with stand_in(Shape(size), now) as endpoint:
            for number in range(rounds):
                for name, job, runner in JOBS:
                    run = runner(endpoint, job)
                    if name != "boto3 lists and drops":
                        check(run, Shape(size), job, name)
                    runs[name, job, size].append(run)
                    console.print(
                        f"{size:,} instances, round {number + 1}: {name}, {job}: "
                        f"{run.seconds:.2f} s",
                        highlight=False,
                    )
    return runs


def growth(
    sizes: Sequence[int], rounds: int, now: datetime, console: Console
) -> dict[tuple[str, int], list[Run]]:
    """Run the engine at every size in turn, and for about as long at each.

    A shared machine is slow now and then, for some seconds: a long run always meets such a time and
    the median of short ones never does. So there are ten of the short ones, and means are compared.
    Nothing is to be ended, for which the engine would wait ten seconds at any size.
    """
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    with ExitStack() as stack:
        shapes = {size: Shape(size, untagged=0) for size in sizes}
        endpoints = {size: stack.enter_context(stand_in(shapes[size], now)) for size in sizes}
        for endpoint in endpoints.values():
            engine(endpoint, "two tags")  # the first one waits for pages that are not made yet
        for number in range(rounds):
            for job in ("two tags", "three tags"):
                for size, endpoint in endpoints.items():
                    for _ in range(10 if size < max(sizes) else 1):
                        runs[job, size].append(engine(endpoint, job))
                        check(runs[job, size][-1], shapes[size], job, "this engine")
            console.print(f"every size in turn, round {number + 1}", highlight=False)
    return runs


def check(run: Run, shape: Shape, job: str, name: str) -> None:
    """Raise unless a runner did the job: a wrong result is no result."""
    lacking = int(shape.instances * shape.lacking)
    lacking -= sum(
        int(n * shape.lacking) != int((n + 1) * shape.lacking)
        for n in range(shape.instances)
        if n % 1000 < shape.untagged
    )
    ended = -(-shape.instances // 1000) * shape.untagged
    state = run.state
    right = (
        state["written"].get("ProjectCode", 0) == lacking
        and state["written"].get("Expires", 0) == lacking
        and state["creators_right"] == (lacking if job == "three tags" else 0)
        and state["ended"] == ended
        and not state["wrongly_ended"]
        and not state["wrongly_tagged"]
    )
    if not right:
        raise SystemExit(f"{name} did not do the job {job!r}: {state}")


def only_compliant(
    sizes: Sequence[int], rounds: int, now: datetime, console: Console
) -> dict[int, list[Run]]:
    """Run the engine where nothing is to be done, for its memory."""
    runs: dict[int, list[Run]] = {}
    for size in sizes:
        with stand_in(Shape(size, lacking=0, untagged=0), now) as endpoint:
            runs[size] = [engine(endpoint, "three tags") for _ in range(rounds)]
        console.print(f"{size:,} compliant instances: {peak(runs[size]):.1f} MiB", highlight=False)
    return runs


def peak(runs: Sequence[Run]) -> float:
    """Return the median of the peaks of memory, in MiB."""
    return statistics.median(run.peak_bytes for run in runs) / 2**20


def shapes(size: int, now: datetime, console: Console) -> dict[str, tuple[int, Run]]:
    """Run the engine once on every other shape of VPC."""
    runs: dict[str, tuple[int, Run]] = {}
    for instances, some in ((size, SHAPES), (1_000, ONE_PAGE)):
        for title, changes in some.items():
            shape = replace(Shape(instances), **changes)
            with stand_in(shape, now) as endpoint:
                run = engine(endpoint, "three tags")
            check(run, shape, "three tags", "this engine")
            runs[title] = instances, run
            console.print(f"{title}: {run.seconds:.2f} s", highlight=False)
    return runs


def cold_starts(now: datetime, console: Console, rounds: int = 11) -> list[tuple[float, float]]:
    """Return pairs: the start of the function to its first call, and ``import boto3`` alone."""
    pairs: list[tuple[float, float]] = []
    with stand_in(Shape(1_000, lacking=0, untagged=0), now) as endpoint:
        for _ in range(rounds):
            began = time.time()
            run = engine(endpoint, "three tags")
            first_call = run.state["first_call"] - began
            began = time.time()
            subprocess.run([sys.executable, "-c", "import boto3"], check=True)
            pairs.append((first_call, time.time() - began))
    first, imported = (statistics.median(side) for side in zip(*pairs, strict=True))
    console.print(f"cold start {first:.3f} s, import boto3 {imported:.3f} s", highlight=False)
    return pairs


if __name__ == "__main__":
    sys.exit(main())
