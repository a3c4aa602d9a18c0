"""What AWS makes of a run: how long its limits let it take, and what Lambda charges for it.

The stand-in answers at once. AWS does not: each account has a bucket of tokens for each action, a
call takes one, and so many a second come back.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bucket:
    """Tokens that are there at first, and that come back each second."""

    size: int
    refill: int


BUCKETS = {
    "DescribeInstances": Bucket(100, 20),
    "CreateTags": Bucket(100, 10),
    "DeleteTags": Bucket(100, 10),
    "TerminateInstances": Bucket(100, 5),
    "LookupEvents": Bucket(2, 2),
}
LAMBDA_SECONDS = 900
"""The longest that a function may run."""

RUNS_A_MONTH = 730
DOLLARS_A_GB_SECOND = 0.0000166667
"""x86, the first tier. https://aws.amazon.com/lambda/pricing/"""

GB_OF_A_CORE = 1.769
"""The memory with which a function has one core.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""


def waiting_seconds(calls: Mapping[str, int]) -> float:
    """Return how long the buckets make a run wait that makes its calls one after the other."""
    waits = (
        max(0, number - BUCKETS[action].size) / BUCKETS[action].refill
        for action, number in calls.items()
        if action in BUCKETS
    )
    return sum(waits)


def floor_seconds(calls: Mapping[str, int]) -> float:
    """Return how long the buckets alone make a run take that makes its calls side by side."""
    return max(waiting_seconds({action: number}) for action, number in calls.items())


def minutes(seconds: float, calls: Mapping[str, int]) -> float:
    """Return how long a run takes at least, given how long it took against the stand-in."""
    return (seconds + waiting_seconds(calls)) / 60


def memory_gb(peak_bytes: int) -> float:
    """Return the memory to configure: the next multiple of 128 MB with a fifth to spare."""
    return -(-peak_bytes * 1.2 // (128 * 2**20)) * 0.125


def dollars_a_month(cpu_seconds: float, calls: Mapping[str, int], peak_bytes: int) -> float:
    """Return what hourly runs cost in a month.

    Computing costs the same whatever the memory, because the share of a core follows it; waiting
    costs the memory.
    """
    computing = cpu_seconds * GB_OF_A_CORE
    waiting = waiting_seconds(calls) * memory_gb(peak_bytes)
    return (computing + waiting) * DOLLARS_A_GB_SECOND * RUNS_A_MONTH
