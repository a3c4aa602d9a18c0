"""Thousands of launches, as CloudTrail remembers them, without thousands of instances in moto."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from moto import mock_aws
from moto.cloudtrail.models import cloudtrail_backends

from tag_policy.aws.clock import Clock
from tag_policy.creators.cloudtrail import EventHistory as Questions
from tag_policy.model.resource import ResourceRef
from tests.support import extensions
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.event_history import Event, EventHistory, make_event
from tests.support.moto_lambda import connect

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.client import CloudTrailClient

_UNTIL_ATTACHED = timedelta(seconds=1)


@dataclass(frozen=True)
class Launched:
    """An instance and the event of its launch."""

    instance: ResourceRef
    event: Event


@contextmanager
def embedded_cloudtrail(clock: Clock) -> Iterator[tuple[EventHistory, "CloudTrailClient"]]:
    """Yield an empty event history on a clock, and the client that asks it."""
    extensions.install()
    with mock_aws():
        history = EventHistory(clock=clock)
        cloudtrail_backends[ACCOUNT_ID][REGION].__dict__["event_history"] = history
        yield history, _client()


@cache
def _client() -> "CloudTrailClient":
    """The client of the function, which does not repeat calls by itself."""
    client: CloudTrailClient = connect(
        "cloudtrail", region_name=REGION, config=Config(retries={"total_max_attempts": 1})
    )
    return client


def questions(
    client: "CloudTrailClient", clock: Clock, budget: timedelta = timedelta(days=365)
) -> Questions:
    """Make the engine's own access to the history, at CloudTrail's pace."""
    until = clock.now() + budget
    return Questions(client, clock, lookups_per_second=2, out_of_time=lambda: clock.now() >= until)


def launched(number: int, at: datetime) -> Launched:
    """Make an instance that somebody launched at a time, in a call of its own."""
    instance_id = f"i-{number:017x}"
    event = make_event("RunInstances", user(number), [instance_id], at)
    created_at = event["EventTime"] + _UNTIL_ATTACHED
    return Launched(ResourceRef(instance_id, "vpc-0a1b2c3d", "", created_at, {}), event)


def user(number: int) -> dict[str, Any]:
    """Make the identity of one of seven users."""
    return {"type": "IAMUser", "userName": f"user-{number % 7}"}


def in_bursts(
    now: datetime, *, bursts: int, size: int, over: timedelta, within: timedelta
) -> Iterator[Launched]:
    """Yield the launches of some bursts; each launch is a call of its own."""
    for burst in range(bursts):
        start = now - over + over * burst / bursts
        for position in range(size):
            yield launched(burst * size + position, start + within * position / size)


def evenly(now: datetime, *, count: int, over: timedelta) -> Iterator[Launched]:
    """Yield launches that are equally far apart."""
    for number in range(count):
        yield launched(number, now - over + over * (number + 0.5) / count)


def of_others(now: datetime, *, count: int, over: timedelta, seed: int = 1) -> Iterable[Event]:
    """Return launches elsewhere in the account, at times that do not depend on each other."""
    random = Random(seed)  # the same at every run
    for number in range(count):
        at = now - over * random.random()
        yield make_event("RunInstances", user(number), [f"i-{2**60 + number:017x}"], at)
