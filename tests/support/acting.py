"""What acts on instances, put together as a run does, on an EC2 of plain Python."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tag_policy.aws.pace import PacedCalls
from tag_policy.aws.threads import Workers
from tag_policy.model.assignment import Mode
from tag_policy.model.finding import Finding
from tag_policy.model.instance import Interface
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.rule import Rule
from tag_policy.resources.ending import Ending
from tag_policy.resources.hanging import Hanging
from tag_policy.resources.instance import to_instance
from tag_policy.resources.marks import Marks
from tag_policy.resources.remediation import SIDE_BY_SIDE, Remediation
from tag_policy.resources.remedy_queue import Call, Queue, tags_of
from tag_policy.resources.second_look import SecondLook
from tag_policy.resources.writing import Writing
from tag_policy.rules.evaluation import Evaluator
from tag_policy.settings import Settings
from tests.support.builders import ENGINE, HOME, NOW, PROJECT_CODE, settings
from tests.support.clock import SimulatedClock
from tests.support.fake_ec2 import VPC, Asked, Description, Fleet
from tests.support.workers import InTurn

A_MINUTE_AGO = NOW - timedelta(minutes=1)


@dataclass
class World:
    """A run over a fleet: ``look`` and ``once`` are its two clients.

    ``kept`` are the network interfaces of which it was kept what security groups they have, by
    instance; it is, unless ``keeps`` is false.
    """

    fleet: Fleet
    settings: Settings = field(default_factory=settings)
    rules: Sequence[Rule] = (PROJECT_CODE,)
    mode: Mode = Mode.ENFORCE
    time_is_up: Callable[[], bool] = lambda: False
    workers: Workers = field(default_factory=lambda: InTurn(SIDE_BY_SIDE))

    def __post_init__(self) -> None:
        self.clock = SimulatedClock(NOW)
        self.paced = PacedCalls(self.clock, lambda: self.time_is_up())
        self.evaluate = Evaluator(self.rules, self.settings, ENGINE, NOW)
        look = self.fleet.client("look")
        hanging = Hanging(look, HOME.account_id, self.paced)
        self.second_look = SecondLook(
            look, lambda: [VPC], self.evaluate, "tag-policy:exempt", self.paced, hanging
        )
        once = self.once = self.fleet.client("once")
        self.queue = Queue()
        groups = self.settings.isolation_security_groups
        self.kept: dict[str, Sequence[Interface]] = {}
        self.keeps = True
        self.ending = Ending(
            lambda: once,
            self.second_look,
            self.paced,
            self.queue,
            self.clock,
            groups,
            self._keep,
        )
        self.writing = Writing(self.second_look, self.paced, self.queue, lambda: self.time_is_up())
        self.marks = Marks(lambda: once, self.second_look, self.paced)
        self.remediation = Remediation(
            self.workers,
            self.mode,
            lambda: once,
            self.second_look,
            self.paced,
            lambda: self.time_is_up(),
            self.clock,
            groups,
            self._keep,
        )

    def _keep(
        self, instance_id: str, interfaces: Sequence[Interface]
    ) -> Sequence[Interface] | None:
        if not self.keeps:
            return None
        self.kept[instance_id] = [*self.kept.get(instance_id, ()), *interfaces]
        return interfaces

    def findings(self, instance_id: str, seen_at: datetime = A_MINUTE_AGO) -> list[Finding]:
        """Return what a look of a time finds about an instance, as it is now."""
        shown: Any = self.fleet.descriptions[instance_id]
        instance = to_instance(shown, seen_at)
        return list(self.evaluate(instance).findings)

    def call(self, *instance_ids: str, seen_at: datetime = A_MINUTE_AGO) -> Call:
        """Return the call for what is found about some instances, which is the same for all."""
        findings = {i: self.findings(i, seen_at) for i in instance_ids}
        (some, *_) = findings.values()
        return Call(some[0].remedy, tags_of(some), findings, seen_at)

    def write(self, call: Call) -> Iterator[Outcome]:
        """Make a call, and yield what came of it."""
        return self.writing.settle(self.writing.attempt(call, self.once))


def world(*descriptions: Description, page_size: int = 1000, **changes: Any) -> World:
    """Make a world of some instances."""
    return World(Fleet(*descriptions, page_size=page_size), **changes)


def told(outcomes: Iterable[Outcome]) -> list[tuple[str, Result, str]]:
    """Return of each outcome the instance, the result and the code."""
    return [(one.finding.resource.resource_id, one.result, one.code) for one in outcomes]


def failing(operation: str, *errors: Exception | None) -> Callable[[Asked], None]:
    """Raise the errors, one a call of the operation; the last of them for ever."""
    left = list(errors)

    def fail(asked: Asked) -> None:
        if asked.operation == operation:
            error = left.pop(0) if len(left) > 1 else left[0]
            if error is not None:
                raise error

    return fail
