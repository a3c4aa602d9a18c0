"""Every call that the function makes, and every fault: nothing is lost, nothing wrongly done.

Each cell is two scenes. In one there is no grace period: what is told of the run with the fault?
In the other people have a day: what was delivered to them in the run with the fault, and what in
the runs that followed, until the instances were ended?

``docs/reliability.md`` holds the table that this makes; ``make docs`` writes it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from moto import mock_aws

from tag_policy.handler import RunError
from tests.integration.conftest import Engine, prepare
from tests.support import extensions
from tests.support.acts import Moment, Person, before
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.faults import (
    CELLS,
    FAULTS,
    ISOLATES,
    OF_THE_ARCHIVE,
    OWNERS,
    KilledError,
    Told,
)
from tests.support.iam import enforcing
from tests.support.ledger import Delivered, Ledger
from tests.support.policies import Policies

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- BEGIN_FAULTS -->", "<!-- END_FAULTS -->"
COMPLIANT = {"ProjectCode": "Apollo", "CreatedBy": "ann", "Expires": "2030-01-01"}
DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"

ENDS = (ISOLATES, "StopInstances", "TerminateInstances")
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)

State = dict[str, tuple[str, frozenset[str]]]
"""The state of each instance, and the keys of its tags."""


AllPolicies = dict[str, Policies]
"""Those of the role, for each variant."""


@dataclass(frozen=True)
class Notice:
    """What was delivered in the run that was disturbed, and in those that followed."""

    delivered: str
    then: str


@dataclass
class Scene:
    """An engine, and an instance for each thing that it may do, or must not.

    ``is_running`` says that a run is under way, ``saved`` that an owner has acted, in time, on the
    first of those that are to be ended.
    """

    engine: Engine
    to_end: list[str]
    to_tag: list[str]
    to_unmark: str
    to_leave: list[str]
    is_running: bool = False
    saved: bool = False

    def state(self) -> State:
        """Return what became of the instances."""
        ids = [*self.to_end, *self.to_tag, self.to_unmark, *self.to_leave]
        return {
            name: (self.state_of(i), frozenset(self.engine.tags(i)))
            for name, i in zip(self._names(), ids, strict=True)
        }

    def state_of(self, instance_id: str) -> str:
        """Return the state of an instance, or that it is isolated."""
        engine = self.engine
        if engine.isolation_group and engine.groups_of(instance_id) == [[engine.isolation_group]]:
            return "isolated"
        return engine.state(instance_id)

    def _names(self) -> Iterator[str]:
        for kind in ("to_end", "to_tag", "to_leave"):
            yield from (f"{kind}-{n}" for n in range(len(getattr(self, kind))))
            if kind == "to_tag":
                yield "to_unmark"


@contextmanager
def scene(action: str, policies: AllPolicies | None = None, grace: str = "0s") -> Iterator[Scene]:
    """Make a scene in which a sweep makes the call, by a role with these policies."""
    extensions.install()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # nobody asks for them
        stack.enter_context(mock_aws())
        variants = {
            "StopInstances": "stop",
            ISOLATES: "isolate",
            **dict.fromkeys(OF_THE_ARCHIVE, "archive"),
        }
        engine = prepare(variants.get(action, "terminate"))
        engine.environment = {
            **engine.environment,
            "TAG_POLICY_MAX_DESTRUCTIVE": "2",
            "TAG_POLICY_GRACE_PERIOD": grace,
        }
        if action in OF_THE_ARCHIVE:
            key = f"tag-policy/history/account={ACCOUNT_ID}/region={REGION}/engine=archive/"
            engine.client("s3").put_object(
                Bucket="all-reports", Key=f"{key}history.json", Body=b'{"runs": []}'
            )
        stale = "terminate at 2020-01-01T00:00:00Z: no tags at all"
        made = Scene(
            engine,
            to_end=[engine.launch() for _ in range(2)],
            to_tag=[engine.launch({"Name": "web"}), engine.launch({"ProjectCode": ""})],
            to_unmark=engine.launch(COMPLIANT | {DUE: stale}),
            to_leave=[engine.launch(COMPLIANT), engine.launch({EXEMPT: "", "ProjectCode": ""})],
        )
        for instance in (*made.to_end, *made.to_tag):
            engine.backdate(instance, timedelta(days=1))
        if policies is not None:
            role = enforcing(engine.own(policies[engine.variant]), when=lambda _: made.is_running)
            stack.enter_context(role)
        yield made


def run(scene: Scene) -> Told:
    """Run the engine and return what a reader is told."""
    engine = scene.engine
    mails = len(engine.emails())
    failure = ""
    scene.is_running = True
    try:
        engine.run()
    except RunError as error:
        failure = str(error)
    except KilledError:
        pass
    scene.is_running = False
    mail = engine.emails()[mails:]
    subject, text = (mail[0].subject, mail[0].text) if mail else ("", "")
    return Told(failure, subject, text)


@cache
def clean_end(action: str) -> State:
    """Return where a run without a fault leads, of an engine that ends something by this call."""
    with scene(action) as undisturbed:
        run(undisturbed)
        return undisturbed.state()


@contextmanager
def disturbed_by(scene: Scene, action: str, fault: str) -> Iterator[Moment]:
    """Have a fault, or an owner, disturb the runs; tell when the owner acted, and on what."""
    if fault in FAULTS:
        with FAULTS[fault](action):
            yield Moment()
        return
    owner, theirs = Person(scene.engine, scene.engine.clock), scene.to_end[0]
    writes = owner.tags(theirs, OWNERS[fault])

    def act() -> None:
        scene.saved = scene.saved or scene.state_of(theirs) == "running"
        writes()

    with before(1, act, action=action, when=lambda _: scene.is_running) as moment:
        yield moment


def told_of(
    action: str, fault: str, policies: AllPolicies
) -> tuple[Told, State, State, State, bool]:
    """Return what is told of a run with a fault, and the state before it, after it and at last.

    And whether the owner has acted in time, so that the first of those to be ended has to live.
    """
    with scene(action, policies) as disturbed:
        before_it = disturbed.state()
        with disturbed_by(disturbed, action, fault):
            told = run(disturbed)
        after = disturbed.state()
        run(disturbed)
        last = disturbed.state()
        changes = _changes(disturbed.engine)
        run(disturbed)
        assert _changes(disturbed.engine) == changes, "a second run changes nothing"
        return told, before_it, after, last, disturbed.saved


def notice_of(action: str, fault: str, policies: AllPolicies) -> Notice:
    """Return what people were told, and when, where they have a day's notice.

    The fault is in the run that announces; where the call is one that ends instances, in the run
    a day later that is to do it.
    """
    with scene(action, policies, "24h") as disturbed:
        engine = disturbed.engine
        ledger = Ledger(engine.clock, [engine.topic_arn])
        with ledger.kept():
            if action in ENDS:
                run(disturbed)
                engine.clock.sleep((DAY + HOUR).total_seconds())
            with disturbed_by(disturbed, action, fault):
                delivered = _delivered(disturbed, ledger)
            then = []
            for hours, wait in ((1, 1), (26, 25), (51, 25)):
                engine.clock.sleep(wait * 3600)
                then.append((hours, _delivered(disturbed, ledger)))
        _examine(disturbed, ledger)
        told = [f"{hours} h: {what}" for hours, what in then if what != "nothing"]
        return Notice(delivered, "; ".join(told) or "nothing")


def _delivered(scene: Scene, ledger: Ledger) -> str:
    """Run the engine, and return what was delivered of what is ended."""
    number = len(ledger.delivered)
    run(scene)
    return _said(ledger.delivered[number:])


def _said(messages: list[Delivered]) -> str:
    announced = sum(len(one.announced) for one in messages)
    ended = sum(len(one.ended) for one in messages)
    parts = [f"{announced} announced"] * bool(announced) + [f"{ended} ended"] * bool(ended)
    return ", ".join(parts) or "nothing"


def _examine(scene: Scene, ledger: Ledger) -> None:
    """Examine whether whoever lost an instance was told a day before, and all who could, did."""
    engine = scene.engine
    for number, instance in enumerate(scene.to_end):
        told = ledger.announcements(instance, engine.variant)
        if number == 0 and scene.saved:
            assert scene.state_of(instance) == "running", "the owner has acted in time"
            continue
        assert scene.state_of(instance) != "running", "something was lost"
        ended_by = [one.time for one in ledger.delivered if instance in one.ended]
        now = min(ended_by, default=engine.clock.now())
        assert any(at + DAY <= now for at, _ in told), f"nobody was told a day before: {told}"
        assert told[-1][1] <= now, "people were told of a later time"


def _changes(engine: Engine) -> list[str]:
    return [action for action in engine.changes() if action != "PutObject"]


@pytest.fixture(autouse=True)
def _in_process_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell of the matrix has an AWS of its own."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")


Row = tuple[str, str, str]
"""What the reader is told, what was delivered, and what in the following runs."""

Table = dict[tuple[str, str], Row]


def row_of(action: str, fault: str, told: Told, policies: AllPolicies) -> Row:
    """Return a row of the table."""
    notice = notice_of(action, fault, policies)
    return str(told), notice.delivered, notice.then


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """The cells that the tests of this module have filled."""
    filled: Table = {}
    yield filled


@pytest.mark.parametrize(("action", "fault"), CELLS)
def test_nothing_is_lost_and_nothing_is_wrongly_done(
    action: str, fault: str, table: Table, policies: AllPolicies
) -> None:
    told, before_it, after, last, saved = told_of(action, fault, policies)

    expected = clean_end(action if action in ENDS else "")
    if saved:
        assert after["to_end-0"][0] == last["to_end-0"][0] == "running", "its owner has acted"
        assert frozenset(OWNERS[fault]) <= last["to_end-0"][1], "what its owner wrote is gone"
        last["to_end-0"] = expected["to_end-0"]
    elif fault in OWNERS:
        last["to_end-0"] = expected["to_end-0"][0], last["to_end-0"][1] - OWNERS[fault].keys()
    assert last == expected, "something was lost"
    for name, state in after.items():
        if not name.startswith("to_end"):
            assert state[0] == "running", "something was wrongly ended"
        if name.startswith("to_leave"):
            assert state == before_it[name], "something was wrongly touched"
        assert before_it[name][1] - state[1] <= {DUE}, "a tag of somebody is gone"
    if fault != "killed after it":
        assert told.failure or told.subject, "nobody was told"
    table[action, fault] = row_of(action, fault, told, policies)


def test_the_documentation_says_what_the_tests_have_seen(table: Table) -> None:
    if len(table) < len(CELLS):
        pytest.fail("run the whole module: the table is made of all its tests")
    documented = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]

    assert documented.strip() == markdown(table).strip(), "run make docs"


def markdown(table: Table) -> str:
    """Return the matrix as a table."""
    rows = [
        "| call | fault | lost or wrongly done | what the reader is told | notice: delivered "
        "| notice: in later runs |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| `{action}` | {fault} | nothing | {told.replace('|', '/')} | {delivered} | {then} |"
        for (action, fault), (told, delivered, then) in table.items()
    ]
    return "\n".join(rows)
