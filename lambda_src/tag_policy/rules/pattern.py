r"""Patterns that a value has to match, matched in linear time, because strangers write the values.

``re`` looks for a match by trying one way after the other, and takes years for ``^(a+)+$`` and a
value of 256 characters that is nearly right. Here all ways are followed at once, as RE2 does, which
is behind Terraform's ``regex``: https://swtch.com/~rsc/regexp/regexp1.html

Taken is what RE2 and Python read alike: literals and escaped signs, ``.``, classes, ``\d \w \s``
and their opposites (ASCII, as in RE2), groups, ``|``, ``* + ? {n} {n,} {n,m}``, also lazy, ``^``
and ``$``. All else is an error that says what to write. ``$`` is the end of the value, and nothing
before a line break. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_letters, digits
from types import MappingProxyType
from typing import NoReturn

from tag_policy.model.error import TagPolicyError
from tag_policy.model.tag_text import quoted

MAX_PATTERN_LENGTH = 512
"""Characters of a pattern."""

MAX_REPEAT = 1_000
"""How often a part may be repeated by number: as many times as in RE2.

https://github.com/google/re2/wiki/Syntax
"""

_MAX_STEPS = 2_000
"""Steps of a pattern, all repetitions written out."""

_MAX_DEPTH = 20
"""Groups within one another."""

_MOST_STATES = 500
"""What is remembered of a pattern at most, before it is begun anew: memory is bounded."""

_HIGHEST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]
"""A set of characters: the first and the last of each range, by code point."""


class PatternError(TagPolicyError):
    """A pattern that is none, or that not everybody would read alike."""


def compile_pattern(text: str) -> "Pattern":
    """Understand a pattern. Raises PatternError, which says what is wrong and what would do."""
    if len(text) > MAX_PATTERN_LENGTH:
        raise PatternError(f"is longer than {MAX_PATTERN_LENGTH} characters")
    if not text.isprintable():
        raise PatternError("holds a character that cannot be printed")
    parser = _Parser(text)
    program = _Program()
    program.add(parser.parse())
    program.steps.append(None)
    return Pattern(program.steps)


def _ranges(*characters: str) -> Ranges:
    """Return a set of single characters, or of ranges such as ``"az"``."""
    return tuple((ord(some[0]), ord(some[-1])) for some in characters)


def _opposite(ranges: Iterable[tuple[int, int]]) -> Ranges:
    opposite = []
    start = 0
    for first, last in sorted(ranges):
        if first > start:
            opposite.append((start, first - 1))
        start = max(start, last + 1)
    if start <= _HIGHEST:
        opposite.append((start, _HIGHEST))
    return tuple(opposite)


_DIGITS = _ranges("09")
_WORD = _ranges("09", "AZ", "__", "az")
_SPACE = _ranges("\t\n", "\f\r", "  ")  # without "\v", as in RE2
_CLASSES: Mapping[str, Ranges] = {
    "d": _DIGITS,
    "D": _opposite(_DIGITS),
    "w": _WORD,
    "W": _opposite(_WORD),
    "s": _SPACE,
    "S": _opposite(_SPACE),
}
_ESCAPES = MappingProxyType({"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a"})
_ALL_BUT_LINE_BREAK = _opposite(_ranges("\n"))

# What a pattern is made of.


@dataclass(frozen=True, slots=True)
class _Set:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class _Edge:
    """``^`` or ``$``."""

    is_start: bool


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Repeat:
    """``most`` is None where there is no upper bound."""

    part: "_Node"
    least: int
    most: int | None


_Node = _Set | _Edge | _Sequence | _Choice | _Repeat


class _Parser:
    """Reads a pattern from the left to the right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def parse(self) -> _Node:
        node = self._choice()
        if self._at < len(self._text):
            self._wrong("has a ')' without its '('")
        return node

    def _wrong(self, what: str) -> NoReturn:
        raise PatternError(f"{quoted(self._text)} {what}")

    @property
    def _next(self) -> str:
        """The character that is to be read next; empty at the end."""
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._next
        self._at += 1
        return character

    def _takes(self, text: str) -> bool:
        """Read a text, if it is what comes next."""
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _choice(self) -> _Node:
        branches = [self._sequence()]
        while self._takes("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else _Choice(tuple(branches))

    def _sequence(self) -> _Node:
        parts = []
        while self._next and self._next not in "|)":
            parts.append(self._repeated(self._atom()))
        return _Sequence(tuple(parts))

    def _repeated(self, part: _Node) -> _Node:
        bounds = self._bounds()
        if bounds is None:
            return part
        if isinstance(part, _Edge):
            self._wrong("repeats '^' or '$'; write it once")
        self._takes("?")  # lazy: the same, where it is only asked whether there is a match
        if self._next and (self._next in "*+?" or self._text.startswith("{", self._at)):
            self._wrong("repeats a repetition; put a group around the first: '(?:a+)*'")
        repeated = _Repeat(part, *bounds)
        if _most_times(repeated) > MAX_REPEAT:
            self._wrong(f"repeats by numbers more than {MAX_REPEAT:,} times, one within another")
        return repeated

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._takes(sign):
                return bounds
        if not self._takes("{"):
            return None
        least = self._number()
        most = least
        if self._takes(","):
            most = None if self._next == "}" else self._number()
        if least is None or not self._takes("}"):
            self._wrong("has a '{' that begins no repetition such as '{2}' or '{2,4}'; write '\\{'")
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            self._wrong(f"repeats by numbers that are above {MAX_REPEAT:,}, or not in order")
        return least, most

    def _number(self) -> int | None:
        start = self._at
        while self._next and self._next in digits:
            self._at += 1
        number = self._text[start : self._at]
        if len(number) > 4 or (len(number) > 1 and number.startswith("0")):
            self._wrong(f"repeats by a number above {MAX_REPEAT:,}, or one that begins with 0")
        return int(number) if number else None

    def _atom(self) -> _Node:
        match self._take():
            case "(":
                return self._group()
            case "[":
                return _Set(self._class())
            case ".":
                return _Set(_ALL_BUT_LINE_BREAK)
            case "^":
                return _Edge(is_start=True)
            case "$":
                return _Edge(is_start=False)
            case "\\":
                return _Set(self._escaped())
            case "*" | "+" | "?":
                self._wrong("repeats nothing; write '\\*', '\\+' or '\\?' for the sign itself")
            case "{":
                self._wrong("has a '{' with nothing before it to repeat; write '\\{'")
            case character:
                pass
        return _Set(_ranges(character))

    def _group(self) -> _Node:
        if self._takes("?") and not self._takes(":"):
            self._wrong(
                "has a '(?' that is not '(?:'; flags, named groups and lookaround are not supported"
            )
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._wrong(f"has more than {_MAX_DEPTH} groups within one another")
        inner = self._choice()
        if not self._takes(")"):
            self._wrong("has a '(' without its ')'")
        self._depth -= 1
        return inner

    def _class(self) -> Ranges:
        is_opposite = self._takes("^")
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or self._next != "]":
            ranges += self._member(is_first=is_first)
            is_first = False
        self._at += 1
        return _opposite(ranges) if is_opposite else tuple(ranges)

    def _member(self, *, is_first: bool) -> Ranges:
        """Read one member of a class: a character, a range, or a class of its own."""
        first = self._one_of_class(is_first=is_first)
        if not self._text.startswith("-", self._at) or self._text.startswith("-]", self._at):
            return first
        self._at += 1
        last = self._one_of_class(is_first=False, after_dash=True)
        ((low, as_low),), ((high, as_high),) = _single(first), _single(last)
        if low != as_low or high != as_high or high < low:
            self._wrong("has an invalid range in '[...]', such as 'z-a'; write '\\-' for a '-'")
        return ((low, high),)

    def _one_of_class(self, *, is_first: bool, after_dash: bool = False) -> Ranges:
        character = self._take()
        if not character:
            self._wrong("has a '[' without its ']'")
        if character == "\\":
            return self._escaped()
        if character == "[":
            self._wrong("has a '[' in '[...]', which is not read the same everywhere; write '\\['")
        is_at_edge = is_first or (self._next == "]" and not after_dash)
        if character == "-" and not is_at_edge:
            self._wrong("has a '-' in the middle of '[...]', which is no range; write '\\-'")
        if character in "&~|" and self._next == character:
            self._wrong(
                f"has '{character}' twice in '[...]', which some engines read as an operator; once "
                "will do"
            )
        return _ranges(character)

    def _escaped(self) -> Ranges:
        character = self._take()
        if not character:
            self._wrong("ends with a backslash; write '\\\\' for the sign itself")
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _ESCAPES:
            return _ranges(_ESCAPES[character])
        if character == "x":
            code = self._text[self._at : self._at + 2]
            if len(code) == 2 and all(c in "0123456789abcdefABCDEF" for c in code):
                self._at += 2
                return _ranges(chr(int(code, 16)))
        if not character.isascii() or character in ascii_letters + digits:
            self._wrong(f"has '\\{character}', which is not supported, or not everywhere")
        return _ranges(character)


def _most_times(node: _Node) -> int:
    """Return how often a part is repeated by numbers at most, one repetition within another."""
    match node:
        case _Repeat(part, least, most):
            return max(least, most or 0, 1) * _most_times(part)
        case _Sequence(parts):
            return max(map(_most_times, parts), default=1)
        case _Choice(branches):
            return max(map(_most_times, branches))
        case _:
            return 1


def _single(ranges: Ranges) -> Ranges:
    return ranges if len(ranges) == 1 else ((0, 1),)


# A pattern as steps, by their numbers. A ``_Set`` takes a character, and goes on with the step
# behind it; so does an ``_Edge`` where the value begins or ends. None is the end: a match.


@dataclass(frozen=True, slots=True)
class _Go:
    """Go on at each of some steps."""

    to: list[int]


_Step = _Set | _Edge | _Go | None


class _Program:
    def __init__(self) -> None:
        self.steps: list[_Step] = []

    def add(self, node: _Node) -> None:
        """Write out a node behind what there is."""
        if len(self.steps) > _MAX_STEPS:
            raise PatternError(f"takes more than {_MAX_STEPS:,} steps; repeat less by numbers")
        match node:
            case _Set() | _Edge():
                self.steps.append(node)
            case _Sequence(parts):
                for part in parts:
                    self.add(part)
            case _Choice(branches):
                self._add_choice(branches)
            case _Repeat(part, least, most):
                self._add_repeat(part, least, most)

    @property
    def _end(self) -> int:
        """The number of the step that is to come next."""
        return len(self.steps)

    def _go(self, *to: int) -> _Go:
        step = _Go(list(to))
        self.steps.append(step)
        return step

    def _add_choice(self, branches: Sequence[_Node]) -> None:
        fork = self._go()
        ends = []
        for branch in branches:
            fork.to.append(self._end)
            self.add(branch)
            ends.append(self._go())
        for end in ends:
            end.to.append(self._end)

    def _add_repeat(self, part: _Node, least: int, most: int | None) -> None:
        for _ in range(least):
            self.add(part)
        if most is None:
            start = self._end
            fork = self._go(start + 1)
            self.add(part)
            self._go(start)
            fork.to.append(self._end)
            return
        forks = []
        for _ in range(most - least):
            forks.append(self._go(self._end + 1))
            self.add(part)
        for fork in forks:
            fork.to.append(self._end)


@dataclass(slots=True)
class _State:
    """Where a pattern may be after some characters, and where it goes with the next one.

    ``takers`` are the steps that wait for a character. ``matches`` says that there is a match
    whatever comes, ``matches_at_end`` that there is one if nothing does.
    """

    takers: tuple[int, ...]
    matches: bool
    matches_at_end: bool
    moves: dict[int, "_State"] = field(default_factory=dict)


class Pattern:
    """A pattern that is to be found in values.

    Where it may be after some characters is worked out when it is needed, and remembered, so that
    most values take a look into a dictionary for each character.
    """

    def __init__(self, steps: Sequence[_Step]) -> None:
        self._steps = steps
        sets = [step for step in steps if isinstance(step, _Set)]
        # Between two of these code points, no set tells one character from another.
        self._borders = sorted(
            {b for s in sets for first, last in s.ranges for b in (first, last + 1)}
        )
        self._forget()

    def _forget(self) -> None:
        self._states: dict[tuple[tuple[int, ...], bool, bool], _State] = {}
        self._start = self._state([0], is_start=True)

    def found_in(self, value: str) -> bool:
        """Tell whether a value, or a part of it, is as the pattern says."""
        state = self._start
        for character in value:
            if state.matches:
                return True
            kind = bisect_right(self._borders, ord(character))
            state = state.moves.get(kind) or self._move(state, kind, ord(character))
        return state.matches or state.matches_at_end

    def _move(self, state: _State, kind: int, code: int) -> _State:
        if len(self._states) >= _MOST_STATES:
            self._forget()
        # A match may also begin behind this character: hence the first step, once more.
        reached = [0, *(at + 1 for at in state.takers if self._takes(at, code))]
        state.moves[kind] = following = self._state(reached, is_start=False)
        return following

    def _takes(self, at: int, code: int) -> bool:
        step = self._steps[at]
        return isinstance(step, _Set) and any(first <= code <= last for first, last in step.ranges)

    def _state(self, reached: Sequence[int], *, is_start: bool) -> _State:
        takers, matches = self._followed(reached, is_start=is_start, is_end=False)
        _, matches_at_end = self._followed(reached, is_start=is_start, is_end=True)
        state = _State(takers, matches, matches_at_end)
        return self._states.setdefault((takers, matches, matches_at_end), state)

    def _followed(
        self, reached: Sequence[int], *, is_start: bool, is_end: bool
    ) -> tuple[tuple[int, ...], bool]:
        """Follow what takes no character; return the steps that do, and whether one matches."""
        to_follow = list(reached)
        seen = set(to_follow)
        takers = []
        matches = False
        while to_follow:
            at = to_follow.pop()
            step = self._steps[at]
            following: Iterable[int] = ()
            match step:
                case None:
                    matches = True
                case _Set():
                    takers.append(at)
                case _Edge():
                    following = [at + 1] if (is_start if step.is_start else is_end) else []
                case _Go():
                    following = step.to
            to_follow += [other for other in following if other not in seen]
            seen.update(following)
        return tuple(sorted(takers)), matches
