"""That the embedded Lambda is honest: timeouts, crashes and environments are Lambda's own."""

import io
import json
import zipfile
from typing import Any

import pytest

from tests.support.lambda_runtime import Answer, Invocation, run_function


def run(source: str, **changes: Any) -> Answer:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("app.py", source)
    values: dict[str, Any] = {
        "package": buffer.getvalue(),
        "handler": "app.handler",
        "environment": {"AWS_REGION": "eu-west-1", "AWS_LAMBDA_LOG_FORMAT": "JSON"},
        "event": b"{}",
        "function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:app",
        "request_id": "11111111-2222-3333-4444-555555555555",
        "timeout_seconds": 30.0,
    }
    return run_function(Invocation(**(values | changes)))


def test_a_function_that_takes_too_long_is_ended() -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(60)"

    answer = run(source, timeout_seconds=2.0)

    assert answer.failed
    assert json.loads(answer.payload)["errorType"] == "Sandbox.Timedout"


def test_a_function_that_crashes_is_reported() -> None:
    answer = run("import os\ndef handler(event, context):\n    os._exit(3)")

    assert answer.failed
    assert "exit status 3" in json.loads(answer.payload)["errorMessage"]


def test_a_handler_that_does_not_exist_is_reported() -> None:
    answer = run("", handler="app.nothing")

    assert answer.failed
    assert json.loads(answer.payload)["errorType"] == "Runtime.HandlerNotFound"


def test_a_function_sees_its_own_environment_and_nothing_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)"

    seen = json.loads(run(source).payload)

    assert seen["AWS_REGION"] == "eu-west-1"
    assert "SECRET_OF_THE_MACHINE" not in seen
    assert "PATH" not in seen


def test_a_function_is_told_how_much_time_is_left() -> None:
    source = "def handler(event, context):\n    return context.get_remaining_time_in_millis()"

    left = json.loads(run(source, timeout_seconds=30.0).payload)

    assert 0 < left <= 30_000
