"""Instances that were launched some time ago, which takes no time here."""

from datetime import UTC, datetime, timedelta

from moto.cloudtrail.models import cloudtrail_backends
from moto.ec2.models import ec2_backends

from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.moto_cloudtrail import history_of


def backdate(instance_id: str, age: timedelta) -> None:
    """Make an instance, and the events that name it, so old."""
    then = datetime.now(UTC) - age
    born_at(instance_id, then)
    for event in history_of(cloudtrail_backends[ACCOUNT_ID][REGION]).events:
        if any(resource["ResourceName"] == instance_id for resource in event["Resources"]):
            event["EventTime"] = then


def born_at(instance_id: str, time: datetime) -> None:
    """Make a time the one of an instance's launch."""
    instance = ec2_backends[ACCOUNT_ID][REGION].get_instance(instance_id)
    instance.launch_time = time
    for interface in instance.nics.values():
        interface.attach_time = time
