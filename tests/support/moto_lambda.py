"""Lambda: the fields that moto forgets, and functions that really run.

The deployed zip runs under ``awslambdaric``, the runtime client of AWS, in a process of its own
(``lambda_runtime``), with credentials of the function's role, and logs to its log group. An
asynchronous invocation that fails is repeated and sent to its destination, as Lambda does.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from moto.awslambda.models import LambdaFunction
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.sts.models import AssumedRole, sts_backends

from tests.support.extensions import replace
from tests.support.lambda_runtime import Answer, Invocation, run_function
from tests.support.moto_cloudwatch import tell_of_invocation

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_sns.client import SNSClient

connect: Callable[..., Any] = boto3.client
"""``boto3.client`` for services that are not literals, which its 400 overloads do not know."""

endpoint = ""
"""Where functions find the embedded AWS; set while its server runs."""

_LOG_TAIL_BYTES = 4096  # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_DEFAULT_RETRIES = (
    2  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
)


def extend() -> None:
    """Keep the logging configuration, and run functions."""
    replace(LambdaFunction, "__init__", _make_init)
    replace(LambdaFunction, "get_configuration", _make_get_configuration)
    replace(LambdaFunction, "update_configuration", _make_update_configuration)
    replace(LambdaFunction, "invoke", _make_invoke)


def _make_init(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        original(self, account_id, spec, *args, **kwargs)
        _set_logging(self, spec.get("LoggingConfig") or {})

    return init


def _set_logging(function: Any, given: Mapping[str, Any]) -> None:
    default = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.function_name}"}
    function.logging_config = default | dict(given)
    function.logs_group_name = function.logging_config["LogGroup"]


def _make_get_configuration(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_configuration(self: Any, on_create: bool = False) -> Any:
        return original(self, on_create) | {"LoggingConfig": self.logging_config}

    return get_configuration


def _make_update_configuration(original: Callable[..., Any]) -> Callable[..., Any]:
    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        if "LoggingConfig" in config_updates:
            _set_logging(self, config_updates["LoggingConfig"])
        return original(self, config_updates)

    return update_configuration


def _make_invoke(_original: Callable[..., Any]) -> Callable[..., Any]:
    def invoke(self: Any, body: str, request_headers: Any, response_headers: Any) -> Any:
        event = (body or "{}").encode()
        if request_headers.get("x-amz-invocation-type") == "Event":
            _invoke_asynchronously(self, event)
            return b""
        answer = _run(self, event)
        tail = answer.log.encode()[-_LOG_TAIL_BYTES:]
        response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
        if answer.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer.payload

    return invoke


def _run(function: Any, event: bytes) -> Answer:
    session = _session(function)
    request_id = str(mock_random.uuid4())
    stream = f"{utcnow():%Y/%m/%d}/[$LATEST]{request_id.replace('-', '')}"
    answer = run_function(
        Invocation(
            package=function.code_bytes,
            handler=function.handler,
            environment=_environment(function, session, stream),
            event=event,
            function_arn=function.function_arn,
            request_id=request_id,
            timeout_seconds=float(function.timeout),
        )
    )
    _write_log(function, session, stream, answer)
    tell_of_invocation(
        function.account_id, function.region, function.function_name, failed=answer.failed
    )
    return answer


def _session(function: Any) -> AssumedRole:
    return sts_backends[function.account_id]["aws"].assume_role(
        region_name=function.region,
        role_session_name=function.function_name,
        role_arn=function.role,
        policy="",
        duration=3600,
        external_id="",
    )


def _environment(function: Any, session: AssumedRole, stream: str) -> dict[str, str]:
    """Return the function's own variables and those that Lambda sets.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    logging = function.logging_config
    return {
        **function.environment_vars,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging["LogGroup"],
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": logging["LogFormat"],
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO"),
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TZ": ":UTC",
    }


def _write_log(function: Any, session: AssumedRole, stream: str, answer: Answer) -> None:
    lines = [line for line in answer.log.splitlines() if line]
    if not lines:
        return
    logs: CloudWatchLogsClient = _client("logs", function, session)
    group = function.logging_config["LogGroup"]
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )


def _client(service: Any, function: Any, session: AssumedRole) -> Any:
    """Make a client that acts with the function's role."""
    return connect(
        service,
        region_name=function.region,
        endpoint_url=endpoint,
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
    )


def _invoke_asynchronously(function: Any, event: bytes) -> None:
    configurations = [config.config for config in function.event_invoke_config]
    config = configurations[0] if configurations else {}
    attempts = 1 + config.get("MaximumRetryAttempts", _DEFAULT_RETRIES)
    for _ in range(attempts):
        answer = _run(function, event)
        if not answer.failed:
            return
    destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if destination:
        _tell_destination(function, destination, event, answer, attempts)


def _tell_destination(
    function: Any, destination: str, event: bytes, answer: Answer, attempts: int
) -> None:
    """Send the invocation record to the topic that is the destination of failures.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    record = {
        "version": "1.0",
        "timestamp": utcnow().isoformat(),
        "requestContext": {
            "functionArn": f"{function.function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(event),
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": json.loads(answer.payload),
    }
    sns: SNSClient = _client("sns", function, _session(function))
    sns.publish(TopicArn=destination, Message=json.dumps(record))
