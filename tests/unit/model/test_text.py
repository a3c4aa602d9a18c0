"""Text that others wrote, made fit to be printed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.text import clean, cleaned

UNPRINTABLE = {
    "line feed": "\n",
    "carriage return": "\r",
    "null": "\x00",
    "escape": "\x1b",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "right-to-left isolate": "\u2067",
    "right-to-left mark": "\u200f",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "tag letter": "\U000e0041",
    "Hangul filler": "\u3164",
    "combining grapheme joiner": "\u034f",
    "lone surrogate": "\ud800",
    "private use": "\ue000",
}
anything = st.text(
    st.characters(exclude_categories=[]) | st.sampled_from(list(UNPRINTABLE.values()))
)


@pytest.mark.parametrize("character", UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_a_blank_stands_where_a_character_cannot_be_printed(character: str) -> None:
    assert clean(f"a{character}b", 10) == "a b"
    assert clean(f"é{character}b" * 9, 10) == "é bé bé b…"


@pytest.mark.parametrize("text", ["", "web 1", "é", "مرحبا", "漢字", "😀", "a\\nb", '"<&>'])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert clean(text, 10) == text


@given(anything, st.integers(min_value=1, max_value=20))
def test_whatever_is_cleaned_is_one_short_line_that_can_be_printed(text: str, limit: int) -> None:
    line = clean(text, limit)

    assert len(line) == min(len(text), limit)
    assert line.isprintable()
    assert line.encode().decode() == line
    assert clean(line, limit) == line


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | anything,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(json_values)
def test_what_is_to_become_json_keeps_its_form_and_can_be_printed(value: Any) -> None:
    printable = cleaned(value, 1_000)

    text = json.dumps(printable, ensure_ascii=False)
    assert text.isprintable()
    assert json.loads(text) == printable
    assert form(printable) == form(value)


def form(value: Any) -> Any:
    match value:
        case dict():
            return {key: form(inner) for key, inner in value.items()}
        case list():
            return [form(inner) for inner in value]
        case _:
            return type(value)
