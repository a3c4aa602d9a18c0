"""Runs that see a part: narrowed, broken off, cut by time, killed. They end nothing."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tag_policy.handler import RunError
from tag_policy.resources import instance as listing
from tag_policy.runs.sweep import _drawn
from tests.integration.conftest import Engine, FakeContext
from tests.integration.world import Plan, World
from tests.support import fleet
from tests.support.calls import AwsError, Call, listening
from tests.support.policies import Rendered

LIMIT = {"TAG_POLICY_MAX_DESTRUCTIVE": "10"}


def states(engine: Engine, ids: list[str]) -> set[str]:
    return {engine.state(instance_id) for instance_id in ids}


@pytest.fixture
def vpcs(engine: Engine) -> list[fleet.Vpc]:
    return [engine.vpc, fleet.create_vpc(engine), fleet.create_vpc(engine)]


def test_no_run_that_is_narrowed_ends_what_a_run_over_everything_holds_back(
    engine: Engine, vpcs: list[fleet.Vpc]
) -> None:
    engine.environment = LIMIT
    ids = [i for vpc in vpcs for i in fleet.launch(engine, vpc, count=10)]
    everywhere = ",".join(vpc.vpc_id for vpc in vpcs)

    whole = engine.run(vpc_ids=everywhere)

    assert whole["outcomes"]["deferred"] == whole["held_back"] == 30
    for vpc in vpcs:
        part = engine.run({"vpc_ids": [vpc.vpc_id]}, vpc_ids=everywhere)
        assert part["outcomes"]["deferred"] == 10
    two = [vpc.vpc_id for vpc in vpcs[:2]]
    engine.run({"vpc_ids": two}, vpc_ids=everywhere)
    assert states(engine, ids) == {"running"}
    assert "TerminateInstances" not in engine.actions()
    assert "looked at only a part of the instances" in engine.emails()[-1].text

    engine.environment = {"TAG_POLICY_MAX_DESTRUCTIVE": "30"}
    engine.run({"vpc_ids": [v.vpc_id for v in vpcs]}, vpc_ids=everywhere)
    assert states(engine, ids) == {"terminated"}, "all VPCs by name are no part"


def test_a_narrowed_run_ends_nothing_even_below_every_limit(
    engine: Engine, vpcs: list[fleet.Vpc]
) -> None:
    engine.environment = LIMIT
    untagged = engine.launch()
    everywhere = ",".join(vpc.vpc_id for vpc in vpcs)

    engine.run({"vpc_ids": [engine.vpc.vpc_id]}, vpc_ids=everywhere)

    assert engine.state(untagged) == "running"
    engine.run(vpc_ids=everywhere)
    assert engine.state(untagged) == "terminated"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of five instances."""
    monkeypatch.setattr(listing, "PAGE_SIZE", 5)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("code", ["InternalError", "UnauthorizedOperation", "RequestLimitExceeded"])
def test_a_listing_that_breaks_off_after_a_page_ends_nothing(
    engine: Engine, number: int, code: str
) -> None:
    engine.environment = LIMIT
    ids = [engine.launch() for _ in range(25)]
    passed = 0

    def fail(call: Call) -> None:
        nonlocal passed
        passed += call.action == "DescribeInstances"
        if call.action == "DescribeInstances" and passed >= number:
            raise AwsError(code, status=503 if code == "RequestLimitExceeded" else 500)

    with listening(fail), pytest.raises(RunError):
        engine.run()

    assert states(engine, ids) == {"running"}
    assert "TerminateInstances" not in engine.actions()
    whole = engine.run()
    assert whole["held_back"] == 25
    assert states(engine, ids) == {"running"}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("is_lost", [True, False], ids=["broken off", "whole"])
