"""How long AWS takes to answer, and how many calls it lets pass.

Seconds a call and a resource, as seen of EC2 in regions of some thousand instances; the buckets are
AWS's own figures (see ``aws_limits``).
"""

from collections.abc import Callable
from dataclasses import dataclass

from tools.bench.aws_limits import BUCKETS


@dataclass(frozen=True)
class Answering:
    """The seconds that an answer takes: for the call, and for each instance that it is about."""

    call: float
    instance: float = 0.0


AS_AWS_DOES = {
    "DescribeInstances": Answering(0.2, 0.001),
    "CreateTags": Answering(0.1, 0.0025),
    "DeleteTags": Answering(0.1, 0.0025),
}
"""CreateTags of 200 instances takes 0.6 s; a page of 1,000 instances takes 1.2 s."""

_ALL_OTHERS = Answering(0.1)


def seconds(action: str, instances: int) -> float:
    """Return how long AWS takes to answer a call about so many instances."""
    answering = AS_AWS_DOES.get(action, _ALL_OTHERS)
    return answering.call + answering.instance * instances


class Limits:
    """AWS's buckets of tokens: who finds none is throttled. ``now`` gives seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens = {action: (float(bucket.size), now()) for action, bucket in BUCKETS.items()}

    def let_pass(self, action: str) -> bool:
        """Take a token, and tell whether there was one."""
        if action not in BUCKETS:
            return True
        tokens, at = self._tokens[action]
        now, bucket = self._now(), BUCKETS[action]
        tokens = min(bucket.size, tokens + (now - at) * bucket.refill)
        self._tokens[action] = (tokens - (tokens >= 1), now)
        return tokens >= 1
