"""A ledger of what people were told: what SNS has really taken, and when.

Made from what the topic of the embedded SNS has, whatever an engine believes. A message whose
answer was lost was delivered; a message that was refused was not.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from moto.sns.models import sns_backends

from tag_policy.aws.clock import Clock
from tests.support.calls import Answer, Call, answering
from tests.support.embedded_aws import ACCOUNT_ID, REGION

_HEADING = "ANNOUNCED: THIS WILL HAPPEN UNLESS THEIR TAGS ARE FIXED FIRST"
_ANNOUNCEMENT = re.compile(
    r"^ +(i-[0-9a-f]+)(?: \(.*?\))?  (?:isolate|stop|terminate) at "
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
)
_ENDED = ("terminated", "stopped", "isolated")


@dataclass(frozen=True)
class Delivered:
    """A message that SNS has taken: for people, and for machines."""

    time: datetime
    subject: str
    text: str
    report: Mapping[str, Any]

    @property
    def engine(self) -> str:
        """The name of the engine that sent it."""
        return str(self.report["engine"])

    @property
    def is_audit(self) -> bool:
        """Whether it tells what would have been done."""
        return bool(self.report["summary"]["mode"] == "audit")

    @property
    def findings(self) -> Sequence[Mapping[str, str]]:
        """What is told of each instance."""
        findings: Sequence[Mapping[str, str]] = self.report["findings"]
        return findings

    @cached_property
    def announced(self) -> Mapping[str, datetime]:
        """When each instance will be ended that it announces; none in an audit.

        People and machines must be told the same.
        """
        if self.is_audit:
            return {}
        to_machines = {
            finding["resource_id"]: _time(finding["due"].rpartition(" at ")[2])
            for finding in self.findings
            if finding["result"] == "marked"
        }
        to_people = {
            match[1]: _time(match[2])
            for line in self._section(_HEADING)
            if (match := _ANNOUNCEMENT.match(line))
        }
        assert to_people == to_machines, "people and machines are told different things"
        return to_people

    @cached_property
    def steps(self) -> Mapping[str, tuple[str, str]]:
        """What each instance that it announces will be ended by: how, and the rule's id, if any."""
        return {
            finding["resource_id"]: (
                finding["due"].partition(" at ")[0],
                finding.get("rule_id", ""),
            )
            for finding in self.findings
            if finding["result"] == "marked"
        }

    def ids(self, *results: str) -> list[str]:
        """Return the instances of which it tells one of these results."""
        return [f["resource_id"] for f in self.findings if f["result"] in results]

    @property
    def ended(self) -> list[str]:
        """The instances that it says were ended."""
        return self.ids(*_ENDED)

    def _section(self, heading: str) -> Iterator[str]:
        lines = iter(self.text.splitlines())
        for line in lines:
            if line.startswith(heading):
                break
        for line in lines:
            if not line.startswith(" "):
                return
            yield line


@dataclass
class Ledger:
    """What the topics of some engines have taken. ``on_delivery`` is told of each message."""

    clock: Clock
    topics: Sequence[str]
    delivered: list[Delivered] = field(default_factory=list)
    on_delivery: Callable[[Delivered], None] = lambda _: None
    _taken: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def kept(self) -> Iterator["Ledger"]:
        """Note each message at the moment at which SNS takes it."""

        def note(call: Call, answer: Answer) -> Answer:
            if call.action == "Publish":
                self.note()
            return answer

        with answering(note):
            yield self

    def note(self) -> None:
        """Note what the topics have taken since the last time."""
        backend = sns_backends[ACCOUNT_ID][REGION]
        for arn in self.topics:
            taken = backend.topics[arn].sent_notifications
            for _, message, subject, *_ in taken[self._taken.get(arn, 0) :]:
                parts = json.loads(message)
                one = Delivered(
                    self.clock.now(), subject or "", parts["email"], json.loads(parts["default"])
                )
                self.delivered.append(one)
                self.on_delivery(one)
            self._taken[arn] = len(taken)

    def announcements(self, instance_id: str, engine: str) -> list[tuple[datetime, datetime]]:
        """Return when an engine told people of an instance, and for what time; oldest first."""
        return [
            (one.time, one.announced[instance_id])
            for one in self.delivered
            if one.engine == engine and instance_id in one.announced
        ]

    def steps(self, instance_id: str, engine: str) -> list[tuple[datetime, datetime, str, str]]:
        """Return what ``announcements`` does, with how it ends and the rule's id; oldest first."""
        return [
            (one.time, one.announced[instance_id], *one.steps[instance_id])
            for one in self.delivered
            if one.engine == engine and instance_id in one.announced
        ]


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
