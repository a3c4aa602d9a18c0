"""The embedded AWS that tests and demo share."""

import json
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer
from moto.sns.models import sns_backends

from tests.support import extensions, moto_cloudwatch, moto_config, moto_lambda
from tests.support.dashboard import Metric
from tests.support.event_source import EventSource, InvocationFailedError
from tests.support.iam import Request, allows
from tests.support.moto_lambda import connect
from tests.support.moto_sns import Email, emails_of
from tests.support.moto_sqs import pass_time
from tests.support.terraform import RootModule, write_cli_config

if TYPE_CHECKING:
    from mypy_boto3_config.client import ConfigServiceClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sts.client import STSClient

REGION = "eu-west-1"
ACCOUNT_ID = DEFAULT_ACCOUNT_ID

# No AWS account knows these, and no endpoint but the loopback one is ever given with them.
_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAEMBEDDEDAWS00000",
    "AWS_SECRET_ACCESS_KEY": "embedded",
    "AWS_SESSION_TOKEN": "embedded",
}


@dataclass(frozen=True)
class Answer:
    """What an invoked function answered."""

    payload: Any
    failed: bool


@dataclass(frozen=True)
class Delivery:
    """A message that a topic delivered to a queue."""

    subject: str
    message: str
    attributes: Mapping[str, str]


