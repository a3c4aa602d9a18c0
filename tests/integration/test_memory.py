"""What the engine remembers, and what it makes of a table that answers in part, or strangely."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from tag_policy.model import Mark
from tag_policy.rules.mark import read_mark
from tag_policy.runs.memory import Memory, MemoryFailedError, Told
from tests.integration.conftest import Engine, shared_clients
from tests.support.builders import NOW
from tests.support.calls import AwsError, failing

HOUR = timedelta(hours=1)
DUE = "tag-policy:due"
DAY = {"TAG_POLICY_GRACE_PERIOD": "24h"}
MONTH = {"TAG_POLICY_GRACE_PERIOD": "30d"}


def test_what_is_remembered_is_there_again_however_much_it_is(engine: Engine) -> None:
    memory = Memory(shared_clients(), f"{engine.variant}-state")
    told = {f"i-{n:017x}": Told(NOW + n * HOUR, f"mark {n}") for n in range(230)}

    memory.remember_told(told)

    assert memory.last_told(told.keys() | {"i-00000000000fffff"}) == told


def test_what_dynamodb_leaves_unprocessed_is_asked_for_again_and_not_for_ever() -> None:
    clients = shared_clients()
    memory = Memory(clients, "state")
    item = {"Key": {"S": "announced#i-1"}, "Time": {"S": NOW.isoformat()}, "Mark": {"S": "m"}}
    left = {"state": {"Keys": [{"Key": {"S": "announced#i-1"}}]}}
    with Stubber(clients.dynamodb) as stub:
        stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})
        stub.add_response("batch_get_item", {"Responses": {"state": [item]}})
        assert memory.last_told(["i-1"]) == {"i-1": Told(NOW, "m")}
        for _ in range(5):
            stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})
        with pytest.raises(MemoryFailedError):
            memory.last_told(["i-1"])


def test_what_dynamodb_does_not_take_is_written_again_and_not_for_ever() -> None:
    clients = shared_clients()
    memory = Memory(clients, "state")
    left = {"state": [{"PutRequest": {"Item": {"Key": {"S": "announced#i-1"}}}}]}
    with Stubber(clients.dynamodb) as stub:
        stub.add_response("batch_write_item", {"UnprocessedItems": left})
        stub.add_response("batch_write_item", {"UnprocessedItems": {}}, {"RequestItems": left})
        memory.remember_told({"i-1": Told(NOW, "m")})
        stub.assert_no_pending_responses()
        for _ in range(5):
            stub.add_response("batch_write_item", {"UnprocessedItems": left})
        with pytest.raises(MemoryFailedError):
            memory.remember_told({"i-1": Told(NOW, "m")})


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


def test_what_cannot_be_remembered_is_not_marked_so_that_no_other_grace_period_ends_it_sooner(
    engine: Engine,
) -> None:
    engine.environment = DAY
    untagged = engine.launch()
    with failing("BatchWriteItem", AwsError("ThrottlingException", status=400)):
        summary = engine.run()

    assert (summary["outcomes"]["marked"], summary["outcomes"]["deferred"]) == (0, 1)
    assert not isinstance(read_mark(engine.tags(untagged)[DUE]), Mark)
