"""The module's variables and outputs, read from its .tf files with python-hcl2."""

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent

REQUIRED = object()
"""The default of a variable that has none."""


@dataclass(frozen=True)
class Variable:
    """One variable of the module."""

    name: str
    description: str
    type_text: str
    default: Any
    error_messages: list[str]


@dataclass(frozen=True)
class Output:
    """One output of the module."""

    name: str
    description: str


def variables(folder: Path = ROOT) -> list[Variable]:
    """Return the variables of a module in the order in which they are declared."""
    text = (folder / "variables.tf").read_text()
    return [
        Variable(
            name=name,
            description=_string(body.get("description", '""')),
            type_text=_type_text(text, name),
            default=_plain(body["default"]) if "default" in body else REQUIRED,
            error_messages=[_string(v["error_message"]) for v in body.get("validation", [])],
        )
        for name, body in _blocks(text, "variable")
    ]


def outputs(folder: Path = ROOT) -> list[Output]:
    """Return the outputs of a module in the order in which they are declared."""
    text = (folder / "outputs.tf").read_text()
    return [
        Output(name, _string(body.get("description", '""')))
        for name, body in _blocks(text, "output")
    ]


@dataclass(frozen=True)
class Resource:
    """A resource or a data source of the module."""

    address: str
    is_data: bool

    @property
    def provider(self) -> str:
        """The name of the provider that it is of."""
        return self.address.partition("_")[0]


def requirements(folder: Path = ROOT) -> dict[str, str]:
    """Return which versions a module asks for: of Terraform, and of each provider."""
    (settings,) = hcl2.loads((folder / "versions.tf").read_text())["terraform"]
    (providers,) = settings["required_providers"]
    return {
        "terraform": _string(settings["required_version"]),
        **{
            name: _string(asked["version"])
            for name, asked in _plain_keys(providers).items()
            if isinstance(asked, dict)
        },
    }


def resources(folder: Path = ROOT) -> list[Resource]:
    """Return the resources and data sources of a module, resources first, by their addresses."""
    found = []
    for path in folder.glob("*.tf"):
        parsed = hcl2.loads(path.read_text())
        for kind in ("resource", "data"):
            for block in parsed.get(kind, []):
                for of_type, named in _plain_keys(block).items():
                    found += [
                        Resource(f"{of_type}.{name}", kind == "data") for name in _plain_keys(named)
                    ]
    return sorted(found, key=lambda one: (one.is_data, one.address))


def modules(folder: Path = ROOT) -> list[tuple[str, str]]:
    """Return the modules that a module calls, by name, with where each comes from."""
    called = []
    for path in sorted(folder.glob("*.tf")):
        for block in hcl2.loads(path.read_text()).get("module", []):
            called += [(name, _string(body["source"])) for name, body in _plain_keys(block).items()]
    return called


def _plain_keys(block: dict[str, Any]) -> dict[str, Any]:
    return {k.strip('"'): v for k, v in block.items() if not k.startswith("__")}


def _blocks(text: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    parsed = hcl2.loads(text)
    return [
        (_string(label), body)
        for block in parsed[kind]
        for label, body in block.items()
        if not label.startswith("__")
    ]


def _string(literal: str) -> str:
    """Return what a literal of python-hcl2's stands for: quoted, or a heredoc within quotes.

    An ellipsis stands for what Terraform would put in.
    """
    inner = literal[1:-1]
    if inner.startswith("<<"):
        lines = inner.splitlines()[1:-1]
        return textwrap.dedent("\n".join(lines)).strip()
    return str(json.loads(_without_interpolations(literal)))


def _without_interpolations(literal: str) -> str:
    """Return a quoted text with an ellipsis for each ``${…}``, whatever stands in it."""
    kept, depth, at = "", 0, 0
    while at < len(literal):
        if depth:
            depth += {"{": 1, "}": -1}.get(literal[at], 0)
            at += 1
        elif literal.startswith("$${", at):
            kept, at = kept + "${", at + 3
        elif literal.startswith("${", at):
            kept, depth, at = kept + "…", 1, at + 2
        else:
            kept, at = kept + literal[at], at + 1
    return kept


def _plain(value: Any) -> Any:
    """Return a default without the quotes that python-hcl2 leaves around strings."""
    if isinstance(value, dict):
        return {key.strip('"'): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _string(value) if isinstance(value, str) else value


def _type_text(text: str, name: str) -> str:
    """Return a variable's type as it is written, line breaks included."""
    block = text[text.index(f'variable "{name}" {{') :]
    lines = block[block.index("\n  type") :].lstrip("\n").splitlines()
    taken: list[str] = []
    depth = 0
    for line in lines:
        taken.append(line)
        depth += line.count("(") + line.count("{") - line.count(")") - line.count("}")
        if depth == 0:
            break
    first = taken[0].partition("=")[2].strip()
    return "\n".join([first, *textwrap.dedent("\n".join(taken[1:])).splitlines()])
