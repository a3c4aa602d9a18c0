"""The schedule: a rule of EventBridge wakes the function to look at everything, or its Scheduler.

The Scheduler, which knows time zones, sends what triggers.tf tells it to send.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
"""

from collections.abc import Mapping
from typing import Any

from tag_policy.model.assignment import Assignment, Scope, Trigger
from tag_policy.model.target import Target
from tag_policy.settings import Settings
from tag_policy.triggers.manual import NARROWING
from tag_policy.triggers.request import EventError, SweepRequest

_SOURCES = ("aws.events", "aws.scheduler")


def accepts(event: Mapping[Any, Any], _settings: Settings) -> bool:
    """Tell whether EventBridge's schedule sent an event."""
    return event.get("source") in _SOURCES and event.get("detail-type") == "Scheduled Event"


def read(event: Mapping[Any, Any], settings: Settings, _home: Target) -> SweepRequest:
    """Return that a scheduled event asks for everything.

    Raises EventError when it asks for less: EventBridge never sends such an event, so that somebody
    else has made it up, perhaps to have a part counted as the whole.
    """
    narrowing = [name for name in NARROWING if name in event]
    if narrowing:
        raise EventError(
            f"the scheduled event has {' and '.join(map(repr, narrowing))}, which EventBridge "
            "never sends; invoke the function by hand to narrow a run, "
            'such as with {"mode": "audit"}'
        )
    return SweepRequest(
        Assignment(Trigger.SCHEDULE, Scope.ALL, settings.vpc_ids, settings.mode),
    )
