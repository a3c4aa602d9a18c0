"""Builds dist/tag_policy.zip from lambda_src, the same to the byte on every machine.

Names are sorted, timestamps and modes are fixed, and entries are stored rather than deflated,
because compressors differ between versions of zlib. ``--check`` builds nothing and fails when the
zip that is there is not what would be built.
"""

import argparse
import io
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "lambda_src"
PACKAGE = ROOT / "dist" / "tag_policy.zip"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_MODE = 0o100644 << 16  # a plain file, readable by all
_UNIX = 3


def build(source: Path) -> bytes:
    """Return the zip of every Python file below ``source``, and of the page that reports fill."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as package:
        files = [*source.rglob("*.py"), *source.rglob("*.html")]
        for path in sorted(files, key=lambda path: path.relative_to(source).as_posix()):
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), _EPOCH)
            entry.external_attr = _MODE
            entry.create_system = _UNIX
            package.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def main() -> int:
    """Build the package, or check that it is fresh; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the zip is not fresh")
    built = build(SOURCE)
    if parser.parse_args().check:
        if not PACKAGE.exists() or PACKAGE.read_bytes() != built:
            print(f"{PACKAGE.relative_to(ROOT)} is not what lambda_src gives; run 'make package'")
            return 1
        return 0
    PACKAGE.parent.mkdir(exist_ok=True)
    PACKAGE.write_bytes(built)
    print(f"{PACKAGE.relative_to(ROOT)}: {len(built):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
