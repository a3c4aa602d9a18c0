"""The function against moto, in process: the handler is called, every AWS call is moto's."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config
from moto import mock_aws
from moto.cloudtrail.models import cloudtrail_backends
from moto.ec2.models import ec2_backends
from moto.sns.models import sns_backends
from moto.sqs.models import Message, sqs_backends

from tag_policy import handler
from tag_policy.aws import clients as aws_clients
from tag_policy.aws import threads
from tag_policy.aws.clients import Clients
from tag_policy.reporting.publish import RunError
from tag_policy.settings import Settings
from tests.support import extensions, fleet, moto_cloudtrail, moto_ec2
from tests.support.builders import ENVIRONMENT, HOME
from tests.support.calls import Call, recording
from tests.support.clock import SimulatedClock
from tests.support.embedded_aws import ACCOUNT_ID, REGION, EmbeddedAws
from tests.support.event_history import Event, EventHistory
from tests.support.event_source import EventSource, InvocationFailedError
from tests.support.iam import allows, requests_of
from tests.support.moto_lambda import connect
from tests.support.moto_sns import Email, emails_of
from tests.support.moto_sqs import pass_time
from tests.support.past import backdate
from tests.support.policies import (
    ISOLATION_GROUPS,
    VARIANTS,
    VPC_ID,
    Policies,
    Rendered,
    render,
    types_of,
)
from tests.support.workers import InTurn

DEFAULT_ITEMS = {
    1: {"TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"},
    2: {"TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"},
    3: {"TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"},
}


@cache
def _client(service: str, credentials: tuple[tuple[str, str], ...]) -> Any:
    """Make a client once: what it talks to is decided by ``mock_aws``, call by call."""
    return connect(service, region_name=REGION, **dict(credentials))


@cache
def shared_clients() -> Clients:
    """The clients of the function, without the retries and waits that are botocore's affair."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws_clients, "_CONFIG", Config(retries={"total_max_attempts": 1}))
        clients = Clients(HOME)
        _ = clients.ec2, clients.dynamodb, clients.cloudtrail, clients.sns
        _ = clients.sqs, clients.config, clients.s3, clients.ec2_once
    return clients


@dataclass
class FakeContext:
    """Lambda's context, with a clock that a test may run down."""

    aws_request_id: str = "11111111-2222-3333-4444-555555555555"
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:tag-policy"
    log_group_name: str = "/aws/lambda/tag-policy"
    remaining_millis: list[int] = field(default_factory=lambda: [900_000])

    def get_remaining_time_in_millis(self) -> int:
        """Return the next of ``remaining_millis``; the last one for ever."""
        return (
            self.remaining_millis.pop(0)
            if len(self.remaining_millis) > 1
            else (self.remaining_millis[0])
        )