class EmbeddedAws:
    """Moto's server on a free loopback port, and what tests and demo do with it.

    A context manager: it starts on entry and stops on exit.
    """

    def __init__(self) -> None:
        extensions.install()
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
        self._clients: dict[tuple[str, str, str], Any] = {}
        self.endpoint = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, with nothing in it."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for every request
        moto_api_backend.reset()
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        moto_lambda.endpoint = self.endpoint

    def stop(self) -> None:
        """Stop the server and forget everything in it."""
        self._server.stop()
        moto_api_backend.reset()
        moto_lambda.endpoint = ""
        shutil.rmtree(self._folder)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use this AWS, and no other.

        Whatever AWS configuration the machine has is left out: profiles, files, metadata.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS"))
        }
        return kept | self.aws_environment

    @property
    def aws_environment(self) -> dict[str, str]:
        """The variables of ``environment`` that point to this AWS."""
        return _KEYS | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_CLI_CONFIG_FILE": str(write_cli_config(self._folder)),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }

    def client(
        self, service: Any, credentials: Mapping[str, str] | None = None, region: str = REGION
    ) -> Any:
        """Make a boto3 client that acts as somebody, or as the administrator."""
        given = credentials or {
            "aws_access_key_id": _KEYS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": _KEYS["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": _KEYS["AWS_SESSION_TOKEN"],
        }
        key = (service, given["aws_access_key_id"], region)
        if key not in self._clients:
            self._clients[key] = connect(
                service, region_name=region, endpoint_url=self.endpoint, **given
            )
        return self._clients[key]

    def root_module(self, source: Path | str, **variables: object) -> RootModule:
        """Make a root module ready to be applied to this AWS.

        ``source`` is the folder of an example, or the text of a ``main.tf`` that finds the module
        at ``../..`` as the examples do. Values of ``variables`` are JSON where Terraform wants it.
        """
        given = {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in variables.items()
        }
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return RootModule(folder, source, self.environment | given)

    # The function

    def invoke(self, function_name: str, event: object = None) -> Answer:
        """Invoke a function by its name, wait, and return what it answered."""
        functions: LambdaClient = self.client("lambda")
        answer = functions.invoke(
            FunctionName=function_name, Payload=json.dumps({} if event is None else event)
        )
        return Answer(json.loads(answer["Payload"].read()), "FunctionError" in answer)

    def fire_schedule(self, name: str) -> None:
        """Wake the function, as EventBridge would when the time of a schedule comes.

        Raises PermissionError where the function's policy does not let the rule invoke it, or the
        role of a schedule of the Scheduler's does not let it.
        """
        scheduler = self.client("scheduler")
        pages = scheduler.get_paginator("list_schedules").paginate()
        for found in [one for page in pages for one in page["Schedules"] if one["Name"] == name]:
            self._fire_scheduler(scheduler.get_schedule(Name=name, GroupName=found["GroupName"]))
            return
        self._fire_rule(name)

    def _fire_scheduler(self, schedule: Mapping[str, Any]) -> None:
        iam: IAMClient = self.client("iam")
        target, group = schedule["Target"], schedule["GroupName"]
        role = target["RoleArn"].rsplit("/", 1)[-1]
        document: Any = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        (trust,) = document["Statement"]
        arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/{group}"
        if not _lets_scheduler_assume(trust, arn):
            raise PermissionError(f"EventBridge Scheduler may not assume {role} for {arn}")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policies: list[Any] = [
            iam.get_role_policy(RoleName=role, PolicyName=one)["PolicyDocument"] for one in names
        ]
        request = Request("lambda:InvokeFunction", target["Arn"])
        if not allows(policies, request):
            raise PermissionError(f"{role} may not invoke {target['Arn']}")
        functions: LambdaClient = self.client("lambda")
        functions.invoke(
            FunctionName=target["Arn"], InvocationType="Event", Payload=target["Input"]
        )

    def _fire_rule(self, rule_name: str) -> None:
        events: EventBridgeClient = self.client("events")
        functions: LambdaClient = self.client("lambda")
        rule = events.describe_rule(Name=rule_name)
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT_ID,
            "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": REGION,
            "resources": [rule["Arn"]],
            "detail": {},
        }
        for target in events.list_targets_by_rule(Rule=rule_name)["Targets"]:
            policy = json.loads(functions.get_policy(FunctionName=target["Arn"])["Policy"])
            if not any(_lets_rule_invoke(s, rule["Arn"]) for s in policy["Statement"]):
                raise PermissionError(f"{rule_name} may not invoke {target['Arn']}")
            functions.invoke(
                FunctionName=target["Arn"], InvocationType="Event", Payload=json.dumps(event)
            )

    def event_source(self, function_name: str) -> EventSource:
        """Return the queue that feeds a function, as Lambda polls it with the function's role.

        Hands messages over when it is told to, so that tests say when.
        """
        functions: LambdaClient = self.client("lambda")
        sts: STSClient = self.client("sts")
        configuration = functions.get_function_configuration(FunctionName=function_name)
        (mapping,) = functions.list_event_source_mappings(
            FunctionName=configuration["FunctionArn"]
        )["EventSourceMappings"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        session = sts.assume_role(RoleArn=configuration["Role"], RoleSessionName="lambda-poller")
        credentials = session["Credentials"]
        sqs: SQSClient = self.client(
            "sqs",
            {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials["SessionToken"],
            },
        )
        queue_arn = mapping["EventSourceArn"]
        return EventSource(
            sqs,
            sqs.get_queue_url(QueueName=queue_arn.rsplit(":", 1)[-1])["QueueUrl"],
            queue_arn,
            mapping["BatchSize"],
            lambda event: self._answer_of(function_name, event),
        )

    def _answer_of(self, function_name: str, event: object) -> Any:
        answer = self.invoke(function_name, event)
        if answer.failed:
            raise InvocationFailedError(answer.payload)
        return answer.payload

    def pass_time(self, time: timedelta) -> None:
        """Let time pass for queues, so that hidden messages come back."""
        pass_time(ACCOUNT_ID, REGION, time.total_seconds())

    def ask_config_rule(self, rule_name: str, instance_id: str | None = None) -> None:
        """Have AWS Config invoke a rule's function about an instance, or about all of them.

        Raises PermissionError for a function whose policy does not let AWS Config invoke it.
        """
        functions: LambdaClient = self.client("lambda")
        config: ConfigServiceClient = self.client("config")
        (rule,) = config.describe_config_rules(ConfigRuleNames=[rule_name])["ConfigRules"]
        function = rule["Source"]["SourceIdentifier"]
        policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
        if not any(_lets_config_invoke(statement) for statement in policy["Statement"]):
            raise PermissionError(f"AWS Config may not invoke {function}")
        event = (
            moto_config.periodic(ACCOUNT_ID, REGION, rule_name)
            if instance_id is None
            else moto_config.change(ACCOUNT_ID, REGION, rule_name, instance_id)
        )
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))

    def log_lines(self, log_group: str) -> list[dict[str, Any]]:
        """Return what functions wrote into a log group, each line from its JSON."""
        logs: CloudWatchLogsClient = self.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=log_group)
        return [json.loads(event["message"]) for page in pages for event in page["events"]]

    def alarms(self, now: datetime | None = None) -> dict[str, str]:
        """Have every alarm look at its metric, and return the state of each, by its name."""
        now = now or datetime.now(UTC)
        moto_cloudwatch.tell_of_queues(ACCOUNT_ID, REGION, now)
        return moto_cloudwatch.evaluate(ACCOUNT_ID, REGION, now)

    def metrics(self) -> set[Metric]:
        """Return every metric that exists, SQS's own among them."""
        self.alarms()
        return {
            (
                datum.namespace,
                datum.name,
                frozenset((str(d.name), str(d.value)) for d in datum.dimensions),
            )
            for datum in cloudwatch_backends[ACCOUNT_ID][REGION].metric_data
        }

    def dashboard(self, name: str) -> str:
        """Return the body of a dashboard."""
        body: str = self.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
        return body

    # What the topic delivers

    def subscribe_queue(self, topic_arn: str) -> str:
        """Subscribe a new queue to a topic and return the queue's URL."""
        sqs: SQSClient = self.client("sqs")
        sns: SNSClient = self.client("sns")
        url = sqs.create_queue(QueueName=f"reports-{uuid.uuid4()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
        return url

    def deliveries(self, queue_url: str) -> list[Delivery]:
        """Take what a topic has delivered to a queue since the last time."""
        sqs: SQSClient = self.client("sqs")
        found: list[Delivery] = []
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                envelope = json.loads(message["Body"])
                attributes = envelope.get("MessageAttributes", {})
                found.append(
                    Delivery(
                        subject=envelope.get("Subject", ""),
                        message=envelope["Message"],
                        attributes={name: str(a["Value"]) for name, a in attributes.items()},
                    )
                )
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def emails(self) -> list[Email]:
        """Return every e-mail that was sent, oldest first."""
        return list(emails_of(sns_backends[ACCOUNT_ID][REGION]))


def _lets_config_invoke(statement: Mapping[str, Any]) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "lambda:InvokeFunction"
        and statement["Principal"] == {"Service": "config.amazonaws.com"}
        and statement.get("Condition", {}).get("StringEquals", {}).get("AWS:SourceAccount")
        == ACCOUNT_ID
    )


def _lets_scheduler_assume(statement: Mapping[str, Any], group_arn: str) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "sts:AssumeRole"
        and statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
        and statement["Condition"]
        == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
            "ArnEquals": {"aws:SourceArn": group_arn},
        }
    )


def _lets_rule_invoke(statement: Mapping[str, Any], rule_arn: str) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "lambda:InvokeFunction"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn") == rule_arn
    )
