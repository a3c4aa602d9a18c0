"""What a trigger may ask for, and the error for what it may not."""

from dataclasses import dataclass

from tag_policy.model.assignment import Assignment
from tag_policy.model.error import TagPolicyError

ACCEPTED = (
    "accepted are an EventBridge scheduled event, {}, an object with 'vpc_ids', 'mode' or both, "
    'such as {"vpc_ids": ["vpc-0a1b2c3d"], "mode": "audit"}, and, where event_triggers or '
    "config_rule are set, what the event queue and AWS Config send"
)


class EventError(TagPolicyError):
    """The event is none that the function accepts, or asks for what it may not."""


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """A sweep: everything, or the VPCs that somebody has named."""

    assignment: Assignment
