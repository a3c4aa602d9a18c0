"""What the engine remembers, and what it makes of a table that answers in part, or strangely."""

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any

import pytest

from tag_policy.handler import RunError
from tag_policy.model.mark import Mark
from tag_policy.rules.mark import read_mark
from tag_policy.runs.memory import Memory, Told
from tests.integration.conftest import Engine, shared_clients
from tests.support.acts import Person
from tests.support.builders import NOW
from tests.support.calls import AwsError, Call, failing, listening
from tests.support.faults import KilledError, answer_lost

HOUR = timedelta(hours=1)
DUE = "tag-policy:due"
DAY = {"TAG_POLICY_GRACE_PERIOD": "24h"}
ANNOUNCED = re.compile(r"terminate at (\S{16})")
DAY_LONG = timedelta(days=1)
MONTH = {"TAG_POLICY_GRACE_PERIOD": "30d"}


def test_what_is_remembered_is_there_again_however_much_it_is(engine: Engine) -> None:
    memory = Memory(shared_clients(), f"{engine.variant}-state")
    told = {f"i-{n:017x}": Told(NOW + n * HOUR, f"mark {n}") for n in range(230)}

    memory.remember_told(told)

    assert memory.last_told(told.keys() | {"i-00000000000fffff"}) == told


def announced_time(engine: Engine, instance: str) -> Any:
    mark = read_mark(engine.tags(instance)[DUE])
    assert isinstance(mark, Mark)
    return mark.time


def test_nothing_is_announced_for_an_earlier_time_than_people_were_told(engine: Engine) -> None:
    engine.environment = MONTH
    untagged = engine.launch()
    engine.run()
    told = announced_time(engine, untagged)

    engine.environment = DAY
    engine.client("ec2").delete_tags(Resources=[untagged], Tags=[{"Key": DUE}])
    engine.run()

    assert announced_time(engine, untagged) == told
    assert len(engine.emails()) == 2, "its mark was gone, so that it is announced anew"


