"""What is said about each result, and about each end."""

from dataclasses import astuple

import pytest

from tag_policy.model.ending import ENDINGS, Ending
from tag_policy.model.outcome import Result
from tag_policy.reporting.wording import ENDING_WORDING, WORDING, Tone, Wording


def test_there_are_words_for_every_result() -> None:
    assert set(WORDING) == set(Result)


def test_there_are_words_for_everything_that_ends_an_instance_and_for_nothing_else() -> None:
    assert set(ENDING_WORDING) == {ending.remedy for ending in ENDINGS}


@pytest.mark.parametrize("result", WORDING, ids=str)
def test_what_an_audit_says_of_a_result_cannot_be_mistaken_for_something_done(
    result: Result,
) -> None:
    assert "WOULD" in WORDING[result].audit_heading
    assert "WOULD" not in WORDING[result].heading


@pytest.mark.parametrize("words", ["heading", "audit_heading", "one", "many", "label"])
def test_no_two_results_are_told_in_the_same_words(words: str) -> None:
    assert len({getattr(wording, words) for wording in WORDING.values()}) == len(WORDING)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: str(ending.remedy))
def test_an_end_that_was_made_is_worth_a_look_and_can_be_filtered(ending: Ending) -> None:
    wording = WORDING[ending.result]

    assert (wording.tone, wording.worth_a_look, wording.is_filtered) == (Tone.BAD, True, True)


def test_what_was_ended_comes_before_everything_else_and_the_worse_end_first() -> None:
    """Messages leave the last of the order out first, and subjects too."""
    worst_first = [ending.result for ending in reversed(ENDINGS)]

    assert list(WORDING)[: len(ENDINGS)] == worst_first


def test_nothing_is_said_in_no_words() -> None:
    def said(wording: Wording) -> list[str]:
        return [word for word in astuple(wording) if isinstance(word, str)]

    assert all(word.strip() for wording in WORDING.values() for word in said(wording))
    assert all(word for wording in ENDING_WORDING.values() for word in astuple(wording))
