"""What the actions of rules have in common, and where a value comes from."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tag_policy.model.rule import Action
from tag_policy.rules.actions import KINDS, UNKNOWN_CREATOR
from tag_policy.rules.functions import ValueCallError
from tests.support.builders import CREATED_BY, EXPIRES, NOW, PROJECT_CODE


def test_every_action_has_its_kind() -> None:
    assert KINDS.keys() == set(Action)


def test_an_update_writes_its_default_and_fills_what_is_missing_only_where_it_is_required() -> None:
    kind = KINDS[Action.UPDATE]

    assert kind.fills(replace(PROJECT_CODE, default="any value ()"), NOW, NOW) == "any value ()"
    assert kind.only_if_required
    assert not kind.is_creator
    assert kind.without == "", "what has sources needs no default"


def test_a_function_writes_what_its_call_gives_at_the_time_of_the_run() -> None:
    kind = KINDS[Action.FUNCTION]

    assert kind.fills(EXPIRES, NOW, NOW) == "2026-11-23"
    assert kind.fills(EXPIRES, NOW + timedelta(days=1), NOW) == "2026-11-24"
    assert not kind.only_if_required
    assert not kind.is_creator
    assert kind.without is None


def test_a_user_lookup_has_no_value_before_it_is_looked_up_and_a_fallback_without_a_default() -> (
    None
):
    kind = KINDS[Action.USER_LOOKUP]

    assert kind.fills(CREATED_BY, NOW, NOW) is None
    assert kind.is_creator
    assert kind.without == UNKNOWN_CREATOR == "Undefined"
    assert not kind.only_if_required


def test_only_the_default_of_a_function_has_to_be_a_call() -> None:
    KINDS[Action.UPDATE].check("no call")
    KINDS[Action.USER_LOOKUP].check("no call")
    with pytest.raises(ValueCallError):
        KINDS[Action.FUNCTION].check("no call")
