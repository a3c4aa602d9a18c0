"""Every module of the function has a unit test by its name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tag_policy

PACKAGE = Path(tag_policy.__file__).parent
TESTS = Path(__file__).parent
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def has_behaviour(source: str) -> bool:
    """Tell whether a module has a function, or a method, that does anything."""
    return any(_does_something(node) for node in ast.walk(ast.parse(source)))


def _does_something(node: ast.AST) -> bool:
    """Tell whether a node is a definition with more in it than words, as a Protocol's have."""
    return isinstance(node, DEFINITIONS) and not all(
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        for statement in node.body
    )


def place_of_test(module: str) -> str:
    """Return the file in which a module is tested, both below their roots.

    A folder in a room is a part of the name: ``aws/fast/parser.py`` is tested in
    ``aws/test_fast_parser.py``.
    """
    *folders, name = Path(module).parts
    return "/".join((*folders[:1], "_".join(("test", *folders[1:], name))))


def modules() -> Iterator[str]:
    """Yield the modules that do anything, below the root of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if has_behaviour(path.read_text(encoding="utf-8")):
            yield path.relative_to(PACKAGE).as_posix()


MODULES = list(modules())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_unit_test_by_its_name(module: str) -> None:
    path = TESTS / place_of_test(module)
    has_one = path.is_file() and "def test_" in path.read_text(encoding="utf-8")

    assert has_one, f"{module} lacks its unit test: tests/unit/{place_of_test(module)}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    return 1", True),
        ("class A:\n    def f(self):\n        self.a = 1", True),
        ('class A:\n    def f(self):\n        """Say."""\n        raise ValueError', True),
        ("if True:\n    async def f():\n        await g()", True),
        ('"""A docstring."""\nX = {1: 2}', False),
        ("class A(StrEnum):\n    B = 'b'", False),
        ("@dataclass\nclass A:\n    b: int = 1", False),
        ('class AError(Exception):\n    """Words."""', False),
        ('class A(Protocol):\n    def f(self):\n        """Words."""\n        ...', False),
        ("", False),
    ],
)
def test_only_what_does_something_needs_a_test(source: str, expected: bool) -> None:
    assert has_behaviour(source) is expected


@pytest.mark.parametrize(
    ("module", "place"),
    [
        ("handler.py", "test_handler.py"),
        ("runs/engine.py", "runs/test_engine.py"),
        ("aws/fast/parser.py", "aws/test_fast_parser.py"),
    ],
)
def test_a_test_lies_in_the_room_of_its_module(module: str, place: str) -> None:
    assert place_of_test(module) == place


def test_what_contributing_points_to_is_there() -> None:
    root = TESTS.parent.parent
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w]+/)*\w+\.(?:py|tf))`", text)

    assert len(named) > 5
    assert [path for path in named if not (root / path).is_file()] == []


def _texts_of_the_engine() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, " ".join(path.read_text(encoding="utf-8").split())


def test_what_docstrings_and_comments_point_to_is_there() -> None:
    """A path in a text is one below tag_policy, or from the root, or a file of Terraform's."""
    root = TESTS.parent.parent
    lost = [
        (path.name, named)
        for path, text in (
            *_texts_of_the_engine(),
            *((path, path.read_text(encoding="utf-8")) for path in root.glob("*.tf")),
        )
        for named in re.findall(r"(?<![\w/.])((?:\w+/)+\w+\.(?:py|md|json)|\w+\.tf)\b", text)
        if not (PACKAGE / named).is_file() and not (root / named).is_file()
    ]

    assert lost == []


def test_what_docstrings_say_is_in_a_file_is_in_it() -> None:
    root = TESTS.parent.parent
    pointers = [
        (path.name, name, named)
        for path, text in _texts_of_the_engine()
        for names, named in re.findall(
            r"((?:``\w+``(?:, | and )?)+) (?:in|of) ((?:\w+/)*\w+\.(?:py|tf))\b", text
        )
        for name in re.findall(r"\w+", names)
        if name != "and"
    ]

    assert len(pointers) > 10
    wrong = []
    for where, name, named in pointers:
        file = PACKAGE / named if (PACKAGE / named).is_file() else root / named
        if not file.is_file() or not re.search(rf"\b{name}\b", file.read_text(encoding="utf-8")):
            wrong.append((where, name, named))
    assert wrong == []
