"""The results as people read them: a table in the terminal, a page and a plot in docs/."""

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot
from rich.table import Table

from tools.bench import aws_limits
from tools.bench.measure import ROOT, Run
from tools.bench.vpc import DAYS, Shape

ENGINE = "this engine"
BARE = "boto3 lists and drops"
COLOURS = {
    ENGINE: "#0b6e4f",
    "Cloud Custodian": "#c96f00",
    "the sample": "#a1292b",
    BARE: "#5b6770",
}


@dataclass(frozen=True)
class Results:
    """All that was measured: runs by runner, job and size, and the rest as its maker says.

    ``growth`` are runs of the engine by job and size.
    """

    date: str
    runs: Mapping[tuple[str, str, int], Sequence[Run]]
    growth: Mapping[tuple[str, int], Sequence[Run]]
    compliant: Mapping[int, Sequence[Run]]
    shapes: Mapping[str, tuple[int, Run]]
    cold_starts: Sequence[tuple[float, float]]

    @property
    def sizes(self) -> list[int]:
        """The numbers of instances, ascending."""
        return sorted({size for _, _, size in self.runs})


def seconds(runs: Sequence[Run]) -> float:
    """Return the median of the wall times."""
    return statistics.median(run.seconds for run in runs)


def _cpu(runs: Sequence[Run]) -> float:
    return statistics.median(run.cpu_seconds for run in runs)


def _peak(runs: Sequence[Run]) -> float:
    return statistics.median(run.peak_bytes for run in runs)


def _calls(run: Run) -> str:
    kinds = ("DescribeInstances", "LookupEvents", "CreateTags", "TerminateInstances")
    others = sum(n for action, n in run.calls.items() if action not in kinds)
    counted = [f"{run.calls[kind]:,} {kind}" for kind in kinds if run.calls.get(kind)]
    return ", ".join([*counted, f"{others} others"] if others else counted)


def _rows(results: Results) -> Iterator[list[str]]:
    for size in results.sizes:
        bare = results.runs[BARE, "two tags", size]
        for (name, job, of_size), runs in results.runs.items():
            if of_size != size:
                continue
            engine = results.runs[ENGINE, job, size]
            calls = runs[-1].calls
            yield [
                f"{size:,}",
                "" if name == BARE else job,
                name,
                f"{seconds(runs):.2f}",
                f"{_cpu(runs):.2f}",
                f"{_peak(runs) / 2**20:.0f}",
                f"{seconds(runs) / seconds(bare):.2f}",
                f"{seconds(runs) / seconds(engine):.1f}",
                _calls(runs[-1]),
                f"{aws_limits.minutes(seconds(runs), calls):.1f}",
                f"{aws_limits.dollars_a_month(_cpu(runs), calls, int(_peak(runs))):.2f}",
            ]


COLUMNS = (
    "instances",
    "job",
    "runner",
    "seconds",
    "CPU s",
    "peak MiB",
    "of bare listing",
    "of this engine",
    "calls",
    "minutes with AWS's limits",
    "$ a month",
)


def table(results: Results) -> Table:
    """Return the table for a terminal."""
    made = Table(title="Medians; against a stand-in that answers at once")
    for column in COLUMNS:
        made.add_column(column, justify="left" if column in COLUMNS[1:3] else "right")
    for row in _rows(results):
        made.add_row(*row)
    return made


def write(results: Results, folder: Path) -> None:
    """Write benchmark.md and benchmark.svg into a folder."""
    (folder / "benchmark.md").write_text("\n".join(_page(results)) + "\n")
    _plot(results, folder / "benchmark.svg")


