"""What became of a finding."""

from dataclasses import dataclass
from enum import StrEnum

from tag_policy.model.finding import Finding


class Result(StrEnum):
    """What became of a finding. In audit mode: what would have become of it.

    ``AUDITED`` is, in a run that enforces, what would be done if its VPC were not only audited.
    """

    TERMINATED = "terminated"
    STOPPED = "stopped"
    ISOLATED = "isolated"
    FAILED = "failed"
    DEFERRED = "deferred"
    MARKED = "marked"
    UNMARKED = "unmarked"
    REMOVED = "removed"
    NOTIFIED = "notified"
    LEFT = "left"
    REPORTED = "reported"
    TAGGED = "tagged"
    AUDITED = "audited"


LIMIT = "Limit"
"""The code of an outcome that was held back because the run would have ended too many instances."""

PART = "Part"
"""The code of an outcome that was held back because the run has seen only a part of everything."""

TOO_SLOW = "TooSlow"
"""The code of an outcome whose call was not made, because no look right before it was possible."""

IN_PART = "InPart"
"""The code of an outcome of which a part was done, that only people can take back."""

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

    @property
    def kind(self) -> tuple[str, ...]:
        """What it has in common with those of other resources of its type: all but the resource."""
        finding = self.finding
        of_rule = (str(finding.rule_id), finding.tag_key, finding.code, finding.note)
        of_type = finding.resource.resource_type
        return (self.result, self.code, self.detail, finding.reason, *of_rule, of_type)
