"""`make bench-attribution`: what it takes to know who launched 5,000 instances.

Compares the plan with asking one by one and with reading everything: the calls of LookupEvents, and
the time that CloudTrail's limit of two a second makes of them, on the clock of the embedded AWS.
Every way asks the same embedded CloudTrail, through boto3, and answers are checked.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tag_policy.creators.attribution import attribute
from tag_policy.creators.cloudtrail import EventHistory
from tag_policy.creators.run_instances import read_launch
from tag_policy.model.launch import Known
from tests.support.clock import SimulatedClock
from tests.support.event_history import Event
from tests.support.launches import (
    Launched,
    embedded_cloudtrail,
    evenly,
    in_bursts,
    of_others,
    questions,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.type_defs import EventTypeDef

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scenario:
    """Some launches of ours among those of others."""

    title: str
    ours: Sequence[Launched]
    others: Sequence[Event]


Found = dict[str, str]
"""The id of the event that launched an instance, by the id of the instance."""


def by_plan(ours: Sequence[Launched], history: EventHistory) -> Found:
    """Ask as the engine does."""
    found = attribute([one.instance for one in ours], history, NOW, timedelta(minutes=30))
    return {i: a.launch.event_id for i, a in found.answers.items() if isinstance(a, Known)}


def one_by_one(ours: Sequence[Launched], history: EventHistory) -> Found:
    """Ask for each instance by its name."""
    found: Found = {}
    for one in ours:
        page = history.page("ResourceName", one.instance.resource_id, NOW)
        found |= _launches(page.events)
    return found


def everything(ours: Sequence[Launched], history: EventHistory) -> Found:
    """Read every launch of the last 90 days."""
    found: Found = {}
    page = history.page("EventName", "RunInstances", NOW)
    found |= _launches(page.events)
    while page.token:
        page = history.page("EventName", "RunInstances", NOW, page.token)
        found |= _launches(page.events)
    wanted = {one.instance.resource_id for one in ours}
    return {instance_id: found[instance_id] for instance_id in wanted & found.keys()}


def _launches(events: "Iterable[EventTypeDef]") -> Found:
    launches = [launch for launch in map(read_launch, events) if launch]
    return {i: launch.event_id for launch in launches for i in launch.instance_ids}


WAYS: dict[str, Callable[[Sequence[Launched], EventHistory], Found]] = {
    "the plan": by_plan,
    "one by one": one_by_one,
    "everything": everything,
}


def main() -> int:
    """Print the table; returns the exit status."""
    table = Table(title="Who launched 5,000 instances?")
    table.add_column("launches")
    table.add_column("way to ask")
    table.add_column("calls", justify="right")
    table.add_column("minutes at 2 a second", justify="right")
    console = Console(width=None if sys.stdout.isatty() else 110)
    with console.status("asking …"):
        for scenario in _scenarios():
            for way, ask in WAYS.items():
                calls, time = _measure(scenario, ask)
                minutes = f"{time / timedelta(minutes=1):.1f}"
                table.add_row(scenario.title, way, f"{calls:,}", minutes)
            table.add_section()
    console.print(table)
    return 0


def _scenarios() -> list[Scenario]:
    ten_minutes = timedelta(minutes=10)
    bursts = list(in_bursts(NOW, bursts=50, size=100, over=60 * DAY, within=ten_minutes))
    ninety = 90 * DAY - timedelta(hours=2)  # what is older leaves the history meanwhile
    alone = list(evenly(NOW, count=5_000, over=ninety))
    return [
        Scenario(
            "50 bursts of 100 over 60 days, amid 20,000 others",
            bursts,
            list(of_others(NOW, count=20_000, over=60 * DAY)),
        ),
        Scenario("one by one over 90 days, nobody else", alone, []),
        Scenario(
            "one by one over 90 days, amid 20,000 others",
            alone,
            list(of_others(NOW, count=20_000, over=ninety)),
        ),
    ]


def _measure(
    scenario: Scenario, ask: Callable[[Sequence[Launched], EventHistory], Found]
) -> tuple[int, timedelta]:
    clock = SimulatedClock(NOW)
    with embedded_cloudtrail(clock) as (events, client):
        events.events += [one.event for one in scenario.ours]
        events.events += scenario.others
        history = questions(client, clock)
        found = ask(scenario.ours, history)
    right = {one.instance.resource_id: one.event["EventId"] for one in scenario.ours}
    if found != right:
        raise SystemExit(f"{scenario.title}: {len(right) - len(found)} instances without answer")
    return history.calls.total(), clock.slept


if __name__ == "__main__":
    sys.exit(main())
