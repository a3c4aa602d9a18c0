"""Dates that stand in the tags of instances, and lengths of time in rules. Pure."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

_LENGTH = re.compile(r"([1-9][0-9]{0,3})([dwm])")
_MAX_DAYS = 3_660
"""Ten years."""

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def read_date(text: str) -> date | None:
    """Return the date that a text is, written ``YYYY-MM-DD``; None when it is anything else.

    Nothing else that ISO 8601 allows is a date (``20240115``, ``2024-W50-1``, a time stamp), nor
    are digits outside ASCII, blanks around it, or a day that does not exist. ``date.fromisoformat``
    alone would read other forms, and more of them with each version of Python.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:  # there is no such day
        return None


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time in days and months, such as ``90d``, ``2w`` or ``6m``; maybe backwards."""

    days: int = 0
    months: int = 0

    @property
    def negative(self) -> "Length":
        """The same, backwards."""
        return Length(-self.days, -self.months)

    def after(self, day: date) -> date:
        """Return the day that is so long after another.

        A month after the 31st of January is the last day of February: there is no other.
        """
        years, month = divmod(day.month - 1 + self.months, 12)
        last = monthrange(day.year + years, month + 1)[1]
        moved = day.replace(day.year + years, month + 1, min(day.day, last))
        return moved + timedelta(days=self.days)


def read_length(text: str) -> Length | None:
    """Return the length of time that a text is: ``90d``, ``2w``, ``6m``; None when it is none.

    It is above zero, and no longer than ten years.
    """
    match = _LENGTH.fullmatch(text)
    if match is None:
        return None
    number, unit = int(match[1]), match[2]
    length = (
        Length(months=number) if unit == "m" else Length(days=number * (7 if unit == "w" else 1))
    )
    return length if length.days + length.months * 30 <= _MAX_DAYS else None
