"""What a rule says of the value of its tag: which are right, and what is wrong with another. Pure.

Values are written by strangers: they are compared, matched in linear time, and quoted. A blank one
is empty, which is asked before.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from tag_policy.model.finding import Code
from tag_policy.model.rule import Rule
from tag_policy.model.tag_text import cut, quoted
from tag_policy.rules.dates import read_date, read_length
from tag_policy.rules.globs import is_like
from tag_policy.rules.pattern import compile_pattern

_MOST_NAMED = 8
"""Allowed values that are named to people; a rule may have hundreds."""

_MOST_CHARACTERS = 240
"""Of what is said to be right."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a value, for programs and for people."""

    code: Code
    reason: str


class Standard:
    """What a rule says of a value. Made once a run, because it remembers what it has worked out.

    ``says_something`` is False for a rule that takes every value.
    """

    def __init__(self, rule: Rule) -> None:
        self._exact = frozenset(value for value in rule.allowed_values if "*" not in value)
        self._globs = [value.split("*") for value in rule.allowed_values if "*" in value]
        self._rule = rule
        self._pattern = compile_pattern(rule.allowed_pattern) if rule.allowed_pattern else None
        self._most = read_length(rule.max_lifetime) if rule.max_lifetime else None
        self.says_something = bool(rule.allowed_values or self._pattern or rule.expires)

    def wrong(self, value: str, today: date) -> Wrong | None:
        """Return what is wrong with a value on a day; None where it is right.

        It has to be one of the allowed values, where there are any, and to match the pattern, where
        there is one; and where it expires, to be a date that is not past, and not too far away.
        """
        return self._not_allowed(value) or self._not_in_time(value, today)

    def is_allowed(self, value: str) -> bool:
        """Tell whether a value is one of those that are allowed, and matches the pattern."""
        is_listed = not self._rule.allowed_values or value in self._exact or self._is_like(value)
        return is_listed and (self._pattern is None or self._pattern.found_in(value))

    def _not_allowed(self, value: str) -> Wrong | None:
        if self.is_allowed(value):
            return None
        return Wrong(Code.NOT_ALLOWED, f"{quoted(value)} is not allowed; {self.right}")

    def _is_like(self, value: str) -> bool:
        return any(is_like(glob, value) for glob in self._globs)

    def _not_in_time(self, value: str, today: date) -> Wrong | None:
        if not self._rule.expires:
            return None
        day = read_date(value)
        if day is None:
            reason = f"{quoted(value)} is not a date; {self.right}"
            return Wrong(Code.NOT_ALLOWED, reason)
        if day < today:
            return Wrong(Code.EXPIRED, f"expired: {value} was the last day")
        latest = self._most.after(today) if self._most else date.max
        if day > latest:
            reason = f"{value} is too far ahead; {latest} is the latest for now"
            return Wrong(Code.NOT_ALLOWED, reason)
        return None

    @cached_property
    def right(self) -> str:
        """What a right value is, for people; empty where every value is one."""
        parts = []
        if self._rule.allowed_values:
            named = ", ".join(map(quoted, self._rule.allowed_values[:_MOST_NAMED]))
            more = len(self._rule.allowed_values) - _MOST_NAMED
            others = f" and {more} more" if more > 0 else ""
            one_of = "" if len(self._rule.allowed_values) == 1 else "one of "
            parts.append(f"{one_of}{named}{others}")
        if self._rule.allowed_pattern:
            parts.append(f"a match for {self._rule.allowed_pattern}")
        if self._rule.expires:
            within = f", within {self._rule.max_lifetime}" if self._rule.max_lifetime else ""
            parts.append(f"a date such as 2026-12-31, which is the last good day{within}")
        return cut(f"expected {', and '.join(parts)}", _MOST_CHARACTERS) if parts else ""
