"""Checks the format of every .tf file, and validates the module and its examples."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.terraform import ROOT, write_cli_config


def main() -> int:
    """Run the checks; returns the exit status."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        environment["TF_CLI_CONFIG_FILE"] = str(write_cli_config(Path(scratch)))
        copy = Path(scratch) / "module"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*"))
        failures = _run(ROOT, environment, "fmt", "-check", "-diff", "-recursive")
        for folder in (copy, *sorted(path.parent for path in copy.glob("examples/*/main.tf"))):
            failures += _run(folder, environment, "init", "-backend=false", "-input=false")
            failures += _run(folder, environment, "validate", "-no-color")
    return min(failures, 1)


def _run(folder: Path, environment: Mapping[str, str], *arguments: str) -> int:
    """Run Terraform, and print what it says only when it fails; returns the exit status."""
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(f"terraform {' '.join(arguments)} in {folder.name}:\n{done.stdout}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
