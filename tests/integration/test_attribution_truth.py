"""What always holds of an answer, whatever CloudTrail does: never a wrong creator, and never nobody
where an event exists."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tag_policy.creators.attribution import Attribution, attribute
from tag_policy.model.launch import Known, Nobody, NotKnownYet
from tag_policy.model.resource import ResourceRef
from tests.support.calls import AwsError, Call, listening
from tests.support.clock import SimulatedClock
from tests.support.event_history import HORIZON, Event, EventHistory, make_event
from tests.support.launches import embedded_cloudtrail, of_others, questions, user

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DELAY = timedelta(minutes=30)

# What is older leaves the history while the engine asks.
BEYOND = NOW - HORIZON + timedelta(hours=1)


@dataclass
class World:
    """Some instances, the event that launched each where there is one, and all events.

    ``unindexed`` are instances that CloudTrail does not know by their names: only where their
    creation is known can they be found, by its time. Nothing names the ``unreadable``, but a launch
    of their time leaves out whom it launched. ``repetitions`` are launches told once more, which
    nobody can tell from the first where events come late or in another order.
    """

    instances: list[ResourceRef]
    launches: Mapping[str, Event]
    events: list[Event]
    unindexed: set[str]
    unreadable: set[str] = field(default_factory=set)
    repetitions: list[Event] = field(default_factory=list)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Make launches near some times, because what lies close together shares a window."""
    random = draw(st.randoms(use_true_random=False))
    ages = st.floats(0, 2 * 24 * 60) | st.floats(0, 92 * 24 * 60)
    centres = draw(st.lists(ages, min_size=1, max_size=4))
    world = World([], {}, [], set())
    for number in range(draw(st.integers(1, 12))):
        _launch(world, number, random.choice(centres), random)
    middle = NOW - timedelta(minutes=random.choice(centres))
    crowd = timedelta(minutes=random.choice([5, 600, 90 * 24 * 60]))
    count = draw(st.sampled_from([0, 10, 200]))
    until = min(middle + crowd / 2, NOW)
    world.events += of_others(until, count=count, over=crowd, seed=random.randrange(1000))
    random.shuffle(world.events)
    return world


def _launch(world: World, number: int, around: float, random: Random) -> None:
    """Add a launch of one or three instances, some minutes before or after a time."""
    spread = random.choice([0.1, 10, 600])
    age = max(around + random.uniform(-spread, spread), 0.1)
    at = NOW - timedelta(minutes=age)
    ids = [f"i-{number:015x}{member:02x}" for member in range(random.choice([1, 1, 1, 3]))]
    exact = random.random() < 0.9
    for instance_id in ids:
        created_at = at + _until_created(random, age, exact=exact)
        world.instances.append(ResourceRef(instance_id, "vpc-0a1b2c3d", "", created_at, {}))
    shapes = ["none", "no record", "no index", "no answer", "omitted"]
    shape = random.choice(["whole"] * 6 + shapes)
    if shape == "none":
        return
    event = make_event("RunInstances", user(number), ids, at)
    mallory = {"type": "IAMUser", "userName": "mallory"}
    later = at + timedelta(seconds=random.choice([1, 60, 600, 30 * 24 * 3600]))
    repetition = make_event("RunInstances", mallory, ids, later)
    # What is recorded of the repetition is as large, and so has the same form.
    for one in (event, repetition):
        match shape:
            case "no record":
                one["CloudTrailEvent"] = "{"
            case "no index" if exact:
                one["Resources"] = one["Resources"][:1]
                world.unindexed.update(ids[1:])
            case "omitted" if exact:
                omit_answer(one)
                one["Resources"] = []
                world.unreadable.update(ids)
            case "no answer":
                one["CloudTrailEvent"] = one["CloudTrailEvent"].replace("instanceId", "id")
            case _:
                pass
    world.launches |= dict.fromkeys(ids, event)
    world.events += [event, *_decoys(random, ids, at)]
    # Where EC2 tells of the last start only, that may be just when the call was repeated.
    if exact and random.random() < 0.3 and later < NOW:
        world.repetitions.append(repetition)


def omit_answer(event: Event) -> None:
    """Leave the answer out of a record, as CloudTrail does where it is too large."""
    record = json.loads(event["CloudTrailEvent"])
    record["responseElements"] = {"omitted": True, "originalSize": 300_000, "reason": "OVERSIZED"}
    event["CloudTrailEvent"] = json.dumps(record)


def _until_created(random: Random, age: float, *, exact: bool) -> timedelta:
    """Return how much later than its event an instance seems to be created, or how much earlier."""
    if not exact:  # EC2 tells of the last start only
        return timedelta(minutes=random.uniform(0, age))
    return timedelta(seconds=random.choice([0, 1, 5, -1, -30, -100]))


def _decoys(random: Random, ids: list[str], at: datetime) -> Iterator[Event]:
    """Yield events that name the instances, by others, and are not their launch."""
    mallory = {"type": "IAMUser", "userName": "mallory"}
    for _ in range(random.choice([0, 0, 1, 60])):
        later = at + timedelta(minutes=random.uniform(0, 90))
        yield make_event("CreateTags", mallory, ids, later)
    if random.random() < 0.3:
        failed = make_event("RunInstances", mallory, ids, at, error_code="Client.Unavailable")
        yield failed
    if random.random() < 0.3:  # with a key pair that mallory has named like the instance
        near = at + timedelta(seconds=random.uniform(-100, 100))
        other = make_event("RunInstances", mallory, [f"i-{2**59:017x}"], near)
        other["Resources"] += [
            {"ResourceType": "AWS::EC2::KeyPair", "ResourceName": instance_id}
            for instance_id in ids
        ]
        yield other


