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
