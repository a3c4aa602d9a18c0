"""`make hour`: an hour of launches, ten a second, with everything on and by one sweep at its end.

Two VPCs live the same hour on the embedded AWS. In one, launches, starts and tag changes go through
EventBridge's patterns and the queue to the engine every 20 seconds, some of them twice, and AWS
Config asks about some instances before and after that, with remediation on; the other is swept at
the end, as often as it takes to ask CloudTrail at its pace. Then every instance must be
as its twin is. It takes long: moto launches and describes some tens of thousands of instances.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from moto import mock_aws
from moto.ec2.models import ec2_backends
from rich.console import Console

from tests.integration.conftest import Engine, prepare
from tests.support import extensions, fleet, moto_config
from tests.support.embedded_aws import ACCOUNT_ID, REGION, EmbeddedAws
from tests.support.policies import Rendered, render

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
WINDOW = 20
PEOPLE = ("alice", "bob", "carol")
TAGS: Sequence[dict[str, str]] = (
    {"Name": "web"},
    {"Name": "web", "ProjectCode": "P1"},
    {"Name": "web", "ProjectCode": " ", "CreatedBy": ""},
    {"Name": "web", "tag-policy:exempt": ""},
    {"Name": "web", "ProjectCode": "P1", "CreatedBy": "somebody", "Expires": "never"},
    {},
)


@dataclass
class Side:
    """An engine, its subnets, and its instances in the order of their twins."""

    engine: Engine
    vpcs: list[fleet.Vpc] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def main() -> int:
    """Run the hour, print what it took; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launches-per-second", type=int, default=10)
    parser.add_argument("--minutes", type=int, default=60)
    options = parser.parse_args()
    console = Console()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAEMBEDDEDAWS00000",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": REGION,
    }
    with EmbeddedAws() as aws:
        rendered = render(aws)
    extensions.install()
    with mock_aws(), time_machine.travel(START, tick=False) as traveller:
        return run(rendered, traveller, options.launches_per_second, options.minutes, console)


def run(rendered: Rendered, traveller: Any, rate: int, minutes: int, console: Console) -> int:
    """Live the hour on both sides and compare them."""
    told, swept = Side(prepare("events", rendered.event_patterns)), Side(prepare("terminate"))
    people = {name: fleet.iam_user(told.engine, name) for name in PEOPLE}
    for side in (told, swept):
        side.engine.environment = {
            **side.engine.environment,
            "TAG_POLICY_MAX_DESTRUCTIVE": "1000000",
            "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS": "600",
            "TAG_POLICY_CONFIG_RULE_REMEDIATES": "true",
        }
        widen(side)
    chance = random.Random(7)
    invocations, of_config, began = 0, Counter[str](), time.monotonic()
    for second in range(0, minutes * 60, WINDOW):
        drawn = [(chance.choice(PEOPLE), chance.choice(TAGS)) for _ in range(rate * WINDOW)]
        launch_each(told, drawn, people, traveller)
        launch_together(swept, drawn, people)
        edit(told, swept, chance)
        repeat_some(told.engine, chance)
        of_config += ask_of_some(told, chance)
        invocations += told.engine.deliver()
        of_config += ask_of_some(told, chance)
        if second % 300 == 0:
            console.print(f"{second // 60} min: {len(told.ids):,} launches", highlight=False)
    calls = told.engine.actions()
    before = tags_of(told)
    told.engine.run()
    sweeps = 1
    while not swept.engine.run()["complete"]:  # CloudTrail's pace bounds what one sweep can know
        sweeps += 1
    after, wanted = tags_of(told), tags_of(swept)
    different = sum(one != other for one, other in zip(after, wanted, strict=True))
    late = sum(bool(b) and b != a for b, a in zip(before, after, strict=True))
    ended = before.count(None)  # an affair of the sweep alone
    console.print(
        f"{len(told.ids):,} launches in {minutes} minutes: {invocations:,} invocations, "
        f"{of_config['PutEvaluations']:,} questions of AWS Config, which led to "
        f"{of_config['CreateTags']:,} CreateTags; "
        f"{calls.count('CreateTags'):,} CreateTags, {calls.count('LookupEvents'):,} LookupEvents; "
        f"{late:,} tagged instances were left for the sweep, {ended:,} ended before it; "
        f"{different:,} differ from their twins, for which it took {sweeps} sweeps; dead letters: "
        f"{told.engine.messages(told.engine.dead_letters)}; "
        f"{time.monotonic() - began:,.0f} s on this machine",
        highlight=False,
    )
    return 1 if different or ended else 0


