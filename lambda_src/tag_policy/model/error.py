"""The base of every error that this package raises on purpose."""

from tag_policy.model.text import LINE_LIMIT, clean


class TagPolicyError(Exception):
    """Base of every error that this package raises on purpose.

    Its text ends in the log and in an alarm, and may quote what others wrote: it is one line.
    """

    def __init__(self, problem: str = "") -> None:
        super().__init__(clean(problem, LINE_LIMIT))
