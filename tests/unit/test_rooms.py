"""One-way doors: which room of the function may import which."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tag_policy

PACKAGE = Path(tag_policy.__file__).parent

BELOW = ("aws", "model", "settings")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "model": (),
    "settings": ("model",),
    "aws": ("model", "settings"),
    "rules": BELOW,
    "resources": BELOW,
    "creators": BELOW,
    "reporting": BELOW,
    "triggers": ("rules", "resources", "creators", "reporting", *BELOW),
    "runs": ("triggers", "rules", "resources", "creators", "reporting", *BELOW),
    "handler": ("runs", "triggers", "rules", "resources", "creators", "reporting", *BELOW),
}
"""For each room, or module at the top, the others that it may import."""


def room_of(module: str) -> str:
    """Return the room of a module such as ``tag_policy.rules.mark``; empty for the package."""
    return f"{module}.".split(".")[1]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each module of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import out"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def wrong_doors(module: str, imported: str) -> str:
    """Return what is wrong with an import, and where what is imported belongs; empty if nothing."""
    room, other = room_of(module), room_of(imported)
    is_ours = imported.startswith("tag_policy.") and other in MAY_IMPORT
    if not is_ours or other == room or other in MAY_IMPORT[room]:
        return ""
    allowed = ", ".join(MAY_IMPORT[room]) or "nothing"
    return (
        f"{module} imports {imported}, but {room} may import {allowed} only. What both need "
        "belongs below them, in model; what puts them together belongs in runs"
    )


MODULES = sorted(
    ".".join(("tag_policy", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
)


@pytest.mark.parametrize("module", MODULES)
def test_each_import_goes_through_a_door(module: str) -> None:
    path = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    module = module.removesuffix(".__init__")

    assert not [
        f"{path.relative_to(PACKAGE)}:{line}: {wrong}"
        for line, imported in imports(path)
        if (wrong := wrong_doors(module, imported))
    ]


def test_every_room_has_its_doors_written_down() -> None:
    rooms = {room_of(module.removesuffix(".__init__")) for module in MODULES}

    assert rooms == set(MAY_IMPORT)


def test_a_wrong_import_is_told_with_where_it_belongs() -> None:
    told = wrong_doors("tag_policy.creators.tag_value", "tag_policy.rules.table.LENGTH")

    assert "creators may import aws, model, settings only" in told
    assert "belongs below them, in model" in told
    assert not wrong_doors("tag_policy.runs.sweep", "tag_policy.rules.table.scan")
