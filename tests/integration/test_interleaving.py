"""Calls that are made side by side reach AWS in any order: what holds in one holds in all of them.

The order is drawn, the same for the same seed; see ``tests/support/workers.py``. The histories of
``test_safety_machine.py`` draw it, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tag_policy.aws import threads
from tag_policy.model.outcome import Outcome
from tag_policy.reporting.publish import RunError
from tag_policy.resources import instance as listing
from tag_policy.resources import remediation
from tag_policy.resources.writing import Attempt, Writing
from tests.integration.conftest import Engine
from tests.integration.test_failures import launch_as
from tests.support.acts import Person, before
from tests.support.calls import AwsError, Call, acting, listening
from tests.support.faults import KilledError
from tests.support.iam import enforcing
from tests.support.policies import Policies
from tests.support.workers import Interleaving

SEEDS = range(1, 13)
USERS = [f"user{number}" for number in range(9)]


@pytest.fixture(autouse=True)
def small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and calls of two instances, so that there are many of them."""
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    monkeypatch.setattr(remediation, "BATCH_SIZE", 2)


@contextmanager
def in_the_order_of(seed: int) -> Iterator[Interleaving]:
    """Have the calls of a run reach AWS in the order of a seed."""
    interleaving = Interleaving(seed)
    with pytest.MonkeyPatch.context() as patch, acting(interleaving.call):
        patch.setattr(threads, "Workers", interleaving.workers)
        yield interleaving


def launched(engine: Engine) -> dict[str, str]:
    """Launch two instances by each of some users; return who has launched which."""
    return {one: user for user in USERS for one in launch_as(engine, user, count=2)}


@pytest.fixture
def slow_trail(engine: Engine) -> Iterator[None]:
    """CloudTrail takes so long that every instance has to be looked at again."""

    def wait(call: Call) -> None:
        if call.action == "LookupEvents":
            engine.clock.sleep(15)

    with listening(wait):
        yield


def creators(engine: Engine, ids: dict[str, str]) -> dict[str, str]:
    return {one: engine.tags(one).get("CreatedBy", "") for one in ids}


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_each_gets_its_own_creator_once(engine: Engine, seed: int) -> None:
    ids = launched(engine)

    with in_the_order_of(seed) as interleaving:
        summary = engine.run()

    assert interleaving.most > 2
    assert creators(engine, ids) == ids
    assert summary["outcomes"] | {} == summary["outcomes"] | {"tagged": 3 * len(ids)}
    written = [
        one for c in engine.calls if c.action == "CreateTags" for one in c.parameters["Resources"]
    ]
    assert sorted(written) == sorted(ids), "each is written to once"
    listed = summary["instances"]
    assert listed == len(ids)