@dataclass
class Engine:
    """The engine of one variant (see ``tests.support.policies``), with its table and its topic."""

    variant: str
    untagged_action: str
    mode: str
    vpc: fleet.Vpc
    environment: Mapping[str, str] = field(default_factory=dict)
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    calls: list[Call] = field(default_factory=list)
    refused: list[Call] = field(default_factory=list)
    queue: str = ""
    dead_letters: str = ""
    isolation_group: str = ""
    context: FakeContext | None = None
    source: EventSource = field(init=False)

    def client(self, service: Any, credentials: fleet.Credentials | None = None) -> Any:
        """Make a client that acts as somebody, or as the administrator."""
        return _client(service, tuple((credentials or {}).items()))

    @property
    def arn(self) -> str:
        """The ARN of the function, whose name is that of the engine in its marks."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.variant}"

    def groups_of(self, instance_id: str) -> list[list[str]]:
        """Return the security groups of each network interface of an instance."""
        answer = self.client("ec2").describe_instances(InstanceIds=[instance_id])
        (instance,) = answer["Reservations"][0]["Instances"]
        return [
            [group["GroupId"] for group in one["Groups"]] for one in instance["NetworkInterfaces"]
        ]

    def policies(self, rendered: Rendered) -> Policies:
        """Return the policies of its role, as they are for its VPC."""
        return self.own(rendered.policies[self.variant])

    def own(self, policies: Policies) -> Policies:
        """Return policies of its role as they are for its VPC and its security group."""
        text = json.dumps(policies)
        group, *_ = ISOLATION_GROUPS.values()
        made: Policies = json.loads(
            text.replace(group, self.isolation_group).replace(
                f"vpc/{next(iter(ISOLATION_GROUPS))}", f"vpc/{self.vpc.vpc_id}"
            )
        )
        return made

    @property
    def table(self) -> str:
        """The name of the rules table, as Terraform gives it."""
        return f"{self.variant}-rules"

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic, as Terraform gives it."""
        return f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{self.variant}-reports"

    def set_rules(self, items: Mapping[Any, Mapping[str, Any]]) -> None:
        """Make these the items of the rules table: texts, lists of texts, and maps of such."""
        dynamodb = self.client("dynamodb")
        for item in dynamodb.scan(TableName=self.table)["Items"]:
            dynamodb.delete_item(TableName=self.table, Key={"RuleId": item["RuleId"]})
        for rule_id, attributes in items.items():
            said = TypeSerializer().serialize(dict(attributes))["M"]
            dynamodb.put_item(TableName=self.table, Item={"RuleId": {"N": str(rule_id)}} | said)

    def settings(self, vpc_ids: str = "") -> Settings:
        """Return what the engine is told, as Terraform tells it."""
        return Settings.from_env(
            {
                **ENVIRONMENT,
                "TAG_POLICY_RULES_TABLE": self.table,
                "TAG_POLICY_STATE_TABLE": f"{self.variant}-state",
                "TAG_POLICY_TOPIC_ARN": self.topic_arn,
                "TAG_POLICY_VPCS": json.dumps({"ids": (vpc_ids or self.vpc.vpc_id).split(",")}),
                "TAG_POLICY_UNTAGGED_ACTION": self.untagged_action,
                "TAG_POLICY_MODE": self.mode,
                "TAG_POLICY_MAX_ESCALATION": VARIANTS.get(self.variant, {}).get(
                    "max_escalation", "none"
                ),
                "TAG_POLICY_RESOURCE_TYPES": json.dumps(types_of(self.variant)),
                "TAG_POLICY_MINIMUM_AGE": "0s",  # what a test launches is moments old
                "TAG_POLICY_ISOLATION_SECURITY_GROUPS": self.isolation_group
                and json.dumps({self.vpc.vpc_id: self.isolation_group}),
                **self.environment,
            }
        )

    def run(
        self,
        event: object = None,
        *,
        context: FakeContext | None = None,
        clients: Clients | None = None,
        vpc_ids: str = "",
    ) -> dict[str, Any]:
        """Call the handler, record its calls, and return its summary."""
        _running.append(self)
        with recording(lambda _: _running[-1] is self) as calls:
            try:
                return handler.run(
                    {} if event is None else event,
                    context or self.context or FakeContext(invoked_function_arn=self.arn),
                    self.settings(vpc_ids),
                    clients or shared_clients(),
                    self.clock,
                )
            finally:
                _running.pop()
                self.calls += calls

    def actions(self) -> list[str]:
        """Return the actions that the engine has called so far, in order."""
        return [call.action for call in self.calls]

    def changes(self) -> list[str]:
        """Return those of the actions that change something other than SNS and the state table."""
        reads = (
            "Describe",
            "Get",
            "Scan",
            "Lookup",
            "Publish",
            "BatchGet",
            "BatchWrite",
            "PutItem",
        )
        return [action for action in self.actions() if not action.startswith(reads)]

    def emails(self) -> list[Email]:
        """Return the e-mails sent so far."""
        return list(emails_of(sns_backends[ACCOUNT_ID][REGION]))

    def launch(self, tags: Mapping[str, str] | None = None, **options: Any) -> str:
        """Launch one instance in the engine's VPC and return its id."""
        (instance_id,) = fleet.launch(self, self.vpc, tags, **options)
        return instance_id

    def tags(self, instance_id: str) -> dict[str, str]:
        """Return the tags of an instance."""
        return fleet.tags_of(self, instance_id)

    def state(self, instance_id: str) -> str:
        """Return the state of an instance."""
        return fleet.state_of(self, instance_id)

    def backdate(self, instance_id: str, age: timedelta) -> None:
        """Make an instance and its launch event older."""
        backdate(instance_id, age)

    def let_a_service_manage(self, instance_id: str) -> None:
        """Hand an instance to the service EKS, as EKS Auto Mode does."""
        instance = ec2_backends[ACCOUNT_ID][REGION].get_instance(instance_id)
        instance.operator = {"Managed": True, "Principal": "eks.amazonaws.com"}

    def make_spot(self, instance_id: str, kind: str = "one-time") -> None:
        """Make an instance a Spot Instance, of a ``one-time`` or ``persistent`` request."""
        moto_ec2.make_spot(ec2_backends[ACCOUNT_ID][REGION], instance_id, kind)

    def tag(self, instance_id: str, **tags: str) -> None:
        """Write tags as somebody else does; ``due`` and ``exempt`` are the engine's own."""
        own = {"due": "tag-policy:due", "exempt": "tag-policy:exempt"}
        tag_list = [{"Key": own.get(key, key), "Value": value} for key, value in tags.items()]
        self.client("ec2").create_tags(Resources=[instance_id], Tags=tag_list)

    def connect_events(self, patterns: Mapping[str, str], tries: int = 5) -> None:
        """Have EventBridge send what the patterns match to a queue, and deliver from there."""
        sqs, events = self.client("sqs"), self.client("events")
        arns = [f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{self.variant}-{n}" for n in _QUEUES]
        redrive = {"deadLetterTargetArn": arns[0], "maxReceiveCount": tries}
        allow = {
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": arns[1],
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": [_rule_arn(self, n) for n in patterns]}},
        }
        attributes = {
            "Policy": json.dumps({"Statement": [allow]}),
            "RedrivePolicy": json.dumps(redrive),
            "VisibilityTimeout": "5420",
        }
        self.dead_letters, self.queue = (
            sqs.create_queue(QueueName=arn.rsplit(":", 1)[-1], Attributes=some)["QueueUrl"]
            for arn, some in zip(arns, ({}, attributes), strict=True)
        )
        for trigger, pattern in patterns.items():
            name = f"{self.variant}-{trigger}"
            # It was rendered for a VPC that there is not.
            here = pattern.replace(VPC_ID, self.vpc.vpc_id)
            events.put_rule(Name=name, EventPattern=here)
            events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arns[1]}])
        self.start_trail()
        self.environment = {
            **self.environment,
            "TAG_POLICY_QUEUE_URL": self.queue,
            "TAG_POLICY_CONFIG_RULE": "true",
            "TAG_POLICY_SCHEDULE": "rate(1 hour)",
        }
        self.source = EventSource(sqs, self.queue, arns[1], 1000, self._invoke)

    def keep_reports(self, bucket: str, prefix: str = "") -> None:
        """Have the engine keep its reports in a new bucket."""
        where = {"LocationConstraint": REGION}
        self.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        self.context = FakeContext(invoked_function_arn=self.arn)
        self.environment = {
            **self.environment,
            "TAG_POLICY_REPORT_BUCKET": bucket,
            "TAG_POLICY_REPORT_PREFIX": prefix,
        }

    def start_trail(self) -> None:
        """Have CloudTrail tell EventBridge of calls."""
        s3, cloudtrail = self.client("s3"), self.client("cloudtrail")
        where = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket="trail", CreateBucketConfiguration=where)
        cloudtrail.create_trail(Name="trail", S3BucketName="trail")
        cloudtrail.start_logging(Name="trail")

    def _invoke(self, event: object) -> Any:
        try:
            return self.run(event)
        except RunError as error:
            raise InvocationFailedError from error

    def deliver(self) -> int:
        """Hand over what is in the event queue, until it is empty; return the number of batches."""
        return self.source.drain()

    def pass_time(self, time: timedelta) -> None:
        """Let time pass for the queues."""
        pass_time(ACCOUNT_ID, REGION, time.total_seconds())

    def messages(self, queue_url: str) -> int:
        """Return how many messages are in a queue, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(number) for number in answer["Attributes"].values())

    def waiting_messages(self) -> list[Message]:
        """Return the messages of the event queue, for a test to put into another order."""
        queue = sqs_backends[ACCOUNT_ID][REGION].get_queue(self.queue.rsplit("/", 1)[-1])
        return queue._messages

    @property
    def cloudtrail(self) -> EventHistory:
        """CloudTrail's event history, for a test to change."""
        return moto_cloudtrail.history_of(cloudtrail_backends[ACCOUNT_ID][REGION])

    def history(self) -> list[Event]:
        """Return the events of CloudTrail, for a test to change."""
        return self.cloudtrail.events


