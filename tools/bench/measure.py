"""One run of one runner: how long it took, what it used, what it called, and what it did."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.lambda_runtime import Invocation, Usage, run_function
from tools.bench.share import Join, lambdas_share
from tools.bench.vpc import ACCOUNT_ID, VPC_ID, Shape

ROOT = Path(__file__).parents[2]
RUNNERS = Path(__file__).parent / "runners"
PACKAGE = ROOT / "dist/tag_policy.zip"
TIMEOUT = 900
"""Seconds that Lambda allows."""

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONDONTWRITEBYTECODE": "1",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "BENCH_VPC_ID": VPC_ID,
    "TAG_POLICY_RULES_TABLE": "rules",
    "TAG_POLICY_STATE_TABLE": "state",
    "MALLOC_ARENA_MAX": "1",  # as main.tf sets it
    "TAG_POLICY_TOPIC_ARN": f"arn:aws:sns:eu-west-1:{ACCOUNT_ID}:reports",
    "TAG_POLICY_VPCS": json.dumps({"ids": [VPC_ID]}),
    "TAG_POLICY_UNTAGGED_ACTION": "terminate",
    "TAG_POLICY_MODE": "enforce",
    "TAG_POLICY_MAX_ESCALATION": "none",
    "TAG_POLICY_GRACE_PERIOD": "0s",
    "TAG_POLICY_MINIMUM_AGE": "0s",
    "TAG_POLICY_MARKER_TAG_KEY": "tag-policy:due",
    "TAG_POLICY_FORMER_MARKER_TAG_KEYS": "[]",
    "TAG_POLICY_EXEMPT_TAG_KEY": "tag-policy:exempt",
    "TAG_POLICY_PROTECT_MANAGED": "true",
    "TAG_POLICY_REPORT_UNCHANGED": "daily",
    "TAG_POLICY_CREATOR_FORMAT": "name",
    "TAG_POLICY_ATTRIBUTION_DETAILS": "off",
    "TAG_POLICY_ATTRIBUTION_DELAY_MINUTES": "30",
    # The stand-in answers at once and throttles nobody; what AWS adds is computed from the calls.
    "TAG_POLICY_MAX_DESTRUCTIVE": "1000000",
    "TAG_POLICY_LOOKUPS_PER_SECOND": "1000",
    "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS": "600",
}


@dataclass(frozen=True)
class Run:
    """One run of a runner; ``state`` is the stand-in's."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    state: Mapping[str, Any]

    @property
    def calls(self) -> Mapping[str, int]:
        """The number of calls, by action."""
        calls: Mapping[str, int] = self.state["calls"]
        return calls


class BenchmarkError(Exception):
    """A runner failed, so that its time says nothing."""


class Endpoint:
    """A stand-in that is running."""

    def __init__(self, port: int, *, is_slow: bool = False) -> None:
        self._port = port
        self.is_slow = is_slow
        self.url = f"http://127.0.0.1:{port}"

    def reset(self, job: str) -> None:
        """Have it begin anew."""
        self._ask("POST", "/reset", json.dumps({"job": job}))

    def state(self) -> Any:
        """Return what was called and done since."""
        return json.loads(self._ask("GET", "/state"))

    def _ask(self, method: str, path: str, body: str = "") -> bytes:
        connection = HTTPConnection("127.0.0.1", self._port)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        connection.close()
        return answer


@contextmanager
def stand_in(shape: Shape, now: datetime, *, is_slow: bool = False) -> Iterator[Endpoint]:
    """Run a stand-in with a VPC of a shape; it answers at once, or as AWS does."""
    command = [sys.executable, "-m", "tools.bench.stand_in"]
    arguments = [json.dumps(asdict(shape)), now.isoformat(), *(["--slow"] if is_slow else [])]
    with tempfile.NamedTemporaryFile("r+") as port:
        process = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=port)
        try:
            while not (line := Path(port.name).read_text()).endswith("\n"):
                if process.poll() is not None:
                    raise BenchmarkError("the stand-in ended; its error is above")
                time.sleep(0.1)
            yield Endpoint(int(line), is_slow=is_slow)
        finally:
            process.kill()
            process.wait()


