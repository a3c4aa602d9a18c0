"""What follows a violation of a rule that lasts: steps, gentlest first, and when they come."""

import itertools
import re
from dataclasses import dataclass
from datetime import timedelta

from tag_policy.model.remedy import End

LEAST = {
    End.ISOLATE: timedelta(hours=1),
    End.STOP: timedelta(hours=1),
    End.TERMINATE: timedelta(hours=24),
}
"""How long after it was announced an instance that has tags may be ended, at least."""

LONGEST = timedelta(days=90)
"""How long after its announcement a step may come, at most; see ``rules.mark``."""

_AFTER = re.compile(r"([1-9][0-9]{0,3})([hd])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """What is done so long after the rule was announced; ``after`` is as the rule says it."""

    end: End
    after: str

    @property
    def delay(self) -> timedelta:
        """How long after the announcement. Raises ValueError where ``after`` does not say that."""
        match = _AFTER.fullmatch(self.after)
        if match is None:
            raise ValueError(f"{self.after!r} is no whole number with h or d behind it")
        return timedelta(hours=int(match[1]) * (24 if match[2] == "d" else 1))

    def __str__(self) -> str:
        """Return the step for people."""
        return f"{self.end} after {self.after}"


Ladder = tuple[Step, ...]


def gaps(steps: Ladder) -> list[str]:
    """Return what follows the first of some steps, for people: ``terminate 7d after that``."""
    return [
        f"{later.end} {_hours(later.delay - sooner.delay)} after that"
        for sooner, later in itertools.pairwise(steps)
    ]


def _hours(time: timedelta) -> str:
    hours = time // timedelta(hours=1)
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"


def said(ladder: Ladder) -> str:
    """Return what follows, for people: ``stop after 7d, then terminate after 14d``."""
    return ", then ".join(map(str, ladder))
