"""What an event asks for: each trigger is asked in turn whether an event is its own. Pure.

What a new trigger touches: its module and ``_TRIGGERS`` here, ``Trigger`` in model/assignment.py,
``ACCEPTED`` in triggers/request.py, settings.py and main.tf for its switch, triggers.tf,
variables.tf, outputs.tf. handler.py only where it asks for something else than a sweep.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from tag_policy.model.target import Target
from tag_policy.settings import Settings
from tag_policy.triggers import config_rule, manual, schedule, sqs_batch
from tag_policy.triggers.config_rule import ConfigRequest
from tag_policy.triggers.request import ACCEPTED, EventError, SweepRequest
from tag_policy.triggers.sqs_batch import EventsRequest

Request = SweepRequest | EventsRequest | ConfigRequest


class _Trigger(Protocol):
    """What each module of a trigger has."""

    def accepts(self, event: Mapping[Any, Any], settings: Settings, /) -> bool: ...

    def read(self, event: Mapping[Any, Any], settings: Settings, home: Target, /) -> Request: ...


_TRIGGERS: tuple[_Trigger, ...] = (sqs_batch, config_rule, schedule, manual)
"""Each accepts its own events, and reads them; the last one takes whatever is left."""


def read_event(event: object, settings: Settings, home: Target) -> Request:
    """Return what an event asks for: a sweep, what events have named, or what AWS Config has.

    ``home`` is where the function runs, which events must be of. Raises
    EventError when it may not ask for that, and ConfigRequestError when it comes from AWS Config
    and cannot be read.
    """
    if not isinstance(event, Mapping):
        raise EventError(f"the event is a {type(event).__name__}; {ACCEPTED}")
    trigger = next(trigger for trigger in _TRIGGERS if trigger.accepts(event, settings))
    return trigger.read(event, settings, home)
