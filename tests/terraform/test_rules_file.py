"""Bad rules are refused at plan, each by its own message; the good ones by none.

All of `tests/rules.json` in one plan: a module a list of rules, with nothing but the variable, as
it stands in variables.tf. `make test-module` plans the good ones with the whole module.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.rules_file import BAD, GOOD, PLAN_ONLY, BadRules
from tests.support.terraform import ROOT

REFUSED = [one for one in (*BAD, *PLAN_ONLY) if not one.refused_by]


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[str]]:
    """What Terraform says of each list of rules, by its name."""
    folder = tmp_path_factory.mktemp("rules")
    text = (ROOT / "variables.tf").read_text()
    variable = re.search(r'^variable "rules" {$.*?^}$', text, re.MULTILINE | re.DOTALL)
    assert variable is not None
    (folder / "rules").mkdir()
    (folder / "rules" / "variables.tf").write_text(variable[0])
    lists = {"good": GOOD, **{f"bad{at}": one.rules for at, one in enumerate(REFUSED)}}
    # Texts are templates in Terraform's JSON.
    escaped = json.dumps(lists).replace("${", "$${").replace("%{", "%%{")
    modules = {
        name: {"source": "./rules", "rules": rules} for name, rules in json.loads(escaped).items()
    }
    (folder / "main.tf.json").write_text(json.dumps({"module": modules}))
    found: dict[str, list[str]] = {"good": [], **{str(one): [] for one in REFUSED}}
    assert len(found) == 1 + len(REFUSED), "two lists of rules have one name"
    for event in _plan(folder):
        diagnostic = event.get("diagnostic", {})
        if diagnostic.get("severity") == "error":
            name = diagnostic["snippet"]["context"].removeprefix("module.")
            about = "good" if name == "good" else str(REFUSED[int(name.removeprefix("bad"))])
            found[about].append(diagnostic["detail"])
    return found


def _plan(folder: Path) -> list[dict[str, object]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    environment["TF_CLI_CONFIG_FILE"] = os.devnull
    run = ["terraform", "init", "-input=false"], ["terraform", "plan", "-input=false", "-json"]
    for command in run:
        answer = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_good_rules_are_refused_by_nothing(messages: Mapping[str, Sequence[str]]) -> None:
    assert messages["good"] == []


@pytest.mark.parametrize("bad", REFUSED, ids=str)
def test_bad_rules_are_refused_by_what_says_what_would_be_right(
    messages: Mapping[str, Sequence[str]], bad: BadRules
) -> None:
    said = messages[str(bad)]

    assert said, "nothing refuses them"
    assert all(any(message.startswith(start) for start in bad.plan) for message in said), said
    assert all(any(message.startswith(start) for message in said) for start in bad.plan), said
