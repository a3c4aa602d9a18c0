"""Runs about some instances, named by events, rather than about all of a VPC."""

import itertools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from tag_policy.creators.answers import instances_to_look_up, waits_for_creator
from tag_policy.creators.decision import (
    NOBODY_WILL_ASK,
    launch_among,
    may_repeat_another,
    what_it_says,
)
from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.model.finding import Finding, Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.launch import Answer, Known
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.resources import instance as inventory
from tag_policy.runs.engine import Engine
from tag_policy.runs.sweep import put_right_what_hangs_off
from tag_policy.triggers.sqs_batch import Message

log = logging.getLogger(__name__)

_SHOWN_AFTER = timedelta(minutes=1)
"""How old an event is when an instance that EC2 does not show is gone, rather than too new.

By the third try it is older: see ``event_triggers``.

https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

_LAST_TRY = 3
"""The try at which people are told of a creator that nobody will look up: the fewest tries that a
queue may be set to, so that no message becomes a dead letter for it."""

_REMEDIES = frozenset({Remedy.TAG, Remedy.UNMARK})
"""What is done about an instance on its own: the tags that it lacks are written, its mark is taken
back. Whatever else follows from having no tags is left to the sweep: they may still be on their
way, and the limits hold for all instances together, whom only the sweep sees at once."""


def put_right(engine: Engine, messages: Sequence[Message]) -> list[Message]:
    """Judge the instances that messages name, act, and return the messages that have to come back.

    These are the ones that cannot be read, and those about an instance that EC2 does not show yet,
    or that the run could not put right for now. A creator that is not known yet is left to the
    sweep: asking again in a minute would not help. Where there is no sweep, the message comes back
    while the event of the launch may follow, and then people are told.
    """
    events = [message.event for message in messages if message.event is not None]
    named = frozenset[str]().union(*(event.instance_ids for event in events))
    shown: set[str] = set()
    left: set[str] = set()
    not_found: set[str] = set()
    listing = engine.context.part_of_the_time(1 / 2)
    live = _live(engine, sorted(named), shown, listing)
    found = list(engine.judge(live, listing, remedies=_REMEDIES))
    launches: dict[str, list[LaunchEvent]] = {}
    for launch in (event.launch for event in events if event.launch is not None):
        if not launch.instance_ids:
            _tell_of_what_is_left_out(engine, launch)
        for instance_id in launch.instance_ids:
            launches.setdefault(instance_id, []).append(launch)
    may_come_back = {
        instance_id
        for message in messages
        if message.event is not None and message.tries < _LAST_TRY
        for instance_id in message.event.instance_ids
    }

    def note(outcome: Outcome) -> None:
        if _is_left(outcome):
            left.add(outcome.finding.resource.resource_id)
        if outcome.code == "InvalidInstanceID.NotFound":
            not_found.add(outcome.finding.resource.resource_id)

    asked_again = act(engine, found, launches, note, may_come_back)
    put_right_what_hangs_off(engine, _REMEDIES)

    def comes_back(message: Message) -> bool:
        if message.event is None:
            return True
        ids = message.event.instance_ids
        not_visible = (ids - shown) | (ids & not_found)
        too_new = engine.context.now - message.event.time < _SHOWN_AFTER
        asked = asked_again & ids and message.tries < _LAST_TRY
        return bool(left & ids or asked or (not_visible and too_new) or listing.passed)

    return [message for message in messages if comes_back(message)]


def judge_one(engine: Engine, instance_id: str) -> tuple[Verdict | None, list[list[Finding]]]:
    """Judge an instance; return the verdict, and what may be done about it.

    The former is None where the instance is gone, or in no VPC of the run.
    """
    judged: dict[str, Verdict] = {}
    listing = engine.context.part_of_the_time(1 / 2)
    may_be_done = engine.judge(
        _live(engine, [instance_id], set(), listing),
        listing,
        lambda resource, verdict: judged.update({resource.ref.resource_id: verdict}),
        remedies=_REMEDIES,
    )
    found = list(may_be_done)
    return judged.get(instance_id), found


def _live(
    engine: Engine, instance_ids: Sequence[str], shown: set[str], out_of_time: Callable[[], bool]
) -> Iterator[Instance]:
    """Yield those of the instances that are live and in a VPC of the run; collect all shown."""
    for instance_id, instance in inventory.instances_shown(
        engine.context.clients.ec2,
        instance_ids,
        engine.context.assignment.vpc_ids,
        engine.context.ec2_calls(out_of_time),
    ):
        shown.add(instance_id)
        if instance is not None:
            yield instance


def act(
    engine: Engine,
    found: Sequence[Sequence[Finding]],
    launches: Mapping[str, Sequence[LaunchEvent]],
    noted: Callable[[Outcome], None] | None = None,
    may_come_back: Collection[str] = (),
) -> set[str]:
    """Do what may be done about instances.

    ``launches`` are those that events have told of, by the ids of whom they name. A creator that
    CloudTrail cannot know yet is left to the sweep, without a word to anybody: otherwise each
    launch would be told of twice. Where no sweep will come, people are told, unless the event
    ``may_come_back``; the ids of the instances whose events have to are returned.
    """
    known: dict[str, Answer] = {}
    too_new: set[str] = set()
    to_come_back: set[str] = set()
    for instance in instances_to_look_up(itertools.chain(*found)):
        instance_id = instance.resource_id
        launch = launch_among(launches.get(instance_id, ()), instance)
        answer = what_it_says(launch, instance) if launch is not None else None
        if (
            launch is not None
            and isinstance(answer, Known)
            and not may_repeat_another(launch, instance)
        ):
            known[instance_id] = answer
        elif engine.context.now - instance.created_at >= engine.context.settings.attribution_delay:
            continue  # CloudTrail is asked
        elif engine.context.settings.looks_again:
            too_new.add(instance_id)
            log.info("left to the sweep %s: who launched it", instance_id)
        elif instance_id in may_come_back:
            to_come_back.add(instance_id)
        else:
            known[instance_id] = answer or NOBODY_WILL_ASK

    left_out = too_new | to_come_back

    def may_be_done(finding: Finding) -> bool:
        return finding.resource.resource_id not in left_out or not waits_for_creator(finding)

    engine.remedy([list(filter(may_be_done, some)) for some in found], known, noted)
    return to_come_back


def _tell_of_what_is_left_out(engine: Engine, launch: LaunchEvent) -> None:
    """Tell of a launch whose record leaves out what was launched."""
    what = f"the launch in event {launch.event_id} is so large that its record names no instance"
    if engine.context.settings.looks_again:
        log.warning("left to the sweep: %s", what)
    else:
        engine.problem(f"{what}, and no schedule looks for its instances; run the function")


def _is_left(outcome: Outcome) -> bool:
    return outcome.result is Result.DEFERRED and not waits_for_creator(outcome.finding)
