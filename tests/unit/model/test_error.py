"""The base of every error that this package raises on purpose."""

from hypothesis import given

from tag_policy.model.error import TagPolicyError
from tag_policy.model.text import LINE_LIMIT, clean
from tests.support.strangers import evil


@given(evil)
def test_an_error_of_ours_is_one_line_whatever_it_quotes(text: str) -> None:
    said = str(TagPolicyError(f"it is {text}"))

    assert said.isprintable()
    assert said == clean(f"it is {text}", LINE_LIMIT)


def test_an_error_of_ours_is_cut() -> None:
    assert len(str(TagPolicyError("x" * 10**6))) == LINE_LIMIT


def test_an_error_without_a_problem_can_be_raised() -> None:
    assert str(TagPolicyError()) == ""
