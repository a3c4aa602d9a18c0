"""Which keys of tags are one key, and for whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.tag_keys import as_iam_compares, guarded_spelling


@given(st.text(st.characters(codec="ascii")))
def test_keys_that_differ_only_in_case_are_one_to_iam(key: str) -> None:
    assert as_iam_compares(key.upper()) == as_iam_compares(key.lower()) == as_iam_compares(key)


def test_letters_that_only_a_wide_folding_takes_for_one_are_one() -> None:
    """How IAM folds them is not documented: the widest folding is on the safe side."""
    assert as_iam_compares("Straße") == as_iam_compares("STRASSE")


@pytest.mark.parametrize(
    ("tags", "guarded"),
    [
        ({"Owner": "ann"}, "Owner"),
        ({"owner": "ann"}, "owner"),
        ({"OWNER": " "}, "OWNER"),
        ({"Owner": ""}, ""),
        ({"owner": "", "OWNER": "ann"}, "OWNER"),
        ({"Owner2": "ann"}, ""),
        ({}, ""),
    ],
)
def test_a_value_under_any_spelling_of_a_key_is_guarded_by_iam(
    tags: dict[str, str], guarded: str
) -> None:
    assert guarded_spelling(tags, "Owner") == guarded
