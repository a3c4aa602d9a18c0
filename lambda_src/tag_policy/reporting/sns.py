"""A message to SNS, in one publish."""

import json
from typing import TYPE_CHECKING

from tag_policy.aws.pace import PacedCalls
from tag_policy.reporting.sns_message import Message

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


def publish(sns: "SNSClient", topic_arn: str, message: Message, paced: PacedCalls) -> None:
    """Publish a message: text for e-mail, JSON for machines, attributes to filter on.

    ``paced`` makes the call, and makes it again where it is throttled. Raises botocore's
    ClientError or BotoCoreError when it cannot be published.
    """
    of_it = {name: _attribute(value) for name, value in message.attributes.items()}
    paced(
        lambda: sns.publish(
            TopicArn=topic_arn,
            Subject=message.subject,
            Message=message.body,
            MessageStructure="json",
            MessageAttributes=of_it,
        )
    )


def _attribute(value: str | int | list[str]) -> "MessageAttributeValueTypeDef":
    """Return an attribute in the form that filter policies compare as what it is.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html#SNSMessageAttributes.DataTypes
    """
    if isinstance(value, list):
        return {"DataType": "String.Array", "StringValue": json.dumps(value)}
    kind = "Number" if isinstance(value, int) else "String"
    return {"DataType": kind, "StringValue": str(value)}
