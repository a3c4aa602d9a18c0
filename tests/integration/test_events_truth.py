"""An hour with everything on leaves what one sweep at its end leaves, come what may."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.moto_api._internal.models import moto_api_backend

from tests.integration.conftest import Engine, prepare
from tests.support import fleet, moto_config
from tests.support.calls import AwsError, Call, failing
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.policies import Rendered

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

PEOPLE = ("alice", "bob")
_MARKED_AT = re.compile(r"^\w+: (\w+) at \d{4}-\d\d-\d\dT[\d:]+Z")
LAUNCHES = st.tuples(
    st.just("launch"),
    st.sampled_from(PEOPLE),
    st.sampled_from(
        [
            {},
            {"Name": "web"},
            {"Name": "web", "ProjectCode": "P1"},
            {"Name": "web", "ProjectCode": "", "CreatedBy": ""},
            {"Name": "web", "tag-policy:exempt": ""},
        ]
    ),
    st.integers(1, 3),
)
EDITS = st.tuples(
    st.sampled_from(["set", "empty", "remove", "remove all", "restart"]),
    st.integers(0, 30),
    # Not the exemption: what events have tagged before it stays, and a sweep after it tags nothing.
    st.sampled_from(["ProjectCode", "CreatedBy", "Expires"]),
)
DELIVERIES = st.sampled_from(["deliver", "duplicate", "shuffle", "poison", "throttle", "config"])
STEPS = st.lists(
    st.tuples(st.integers(1, 300), LAUNCHES | EDITS | DELIVERIES.map(lambda what: (what,))),
    min_size=3,
    max_size=25,
)


@dataclass
class World:
    """An engine, and instances that live the same life as those of another world."""

    engine: Engine
    ids: list[str] = field(default_factory=list)

    def tags(self) -> list[dict[str, str]]:
        """Return the tags of each instance, in the order of their launch.

        Engine and time of a mark are left out: the worlds have an engine each, and one that was
        throttled has waited, and is that late.
        """
        return [
            {key: _MARKED_AT.sub(r"\1", value) for key, value in self.engine.tags(instance).items()}
            for instance in self.ids
        ]

    def states(self) -> list[str]:
        """Return the state of each instance, in the order of their launch."""
        return [self.engine.state(instance) for instance in self.ids]


def act(worlds: tuple[World, World], people: dict[str, Any], step: Any) -> None:
    """Let the owners of instances do something, in both worlds alike."""
    match step:
        case ("launch", person, tags, count):
            for world in worlds:
                world.ids += fleet.launch(
                    world.engine, world.engine.vpc, tags, by=people[person], count=count
                )
        case (what, number, key):
            for world in worlds:
                edit(world, what, number, key)


def edit(world: World, what: str, number: int, key: str) -> None:
    if not world.ids:
        return
    ec2, instance = world.engine.client("ec2"), world.ids[number % len(world.ids)]
    tags = world.engine.tags(instance)
    if what == "restart":
        ec2.stop_instances(InstanceIds=[instance])
        ec2.start_instances(InstanceIds=[instance])
    elif what == "remove all":
        ec2.delete_tags(Resources=[instance], Tags=[{"Key": k} for k in tags or ["Name"]])
    elif "Name" not in tags:
        return  # what is tagged in one world would be untagged in the other
    elif what == "remove":
        ec2.delete_tags(Resources=[instance], Tags=[{"Key": key}])
    else:
        ec2.create_tags(
            Resources=[instance],
            Tags=[{"Key": key, "Value": "theirs" if what == "set" else ""}],
        )


def disturb(told: World, what: str) -> None:
    """Let something become of the events that are waiting, or AWS Config ask of all instances."""
    engine = told.engine
    waiting = engine.waiting_messages()
    if what == "duplicate":
        for message in list(waiting):
            engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody=message.body)
    elif what == "shuffle":
        random.Random(len(waiting)).shuffle(waiting)
    elif what == "poison":
        engine.client("sqs").send_message(QueueUrl=engine.queue, MessageBody="no event")
    elif what == "throttle":
        with failing("CreateTags", AwsError("RequestLimitExceeded", status=503), _every_second()):
            engine.deliver()
    elif what == "config":
        for instance in told.ids:
            engine.run(moto_config.change(ACCOUNT_ID, REGION, "events", instance))
    else:
        engine.deliver()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_an_hour_of_events_leaves_what_one_sweep_at_its_end_leaves(
    rendered: Rendered, steps: list[Any]
) -> None:
    moto_api_backend.reset()
    with time_machine.travel(START, tick=False) as traveller:
        told, swept = World(prepare("events", rendered.event_patterns)), World(prepare("terminate"))
        people = {name: fleet.iam_user(told.engine, name) for name in PEOPLE}
        for world in (told, swept):
            world.engine.environment = {
                **world.engine.environment,
                "TAG_POLICY_MAX_DESTRUCTIVE": "1000",
                "TAG_POLICY_CONFIG_RULE_REMEDIATES": "true",
            }
        for seconds, step in steps:
            traveller.shift(timedelta(seconds=seconds))
            if len(step) == 1:
                disturb(told, step[0])
            else:
                act((told, swept), people, step)
        traveller.move_to(START + 2 * HOUR, tick=False)
        poison = deliver_all(told.engine)

        assert told.engine.messages(told.engine.dead_letters) == poison
        assert told.states() == ["running"] * len(told.ids), "a sweep's affair"
        by_events = told.tags()
        told.engine.run()
        assert told.engine.run()["violations"] == 0
        swept.engine.run()
        assert told.tags() == swept.tags()
        assert told.states() == swept.states()
        for before, after in zip(by_events, told.tags(), strict=True):
            # Who launched it is left to the sweep where the launch's event was long dealt with.
            if before:
                assert after.items() - before.items() <= {("CreatedBy", name) for name in PEOPLE}


def deliver_all(engine: Engine) -> int:
    """Deliver until nothing is left, and return how many poison events there were."""
    poison = sum(message.body == "no event" for message in engine.waiting_messages())
    poison += engine.messages(engine.dead_letters)
    while engine.messages(engine.queue):
        engine.deliver()
        engine.pass_time(timedelta(minutes=15))
    return poison


def _every_second() -> Callable[[Call], bool]:
    count = iter(range(10**6))
    return lambda _: next(count) % 2 == 0
