"""What a finding, or an instance without tags, may call for."""

from enum import StrEnum


class End(StrEnum):
    """What may be done to an instance that is not as it is to be, beside its tags; gentlest first.

    ``model.ending.ENDINGS`` says what follows from each. ``ISOLATE`` gives its network interfaces a
    security group that lets nothing through.
    """

    ISOLATE = "isolate"
    STOP = "stop"
    TERMINATE = "terminate"


class MaxEscalation(StrEnum):
    """How far rules may go with an instance that has tags; gentlest first."""

    NONE = "none"
    ISOLATE = "isolate"
    STOP = "stop"
    TERMINATE = "terminate"

    def allows(self, end: End) -> bool:
        """Tell whether rules may end an instance so."""
        order = list(MaxEscalation)
        return order.index(MaxEscalation(end)) <= order.index(self)


class UntaggedAction(StrEnum):
    """What happens to an instance that has no tags at all."""

    TERMINATE = "terminate"
    STOP = "stop"
    ISOLATE = "isolate"
    NOTIFY = "notify"
    REMEDIATE = "remediate"


class Remedy(StrEnum):
    """What a finding asks for.

    ``MARK`` and ``UNMARK`` announce that an instance will be stopped or terminated, and take that
    back. ``NOTIFY`` reports an instance without tags that is not to be touched, ``LEAVE`` something
    that the engine may not touch, so that a person has to look. ``REMOVE`` deletes a tag that is
    not to be used, or whose value stands in another by now. ``REPORT`` is for what is not as a rule
    says, and that the rule leaves to people. ``WAIT`` is nothing for now: the instance is too
    young, or its time has not come.
    """

    TAG = "tag"
    MARK = "mark"
    UNMARK = "unmark"
    REMOVE = "remove"
    TERMINATE = "terminate"
    STOP = "stop"
    ISOLATE = "isolate"
    NOTIFY = "notify"
    LEAVE = "leave"
    REPORT = "report"
    WAIT = "wait"
