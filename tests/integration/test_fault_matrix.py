"""Every call that the function makes, and every fault: nothing is lost, nothing wrongly done.

``docs/reliability.md`` holds the table that this makes; ``make docs`` writes it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from tag_policy.handler import RunError
from tests.integration.conftest import Engine, prepare
from tests.support import extensions
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.faults import CELLS, FAULTS, OF_THE_ARCHIVE, KilledError, Told

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- BEGIN_FAULTS -->", "<!-- END_FAULTS -->"
COMPLIANT = {"ProjectCode": "Apollo", "CreatedBy": "ann", "Expires": "2030-01-01"}
DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"

State = dict[str, tuple[str, frozenset[str]]]
"""The state of each instance, and the keys of its tags."""


@dataclass
class Scene:
    """An engine, and an instance for each thing that it may do, or must not."""

    engine: Engine
    to_end: list[str]
    to_tag: list[str]
    to_unmark: str
    to_leave: list[str]

    def state(self) -> State:
        """Return what became of the instances."""
        ids = [*self.to_end, *self.to_tag, self.to_unmark, *self.to_leave]
        return {
            name: (self.engine.state(i), frozenset(self.engine.tags(i)))
            for name, i in zip(self._names(), ids, strict=True)
        }

    def _names(self) -> Iterator[str]:
        for kind in ("to_end", "to_tag", "to_leave"):
            yield from (f"{kind}-{n}" for n in range(len(getattr(self, kind))))
            if kind == "to_tag":
                yield "to_unmark"


@contextmanager
def scene(action: str) -> Iterator[Scene]:
    """Make a scene in which a sweep makes the call."""
    extensions.install()
    with mock_aws():
        variants = {"StopInstances": "stop", **dict.fromkeys(OF_THE_ARCHIVE, "archive")}
        engine = prepare(variants.get(action, "terminate"))
        engine.environment = {**engine.environment, "TAG_POLICY_MAX_DESTRUCTIVE": "2"}
        if action in OF_THE_ARCHIVE:
            key = f"tag-policy/history/account={ACCOUNT_ID}/region={REGION}/engine=archive/"
            engine.client("s3").put_object(
                Bucket="all-reports", Key=f"{key}history.json", Body=b'{"runs": []}'
            )
        made = Scene(
            engine,
            to_end=[engine.launch() for _ in range(2)],
            to_tag=[engine.launch({"Name": "web"}), engine.launch({"ProjectCode": ""})],
            to_unmark=engine.launch(COMPLIANT | {DUE: "soon"}),
            to_leave=[engine.launch(COMPLIANT), engine.launch({EXEMPT: "", "ProjectCode": ""})],
        )
        for instance in (*made.to_end, *made.to_tag):
            engine.backdate(instance, timedelta(days=1))
        yield made


def run(engine: Engine) -> Told:
    """Run the engine and return what a reader is told."""
    mails = len(engine.emails())
    failure = ""
    try:
        engine.run()
    except RunError as error:
        failure = str(error)
    except KilledError:
        pass
    mail = engine.emails()[mails:]
    subject, text = (mail[0].subject, mail[0].text) if mail else ("", "")
    return Told(failure, subject, text)


@cache
def clean_end(stops: bool) -> State:
    """Return where a run without a fault leads."""
    with scene("StopInstances" if stops else "") as undisturbed:
        run(undisturbed.engine)
        return undisturbed.state()


def told_of(action: str, fault: str) -> tuple[Told, State, State, State]:
    """Return what is told of a run with a fault, and the state before it, after it and at last."""
    with scene(action) as disturbed:
        before = disturbed.state()
        with FAULTS[fault](action):
            told = run(disturbed.engine)
        after = disturbed.state()
        run(disturbed.engine)
        last = disturbed.state()
        changes = _changes(disturbed.engine)
        run(disturbed.engine)
        assert _changes(disturbed.engine) == changes, "a second run changes nothing"
        return told, before, after, last


def _changes(engine: Engine) -> list[str]:
    return [action for action in engine.changes() if action != "PutObject"]


@pytest.fixture(autouse=True)
def _in_process_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell of the matrix has an AWS of its own."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")


@pytest.fixture(scope="module")
def table() -> Iterator[dict[tuple[str, str], str]]:
    """The cells that the tests of this module have filled."""
    filled: dict[tuple[str, str], str] = {}
    yield filled


@pytest.mark.parametrize(("action", "fault"), CELLS)
def test_nothing_is_lost_and_nothing_is_wrongly_done(
    action: str, fault: str, table: dict[tuple[str, str], str]
) -> None:
    told, before, after, last = told_of(action, fault)

    assert last == clean_end(action == "StopInstances"), "something was lost"
    for name, state in after.items():
        if not name.startswith("to_end"):
            assert state[0] == "running", "something was wrongly ended"
        if name.startswith("to_leave"):
            assert state == before[name], "something was wrongly touched"
        assert before[name][1] - state[1] <= {DUE}, "a tag of somebody is gone"
    if fault != "killed after it":
        assert told.failure or told.subject, "nobody was told"
    table[action, fault] = str(told)


def test_the_documentation_says_what_the_tests_have_seen(table: dict[Any, str]) -> None:
    if len(table) < len(CELLS):
        pytest.fail("run the whole module: the table is made of all its tests")
    documented = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]

    assert documented.strip() == markdown(table).strip(), "run make docs"


def markdown(table: dict[tuple[str, str], str]) -> str:
    """Return the matrix as a table."""
    rows = [
        "| call | fault | lost | wrongly done | what the reader is told |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| `{action}` | {fault} | nothing | nothing | {told.replace('|', '/')} |"
        for (action, fault), told in table.items()
    ]
    return "\n".join(rows)
