"""From the ``userIdentity`` of a CloudTrail event to a creator that a reader can act on. Pure.

The element is documented at
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from tag_policy.rules import MAX_TAG_VALUE_LENGTH

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")

_SESSION_NAMED_BY_AN_SDK = re.compile(
    r"(aws-go-sdk|aws-sdk|botocore-session|boto3-session)-.*|\d{10,}"
)
"""Names that a program made up for its session tell a reader nothing: the role is named."""

_AUTO_SCALING_ROLE = re.compile(r"AWSServiceRoleForAutoScaling(_.+)?")
"""An account may have more than one, each with a suffix of its own.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html
"""

_SINGLE_SIGN_ON_ROLE = re.compile(r"AWSReservedSSO_.+")


def creator_of(user_identity: Mapping[str, Any], autoscaling_group: str = "") -> str | None:
    """Return who acted, as the value of a tag; None when the element names nobody.

    ``autoscaling_group`` is the group that the instance belongs to by its own
    ``aws:autoscaling:groupName`` tag, or empty. ``invokedBy`` alone is no proof of a service: a
    person's console session can carry ``signin.amazonaws.com``.
    """
    name = _name(user_identity, autoscaling_group) or ""
    printable = "".join(character for character in name if character.isprintable()).strip()
    return _fit(printable) if printable else None


def _name(user_identity: Mapping[str, Any], autoscaling_group: str) -> str | None:
    match user_identity.get("type"):
        case "AssumedRole":
            return _assumed_role(user_identity, autoscaling_group)
        case "Root":
            return "root"
        case "AWSService":
            return _text(user_identity, "invokedBy")
        case "FederatedUser":
            return _last_part(_text(user_identity, "arn"))
        case _:
            # IAMUser, SAMLUser, WebIdentityUser and IdentityCenterUser name their user; other
            # accounts (AWSAccount) and types still to come are known by their ARN or id.
            return (
                _text(user_identity, "userName")
                or _last_part(_text(user_identity, "arn"))
                or _text(user_identity, "principalId")
            )


def _assumed_role(user_identity: Mapping[str, Any], autoscaling_group: str) -> str | None:
    context = _mapping(user_identity, "sessionContext")
    role = _text(_mapping(context, "sessionIssuer"), "userName")
    if role and _AUTO_SCALING_ROLE.fullmatch(role):
        return f"autoscaling:{autoscaling_group}" if autoscaling_group else "autoscaling"
    person = _text(context, "sourceIdentity")
    if person:
        return person
    session = _session(user_identity)
    if role and session and _INSTANCE_ID.fullmatch(session):
        return f"{role}/{session}"  # an instance acting with its role: a machine, not a person
    by_a_person = role and _SINGLE_SIGN_ON_ROLE.fullmatch(role)
    if session and (by_a_person or not _SESSION_NAMED_BY_AN_SDK.fullmatch(session)):
        return session
    return role or session


def _session(user_identity: Mapping[str, Any]) -> str | None:
    """Return the session name: the end of the ARN, else what follows the colon of the id."""
    arn = _text(user_identity, "arn")
    if arn:
        return _last_part(arn)
    _, _, session = (_text(user_identity, "principalId") or "").partition(":")
    return session or None


def _text(element: Mapping[str, Any], key: str) -> str | None:
    value = element.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _mapping(element: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = element.get(key)
    return value if isinstance(value, Mapping) else {}


def _last_part(arn: str | None) -> str | None:
    return arn.rsplit("/", 1)[-1] or None if arn else None


def _fit(name: str) -> str:
    """Fit a name into a tag value; a name that is cut ends in a hash, so that no two look alike."""
    if len(name) <= MAX_TAG_VALUE_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_TAG_VALUE_LENGTH - len(digest) - 1]}~{digest}"
