"""The values that a ``Function`` rule may compute: a table of functions, never ``eval``.

A call is written ``name()`` or ``name(argument, argument)``. Each function checks its own
arguments. The calls that are known stand in ``variable "rules"``, too, and in ``tests/rules.json``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from tag_policy.model.error import TagPolicyError

Value = Callable[[datetime], str]
"""A call that was understood: gives the tag's value at a time (time zone aware)."""

_CALL = re.compile(r"\s*(?P<name>[a-z_][a-z0-9_]*)\s*\((?P<arguments>[^()]*)\)\s*")


class ValueCallError(TagPolicyError):
    """A call that names no known function, or gives it arguments that it does not take."""


def _today(arguments: Sequence[str]) -> Value:
    """Give the date in UTC as ISO 8601 writes it, such as ``2026-11-23``."""
    if arguments:
        raise ValueCallError("today() takes no arguments; write 'today()'")
    return lambda now: now.astimezone(UTC).date().isoformat()


FUNCTIONS: Mapping[str, Callable[[Sequence[str]], Value]] = {"today": _today}


@lru_cache  # the same few calls, once for each instance
def parse(call: str) -> Value:
    """Understand a call such as ``today()`` without making it.

    Raises ValueCallError when the call is not of the form ``name(arguments)``, names a function
    that is not in ``FUNCTIONS``, or gives it arguments that it does not take.
    """
    match = _CALL.fullmatch(call)
    if match is None:
        raise ValueCallError(f"{call!r} is not a call; expected one of {_known()}")
    function = FUNCTIONS.get(match["name"])
    if function is None:
        raise ValueCallError(f"{call!r} names no known function; expected one of {_known()}")
    return function([part.strip() for part in match["arguments"].split(",") if part.strip()])


def _known() -> str:
    return ", ".join(f"'{name}()'" for name in FUNCTIONS)
