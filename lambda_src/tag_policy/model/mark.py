"""The mark: a tag that says what will happen to an instance, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tag_policy.model.remedy import End


@dataclass(frozen=True, slots=True)
class Mark:
    """What will happen to an instance, as its tag says it.

    ``time`` and ``announced`` are in UTC, in whole seconds. ``announced`` is when the message that
    told of it had been accepted, and None where there is no grace period, so that nobody was told.
    ``cause`` is the rule that asks for it, or that there are no tags. ``lead`` is how long after
    people were told it may happen, at least, and ``follows`` that it comes the sooner because of
    the mark that stood there before; they do not stand in the tag.
    """

    engine: str
    action: End
    time: datetime
    cause: str
    announced: datetime | None
    lead: timedelta = timedelta()
    follows: bool = False

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
