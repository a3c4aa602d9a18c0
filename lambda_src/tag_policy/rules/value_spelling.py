"""How a value is written: normalised, and one word for all that mean the same. Pure."""

from collections.abc import Callable, Mapping

from tag_policy.model.rule import Rule
from tag_policy.model.tag_text import trimmed
from tag_policy.rules.globs import is_like

NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "trim": trimmed,
    "lower": str.lower,
    "upper": str.upper,
    "spaces-to-hyphens": lambda value: value.replace(" ", "-"),
    "spaces-to-underscores": lambda value: value.replace(" ", "_"),
}
"""What may be done to each value; each does nothing to what it has done already."""

EXCLUDING = (("lower", "upper"), ("spaces-to-hyphens", "spaces-to-underscores"))
"""Of which one undoes, or forestalls, the other."""


class Spelling:
    """How a rule wants values to be written."""

    def __init__(self, rule: Rule, is_right: Callable[[str], bool]) -> None:
        """Take a rule, and what tells whether it allows a value.

        A rule that allows all values, and has synonyms, means by right ones those of its synonyms.
        """
        self._steps = [NORMALIZERS[name] for name in rule.normalize]
        said = [(pattern, right) for right, patterns in rule.synonyms for pattern in patterns]
        self._exact = {pattern: right for pattern, right in said if "*" not in pattern}
        globs = [(pattern.split("*"), right) for pattern, right in said if "*" in pattern]
        self._globs = sorted(globs, key=_most_said_first)
        self._right = frozenset(right for right, _ in rule.synonyms)
        says_which = rule.allowed_values or rule.allowed_pattern
        self._is_right = is_right if says_which else self._right.__contains__
        self.changes_something = bool(rule.normalize or rule.synonyms)

    def normalized(self, value: str) -> str:
        """Return a value as ``normalize`` makes it."""
        for step in self._steps:
            value = step(value)
        return value

    def of(self, value: str) -> str:
        """Return how a value is to be written: normalised, and the right one of its synonyms.

        A right value stays. Of several patterns that it is like, an exact one counts before those
        with an asterisk; of these, the one that says most. What is in a map has no order.
        """
        value = self.normalized(value)
        if not self._right or self._is_right(value):
            return value
        if value in self._exact:
            return self._exact[value]
        return next((right for glob, right in self._globs if is_like(glob, value)), value)


def _most_said_first(glob: tuple[list[str], str]) -> tuple[int, list[str]]:
    parts, _ = glob
    return -sum(map(len, parts)), parts
