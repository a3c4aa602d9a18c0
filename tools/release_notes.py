"""Print what the changelog says of a version, for the release of a tag.

Exits with what is wrong where code, changelog, README or examples do not name that version.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def problems(version: str, root: Path = ROOT) -> Iterator[str]:
    """Yield each place that names another version."""
    package = (root / "lambda_src" / "tag_policy" / "__init__.py").read_text()
    if f'__version__ = "{version}"' not in package:
        yield f"lambda_src/tag_policy/__init__.py has no __version__ of {version}"
    if tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"] != version:
        yield f"pyproject.toml is not of version {version}"
    for named in re.findall(r"\?ref=v([\d.]+)\"|version = \"([\d.]+)\"", _readme(root)):
        if version not in named:
            yield f"README.md shows version {''.join(named)}"
    if not notes(version, root):
        yield f"CHANGELOG.md has no part that begins with ## [{version}] - <date>"


def notes(version: str, root: Path = ROOT) -> str:
    """Return what the changelog says of a version that has a date; empty where it says nothing."""
    text = (root / "CHANGELOG.md").read_text()
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}\n(.*?)(?=^## \[|\Z)"
    found = re.search(heading, text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def _readme(root: Path) -> str:
    return (root / "README.md").read_text()


def main(tag: str) -> None:
    """Print the notes of a tag, such as v0.1.0."""
    version = tag.removeprefix("v")
    if wrong := list(problems(version)):
        sys.exit("\n".join(wrong))
    print(notes(version))


if __name__ == "__main__":
    main(sys.argv[1])
