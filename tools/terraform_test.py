"""Runs `terraform test` on the module: validation and wiring, with a mocked provider.

`terraform test` wants the module initialised, so it runs in a copy; the module's own folder stays
clean. `mock_provider` needs Terraform 1.7. A file of tests is made from the good rules of
`tests/rules.json`, and from those bad ones that a precondition refuses; what the variable itself
refuses is in tests/terraform/test_rules_file.py, which asks of all at once.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.rules_file import BAD, FACTS, GOOD, PLAN_ONLY, Rules
from tests.support.terraform import ROOT, write_cli_config

TESTS = "tests/module"

TOGETHER = 40
"""Good rules that one plan has."""

ISOLATION_GROUPS = {"vpc-0a1b2c3d4e5f67890": "sg-0a1b2c3d4e5f67890"}


def main(*files: str) -> int:
    """Run the tests, or those of some files, and return Terraform's exit status."""
    only = [f"-filter={TESTS}/{name}" for name in files]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "module"
        folder.mkdir()
        for path in ROOT.glob("*.tf"):
            shutil.copy(path, folder)
        shutil.copytree(ROOT / "dist", folder / "dist")
        shutil.copytree(ROOT / TESTS, folder / TESTS)
        (folder / TESTS / "rules.tftest.json").write_text(json.dumps(_tests_of_rules(), indent=1))
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        environment["TF_CLI_CONFIG_FILE"] = str(write_cli_config(Path(scratch)))
        initialised = subprocess.run(
            ["terraform", "init", "-input=false", "-no-color"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if initialised.returncode != 0:
            return initialised.returncode
        tested = subprocess.run(
            ["terraform", "test", f"-test-directory={TESTS}", *only],
            cwd=folder,
            env=environment,
            check=False,
        )
        return tested.returncode


def _tests_of_rules() -> dict[str, Any]:
    """Return the tests of `tests/rules.json`, in Terraform's JSON."""
    # All of them together are more than a role takes.
    good = list(GOOD.items())
    runs = {
        f"accepts_the_good_rules_from_{start + 1}": _plan(dict(good[start : start + TOGETHER]))
        for start in range(0, len(good), TOGETHER)
    }
    for bad in (one for one in (*BAD, *PLAN_ONLY) if one.refused_by):
        name = re.sub(r"\W+", "_", f"refuses {bad.name}").lower()
        if name in runs:
            raise ValueError(f"tests/rules.json has more than one of the name {bad.name!r}")
        runs[name] = _plan(bad.rules, bad.max_escalation) | {"expect_failures": [bad.refused_by]}
    return {
        "mock_provider": {"aws": {"source": f"./{TESTS}/mocks"}},
        "run": runs,
    }


def _plan(rules: Rules, max_escalation: str = "terminate") -> dict[str, Any]:
    # Texts are templates in Terraform's JSON.
    text = json.dumps(rules).replace("${", "$${").replace("%{", "%%{")
    variables = {
        "rules": json.loads(text),
        "facts": FACTS,
        "max_escalation": max_escalation,
        "isolation_security_groups": ISOLATION_GROUPS,
    }
    return {"command": "plan", "variables": variables}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
