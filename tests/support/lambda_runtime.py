"""Runs a Lambda package as Lambda does: AWS's runtime client, its own process, its own environment.

The Runtime API is served on a loopback port of its own for each invocation:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function."""

    package: bytes
    handler: str
    environment: Mapping[str, str]
    event: bytes
    function_arn: str
    request_id: str
    timeout_seconds: float


@dataclass(frozen=True)
class Usage:
    """What an invocation took, cold start included: time to its answer, CPU, and memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Answer:
    """What the function returned, or the error that it ended with, what it wrote, and used."""

    payload: bytes
    failed: bool
    log: str
    usage: Usage


class _RuntimeApi(ThreadingHTTPServer):
    """Hands out one event and takes one answer."""

    daemon_threads = True

    def __init__(self, invocation: Invocation) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.invocation = invocation
        self.handed_out = False
        self.answered = threading.Event()
        self.payload = b""
        self.failed = False


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    server: _RuntimeApi

    def do_GET(self) -> None:
        invocation = self.server.invocation
        if self.server.handed_out:
            threading.Event().wait()  # as Lambda does: the process is frozen until the next event
        self.server.handed_out = True
        deadline = int((time.time() + invocation.timeout_seconds) * 1000)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(invocation.event)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn)
        self.end_headers()
        self.wfile.write(invocation.event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.payload = body
        self.server.failed = self.path.endswith("/error")
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answered.set()

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


def run_function(invocation: Invocation, begun: Callable[[int], object] = lambda _: None) -> Answer:
    """Run one invocation from a cold start to its answer, its crash or its timeout.

    The process sees the environment that is given and nothing of this process's own. ``begun`` is
    told its id.
    """
    api = _RuntimeApi(invocation)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
            with zipfile.ZipFile(io.BytesIO(invocation.package)) as package:
                package.extractall(folder)
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", invocation.handler],
                cwd=folder,
                env={
                    **invocation.environment,
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
                    "LAMBDA_TASK_ROOT": folder,
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                begun(process.pid)
                crash = _wait(process.pid, api, invocation)
            finally:
                seconds, peak_bytes = time.monotonic() - began, _peak_bytes(process.pid)
                # Not process.kill(), which waits for a process that has ended by itself: then there
                # would be nothing left to wait for here.
                os.kill(process.pid, signal.SIGKILL)
                _, _, used = os.wait4(process.pid, 0)
                process.returncode = 0  # it has been waited for
            log.seek(0)
            text = log.read().decode(errors="replace")
    finally:
        api.shutdown()
        api.server_close()
    usage = Usage(seconds, used.ru_utime + used.ru_stime, peak_bytes)
    if crash is not None:
        return Answer(json.dumps(crash).encode(), failed=True, log=text, usage=usage)
    return Answer(api.payload, failed=api.failed, log=text, usage=usage)


def _peak_bytes(process_id: int) -> int:
    """Return the peak of a process's memory; 0 for one that has ended, or not on Linux.

    Not from ``wait4``, which counts the memory of this process, too.
    """
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except FileNotFoundError:
        return 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 if peaks else 0


def _wait(process_id: int, api: _RuntimeApi, invocation: Invocation) -> dict[str, str] | None:
    """Wait for the answer; return Lambda's own error when there is none."""
    deadline = time.monotonic() + invocation.timeout_seconds
    while not api.answered.wait(0.01):
        ended = os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None and not api.answered.is_set():
            return {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {invocation.request_id} Error: Runtime exited with "
                f"error: exit status {ended.si_status}",
            }
        if time.monotonic() > deadline:
            return {
                "errorType": "Sandbox.Timedout",
                "errorMessage": f"RequestId: {invocation.request_id} Error: Task timed out after "
                f"{invocation.timeout_seconds:.2f} seconds",
            }
    return None
