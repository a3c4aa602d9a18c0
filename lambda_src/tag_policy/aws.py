"""The one place that makes AWS clients: lazily, with time limits, retries and our user agent."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tag_policy import __version__

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.client import CloudTrailClient
    from mypy_boto3_config.client import ConfigServiceClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Whatever a call may end with: AWS's refusal, no answer, or one that cannot be read."""

# At worst a call takes 3 times 15 seconds and two waits of some seconds: about 50 seconds.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra=f"tag-policy-engine/{__version__}",
)

# At DEBUG these two log signed requests, credentials included; at INFO nothing that helps.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Clients:
    """The clients of one run, each made when it is first asked for.

    Region, credentials and endpoint come from the environment, as the Lambda runtime sets it.
    """

    @cached_property
    def ec2(self) -> "EC2Client":
        """EC2: instances, tags, VPCs."""
        return boto3.client("ec2", config=_CONFIG)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB: the rules table."""
        return boto3.client("dynamodb", config=_CONFIG)

    @cached_property
    def cloudtrail(self) -> "CloudTrailClient":
        """CloudTrail: the event history. ``event_history`` repeats calls, at CloudTrail's pace."""
        once = Config(retries={"mode": "standard", "total_max_attempts": 1})
        return boto3.client("cloudtrail", config=_CONFIG.merge(once))

    @cached_property
    def sns(self) -> "SNSClient":
        """SNS: the report."""
        return boto3.client("sns", config=_CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS: the event queue."""
        return boto3.client("sqs", config=_CONFIG)

    @cached_property
    def config(self) -> "ConfigServiceClient":
        """AWS Config: what the instances are evaluated as."""
        return boto3.client("config", config=_CONFIG)