def test_the_same_seed_is_the_same_order_and_another_one_another(engine: Engine) -> None:
    launched(engine)
    orders = []
    for seed in (1, 1, 2, 3):
        before_it = len(engine.calls)
        with in_the_order_of(seed):
            engine.run({"mode": "audit"})
        calls = engine.calls[before_it:]
        orders.append([str(c.parameters) for c in calls if c.action == "DescribeInstances"])

    assert orders[0] == orders[1]
    assert len({str(order) for order in orders}) > 1


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_an_owner_writes_at_any_moment_stays(
    engine: Engine, policies: dict[str, Policies], seed: int
) -> None:
    ids = launched(engine)
    person = Person(engine, engine.clock)
    owned = list(ids)[seed % len(ids)]

    with (
        enforcing(policies["terminate"]) as engine.refused,
        before(
            1 + seed % 9, person.tags(owned, {"CreatedBy": "me"}), action="CreateTags"
        ) as moment,
        in_the_order_of(seed),
    ):
        engine.run()

    assert moment.calls
    assert creators(engine, ids) == ids | {owned: "me"}


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_an_owner_writes_before_the_first_look_stays_without_any_lock_of_iam(
    engine: Engine, seed: int
) -> None:
    """So it is the second look that keeps it."""
    ids = launched(engine)
    person = Person(engine, engine.clock)
    owned = list(ids)[seed % len(ids)]

    with (
        before(1, person.tags(owned, {"CreatedBy": "me"}), action="LookupEvents") as moment,
        in_the_order_of(seed),
    ):
        engine.run()

    assert moment.calls
    assert creators(engine, ids) == ids | {owned: "me"}


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_breaks_off_tells_of_the_calls_that_were_under_way(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    ids = launched(engine)
    calls = 0

    def break_off(self: Writing, attempt: Attempt) -> Iterator[Outcome]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise LookupError("a fault of ours")
        return settle(self, attempt)

    settle = Writing.settle
    monkeypatch.setattr(Writing, "settle", break_off)

    with in_the_order_of(seed), pytest.raises(RunError, match="a fault of ours"):
        engine.run()

    tagged = [one for one, name in creators(engine, ids).items() if name]
    told = engine.emails()[0].text
    untold = [one for one in tagged if one not in told]
    assert len(tagged) > 2
    assert len(untold) <= 2, "only those of the call whose outcome could not be worked out"


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_calls_that_are_throttled_together_are_all_made_in_the_end(
    engine: Engine, seed: int
) -> None:
    ids = launched(engine)
    passed = throttled = 0

    def throttle(call: Call) -> None:
        nonlocal passed, throttled
        passed += call.action == "CreateTags"
        if call.action == "CreateTags" and passed > seed % 4 and throttled < 6:
            throttled += 1
            raise AwsError("RequestLimitExceeded", status=503)

    with listening(throttle), in_the_order_of(seed):
        summary = engine.run()

    assert throttled == 6
    assert creators(engine, ids) == ids
    assert summary["outcomes"]["tagged"] == 3 * len(ids)


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_an_instance_that_can_take_no_tag_keeps_nobody_else_from_theirs(
    engine: Engine, seed: int
) -> None:
    ids = launched(engine)
    full = list(ids)[seed]
    engine.client("ec2").create_tags(
        Resources=[full], Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(49)]
    )

    with in_the_order_of(seed):
        summary = engine.run()

    assert creators(engine, ids) == ids | {full: ""}
    assert summary["outcomes"]["failed"] == 3
    assert summary["outcomes"]["tagged"] == 3 * (len(ids) - 1)


@pytest.mark.usefixtures("slow_trail")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_is_killed_at_any_call_leaves_nothing_wrong_to_the_next(
    engine: Engine, seed: int
) -> None:
    ids = launched(engine)
    passed = 0

    def kill(_: Call) -> None:
        nonlocal passed
        passed += 1
        if passed > 2 * seed + 4:
            raise KilledError

    with listening(kill), in_the_order_of(seed), pytest.raises(KilledError):
        engine.run()
    engine.run()

    assert creators(engine, ids) == ids


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_ended_while_anything_gentler_is_under_way(engine: Engine, seed: int) -> None:
    ids = launched(engine)
    untagged = [engine.launch() for _ in range(5)]
    under_way: list[int] = []

    with in_the_order_of(seed) as interleaving:

        def look(call: Call) -> None:
            if call.action == "TerminateInstances":
                under_way.append(len(interleaving.under_way))

        with listening(look):
            engine.run()

    assert under_way
    assert set(under_way) == {0}
    assert creators(engine, ids) == ids
    assert {engine.state(one) for one in untagged} == {"terminated"}
    actions = engine.actions()
    keys = [c.parameters["Tags"][0]["Key"] for c in engine.calls if c.action == "CreateTags"]
    assert keys == sorted(keys, key=lambda key: key == "tag-policy:due"), "marks come last"
    assert actions.index("TerminateInstances") > max(
        at for at, action in enumerate(actions) if action == "CreateTags"
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_listing_of_which_any_page_fails_ends_nothing(engine: Engine, seed: int) -> None:
    untagged = [engine.launch() for _ in range(20)]
    engine.environment = {"TAG_POLICY_MAX_DESTRUCTIVE": "20"}
    failed = False

    def fail(call: Call) -> None:
        nonlocal failed
        filters = {one["Name"]: one["Values"] for one in call.parameters.get("Filters", ())}
        by_digit = "".join(filters.get("instance-id", ()))
        if call.action == "DescribeInstances" and not failed and f"{seed:x}" in by_digit:
            failed = True
            raise AwsError("UnauthorizedOperation", status=403)

    with listening(fail), in_the_order_of(seed), pytest.raises(Exception, match="be listed"):
        engine.run()

    assert failed
    assert {engine.state(one) for one in untagged} == {"running"}
