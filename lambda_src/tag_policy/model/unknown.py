"""What a rule may want to know of an instance, and that it may not be known yet."""

from enum import Enum


class Unknown(Enum):
    """What is not known yet: a tag that is to hold who launched the instance, what was not read."""

    VALUE = "not known yet"


Value = str | tuple[str, ...] | Unknown | None
"""Of a fact; None where there is none, and several where all of them are it."""
