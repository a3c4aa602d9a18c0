"""Real Terraform: where its provider is, and root modules that are applied in a folder apart."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

PROVIDER = "registry.terraform.io/hashicorp/aws"

_MIRRORS = (
    # The folders that Terraform itself looks into:
    # https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    # The places where machines without a network keep them:
    "/opt/*",
    "/usr/local/share/*",
)


def find_mirror() -> Path | None:
    """Return a filesystem mirror that holds the AWS provider; None where there is none.

    ``TF_PLUGIN_MIRROR`` names one; else the usual places are searched.
    """
    return next((folder for folder in _candidates() if (folder / PROVIDER).is_dir()), None)


def _candidates() -> Iterator[Path]:
    named = os.environ.get("TF_PLUGIN_MIRROR")
    if named:
        yield Path(named)
        yield Path(named).parent  # the folder registry.terraform.io itself was named
    for pattern in _MIRRORS:
        path = Path(pattern).expanduser()
        yield from sorted(path.parent.glob(path.name))


def write_cli_config(folder: Path) -> Path:
    """Write a configuration for the Terraform CLI into the folder, and return its path.

    With a mirror, the provider comes from there; without, from the registry, once for all tests.
    """
    mirror = find_mirror()
    path = folder / "terraform.rc"
    if mirror is None:
        cache = folder / "plugin-cache"
        cache.mkdir(exist_ok=True)
        text = f'plugin_cache_dir = "{cache.as_posix()}"\n'
    else:
        text = (
            "provider_installation {\n"
            f'  filesystem_mirror {{\n    path    = "{mirror.as_posix()}"\n'
            f'    include = ["{PROVIDER}"]\n  }}\n'
            f'  direct {{\n    exclude = ["{PROVIDER}"]\n  }}\n'
            "}\n"
        )
    path.write_text("disable_checkpoint = true\n" + text)
    return path


class TerraformError(Exception):
    """Terraform failed; the message is what it printed."""


class RootModule:
    """A root module in a folder of its own, below a copy of the module that it finds there."""

    def __init__(self, folder: Path, source: Path | str, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.folder = folder / "examples" / "root"
        if isinstance(source, Path):
            shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns(".terraform*"))
        else:
            self.folder.mkdir(parents=True)
            (self.folder / "main.tf").write_text(source)
        for path in ROOT.glob("*.tf"):
            shutil.copy(path, folder)
        shutil.copytree(ROOT / "dist", folder / "dist")

    def run(self, *arguments: str) -> str:
        """Run Terraform in the root module and return what it printed; raises TerraformError."""
        return run_terraform(self.folder, arguments, self.environment)

    def apply(self) -> str:
        """Initialise and apply, and return what Terraform printed."""
        self.run("init", "-input=false", "-no-color")
        return self.run("apply", "-input=false", "-no-color", "-auto-approve")

    def plan(self) -> list[str]:
        """Plan again and return the changes that Terraform would make, a line each."""
        return changes_of_plan(self.folder, self.environment)

    def planned(self) -> dict[str, Any]:
        """Plan, and return the plan as ``terraform show -json`` has it."""
        return json_of_plan(self.folder, self.environment)

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the last apply."""
        return {
            name: output["value"]
            for name, output in json.loads(self.run("output", "-json")).items()
        }

    def destroy(self) -> str:
        """Destroy what was applied."""
        return self.run("destroy", "-input=false", "-no-color", "-auto-approve")


def changes_of_plan(folder: Path | str, environment: Mapping[str, str], *options: str) -> list[str]:
    """Return the changes that a plan would make, outputs included, a line each."""
    plan = json_of_plan(folder, environment, *options)
    resources = plan.get("resource_changes", [])
    outputs = [
        {"address": f"output.{name}", "change": change}
        for name, change in plan.get("output_changes", {}).items()
    ]
    return [
        f"{changed['address']}: {', '.join(changed['change']['actions'])}"
        for changed in resources + outputs
        if changed["change"]["actions"] not in (["no-op"], ["read"])
    ]


def json_of_plan(
    folder: Path | str, environment: Mapping[str, str], *options: str
) -> dict[str, Any]:
    """Plan, and return the plan as ``terraform show -json`` has it.

    https://developer.hashicorp.com/terraform/internals/json-format#plan-representation
    """
    with tempfile.TemporaryDirectory() as plans:
        file = f"{plans}/plan"
        arguments = ("plan", "-input=false", f"-out={file}", *options)
        run_terraform(folder, arguments, environment)
        plan: dict[str, Any] = json.loads(
            run_terraform(folder, ("show", "-json", file), environment)
        )
    return plan


def run_terraform(
    folder: Path | str, arguments: Iterable[str], environment: Mapping[str, str]
) -> str:
    """Run Terraform in a folder and return its standard output; raises TerraformError."""
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TerraformError(f"terraform {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout
