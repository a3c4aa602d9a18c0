"""The mark: a tag that says what will happen to an instance, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tag_policy.model.remedy import UntaggedAction


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
