"""From the ``userIdentity`` of a CloudTrail event to a principal that a reader can act on. Pure.

The element is documented at
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tag_policy.creators.session_name import is_made_up
from tag_policy.model.instance import INSTANCE_ID
from tag_policy.model.launch import PrincipalKind
from tag_policy.model.text import printable

_ASSUMED_ROLE = re.compile(r"arn:[^:]+:sts::\d*:assumed-role/([^/]+)/(.+)")

_SERVICE_LINKED_ROLE = re.compile(r"arn:[^:]+:iam::\d*:role/aws-service-role/([^/]+)/.+")
"""Only AWS can make a role with this path, and only its service can assume it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
"""

_SINGLE_SIGN_ON_ROLE = re.compile(r"arn:[^:]+:iam::\d*:role/aws-reserved/sso\.amazonaws\.com/.+")
"""Only IAM Identity Center can make a role with this path; anybody can name one as it does.

https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
"""

_LAUNCH_ON_THEIR_OWN = frozenset(
    {"autoscaling.amazonaws.com", "batch.amazonaws.com", "elasticmapreduce.amazonaws.com"},
)
"""Services that never launch with the credentials of their caller.

Others do (forward access sessions): ``invokedBy`` then names the service, and the rest of the
element the person. Before it had a role of its own, Auto Scaling was recorded as the root user.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html
"""

_CLOUDFORMATION = "cloudformation.amazonaws.com"
_SERVICE_CATALOG = "servicecatalog.amazonaws.com"
_SERVICE_SESSIONS = frozenset({"AWSCloudFormation", "servicecatalog"})
"""The session names with which CloudFormation uses a stack's service role, and Service Catalog the
launch role of a product."""

_LIMIT = 2048
"""Characters of a field that are kept: those of the longest ARN."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acted; the fields are those of ``model.Launch``."""

    kind: PrincipalKind
    name: str
    role: str = ""
    arn: str = ""


def principal_of(user_identity: Mapping[str, Any], managers: Mapping[str, str]) -> Principal | None:
    """Return who acted, or None when the element names nobody.

    ``managers`` says which services the launched instance belongs to, by its own tags, as in
    ``ResourceRef``; it names the Auto Scaling group, the fleet, the cluster or the stack
    where the principal is such a service. ``invokedBy`` alone is no proof of a service: a person's
    console session can carry ``signin.amazonaws.com``.
    """
    arn = _text(user_identity, "arn")
    invoked_by = _invoked_by(user_identity)
    kind = user_identity.get("type")
    if kind != "AssumedRole" and invoked_by in _LAUNCH_ON_THEIR_OWN:
        return _service(invoked_by, managers, arn=arn)
    match kind:
        case "AssumedRole":
            return _assumed_role(user_identity, managers)
        case "Root":
            return Principal(PrincipalKind.ROOT, "root", arn=arn)
        case "AWSService":
            return _service(invoked_by, managers) if invoked_by else None
        case "FederatedUser":
            return _federated_user(user_identity, arn)
        case _:
            # SAMLUser and WebIdentityUser name their user, as IAMUser does; IdentityCenterUser,
            # other accounts (AWSAccount) and types still to come are known by an ARN or id.
            name = _text(user_identity, "userName") or _last_part(arn)
            name = name or _text(user_identity, "principalId")
            name = name or _text(_mapping(user_identity, "onBehalfOf"), "userId")
            if kind == "AWSAccount":
                name = name or _text(user_identity, "accountId")
            is_user = kind == "IAMUser"
            return _named(PrincipalKind.IAM_USER if is_user else PrincipalKind.OTHER, name, arn)


def _named(kind: PrincipalKind, name: str, arn: str) -> Principal | None:
    return Principal(kind, name, arn=arn) if name else None


def _federated_user(user_identity: Mapping[str, Any], arn: str) -> Principal | None:
    """Return the user of a federation token, behind the user who made it and chose the name.

    That is whoever may call GetFederationToken. Where a program chose the name, it is that user.
    """
    name = _last_part(arn)
    issuer = _text(_mapping(_mapping(user_identity, "sessionContext"), "sessionIssuer"), "userName")
    if issuer and (is_made_up(name) or not name):
        name = issuer
    return Principal(PrincipalKind.FEDERATED_USER, name, issuer, arn) if name else None


