"""Which record is the launch of an instance, and what it says: decided here, for every run. Pure.

A sweep, an event and AWS Config ask the same question, and get the same answer: the earliest launch
that names the instance, near its creation. A launch may be told more than once, because whoever
repeats a call of ``RunInstances`` with its client token gets the same instances, perhaps as another
principal, and the repetition is recorded, too.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tag_policy.creators.principal import principal_of
from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.model.launch import Known, Launch, NotKnownYet
from tag_policy.model.outcome import CREATOR_NOT_LOOKED_UP
from tag_policy.model.resource import ResourceRef

LATER = timedelta(minutes=2)
"""How much later than the creation of an instance the event of its launch may be.

An event bears the time at which its call was completed, by the clock of another machine.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

EARLIER = timedelta(minutes=10)
"""How much earlier it may be, at most, where the creation is known no better than that."""


_APART = timedelta(seconds=15)
"""How much later it is of what may repeat another launch: nearly all are told within two seconds of
the creation."""

ON_ITS_WAY = NotKnownYet("it is so new that its launch event may still be on its way")
"""Where a later run asks again."""

NOBODY_WILL_ASK = NotKnownYet(
    "its launch event may still be on its way, and no schedule looks for it later; run the "
    "function in a while, or set the tag by hand",
    CREATOR_NOT_LOOKED_UP,
)
"""Where none does."""


def launch_among(
    launches: Iterable[LaunchEvent], instance: ResourceRef, *, whole_history: bool = False
) -> LaunchEvent | None:
    """Return the launch of an instance: the earliest that names it; None where none is that.

    Not one that is later than its creation, which is a repetition. One that is earlier by more than
    two clocks may differ only where the launches are all that the ``whole_history`` has about the
    instance: its creation may be known too late, and a repetition lie before what is taken for it.
    """
    named = [
        launch
        for launch in launches
        if instance.resource_id in launch.instance_ids
        and launch.event_time <= instance.created_at + LATER
        and (whole_history or launch.event_time >= instance.created_at - LATER)
    ]
    return min(named, key=lambda launch: (launch.event_time, launch.event_id), default=None)


def may_repeat_another(launch: LaunchEvent, instance: ResourceRef) -> bool:
    """Tell whether a launch may be the repetition of an earlier one, as it is rather late.

    That one may name nobody, because it is too large for a record.
    """
    return launch.event_time > instance.created_at + _APART


@dataclass(frozen=True, slots=True)
class IncompleteLaunch:
    """A launch whose record leaves out some or all of the instances."""

    event_id: str
    event_time: datetime

    def may_be_of(self, instance: ResourceRef) -> bool:
        """Tell whether an instance may be among those that are left out."""
        return -EARLIER <= self.event_time - instance.created_at <= LATER


def what_it_says(launch: LaunchEvent, instance: ResourceRef) -> Known | NotKnownYet:
    """Return what the event of an instance's launch says of its creator.

    One that cannot be read, or whose element names nobody in a way that we know, is *not known
    yet*: somebody launched the instance, so that nobody would be untrue.
    """
    identity = launch.user_identity
    principal = None if identity is None else principal_of(identity, instance.managers)
    if principal is None:
        return unreadable(f"who acted in its launch event {launch.event_id}")
    return Known(
        Launch(
            kind=principal.kind,
            name=principal.name,
            role=principal.role,
            arn=principal.arn,
            event_id=launch.event_id,
            event_time=launch.event_time,
        )
    )


def unreadable(what: str) -> NotKnownYet:
    """Return the answer where there is something that no later run can read, either."""
    return NotKnownYet(f"{what} can never be read; set the tag by hand", by_hand=True)