def widen(side: Side) -> None:
    """Give a VPC room for tens of thousands of instances."""
    ec2 = side.engine.client("ec2")
    side.vpcs = [side.engine.vpc]
    for number in range(2, 16):
        subnet = ec2.create_subnet(
            VpcId=side.engine.vpc.vpc_id, CidrBlock=f"10.0.{16 * number}.0/20"
        )["Subnet"]["SubnetId"]
        side.vpcs.append(fleet.Vpc(side.engine.vpc.vpc_id, (subnet, subnet)))


def room(side: Side) -> fleet.Vpc:
    """Return a subnet that has room, 3,500 instances each."""
    return side.vpcs[len(side.ids) // 3500 % len(side.vpcs)]


def launch_each(side: Side, drawn: Sequence[Any], people: Any, traveller: Any) -> None:
    """Launch instances one by one, over the time of a window."""
    for person, tags in drawn:
        traveller.shift(timedelta(seconds=WINDOW / len(drawn)))
        side.ids += fleet.launch(side.engine, room(side), tags, by=people[person])


def launch_together(side: Side, drawn: Sequence[Any], people: Any) -> None:
    """Launch the same instances in few calls: this side is only looked at in the end."""
    groups: dict[str, list[int]] = {}
    for number, one in enumerate(drawn):
        groups.setdefault(json.dumps(one), []).append(number)
    ids = [""] * len(drawn)
    for key, numbers in groups.items():
        person, tags = json.loads(key)
        launched = fleet.launch(
            side.engine, room(side), tags, by=people[person], count=len(numbers)
        )
        for number, instance in zip(numbers, launched, strict=True):
            ids[number] = instance
    side.ids += ids


def edit(told: Side, swept: Side, chance: random.Random) -> None:
    """Remove a tag from some instances that have a name, on both sides."""
    for number in chance.sample(range(len(told.ids)), 10):
        if "Name" in ec2_backends[ACCOUNT_ID][REGION].tags[told.ids[number]]:
            key = chance.choice(["ProjectCode", "Expires"])
            for side in (told, swept):
                side.engine.client("ec2").delete_tags(
                    Resources=[side.ids[number]], Tags=[{"Key": key}]
                )


def repeat_some(engine: Engine, chance: random.Random) -> None:
    """Deliver some events twice, and all of them in another order."""
    waiting = engine.waiting_messages()
    for message in chance.sample(waiting, len(waiting) // 50):
        engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody=message.body)
    chance.shuffle(waiting)


def ask_of_some(told: Side, chance: random.Random) -> Counter[str]:
    """Have AWS Config ask about some instances, the newest among them; return what was called."""
    before = len(told.engine.calls)
    for instance in sorted({*told.ids[-5:], *chance.sample(told.ids, 5)}):
        told.engine.run(moto_config.change(ACCOUNT_ID, REGION, "events", instance))
    return Counter(call.action for call in told.engine.calls[before:])


def tags_of(side: Side) -> list[dict[str, str] | None]:
    """Return the tags of each instance, None for one that was ended."""
    backend = ec2_backends[ACCOUNT_ID][REGION]
    running = {i.id for i in backend.all_instances() if i.state_code == 16}
    return [dict(backend.tags.get(i, {})) if i in running else None for i in side.ids]


if __name__ == "__main__":
    sys.exit(main())
