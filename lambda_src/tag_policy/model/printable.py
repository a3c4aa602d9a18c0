"""Text that others wrote, made fit to be printed. Pure."""


def printable(untrusted: str, limit: int) -> str:
    """Return text on one line, without control or direction characters, cut to ``limit``."""
    cut = untrusted[:limit]
    if cut.isprintable():
        return cut
    return "".join(character if character.isprintable() else " " for character in cut)
