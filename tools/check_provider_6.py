"""Check that version 6 of the AWS provider has all that the module uses.

Every resource and data source, every argument and every attribute that is referred to is looked
up in npm's ``@cdktf/provider-aws``, which is generated from the provider's schema. The package is
given as an archive (``npm pack @cdktf/provider-aws``).
"""

import re
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import hcl2

from tools.hcl import ROOT

PROVIDER = "aws"

META = {"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "dynamic"}
"""What Terraform itself knows in each block."""


@dataclass
class Used:
    """What the module uses of a resource or a data source: where, what it sets, what it reads."""

    files: set[str] = field(default_factory=set)
    arguments: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)


def used_by_the_module() -> dict[str, Used]:
    """Return what the module's own files use, by ``aws_…`` or ``data.aws_…``."""
    used: dict[str, Used] = {}
    texts = {path.name: path.read_text() for path in sorted(ROOT.glob("*.tf"))}
    for name, text in texts.items():
        parsed = hcl2.loads(text)
        for kind, prefix in (("resource", ""), ("data", "data.")):
            for block in parsed.get(kind, []):
                for of_type, bodies in block.items():
                    if not _plain(of_type).startswith(f"{PROVIDER}_"):
                        continue
                    mine = used.setdefault(prefix + _plain(of_type), Used())
                    mine.files.add(name)
                    for body in bodies.values():
                        mine.arguments |= set(_arguments(body))
    for text in texts.values():
        for data, of_type, attribute in re.findall(
            r"\b(data\.)?(aws_\w+)\.\w+(?:\[[^]]*\])?\.(\w+)", text
        ):
            if data + of_type in used:
                used[data + of_type].attributes.add(attribute)
    return used


def _arguments(body: dict[str, Any]) -> Iterator[str]:
    """Yield the names in a block and in the blocks of it, but not the keys of maps."""
    for quoted, value in body.items():
        name = _plain(quoted)
        if name.startswith("__"):
            continue
        if name == "dynamic":
            for dynamic in value:
                for of_block, inner in dynamic.items():
                    yield _plain(of_block)
                    for content in inner.get("content", []):
                        yield from _arguments(content)
        elif name not in META:
            yield name
            # A block is a list of bodies; a map that is assigned is none.
            if isinstance(value, list):
                for inner in value:
                    if isinstance(inner, dict) and inner.get("__is_block__"):
                        yield from _arguments(inner)


def _plain(name: str) -> str:
    return name.strip('"')


def known_to_the_provider(archive: tarfile.TarFile, what: str) -> set[str] | None:
    """Return the arguments and attributes of a resource, or None where the provider has no such."""
    name = what.replace("data.", "data-").replace(f"{PROVIDER}_", "", 1).replace("_", "-")
    if what.startswith("data."):
        name = name.replace("data-", f"data-{PROVIDER}-", 1)
    text = _declared(archive, name)
    if text is None:
        return None
    arguments = set(re.findall(r"\{@link [^ ]+#(\w+) ", text))
    attributes = re.findall(r"^    get (\w+)\(\)", text, re.MULTILINE)
    return arguments | {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in attributes}


def _declared(archive: tarfile.TarFile, name: str) -> str | None:
    try:
        member = archive.extractfile(f"package/lib/{name}/index.d.ts")
    except KeyError:
        return None
    return None if member is None else member.read().decode()


def main(path: str) -> None:
    """Compare; exit with what the provider does not have, and where the module uses it."""
    missing = []
    used = used_by_the_module()
    with tarfile.open(path) as archive:
        example = _declared(archive, "lambda-function") or ""
        found = re.search(r"/hashicorp/aws/(\d+\.\d+\.\d+)/", example)
        version = found[1] if found else "of no version"
        if not version.startswith("6."):
            sys.exit(f"the package is of version {version} of the provider, and not of 6")
        for what, mine in used.items():
            where = ", ".join(sorted(mine.files))
            known = known_to_the_provider(archive, what)
            if known is None:
                missing.append(f"{what} ({where}) does not exist")
                continue
            missing += [
                f"{what}.{name} ({where}) does not exist"
                for name in sorted((mine.arguments | mine.attributes) - known)
            ]
    if missing:
        sys.exit(f"in version {version} of the provider:\n" + "\n".join(missing))
    names = sum(len(mine.arguments | mine.attributes) for mine in used.values())
    print(f"provider {version} has all: {len(used)} resources and data sources, {names} names")


if __name__ == "__main__":
    main(sys.argv[1])
