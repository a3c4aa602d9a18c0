"""The values of tags as text: what is blank, and how they are quoted."""

import unicodedata

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
"""Control and format characters, halves of surrogate pairs, white space.

Not ``Cn`` and ``Co``: a character that this Python's Unicode does not know yet may be a letter or a
sign of a newer one, and one for private use has a shape where it is used. Both are values.
"""

_UNSEEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and a sign without a shape: fillers, joiners, vowels that are implied, and the
Braille pattern without a dot.

Most are Default_Ignorable_Code_Point in
https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
"""

_CHANGES_WHAT_IT_FOLLOWS = frozenset(
    chr(code)
    for codes in ((0x180B, 0x180C, 0x180D, 0x180F), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
    for code in codes
)
"""Variation selectors: a part of the character before them, such as of an emoji, else not seen."""


def is_blank(value: str) -> bool:
    """Tell whether a value holds nothing that can be seen, so that it is no value.

    White space, zero-width and control characters are not seen; an empty value is blank.
    """
    if "!" <= value[:1] <= "~":  # nearly all values, at once
        return False
    return all(_is_unseen(character) for character in value)


def trimmed(value: str) -> str:
    """Return a value without what cannot be seen at its edges; empty when it is blank."""
    start, end = 0, len(value)
    while start < end and _is_unseen(value[start]):
        start += 1
    while start < end and _is_unseen(value[end - 1], variation_selectors=False):
        end -= 1
    return value[start:end]


def quoted(text: str, limit: int = 40) -> str:
    """Quote what a stranger wrote: on one line, as printable characters, and not long.

    ``limit`` is how many characters of the text are shown. What cannot be printed is escaped, and
    with that the result is at most twice as long.
    """
    shown = repr(text if len(text) <= limit else f"{text[: limit - 1]}…")
    return cut(shown, 2 * limit)


def cut(line: str, limit: int) -> str:
    """Return a line, with an ellipsis for what is over the limit."""
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _is_unseen(character: str, *, variation_selectors: bool = True) -> bool:
    if character in _CHANGES_WHAT_IT_FOLLOWS:
        return variation_selectors
    return character in _UNSEEN_LETTERS or unicodedata.category(character) in _UNSEEN_CATEGORIES
