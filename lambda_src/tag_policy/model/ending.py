"""What ends an instance, and all that follows from it."""

from dataclasses import dataclass

from tag_policy.model.outcome import Result
from tag_policy.model.remedy import End, Remedy, UntaggedAction


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to end an instance, and all that follows from it.

    ``states`` are those in which EC2 shows an instance of which this is done, or under way.
    """

    action: End
    remedy: Remedy
    result: Result
    states: tuple[str, ...]


ENDINGS = (
    Ending(End.STOP, Remedy.STOP, Result.STOPPED, ("stopping", "stopped")),
    Ending(
        End.TERMINATE,
        Remedy.TERMINATE,
        Result.TERMINATED,
        ("shutting-down", "terminated"),
    ),
)
"""Everything that ends an instance, gentlest first. Nothing else ends one.

What follows elsewhere: the names in remedy.py and outcome.py, and in finding.py, where an instance
may be so already; ``MaxEscalation`` there; who is not to be ended so in rules/untagged.py and
rules/escalation.py; the call in resources/ending.py,
the order in resources/remediation.py and the look in resources/second_look.py (mypy asks for
these); what is said of it in reporting/wording.py; variables.tf, iam.tf, the room that two of them
take in value_lock.tf, metrics.tf, dashboard.tf and queries.tf; settings.py and main.tf for one that
needs to be told something. One that EC2 shows in another field than the state: instance.py,
resources/instance.py, and aws/fast/parser.py, which reads no more of an instance than is asked for.
"""

ENDING_OF_REMEDY = {ending.remedy: ending for ending in ENDINGS}

ENDING_OF_END = {ending.action: ending for ending in ENDINGS}

ENDING_OF_ACTION = {UntaggedAction(ending.action): ending for ending in ENDINGS}
