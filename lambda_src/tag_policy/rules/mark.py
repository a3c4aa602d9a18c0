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

from tag_policy.model import ENDINGS, Mark, UntaggedAction
from tag_policy.model.schedule import period

UNTAGGED = "untagged"
"""Why an instance without any tags is ended, as its mark says it."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_A_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
_WHAT = (
    r"(?P<engine>[A-Za-z][A-Za-z0-9_-]{0,63}): "
    rf"(?P<action>{'|'.join(ending.action for ending in ENDINGS)}) at (?P<time>{_A_TIME}): "
    rf"(?P<cause>{UNTAGGED})"
)
_MARK = re.compile(rf"{_WHAT}, (?:announced (?P<announced>{_A_TIME})|no grace period)", re.ASCII)
_ANNOUNCING = re.compile(rf"announcing {_WHAT}", re.ASCII)
_EARLIER_VERSION = re.compile(rf"(?:stop|terminate) at {_A_TIME}: no tags at all", re.ASCII)

_SKEW = timedelta(minutes=5)
"""How far the clock of another machine may be from ours."""

_OVERDUE = timedelta(hours=24)
"""How long after its time a mark still counts, at least; see ``trusted``."""

_LONGEST_GRACE = timedelta(days=90)
"""How long a grace period may have been whose marks hold once there is none any more."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """What was to be announced, where nothing says that it was. ``engine`` is the one that began.

    ``engine`` is empty where the mark is one of an earlier version, which did not say.
    """

    engine: str


def read_mark(value: str) -> Mark | Announcing | None:
    """Return what a value of the marker's tag is; None when it is somebody's own words."""
    match = _MARK.fullmatch(value)
    if match is None:
        if _EARLIER_VERSION.fullmatch(value):
            return Announcing("")
        begun = _ANNOUNCING.fullmatch(value)
        return None if begun is None else Announcing(begun["engine"])
    try:
        time = _read(match["time"])
        announced = None if match["announced"] is None else _read(match["announced"])
    except ValueError:  # there is no such day, or hour
        return None
    action = UntaggedAction(match["action"])
    return Mark(match["engine"], action, time, match["cause"], announced)


def _read(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def due_at(mark: Mark, grace: timedelta) -> datetime:
    """Return when an announced mark's time has come: what it says, and never too soon after it."""
    announced = mark.announced or mark.time
    return max(mark.time, announced + grace)


def is_waiting(mark: Mark, now: datetime) -> bool:
    """Tell whether a mark of this engine has a time to come that people may have been told of.

    That is asked where there is no grace period any more: whoever takes it away does not take back
    what people were told under it.
    """
    return (
        mark.announced is not None
        and mark.announced <= now + _SKEW
        and now < mark.time <= mark.announced + _LONGEST_GRACE
    )


def trusted(
    mark: Mark,
    *,
    grace: timedelta,
    schedule: str,
    created_at: datetime,
    started_at: datetime,
    now: datetime,
) -> bool:
    """Tell whether what a mark of this engine says still holds.

    ``grace`` is the longest time that there may be between announcement and end; ``created_at`` is
    when the instance came to be, ``started_at`` its last start. A mark counts if people were told
    of it, not in the future, and not before there was the instance, because it was copied from
    another one then; if its time lies within what could be announced then; if nobody has started
    the instance since it was ended by it; and if it is not overdue by more than a day, or two
    periods of the schedule: nobody remembers an announcement of months ago.
    """
    if mark.announced is None or mark.announced > now + _SKEW:
        return False
    if mark.announced < created_at - _SKEW:
        return False
    # A mark says in whole seconds what was announced within one.
    if not mark.announced - _SKEW <= mark.time <= mark.announced + grace + _SKEW:
        return False
    due = due_at(mark, grace)
    if due < started_at.replace(microsecond=0):
        return False
    return now - due <= max(_OVERDUE, 2 * period(schedule))
