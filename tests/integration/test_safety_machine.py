"""Nothing destructive by accident: in any history of launches, owners, faults, kills and parts.

Hypothesis makes up histories, in which people act between any two calls of a run, AWS loses answers
and refuses messages, and runs see only a part. A witness examines each call against what EC2 and
SNS knew at that moment, whatever the engine believed; see ``tests/support/witness.py``.

The ordinary test run repeats some histories, always the same. ``make explore`` looks for new ones:
``HISTORIES`` says how many, and what they must have had in them is asserted.
"""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.integration.world import (
    ERRORS,
    EXEMPT,
    MARKERS,
    THROTTLED,
    Deed,
    Plan,
    World,
    counted,
)
from tests.support.policies import Rendered
from tools.explore import lacking

HISTORIES = int(os.environ.get("HISTORIES", "0"))
"""How many new ones are looked for of each kind; none in the ordinary test run."""

GATING = 40
"""Histories of a kind in the ordinary test run."""

CHANGES = (
    *("CreateTags", "DeleteTags", "StopInstances", "TerminateInstances"),
    "ModifyNetworkInterfaceAttribute",
)
CALLS = ("DescribeInstances", "DescribeInstances", "CreateTags", "BatchGetItem", *CHANGES)

FORGED = ("past", "year 9999", "far too late", "no grace", "just due", "another engine's")
WORDS = ("", "soon", "terminate at 2020-01-01T00:00:00Z: no tags at all")
VALUES = st.sampled_from(["", "x", "2020-01-01"])
WHO = st.integers(0, 5)

ON_TAGS = st.builds(
    Deed,
    number=st.integers(1, 20),
    action=st.just(""),
    kind=st.sampled_from(["tag", "tag", "untag"]),
    who=WHO,
    key=st.sampled_from(["Name", "ProjectCode", "Owner", "Stage", EXEMPT, MARKERS[0]]),
    value=VALUES,
)
RIGHT_BEFORE = st.builds(
    Deed,
    number=st.integers(1, 2),
    action=st.sampled_from(CHANGES),
    kind=st.just("tag"),
    who=WHO,
    key=st.sampled_from(["Name", "ProjectCode", EXEMPT]),
    value=st.just("x"),
)
OTHERS = st.builds(
    Deed,
    number=st.integers(1, 20),
    action=st.just(""),
    kind=st.sampled_from(
        [
            *("start", "stop", "terminate", "launch", "put back"),
            *("edit rules", "second engine", "second engine"),
        ]
    ),
    who=WHO,
)
DEEDS = st.lists(ON_TAGS | RIGHT_BEFORE | OTHERS, min_size=1, max_size=3)
FAULTS = st.tuples(
    st.sampled_from(CALLS),
    st.sampled_from([*ERRORS, THROTTLED]),
    st.integers(0, 6),
    st.sampled_from([1, 1, 1, 99]),
)
LOST = st.tuples(
    st.sampled_from(["Publish", "Publish", "CreateTags", "CreateTags", "BatchWriteItem", *CHANGES]),
    st.sampled_from([1, 1, 1, 2]),
)

ORDERS = st.just(0) | st.integers(1, 10_000)
"""In what order calls that are made side by side reach AWS; 0 is one after the other."""


