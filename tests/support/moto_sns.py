"""E-mail from SNS, kept as the subscriber would get it; topics of other regions, refused.

Moto drops the one, and publishes to the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.sns.models import SNSBackend, Subscription
from moto.sns.responses import SNSResponse

from tests.support.calls import AwsError, refusal
from tests.support.extensions import replace


@dataclass(frozen=True)
class Email:
    """One e-mail that a topic sent."""

    address: str
    subject: str
    text: str


def extend() -> None:
    """Keep what is published to subscriptions of the protocol email; mind the region."""
    replace(Subscription, "publish", _make_publish)
    replace(SNSResponse, "publish", _make_publish_here)


def emails_of(backend: SNSBackend) -> list[Email]:
    """Return the e-mails sent in one account and region; gone with the backend's reset."""
    emails: list[Email] = backend.__dict__.setdefault("emails", [])
    return emails


def _make_publish(original: Callable[..., None]) -> Callable[..., None]:
    def publish(self: Subscription, message: str, message_id: str, **kwargs: Any) -> None:
        matcher = self._filter_policy_matcher
        attributes = kwargs.get("message_attributes")
        if self.protocol != "email":
            original(self, message, message_id, **kwargs)
        elif matcher is None or matcher.matches(attributes, message):
            if kwargs.get("message_structure") == "json":
                message = self._parse_message_structure(message, "email")
            # SNS puts a subject of its own where none is given.
            subject = kwargs.get("subject") or "AWS Notification Message"
            emails_of(self.topic.sns_backend).append(Email(self.endpoint, subject, message))

    return publish


def _make_publish_here(original: Callable[[SNSResponse], Any]) -> Callable[[SNSResponse], Any]:
    def publish(self: SNSResponse) -> Any:
        arn = self._get_param("TopicArn") or ""
        # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
        if arn and arn.split(":")[3] != self.region:
            return refusal(self, AwsError("InvalidParameter", "Invalid parameter: TopicArn"))
        return original(self)

    return publish