_QUEUES = ("dead-letters", "events")

_running: list[Engine] = []
"""The engines whose runs are under way: one may be started while another one's is."""


def _rule_arn(engine: Engine, trigger: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{engine.variant}-{trigger}"


def prepare(variant: str, event_patterns: Mapping[str, str] = MappingProxyType({})) -> Engine:
    """Make the engine of a variant, with its VPC, rules and topic, in an empty AWS.

    Events reach the variant ``events`` only, by the patterns.
    """
    inputs = VARIANTS[variant]
    engine = Engine(
        variant,
        inputs["untagged_action"],
        inputs.get("mode", "enforce"),
        vpc=fleet.Vpc("", ("", "")),
    )
    engine.vpc = fleet.create_vpc(engine)
    engine.cloudtrail.clock = engine.clock
    for table, key, kind in ((engine.table, "RuleId", "N"), (f"{variant}-state", "Key", "S")):
        engine.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
            BillingMode="PAY_PER_REQUEST",
        )
    engine.set_rules(DEFAULT_ITEMS)
    if "isolation_security_groups" in inputs:
        engine.isolation_group = engine.client("ec2").create_security_group(
            GroupName="isolated", Description="nothing gets through", VpcId=engine.vpc.vpc_id
        )["GroupId"]
    sns = engine.client("sns")
    sns.create_topic(Name=f"{variant}-reports")
    sns.subscribe(TopicArn=engine.topic_arn, Protocol="email", Endpoint="ops@example.com")
    if "report_bucket" in inputs:
        engine.keep_reports(inputs["report_bucket"]["name"], inputs["report_bucket"]["prefix"])
    if variant == "events":
        engine.connect_events(event_patterns)
    return engine


