"""The mark: what an instance's tag says will happen to it, and when. Pure.

An instance is marked before it is stopped or terminated. The mark is for people, who see it on the
instance; for the next run, which reads when the time has come; and for IAM, which lets the role end
marked instances only (see iam.tf). It is made in two steps, with a message between them: what was
not told is no mark.

It lies on somebody else's object, so that it is believed within bounds only.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tag_policy.model.ending import ENDINGS
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End
from tag_policy.model.schedule import period

UNTAGGED = "untagged"
"""Why an instance without any tags is ended, as its mark says it."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_A_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
_WHAT = (
    r"(?P<engine>[A-Za-z][A-Za-z0-9_-]{0,63}): "
    rf"(?P<action>{'|'.join(ending.action for ending in ENDINGS)}) at (?P<time>{_A_TIME}): "
    rf"(?P<cause>{UNTAGGED}|rule [1-9][0-9]{{0,37}} \([0-9a-f]{{8}}\))"
)
_MARK = re.compile(
    rf"{_WHAT}, (?:announced (?P<announced>{_A_TIME})|(?<={UNTAGGED}, )no grace period)", re.ASCII
)
_ANNOUNCING = re.compile(rf"announcing {_WHAT}", re.ASCII)
_EARLIER_VERSION = re.compile(rf"(?:stop|terminate) at {_A_TIME}: no tags at all", re.ASCII)

_SKEW = timedelta(minutes=5)
"""How far the clock of another machine may be from ours."""

_OVERDUE = timedelta(hours=24)
"""How long after its time a mark still counts, at least; see ``trusted``."""

_LONGEST_GRACE = timedelta(days=90)
"""How far ahead a time is believed that people may have been told of under another grace period."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """What was to be announced, where nothing says that it was. ``engine`` is the one that began.

    A mark of an earlier version did not say that: then ``engine`` is empty, and the others are
    nothing.
    """

    engine: str
    time: datetime | None
    action: End | None = None
    cause: str = ""


def read_mark(value: str) -> Mark | Announcing | None:
    """Return what a value of the marker's tag is; None when it is somebody's own words."""
    if _EARLIER_VERSION.fullmatch(value):
        return Announcing("", None)
    match = _MARK.fullmatch(value)
    begun = _ANNOUNCING.fullmatch(value)
    try:
        if begun is not None:
            action = End(begun["action"])
            return Announcing(begun["engine"], _read(begun["time"]), action, begun["cause"])
        if match is None:
            return None
        time = _read(match["time"])
        announced = None if match["announced"] is None else _read(match["announced"])
    except ValueError:  # there is no such day, or hour
        return None
    return Mark(match["engine"], End(match["action"]), time, match["cause"], announced)


def _read(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def announced_by(mark: Mark, now: datetime) -> bool:
    """Tell whether a mark says that people had been told of it by a time."""
    return mark.announced is not None and mark.announced <= now + _SKEW


def due_at(mark: Mark, least: timedelta) -> datetime:
    """Return when an announced mark's time has come: what it says, and never too soon after it.

    ``least`` is how long after people were told of it that is.
    """
    announced = mark.announced or mark.time
    return max(mark.time, announced + least)


def told_for(said: Mark | Announcing, engine: str, now: datetime) -> datetime | None:
    """Return the time to come that people may have been told of, by what an engine has said.

    None where they were told of none. Neither another grace period nor a lost memory may make an
    end earlier than that. What lies too far ahead, no engine has said.
    """
    if said.engine != engine or said.time is None:
        return None
    if isinstance(said, Mark) and said.announced is None:
        return None
    return said.time if now < said.time <= now + _LONGEST_GRACE else None


def trusted(
    mark: Mark,
    *,
    longest: timedelta,
    least: timedelta,
    schedule: str,
    created_at: datetime,
    started_at: datetime,
    now: datetime,
) -> bool:
    """Tell whether what a mark of this engine says still holds.

    ``longest`` and ``least`` are the times that there may be between announcement and end;
    ``created_at`` is when the instance came to be, ``started_at`` its last start. A mark counts if
    people were told of it, not in the future, and not before there was the instance, because it was
    copied from another one then; if its time lies within what could be announced then; if nobody
    has started the instance since it was ended by it; and if it is not overdue by more than a day,
    or two periods of the schedule: nobody remembers an announcement of months ago.
    """
    if mark.announced is None or not announced_by(mark, now):
        return False
    if mark.announced < created_at - _SKEW:
        return False
    # A mark says in whole seconds what was announced within one.
    if not mark.announced - _SKEW <= mark.time <= mark.announced + longest + _SKEW:
        return False
    due = due_at(mark, least)
    if due < started_at.replace(microsecond=0):
        return False
    return now - due <= max(_OVERDUE, 2 * period(schedule))