@dataclass
class Trouble:
    """What CloudTrail and others in the account do to the questions."""

    fail: Callable[[], str]
    others_per_second: float
    page_sizes: list[int]
    disorder: timedelta
    delay: timedelta
    budget: timedelta
    seed: int


troubles = st.builds(
    Trouble,
    fail=st.sampled_from([0.0, 0.2, 0.7]).flatmap(
        lambda share: st.randoms(use_true_random=False).map(
            lambda random: (
                lambda: (
                    random.choice(["ThrottlingException", "InternalError", "ValidationException"])
                    if random.random() < share
                    else ""
                )
            )
        )
    ),
    others_per_second=st.sampled_from([0.0, 1.0, 1.9]),
    page_sizes=st.sampled_from([[50], [1, 50], [0, 3], [50, 0, 0]]),
    disorder=st.sampled_from([timedelta(0), timedelta(seconds=30), timedelta(hours=2)]),
    delay=st.sampled_from([timedelta(0), timedelta(minutes=5), DELAY - timedelta(seconds=1)]),
    budget=st.sampled_from([timedelta(seconds=3), timedelta(minutes=5), timedelta(hours=1)]),
    seed=st.integers(0, 1000),
)

CALM = Trouble(
    fail=lambda: "",
    others_per_second=0.0,
    page_sizes=[50],
    disorder=timedelta(0),
    delay=timedelta(0),
    budget=timedelta(hours=1),
    seed=0,
)


def ask(world: World, trouble: Trouble) -> Attribution:
    """Return what the engine finds out."""
    clock = SimulatedClock(NOW)
    with embedded_cloudtrail(clock) as (history, client), _trouble(history, trouble):
        history.events.extend(world.events)
        asking = questions(client, clock, trouble.budget)
        return attribute(world.instances, asking, clock.now(), DELAY)


@contextmanager
def _trouble(history: EventHistory, trouble: Trouble) -> Iterator[None]:
    sizes = itertools.cycle(trouble.page_sizes)
    history.page_size = lambda: next(sizes)
    history.others_per_second = trouble.others_per_second
    history.disorder = lambda event: trouble.disorder * _share(event, trouble.seed)
    history.delay = lambda event: trouble.delay * _share(event, trouble.seed + 1)

    def refuse(_: Call) -> None:
        code = trouble.fail()
        if code:
            raise AwsError(code, status=500 if code == "InternalError" else 400)

    with listening(refuse):
        yield


def _share(event: Event, seed: int) -> float:
    """Return a number from 0 to 1 that belongs to an event."""
    return Random(f"{event['EventId']}{seed}").random()


def assert_true(world: World, found: Attribution, trouble: Trouble) -> None:
    assert found.answers.keys() == {instance.resource_id for instance in world.instances}
    for instance_id, answer in found.answers.items():
        launch = world.launches.get(instance_id)
        match answer:
            case Known(known):
                assert launch is not None
                assert known.event_id == launch["EventId"]
                assert known.event_time == launch["EventTime"]
                assert f'"userName": "{known.name}"' in launch["CloudTrailEvent"]
            case Nobody(_):
                unindexed = instance_id in world.unindexed | world.unreadable
                if unindexed and trouble.disorder > timedelta(minutes=10):
                    continue  # neither its name nor its time leads to the event
                assert launch is None or launch["EventTime"] < BEYOND
            case NotKnownYet(reason):
                assert reason


@settings(max_examples=150)
@given(worlds(), troubles)
def test_a_creator_is_the_one_in_the_event_and_nobody_means_that_there_is_no_event(
    world: World, trouble: Trouble
) -> None:
    found = ask(world, trouble)

    assert_true(world, found, trouble)


def may_repeat_one_that_cannot_be_read(world: World, instance_id: str, launch: Event) -> bool:
    """Tell whether a launch is so late that it may repeat another, whose record names nobody."""
    created_at = next(i.created_at for i in world.instances if i.resource_id == instance_id)
    return launch["EventTime"] > created_at + timedelta(seconds=15) and any(
        created_at - timedelta(minutes=10) <= other["EventTime"] < launch["EventTime"]
        for other in world.events
        if other["EventName"] == "RunInstances" and '"instanceId"' not in other["CloudTrailEvent"]
    )


@settings(max_examples=50)
@given(worlds())
def test_untroubled_every_creator_is_found(world: World) -> None:
    world.events += world.repetitions

    found = ask(world, CALM)

    assert_true(world, found, CALM)
    assert found.problem == ""
    for instance_id, launch in world.launches.items():
        answer = found.answers[instance_id]
        if launch["EventTime"] < BEYOND:
            continue
        if launch["CloudTrailEvent"] == "{" or instance_id in world.unreadable:
            assert isinstance(answer, NotKnownYet)
        elif isinstance(answer, NotKnownYet):
            if NOW - launch["EventTime"] < DELAY:
                continue  # others' events crowd its own, or its name leads nowhere: asked again
            assert answer.by_hand
            assert may_repeat_one_that_cannot_be_read(world, instance_id, launch)
        else:
            assert isinstance(answer, Known)