@pytest.fixture(scope="session", autouse=True)
def rendered() -> Rendered:
    """What Terraform makes of the variants.

    Before any test, because it uses moto's server, and ``mock_aws`` would empty that.
    """
    with EmbeddedAws() as aws:
        return render(aws)


@pytest.fixture
def policies(rendered: Rendered) -> dict[str, Policies]:
    """All policies of the role, for each variant."""
    return rendered.policies


@pytest.fixture(autouse=True)
def _in_process_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Moto in process, empty for each test; it is asked by one thread."""
    extensions.install()
    monkeypatch.setattr(threads, "Workers", InTurn)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        yield


@pytest.fixture
def make_engine(rendered: Rendered) -> Iterator[Any]:
    """Make engines; at the end, every call of theirs must be allowed by their role's policies.

    But for ``engine.refused``: what a test had refused by them (see ``iam.enforcing``).
    """
    engines: list[Engine] = []

    def make(variant: str) -> Engine:
        engine = prepare(variant, rendered.event_patterns)
        engines.append(engine)
        return engine

    yield make

    for engine in engines:
        for call in engine.calls:
            if any(call is refused for refused in engine.refused):
                continue
            for request in requests_of(call):
                assert allows(engine.policies(rendered), request), (
                    f"the role of {engine.variant} does not allow {request}"
                )


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine that terminates untagged instances."""
    made: Engine = make_engine("terminate")
    return made
