"""Somebody acts between two calls of a run: a test for each kind of thing that went wrong then."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto.ec2.models import ec2_backends

from tag_policy.handler import RunError
from tag_policy.model.mark import Mark
from tag_policy.reporting import sns_message as message
from tag_policy.rules.mark import read_mark
from tag_policy.runs import announcements
from tests.integration.conftest import Engine, FakeContext
from tests.integration.world import SECOND
from tests.support import fleet
from tests.support.acts import Act, Person, before
from tests.support.calls import AwsError, Call, answering, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION
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


@contextmanager
def throttled_and_then(
    engine: Engine, action: str, number: int, instance_id: str, tags: Mapping[str, str]
) -> Iterator[list[Call]]:
    """Throttle one call of an action; somebody tags an instance in the pause after it."""
    calls: list[Call] = []
    pauses = itertools.count(1)

    def in_the_pause() -> None:
        if next(pauses) == 1:
            # Not by a call, which would be taken for the engine's.
            ec2_backends[ACCOUNT_ID][REGION].create_tags([instance_id], tags)

    def throttle(call: Call) -> None:
        if call.action == action:
            calls.append(call)
            if len(calls) == number:
                engine.clock.on_sleep = in_the_pause
                raise AwsError("RequestLimitExceeded", status=503)

    with listening(throttle):
        yield calls


def test_an_owner_who_acts_in_the_pause_before_an_end_is_tried_again_keeps_the_instance(
    engine: Engine,
) -> None:
    theirs = engine.launch()

    with throttled_and_then(engine, "TerminateInstances", 1, theirs, {"team": "x"}) as calls:
        engine.run()

    assert len(calls) == 1, "the look comes after the pause"
    assert engine.state(theirs) == "running"


def test_a_value_that_the_owner_writes_in_the_pause_before_a_call_is_made_again_stays(
    engine: Engine,
) -> None:
    theirs = engine.launch({"Name": "web"})

    with throttled_and_then(engine, "CreateTags", 1, theirs, {"ProjectCode": "Apollo"}) as calls:
        engine.run()

    assert len(calls) == 1
    assert engine.tags(theirs)["ProjectCode"] == "Apollo"


def test_who_answers_a_message_in_the_pause_before_the_mark_is_tried_again_is_not_marked(
    engine: Engine,
) -> None:
    engine.environment = DAY
    theirs = engine.launch()

    with throttled_and_then(engine, "CreateTags", 2, theirs, {"Name": "web"}) as calls:
        engine.run()

    assert len(calls) == 2, "one that announces, and one that was to say so"
    assert engine.tags(theirs)[DUE].startswith("announcing ")


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


def is_final(call: Call) -> bool:
    """Tell whether a call writes a mark that counts."""
    tags = call.parameters.get("Tags", [])
    return any(isinstance(read_mark(tag["Value"]), Mark) for tag in tags)


@pytest.mark.parametrize(
    ("error", "tries", "result"),
    [
        (AwsError("RequestLimitExceeded", status=503), 8, "deferred"),
        (AwsError("InternalError", status=500), 8, "deferred"),
        (AwsError("UnauthorizedOperation", status=403), 1, "deferred"),
    ],
    ids=["throttled", "broken", "refused"],
)
def test_a_mark_that_is_not_taken_is_tried_some_times_and_announced_anew(
    engine: Engine, error: AwsError, tries: int, result: str
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    tried = itertools.count(1)

    with failing("CreateTags", error, lambda call: is_final(call) and next(tried) <= 20):
        summary = engine.run()

    assert sum(map(is_final, engine.calls)) == tries
    assert summary["outcomes"][result] == 1
    assert engine.tags(untagged)[DUE].startswith("announcing ")
    engine.run()
    assert isinstance(read_mark(engine.tags(untagged)[DUE]), Mark)


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "InternalError"])
def test_a_mark_that_is_not_taken_at_once_is_written_by_the_same_run(
    engine: Engine, code: str
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    tried = itertools.count(1)

    with failing(
        "CreateTags", AwsError(code, status=503), lambda c: is_final(c) and next(tried) == 1
    ):
        summary = engine.run()

    assert summary["outcomes"]["marked"] == 1
    assert isinstance(read_mark(engine.tags(untagged)[DUE]), Mark)


def test_a_mark_whose_answer_is_lost_is_told_as_written(engine: Engine) -> None:
    engine.environment = DAY
    engine.launch()

    def lose(call: Call, answer: Any) -> Any:
        if is_final(call):
            raise ReadTimeoutError(endpoint_url="the embedded AWS")
        return answer

    with answering(lose):
        summary = engine.run()

    assert (summary["outcomes"]["marked"], summary["outcomes"]["deferred"]) == (1, 0)


def test_where_the_time_is_up_after_the_message_no_mark_is_tried_again(engine: Engine) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    context = FakeContext(invoked_function_arn=engine.arn)

    def run_down(call: Call) -> None:
        if is_final(call):
            context.remaining_millis = [4_000]
            raise AwsError("InternalError", status=500)

    with listening(run_down):
        summary = engine.run(context=context)

    assert sum(map(is_final, engine.calls)) == 1
    assert summary["outcomes"]["deferred"] == 1
    assert engine.tags(untagged)[DUE].startswith("announcing ")


def test_only_what_an_accepted_message_names_gets_its_mark(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(message, "MESSAGE_LIMIT", 4_500)
    engine.environment = DAY
    ids = [engine.launch() for _ in range(12)]
    published = itertools.count(1)

    with (
        failing("Publish", AwsError("InternalError", status=500), lambda _: next(published) > 1),
        pytest.raises(RunError),
    ):
        engine.run()

    (email,) = engine.emails()
    named = {i for i in ids if i in email.text}
    assert 0 < len(named) < 12
    marked = {i for i in ids if isinstance(read_mark(engine.tags(i)[DUE]), Mark)}
    assert marked == named
    (outcomes,) = [vars(r)["summary"]["outcomes"] for r in caplog.records if "summary" in vars(r)]
    assert (outcomes["marked"], outcomes["deferred"]) == (len(named), 12 - len(named))
    engine.run()
    told = " ".join(one.text for one in engine.emails())
    assert all(f"{i}  terminate at " in told for i in ids)
    assert all(isinstance(read_mark(engine.tags(i)[DUE]), Mark) for i in ids)


def test_no_more_is_announced_than_can_be_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "MOST_KEPT", 2)
    engine.environment = DAY
    ids = [engine.launch() for _ in range(3)]

    summary = engine.run()

    assert (summary["outcomes"]["marked"], summary["outcomes"]["deferred"]) == (2, 1)
    assert sum(engine.tags(i) == {} for i in ids) == 1
    assert "announces 2,000 instances at most" in engine.emails()[0].text
    engine.run()
    assert all(isinstance(read_mark(engine.tags(i)[DUE]), Mark) for i in ids)


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


@pytest.mark.parametrize(("slow", "state"), [(2, "terminated"), (3, "running")])
def test_a_look_that_was_answered_too_late_ends_nothing_and_is_taken_again_three_times_in_all(
    engine: Engine, slow: int, state: str
) -> None:
    untagged = engine.launch()
    looks = itertools.count(1)

    def answer_late(call: Call, answer: Any) -> Any:
        # The first two are the listing, and the look before the mark.
        if call.action == "DescribeInstances" and 2 < next(looks) <= 2 + slow:
            engine.clock.sleep(6)
        return answer

    with answering(answer_late):
        engine.run()

    assert engine.state(untagged) == state
    assert engine.actions().count("TerminateInstances") == (state == "terminated")
    assert ("took too long to show the instance" in engine.emails()[0].text) is (slow == 3)


@pytest.mark.parametrize("variant", ["terminate", "stop"])
def test_an_instance_whose_mark_is_taken_away_before_the_look_is_not_ended(
    make_engine: Any, variant: str
) -> None:
    engine: Engine = make_engine(variant)
    theirs = engine.launch()

    untags = Person(engine, engine.clock).untags(theirs, DUE)
    with before(3, untags, action="DescribeInstances") as moment:
        summary = engine.run()

    assert moment.calls
    assert engine.state(theirs) == "running"
    assert engine.changes() == ["CreateTags"]
    assert summary["outcomes"]["deferred"] == 1


def test_a_mark_that_has_changed_before_the_look_is_left_to_the_next_run(
    engine: Engine, person: Person
) -> None:
    engine.environment = DAY
    theirs = engine.launch()
    one, other = (f"{engine.variant}: {FORGED[how]}" for how in ("of long ago", "of the year 9999"))
    engine.tag(theirs, due=one)

    with before(2, person.tags(theirs, {DUE: other}), action="DescribeInstances") as moment:
        summary = engine.run()

    assert moment.calls
    assert engine.tags(theirs) == {DUE: other}
    assert summary["outcomes"]["deferred"] == 1


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


@pytest.mark.parametrize("numbers", [(1, 2, 3, 5), (0,), (0, 4)])
def test_what_is_granted_to_some_is_refused_to_nobody_untried(
    engine: Engine, numbers: tuple[int, ...]
) -> None:
    ids = [engine.launch({"Name": "web"}) for _ in range(8)]
    refused = {ids[n] for n in numbers}  # of the first, a middle one and the last, one is granted

    def names_one(call: Call) -> bool:
        return not refused.isdisjoint(call.parameters["Resources"])

    with failing("CreateTags", AwsError("UnauthorizedOperation", status=403), names_one):
        summary = engine.run()

    assert all(("ProjectCode" in engine.tags(i)) is (i not in refused) for i in ids)
    assert summary["outcomes"]["failed"] == 3 * len(refused)


def test_instances_that_are_full_keep_nobody_else_from_being_tried(engine: Engine) -> None:
    engine.set_rules({1: {"TagKey": "ProjectCode", "Action": "Update", "Default": "x"}})
    full = {f"k{number}": "v" for number in range(50)}
    ids = [engine.launch(full if number % 3 < 2 else {"Name": "web"}) for number in range(12)]

    summary = engine.run()

    assert all(engine.tags(i)["ProjectCode"] == "x" for i in ids[2::3])
    assert (summary["outcomes"]["tagged"], summary["outcomes"]["failed"]) == (4, 8)


def test_tags_that_are_written_though_the_answer_cannot_be_read_are_told_as_written(
    engine: Engine,
) -> None:
    tagged = engine.launch({"Name": "web"})

    with answer_malformed("CreateTags"):
        summary = engine.run()

    assert engine.tags(tagged)["ProjectCode"] == "Proj007"
    assert summary["outcomes"]["tagged"] == 3
    assert summary["outcomes"]["deferred"] == 0


def test_a_mark_of_an_instance_that_is_gone_is_not_told_as_taken_back(engine: Engine) -> None:
    engine.environment = DAY
    theirs = engine.launch()
    engine.run()
    engine.tag(theirs, Name="web", ProjectCode="x", CreatedBy="x", Expires="x")

    def end_it(call: Call, answer: Any) -> Any:
        if call.action == "DeleteTags":
            ec2_backends[ACCOUNT_ID][REGION].terminate_instances([theirs])
            return 500, answer[1], "<<< this is no answer"
        return answer

    with answering(end_it):
        summary = engine.run()

    assert summary["outcomes"]["unmarked"] == 0
    assert summary["outcomes"]["deferred"] == 1


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
