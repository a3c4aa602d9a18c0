"""What one run works with: what it is about, its settings, its clients, its time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from tag_policy.aws.clients import Clients
from tag_policy.aws.clock import Clock
from tag_policy.aws.deadline import Context, Deadline, seconds_left
from tag_policy.aws.function_arn import FunctionArn
from tag_policy.aws.pace import PacedCalls, Paces
from tag_policy.model.assignment import Assignment
from tag_policy.model.target import Target
from tag_policy.settings import Settings

_MARGIN_SECONDS = 120.0
_ARCHIVE_SECONDS = 40.0
_LAST_TRY_SECONDS = 60.0
_MARKING_SECONDS = 5.0
"""Kept for the last call and for publishing the report, each with its retries (see aws/clients.py);
where reports are kept in a bucket, for that, too. People are told first, so that what they were
told of is marked, and the report kept, with whatever time is left then."""


@dataclass(frozen=True)
class RunContext:
    """What one run works with. ``now`` is when it began, ``target`` where it judges.

    ``engine`` is the name of the function, which is the name of this engine in its marks.
    """

    assignment: Assignment
    settings: Settings
    clients: Clients
    clock: Clock
    now: datetime
    target: Target
    engine: str
    log_group: str
    request_id: str
    margin: float
    _invocation: Context
    _ec2_paces: Paces

    @classmethod
    def begin(
        cls,
        assignment: Assignment,
        invocation: Context,
        settings: Settings,
        clients: Clients,
        clock: Clock,
    ) -> Self:
        """Return what a run of an invocation works with.

        The function's ARN, ``arn:aws:lambda:eu-west-1:123456789012:function:tag-policy`` and
        perhaps a version, says where the run is at home, which is what it judges.
        """
        function = FunctionArn.parse(invocation.invoked_function_arn)
        margin = _MARGIN_SECONDS + (_ARCHIVE_SECONDS if settings.report_bucket else 0)
        return cls(
            assignment=assignment,
            settings=settings,
            clients=clients,
            clock=clock,
            now=clock.now(),
            target=function.home,
            engine=function.name,
            log_group=invocation.log_group_name,
            request_id=invocation.aws_request_id,
            margin=min(margin, seconds_left(invocation) / 3),
            _invocation=invocation,
            _ec2_paces=Paces.of_ec2(clock),
        )

    def until_margin(self) -> Deadline:
        """Return the deadline of whatever a run does before it tells people of it."""
        return Deadline(self._invocation, self.margin)

    def part_of_the_time(self, share: float) -> Deadline:
        """Return a deadline after a share, from 0 to 1, of the time that is left to act in."""
        left = seconds_left(self._invocation) - self.margin
        return Deadline(self._invocation, self.margin + left * (1 - share))

    def until_the_end(self) -> Deadline:
        """Return the deadline of what is done after people were told."""
        reserved = min(_MARKING_SECONDS, seconds_left(self._invocation) / 4)
        return Deadline(self._invocation, reserved)

    def until_last_try(self) -> Deadline:
        """Return the deadline of trying again to publish what was throttled.

        A try may take 50 seconds, and a report that is not published has to be logged, then.
        """
        reserved = min(_LAST_TRY_SECONDS, seconds_left(self._invocation) / 2)
        return Deadline(self._invocation, reserved)

    def paced(self, out_of_time: Callable[[], bool]) -> PacedCalls:
        """Return what makes calls at the pace that AWS bears, for as long as there is time."""
        return PacedCalls(self.clock, out_of_time)

    def ec2_calls(self, out_of_time: Callable[[], bool]) -> PacedCalls:
        """Return what makes calls to EC2: all calls of a run keep one pace together."""
        return PacedCalls(self.clock, out_of_time, self._ec2_paces)
