"""The exemption: what the value of its tag means, and what is told of one that may mean another.

An exemption with a date ends after that day. Any other exempts without end: that is the safe
direction, and has always been so. It holds for ``false`` and ``2020/01/01``, too, whose writers
hardly mean it. Such a value still exempts, and is unreadable, so that people are told. Pure.
"""

import re
from datetime import date
from enum import StrEnum

from tag_policy.model.finding import Code, Finding
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceRef
from tag_policy.model.tag_text import quoted, trimmed
from tag_policy.rules.dates import read_date


class Exemption(StrEnum):
    """What the exemption tag of a resource says."""

    NONE = "none"
    EXEMPT = "exempt"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"

    @property
    def exempts(self) -> bool:
        """Whether the resource is left alone; with an unreadable value, it is."""
        return self in (Exemption.EXEMPT, Exemption.UNREADABLE)


_YES = "1"
_NEGATIONS = frozenset(
    [
        *("false", "f", "no", "n", "not", "n/a", "none", "nil", "null", "never"),
        *("off", "disabled", "expired"),
    ]
)
_AROUND_WORDS = " .,;:!?'\"`()[]<>"

_LETTERS_OF_TIMES = re.compile(
    r"(?<=\d)(?:t|-?w)(?=\d)"  # 2026-12-31T00:00, 2026-W53
    r"|(?<=\d)\s?(?:z|utc|gmt)\b"
)

_LENGTH_OF_TIME = re.compile(
    r"[+-]?\d+\s?(?:s|m|h|d|w|y|(?:sec|second|min|minute|hour|day|week|month|year)s?)"
)

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE_OR_TIME = re.compile(
    r"(?<!\d)\d{4}[-/.]\s?\d{1,2}[-/.]\s?\d{1,2}(?!\d)"  # 2026/12/31, 2026-12-31T00:00:00Z
    r"|(?<![\d.])\d{1,2}[-/.]\s?\d{1,2}[-/.]\s?\d{4}(?!\d)"  # 31.12.2026, 12/31/2026
    r"|(?<![\d/])\d{1,2}/\d{1,2}/\d{2}(?![\d/])"  # 12/31/26
    r"|(?<![0-9a-z])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"  # 20261231
    r"|(?<![0-9a-z])(?:19|20)\d\d-?w\d\d(?!\d)"  # 2026-W53
    r"|(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?!\d)"  # 18:00
    rf"|\d(?:st|nd|rd|th)?[\s.,/-]{{0,2}}{_MONTH}(?![a-z])"  # 31 Dec 2026, 31st December
    rf"|(?<![a-z]){_MONTH}[\s.,/-]{{0,2}}\d"  # Dec 31, 2026
)


def read_exemption(value: str | None, today: date) -> Exemption:
    """Return what the value of the exemption tag says on a day; None is no such tag.

    A date, ``YYYY-MM-DD``, is the last day on which it exempts; what cannot be seen around it does
    not matter. Any other value exempts, and is unreadable if

    - it is a negation, whatever its case: ``false``, ``no``, ``off``, ``none`` and the like, or
    - it has a digit and no word: ``0``, ``20240115``, ``2026-02-30``, ``2026-12-31T00:00:00Z``,
      digits of other scripts; but for ``1``, which is a yes, or
    - it is a length of time: ``24h``, ``2 weeks``, or
    - it holds, among words, a day or a time of day: ``until 2026/12/31``, ``31 Dec 2026``,
      ``by 18:00``.

    All else is a reason in somebody's words, such as ``until the migration is done``, ``true``,
    ``see OPS-1234``, or nothing at all.
    """
    if value is None:
        return Exemption.NONE
    text = trimmed(value)
    last_day = read_date(text)
    if last_day is not None:
        return Exemption.EXEMPT if today <= last_day else Exemption.EXPIRED
    return Exemption.UNREADABLE if _means_another(text.casefold()) else Exemption.EXEMPT


def unreadable_exemption(resource: ResourceRef, tag_key: str, value: str) -> Finding:
    """Return the finding about a resource whose exemption is unreadable.

    ``tag_key`` is the key of the exemption tag, ``value`` what it holds. The resource stays exempt,
    so that this is no violation; its code is ``Code.EXEMPTION_UNREADABLE``.
    """
    return Finding(
        resource,
        Remedy.LEAVE,
        Code.EXEMPTION_UNREADABLE,
        f"exempt without end, because {quoted(value)} in its tag {tag_key} is not a date such as "
        "2026-12-31; write the last day that way, or remove the tag to end the exemption",
        violation=False,
        tag_key=tag_key,
    )


def _means_another(text: str) -> bool:
    if text == _YES:
        return False
    return bool(
        text.strip(_AROUND_WORDS) in _NEGATIONS
        or _has_digits_and_no_word(text)
        or _LENGTH_OF_TIME.fullmatch(text)
        or _DATE_OR_TIME.search(text)
    )


def _has_digits_and_no_word(text: str) -> bool:
    if not any(character.isdecimal() for character in text):
        return False
    return not any(character.isalpha() for character in _LETTERS_OF_TIMES.sub("", text))
