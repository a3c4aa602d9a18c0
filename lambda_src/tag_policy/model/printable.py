"""Text that others wrote, where what is cut off is not to be marked. Pure."""

from tag_policy.model.text import clean


def printable(untrusted: str, limit: int) -> str:
    """Return text on one line, without control or direction characters, cut to ``limit``."""
    return clean(untrusted[:limit], limit)
