"""The mark: what an instance's tag says will happen to it, and when. Pure.

An instance is marked before it is stopped or terminated. The mark is for people, who see it on the
instance; for the next run, which reads when the time has come; and for IAM, which lets the role end
marked instances only (see iam.tf).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tag_policy.model import UntaggedAction

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_MARK = re.compile(
    r"(?P<action>stop|terminate) at "
    r"(?P<time>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z): (?P<reason>.+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What will happen to an instance, and not before ``time`` (UTC, whole seconds)."""

    action: UntaggedAction
    time: datetime
    reason: str

    def __str__(self) -> str:
        return f"{self.action} at {self.time.astimezone(UTC):{_TIME}}: {self.reason}"


def read_mark(value: str) -> Mark | None:
    """Return the mark that a tag's value is; None when it is not one that the engine writes."""
    match = _MARK.fullmatch(value)
    if match is None:
        return None
    try:
        time = datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC)
    except ValueError:  # there is no such day, or hour
        return None
    return Mark(UntaggedAction(match["action"]), time, match["reason"])
