"""Patterns: found where ``re`` finds them, in linear time, and refused where readers differ."""

import re
import sys
from types import FrameType
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tag_policy.rules.pattern import (
    MAX_PATTERN_LENGTH,
    MAX_REPEAT,
    Pattern,
    PatternError,
    compile_pattern,
)

if TYPE_CHECKING:
    from _typeshed import TraceFunction

# Patterns as people write them, and as nobody should.

_LETTERS = "abz-09@:/ ._é^]"
_literals = st.sampled_from([*"abz09@:/ é-", r"\.", r"\-", r"\^", r"\]", r"\\", r"\x61", "}", ","])
_classes = st.sampled_from(
    ["[ab]", "[^ab]", "[a-z0-9]", "[]a]", "[^]a]", "[a-]", "[-a]", r"[\w.@]", r"[^\d ]", r"[\]\-a]"]
)
_atoms = st.one_of(_literals, _classes, st.sampled_from([".", r"\d", r"\W", r"\S", r"\w", r"\D"]))
_repeats = st.sampled_from(
    ["", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?", "??", "{1,3}?"]
)


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("({}{}){}".format, st.sampled_from(["", "?:"]), inner, _repeats)
    several = st.lists(st.one_of(inner, group), max_size=4).map("".join)
    return st.one_of(group, several, st.builds("{}|{}".format, inner, inner))


patterns = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "^", "(^|a)"]),
    st.recursive(st.builds("{}{}".format, _atoms, _repeats), _longer, max_leaves=8),
    st.sampled_from(["", "$", "($|b)"]),
)
values = st.text(alphabet=_LETTERS, max_size=12)


@settings(max_examples=1_000)
@given(patterns, st.lists(values, min_size=1, max_size=5))
@example("^$", ["", "a"])
@example("a$b", ["ab"])
@example("(a*)*b|()", ["", "aab"])
def test_a_pattern_is_found_where_re_finds_it(pattern: str, some: list[str]) -> None:
    compiled = compile_pattern(pattern)

    for value in some:
        expected = re.search(pattern, value, re.ASCII) is not None
        assert compiled.found_in(value) is expected, (pattern, value)


def test_what_is_remembered_of_a_value_changes_nothing_for_the_next_one() -> None:
    pattern = compile_pattern("^(a|b)c{2,3}$")

    assert [pattern.found_in(v) for v in ("acc", "bccc", "acccc", "cc", "acc")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_the_end_is_the_end_of_the_value_and_nothing_before_a_line_break() -> None:
    """As in RE2. Python's own ``$`` would let a line break through."""
    assert compile_pattern("^a$").found_in("a")
    assert not compile_pattern("^a$").found_in("a\n")
    assert not compile_pattern("a.b").found_in("a\nb")
    assert compile_pattern("a[^x]b").found_in("a\nb")


def test_classes_are_those_of_ascii_as_in_re2() -> None:
    assert not compile_pattern(r"\d").found_in("٣")
    assert not compile_pattern(r"\w").found_in("é")
    assert compile_pattern(r"\W").found_in("é")
    assert [compile_pattern(r"\s").found_in(c) for c in "\t\n\f\r \v\u00a0"] == [True] * 5 + [
        False
    ] * 2


# Formats that organisations ask for.

URLS = r"^https://[^ ,]+(, ?https://[^ ,]+)*$"
SIX_GROUPS = r"^[A-Z0-9]{2,8}(-[A-Za-z0-9]{1,12}){5}$"
TWO_DOMAINS = r"^[a-z0-9._%+-]+@(example\.gov\.uk|[a-z]+\.example\.org)$"


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (URLS, "https://a.example/x, https://b.example", "https://a.example,http://b.example"),
        (SIX_GROUPS, "HOC-prod-web-01-eu-x", "HOC-prod-web-01-eu"),
        (TWO_DOMAINS, "a.b@example.gov.uk", "a.b@example.com"),
        (TWO_DOMAINS, "a.b@apps.example.org", "a b@apps.example.org"),
        (r"^[^:]+: ?[^@ ]+@[^@ ]+$", "crime apps: crime@example.gov.uk", "crime@example.gov.uk"),
        (r"^.{1,64}$", "x" * 64, "x" * 65),
    ],
)
def test_real_formats(pattern: str, good: str, bad: str) -> None:
    compiled = compile_pattern(pattern)

    assert compiled.found_in(good)
    assert not compiled.found_in(bad)


