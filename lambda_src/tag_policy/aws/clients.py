"""The one place that makes AWS clients: lazily, with time limits, retries and our user agent.

From botocore, without boto3 around it: nothing of boto3's is used, and a cold start is shorter.
A service that is new here has to be in ``SERVICES`` of aws/fast/models.py, too. Whose account and
region they are for is in model/target.py, which lists what another one touches.
"""

import logging
from functools import cached_property
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tag_policy import __version__
from tag_policy.aws.fast import models as lean_models
from tag_policy.aws.fast import parser as lean_parser
from tag_policy.aws.fast import request as lean_request
from tag_policy.model.target import Target

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_cloudtrail.client import CloudTrailClient
    from mypy_boto3_config.client import ConfigServiceClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient

log = logging.getLogger(__name__)

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Whatever a call may end with: AWS's refusal, no answer, or one that cannot be read."""

# At worst a call takes 3 times 15 seconds and two waits of some seconds: about 50 seconds.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    max_pool_connections=20,  # eight parts of a listing and eight looks may be under way
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra=f"tag-policy-engine/{__version__}",
)

_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})

# At DEBUG these two log signed requests, credentials included; at INFO nothing that helps.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Clients:
    """The clients of one run, each made when it is first asked for.

    EC2 and CloudTrail are asked in the region of the ``target``, the others where the function is
    at home. Credentials and endpoint come from the environment, as the Lambda runtime sets it, and
    so does the region at home.

    """

    def __init__(self, target: Target) -> None:
        self._target = target

    @cached_property
    def _session(self) -> botocore.session.Session:
        session = botocore.session.get_session()
        for lean in (lean_models, lean_parser, lean_request):
            try:
                lean.register(session)
            except Exception:  # whatever botocore may have changed: slower is better than no run
                log.warning("without %s, which is slower", lean.__name__, exc_info=True)
        return session

    def _client(
        self, service: str, config: Config | None = None, region: str | None = None
    ) -> object:
        return self._session.create_client(service, region, config=config or _CONFIG)

    def _at_target(self, service: str, config: Config | None = None) -> object:
        return self._client(service, config, self._target.region)

    def tell_more(self) -> None:
        """Have EC2's clients tell of instances what few rules ask for, too."""
        lean_parser.tell_more(self._session)

    @cached_property
    def ec2(self) -> "EC2Client":
        """EC2: instances, tags, VPCs."""
        return cast("EC2Client", self._at_target("ec2"))

    @cached_property
    def ec2_once(self) -> "EC2Client":
        """EC2, for calls that change something: each is one attempt, made right after a look.

        botocore's retries would stand between the look and the call, for half a minute at worst.
        """
        return cast("EC2Client", self._at_target("ec2", _CONFIG.merge(_ONCE)))

    @cached_property
    def autoscaling(self) -> "AutoScalingClient":
        """EC2 Auto Scaling: the tags of groups, where a rule takes values from them."""
        return cast("AutoScalingClient", self._at_target("autoscaling"))

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB: the rules table."""
        return cast("DynamoDBClient", self._client("dynamodb"))

    @cached_property
    def cloudtrail(self) -> "CloudTrailClient":
        """CloudTrail: the event history. ``creators.cloudtrail`` repeats calls, at its pace."""
        return cast("CloudTrailClient", self._at_target("cloudtrail", _CONFIG.merge(_ONCE)))

    @cached_property
    def sns(self) -> "SNSClient":
        """SNS: the report."""
        return cast("SNSClient", self._client("sns"))

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS: the event queue."""
        return cast("SQSClient", self._client("sqs"))

    @cached_property
    def s3(self) -> "S3Client":
        """S3: the bucket of reports. Asked twice at most, because people have to be told, too."""
        twice = Config(retries={"mode": "standard", "total_max_attempts": 2})
        return cast("S3Client", self._client("s3", _CONFIG.merge(twice)))

    @cached_property
    def config(self) -> "ConfigServiceClient":
        """AWS Config: what the instances are evaluated as."""
        return cast("ConfigServiceClient", self._client("config"))