def _markdown(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _page(results: Results) -> Iterator[str]:
    yield "# How fast it is"
    yield ""
    yield (
        "`make bench` writes this page. It runs the function as it is shipped beside the sample "
        "that it descends from, Cloud Custodian, and boto3 that merely lists the instances and "
        "drops them."
    )
    yield ""
    yield "![Wall time and calls against the number of instances](benchmark.svg)"
    yield ""
    yield from _markdown(COLUMNS, _rows(results))
    yield ""
    yield from _verdicts(results)
    yield ""
    yield "## Other shapes"
    yield ""
    columns = ("VPC", "instances", "seconds", "CPU s", "peak MiB", "calls")
    shapes = (
        [
            title,
            f"{size:,}",
            f"{run.seconds:.2f}",
            f"{run.cpu_seconds:.2f}",
            f"{run.peak_bytes / 2**20:.0f}",
            _calls(run),
        ]
        for title, (size, run) in results.shapes.items()
    )
    yield from _markdown(columns, shapes)
    yield ""
    yield "One run each, the job with creators."
    yield ""
    yield from _method(results)


def _verdicts(results: Results) -> Iterator[str]:
    first, last = results.sizes[0], results.sizes[-1]
    peaks = {size: _peak(runs) for size, runs in results.compliant.items()}
    starts = [start for start, _ in results.cold_starts]
    imports = [imported for _, imported in results.cold_starts]
    cold = statistics.median(starts) / statistics.median(imports)
    yield (
        f"- **Memory**: {peaks[last] / 2**20:.1f} MiB at {last:,} compliant instances, "
        f"{peaks[first] / 2**20:.1f} MiB at {first:,}: {peaks[last] / peaks[first]:.2f} times."
    )
    for job in ("two tags", "three tags"):
        per_instance = [
            (size, seconds(results.runs[ENGINE, job, size]) / size * 1e3) for size in results.sizes
        ]
        told = ", ".join(f"{ms:.3f} ms at {size:,}" for size, ms in per_instance)
        yield f"- **Growth**, {job}, start and wait included: {told} an instance."
        steps = zip(results.sizes, results.sizes[1:], strict=False)
        told = ", ".join(
            f"{_slope(results, job, small, large) * 1e3:.3f} ms from {small:,} to {large:,}"
            for small, large in steps
        )
        if told:
            yield f"- **Growth**, {job}, each further instance: {told}."
    yield (
        f"- **Cold start**: {statistics.median(starts):.3f} s from the start of the process under "
        f"AWS's runtime client to the first call, {cold:.2f} times `import boto3` alone "
        f"({statistics.median(imports):.3f} s)."
    )
    for size in results.sizes:
        calls = results.runs[ENGINE, "three tags", size][-1].calls["CreateTags"]
        lacking = results.runs[ENGINE, "three tags", size][-1].state["written"]["ProjectCode"]
        ended = results.runs[ENGINE, "three tags", size][-1].state["ended"]
        sets = Shape(size).creators + 1  # and the mark of those that are ended
        bound = sets + -(-(lacking + ended) // 200)
        yield (
            f"- **CreateTags** at {size:,}: {calls:,} calls, at most {bound:,}: {sets} distinct "
            f"tag sets and {lacking + ended:,} instances in batches of 200."
        )


def _slope(results: Results, job: str, small: int, large: int) -> float:
    """Return the seconds that each further instance takes, from a size to the next."""
    at_small, at_large = (
        statistics.mean(run.seconds for run in results.growth[job, size]) for size in (small, large)
    )
    return (at_large - at_small) / (large - small)


def _method(results: Results) -> Iterator[str]:
    yield "## How it is measured"
    yield ""
    rounds = ", ".join(
        f"{len(results.runs[ENGINE, 'two tags', size])} rounds at {size:,}"
        for size in results.sizes
    )
    yield (
        f"- On {results.date}, {rounds} instances, the runners in turn in each round; medians. "
        "Wall time is from the start of a process to its end, for the function to its "
        "answer, a cold start included."
    )
    counted = ", ".join(
        f"{len(results.growth['two tags', size])} at {size:,}" for size in results.sizes
    )
    yield (
        "- Before it ends an instance, the engine looks at it twice, ten seconds apart. That wait "
        "is in its wall time, at every size, and the others do not have it; CPU time is without it."
    )
    yield (
        f"- Growth for each further instance is between means of runs of the engine alone "
        f"({counted}) that have nothing to end, every size in turn: the machine is slow now and "
        "then, for seconds, and the median of short runs does not meet that."
    )
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    system, python = platform.system(), platform.python_version()
    yield f"- {os.cpu_count()} cores ({cpu}), {system}, Python {python}."
    yield (
        f"- botocore {version('botocore')}, boto3 {version('boto3')}, awslambdaric "
        f"{version('awslambdaric')}, Cloud Custodian {_custodian_version()} in an environment of "
        "its own. The function is `dist/tag_policy.zip`."
    )
    yield (
        "- The endpoints are a stand-in on the loopback interface in a process of its own, real "
        "HTTP, the instances precomputed (about 4 KB of XML each, as EC2 writes them). It answers "
        "at once, throttles nobody, and checks that each runner did the job: a run that tags a "
        "wrong instance, or names a wrong creator, is no result."
    )
    shape = Shape(1)
    yield (
        f"- {shape.lacking:.0%} of the instances lack the tags, one in a thousand has none and is "
        f"terminated. They were launched over {DAYS} days, {shape.together} by a call, by "
        f"{shape.creators} users. *Two tags* is what all can do; *three tags* has the creator, "
        "from CloudTrail, which Cloud Custodian cannot do in a sweep."
    )
    yield (
        "- Cloud Custodian runs as installed, with its cache, empty at first: one listing for its "
        "three policies. The sample is ported from its description, a call for each tag and "
        "a look-up for each instance."
    )
    yield (
        "- Pacing to AWS's limits is switched off. What they would add is computed from the calls: "
        "[EC2's token buckets](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling."
        "html) (DescribeInstances 100 and 20 a second, CreateTags 100 and 10) and CloudTrail's two "
        "LookupEvents a second. The time that AWS takes to answer is in none of the figures. More "
        "than 15 minutes is more than Lambda allows."
    )
    yield (
        f"- Dollars are for {aws_limits.RUNS_A_MONTH} runs on Lambda, x86, without the free tier: "
        "computing at the price of a core, waiting at the price of the memory."
    )


def _custodian_version() -> str:
    pinned = (ROOT / "requirements/custodian.in").read_text()
    return pinned.partition("==")[2].strip()


def _plot(results: Results, path: Path) -> None:
    mpl.rcParams.update({"svg.hashsalt": "tag-policy", "font.size": 10})
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2))
    for name, colour in COLOURS.items():
        for job, style in (("two tags", "-"), ("three tags", "--")):
            if (name, job, results.sizes[0]) not in results.runs:
                continue
            label = name if name == BARE else f"{name}, {job}"
            by_size = [results.runs[name, job, size] for size in results.sizes]
            for panel, values in (
                (panels[0], [seconds(runs) for runs in by_size]),
                (panels[1], [sum(runs[-1].calls.values()) for runs in by_size]),
            ):
                panel.plot(
                    results.sizes,
                    values,
                    style,
                    marker="o",
                    markersize=4,
                    color=colour,
                    label=label,
                )
    for panel, title in zip(panels, ("wall time, seconds", "calls"), strict=True):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(title, loc="left")
        panel.set_xlabel("instances")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
