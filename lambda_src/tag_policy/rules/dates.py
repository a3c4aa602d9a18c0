"""Reading a date that stands in the tag of an instance. Pure."""

import re
from datetime import date

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
