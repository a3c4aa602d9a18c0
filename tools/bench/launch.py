"""Runs a command and writes down what it took and used: `python launch.py RESULT.json COMMAND …`.

A process of its own, and a small one: Linux counts the memory of the process that starts another
into the peak of the other.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Run the command of the arguments; returns its exit status."""
    result, *command = sys.argv[1:]
    began = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    taken = {
        "seconds": time.monotonic() - began,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * 1024,
    }
    Path(result).write_text(json.dumps(taken))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
