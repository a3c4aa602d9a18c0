"""What ends an instance, and all that follows from it."""

from dataclasses import dataclass

from tag_policy.model.outcome import Result
from tag_policy.model.remedy import Remedy, UntaggedAction


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
(mypy asks for both), what is said of it in reporting/wording.py, iam.tf,
metrics.tf, dashboard.tf and queries.tf.
"""

ENDING_OF_REMEDY = {ending.remedy: ending for ending in ENDINGS}

ENDING_OF_ACTION = {ending.action: ending for ending in ENDINGS}
