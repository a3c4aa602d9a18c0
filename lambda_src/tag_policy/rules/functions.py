"""The values that a ``Function`` rule may compute: a table of functions, never ``eval``.

A call is ``name()``, or ``name(+30d)`` with an offset. The calls that are known stand in ``variable
"rules"`` in variables.tf, too, and in tests/rules.json; whether a date that one gives has expired
at once is asked in rules/item.py.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from tag_policy.model.error import TagPolicyError
from tag_policy.rules.dates import Length, read_length

_CALL = re.compile(r"\s*(?P<name>[a-z_][a-z0-9_]*)\s*\(\s*(?P<offset>[^()]*?)\s*\)\s*")


class ValueCallError(TagPolicyError):
    """A call that names no known function, or gives it what it does not take."""


def _end_of_month(today: date, _: date) -> date:
    return today.replace(day=monthrange(today.year, today.month)[1])


FUNCTIONS: Mapping[str, Callable[[date, date], date]] = {
    "today": lambda today, _: today,
    "launched": lambda _, launched: launched,
    "end_of_month": _end_of_month,
}
"""Each is given the day of the run and that of the launch, moved by months."""


@dataclass(frozen=True, slots=True)
class Value:
    """A call that was understood."""

    name: str
    offset: Length

    def __call__(self, now: datetime, created_at: datetime) -> str:
        """Return the tag's value: a day as ISO 8601 writes it, such as ``2026-11-23``.

        ``now`` is when the run began, in the time zone in which days are counted; ``created_at`` is
        when the instance was launched, in any.
        """
        # Months first: the end of the month in half a year is not half a year behind this one's.
        months, rest = Length(months=self.offset.months), Length(days=self.offset.days)
        launched = created_at.astimezone(now.tzinfo)
        days = (months.after(at.date()) for at in (now, launched))
        return rest.after(FUNCTIONS[self.name](*days)).isoformat()


@lru_cache  # the same few calls, once for each instance
def parse(call: str) -> Value:
    """Understand a call such as ``today()`` or ``launched(+90d)`` without making it.

    An offset is ``+`` or ``-`` and a length of time: days, weeks or months, up to ten years. Raises
    ValueCallError when the call is not of that form, or names a function that is not in
    ``FUNCTIONS``.
    """
    match = _CALL.fullmatch(call)
    if match is None:
        raise ValueCallError(f"{call!r} is not a call; expected one of {_known()}")
    if match["name"] not in FUNCTIONS:
        raise ValueCallError(f"{call!r} names no known function; expected one of {_known()}")
    offset = match["offset"]
    if not offset:
        return Value(match["name"], Length())
    length = read_length(offset[1:])
    if offset[0] not in "+-" or length is None:
        raise ValueCallError(
            f"{call!r} has an invalid offset; expected one such as '{match['name']}(+30d)', "
            "'-1w' or '+6m', up to ten years"
        )
    return Value(match["name"], length if offset[0] == "+" else length.negative)


def _known() -> str:
    return ", ".join(f"'{name}()'" for name in FUNCTIONS)
