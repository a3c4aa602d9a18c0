"""The module's inputs and outputs as they are written: that people are told what they need."""

import re

import pytest

from tag_policy.rules.functions import FUNCTIONS
from tools.hcl import REQUIRED, ROOT, Output, Variable, outputs, variables

VARIABLES = variables()


@pytest.mark.parametrize("documented", [*VARIABLES, *outputs()], ids=lambda it: str(it.name))
def test_every_input_and_output_is_described(documented: Variable | Output) -> None:
    assert documented.description.endswith((".", "overlapping.", "`Undefined`)"))


@pytest.mark.parametrize("message", [m for variable in VARIABLES for m in variable.error_messages])
def test_every_validation_shows_a_good_value(message: str) -> None:
    assert re.search(r'"[^"]+"|\d|null|true|\w = \w', message)


def test_the_rules_have_no_default_and_what_is_dangerous_has_a_safe_one() -> None:
    defaults = {variable.name: variable.default for variable in VARIABLES}

    assert defaults["rules"] is REQUIRED
    assert (defaults["mode"], defaults["untagged_action"]) == ("audit", "notify")
    assert (defaults["grace_period"], defaults["max_destructive"]) == ("24h", 10)


KNOWN_NAMES = re.compile(
    r"(?:setsubtract\(try\(keys\(var\.[^)]*\), \[[^\]]*\]\), |contains\()\[([^\]]*)\](?=\)|, name)"
)


def names_in(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@pytest.mark.parametrize(
    "variable", [v for v in VARIABLES if v.type_text == "any"], ids=lambda v: str(v.name)
)
def test_what_may_stand_in_an_object_is_described_and_nothing_else_is_accepted(
    variable: Variable,
) -> None:
    described = re.findall(r"^- (.*?) \(", variable.description, re.MULTILINE)
    names = [name for line in described for name in re.findall(r"`(\w+)`", line)]
    checked = [names_in(known) for known in KNOWN_NAMES.findall(block(variable.name))]

    assert names
    assert len(checked) == 2, "a validation refuses what is not known, and its message says what is"
    assert all(sorted(one) == sorted(names) for one in checked)


def block(name: str) -> str:
    text = (ROOT / "variables.tf").read_text()
    match = re.search(rf'^variable "{name}" {{\n.*?^}}\n', text, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[0]


def test_terraform_knows_the_functions_that_the_function_knows() -> None:
    (messages,) = [v.error_messages for v in VARIABLES if v.name == "rules"]

    (message,) = [message for message in messages if "known function" in message]
    assert re.findall(r'"([a-z_]+)\(\)"', message) == list(FUNCTIONS)
