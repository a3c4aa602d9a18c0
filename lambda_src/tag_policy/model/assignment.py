"""What a run is to be about."""

from dataclasses import dataclass
from enum import StrEnum


class Trigger(StrEnum):
    """What woke the function."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    EVENTS = "events"
    CONFIG = "config"


class Scope(StrEnum):
    """How much of what the engine is responsible for a run is about, whatever woke it."""

    ALL = "all"
    SOME = "some"


class Mode(StrEnum):
    """Whether the run acts on its decisions."""

    ENFORCE = "enforce"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a run is to be about, within what the settings allow.

    ``acts`` says whether it is to put right what it finds, or, in audit mode, to say what it would
    do; AWS Config may only want to know what there is to be found. ``rehearsal`` says that somebody
    has asked for an audit of an engine that enforces.
    """

    trigger: Trigger
    scope: Scope
    vpc_ids: tuple[str, ...]
    mode: Mode
    acts: bool = True
    rehearsal: bool = False
