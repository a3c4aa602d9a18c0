"""Text that others wrote, made fit to be printed. Pure.

Tag values, names, ids of events, messages of AWS: whoever wrote them may have put line breaks into
them, or what turns the direction of writing around, to make a report say what it does not say.
"""

import re
from typing import Any

DETAIL_LIMIT = 300
"""Characters of one thing that others wrote, such as AWS's reason for a refusal."""

LINE_LIMIT = 2_000
"""Characters of a line of a report or of the log, and of the text of an error."""

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]")
"""Letters and marks that take no room, or are blank, and that Python takes for printable.

https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
"""


def clean(untrusted: str, limit: int) -> str:
    """Return a text as one line of at most ``limit`` characters, all of them printable.

    A blank stands in the place of whatever cannot be printed: control and direction characters,
    line and paragraph separators, what has no width, and halves of surrogate pairs, which UTF-8
    cannot encode. A text that is too long ends in ``…``.
    """
    if len(untrusted) <= limit and untrusted.isprintable():
        return untrusted if untrusted.isascii() else _INVISIBLE.sub(" ", untrusted)
    cut = untrusted[: limit + 1]  # before anything is made of it: it may have megabytes
    line = "".join(character if character.isprintable() else " " for character in cut)
    line = _INVISIBLE.sub(" ", line)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def printable(untrusted: str, limit: int) -> str:
    """Return the first ``limit`` characters of a text as ``clean`` does, without a sign of more."""
    return clean(untrusted[:limit], limit)


def cleaned(value: Any, limit: int) -> Any:
    """Return what is to become JSON with each text in it cleaned; all else stays as it is."""
    match value:
        case str():
            return clean(value, limit)
        case dict():
            return {key: cleaned(inner, limit) for key, inner in value.items()}
        case list() | tuple():
            return [cleaned(inner, limit) for inner in value]
        case _:
            return value