@pytest.mark.parametrize("grace", ["24h", "0s"])
def test_a_grace_period_that_was_made_shorter_leaves_what_was_announced_as_it_was_told(
    engine: Engine, grace: str
) -> None:
    engine.environment = MONTH
    untagged = engine.launch()
    engine.run()
    told = announced_time(engine, untagged)

    engine.environment = {"TAG_POLICY_GRACE_PERIOD": grace}
    for _ in range(3):
        engine.run()
        engine.clock.sleep(3600)

    assert engine.state(untagged) == "running"
    assert announced_time(engine, untagged) == told
    assert len(engine.emails()) == 1, "and nobody is told again"

    engine.clock.sleep(30 * 24 * 3600)
    engine.run()
    engine.clock.sleep(25 * 3600)
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_without_a_grace_period_nothing_is_ended_while_the_memory_cannot_be_read(
    engine: Engine,
) -> None:
    untagged = engine.launch()

    with failing("BatchGetItem", AwsError("AccessDeniedException", status=400)):
        summary = engine.run()

    assert engine.state(untagged) == "running"
    assert summary["outcomes"]["deferred"] == 1
    assert "cannot be read from the state table" in engine.emails()[0].text
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_a_memory_that_is_lost_delays_an_end_and_makes_none_silent(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()

    with failing("BatchWriteItem", AwsError("InternalServerError", status=500)):
        engine.run()

    engine.clock.sleep(24 * 3600 + 5)
    engine.run()
    assert engine.state(untagged) == "running", "anybody could have written its mark"
    assert len(engine.emails()) == 2, "people are told anew"

    engine.clock.sleep(24 * 3600 + 60)
    engine.run()
    assert engine.state(untagged) == "terminated"


def test_a_time_without_its_zone_is_not_known_and_the_run_goes_on(engine: Engine) -> None:
    untagged, tagged = engine.launch(), engine.launch({"Name": "web"})
    for key in (f"announced#{untagged}", "listed#enforce"):
        item = {"Time": {"S": "2026-01-01T00:00:00"}, "Mark": {"S": "x"}, "Digests": {"B": b""}}
        engine.client("dynamodb").put_item(
            TableName="terminate-state", Item={"Key": {"S": key}} | item
        )

    summary = engine.run()

    assert engine.state(untagged) == "running"
    assert engine.tags(tagged)["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["deferred"] == 1


def test_what_cannot_be_remembered_is_not_marked(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    with failing("BatchWriteItem", AwsError("ThrottlingException", status=400)):
        summary = engine.run()

    assert (summary["outcomes"]["marked"], summary["outcomes"]["deferred"]) == (0, 1)
    assert not isinstance(read_mark(engine.tags(untagged)[DUE]), Mark)


@contextmanager
def forgotten(engine: Engine) -> Iterator[None]:
    """Have what people were told forgotten."""
    yield
    for item in engine.client("dynamodb").scan(TableName="terminate-state")["Items"]:
        if item["Key"]["S"].startswith("announced#"):
            engine.client("dynamodb").delete_item(
                TableName="terminate-state", Key={"Key": item["Key"]}
            )


@contextmanager
def killed_before_it_is_remembered() -> Iterator[None]:
    def kill(call: Call) -> None:
        if call.action == "BatchWriteItem":
            raise KilledError

    with suppress(KilledError), listening(kill):
        yield


@contextmanager
def answer_of_publish_lost() -> Iterator[None]:
    with suppress(RunError), answer_lost("Publish"):
        yield


@pytest.mark.parametrize("grace", ["1h", "0s"])
@pytest.mark.parametrize("marker", [DUE, "new:due"])
@pytest.mark.parametrize(
    "trouble",
    [
        "nothing",
        "it is forgotten",
        "it cannot be remembered",
        "killed before that",
        "the answer of Publish is lost",
    ],
)
def test_whatever_was_lost_no_other_grace_period_ends_anything_before_the_time_that_was_told(
    engine: Engine, trouble: str, marker: str, grace: str
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    troubles: dict[str, AbstractContextManager[None]] = {
        "nothing": nullcontext(),
        "it is forgotten": forgotten(engine),
        "it cannot be remembered": failing("BatchWriteItem", AwsError("ThrottlingException")),
        "killed before that": killed_before_it_is_remembered(),
        "the answer of Publish is lost": answer_of_publish_lost(),
    }
    with troubles[trouble]:
        engine.run()
    told = engine.clock.now() + DAY_LONG

    engine.environment = {
        "TAG_POLICY_GRACE_PERIOD": grace,
        "TAG_POLICY_MARKER_TAG_KEY": marker,
        "TAG_POLICY_FORMER_MARKER_TAG_KEYS": json.dumps([DUE] if marker != DUE else []),
    }
    while engine.clock.now() < told - HOUR:
        engine.run()
        assert engine.state(untagged) == "running"
        engine.clock.sleep(2 * 3600)
    times = {time for mail in engine.emails() for time in ANNOUNCED.findall(mail.text)}
    assert times == {f"{told:%Y-%m-%dT%H:%M}"}

    engine.clock.sleep(4 * 3600)
    engine.run()
    engine.clock.sleep(2 * 3600)
    engine.run()
    assert engine.state(untagged) == "terminated", "nothing is lost for ever"
    _of_both_keys(engine)


def _of_both_keys(engine: Engine) -> None:
    """Leave out of what the role is asked afterwards what was done under another marker."""
    engine.refused = list(engine.calls)


@pytest.mark.parametrize("grace", ["24h", "1h"])
def test_while_the_memory_cannot_be_read_nothing_is_announced_for_another_time(
    engine: Engine, grace: str
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()
    mark = engine.tags(untagged)
    engine.client("ec2").delete_tags(Resources=[untagged], Tags=[{"Key": DUE}])

    engine.environment = {"TAG_POLICY_GRACE_PERIOD": grace}
    with failing("BatchGetItem", AwsError("InternalServerError", status=500)):
        summary = engine.run()

    assert summary["outcomes"]["deferred"] == 1
    assert engine.tags(untagged) == {}
    engine.run()
    told, again = read_mark(mark[DUE]), read_mark(engine.tags(untagged)[DUE])
    assert isinstance(told, Mark)
    assert isinstance(again, Mark)
    assert timedelta() <= again.time - told.time < HOUR, "for no earlier time"


def test_a_mark_that_was_taken_back_and_told_as_that_does_not_come_back_to_life(
    engine: Engine,
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()
    mark = engine.tags(untagged)
    told = announced_time(engine, untagged)
    engine.tag(untagged, team="x")
    engine.clock.sleep(3600)
    engine.run()
    assert "no longer due" in engine.emails()[-1].text

    person = Person(engine, engine.clock)
    person.untags(untagged)()
    person.tags(untagged, mark)()
    engine.clock.sleep(23 * 3600 + 60)
    engine.run()

    assert engine.state(untagged) == "running"
    assert "ANNOUNCED" in engine.emails()[-1].text
    assert announced_time(engine, untagged) > told


def test_what_was_told_as_a_stop_is_told_anew_before_it_is_a_termination(engine: Engine) -> None:
    engine.environment = DAY | {"TAG_POLICY_UNTAGGED_ACTION": "stop"}
    untagged = engine.launch()
    engine.run()
    (told,) = engine.emails()

    engine.environment = {"TAG_POLICY_GRACE_PERIOD": "0s"}
    engine.run()

    assert engine.state(untagged) == "running"
    assert "stop at" in told.text
    assert told.text.partition("stop at ")[2][:20] in engine.emails()[-1].text
    assert "terminate at" in engine.emails()[-1].text


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"Time": {"S": "x"}, "Mark": {"S": "y"}},
        {"Time": {"N": "1"}, "Mark": {"S": "y"}},
        {"Time": {"S": "0001-01-01T00:00:00+00:00"}, "Mark": {"S": "y"}},
        {"Time": {"S": "9999-12-31T23:59:59+00:00"}, "Mark": {"S": "y"}},
    ],
)
def test_what_a_stranger_writes_into_the_memory_ends_nothing_and_breaks_no_run(
    engine: Engine, item: dict[str, Any]
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()
    engine.client("dynamodb").put_item(
        TableName="terminate-state",
        Item={"Key": {"S": f"announced#{untagged}"}} | item,
    )
    engine.clock.sleep(24 * 3600 + 60)

    engine.run()

    assert engine.state(untagged) == "running"


@pytest.mark.parametrize("action", ["BatchGetItem", "BatchWriteItem"])
def test_where_it_cannot_be_remembered_that_a_mark_is_gone_that_is_said(
    engine: Engine, action: str
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    engine.run()
    engine.tag(untagged, team="x")

    with failing(action, AwsError("AccessDeniedException", status=400)):
        summary = engine.run()

    assert summary["outcomes"]["unmarked"] == 1
    assert not summary["complete"]
    assert "that marks were removed could not be recorded" in engine.emails()[-1].text