def without_limits(package: bytes) -> bytes:
    """Return the function without the pace that it keeps for AWS's sake.

    For endpoints that answer at once, and throttle nobody: what the limits of AWS add is computed
    from the calls, for all runners alike.
    """
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "tag_policy/aws/pace.py":
                content, number = re.subn(rb"(?m)^_SHARE = .*$", b"_SHARE = 1e9", content)
                if number != 1:
                    raise BenchmarkError("aws/pace.py has no _SHARE any more")
            new.writestr(entry, content)
    return changed.getvalue()


def engine(
    endpoint: Endpoint,
    job: str,
    memory_mb: int | None = None,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Run the function as it is shipped, with AWS's runtime client, from a cold start.

    With ``memory_mb``, within what Lambda gives for that: raises NoShareError where the machine
    does not allow it. ``changes`` are of the environment.
    """
    package = PACKAGE.read_bytes()
    if not endpoint.is_slow:
        package = without_limits(package)
    with lambdas_share(memory_mb) if memory_mb else nullcontext(lambda _: None) as join:
        return _invoked(package, endpoint, job, join, changes)


def _invoked(
    package: bytes, endpoint: Endpoint, job: str, join: Join, changes: Mapping[str, str]
) -> Run:
    endpoint.reset(job)
    answer = run_function(
        Invocation(
            package=package,
            handler="tag_policy.handler.lambda_handler",
            environment={
                **_ENVIRONMENT,
                **changes,
                "AWS_ENDPOINT_URL": endpoint.url,
                "AWS_LAMBDA_FUNCTION_NAME": "tag-policy",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tag-policy",
                "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_LAMBDA_LOG_LEVEL": "INFO",
            },
            event=b"{}",
            function_arn=f"arn:aws:lambda:eu-west-1:{ACCOUNT_ID}:function:tag-policy",
            request_id="00000000-0000-4000-8000-000000000000",
            timeout_seconds=TIMEOUT,
        ),
        join,
    )
    if answer.failed:
        raise BenchmarkError(f"the function failed: {answer.payload.decode()}")
    return _run(answer.usage, endpoint)


def sample(endpoint: Endpoint, job: str) -> Run:
    """Run the ported sample."""
    return _command(endpoint, job, [sys.executable, str(RUNNERS / "sample.py")])


def listing(endpoint: Endpoint, job: str) -> Run:
    """List the instances with boto3, and drop them."""
    return _command(endpoint, job, [sys.executable, str(RUNNERS / "listing.py")])


def custodian(endpoint: Endpoint, job: str) -> Run:
    """Run Cloud Custodian, from its own environment, with an empty cache."""
    binary = ROOT / ".venv-custodian/bin/custodian"
    with tempfile.TemporaryDirectory() as folder:
        command = [str(binary), "run", "--output-dir", f"{folder}/out", "--region", "eu-west-1"]
        command += ["--cache", f"{folder}/cache.db", str(RUNNERS / "custodian.yml")]
        return _command(endpoint, job, command)


def _command(endpoint: Endpoint, job: str, command: Sequence[str]) -> Run:
    endpoint.reset(job)
    environment = {**_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint.url}
    with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile() as result:
        launcher = [sys.executable, str(Path(__file__).parent / "launch.py"), result.name]
        ended = subprocess.run([*launcher, *command], env=environment, stdout=said, stderr=said)
        if ended.returncode:
            said.seek(0)
            raise BenchmarkError(f"{command[-1]} failed: {said.read().decode()[-2000:]}")
        return _run(Usage(**json.load(result)), endpoint)


def _run(usage: Usage, endpoint: Endpoint) -> Run:
    return Run(usage.seconds, usage.cpu_seconds, usage.peak_bytes, endpoint.state())
