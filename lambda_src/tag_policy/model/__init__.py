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


class Scope(StrEnum):
    """How much of what the engine is responsible for a run is about, whatever woke it."""

    ALL = "all"
    SOME = "some"


class Mode(StrEnum):
    """Whether the run acts on its decisions."""

    ENFORCE = "enforce"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a run is to be about, within what the settings allow.

    ``acts`` says whether it is to put right what it finds, or, in audit mode, to say what it would
    do; AWS Config may only want to know what there is to be found. ``rehearsal`` says that somebody
    has asked for an audit of an engine that enforces.
    """

    trigger: Trigger
    scope: Scope
    vpc_ids: tuple[str, ...]
    mode: Mode
    acts: bool = True
    rehearsal: bool = False


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
    back. ``NOTIFY`` reports an instance without tags that is not to be touched, ``LEAVE`` something
    that the engine may not touch, so that a person has to look. ``WAIT`` is nothing for now: the
    instance is too young, or its time has not come.
    """

    TAG = "tag"
    MARK = "mark"
    UNMARK = "unmark"
    TERMINATE = "terminate"
    STOP = "stop"
    NOTIFY = "notify"
    LEAVE = "leave"
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
    LEFT = "left"
    TAGGED = "tagged"


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to end an instance, and all that follows from it.

    ``states`` are those in which EC2 shows an instance of which this is done, or under way.
    """

    action: UntaggedAction
    remedy: Remedy
    result: Result
    states: tuple[str, ...]


ENDINGS = (
    Ending(UntaggedAction.STOP, Remedy.STOP, Result.STOPPED, ("stopping", "stopped")),
    Ending(
        UntaggedAction.TERMINATE,
        Remedy.TERMINATE,
        Result.TERMINATED,
        ("shutting-down", "terminated"),
    ),
)
"""Everything that ends an instance, gentlest first. Nothing else ends one.

What follows elsewhere: the call in resources/ending.py and the order in resources/remediation.py
(mypy asks for both), what is said of it in reporting/wording.py and reporting/text.py, iam.tf,
metrics.tf, dashboard.tf and queries.tf.
"""

ENDING_OF_REMEDY = {ending.remedy: ending for ending in ENDINGS}
ENDING_OF_ACTION = {ending.action: ending for ending in ENDINGS}


class Code(StrEnum):
    """What kind of finding it is; programs go by this, and not by sentences."""

    MISSING = "missing"
    EMPTY = "empty"
    UNTAGGED = "untagged"
    PROTECTED = "protected"
    STOPPED_ALREADY = "stopped-already"
    TOO_YOUNG = "too-young"
    ANNOUNCED = "announced"
    NO_LONGER_DUE = "no-longer-due"
    ANOTHER_ENGINE = "another-engine"
    MARKER_TAKEN = "marker-taken"
    REFUSED_BY_LOCK = "refused-by-lock"
    EXEMPTION_UNREADABLE = "exemption-unreadable"


@dataclass(frozen=True, slots=True)
class Mark:
    """What will happen to an instance, as its tag says it.

    ``time`` and ``announced`` are in UTC, in whole seconds. ``announced`` is when the message that
    told of it had been accepted, and None where there is no grace period, so that nobody was told.
    """

    engine: str
    action: UntaggedAction
    time: datetime
    cause: str
    announced: datetime | None

    def __str__(self) -> str:
        """Return the value of the tag; see ``rules.mark``, which reads it, and iam.tf."""
        said = "no grace period" if self.announced is None else f"announced {_utc(self.announced)}"
        return f"{self.engine}: {self.action} at {_utc(self.time)}: {self.cause}, {said}"

    @property
    def announcing(self) -> str:
        """The value of the tag before people were told: for code and IAM it is no mark."""
        return f"announcing {self.engine}: {self.action} at {_utc(self.time)}: {self.cause}"

    @property
    def what(self) -> str:
        """What will happen, and when, for people."""
        return f"{self.action} at {_utc(self.time)}"


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


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
    ``seen_at`` is when EC2 was asked for what is known of it, not when that was looked through, and
    ``shown_at`` when it had answered: what it told may be as old as the one, and as new as the
    other.
    ``managers`` says which AWS services the instance belongs to, and what it is part of there, such
    as ``{"autoscaling": "web-asg"}``: from tags that only AWS can write. ``spot_request_id`` is the
    Spot request that it fulfils, or empty.
    """

    instance_id: str
    vpc_id: str
    name: str
    created_at: datetime
    managers: Mapping[str, str]
    seen_at: datetime = _NEVER
    shown_at: datetime = _NEVER
    spot_request_id: str = ""


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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the rules say, and the remedy that they ask for.

    ``tag_key`` and ``value`` belong to ``Remedy.TAG``; a ``value`` of None is the launching user,
    still to be looked up, and ``fallback`` is what is written when there is none to be found. With
    ``Remedy.UNMARK`` they are the tag to delete, which is deleted with this value only.

    ``mark`` is what ``Remedy.MARK`` announces. With ``Remedy.STOP`` and ``Remedy.TERMINATE`` it is
    the mark that has to be written first, in the tag ``tag_key``, because there is no grace period;
    None where the instance has one that counts.

    ``absent_keys`` are the tag keys on whose absence alone the finding rests: while the instance
    has none of them, and is not exempt, it stays true, whatever becomes of other tags. None where
    it rests on more, so that only looking at the whole instance can tell.

    ``violation`` is False when a tag is filled that nobody requires. ``owner`` is who launched the
    instance, by its tags or by CloudTrail, or empty where neither says it. ``launch`` proves a
    value that was looked up; ``detail_tag``, a key and a value, is written along with it, if it can
    be; ``detail_refused`` is AWS's code where it could not.
    """

    instance: InstanceRef
    remedy: Remedy
    code: Code
    reason: str
    violation: bool = True
    tag_key: str = ""
    value: str | None = None
    fallback: str = ""
    mark: Mark | None = None
    absent_keys: frozenset[str] | None = None
    owner: str = ""
    launch: Launch | None = None
    detail_tag: tuple[str, str] | None = None
    detail_refused: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of an instance.

    An exempt instance is not judged, which is not the same as being in perfect order.
    """

    findings: tuple[Finding, ...] = ()
    exempt: bool = False

    @property
    def compliant(self) -> bool:
        """Whether the instance was judged, and needs nothing."""
        return not self.exempt and not self.findings


LIMIT = "Limit"
"""The code of an outcome that was held back because the run would have ended too many instances."""

PART = "Part"
"""The code of an outcome that was held back because the run has seen only a part of everything."""

TOO_SLOW = "TooSlow"
"""The code of an outcome whose call was not made, because no look right before it was possible."""

CREATOR_UNREADABLE = "creator-unreadable"
"""The code of an outcome whose launch record exists and cannot be read: a person sets the tag."""

CREATOR_NOT_LOOKED_UP = "creator-not-looked-up"
"""The code of an outcome that waits for a creator, where no schedule will look it up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a finding; ``detail`` says why it was not remedied.

    ``code`` is AWS's own, or one of those above; what has one is never told as ALL WELL.
    """

    finding: Finding
    result: Result
    detail: str = ""
    code: str = ""
