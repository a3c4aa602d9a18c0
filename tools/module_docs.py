"""Writes what the module declares, and each example, into their README.md.

They stand between the marks of terraform-docs.

The format is that of ``terraform-docs markdown table`` with .terraform-docs.yml, so that the real
tool can take over; it also links each resource to its documentation. ``--check`` writes nothing and
fails when the tables are not what the module declares.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.hcl import (
    REQUIRED,
    ROOT,
    Variable,
    modules,
    outputs,
    requirements,
    resources,
    variables,
)

MODULES = (ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/main.tf")))
BEGIN, END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"


def tables(folder: Path) -> str:
    """Return the tables of a module, with the marks around them."""
    asked, declared = requirements(folder), resources(folder)
    providers = sorted({one.provider for one in declared})
    lines = [
        BEGIN,
        *_table("Requirements", ("Name", "Version"), asked.items()),
        *_table("Providers", ("Name", "Version"), ((p, _version(p, asked)) for p in providers)),
        *_table("Modules", ("Name", "Source", "Version"), ((*m, "n/a") for m in modules(folder))),
        *_table(
            "Resources",
            ("Name", "Type"),
            ((one.address, "data source" if one.is_data else "resource") for one in declared),
        ),
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


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a section of terraform-docs', which says so where there is nothing in it."""
    written = [f"| {' | '.join(row)} |" for row in rows]
    if not written:
        return [f"## {title}", "", f"No {title.lower()}.", ""]
    head = f"| {' | '.join(names)} |"
    rule = f"|{'|'.join('-' * (len(name) + 2) for name in names)}|"
    return [f"## {title}", "", head, rule, *written, ""]


def _version(provider: str, asked: Mapping[str, str]) -> str:
    return "n/a" if provider == "terraform" else asked.get(provider, "n/a")


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
