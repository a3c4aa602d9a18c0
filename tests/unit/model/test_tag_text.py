import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.tag_text import is_blank, quoted, trimmed

UNSEEN = st.text(
    st.one_of(
        st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00a0\u3164\u2800"),
        st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Zp"]),
    )
)
SEEN = st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x0250), min_size=1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " \t\n",
        "\u200b",
        "\u200c\u200d",
        "\u2060",
        "\ufeff",
        "\u00a0",
        "\x00",
        "\u202e",
        "\u3164",
        "\ufe0f",
        "\u180b \U000e0100",
    ],
)
def test_what_cannot_be_seen_is_no_value(value: str) -> None:
    assert is_blank(value)
    assert trimmed(value) == ""


@pytest.mark.parametrize("value", ["0", "-", " x ", "\u200bx", "é", "日", "😀", "~"])
def test_whatever_can_be_seen_is_a_value(value: str) -> None:
    assert not is_blank(value)


def test_a_variation_selector_is_a_part_of_what_it_follows() -> None:
    assert trimmed(" \ufe0f\u2764\ufe0f ") == "\u2764\ufe0f"


def test_a_character_that_this_unicode_does_not_know_is_a_value_and_so_is_a_private_one() -> None:
    unassigned, private = "\U0003fffd", "\uf8ff"
    assert (unicodedata.category(unassigned), unicodedata.category(private)) == ("Cn", "Co")

    assert not is_blank(unassigned)
    assert not is_blank(private)


@given(UNSEEN, SEEN, UNSEEN)
def test_trimming_takes_what_cannot_be_seen_from_both_edges_and_nothing_else(
    before: str, value: str, after: str
) -> None:
    assert is_blank(before + after)
    assert not is_blank(before + value + after)
    assert trimmed(before + value + after) == value


@given(st.text())
def test_blank_is_what_trimming_leaves_nothing_of_and_all_that_python_strips(value: str) -> None:
    assert is_blank(value) == (trimmed(value) == "")
    assert is_blank(value) or value.strip()


@given(st.text(), st.integers(5, 50))
def test_what_is_quoted_is_printable_and_short_whatever_it_was(text: str, limit: int) -> None:
    shown = quoted(text, limit)

    assert shown.isprintable()
    assert len(shown) <= 2 * limit


def test_a_short_text_is_quoted_as_it_is() -> None:
    assert quoted("Proj007") == "'Proj007'"
    assert quoted("x" * 41) == f"'{'x' * 39}…'"
    assert quoted("a\u202eb") == r"'a\u202eb'"