def test_below_the_limit_it_is_the_part_alone_that_keeps_a_run_from_ending_anything(
    engine: Engine, is_lost: bool
) -> None:
    ids = [engine.launch() for _ in range(8)]
    passed = 0

    def fail(call: Call) -> None:
        nonlocal passed
        passed += call.action == "DescribeInstances"
        if is_lost and call.action == "DescribeInstances" and passed == 5:  # a part
            raise AwsError("InternalError", status=500)

    with listening(fail):
        if is_lost:
            with pytest.raises(RunError):
                engine.run()
        else:
            engine.run()

    assert states(engine, ids) == {"running" if is_lost else "terminated"}
    engine.run()
    assert states(engine, ids) == {"terminated"}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
def test_a_run_whose_time_is_up_while_it_lists_ends_nothing(engine: Engine, page: int) -> None:
    ids = [engine.launch() for _ in range(25)]
    engine.environment = {"TAG_POLICY_MAX_DESTRUCTIVE": "25"}
    context = FakeContext(invoked_function_arn=engine.arn)
    passed = 0

    def run_down(call: Call) -> None:
        nonlocal passed
        passed += call.action == "DescribeInstances"
        if passed == page:
            context.remaining_millis[:] = [130_000]  # enough to act, and not to go on listing

    with listening(run_down):
        engine.run(context=context)

    assert states(engine, ids) == {"running"}
    assert "TerminateInstances" not in engine.actions()
    assert "has not seen all instances" in engine.emails()[-1].text
    engine.run()
    assert states(engine, ids) == {"terminated"}


@pytest.mark.usefixtures("small_pages")
def test_a_run_whose_time_is_up_with_a_page_that_shows_nothing_new_ends_nothing(
    engine: Engine,
) -> None:
    ids = [engine.launch() for _ in range(6)]
    ends = {instance_id[-1] for instance_id in ids}
    numbers = map(str, itertools.count())
    first = listing.DIGITS_A_PART  # of the part that is listed first
    request_id = next(n for n in numbers if ends.isdisjoint(_drawn(listing.ID_DIGITS, n)[:first]))
    context = FakeContext(request_id, engine.arn)

    def run_down(call: Call) -> None:
        if call.action == "DescribeInstances":
            values = [value for one in call.parameters["Filters"] for value in one["Values"]]
            by_digit = any(value.startswith("i-*") for value in values)
            context.remaining_millis[:] = [130_000 if by_digit else 450_000]

    with listening(run_down):
        summary = engine.run(context=context)

    assert summary["instances"] == 5
    assert not summary["complete"]
    assert states(engine, ids) == {"running"}


@pytest.fixture
def worlds(rendered: Rendered) -> Iterator[Any]:
    """Make worlds whose witness examines each call; at their end all that is due is ended."""
    made: list[World] = []

    def make(variant: str, grace: int) -> World:
        world = World(variant, rendered, grace, limit=4)
        made.append(world)
        for number in range(3):
            world.launch({}, number % 2, age=60)
        world.launch({"Name": "web"}, age=60)
        return world

    yield make
    for world in made:
        world.close()


@pytest.mark.parametrize("calls", range(1, 25))
@pytest.mark.parametrize("grace", [0, 30])
def test_a_run_that_is_killed_after_any_call_ends_nothing_wrongly_nor_in_silence(
    worlds: Any, grace: int, calls: int
) -> None:
    world: World = worlds("terminate", grace)

    world.run(Plan(kills_after=calls))
    world.wait(40)
    world.run(Plan(kills_after=calls))
    world.run()
    for _ in range(2):  # a mark that could not be remembered is announced anew when it is due
        world.wait(40)
        world.run()

    assert [world.engine.state(i) for i in world.ids] == ["terminated"] * 3 + ["running"]
    world.finish()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("action", ["Publish", "CreateTags", "BatchWriteItem", "StopInstances"])
def test_a_run_whose_answers_are_lost_ends_nothing_wrongly_nor_in_silence(
    worlds: Any, action: str, number: int
) -> None:
    world: World = worlds("stop", 30)

    world.run(Plan(lost=(action, number)))
    world.wait(40)
    world.run(Plan(lost=(action, number)))
    world.run()
    for _ in range(2):
        world.wait(40)
        world.run()

    assert [world.engine.state(i) for i in world.ids] == ["stopped"] * 3 + ["running"]
    world.finish()
