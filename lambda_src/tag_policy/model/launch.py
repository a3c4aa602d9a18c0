"""Who launched an instance, and what proves it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PrincipalKind(StrEnum):
    """What kind of principal launched an instance."""

    IAM_USER = "iam-user"
    ROLE = "role"
    SINGLE_SIGN_ON = "single-sign-on"
    SOURCE_IDENTITY = "source-identity"
    INSTANCE = "instance"
    FEDERATED_USER = "federated-user"
    AWS_SERVICE = "aws-service"
    ROOT = "root"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Launch:
    """The proof of a creator: the event that launched the instance, and who is behind it.

    ``name`` is the principal as a reader knows them, ``role`` the role that they acted with, or the
    user who made a federated user's session, or empty, ``arn`` the ARN that CloudTrail recorded, or
    empty.
    """

    kind: PrincipalKind
    name: str
    role: str
    arn: str
    event_id: str
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """Who launched an instance, and the event that proves it."""

    launch: Launch


@dataclass(frozen=True, slots=True)
class Nobody:
    """CloudTrail was asked everything, and no event names anybody."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotKnownYet:
    """CloudTrail could not be asked, or its answer may still be on its way, or cannot be read.

    ``by_hand`` says that asking again will not help: a person has to set the tag.
    """

    reason: str
    code: str = ""
    by_hand: bool = False


Answer = Known | Nobody | NotKnownYet
