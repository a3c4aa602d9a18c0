"""Globs, which know ``*`` for anything and no other sign. Pure."""

from collections.abc import Sequence


def is_like(glob: Sequence[str], value: str) -> bool:
    """Tell whether a value is like a glob, given as what stands between its asterisks.

    The whole value has to be, and case matters. A glob without an asterisk is one part.
    """
    if len(glob) == 1:
        return value == glob[0]
    first, *middle, last = glob
    if not value.startswith(first):
        return False
    at = len(first)
    for part in middle:  # the first place will do: what is left is the longest
        found = value.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return value.endswith(last) and len(value) - len(last) >= at
