"""From the ``userIdentity`` of a CloudTrail event to a principal that a reader can act on. Pure.

The element is documented at
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tag_policy.model import INSTANCE_ID, PrincipalKind

_SESSION_NAMED_BY_A_PROGRAM = re.compile(
    r"(aws-go-sdk|aws-sdk|botocore-session|boto3-session)-.*"
    r"|eks-.+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # EKS Pod Identity
    r"|\d{10,}"
)
"""Names that a program made up for its session tell a reader nothing: the role is named."""

_SERVICE_LINKED_ROLE = re.compile(r"arn:[^:]+:iam::\d*:role/aws-service-role/([^/]+)/.+")
"""Only AWS can make a role with this path, and only its service can assume it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
"""

_SINGLE_SIGN_ON_ROLE = re.compile(r"AWSReservedSSO_.+")

_LAUNCH_WITH_A_SERVICE_ROLE = frozenset(
    {"batch.amazonaws.com", "elasticmapreduce.amazonaws.com"},
)
"""Services that launch with a role given to them, never with the credentials of their caller.

Others do use their caller's (forward access sessions): ``invokedBy`` then names the service, and
the rest of the element the person.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html
"""

_CLOUDFORMATION = "cloudformation.amazonaws.com"
_CLOUDFORMATION_SESSION = "AWSCloudFormation"
"""The session name with which CloudFormation uses a stack's service role."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acted; the fields are those of ``model.Launch``."""

    kind: PrincipalKind
    name: str
    role: str = ""
    arn: str = ""


def principal_of(user_identity: Mapping[str, Any], managers: Mapping[str, str]) -> Principal | None:
    """Return who acted, or None when the element names nobody.

    ``managers`` says which services the launched instance belongs to, by its own tags (see
    ``model.InstanceRef``); it names the Auto Scaling group, the fleet, the cluster or the stack
    where the principal is such a service. ``invokedBy`` alone is no proof of a service: a person's
    console session can carry ``signin.amazonaws.com``.
    """
    arn = _text(user_identity, "arn")
    match user_identity.get("type"):
        case "AssumedRole":
            return _assumed_role(user_identity, managers)
        case "Root":
            return Principal(PrincipalKind.ROOT, "root", arn=arn)
        case "AWSService":
            service = _text(user_identity, "invokedBy")
            return _service(service, managers) if service else None
        case "FederatedUser":
            return _named(PrincipalKind.FEDERATED_USER, _last_part(arn), arn)
        case kind:
            # SAMLUser and WebIdentityUser name their user, as IAMUser does; IdentityCenterUser,
            # other accounts (AWSAccount) and types still to come are known by an ARN or id.
            name = _text(user_identity, "userName") or _last_part(arn)
            name = name or _text(user_identity, "principalId")
            name = name or _text(_mapping(user_identity, "onBehalfOf"), "userId")
            is_user = kind == "IAMUser"
            return _named(PrincipalKind.IAM_USER if is_user else PrincipalKind.OTHER, name, arn)


def _named(kind: PrincipalKind, name: str, arn: str) -> Principal | None:
    return Principal(kind, name, arn=arn) if name else None


def _assumed_role(
    user_identity: Mapping[str, Any], managers: Mapping[str, str]
) -> Principal | None:
    arn = _text(user_identity, "arn")
    context = _mapping(user_identity, "sessionContext")
    issuer = _mapping(context, "sessionIssuer")
    role = _text(issuer, "userName")
    session = _session(user_identity)
    service = _service_behind(_text(issuer, "arn"), _text(user_identity, "invokedBy"), session)
    if service:
        return _service(service, managers, role, arn)
    person = _text(context, "sourceIdentity")
    if person:
        return Principal(PrincipalKind.SOURCE_IDENTITY, person, role, arn)
    if INSTANCE_ID.fullmatch(session):
        return Principal(PrincipalKind.INSTANCE, session, role, arn)
    if session and _SINGLE_SIGN_ON_ROLE.fullmatch(role):
        return Principal(PrincipalKind.SINGLE_SIGN_ON, session, role, arn)
    if _SESSION_NAMED_BY_A_PROGRAM.fullmatch(session):
        session = role or session
    name = session or role
    return Principal(PrincipalKind.ROLE, name, role, arn) if name else None


def _service_behind(role_arn: str, invoked_by: str, session: str) -> str:
    """Return the service that acted with a role of its own, such as ``batch.amazonaws.com``."""
    service_linked = _SERVICE_LINKED_ROLE.fullmatch(role_arn)
    if service_linked:
        return service_linked[1]
    if invoked_by in _LAUNCH_WITH_A_SERVICE_ROLE:
        return invoked_by
    if invoked_by == _CLOUDFORMATION and session == _CLOUDFORMATION_SESSION:
        return invoked_by
    return ""


def _service(service: str, managers: Mapping[str, str], role: str = "", arn: str = "") -> Principal:
    """Name a service by what it launched the instance for, such as ``autoscaling:web-asg``."""
    short = service.partition(".")[0]
    part_of = managers.get(short)
    name = f"{short}:{part_of}" if part_of else service
    return Principal(PrincipalKind.AWS_SERVICE, name, role, arn)


def _session(user_identity: Mapping[str, Any]) -> str:
    """Return the session name: the end of the ARN, else what follows the colon of the id."""
    arn = _text(user_identity, "arn")
    return _last_part(arn) if arn else _text(user_identity, "principalId").partition(":")[2]


def _text(element: Mapping[str, Any], key: str) -> str:
    value = element.get(key)
    return value.strip() if isinstance(value, str) else ""


def _mapping(element: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = element.get(key)
    return value if isinstance(value, Mapping) else {}


def _last_part(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
