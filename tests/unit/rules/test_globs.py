"""Globs know the asterisk, match the whole, and mind case."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tag_policy.rules.globs import is_like

globs = st.lists(st.sampled_from(["*", "a", "b", "ab", ".", "^", "?", "[a]", "\n"]), max_size=6)


@given(globs.map("".join), st.text(alphabet="ab.^?[]\n", max_size=8))
def test_a_glob_knows_the_asterisk_and_nothing_else(glob: str, value: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, glob.split("*"))), value, re.DOTALL)

    assert is_like(glob.split("*"), value) is (expected is not None)


def test_what_overlaps_is_not_counted_twice() -> None:
    assert not is_like(["ab", "ba"], "aba")
    assert is_like(["ab", "ba"], "abba")
    assert not is_like(["a", "b", "b"], "ab")
    assert is_like(["", ""], "")
