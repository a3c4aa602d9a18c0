"""Isolating, stopping and terminating instances: one attempt, right after a look."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, assert_never

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.clock import Clock
from tag_policy.aws.errors import NOT_CONFIRMED, NotConfirmedError, Refusal, passes, refusal_of
from tag_policy.aws.pace import PacedCalls, ThrottledError
from tag_policy.model.ending import ENDING_OF_REMEDY
from tag_policy.model.error import TagPolicyError
from tag_policy.model.instance import Interface, security_groups
from tag_policy.model.outcome import IN_PART, TOO_SLOW, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.resources.instance import interfaces_by_id, states_by_id
from tag_policy.resources.remedy_queue import CHANGED, Call, Queue
from tag_policy.resources.second_look import FRESH, SecondLook, Seen

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceStateChangeTypeDef

_JUST_NOW = timedelta(seconds=5)
"""How old a look may be when a call ends what was looked at: the time that a slow answer takes."""

_MOST_LOOKS = 3
"""Looks that failed, or were too old when they were answered, after which it is left."""

_NOT_KEPT = Refusal(
    Result.DEFERRED,
    "its security groups could not be recorded for whoever restores them; the next run tries again",
)

Keep = Callable[[str, Sequence[Interface]], Sequence[Interface] | None]
"""Keeps which security groups the interfaces of an instance have, before it is isolated.

