"""What is not as the rules say."""

from dataclasses import dataclass
from enum import StrEnum

from tag_policy.model.launch import Launch
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceRef


class Code(StrEnum):
    """What kind of finding it is; programs go by this, and not by sentences."""

    MISSING = "missing"
    EMPTY = "empty"
    MISSPELT = "misspelt"
    NOT_ALLOWED = "not-allowed"
    EXPIRED = "expired"
    CONFLICT = "conflict"
    ALIAS = "alias"
    NOT_KNOWN_YET = "not-known-yet"
    UNTAGGED = "untagged"
    PROTECTED = "protected"
    STOPPED_ALREADY = "stopped-already"
    ISOLATED_ALREADY = "isolated-already"
    TOO_YOUNG = "too-young"
    ANNOUNCED = "announced"
    NO_LONGER_DUE = "no-longer-due"
    ANOTHER_ENGINE = "another-engine"
    MARKER_TAKEN = "marker-taken"
    REFUSED_BY_LOCK = "refused-by-lock"
    EXEMPTION_UNREADABLE = "exemption-unreadable"


DEFAULT = "default"
"""The source of a value that is the rule's own."""

FUNCTION = "function"
"""The source of a value that was computed."""

CREATOR = "creator"
"""The source of a value that is who launched the instance."""

SPELLING = "spelling"
"""The source of a value that is another spelling of what was there."""

ALIAS = "alias:"
"""What the source begins with that is a tag of another spelling; its key follows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the rules say, and the remedy that they ask for.

    ``tag_key`` and ``value`` belong to ``Remedy.TAG``; a ``value`` of None is the launching user,
    still to be looked up, and ``fallback`` is what is written when there is none to be found. With
    ``Remedy.UNMARK`` and ``Remedy.REMOVE`` they are the tag to delete, which is deleted with this
    value only.

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

    ``rule_id`` is the rule that says so, 0 for what no rule says; ``found`` is the value that
    stands in its tag, which ``Remedy.TAG`` writes over, and the security groups that give way with
    ``Remedy.ISOLATE``; ``note`` is the rule's, for whoever has to
    mend it. ``rests_on`` are the keys of the tags that have to be written along with it for it to
    be true. ``unlocked`` says that nothing is written without a look right before it: IAM does not
    keep a value that somebody writes meanwhile, or the value comes from what may have changed.

    ``source`` says where the value comes from, in the words of the rule, or one of those below.
    ``after_writing`` says of a tag that it is deleted only when another one was written.
    """

    resource: ResourceRef
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
    rule_id: int = 0
    found: str = ""
    note: str = ""
    unlocked: bool = False
    rests_on: frozenset[str] = frozenset()
    source: str = ""
    after_writing: bool = False

    @property
    def comes_from_the_rule(self) -> bool:
        """Whether the value is the rule's own, or to be looked up: not one that was seen."""
        return self.source in (DEFAULT, CREATOR)


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
