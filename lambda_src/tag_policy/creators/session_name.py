"""Whether a program made up the name of a session, by the shape of the name. Pure.

SDKs, CLIs and services name sessions by a UUID, a time, or at random. Such a name is new with each
session, so that it tells a reader nothing. A list of their prefixes would never be whole.
"""

import re

_MADE_UP = re.compile(
    r"""
      [0-9a-f]{8} (?:-[0-9a-f]{4}){3} - [0-9a-f]{12}   # a UUID
    | [0-9a-f]{32}                                     # one without hyphens, or a longer number
    | \d{10,} (?: [-_.:] [0-9a-z]+ )? \Z               # a time, and perhaps a random tail
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_ULID = re.compile(r"(?<![0-9A-Za-z])[0-7][0-9A-HJKMNP-TV-Z]{25}(?![0-9A-Za-z])")
"""A time and a random number: https://github.com/ulid/spec"""

_RANDOM = re.compile(r"[0-9A-Za-z]{32,}")
_LEAST_OF_EACH_CASE = 6
"""Capitals, and small letters, that 32 random letters have all but always, and few names have."""

_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

_INSTANCE = re.compile(r"m?i-[0-9a-f]{8,17}")


def is_made_up(session: str) -> bool:
    """Tell whether a program made up the name of a session; an e-mail address is a person's."""
    if _E_MAIL.fullmatch(session):
        return False
    return bool(
        _MADE_UP.search(session)
        or _ULID.search(session)
        or _INSTANCE.fullmatch(session)
        or _is_random(session)
    )


def _is_random(session: str) -> bool:
    if not _RANDOM.fullmatch(session):
        return False
    capitals = sum(character.isupper() for character in session)
    small = sum(character.islower() for character in session)
    return min(capitals, small) >= _LEAST_OF_EACH_CASE
