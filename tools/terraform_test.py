"""Runs `terraform test` on the module: validation and wiring, with a mocked provider.

`terraform test` wants the module initialised, so it runs in a copy; the module's own folder stays
clean. `mock_provider` needs Terraform 1.7.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.terraform import ROOT, write_cli_config

TESTS = "tests/module"


def main() -> int:
    """Run the tests and return Terraform's exit status."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "module"
        folder.mkdir()
        for path in ROOT.glob("*.tf"):
            shutil.copy(path, folder)
        shutil.copytree(ROOT / "dist", folder / "dist")
        shutil.copytree(ROOT / TESTS, folder / TESTS)
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
            ["terraform", "test", f"-test-directory={TESTS}"],
            cwd=folder,
            env=environment,
            check=False,
        )
        return tested.returncode


if __name__ == "__main__":
    sys.exit(main())
