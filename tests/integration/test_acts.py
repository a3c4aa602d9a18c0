"""Somebody acts between two calls of a run: a test for each kind of thing that went wrong then."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from tag_policy.handler import RunError
from tests.integration.conftest import Engine
from tests.integration.world import SECOND
from tests.support import fleet
from tests.support.acts import Act, Person, before
from tests.support.calls import AwsError, Call, answering, failing, listening
from tests.support.faults import KilledError, answer_lost, answer_malformed
from tests.support.iam import enforcing
from tests.support.ledger import Ledger
from tests.support.policies import Policies, Rendered, as_configured
from tests.support.witness import engine_of

DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"
DAY = {"TAG_POLICY_GRACE_PERIOD": "24h"}
HOUR = timedelta(hours=1)


@pytest.fixture
def person(engine: Engine) -> Person:
    return Person(engine, engine.clock)


@contextmanager
def throttled_once(action: str, meanwhile: Act) -> Iterator[list[Call]]:
    """Throttle the first call of an action, after which somebody does something."""
    refused: list[Call] = []

    def throttle(call: Call) -> None:
        if call.action == action and not refused:
            refused.append(call)
            meanwhile()
            raise AwsError("RequestLimitExceeded", status=503)

    with listening(throttle):
        yield refused


ACTS = {
    "tags it": {"team": "web"},
    "names it": {"Name": "web"},
    "exempts it": {EXEMPT: "until the migration is done"},
    "writes own words": {DUE: "ask Jane"},
}


@pytest.mark.parametrize("tags", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    ("variant", "action"), [("terminate", "TerminateInstances"), ("stop", "StopInstances")]
)
def test_an_owner_who_acts_while_the_end_is_throttled_keeps_the_instance(
    make_engine: Any, variant: str, action: str, tags: Mapping[str, str]
) -> None:
    engine: Engine = make_engine(variant)
    theirs, other = engine.launch(), engine.launch()
    owner = Person(engine, engine.clock)

    with throttled_once(action, owner.tags(theirs, tags)) as refused:
        summary = engine.run()

    assert len(refused) == 1
    assert engine.state(theirs) == "running"
    assert engine.state(other) != "running", "the other one is ended in the same run"
    assert summary["outcomes"]["deferred"] == 1
    assert engine.actions().count(action) == 2


@pytest.mark.parametrize("tags", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("number", range(2, 5))
def test_an_owner_who_acts_before_any_look_keeps_the_instance(
    engine: Engine, person: Person, number: int, tags: Mapping[str, str]
) -> None:
    theirs = engine.launch()

    with before(number, person.tags(theirs, tags), action="DescribeInstances") as moment:
        engine.run()

    if number == 4:  # listed, looked at before the mark and before the end: there is no other
        assert not moment.calls
        assert engine.state(theirs) == "terminated"
    else:
        assert moment.calls
        assert engine.state(theirs) == "running"


@pytest.mark.parametrize("key", ["Name", "ProjectCode", "CreatedBy", "Expires", EXEMPT])
def test_even_between_look_and_end_aws_keeps_what_gets_a_name_a_tag_of_a_rule_or_an_exemption(
    engine: Engine, person: Person, policies: dict[str, Policies], key: str
) -> None:
    theirs = engine.launch()

    with (
        enforcing(policies["terminate"]) as engine.refused,
        before(1, person.tags(theirs, {key: "x"}), action="TerminateInstances") as moment,
    ):
        engine.run()

    assert moment.calls
    assert [call.action for call in engine.refused] == ["TerminateInstances"]
    assert engine.state(theirs) == "running"


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_value_that_the_owner_writes_while_the_call_is_throttled_stays(
    engine: Engine, person: Person, policies: dict[str, Policies], is_locked: bool
) -> None:
    theirs = engine.launch({"Name": "web"})
    engine.backdate(theirs, HOUR)
    writes = person.tags(theirs, {"ProjectCode": "Apollo"})
    lock: AbstractContextManager[Any] = enforcing(policies["terminate"], when=lambda _: is_locked)

    with lock as engine.refused, throttled_once("CreateTags", writes) as refused:
        engine.run()

    assert len(refused) == 1
    assert engine.tags(theirs)["ProjectCode"] == "Apollo"


def test_a_value_that_is_written_while_a_call_is_throttled_for_long_stays_without_any_lock(
    engine: Engine, person: Person
) -> None:
    theirs = engine.launch({"Name": "web"})
    engine.backdate(theirs, HOUR)
    began = engine.clock.now()
    wrote = False

    def throttle(call: Call) -> None:
        nonlocal wrote
        if call.action == "CreateTags" and engine.clock.now() < began + timedelta(seconds=24):
            if not wrote and engine.clock.now() > began + timedelta(seconds=12):
                wrote = True
                person.tags(theirs, {"ProjectCode": "Apollo"})()
            engine.clock.sleep(4)
            raise AwsError("RequestLimitExceeded", status=503)

    with listening(throttle):
        engine.run()

    assert wrote
    assert engine.tags(theirs)["ProjectCode"] == "Apollo"


# Nothing is ended before people have been told


@contextmanager
def refused_once() -> Iterator[None]:
    with failing("Publish", AwsError("InternalError", status=500)):
        yield


@contextmanager
def killed_before_the_mark() -> Iterator[None]:
    told = False

    def kill(call: Call) -> None:
        nonlocal told
        told |= call.action == "Publish"
        if told and call.action == "CreateTags":
            raise KilledError

    with listening(kill):
        yield


@contextmanager
def final_mark_lost() -> Iterator[None]:
    def lose(call: Call, answer: Any) -> Any:
        if call.action == "CreateTags" and "announced" in call.parameters["Tags"][0]["Value"]:
            raise KilledError
        return answer

    with answering(lose):
        yield


DISTURBED = {
    "the first mark's answer is lost": lambda: answer_lost("CreateTags"),
    "the message is refused": refused_once,
    "the message's answer is lost": lambda: answer_lost("Publish"),
    "the run is killed between message and mark": killed_before_the_mark,
    "what was told cannot be remembered": lambda: failing(
        "BatchWriteItem", AwsError("InternalServerError", status=500)
    ),
    "the run is killed before it can remember": final_mark_lost,
}


@pytest.mark.parametrize("disturbed", DISTURBED.values(), ids=DISTURBED)
def test_whatever_becomes_of_an_announcement_nobody_loses_an_instance_in_silence(
    engine: Engine, disturbed: Any
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    ledger = Ledger(engine.clock, [engine.topic_arn])

    with ledger.kept():
        with disturbed():
            _run(engine)
        for _ in range(4):
            told = ledger.announcements(untagged, engine.variant)
            engine.clock.sleep(13 * 3600)
            _run(engine)
            if engine.state(untagged) == "terminated":
                break
        else:
            pytest.fail("it is never ended")

    now = engine.clock.now()
    assert told, "nobody was told"
    assert any(at + 24 * HOUR <= now for at, _ in told), "nobody was told a day before"
    assert told[-1][1] <= now, "people were told of a later time"


def test_a_message_that_was_refused_is_announced_anew_and_once_it_is_told_no_more(
    engine: Engine,
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    ledger = Ledger(engine.clock, [engine.topic_arn])

    with ledger.kept():
        with refused_once(), pytest.raises(RunError):
            engine.run()
        assert ledger.announcements(untagged, engine.variant) == []
        for _ in range(3):
            engine.clock.sleep(3600)
            engine.run()

    ((at, time),) = ledger.announcements(untagged, engine.variant)
    assert timedelta() <= time - at - 24 * HOUR + timedelta(minutes=1)


def _run(engine: Engine) -> None:
    with suppress(RunError, KilledError):
        engine.run()


FORGED = {
    "of long ago": "terminate at 2020-01-02T00:00:00Z: untagged, announced 2020-01-01T00:00:00Z",
    "of the year 9999": "terminate at 9999-12-31T00:00:00Z: untagged, "
    "announced 9999-12-30T00:00:00Z",
    "announced long ago for the year 9999": "terminate at 9999-12-31T00:00:00Z: untagged, "
    "announced 2020-01-01T00:00:00Z",
    "of no grace period": "terminate at 2020-01-02T00:00:00Z: untagged, no grace period",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_mark_beyond_all_bounds_is_announced_anew_and_ends_and_silences_nothing(
    engine: Engine, person: Person, forged: str
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    person.tags(untagged, {DUE: f"{engine.variant}: {forged}"})()
    ledger = Ledger(engine.clock, [engine.topic_arn])

    with ledger.kept():
        engine.run()
        assert len(ledger.announcements(untagged, engine.variant)) == 1
        engine.clock.sleep(23 * 3600)
        engine.run()
        assert engine.state(untagged) == "running"
        engine.clock.sleep(3700)
        engine.run()

    assert engine.state(untagged) == "terminated"


def test_a_mark_that_is_announced_in_the_future_counts_for_nothing(
    engine: Engine, person: Person
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    soon, later = (engine.clock.now() + h * HOUR for h in (1, 2))
    said = f"terminate at {later:%Y-%m-%dT%H:%M:%SZ}: untagged, announced {soon:%Y-%m-%dT%H:%M:%SZ}"
    person.tags(untagged, {DUE: f"{engine.variant}: {said}"})()

    summary = engine.run()

    assert summary["outcomes"]["marked"] == 1


# Somebody else's tags


@pytest.fixture
def second(engine: Engine) -> Engine:
    """An engine with another name that watches over the same VPC."""
    other = Engine(SECOND, "terminate", "enforce", engine.vpc, DAY)
    other.clock = engine.clock
    for table, key, kind in ((other.table, "RuleId", "N"), (f"{SECOND}-state", "Key", "S")):
        other.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
            BillingMode="PAY_PER_REQUEST",
        )
    other.set_rules({1: {"TagKey": "ProjectCode", "Action": "Update", "Default": "second"}})
    other.client("sns").create_topic(Name=f"{SECOND}-reports")
    return other


@pytest.mark.parametrize("grace", [DAY, {}], ids=["24h", "0s"])
def test_an_engine_leaves_the_mark_of_another_and_what_is_marked_with_it(
    engine: Engine, second: Engine, grace: dict[str, str]
) -> None:
    engine.environment, second.environment = DAY, grace
    untagged = engine.launch()
    engine.run()
    mark = engine.tags(untagged)

    for _ in range(2):
        second.run()
        engine.run()

    assert second.changes() == []
    assert engine.tags(untagged) == mark
    engine.clock.sleep(25 * 3600)
    second.run()
    assert engine.state(untagged) == "running"
    engine.run()
    assert engine.state(untagged) == "terminated"


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("marker", [DUE, "second:due"])
def test_two_engines_at_once_take_no_mark_from_each_other(
    engine: Engine, second: Engine, policies: dict[str, Policies], number: int, marker: str
) -> None:
    engine.environment = DAY
    second.environment = DAY | {"TAG_POLICY_MARKER_TAG_KEY": marker}
    untagged = engine.launch()
    taken: list[str] = []

    def watch(call: Call) -> None:
        if call.action in ("CreateTags", "DeleteTags"):
            for tag in call.parameters["Tags"]:
                there = engine_of(call.resource_tags[untagged].get(tag["Key"], ""))
                writer = engine_of(tag["Value"])
                if there and writer and there != writer:
                    taken.append(f"{there} by {writer}")

    is_seconds_turn: list[bool] = []

    def the_second_runs() -> None:
        is_seconds_turn.append(True)
        Person(engine, engine.clock).runs(second)()
        is_seconds_turn.clear()

    with (
        before(number, the_second_runs, when=lambda _: not second.calls) as moment,
        enforcing(policies["terminate"], when=lambda _: not is_seconds_turn) as engine.refused,
        listening(watch),
    ):
        engine.run()

    assert moment.calls
    assert taken == [], "not even in the milliseconds between look and call: IAM refuses that"
    assert engine.state(untagged) == "running"


@pytest.mark.parametrize("grace", [DAY, {}], ids=["24h", "0s"])
@pytest.mark.parametrize("number", [1, 2])
def test_own_words_that_are_written_during_a_run_stay(
    engine: Engine, person: Person, grace: dict[str, str], number: int
) -> None:
    engine.environment = grace
    untagged = engine.launch()

    with before(number, person.tags(untagged, {DUE: "ask Jane"}), action="DescribeInstances"):
        engine.run()

    assert engine.tags(untagged) == {DUE: "ask Jane"}
    assert engine.state(untagged) == "running"


@pytest.mark.parametrize("number", range(1, 10))
def test_an_instance_whose_only_tag_is_being_replaced_lives(
    engine: Engine, person: Person, number: int
) -> None:
    theirs = engine.launch({"team": "web"})
    engine.set_rules({1: {"TagKey": "Note", "Action": "Update", "Required": "N", "Default": "x"}})

    deleted, written = person.replaces(theirs, "team", "platform")
    with before(number, deleted, written) as moment:
        engine.run()
    if len(moment.calls) == 1:  # the run ended in between
        written()

    assert engine.state(theirs) == "running"
    engine.run()
    assert engine.state(theirs) == "running"


def test_an_instance_is_ended_only_if_two_looks_ten_seconds_apart_show_no_tag(
    engine: Engine,
) -> None:
    untagged = engine.launch()
    looks: list[Any] = []

    def note(call: Call) -> None:
        if call.action in ("DescribeInstances", "TerminateInstances"):
            looks.append((call.action, engine.clock.now()))

    with listening(note):
        engine.run()

    assert engine.state(untagged) == "terminated"
    (_, listed), *_, (_, looked), (_, ended) = looks
    assert looked - listed >= timedelta(seconds=10)
    assert ended - looked < timedelta(seconds=1)


# What is refused to all alike, and what was done without an answer


def test_what_is_refused_to_all_alike_costs_some_calls_and_one_line(engine: Engine) -> None:
    for _ in range(5):
        fleet.launch(engine, engine.vpc, {"Name": "web"}, count=200)

    with failing("CreateTags", AwsError("UnauthorizedOperation", status=403)):
        engine.run()

    assert engine.actions().count("CreateTags") <= 20
    (email,) = engine.emails()
    refused = [line for line in email.text.splitlines() if "UnauthorizedOperation" in line]
    assert len(refused) <= 12, "one line for each tag, and some for those who were tried"
    assert any("other instances" in line for line in refused)


def test_tags_that_are_written_though_the_answer_cannot_be_read_are_told_as_written(
    engine: Engine,
) -> None:
    tagged = engine.launch({"Name": "web"})

    with answer_malformed("CreateTags"):
        summary = engine.run()

    assert engine.tags(tagged)["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["tagged"] == 3
    assert summary["outcomes"]["deferred"] == 0


def test_the_policies_for_a_grace_period_are_those_that_terraform_renders(
    rendered: Rendered,
) -> None:
    former = ["due", "tag-policy:old"]

    made = as_configured(
        rendered.policies["terminate"], "terminate", "warned", DUE, former, has_grace=True
    )

    assert _sorted(made) == _sorted(rendered.policies["warned"])


def _sorted(value: Any) -> Any:
    """Return policies in which lists have one order, and a list of one is its element."""
    if isinstance(value, dict):
        return {k: _sorted(v) for k, v in value.items()}
    if isinstance(value, list):
        some = sorted((_sorted(v) for v in value), key=repr)
        return some[0] if len(some) == 1 else some
    return value
