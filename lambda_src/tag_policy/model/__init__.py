"""The vocabulary of the engine: what flows from one module to the next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from tag_policy.model.text import LINE_LIMIT, clean

INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
"""What the id of an instance looks like.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
"""


_NEVER = datetime.min.replace(tzinfo=UTC)


class TagPolicyError(Exception):
    """Base of every error that this package raises on purpose.

    Its text ends in the log and in an alarm, and may quote what others wrote: it is one line.
    """

    def __init__(self, problem: str = "") -> None:
        super().__init__(clean(problem, LINE_LIMIT))


class Trigger(StrEnum):
    """What woke the function."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    EVENTS = "events"
    CONFIG = "config"


class Mode(StrEnum):
    """Whether the run acts on its decisions."""

    ENFORCE = "enforce"
    AUDIT = "audit"


class Action(StrEnum):
    """How a rule finds the value of its tag. Spelled as in the rules table."""

    UPDATE = "Update"
    USER_LOOKUP = "UserLookup"
    FUNCTION = "Function"


class UntaggedAction(StrEnum):
    """What happens to an instance that has no tags at all."""

    TERMINATE = "terminate"
    STOP = "stop"
    NOTIFY = "notify"
    REMEDIATE = "remediate"


class Remedy(StrEnum):
    """What a finding asks for.

    ``MARK`` and ``UNMARK`` announce that an instance will be stopped or terminated, and take that
    back. ``WAIT`` is nothing for now: the instance is too young, or its time has not come.
    """

    TAG = "tag"
    MARK = "mark"
    UNMARK = "unmark"
    TERMINATE = "terminate"
    STOP = "stop"
    NOTIFY = "notify"
    WAIT = "wait"


class Result(StrEnum):
    """What became of a finding. In audit mode: what would have become of it."""

    TERMINATED = "terminated"
    STOPPED = "stopped"
    FAILED = "failed"
    DEFERRED = "deferred"
    MARKED = "marked"
    UNMARKED = "unmarked"
    NOTIFIED = "notified"
    TAGGED = "tagged"


@dataclass(frozen=True, slots=True)
class Rule:
    """One valid item of the rules table.

    ``default`` is the value for ``Update``, the call for ``Function`` and the fallback for
    ``UserLookup``; it is never blank.
    """

    rule_id: int
    tag_key: str
    action: Action
    required: bool
    default: str


@dataclass(frozen=True, slots=True)
class RuleError:
    """An item of the rules table that cannot be used, and what would make it right."""

    rule_id: str
    problem: str

    def __str__(self) -> str:
        return f"rule {self.rule_id}: {self.problem}"


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """What a finding needs to know of its instance: enough to name it and to ask who launched it.

    Tags are left behind on purpose, so that a run over 100,000 instances does not hold the tags of
    all of them. ``created_at`` is the instance's creation or a moment after it, never before it.
    ``seen_at`` is when EC2 was asked for what is known of it, not when that was looked through.
    ``managers`` says which AWS services the instance belongs to, and what it is part of there, such
    as ``{"autoscaling": "web-asg"}``: from tags that only AWS can write.
    """

    instance_id: str
    vpc_id: str
    name: str
    created_at: datetime
    managers: Mapping[str, str]
    seen_at: datetime = _NEVER


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as ``DescribeInstances`` tells of it; ``started_at`` is its last start."""

    ref: InstanceRef
    state: str
    started_at: datetime
    tags: Mapping[str, str]


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

    ``name`` is the principal as a reader knows them, ``role`` the role that they acted with, or
    empty, ``arn`` the ARN that CloudTrail recorded, or empty.
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
    """CloudTrail could not be asked, or its answer may still be on its way."""

    reason: str
    code: str = ""


Answer = Known | Nobody | NotKnownYet


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the rules say, and the remedy that they ask for.

    ``tag_key`` and ``value`` belong to ``Remedy.TAG`` and ``Remedy.MARK``, and the ``tag_key`` to
    ``Remedy.UNMARK``. With ``Remedy.TERMINATE`` and ``Remedy.STOP`` they are the mark that has to
    be written first, or empty where the instance has it. For ``Remedy.TAG``, a ``value`` of None is
    the launching user, still to be looked up; ``fallback`` is what is written when there is none to
    be found. ``violation`` is False when a tag is filled that nobody requires. ``owner`` is who
    launched the instance, by its tags or by CloudTrail, or empty where neither says it. ``launch``
    proves a value that was looked up; ``detail_tag``, a key and a value, is written along with it,
    if it can be.
    """

    instance: InstanceRef
    remedy: Remedy
    reason: str
    violation: bool = True
    tag_key: str = ""
    value: str | None = None
    fallback: str = ""
    owner: str = ""
    launch: Launch | None = None
    detail_tag: tuple[str, str] | None = None


LIMIT = "Limit"
"""The code of an outcome that was held back because the run would have ended too many instances."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a finding; ``detail`` says why it was not remedied, ``code`` is AWS's own."""

    finding: Finding
    result: Result
    detail: str = ""
    code: str = ""
