"""What happened some time ago, which takes no time here: launches, and announcements."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from moto.cloudtrail.models import cloudtrail_backends
from moto.ec2.models import ec2_backends

from tag_policy.model.mark import Mark
from tag_policy.rules.mark import read_mark
from tests.support import fleet
from tests.support.embedded_aws import ACCOUNT_ID, REGION, EmbeddedAws
from tests.support.moto_cloudtrail import history_of


def backdate(instance_id: str, age: timedelta, region: str = REGION) -> None:
    """Make an instance, and the events that name it, so old."""
    then = datetime.now(UTC) - age
    born_at(instance_id, then, region)
    for event in history_of(cloudtrail_backends[ACCOUNT_ID][region]).events:
        if any(resource["ResourceName"] == instance_id for resource in event["Resources"]):
            event["EventTime"] = then


def make_due(aws: EmbeddedAws, instance_id: str, state_table: str, key: str) -> None:
    """Make what was announced of an instance due a minute ago.

    The instance, the mark, which is in the tag ``key``, and what the engine remembers of it are as
    if the time had passed since. Raises AssertionError where the instance has no mark that counts.
    """
    mark = read_mark(fleet.tags_of(aws, instance_id)[key])
    assert isinstance(mark, Mark)
    assert mark.announced is not None
    passed = mark.time - (datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    backdate(instance_id, passed + timedelta(hours=1))
    earlier = replace(mark, time=mark.time - passed, announced=mark.announced - passed)
    tag = {"Key": key, "Value": str(earlier)}
    aws.client("ec2").create_tags(Resources=[instance_id], Tags=[tag])
    aws.client("dynamodb").update_item(
        TableName=state_table,
        Key={"Key": {"S": f"announced#{instance_id}"}},
        UpdateExpression="SET #time = :time, #mark = :mark",
        ConditionExpression="attribute_exists(#time)",
        ExpressionAttributeNames={"#time": "Time", "#mark": "Mark"},
        ExpressionAttributeValues={
            ":time": {"S": earlier.time.isoformat()},
            ":mark": {"S": str(earlier)},
        },
    )


def born_at(instance_id: str, time: datetime, region: str = REGION) -> None:
    """Make a time the one of an instance's launch."""
    instance = ec2_backends[ACCOUNT_ID][region].get_instance(instance_id)
    instance.launch_time = time
    for interface in instance.nics.values():
        interface.attach_time = time