class Histories(RuleBasedStateMachine):
    """What may happen to some instances and to the engine that watches over them."""

    variant: ClassVar[str]
    rendered: ClassVar[Rendered]

    @initialize(
        grace=st.sampled_from([0, 30, 30, 24 * 60]),
        limit=st.sampled_from([4, 4, 4, 2, 1, 0]),
        untagged=st.integers(1, 4),
    )
    def begin(self, grace: int, limit: int, untagged: int) -> None:
        self.world = World(self.variant, self.rendered, grace, limit)
        for number in range(untagged):
            self.world.launch({}, number % 2, age=60)
        self.world.launch({"Name": "web"}, age=60)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.finish()
        finally:
            self.world.close()

    # What people do between runs

    @rule(
        tags=st.sampled_from([{}, {}, {"Name": "web"}, {EXEMPT: ""}, {MARKERS[0]: "soon"}]),
        where=st.integers(0, 2),
        managed=st.sampled_from([False, False, True]),
        age=st.sampled_from([0, 60]),
    )
    def launch(self, tags: dict[str, str], where: int, managed: bool, age: int) -> None:
        self.world.launch(tags, where, managed=managed, age=age)

    @rule(deed=ON_TAGS | OTHERS)
    def somebody_acts(self, deed: Deed) -> None:
        self.world.do(deed)

    @rule(
        who=WHO,
        forged=st.sampled_from([*FORGED, *WORDS]),
        key=st.sampled_from(MARKERS),
        by_a_rule=st.sampled_from(["", "isolate", "stop", "terminate"]),
    )
    def forge(self, who: int, forged: str, key: str, by_a_rule: str) -> None:
        value = self.world.mark(forged, by_a_rule) if forged in FORGED else forged
        self.world.do(Deed(0, "", "tag", who, key, value))

    @rule(who=WHO, other=WHO)
    def copy_a_mark(self, who: int, other: int) -> None:
        self.world.copy_mark(who, other)

    @rule(who=WHO)
    def lose_all_tags(self, who: int) -> None:
        self.world.do(Deed(0, "", "untag", who))

    @rule(minutes=st.sampled_from([1, 20, 40, 40, 25 * 60]))
    def wait(self, minutes: int) -> None:
        self.world.wait(minutes)

    @rule(
        grace=st.sampled_from([None, 0, 30, 24 * 60]),
        limit=st.sampled_from([None, 0, 1, 2, 4]),
        marker=st.sampled_from([None, None, *MARKERS]),
        second_marker=st.sampled_from([None, None, *MARKERS]),
    )
    def configure(
        self, grace: int | None, limit: int | None, marker: str | None, second_marker: str | None
    ) -> None:
        self.world.reconfigure(grace, limit, marker, second_marker)

    # What the engine does

    @rule(order=ORDERS)
    def sweep(self, order: int) -> None:
        self.world.run(Plan(order=order))

    @precondition(lambda self: self.world.is_calm)
    @rule()
    def sweep_again(self) -> None:
        self.world.run()

    @rule(lost=st.none() | LOST, order=ORDERS)
    def sweep_when_it_is_due(self, lost: tuple[str, int] | None, order: int) -> None:
        self.world.run()
        self.world.wait(self.world.grace // timedelta(minutes=1) + 1)
        self.world.run(Plan(lost=lost, order=order))

    @rule(hours=st.sampled_from([1, 2, 24, 26]), lost=st.none() | LOST, deeds=st.just([]) | DEEDS)
    def sweep_when_a_step_is_due(
        self, hours: int, lost: tuple[str, int] | None, deeds: list[Deed]
    ) -> None:
        self.world.run()
        self.world.wait(hours * 60 + 5)
        self.world.run(Plan(lost=lost, deeds=deeds))

    @rule(
        action=st.sampled_from(CHANGES),
        times=st.integers(1, 2),
        deeds=st.lists(ON_TAGS | RIGHT_BEFORE, max_size=2),
    )
    def sweep_that_is_throttled_when_it_is_due(
        self, action: str, times: int, deeds: list[Deed]
    ) -> None:
        self.world.run()
        self.world.wait(self.world.grace // timedelta(minutes=1) + 1)
        self.world.run(Plan(fault=(action, THROTTLED, 0, times), deeds=deeds))

    @rule(deeds=DEEDS, lost=st.none() | LOST, order=ORDERS)
    def sweep_while_people_act(
        self, deeds: list[Deed], lost: tuple[str, int] | None, order: int
    ) -> None:
        self.world.run(Plan(deeds=deeds, lost=lost, order=order))

    @rule(who=WHO, number=st.integers(1, 20))
    def sweep_while_a_tag_is_replaced(self, who: int, number: int) -> None:
        gone = Deed(number, "", "untag", who, "Name")
        back = Deed(number + 1, "", "tag", who, "Name", "new")
        self.world.run(Plan(deeds=[gone, back]))

    @rule(fault=FAULTS, deeds=st.lists(ON_TAGS, max_size=1), order=ORDERS)
    def sweep_with_a_fault(
        self, fault: tuple[str, str, int, int], deeds: list[Deed], order: int
    ) -> None:
        self.world.run(Plan(fault=fault, deeds=deeds, order=order))

    @rule(lost=LOST, deeds=st.lists(ON_TAGS, max_size=1), order=ORDERS)
    def sweep_whose_answer_is_lost(
        self, lost: tuple[str, int], deeds: list[Deed], order: int
    ) -> None:
        self.world.run(Plan(lost=lost, deeds=deeds, order=order))

    @rule(how=st.integers(1, 2), deeds=st.lists(ON_TAGS, max_size=1))
    def sweep_whose_message_is_refused(self, how: int, deeds: list[Deed]) -> None:
        self.world.run(Plan(refuses_message=how, deeds=deeds))

    @rule(calls=st.integers(1, 24), order=ORDERS)
    def sweep_that_is_killed(self, calls: int, order: int) -> None:
        self.world.run(Plan(kills_after=calls, order=order))

    @rule(calls=st.integers(1, 16), order=ORDERS)
    def sweep_that_is_cut(self, calls: int, order: int) -> None:
        self.world.run(Plan(cuts_at=calls, order=order))

    @rule(number=st.integers(1, 2), deeds=st.lists(ON_TAGS, max_size=1))
    def sweep_of_one_vpc(self, number: int, deeds: list[Deed]) -> None:
        self.world.run(Plan(narrowed=number, deeds=deeds))

    @rule()
    def audit(self) -> None:
        self.world.run(Plan(audit=True))


class TerminatingHistories(Histories):
    variant = "terminate"


class StoppingHistories(Histories):
    variant = "stop"


class EscalatingHistories(Histories):
    variant = "escalating"


KINDS = (TerminatingHistories, StoppingHistories, EscalatingHistories)
for kind in KINDS:
    kind.TestCase.settings = settings(
        max_examples=HISTORIES or GATING,
        derandomize=not HISTORIES,
        database=None,
        stateful_step_count=12,
        # A history that fails is shrunk where somebody waits for it: that takes minutes.
        phases=[
            Phase.generate,
            *([Phase.shrink] if HISTORIES and "NO_SHRINK" not in os.environ else []),
        ],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
TestTerminatingHistories = TerminatingHistories.TestCase
TestStoppingHistories = StoppingHistories.TestCase
TestEscalatingHistories = EscalatingHistories.TestCase


@pytest.fixture(autouse=True)
def _in_process_aws(monkeypatch: pytest.MonkeyPatch, rendered: Rendered) -> None:
    """Each history has an AWS of its own."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    Histories.rendered = rendered


def test_what_may_have_been_told_of_a_later_time_is_not_due_without_a_grace_period_either() -> None:
    """Found among 7,000 histories: the witness thought that it was, and the engine was right."""
    state = StoppingHistories()
    state.begin(grace=30, limit=4, untagged=1)
    state.sweep_whose_answer_is_lost(deeds=[], lost=("Publish", 1), order=1)
    state.lose_all_tags(who=1)
    state.configure(grace=0, limit=1, marker="tag-policy:later", second_marker=None)
    state.sweep_when_it_is_due(lost=None, order=0)
    state.teardown()


def test_a_tag_right_before_an_end_keeps_what_no_rule_has_marked_beside_rules_that_end() -> None:
    """Found among 1,500 histories: the tests' IAM took each letter of a mark for a mark."""
    state = EscalatingHistories()
    state.begin(grace=30, limit=4, untagged=1)
    tagged = Deed(number=1, action="StopInstances", kind="tag", who=0, key="Name", value="x")
    state.sweep_when_a_step_is_due(deeds=[tagged], hours=1, lost=None)
    assert "refused by IAM" in state.world.happened
    state.teardown()


def test_what_a_copied_mark_puts_off_is_announced_for_then_and_once_more() -> None:
    """Found among 4,000 histories: the witness thought that once was enough (promise 11)."""
    state = EscalatingHistories()
    state.begin(grace=30, limit=4, untagged=1)
    world = state.world
    untagged = world.ids[0]

    def announced() -> int:
        return len(world.ledger.announcements(untagged, "escalating"))

    state.sweep_of_one_vpc(deeds=[], number=1)
    assert announced() == 1
    state.copy_a_mark(other=1, who=0)  # that of a rule, half an hour later
    for minutes, times, is_running in ((0, 2, True), (45, 3, True), (20, 3, True), (15, 3, False)):
        state.wait(minutes=minutes)
        state.sweep(order=0)
        assert (announced(), world.witness.state(untagged) == "running") == (times, is_running)
    state.teardown()


def test_the_histories_have_had_in_them_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    number = counted["histories"]
    if not number:
        pytest.fail("run the whole module: its histories are counted")
    with capsys.disabled():
        print(f"\n{number:,} histories: " + ", ".join(f"{n:,} {k}" for k, n in counted.items()))
    if "COUNTS" in os.environ:  # the sum of many such runs has to have enough of everything
        Path(os.environ["COUNTS"]).write_text(json.dumps(counted))
    else:
        assert lacking(counted) == []


def test_another_engines_mark_in_a_former_markers_tag_keeps_a_rule_from_anything() -> None:
    """Found among 1,500 histories: the end of a history wanted it ended, and the engine did not."""
    state = EscalatingHistories()
    state.begin(grace=0, limit=4, untagged=1)
    state.forge(by_a_rule="isolate", forged="past", key="tag-policy:due", who=0)
    state.forge(by_a_rule="", forged="another engine's", key="tag-policy:later", who=0)
    state.teardown()
