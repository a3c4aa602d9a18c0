"""What the engine remembers: how it is kept, and what of it cannot be read."""

from datetime import timedelta, timezone

import pytest
from botocore.stub import Stubber

from tag_policy.aws.clients import Clients
from tag_policy.model.instance import Interface
from tag_policy.runs.memory import MEMORY_ERRORS, Listed, Memory, MemoryFailedError, Told
from tests.support.builders import HOME, NOW
from tests.support.small_aws import STATE_TABLE, SmallAws, refusal


def test_what_dynamodb_leaves_unprocessed_is_asked_for_again_and_not_for_ever() -> None:
    clients = Clients(HOME)
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
    clients = Clients(HOME)
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


def memory(aws: SmallAws) -> Memory:
    return Memory(aws.clients, STATE_TABLE)


def told_of(number: int) -> dict[str, Told]:
    return {f"i-{n:017x}": Told(NOW + timedelta(hours=n), f"mark {n}") for n in range(number)}


def test_about_nobody_the_table_is_not_asked() -> None:
    aws = SmallAws()

    assert memory(aws).last_told([]) == {}
    memory(aws).remember_told({})

    assert aws.calls == []


@pytest.mark.parametrize(
    ("number", "writes", "reads"), [(1, 1, 1), (25, 1, 1), (26, 2, 1), (100, 4, 1), (101, 5, 2)]
)
def test_no_call_is_about_more_items_than_dynamodb_takes_and_none_is_left_out(
    number: int, writes: int, reads: int
) -> None:
    aws = SmallAws()
    told = told_of(number)

    memory(aws).remember_told(told)

    assert memory(aws).last_told(told) == told
    assert (aws.calls.count("BatchWriteItem"), aws.calls.count("BatchGetItem")) == (writes, reads)


def test_only_those_of_whom_people_were_told_are_returned() -> None:
    aws = SmallAws()
    memory(aws).remember_told({"i-1": Told(NOW, "m")})

    assert memory(aws).last_told({"i-1", "i-2"}) == {"i-1": Told(NOW, "m")}


def test_what_was_told_later_takes_the_place_of_what_was_told_before() -> None:
    aws = SmallAws()
    memory(aws).remember_told({"i-1": Told(NOW, "m")})
    memory(aws).remember_told({"i-1": Told(NOW + timedelta(days=1), "")})

    assert memory(aws).last_told(["i-1"]) == {"i-1": Told(NOW + timedelta(days=1), "")}


def test_an_entry_goes_ninety_days_after_the_time_that_was_told_and_not_after_today() -> None:
    """An announcement of a long grace period must not be forgotten before its time."""
    aws = SmallAws()
    time = NOW + timedelta(days=365)

    memory(aws).remember_told({"i-1": Told(time, "m")})

    expires = int(aws.state["announced#i-1"]["ExpiresAt"]["N"])
    assert expires == (time + timedelta(days=90)).timestamp()


def test_a_time_of_any_zone_is_the_same_time_when_it_is_read() -> None:
    aws = SmallAws()
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))

    memory(aws).remember_told({"i-1": Told(tokyo, "m")})

    assert aws.state["announced#i-1"]["Time"]["S"] == "2026-11-23T08:00:00+00:00"
    assert memory(aws).last_told(["i-1"])["i-1"].time == NOW


@pytest.mark.parametrize(
    "spoilt",
    [
        {"Time": {"S": "2026-11-23T08:00:00"}},
        {"Time": {"S": "soon"}},
        {"Time": {"N": "1"}},
        {"Time": None},
        {"Mark": {"N": "1"}},
    ],
    ids=str,
)
def test_what_a_stranger_has_spoilt_is_an_error_that_runs_expect(spoilt: dict[str, object]) -> None:
    aws = SmallAws()
    memory(aws).remember_told({"i-1": Told(NOW, "m")})
    aws.state["announced#i-1"] = {**aws.state["announced#i-1"], **spoilt}

    with pytest.raises(MEMORY_ERRORS):
        memory(aws).last_told(["i-1"])


def test_an_error_in_the_middle_leaves_what_was_remembered_before_it() -> None:
    aws = SmallAws(failing={"BatchWriteItem": [None, refusal("AccessDeniedException")]})

    with pytest.raises(MEMORY_ERRORS, match="AccessDenied"):
        memory(aws).remember_told(told_of(60))

    assert memory(aws).last_told(told_of(60)) == told_of(25)


def test_where_nothing_was_ever_listed_there_is_no_time_of_it() -> None:
    assert memory(SmallAws()).listed("enforce") == Listed(frozenset(), None)


def test_what_was_listed_is_remembered_by_the_kind_of_run() -> None:
    aws = SmallAws()
    listed = Listed(frozenset({0, 7, 2**64 - 1}), NOW)

    memory(aws).remember_listed("enforce", listed)

    assert memory(aws).listed("enforce") == listed
    assert memory(aws).listed("audit") == Listed(frozenset(), None)