class _Steps:
    """Counts the lines that Python carries out in the module under test."""

    def __init__(self) -> None:
        self.lines = 0

    def trace(self, frame: FrameType, event: str, _: object) -> "TraceFunction":
        if event == "line" and "rules/pattern.py" in frame.f_code.co_filename:
            self.lines += 1
        return self.trace

    def of(self, pattern: Pattern, value: str) -> int:
        self.lines = 0
        sys.settrace(self.trace)
        try:
            pattern.found_in(value)
        finally:
            sys.settrace(None)
        return self.lines


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(a*)*b", "^(.*)*,(.*)*$", URLS, "(a?){50}a{50}$"],
)
def test_twice_the_value_takes_no_more_than_twice_the_steps(pattern: str) -> None:
    """``re`` takes twice the time for one character more. Steps are counted, and not time."""
    before = sys.gettrace()
    try:
        some = _Steps().of(compile_pattern(pattern), "a" * 128 + "!")
        twice = _Steps().of(compile_pattern(pattern), "a" * 256 + "!")
    finally:
        sys.settrace(before)

    assert some > 128, "each character takes a step"
    assert twice <= 2.1 * some


def test_what_is_remembered_is_bounded_whatever_values_come() -> None:
    pattern = compile_pattern("a.{12}c$")  # knows at which of thirteen places there is an "a"
    most = 0
    for number in range(1_500):
        pattern.found_in(f"{number:013b}".replace("0", "a").replace("1", "b"))
        most = max(most, len(pattern._states))

    assert 500 <= most <= 502
    assert pattern.found_in("a" + 12 * "x" + "c")
    assert not pattern.found_in("a" + 11 * "x" + "c")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(?i)prod", "'(?'"),
        ("(?=a)", "'(?'"),
        ("(?P<x>a)", "'(?'"),
        ("(?<x>a)", "'(?'"),
        ("(a", "'(' without its ')'"),
        ("a)", "')' without its '('"),
        ("[a", "'[' without its ']'"),
        ("[]", "'[' without its ']'"),
        ("[a[b]", "'[' in '[...]'"),
        ("[[:alpha:]]", "'[' in '[...]'"),
        ("[a&&b]", "'&' twice"),
        ("[a--b]", "'-' in the middle"),
        (r"[\w-z]", "range"),
        ("[z-a]", "range"),
        ("[a-c-e]", "'-' in the middle"),
        ("a**", "repeats a repetition"),
        ("a+++", "repeats a repetition"),
        ("a{2}{3}", "repeats a repetition"),
        ("*a", "repeats nothing"),
        ("(+a)", "repeats nothing"),
        ("^*", "repeats '^' or '$'"),
        ("a{,5}", "begins no repetition"),
        ("a{x", "begins no repetition"),
        ("{a}", "nothing before it"),
        (f"a{{{MAX_REPEAT + 1}}}", "above 1,000"),
        ("a{3,2}", "not in order"),
        (r"a\b", r"'\b', which is not supported"),
        (r"a\Z", r"'\Z', which is not supported"),
        (r"a\z", r"'\z', which is not supported"),
        (r"\pL", r"'\p', which is not supported"),
        (r"\1", r"'\1', which is not supported"),
        (r"\x4", r"'\x', which is not supported"),
        (r"\é", r"'\é', which is not supported"),
        ("a\\", "ends with a backslash"),
        ("a\n", "cannot be printed"),
        ("a" * (MAX_PATTERN_LENGTH + 1), "longer than 512"),
        ("(a{100}){100}", "more than 1,000 times, one within another"),
        ("((){1000}){1000}", "more than 1,000 times, one within another"),
        ("(a{0}|b{30}){40}", "more than 1,000 times, one within another"),
        ("a{1000}b{1000}c{1000}", "more than 2,000 steps"),
        ("a{04}", "begins with 0"),
        ("a{1,99999}", "above 1,000"),
        ("(" * 21 + ")" * 21, "more than 20 groups"),
    ],
)
def test_what_is_not_read_alike_everywhere_is_refused_with_the_reason(
    pattern: str, problem: str
) -> None:
    with pytest.raises(PatternError, match=re.escape(problem)):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(?:a)", "(a)", "[a]", "[]a]", r"[a\[b]", "[a&b]", r"[a\-b]", r"[\w-]", "[a-z]", "a*"),
        *("a{0,5}", r"a\{x", f"a{{{MAX_REPEAT}}}", "a{2,3}", "\\\\", "a" * MAX_PATTERN_LENGTH),
        *(
            "(a{10}){100}",
            "(){1000}",
            "((a?){20}){50}",
            r"\x4a",
            "(" * 20 + ")" * 20,
            r"\_",
            "}",
            "]",
        ),
    ],
)
def test_their_good_neighbours_are_taken(pattern: str) -> None:
    compile_pattern(pattern)


@given(st.text(alphabet=st.sampled_from(r"ab[](){}*+?|^$.\-0,:<>=!P"), max_size=12))
def test_whatever_is_taken_is_a_pattern_for_re_that_means_the_same(pattern: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except PatternError:
        return
    for value in ("", "a", "b", "ab", "a-b", "[", "0", "aab0"):
        assert compiled.found_in(value) is (re.search(pattern, value, re.ASCII) is not None)
