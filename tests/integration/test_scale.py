"""VPCs that are larger than a run: nothing is lost or done twice, and nobody is starved."""

import itertools
from collections import Counter
from datetime import timedelta

import pytest

from tag_policy.aws.pace import PacedCalls
from tag_policy.resources import instance as inventory
from tag_policy.resources.instance import instances_of_vpcs
from tag_policy.resources.remedy_queue import BATCH_SIZE
from tests.integration.conftest import Engine, FakeContext
from tests.support import fleet
from tests.support.calls import Call, listening

TWO_TAGS = {
    1: {"TagKey": "ProjectCode", "Action": "Update", "Default": "Proj007"},
    3: {"TagKey": "Expires", "Action": "Function", "Default": "today()"},
}


def untidy(engine: Engine, instances: list[str]) -> set[str]:
    return {i for i in instances if "ProjectCode" not in engine.tags(i)}


def test_a_vpc_that_needs_three_runs_is_done_in_three(engine: Engine) -> None:
    engine.set_rules(TWO_TAGS)
    instances = fleet.launch(engine, engine.vpc, {"Name": "web"}, count=5 * BATCH_SIZE)
    left = []
    complete = []
    for _ in range(3):
        context = FakeContext()

        def take_long(call: Call, context: FakeContext = context) -> None:
            if call.action == "CreateTags":  # two of them, and the time is up
                context.remaining_millis = [context.remaining_millis[0] - 400_000]

        with listening(take_long):
            complete.append(engine.run(context=context)["complete"])
        left.append(len(untidy(engine, instances)))

    assert left == [3 * BATCH_SIZE, BATCH_SIZE, 0]
    assert complete == [False, False, True]
    assert engine.changes() == ["CreateTags"] * 5, "nothing is done twice"


def test_where_even_the_listing_needs_several_runs_the_last_have_their_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "PAGE_SIZE", 2)
    engine.set_rules(TWO_TAGS)
    instances = [engine.launch({"Name": "web"}) for _ in range(100)]  # moto pages by launches
    left = [100]
    for number in itertools.count():
        context = FakeContext(aws_request_id=f"run {number}")

        def take_long(call: Call, context: FakeContext = context) -> None:
            if call.action == "DescribeInstances":  # 36 pages, of at least 50, and the time is up
                context.remaining_millis = [context.remaining_millis[0] - 16_000]

        with listening(take_long):
            summary = engine.run(context=context)
        assert not summary["complete"]
        left.append(len(untidy(engine, instances)))
        if not left[-1]:
            break
        assert number < 120, f"{left[-1]} never have their turn"

    assert left[1] >= 30, "one run is not enough"
    written = [
        i for c in engine.calls if c.action == "CreateTags" for i in c.parameters["Resources"]
    ]
    assert sorted(written) == sorted(instances), "each was tagged once"


def test_each_instance_is_listed_once_wherever_a_listing_becomes_late(engine: Engine) -> None:
    instances = [engine.launch({"Name": "web"}) for _ in range(40)]
    paced = PacedCalls(engine.clock, lambda: False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventory, "PAGE_SIZE", 5)
        for pages in range(10):
            asked = itertools.count(1)
            listed = instances_of_vpcs(
                engine.client("ec2"),
                [engine.vpc.vpc_id],
                paced,
                lambda asked=asked, pages=pages: next(asked) >= pages,
                lambda: False,
                "f0e1d2c3b4a59687",
            )

            assert Counter(i.ref.resource_id for i in listed) == Counter(instances)


def test_a_vpc_that_fits_a_page_is_one_call(engine: Engine) -> None:
    engine.launch({"Name": "web", "ProjectCode": "P", "CreatedBy": "me", "Expires": "never"})

    engine.run()

    assert engine.actions() == ["Scan", "BatchGetItem", "DescribeVpcs", "DescribeInstances"]


def test_calls_are_no_more_than_tag_sets_and_batches(engine: Engine) -> None:
    engine.set_rules(TWO_TAGS)
    lacking_two = fleet.launch(engine, engine.vpc, {"Name": "web"}, count=450)
    lacking_one = fleet.launch(engine, engine.vpc, {"Name": "web", "Expires": "never"}, count=250)

    engine.run()

    assert not untidy(engine, lacking_two + lacking_one)
    # Two distinct tag sets; 450 and 250 instances, 180 a call.
    assert engine.changes() == ["CreateTags"] * 5
    assert len(engine.changes()) <= 2 + 700 / BATCH_SIZE


def test_full_calls_go_out_while_the_rest_is_being_listed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "PAGE_SIZE", 1)  # moto pages by launches
    engine.set_rules(TWO_TAGS)
    for _ in range(7):
        fleet.launch(engine, engine.vpc, {"Name": "web"}, count=100)

    engine.run()

    calls = [a for a in engine.actions() if a in ("DescribeInstances", "CreateTags")]
    last_page = len(calls) - 1 - calls[::-1].index("DescribeInstances")
    assert calls[:last_page].count("CreateTags") >= 2
    listing = [c for c in engine.calls if c.action == "DescribeInstances"]
    asked = {one["Name"] for call in listing for one in call.parameters["Filters"]}
    assert "tag-key" not in asked, "nobody is looked at again"
    assert calls.count("CreateTags") == 4


def with_room_for(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Have a run hold no more than some instances at a time."""
    monkeypatch.setattr("tag_policy.runs.engine.MOST_HELD", most)


def test_what_a_run_cannot_hold_is_left_for_the_next_and_the_oldest_come_first(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_room_for(monkeypatch, 2)
    instances = [engine.launch({"Name": "web"}) for _ in range(5)]
    for days, instance in zip((3, 5, 1, 4, 2), instances, strict=True):
        engine.backdate(instance, timedelta(days=days))
    have_creators, complete, deferred = [], [], []
    for _ in range(3):
        summary = engine.run()
        complete.append(summary["complete"])
        deferred.append(summary["outcomes"]["deferred"])
        assert not untidy(engine, instances), "what needs no look-up is written at once"
        have_creators.append([i for i in instances if "CreatedBy" in engine.tags(i)])

    by_age = [instances[at] for at in (1, 3, 0, 4, 2)]
    assert [sorted(some) for some in have_creators] == [
        sorted(by_age[:2]),
        sorted(by_age[:4]),
        sorted(by_age),
    ]
    assert complete == [False, False, True]
    assert deferred == [3, 1, 0], "each that has to wait is told"
    assert "instances wait for their creators" in engine.emails()[0].text
    written = Counter(
        (instance, tag["Key"])
        for call in engine.calls
        if call.action == "CreateTags"
        for instance in call.parameters["Resources"]
        for tag in call.parameters["Tags"]
    )
    assert set(written.values()) == {1}, "nothing is written twice"


def test_where_more_are_due_than_a_run_can_hold_none_is_ended(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_room_for(monkeypatch, 2)
    instances = [engine.launch() for _ in range(3)]

    summary = engine.run()

    assert [engine.state(instance) for instance in instances] == ["running"] * 3
    assert (summary["outcomes"]["deferred"], summary["complete"]) == (3, False)
    assert engine.emails()[0].text.count(" - Part: ") == 3, "held or not, for the same reason"


def test_what_a_run_cannot_announce_the_next_one_does(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.environment = {**engine.environment, "TAG_POLICY_GRACE_PERIOD": "24h"}
    with_room_for(monkeypatch, 2)
    instances = [engine.launch() for _ in range(3)]

    marked = []
    for _ in range(2):
        engine.run()
        marked.append(sum("tag-policy:due" in engine.tags(i) for i in instances))

    assert marked == [2, 3]
