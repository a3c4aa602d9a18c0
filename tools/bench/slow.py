"""`make bench-slow`: measure against endpoints that answer as AWS does; write docs/latency.md.

It takes a quarter of an hour. Nothing is to be ended, for which a run without a grace period waits
ten seconds at any size.
"""

import platform
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console

from tools.bench import aws_limits, latency
from tools.bench.__main__ import check
from tools.bench.measure import ROOT, Endpoint, Run, engine, listing, stand_in
from tools.bench.share import NoShareError, quota
from tools.bench.vpc import Shape

LOOKUPS = {"TAG_POLICY_LOOKUPS_PER_SECOND": "2"}
"""CloudTrail's limit, which is the default."""

_Runner = Callable[[Endpoint, str], Run]


@dataclass(frozen=True)
class Job:
    """What is measured: by whom, which tags, and with which memory, if that is limited."""

    name: str
    tags: str
    memory_mb: int | None
    run: _Runner


def engine_with(memory_mb: int | None) -> _Runner:
    """Return what runs the engine, within what Lambda gives for some MB, if any are given."""
    return lambda endpoint, tags: engine(endpoint, tags, memory_mb, LOOKUPS)


LISTING = Job("boto3 lists and drops", "", None, listing)
WHOLE = Job("this engine", "two tags", None, engine_with(None))
LIMITED = [
    Job("this engine", tags, memory_mb, engine_with(memory_mb))
    for tags, memory_mb in (
        ("two tags", 256),
        ("two tags", 512),
        ("two tags", 1024),
        ("three tags", 256),
    )
]
SIZES: Mapping[int, tuple[int, Sequence[Job]]] = {
    1_000: (3, [LISTING, WHOLE, *LIMITED]),
    20_000: (3, [LISTING, WHOLE, *LIMITED]),
    100_000: (1, [LISTING, WHOLE, *LIMITED]),
}
"""How many rounds there are at a size, and of what."""

HEAD = (
    "instances",
    "runner",
    "job",
    "memory",
    "seconds",
    "of bare listing",
    "of the buckets' floor",
    "CPU s",
    "peak MiB",
    "calls",
    "throttled",
    "$ a month",
)


def main() -> int:
    """Measure everything and write it down; returns the exit status."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    now = datetime.now(UTC)
    rows: list[Sequence[str]] = []
    for size, (rounds, jobs) in SIZES.items():
        shape = Shape(size, untagged=0)
        runs: dict[Job, list[Run]] = {}
        with stand_in(shape, now, is_slow=True) as endpoint:
            for _ in range(rounds):
                for job in jobs:
                    try:
                        run = job.run(endpoint, job.tags or "two tags")
                    except NoShareError as error:
                        console.print(f"left out: {error}")
                        continue
                    if job.tags:
                        check(run, shape, job.tags, job.name)
                    runs.setdefault(job, []).append(run)
                    console.print(f"{size:,}: {job.name}, {job.tags}, {run.seconds:.1f} s")
        rows += [row(size, job, some, _median(runs[LISTING])) for job, some in runs.items()]
    (ROOT / "docs/latency.md").write_text(page(rows, now))
    console.print("docs/latency.md is written")
    return 0


def _median(runs: Sequence[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def row(size: int, job: Job, runs: Sequence[Run], bare: float) -> Sequence[str]:
    """Return a row of the table: the medians of some runs, beside those of the bare listing."""
    seconds = _median(runs)
    cpu = statistics.median(run.cpu_seconds for run in runs)
    peak = max(run.peak_bytes for run in runs)
    calls = runs[-1].calls
    floor = aws_limits.floor_seconds(calls)
    memory = job.memory_mb or 1769
    paid = seconds * memory / 1024 * aws_limits.DOLLARS_A_GB_SECOND * aws_limits.RUNS_A_MONTH
    return (
        f"{size:,}",
        job.name,
        job.tags,
        f"{job.memory_mb} MB" if job.memory_mb else "a whole core",
        f"{seconds:.1f}",
        f"{seconds / bare:.2f}",
        f"{seconds / floor:.1f} times {floor:.0f} s" if floor and job.tags else "",
        f"{cpu:.1f}",
        f"{peak / 2**20:.0f}",
        ", ".join(f"{calls[a]:,} {a}" for a in aws_limits.BUCKETS if a in calls),
        str(sum(runs[-1].state["throttled"].values())),
        f"{paid:.2f}" if job.tags else "",
    )


def page(rows: Sequence[Sequence[str]], now: datetime) -> str:
    """Return the page."""
    table = [f"| {' | '.join(cells)} |" for cells in (HEAD, ["---"] * len(HEAD), *rows)]
    slow = "; ".join(
        f"{action} {answering.call} s and {answering.instance * 1000:g} ms an instance"
        for action, answering in latency.AS_AWS_DOES.items()
    )
    limits = "; ".join(
        f"{action} {bucket.size} and {bucket.refill} a second"
        for action, bucket in aws_limits.BUCKETS.items()
    )
    text = f"""# How fast it is against an AWS that takes its time

`make bench-slow` writes this page. [benchmark.md](benchmark.md) has the same jobs against endpoints
that answer at once.

{chr(10).join(table)}

- On {now:%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}: three rounds at
  1,000 and 20,000 instances, one at 100,000; medians. Half of the instances lack the tags.
  Nothing is to be ended, for which a run without a grace period waits ten seconds at any size.
- **Answers**: {slow}; all others 0.1 s. Seen of EC2 in regions of some thousand instances; the
  stand-in keeps to them whatever is asked side by side.
- **Limits**: the stand-in throttles as AWS does. Tokens at first, and what comes back: {limits}.
  The *floor* is what these alone take for the calls of the run, the slowest of them; it is left
  out where they take nothing.
- **Memory**: with MB, the function has what Lambda gives for them, by control groups of Linux:
  that memory, and its share of a core ({quota(256) / 1000:.1f} ms of each 100 for 256 MB). It
  would be ended where it needs more.
- *Three tags* has the creator, for which CloudTrail is asked twice a second, its limit.
- Dollars are for 730 runs a month, for the time and the memory, without the free tier; a whole
  core is 1,769 MB.
"""
    return re.sub(r"\n  (?=\S)", " ", text)  # a paragraph a line, as in all of docs


if __name__ == "__main__":
    sys.exit(main())
