"""Inputs that AWS has recorded, each with what an administrator would want of it: one file each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "cases"


@dataclass(frozen=True)
class Case:
    """One file. ``kind`` says what the ``input`` is; ``note`` is for the reader."""

    name: str
    kind: str
    input: Mapping[str, Any]
    expected: Mapping[str, Any]
    note: str

    def __str__(self) -> str:
        return self.name


def cases(folder: str) -> list[Case]:
    """Return the cases of a folder, by name."""
    return [_read(path) for path in sorted((FOLDER / folder).glob("*.json"))]


def _read(path: Path) -> Case:
    content = json.loads(path.read_text())
    return Case(path.stem, content["kind"], content["input"], content["expected"], content["note"])
