"""A release is made only where code, changelog and README name its version."""

import shutil
from pathlib import Path

import pytest

from tag_policy import __version__
from tools.release_notes import ROOT, main, notes, problems

NAMED = ("lambda_src/tag_policy/__init__.py", "pyproject.toml", "README.md", "CHANGELOG.md")


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A copy of what names the version, in which the changelog has a date for it."""
    for name in NAMED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changelog = tmp_path / "CHANGELOG.md"
    heading = f"## [{__version__}] - "
    lines = [
        f"{heading}2026-12-01" if line.startswith(heading) else line
        for line in changelog.read_text().splitlines()
    ]
    changelog.write_text("\n".join(lines) + "\n## [0.0.1] - 2026-01-01\n\nThe first.\n")
    return tmp_path


def test_everything_names_the_version_but_for_the_date_of_its_release(released: Path) -> None:
    assert list(problems(__version__, released)) == []


def test_the_notes_are_what_the_changelog_says_of_that_version_alone(released: Path) -> None:
    assert notes("0.0.1", released) == "The first."
    assert "The first." not in notes(__version__, released)
    assert "### Added" in notes(__version__, released)


@pytest.mark.parametrize("name", NAMED)
def test_what_names_another_version_is_said(released: Path, name: str) -> None:
    file = released / name
    file.write_text(file.read_text().replace(__version__, "7.7.7"))

    assert any(name in problem for problem in problems(__version__, released))


def test_a_tag_of_another_version_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"pyproject\.toml is not of version 9\.9\.9"):
        main("v9.9.9")
