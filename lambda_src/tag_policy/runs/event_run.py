"""Runs about some instances, named by events, rather than about all of a VPC."""

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from tag_policy.creators.answers import instances_to_look_up, waits_for_creator
from tag_policy.creators.run_instances import LaunchEvent
from tag_policy.creators.search import what_it_says
from tag_policy.model import Answer, Finding, Instance, Outcome, Remedy, Result, Verdict
from tag_policy.resources import instance as inventory
from tag_policy.runs.engine import Engine
from tag_policy.triggers.sqs_batch import Message

log = logging.getLogger(__name__)

_SHOWN_AFTER = timedelta(minutes=1)
"""How old an event is when an instance that EC2 does not show is gone, rather than too new.

By the third try it is older: see ``event_queue``.

https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

_REMEDIES = frozenset({Remedy.TAG, Remedy.UNMARK})
"""What is done about an instance on its own: the tags that it lacks are written, its mark is taken
back. Whatever else follows from having no tags is left to the sweep: they may still be on their
way, and the limits hold for all instances together, whom only the sweep sees at once."""


def put_right(engine: Engine, messages: Sequence[Message]) -> list[Message]:
    """Judge the instances that messages name, act, and return the messages that have to come back.

    These are the ones that cannot be read, and those about an instance that EC2 does not show yet,
    or that the run could not put right for now. A creator that is not known yet is left to the
    sweep: asking again in a minute would not help.
    """
    events = [message.event for message in messages if message.event is not None]
    named = frozenset[str]().union(*(event.instance_ids for event in events))
    shown: set[str] = set()
    left: set[str] = set()
    not_found: set[str] = set()
    listing = engine.context.part_of_the_time(1 / 2)
    live = _live(engine, sorted(named), shown, listing)
    found = list(engine.judge(live, listing, remedies=_REMEDIES))
    # A RunInstances call that is repeated with its client token names the same instances again: the
    # first of such launches counts.
    newest_first = sorted(events, key=lambda event: event.time, reverse=True)
    launches = {i: e.launch for e in newest_first if e.launch is not None for i in e.instance_ids}

    def note(outcome: Outcome) -> None:
        if _is_left(outcome):
            left.add(outcome.finding.instance.instance_id)
        if outcome.code == "InvalidInstanceID.NotFound":
            not_found.add(outcome.finding.instance.instance_id)

    act(engine, found, launches, note)

    def comes_back(message: Message) -> bool:
        if message.event is None:
            return True
        ids = message.event.instance_ids
        not_visible = (ids - shown) | (ids & not_found)
        too_new = engine.context.now - message.event.time < _SHOWN_AFTER
        return bool(left & ids or (not_visible and too_new) or listing.passed)

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
        lambda instance, verdict: judged.update({instance.ref.instance_id: verdict}),
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
        engine.context.paced(out_of_time),
    ):
        shown.add(instance_id)
        if instance is not None:
            yield instance


def act(
    engine: Engine,
    found: Sequence[Sequence[Finding]],
    launches: Mapping[str, LaunchEvent],
    noted: Callable[[Outcome], None] | None = None,
) -> None:
    """Do what may be done about instances; ``launches`` are those that events have told of.

    A creator that CloudTrail cannot know yet is left to the sweep, without a word to anybody:
    otherwise each launch would be told of twice.
    """
    known: dict[str, Answer] = {}
    too_new: set[str] = set()
    for instance in instances_to_look_up(itertools.chain(*found)):
        launch = launches.get(instance.instance_id)
        if launch is not None and launch.user_identity is not None:
            known[instance.instance_id] = what_it_says(launch, instance)
        elif engine.context.now - instance.created_at < engine.context.settings.attribution_delay:
            too_new.add(instance.instance_id)
            log.info("left to the sweep %s: who launched it", instance.instance_id)

    def may_be_done(finding: Finding) -> bool:
        return finding.instance.instance_id not in too_new or not waits_for_creator(finding)

    engine.remedy([list(filter(may_be_done, some)) for some in found], known, noted)


def _is_left(outcome: Outcome) -> bool:
    return outcome.result is Result.DEFERRED and not waits_for_creator(outcome.finding)