def test_that_nothing_is_listed_any_more_is_remembered_too() -> None:
    aws = SmallAws()
    memory(aws).remember_listed("enforce", Listed(frozenset({1}), NOW))
    memory(aws).remember_listed("enforce", Listed(frozenset(), NOW))

    assert memory(aws).listed("enforce") == Listed(frozenset(), NOW)


def test_more_than_an_item_holds_is_forgotten_and_not_refused() -> None:
    aws = SmallAws()

    memory(aws).remember_listed("enforce", Listed(frozenset(range(50_000)), NOW))

    remembered = memory(aws).listed("enforce").digests
    assert remembered == frozenset(range(45_000)), "what is forgotten is listed again"


def test_what_was_listed_was_listed_at_some_time() -> None:
    with pytest.raises(ValueError, match="at some time"):
        memory(SmallAws()).remember_listed("enforce", Listed(frozenset({1}), None))


@pytest.mark.parametrize("digests", [{"B": b"seven b"}, {"S": "text"}, {}], ids=str)
def test_digests_that_cannot_be_read_are_an_error_that_runs_expect(digests: object) -> None:
    aws = SmallAws()
    memory(aws).remember_listed("enforce", Listed(frozenset({1}), NOW))
    aws.state["listed#enforce"] = {**aws.state["listed#enforce"], "Digests": digests}

    with pytest.raises(MEMORY_ERRORS):
        memory(aws).listed("enforce")


# Which VPCs there were


def test_the_vpcs_of_the_last_sweep_are_known_and_kept_for_as_long_as_they_stay_the_same() -> None:
    aws = SmallAws()
    assert memory(aws).vpcs() == frozenset()

    memory(aws).remember_vpcs(["vpc-2", "vpc-1"])
    memory(aws).remember_vpcs(["vpc-2", "vpc-3"])

    assert memory(aws).vpcs() == {"vpc-2", "vpc-3"}
    (item,) = [item for item in aws.state.values() if item["Key"]["S"] == "vpcs"]
    assert "ExpiresAt" not in item, "it is written only when it changes"


@pytest.mark.parametrize("spoilt", [{}, {"Vpcs": {"S": "vpc-1"}}, {"Vpcs": {"SS": None}}])
def test_an_entry_of_vpcs_that_cannot_be_read_is_an_error_that_is_expected(
    spoilt: dict[str, object],
) -> None:
    aws = SmallAws()
    memory(aws).remember_vpcs(["vpc-1"])
    (key,) = [key for key, item in aws.state.items() if item["Key"]["S"] == "vpcs"]
    aws.state[key] = {"Key": {"S": "vpcs"}, **spoilt}

    with pytest.raises(MEMORY_ERRORS):
        memory(aws).vpcs()


def test_which_security_groups_an_instance_had_is_kept_by_interface_for_more_than_a_year() -> None:
    aws = SmallAws()
    interfaces = [
        Interface("eni-1", "vpc-1", ("sg-1", "sg-2")),
        Interface("eni-2", "vpc-1", ("sg-3",)),
    ]

    kept_now = memory(aws).remember_groups("i-1", interfaces, {"vpc-1": "sg-150"}, NOW)

    assert kept_now == interfaces

    kept = {key: item for key, item in aws.state.items() if key.startswith("isolated#")}
    assert kept.keys() == {"isolated#eni-1", "isolated#eni-2"}
    item = kept["isolated#eni-1"]
    assert (item["Instance"], item["SecurityGroups"]) == ({"S": "i-1"}, {"SS": ["sg-1", "sg-2"]})
    lives = float(item["ExpiresAt"]["N"]) - NOW.timestamp()
    assert lives > timedelta(days=366).total_seconds()


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (("sg-150",), ("sg-1", "sg-2")),  # another group is given now
        (("sg-150", "sg-ssh"), ("sg-1", "sg-2")),  # somebody looks inside
        (("sg-1", "sg-2"), ("sg-1", "sg-2")),  # it was put back
        (("sg-7",), ("sg-7",)),  # it got others
    ],
)
def test_what_an_interface_had_is_not_forgotten_for_what_it_was_given(
    now: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    aws = SmallAws()
    first = [Interface("eni-1", "vpc-1", ("sg-1", "sg-2"))]
    memory(aws).remember_groups("i-1", first, {"vpc-1": "sg-150"}, NOW)

    again = [Interface("eni-1", "vpc-1", now)]
    (had,) = memory(aws).remember_groups("i-1", again, {"vpc-1": "sg-160"}, NOW)

    assert had.groups == kept
    item = aws.state["isolated#eni-1"]
    assert (item["SecurityGroups"], item["Given"]) == ({"SS": list(kept)}, {"S": "sg-160"})
