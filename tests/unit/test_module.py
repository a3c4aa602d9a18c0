"""The module's inputs and outputs as they are written: that people are told what they need."""

import re

import pytest

from tag_policy.rules.functions import FUNCTIONS
from tests.support.builders import DEFAULT_RULES
from tools.hcl import Output, Variable, outputs, variables

VARIABLES = variables()


@pytest.mark.parametrize("documented", [*VARIABLES, *outputs()], ids=lambda it: str(it.name))
def test_every_input_and_output_is_described(documented: Variable | Output) -> None:
    assert documented.description.endswith((".", "overlapping.", "`Undefined`)"))


@pytest.mark.parametrize("message", [m for variable in VARIABLES for m in variable.error_messages])
def test_every_validation_shows_a_good_value(message: str) -> None:
    assert re.search(r'"[^"]+"|\d|null', message)


def test_the_default_rules_are_those_of_the_design() -> None:
    (rules,) = [variable.default for variable in VARIABLES if variable.name == "rules"]

    assert rules == {
        str(rule.rule_id): {
            key: value
            for key, value in {
                "tag_key": rule.tag_key,
                "action": str(rule.action),
                "required": None if rule.required else False,
                "default": None if rule.default == "Undefined" else rule.default,
            }.items()
            if value is not None
        }
        for rule in DEFAULT_RULES
    }


def test_terraform_knows_the_functions_that_the_function_knows() -> None:
    (messages,) = [v.error_messages for v in VARIABLES if v.name == "rules"]

    (message,) = [message for message in messages if "known function" in message]
    assert re.findall(r'"([a-z_]+)\(\)"', message) == list(FUNCTIONS)
