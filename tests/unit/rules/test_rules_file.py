"""Good and bad rules: the function says of each what `terraform plan` says of it.

`tests/rules.json` has them, and `make test-module` asks Terraform.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tag_policy.model.remedy import MaxEscalation
from tag_policy.rules import table
from tests.support.rules_file import BAD, FACTS, GOOD, PLAN_ONLY, BadRules

OWN_KEYS = ("tag-policy:due", "tag-policy:exempt")

_TEXTS = {
    "default": "Default",
    "allowed_pattern": "AllowedPattern",
    "max_lifetime": "MaxLifetime",
    "note": "Note",
}

_LISTS = {
    "allowed_values": "AllowedValues",
    "normalize": "Normalize",
    "from": "From",
    "aliases": "Aliases",
    "resource_types": "ResourceTypes",
}
_MAPS = {"when": "When", "synonyms": "Synonyms"}
_FLAGS = {"expires": "Expires", "replace_invalid": "ReplaceInvalid", "rename": "Rename"}


def _list(texts: Sequence[str]) -> dict[str, Any]:
    return {"L": [{"S": text} for text in texts]}


def _texts(said: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"S": text} for name, text in said.items()}


def seeded(rules: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that rules.tf would write for some rules."""
    return [
        {
            "RuleId": {"N": rule_id},
            "TagKey": {"S": rule["tag_key"]},
            "Action": {"S": rule.get("action", "Check")},
            "Required": {"S": "Y" if rule.get("required", True) else "N"},
        }
        | {attribute: {"S": rule[name]} for name, attribute in _TEXTS.items() if name in rule}
        | {
            attribute: {"M": {of: _list(some) for of, some in rule[name].items()}}
            for name, attribute in _MAPS.items()
            if name in rule
        }
        | {attribute: _list(rule[name]) for name, attribute in _LISTS.items() if name in rule}
        | ({"Escalate": {"M": _texts(rule["escalate"])}} if "escalate" in rule else {})
        | {attribute: {"S": "Y"} for name, attribute in _FLAGS.items() if rule.get(name)}
        for rule_id, said in rules.items()
        for rule in [{name: value for name, value in said.items() if value is not None}]
    ]


def parse(
    rules: Mapping[str, Mapping[str, Any]], max_escalation: str = "terminate"
) -> table.ParsedTable:
    """Return what the function makes of some rules."""
    most = MaxEscalation(max_escalation)
    return table.parse(seeded(rules), OWN_KEYS, facts=FACTS, max_escalation=most)


def test_all_good_rules_are_good_together() -> None:
    parsed = parse(GOOD)

    assert list(parsed.errors) == []
    assert [rule.tag_key for rule in parsed.rules] == [one["tag_key"] for one in GOOD.values()]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_bad_rule_is_bad_for_the_function_too(bad: BadRules) -> None:
    (error,) = parse(bad.rules, bad.max_escalation).errors

    assert bad.function in error.problem


@pytest.mark.parametrize("bad", PLAN_ONLY, ids=str)
def test_what_is_refused_at_plan_alone_is_a_rule_where_it_stands_in_a_table(bad: BadRules) -> None:
    parsed = parse(bad.rules)

    assert len(parsed.rules) == len(bad.rules), json.dumps(bad.rules)
