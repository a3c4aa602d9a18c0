"""The filter patterns of CloudWatch Logs, as far as they are about JSON.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

import json
import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

Test = Callable[[Any], bool]
"""Tells whether a line, parsed from its JSON, matches."""

_TOKEN = re.compile(
    r'\s*(?:(?P<selector>\$(?:\.[\w-]+|\[\d+\])+)|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Z]+)|(?P<sign>&&|\|\||!=|<=|>=|[={}()<>]))"
)
_COMPARE = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_MISSING = object()


class PatternError(ValueError):
    """What is no JSON pattern, or one with something in it that is not supported here."""


def select(line: Any, selector: str) -> Any:
    """Return what a selector such as ``$.summary.failed`` names; None where it is not there."""
    found = _find(line, selector)
    return None if found is _MISSING else found


def parse(pattern: str) -> Test:
    """Return the test that a pattern such as ``{ ($.a = "x") && ($.b > 0) }`` stands for.

    Raises PatternError for what is none.
    """
    tokens = _tokens(pattern)
    _take(tokens, "{")
    test = _either(tokens)
    _take(tokens, "}")
    if tokens:
        raise PatternError(f"{tokens[0][1]!r} stands behind the end of {pattern!r}")
    return test


def matches(test: Test, message: str) -> Any:
    """Return the parsed line where a test matches it; None where not, or where it is no JSON."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    return line if test(line) else None


def _tokens(pattern: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    pattern = pattern.rstrip()
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None or match.lastgroup is None:
            raise PatternError(f"{pattern[position:]!r} is not understood in {pattern!r}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _take(tokens: list[tuple[str, str]], expected: str) -> None:
    found = tokens.pop(0)[1] if tokens else "the end"
    if found != expected:
        raise PatternError(f"{found!r} stands where {expected!r} should")


def _either(tokens: list[tuple[str, str]]) -> Test:
    tests = _joined(tokens, "||", _both)
    return lambda line: any(test(line) for test in tests)


def _both(tokens: list[tuple[str, str]]) -> Test:
    tests = _joined(tokens, "&&", _one)
    return lambda line: all(test(line) for test in tests)


def _joined(
    tokens: list[tuple[str, str]], sign: str, read: Callable[[list[tuple[str, str]]], Test]
) -> list[Test]:
    tests = [read(tokens)]
    while tokens and tokens[0][1] == sign:
        tokens.pop(0)
        tests.append(read(tokens))
    return tests


def _one(tokens: list[tuple[str, str]]) -> Test:
    if tokens and tokens[0][1] == "(":
        tokens.pop(0)
        test = _either(tokens)
        _take(tokens, ")")
        return test
    kinds = [kind for kind, _ in tokens[:3]]
    if kinds == ["selector", "word", "word"] and tokens[1][1] == "IS":
        (_, selector), _, (_, truth) = (tokens.pop(0) for _ in range(3))
        if truth not in ("TRUE", "FALSE"):
            raise PatternError(f"{selector} IS {truth} is not supported")
        return lambda line: _find(line, selector) is (truth == "TRUE")
    if kinds[:2] != ["selector", "sign"] or len(kinds) < 3:
        raise PatternError(f"a comparison should stand at {tokens[:3]}")
    (_, selector), (_, sign), (kind, value) = (tokens.pop(0) for _ in range(3))
    if sign not in _COMPARE or kind not in ("string", "number"):
        raise PatternError(f"{selector} {sign} {value} is not supported")
    if kind == "number":
        return lambda line: _is_number(line, selector, sign, float(value))
    if sign not in ("=", "!="):
        raise PatternError(f"{selector} {sign} {value}: text is equal or not")
    text = json.loads(value)
    return lambda line: _is_text(line, selector, text) == (sign == "=")


def _is_number(line: Any, selector: str, sign: str, value: float) -> bool:
    found = _find(line, selector)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and bool(_COMPARE[sign](found, value))


def _is_text(line: Any, selector: str, text: str) -> bool:
    found = _find(line, selector)
    return isinstance(found, str) and fnmatchcase(found, text.replace("[", "[[]"))


def _find(line: Any, selector: str) -> Any:
    found = line
    for name, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", selector):
        try:
            found = found[name] if name else found[int(index)]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return found
