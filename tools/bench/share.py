"""Lambda's share of a machine: the memory that is configured, and the part of a core with it.

By control groups of Linux, version 1 or 2, which takes their owner or root.
https://docs.kernel.org/admin-guide/cgroup-v1/index.html
https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.bench.aws_limits import GB_OF_A_CORE

ROOT = Path("/sys/fs/cgroup")
_PERIOD = 100_000
"""Microseconds."""

_VERSION_1 = {
    "cpu": {"cpu.cfs_period_us": "{period}", "cpu.cfs_quota_us": "{quota}"},
    "memory": {"memory.limit_in_bytes": "{memory}"},
}
_VERSION_2 = {"": {"cpu.max": "{quota} {period}", "memory.max": "{memory}"}}

Join = Callable[[int], None]
"""Puts a process, by its id, under the limits of a share."""


class NoShareError(Exception):
    """This machine lets nobody limit a process so."""


def quota(memory_mb: int) -> int:
    """Return the microseconds of a core that Lambda gives in each 100 ms: a seventh for 256 MB."""
    return int(_PERIOD * memory_mb / 1024 / GB_OF_A_CORE)


@contextmanager
def lambdas_share(memory_mb: int) -> Iterator[Join]:
    """Make a group of processes that has what Lambda gives for some MB. Raises NoShareError."""
    values = {"period": _PERIOD, "quota": quota(memory_mb), "memory": memory_mb * 2**20}
    limits = _VERSION_2 if (ROOT / "cgroup.controllers").exists() else _VERSION_1
    with ExitStack() as stack:
        groups = []
        try:
            for controller, files in limits.items():
                group = ROOT / controller / f"tag-policy-bench-{os.getpid()}"
                group.mkdir()
                stack.callback(group.rmdir)
                for name, value in files.items():
                    (group / name).write_text(value.format(**values))
                groups.append(group)
        except OSError as error:
            raise NoShareError(
                f"this machine cannot limit a process as Lambda does: {error}"
            ) from None

        def join(process_id: int) -> None:
            for group in groups:
                (group / "cgroup.procs").write_text(str(process_id))

        yield join