Returns them with those that they had before they were ever isolated; None where it could not.
"""

_TOO_SLOW = Refusal(
    Result.DEFERRED,
    "EC2 took too long to show the instance right before the call; the next run looks again",
    TOO_SLOW,
)


class _TooSlowError(TagPolicyError):
    """A look is too old for another call to rest on it."""


class Ending:
    """Ends the instances of calls, and queues what has to be looked at again.

    AWS's errors become outcomes and are not raised. ``isolation_groups`` are the security groups of
    isolated instances, by VPC; ``keep`` keeps what they had before.
    """

    def __init__(
        self,
        ec2_once: Callable[[], "EC2Client"],
        second_look: SecondLook,
        paced: PacedCalls,
        queue: Queue,
        clock: Clock,
        isolation_groups: Mapping[str, str],
        keep: Keep,
    ) -> None:
        self._isolation_groups = isolation_groups
        self._keep = keep
        self._had: dict[str, dict[str, Interface]] = {}  # before, of those that were kept
        self._changed: dict[str, set[str]] = {}  # the interfaces that this run has, or may have
        self._ec2_once = ec2_once
        self._second_look = second_look
        self._paced = paced
        self._queue = queue
        self._clock = clock

    def end(self, call: Call) -> Iterator[Outcome]:
        """End instances: one attempt, right after a look, ten seconds after an earlier one.

        Whoever replaces the only tag of an instance deletes it and writes another: for a moment it
        has none, and EC2 may show that moment for some seconds. What isolates is a call for each
        network interface, so that each instance is looked at on its own.
        """
        if call.remedy is Remedy.ISOLATE and len(call.findings) > 1:
            self._queue.at_once.extend(call.of([instance_id]) for instance_id in call.findings)
            return
        ec2 = self._ec2_once()  # before the look: making it takes a second
        first_look = max(finding.resource.shown_at for (finding, *_) in call.findings.values())
        too_soon = (first_look + FRESH - self._clock.now()).total_seconds()
        if too_soon > 0:
            self._clock.sleep(min(too_soon, FRESH.total_seconds()))
        seen = yield from self._look(call, ec2)
        if seen is None:
            return
        if call.remedy is Remedy.ISOLATE:
            if not all(seen.still(i, findings) for i, findings in call.findings.items()):
                yield from self.refused(call, CHANGED)
                return
            # What they have is kept first: nobody could put it back else. Then they are looked at
            # once more, as that took time.
            before = self._open_interfaces(call, seen)
            for instance_id, interfaces in before.items():
                kept = self._keep(instance_id, interfaces)
                if kept is None:
                    yield from self.refused(call, _NOT_KEPT)
                    return
                had = self._had.setdefault(instance_id, {})
                had |= {one.interface_id: one for one in kept if one.interface_id not in had}
            seen = yield from self._look(call, ec2)
            if seen is None:
                return
            if self._open_interfaces(call, seen) != before:
                yield from self.refused(call, CHANGED)
                return
        if self._clock.now() - seen.asked_at > _JUST_NOW:
            yield from self._look_again(call, _TOO_SLOW)
            return
        still = [i for i, findings in call.findings.items() if seen.still(i, findings)]
        if still:
            yield from self._end_now(call.of(still), ec2, seen)
        yield from self.refused(call.of(sorted(call.findings.keys() - set(still))), CHANGED)

    def _look(self, call: Call, ec2: "EC2Client") -> Generator[Outcome, None, Seen | None]:
        """Return what a look shows, at the pace that AWS bears; None where there was none."""
        self._paced.wait()
        try:
            return self._second_look.whole(list(call.findings), ec2)
        except AWS_ERRORS as error:
            if passes(error):
                yield from self._look_again(call, refusal_of(error))
            else:
                yield from self.refused(call, refusal_of(error))  # not looked at, so not touched
            return None

    def _open_interfaces(self, call: Call, seen: Seen) -> dict[str, tuple[Interface, ...]]:
        """Return the network interfaces of the instances that are still to be isolated."""
        instances = seen.instances
        return {
            instance_id: instances[instance_id].open_interfaces(self._isolation_groups)
            for instance_id in call.findings
            if instance_id in instances
        }

    def _look_again(self, call: Call, refusal: Refusal) -> Iterator[Outcome]:
        """Queue a call for another look; refuse it when there were enough of them."""
        if call.looks + 1 < _MOST_LOOKS:
            self._queue.later.append(replace(call, looks=call.looks + 1))
        else:
            yield from self.refused(call, refusal)

    def _end_now(self, call: Call, ec2: "EC2Client", seen: Seen) -> Iterator[Outcome]:
        ids = list(call.findings)
        try:
            if call.remedy is Remedy.ISOLATE:
                self._isolate(call, ec2, seen)
            else:
                _confirm(call, self._paced.once(lambda: _send(ec2, call.remedy, ids)))
        except ThrottledError:
            self._queue.later.append(call)
        except _TooSlowError:
            yield from self._look_again(replace(call, tried=True), _TOO_SLOW)
        except (*AWS_ERRORS, NotConfirmedError) as error:
            tried = replace(call, tried=True)
            if not passes(error) and len(ids) > 1:
                self._queue.split(tried, error)
                return
            yield from self.refused(tried, refusal_of(error))
            if not passes(error):
                self._queue.refused_to_one(tried, error)
        else:
            self._queue.worked(call)
            yield from self._done(call)

    def _isolate(self, call: Call, ec2: "EC2Client", seen: Seen) -> None:
        """Give each network interface of an instance the group of isolated ones, and no other.

        Raises _TooSlowError where the look is too old by then for the next of them.
        """
        for instance_id, interfaces in self._open_interfaces(call, seen).items():
            changed = self._changed.setdefault(instance_id, set())
            for interface in interfaces:
                if self._clock.now() - seen.asked_at > _JUST_NOW:
                    raise _TooSlowError
                isolate = partial(
                    ec2.modify_network_interface_attribute,
                    NetworkInterfaceId=interface.interface_id,
                    Groups=[self._isolation_groups[interface.vpc_id]],
                )
                try:
                    self._paced.once(isolate)
                except AWS_ERRORS as error:
                    if passes(error):  # its answer may have been lost
                        changed.add(interface.interface_id)
                    raise
                changed.add(interface.interface_id)

    def _done(self, call: Call) -> Iterator[Outcome]:
        """Yield that instances are ended, and which security groups they had before, where any."""
        for outcome in call.done():
            had = self._had.get(outcome.finding.resource.resource_id)
            if call.remedy is Remedy.ISOLATE and had:
                found = security_groups(had.values())
                outcome = replace(outcome, finding=replace(outcome.finding, found=found))
            yield outcome

    def _in_part(self, call: Call, refusal: Refusal, left: Collection[str]) -> Iterator[Outcome]:
        """Yield that some interfaces of an instance are isolated, or may be, and others not."""
        for instance_id, (finding, *_) in call.findings.items():
            changed = self._changed[instance_id] - set(left)
            had = security_groups(
                one for key, one in self._had[instance_id].items() if key in changed
            )
            yield Outcome(
                replace(finding, found=had),
                Result.FAILED,
                f"may be isolated only in part: what is isolated, or may be, had {had}; "
                f"{refusal.detail}",
                refusal.code or IN_PART,
            )

    def refused(self, call: Call, refusal: Refusal) -> Iterator[Outcome]:
        """Yield the refusal of each finding, but not of what is ending all the same."""
        if not call.findings:
            return
        if call.remedy is Remedy.ISOLATE and any(map(self._changed.get, call.findings)):
            yield from self._refused_to_isolate(call, refusal)
            return
        ending = self._ending(call)
        if ending is None:
            ending, refusal = [], replace(refusal, code=refusal.code or NOT_CONFIRMED)
        yield from call.of(ending).done()
        yield from call.of([i for i in call.findings if i not in ending]).refused(refusal)

    def _refused_to_isolate(self, call: Call, refusal: Refusal) -> Iterator[Outcome]:
        """Yield what became of an instance of which some interfaces are, or may be, isolated.

        Its interfaces may have been isolated though an answer was lost, and some may be while the
        others are not: people have to know, as nobody else puts them back.
        """
        groups = self._isolation_groups
        try:
            shown = interfaces_by_id(self._second_look.ec2, list(call.findings), self._paced)
        except AWS_ERRORS:
            yield from self._in_part(call, refusal, ())
            return
        for instance_id in call.findings:
            of_it = call.of([instance_id])
            interfaces = shown.get(instance_id, ())
            left = {
                one.interface_id for one in interfaces if one.groups != (groups.get(one.vpc_id),)
            }
            if interfaces and not left:
                yield from self._done(of_it)
            elif self._changed.get(instance_id, set()) - left:
                yield from self._in_part(of_it, refusal, left)
            else:
                code = refusal.code or NOT_CONFIRMED
                yield from of_it.refused(replace(refusal, code=code))

    def _ending(self, call: Call) -> list[str] | None:
        """Return those instances of a call that failed which AWS is ending nevertheless.

        None where it cannot be told. A call that reports an error may have ended the instances of
        other zones, and an answer that was lost may have been a good one.
        """
        if not call.tried:
            return []
        try:
            states = states_by_id(self._second_look.ec2, list(call.findings), self._paced)
        except AWS_ERRORS:
            return None
        return [i for i in call.findings if states.get(i) in ENDING_OF_REMEDY[call.remedy].states]


def _send(
    ec2: "EC2Client", remedy: Remedy, ids: Sequence[str]
) -> Sequence["InstanceStateChangeTypeDef"]:
    """Make the one call that a remedy is, and return the states that EC2 answers."""
    match remedy:
        case Remedy.STOP:
            return ec2.stop_instances(InstanceIds=ids)["StoppingInstances"]
        case Remedy.TERMINATE:
            return ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
        case Remedy.ISOLATE:
            raise AssertionError("a call for each network interface isolates")
        case (
            Remedy.NOTIFY
            | Remedy.LEAVE
            | Remedy.REPORT
            | Remedy.TAG
            | Remedy.MARK
            | Remedy.UNMARK
            | Remedy.REMOVE
            | Remedy.WAIT
        ):
            raise AssertionError(f"{remedy} ends nothing")
        case _ as unreachable:
            assert_never(unreachable)


def _confirm(call: Call, answer: Iterable["InstanceStateChangeTypeDef"]) -> None:
    states = ENDING_OF_REMEDY[call.remedy].states
    ending = {c["InstanceId"] for c in answer if c["CurrentState"]["Name"] in states}
    left = [instance_id for instance_id in call.findings if instance_id not in ending]
    if left:
        raise NotConfirmedError(f"AWS does not confirm that {', '.join(left)} is {states[0]}")
