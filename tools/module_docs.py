"""Writes the inputs and outputs of the module, and of each example, into their README.md.

They stand between the marks of terraform-docs.

The format is that of ``terraform-docs markdown table`` with .terraform-docs.yml, so that the real
tool can take over. ``--check`` writes nothing and fails when the tables are not what the module
declares.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tools.hcl import REQUIRED, ROOT, Variable, outputs, variables

MODULES = (ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/main.tf")))
BEGIN, END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"


def tables(folder: Path) -> str:
    """Return the two tables of a module, with the marks around them."""
    lines = [
        BEGIN,
        "## Inputs",
        "",
        "| Name | Description | Type | Default | Required |",
        "|------|-------------|------|---------|:--------:|",
        *map(_input_row, variables(folder)),
        "",
        "## Outputs",
        "",
        "| Name | Description |",
        "|------|-------------|",
        *(f"| {output.name} | {_cell(output.description)} |" for output in outputs(folder)),
        END,
    ]
    return "\n".join(lines)


def _input_row(variable: Variable) -> str:
    required = variable.default is REQUIRED
    cells = (
        variable.name,
        _cell(variable.description),
        _code(variable.type_text),
        "n/a" if required else _code(_default_text(variable.default)),
        "yes" if required else "no",
    )
    return f"| {' | '.join(cells)} |"


def _default_text(default: Any) -> str:
    return json.dumps(default, indent=2, ensure_ascii=False)


def _code(text: str) -> str:
    if "\n" in text:
        return f"<pre>{text.replace(chr(10), '<br/>')}</pre>"
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br/>")


def main() -> int:
    """Write or check the tables; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="fail when a README.md is not up to date"
    )
    only_check = parser.parse_args().check
    stale = []
    for folder in MODULES:
        path = folder / "README.md"
        readme = path.read_text()
        before, _, rest = readme.partition(BEGIN)
        _, _, after = rest.partition(END)
        written = before + tables(folder) + after
        if written != readme:
            stale.append(path.relative_to(ROOT))
            if not only_check:
                path.write_text(written)
    if stale and only_check:
        print(f"{', '.join(map(str, stale))}: not what the module declares; run 'make docs'")
    return int(bool(stale) and only_check)


if __name__ == "__main__":
    sys.exit(main())
