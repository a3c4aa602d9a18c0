"""What is said about a result, once: for e-mail, subject, page, JSON and attributes.

A ``Result`` is what became of a finding. What a finding is about, its ``Code``, needs no words
here: its reason says it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tag_policy.model.outcome import Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceType


class Tone(StrEnum):
    """How a result looks on the page."""

    BAD = "bad"
    WARN = "warn"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said about a result.

    ``heading`` and ``audit_heading`` stand in the e-mail, ``one`` and ``many`` after a number,
    ``label`` on the page. ``worth_a_look`` says that somebody should see it (severity warning),
    ``is_filtered`` that its number is a message attribute, of which there are few.
    """

    heading: str
    audit_heading: str
    one: str
    many: str
    label: str
    tone: Tone
    worth_a_look: bool
    is_filtered: bool


WORDING: Mapping[Result, Wording] = {
    Result.TERMINATED: Wording(
        heading="TERMINATED",
        audit_heading="WOULD BE TERMINATED",
        one="instance terminated",
        many="instances terminated",
        label="Terminated",
        tone=Tone.BAD,
        worth_a_look=True,
        is_filtered=True,
    ),
    Result.STOPPED: Wording(
        heading="STOPPED",
        audit_heading="WOULD BE STOPPED",
        one="instance stopped",
        many="instances stopped",
        label="Stopped",
        tone=Tone.BAD,
        worth_a_look=True,
        is_filtered=True,
    ),
    Result.ISOLATED: Wording(
        heading="ISOLATED",
        audit_heading="WOULD BE ISOLATED",
        one="instance isolated",
        many="instances isolated",
        label="Isolated",
        tone=Tone.BAD,
        worth_a_look=True,
        is_filtered=True,
    ),
    Result.FAILED: Wording(
        heading="FAILED",
        audit_heading="WOULD FAIL",
        one="change failed",
        many="changes failed",
        label="Failed",
        tone=Tone.BAD,
        worth_a_look=True,
        is_filtered=True,
    ),
    Result.MARKED: Wording(
        heading="ANNOUNCED: THIS WILL HAPPEN UNLESS THEIR TAGS ARE FIXED FIRST",
        audit_heading="WOULD BE ANNOUNCED",
        one="instance to be ended unless its tags are fixed",
        many="instances to be ended unless their tags are fixed",
        label="Will be ended",
        tone=Tone.WARN,
        worth_a_look=True,
        is_filtered=True,
    ),
    Result.LEFT: Wording(
        heading="NOT TOUCHED, BECAUSE SOMEBODY HAS TO DECIDE",
        audit_heading="WOULD NOT BE TOUCHED, BECAUSE SOMEBODY HAS TO DECIDE",
        one="finding that needs a decision",
        many="findings that need a decision",
        label="Somebody has to decide",
        tone=Tone.WARN,
        worth_a_look=True,
        is_filtered=False,
    ),
    Result.REPORTED: Wording(
        heading="NOT AS THE RULES SAY, LEFT FOR PEOPLE TO FIX",
        audit_heading="NOT AS THE RULES SAY, WOULD BE LEFT FOR PEOPLE TO FIX",
        one="finding for people to fix",
        many="findings for people to fix",
        label="For people to fix",
        tone=Tone.WARN,
        worth_a_look=True,
        is_filtered=False,
    ),
    Result.DEFERRED: Wording(
        heading="LEFT FOR THE NEXT RUN",
        audit_heading="WOULD BE LEFT FOR THE NEXT RUN",
        one="finding left for the next run",
        many="findings left for the next run",
        label="Left for later",
        tone=Tone.WARN,
        worth_a_look=False,
        is_filtered=False,
    ),
    Result.NOTIFIED: Wording(
        heading="UNTAGGED, NOT TOUCHED",
        audit_heading="UNTAGGED, WOULD NOT BE TOUCHED",
        one="instance without tags",
        many="instances without tags",
        label="No tags",
        tone=Tone.WARN,
        worth_a_look=True,
        is_filtered=False,
    ),
    Result.AUDITED: Wording(
        heading="NOT DONE, BECAUSE THE VPC IS ONLY AUDITED",
        audit_heading="WOULD NOT BE DONE, BECAUSE THE VPC IS ONLY AUDITED",
        one="finding in a VPC that is only audited",
        many="findings in VPCs that are only audited",
        label="Only audited",
        tone=Tone.WARN,
        worth_a_look=False,
        is_filtered=False,
    ),
    Result.UNMARKED: Wording(
        heading="MARK REMOVED",
        audit_heading="MARK WOULD BE REMOVED",
        one="mark removed",
        many="marks removed",
        label="Mark removed",
        tone=Tone.GOOD,
        worth_a_look=False,
        is_filtered=False,
    ),
    Result.REMOVED: Wording(
        heading="TAG DELETED",
        audit_heading="TAG WOULD BE DELETED",
        one="tag deleted",
        many="tags deleted",
        label="Tag deleted",
        tone=Tone.GOOD,
        worth_a_look=False,
        is_filtered=False,
    ),
    Result.TAGGED: Wording(
        heading="TAGGED",
        audit_heading="WOULD BE TAGGED",
        one="tag written",
        many="tags written",
        label="Tagged",
        tone=Tone.GOOD,
        worth_a_look=False,
        is_filtered=False,
    ),
}
"""In the order of every report: worst first."""


@dataclass(frozen=True, slots=True)
class EndingWording:
    """What is said of an end that was not made, or of which AWS did not say that it was made.

    ``would_be`` is said where only an audit was asked for.
    """

    not_done: str
    not_confirmed: str
    would_be: str


ENDING_WORDING: Mapping[Remedy, EndingWording] = {
    Remedy.ISOLATE: EndingWording("not isolated", "isolation not confirmed", "would be isolated"),
    Remedy.STOP: EndingWording("not stopped", "stop not confirmed", "would be stopped"),
    Remedy.TERMINATE: EndingWording(
        "not terminated", "termination not confirmed", "would be terminated"
    ),
}
"""A row for each of ``model.ending.ENDINGS``."""

_TYPES = {
    ResourceType.INSTANCE: ("instance", "instances"),
    ResourceType.VOLUME: ("volume", "volumes"),
    ResourceType.NETWORK_INTERFACE: ("network interface", "network interfaces"),
    ResourceType.SNAPSHOT: ("snapshot", "snapshots"),
    ResourceType.IMAGE: ("image", "images"),
    ResourceType.ELASTIC_IP: ("Elastic IP address", "Elastic IP addresses"),
}
"""One of a type, and several, for people."""


def plural_of(of_type: ResourceType) -> str:
    """Return what several of a type are called."""
    return _TYPES[of_type][1]


def number_of(number: int, of_type: ResourceType, kind: str = "") -> str:
    """Return a number of resources of a type, such as ``2 other volumes`` for ``other``."""
    one, many = _TYPES[of_type]
    return f"{number:,} {f'{kind} ' if kind else ''}{one if number == 1 else many}"
