"""What ends an instance, and all that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tag_policy.model.finding import Code
from tag_policy.model.instance import Instance
from tag_policy.model.outcome import Result
from tag_policy.model.remedy import End, Remedy, UntaggedAction


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to end an instance, and all that follows from it.

    ``states`` are those in which EC2 shows an instance of which this is done, or under way; none
    where that is not to be seen by its state. ``already`` is the code of an instance that is so.
    """

    action: End
    remedy: Remedy
    result: Result
    states: tuple[str, ...]
    already: Code | None = None

    def is_done(self, instance: Instance, isolation_groups: Mapping[str, str]) -> bool:
        """Tell whether EC2 shows an instance as it is when this was done.

        ``isolation_groups`` are the security groups of isolated instances, by VPC.
        """
        if self.action is End.ISOLATE:
            return instance.is_isolated(isolation_groups)
        return instance.state in self.states


ENDINGS = (
    Ending(End.ISOLATE, Remedy.ISOLATE, Result.ISOLATED, (), Code.ISOLATED_ALREADY),
    Ending(End.STOP, Remedy.STOP, Result.STOPPED, ("stopping", "stopped"), Code.STOPPED_ALREADY),
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
