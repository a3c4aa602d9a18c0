"""What hangs off instances: volumes, interfaces, addresses, images, snapshots of volumes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from moto.ec2 import ec2_backends

from tag_policy.reporting.publish import RunError
from tests.integration.conftest import Engine, FakeContext
from tests.support import fleet, moto_hanging
from tests.support.calls import AwsError, Call, acting, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.faults import answer_lost

ALL_TYPES = ["instance", "volume", "network-interface", "snapshot", "image", "elastic-ip"]
CENTER = {
    "TagKey": "Center",
    "ResourceTypes": ALL_TYPES,
    "Action": "Update",
    "From": ["volume", "instance", "vpc"],
    "AllowedValues": ["4*"],
}
OWNER = {"TagKey": "Owner", "Action": "UserLookup"}
OWNER_OF_THE_REST = {
    "TagKey": "Owner",
    "ResourceTypes": ["volume", "snapshot"],
    "Action": "Update",
    "From": ["instance"],
}
OLD = {"TagKey": "Old", "ResourceTypes": ["volume"], "Action": "Remove"}
RULES = {10: CENTER, 20: OWNER, 30: OWNER_OF_THE_REST, 40: OLD}


@dataclass
class Hung:
    """An instance, and what hangs off it: by its type, the id of one."""

    instance: str
    volume: str
    data: str
    interface: str
    address: str
    image: str
    snapshot: str


@pytest.fixture
def engine(make_engine: Callable[[str], Engine]) -> Engine:
    """An engine whose role may write Center and Owner of everything, and delete Old."""
    made = make_engine("hanging")
    made.set_rules(RULES)
    return made


def launch(engine: Engine, tags: Mapping[str, str] | None = None, **options: Any) -> Hung:
    """Launch an instance with something of every type that hangs off it."""
    ec2 = engine.client("ec2")
    instance_id = engine.launch(tags, **options)
    (shown,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    zone = shown["Placement"]["AvailabilityZone"]
    data = ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
    ec2.attach_volume(VolumeId=data, InstanceId=instance_id, Device="/dev/sdf")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=address, InstanceId=instance_id)
    return Hung(
        instance=instance_id,
        volume=shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],
        data=data,
        interface=shown["NetworkInterfaces"][0]["NetworkInterfaceId"],
        address=address,
        image=ec2.create_image(InstanceId=instance_id, Name=f"of {instance_id}")["ImageId"],
        snapshot=ec2.create_snapshot(VolumeId=data)["SnapshotId"],
    )


def test_everything_that_hangs_off_an_instance_gets_its_tags_from_there(engine: Engine) -> None:
    hung = launch(engine, {"Center": "4711", "Name": "web"})
    engine.tag(hung.data, Center="4712", Old="x")

    first, second = engine.run(), engine.run()

    owner = engine.tags(hung.instance)["Owner"]
    assert engine.tags(hung.volume) == {"Center": "4711", "Owner": owner}
    assert engine.tags(hung.data) == {"Center": "4712", "Owner": owner}
    assert engine.tags(hung.snapshot) == {"Center": "4712", "Owner": owner}, "as its volume"
    for one in (hung.interface, hung.address, hung.image):
        assert engine.tags(one) == {"Center": "4711"}, one
    assert first["outcomes"]["removed"] == 1
    assert first["complete"]
    assert (second["outcomes"]["tagged"], second["outcomes"]["reported"]) == (0, 0)
    assert second["resources"]["volume"] == {
        "looked_at": 2,
        "compliant": 2,
        "exempt": 0,
        "violations": 0,
    }
    assert second["resources"]["instance"]["looked_at"] == second["instances"] == 1


def test_an_audit_says_what_an_enforcing_run_then_does(engine: Engine) -> None:
    launch(engine, {"Name": "web"})
    engine.tag(engine.vpc.vpc_id, Center="4700")

    said = engine.run({"mode": "audit"})
    assert "CreateTags" not in engine.changes()
    done = engine.run()

    assert said["outcomes"] == done["outcomes"]
    assert said["outcomes"]["tagged"] == 7 + 4, "what is written to the instance is handed on"


def test_what_hangs_off_an_exempt_instance_is_exempt_with_it(engine: Engine) -> None:
    hung = launch(engine, {"Center": "4711", "tag-policy:exempt": "see OPS-1"})

    summary = engine.run()

    for one in (hung.volume, hung.data, hung.snapshot, hung.interface, hung.address, hung.image):
        assert engine.tags(one) == {}
    assert summary["resources"]["volume"]["exempt"] == 2
    assert summary["outcomes"]["tagged"] == 0


def test_what_is_exempt_itself_is_left_alone(engine: Engine) -> None:
    hung = launch(engine, {"Center": "4711"})
    engine.tag(hung.data, exempt="2999-12-31")

    engine.run()

    assert engine.tags(hung.data) == {"tag-policy:exempt": "2999-12-31"}
    assert engine.tags(hung.volume)["Center"] == "4711"
    assert engine.tags(hung.snapshot) == {}, "it hangs off what is exempt"


@pytest.mark.parametrize("number", range(1, 4))
def test_whoever_acts_right_before_a_call_is_heeded(engine: Engine, number: int) -> None:
    """Nothing is written to what is exempt, attached elsewhere, or has a value by then."""
    first = launch(engine, {"Center": "4711", "Owner": "jane"})
    other = engine.launch({"Center": "4999", "Owner": "joe"})
    ec2 = engine.client("ec2")
    acts: list[Callable[[], Any]] = [
        lambda: engine.tag(first.instance, exempt="yes"),
        lambda: (
            ec2.detach_volume(VolumeId=first.data, InstanceId=first.instance),
            ec2.attach_volume(VolumeId=first.data, InstanceId=other, Device="/dev/sdf"),
        ),
        lambda: engine.tag(first.data, Center="4000"),
    ]
    listed = [False]

    def act(call: Call) -> None:
        """Act when the volumes have been listed, and are about to be looked at again."""
        by_id = any(one["Name"] == "volume-id" for one in call.parameters.get("Filters", []))
        if call.action == "DescribeVolumes" and by_id and not listed[0]:
            listed[0] = True
            acts[number - 1]()

    with acting(act):
        engine.run()

    assert listed[0]
    expected = [{}, {}, {"Center": "4000"}][number - 1]
    written = engine.tags(first.data)
    assert {k: v for k, v in written.items() if k in ("Center", "Owner")} == expected
    engine.run()
    again = engine.tags(first.data)
    assert again.get("Center") == [None, "4999", "4000"][number - 1]
    assert again.get("Owner") == [None, "joe", "jane"][number - 1]


def test_what_hangs_off_several_with_different_values_is_told_and_takes_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (engine.launch({"Center": center, "Owner": "o"}) for center in ("4711", "4712"))
    ec2 = engine.client("ec2")
    shown = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    zone = shown["Placement"]["AvailabilityZone"]
    shared = ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
    ec2.attach_volume(VolumeId=shared, InstanceId=one, Device="/dev/sdf")
    moto_hanging.attach_to(ec2_backends[ACCOUNT_ID][REGION], shared, two)

    # As if they were of two calls, each of which shows it.
    monkeypatch.setattr("tag_policy.runs.sweep.instances_a_call", lambda _: 1)

    summary = engine.run()

    assert engine.tags(shared) == {"Owner": "o"}, "of this they have the same"
    assert summary["resources"]["volume"]["looked_at"] == 3
    told = engine.emails()[-1].text
    assert f"{shared}  Center  required tag missing; it hangs off several with different" in told
    assert f"instance {one} has '4711'" in told
    assert f"instance {two} has '4712'" in told


def test_where_volumes_may_not_be_listed_all_else_is_done_and_the_run_fails(
    engine: Engine,
) -> None:
    hung = launch(engine, {"Center": "4711"})

    with (
        failing("DescribeVolumes", AwsError("UnauthorizedOperation", status=403)),
        pytest.raises(RunError) as error,
    ):
        engine.run()

    assert "the volumes could not all be listed" in str(error.value)
    assert engine.tags(hung.address) == {"Center": "4711"}
    assert "Owner" in engine.tags(hung.instance)
    assert engine.tags(hung.volume) == {}


def test_what_others_share_with_the_account_is_left_alone(engine: Engine) -> None:
    hung = launch(engine, {"Center": "4711"})
    backend = ec2_backends[ACCOUNT_ID][REGION]
    backend.snapshots[hung.snapshot].owner_id = "999999999999"

    engine.run()

    assert engine.tags(hung.snapshot) == {}


def test_what_hangs_off_an_instance_elsewhere_is_left_alone(engine: Engine) -> None:
    elsewhere = fleet.create_vpc(engine)
    (instance_id,) = fleet.launch(engine, elsewhere, {"Center": "4711"})
    ec2 = engine.client("ec2")
    (shown,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    engine.launch({"Center": "4711"})

    engine.run()

    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert engine.tags(volume) == {}


def test_an_answer_that_is_lost_is_made_good_by_a_look(engine: Engine) -> None:
    hung = launch(engine, {"Center": "4711", "Owner": "jane"})

    with answer_lost("CreateTags"):
        first = engine.run()
    second = engine.run()

    assert engine.tags(hung.data) == {"Center": "4711", "Owner": "jane"}
    assert first["outcomes"]["failed"] == 0
    assert second["outcomes"]["tagged"] == 0


def test_rules_about_instances_alone_ask_for_nothing_else(engine: Engine) -> None:
    engine.set_rules({10: CENTER | {"ResourceTypes": ["instance"], "From": ["vpc"]}})
    launch(engine, {"Name": "web"})

    engine.run()

    assert not {"DescribeVolumes", "DescribeSnapshots", "DescribeAddresses"} & set(engine.actions())


def test_an_event_about_an_instance_fills_what_hangs_off_it_and_leaves_the_rest_to_the_sweep(
    engine: Engine,
) -> None:
    queue = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/events"
    engine.environment = {"TAG_POLICY_QUEUE_URL": queue, "TAG_POLICY_SCHEDULE": "rate(1 hour)"}
    hung = launch(engine, {"Center": "4711", "Owner": "jane"})
    engine.tag(hung.data, Old="x", Center="1")
    event = {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": ACCOUNT_ID,
        "time": f"{engine.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": [f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{hung.instance}"],
        "detail": {"instance-id": hung.instance, "state": "running"},
    }
    record = {
        "messageId": "1",
        "receiptHandle": "r",
        "body": json.dumps(event),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:events",
        "attributes": {"ApproximateReceiveCount": "1"},
    }

    answer = engine.run({"Records": [record]})

    assert answer["batchItemFailures"] == []
    assert engine.tags(hung.volume) == {"Center": "4711", "Owner": "jane"}
    assert engine.tags(hung.data) == {"Center": "1", "Owner": "jane", "Old": "x"}
    assert engine.tags(hung.address) == {"Center": "4711"}
    (told,) = engine.emails()
    assert "Center" in told.text
    assert "Old" not in told.text


@pytest.mark.parametrize("calls", range(1, 12))
def test_a_run_whose_time_is_up_says_so_and_the_next_goes_on(engine: Engine, calls: int) -> None:
    hung = launch(engine, {"Center": "4711", "Owner": "jane"})
    context = FakeContext(invoked_function_arn=engine.arn)
    passed = 0

    def run_down(call: Call) -> None:
        nonlocal passed
        passed += call.service == "ec2"
        if passed == calls:
            context.remaining_millis[:] = [100_000]

    with listening(run_down):
        first = engine.run(context=context)
    second = engine.run()

    assert not first["complete"]
    assert second["complete"]
    for one in (hung.volume, hung.data, hung.snapshot):
        assert engine.tags(one) == {"Center": "4711", "Owner": "jane"}
    assert engine.run()["outcomes"]["tagged"] == 0


def test_what_is_not_known_of_the_instance_yet_is_no_reason_for_a_default(engine: Engine) -> None:
    rest = OWNER_OF_THE_REST | {"Default": "nobody"}
    engine.set_rules({20: OWNER, 30: rest})
    hung = launch(engine, {"Name": "web"})

    with failing("LookupEvents", AwsError("AccessDeniedException")):
        first = engine.run()
        assert "Owner" not in engine.tags(hung.volume) | engine.tags(hung.snapshot)
    second = engine.run()

    owner = engine.tags(hung.instance)["Owner"]
    assert (first["outcomes"]["tagged"], second["outcomes"]["tagged"]) == (0, 4)
    for one in (hung.volume, hung.data, hung.snapshot):
        assert engine.tags(one) == {"Owner": owner}


def test_where_more_is_handed_on_than_a_run_holds_what_hangs_off_waits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tag_policy.runs.engine.MOST_HELD", 1)
    engine.set_rules({10: CENTER | {"From": ["instance", "vpc"]}})
    hung = [launch(engine, {"Owner": "jane"}) for _ in range(2)]
    engine.tag(engine.vpc.vpc_id, Center="4700")

    first, second = engine.run(), engine.run()

    assert not first["complete"]
    assert "volume" not in first["resources"]
    assert second["complete"]
    assert all(engine.tags(one.volume)["Center"] == "4700" for one in hung)


def test_what_more_volumes_hand_on_than_a_run_holds_is_left_to_the_next_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tag_policy.runs.engine.MOST_HELD", 1)
    engine.set_rules({10: CENTER | {"Default": "4000"}})
    hung = launch(engine, {"Center": "4711"})
    engine.client("ec2").create_snapshot(VolumeId=hung.volume)

    first, second = engine.run(), engine.run()

    assert not first["complete"]
    assert "volume" in first["resources"]
    assert "snapshot" not in first["resources"]
    assert (second["complete"], second["outcomes"]["tagged"]) == (True, 5)
    assert engine.tags(hung.snapshot) == {"Center": "4711"}


def test_of_two_rules_for_a_type_the_first_is_the_rule(engine: Engine) -> None:
    """Found by a reviewer: both were, and each run wrote over what the other had written."""
    stays = {"TagKey": "Center", "Action": "Update", "ResourceTypes": ["instance", "volume"]}
    other = stays | {"ResourceTypes": ["volume", "snapshot"], "Default": "4002"}
    engine.set_rules({10: stays | {"Default": "4001"}, 20: other})
    hung = launch(engine, {"Name": "web"})

    first, second = engine.run(), engine.run()

    assert first["rule_errors"] == 0
    assert engine.tags(hung.volume) == {"Center": "4001"}
    assert engine.tags(hung.snapshot) == {"Center": "4002"}
    assert second["outcomes"]["tagged"] == 0


def test_whatever_a_value_comes_from_an_instance_that_is_exempt_by_now_keeps_it_off(
    engine: Engine,
) -> None:
    engine.set_rules({10: CENTER | {"From": ["vpc"], "Default": "4000"}})
    hung = launch(engine, {"Center": "4711"})
    listed: list[Call] = []

    def act(call: Call) -> None:
        """Exempt the instance as soon as its volumes, and then itself, have been shown."""
        if call.action == "DescribeVolumes" and not listed:
            listed.append(call)
        elif listed and call.action != "DescribeInstances" and len(listed) == 1:
            listed.append(call)
            engine.tag(hung.instance, exempt="yes")

    with acting(act):
        summary = engine.run()

    assert len(listed) == 2
    for one in (hung.volume, hung.data, hung.snapshot, hung.address):
        assert engine.tags(one) == {}
    assert summary["outcomes"]["tagged"] == 0


def test_a_tag_that_is_refused_to_one_type_is_written_to_the_others(engine: Engine) -> None:
    hung = [launch(engine, {"Name": "web"}) for _ in range(3)]
    engine.tag(engine.vpc.vpc_id, Center="4700")

    def is_of_volumes(call: Call) -> bool:
        return any(one.startswith("vol-") for one in call.parameters["Resources"])

    denied = AwsError("UnauthorizedOperation", status=403)
    with failing("CreateTags", denied, when=is_of_volumes):
        summary = engine.run()

    assert summary["outcomes"]["failed"] == 6 * 2
    assert all("Center" not in engine.tags(one.volume) for one in hung)
    for one in hung:
        for written in (one.instance, one.interface, one.address, one.image):
            assert engine.tags(written)["Center"] == "4700"


def test_when_the_time_is_up_nothing_more_is_listed(engine: Engine) -> None:
    launch(engine, {"Name": "web"})
    engine.tag(engine.vpc.vpc_id, Center="4700")
    context = FakeContext(invoked_function_arn=engine.arn)

    def run_down(call: Call) -> None:
        if call.action == "CreateTags":
            context.remaining_millis[:] = [100_000]

    with listening(run_down):
        summary = engine.run(context=context)

    assert not summary["complete"]
    assert not {"DescribeVolumes", "DescribeSnapshots", "DescribeAddresses"} & set(engine.actions())
    assert "goes on with what is left of the snapshots" in engine.emails()[-1].text