def _assumed_role(
    user_identity: Mapping[str, Any], managers: Mapping[str, str]
) -> Principal | None:
    """Return who acted with a role: a service, a person, an instance, or who is named by neither.

    What only AWS can write comes first; the name of the session, which whoever assumes the role
    may choose, comes last.
    """
    arn, invoked_by = _text(user_identity, "arn"), _invoked_by(user_identity)
    context = _mapping(user_identity, "sessionContext")
    issuer = _mapping(context, "sessionIssuer")
    role_arn = _text(issuer, "arn")
    role, session = _role_and_session(user_identity)
    role = _text(issuer, "userName") or role

    service_linked = _SERVICE_LINKED_ROLE.fullmatch(role_arn)
    if service_linked:
        return _service(service_linked[1], managers, role, arn)
    if invoked_by in _LAUNCH_ON_THEIR_OWN:
        return _service(invoked_by, managers, role, arn)
    person = _text(context, "sourceIdentity")
    if person:
        return Principal(PrincipalKind.SOURCE_IDENTITY, person, role, arn)
    if session and _SINGLE_SIGN_ON_ROLE.fullmatch(role_arn):
        return Principal(PrincipalKind.SINGLE_SIGN_ON, session, role, arn)
    if INSTANCE_ID.fullmatch(session) and ("ec2RoleDelivery" in context or not context):
        return Principal(PrincipalKind.INSTANCE, session, role, arn)
    if invoked_by and invoked_by == managers.get("operator"):
        return _service(invoked_by, managers, role, arn)
    if invoked_by in (_CLOUDFORMATION, _SERVICE_CATALOG):
        product_or_stack = _through_a_stack(session, managers, role, arn)
        if product_or_stack:
            return product_or_stack
    name = role if not session or is_made_up(session) else session
    return Principal(PrincipalKind.ROLE, name, role, arn) if name else None


def _through_a_stack(
    session: str, managers: Mapping[str, str], role: str, arn: str
) -> Principal | None:
    """Return who is behind a stack, unless the session is of whoever called CloudFormation.

    That is who provisioned the product that the stack is of, else the stack.
    """
    of_a_service = session in _SERVICE_SESSIONS
    if not of_a_service and not is_made_up(session):
        return None
    person = _provisioner(_cleaned(managers.get("servicecatalog", "")))
    if person is not None:
        return person
    if of_a_service or managers.get("cloudformation"):
        return _service(_CLOUDFORMATION, managers, role, arn)
    return None


def _provisioner(arn: str) -> Principal | None:
    """Return the person or role with an ARN, as Service Catalog writes it; None for no such ARN."""
    if not arn.startswith("arn:"):
        return None
    assumed = _ASSUMED_ROLE.fullmatch(arn)
    if assumed:
        role, session = assumed.groups()
        name = role if is_made_up(session) else session
        return Principal(PrincipalKind.ROLE, name, role, arn)
    _, _, resource = arn.rpartition(":")
    match resource.partition("/"):
        case "root", _, _:
            return Principal(PrincipalKind.ROOT, "root", arn=arn)
        case "user", _, path if path:
            return Principal(PrincipalKind.IAM_USER, _last_part(path), arn=arn)
        case _, _, path if path:
            return Principal(PrincipalKind.OTHER, _last_part(path), arn=arn)
        case _:
            return None


def _service(service: str, managers: Mapping[str, str], role: str = "", arn: str = "") -> Principal:
    """Name a service by what it launched the instance for, such as ``autoscaling:web-asg``."""
    short = service.partition(".")[0]
    part_of = managers.get(short)
    name = f"{short}:{part_of}" if part_of else service
    return Principal(PrincipalKind.AWS_SERVICE, name, role, arn)


def _role_and_session(user_identity: Mapping[str, Any]) -> tuple[str, str]:
    """Return role and session from the ARN, else the session from what follows the id's colon."""
    assumed = _ASSUMED_ROLE.fullmatch(_text(user_identity, "arn"))
    if assumed:
        return assumed[1], assumed[2]
    return "", _text(user_identity, "principalId").partition(":")[2]


def _text(element: Mapping[str, Any], key: str) -> str:
    value = element.get(key)
    return _cleaned(value) if isinstance(value, str) else ""


def _cleaned(text: str) -> str:
    """Return text without what cannot be printed: it comes into logs, messages and tags."""
    return printable(text, _LIMIT).strip()


def _invoked_by(element: Mapping[str, Any]) -> str:
    """Return the service that made a call; in China some have a name of their own.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-role.html
    """
    return _text(element, "invokedBy").removesuffix(".cn")


def _mapping(element: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = element.get(key)
    return value if isinstance(value, Mapping) else {}


def _last_part(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
