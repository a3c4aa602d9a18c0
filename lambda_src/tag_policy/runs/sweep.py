"""The sweep: every instance of the VPCs, and what hangs off it, where rules are about that.

The schedule's, a person's, and AWS Config's, which is about instances alone.
"""

import gc
import hashlib
import itertools
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.threads import side_by_side
from tag_policy.model.finding import Finding
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import Resource, ResourceType
from tag_policy.reporting.wording import plural_of
from tag_policy.resources.hanging import SIDE_BY_SIDE, instances_a_call
from tag_policy.resources.instance import (
    ID_DIGITS,
    asks_for_managed,
    chunks,
    instances_of_vpcs,
)
from tag_policy.resources.kind import Kind
from tag_policy.resources.vpc import missing_vpcs
from tag_policy.runs.engine import MOST_HELD, TIME_WAS_UP, Engine, Judged

_OVERRIDE_OF_NONE = (
    "vpc_overrides names a VPC that this engine does not look after, so the VPC that was meant "
    "may have no override; fix that override"
)

_MOST_NAMED = 20
"""VPCs that are named in a note."""


def sweep(engine: Engine) -> None:
    """Judge every instance of the VPCs, and act; then, kind by kind, what hangs off them.

    What hangs off something may take its tags from there, as this run leaves them.
    """
    # Closed, so that nothing is listed any more where the run breaks off.
    with _few_collections():
        with closing(judge_all(engine)) as found:
            engine.remedy(found)
        put_right_what_hangs_off(engine)


def put_right_what_hangs_off(
    engine: Engine, remedies: Collection[Remedy] = frozenset(Remedy)
) -> None:
    """Judge what hangs off the instances that were judged, and act, where rules are about that.

    ``remedies`` are those that the run makes; what asks for another is left to the sweep. Each kind
    is put right before the next, which may take its tags from there, and on its own: AWS may grant
    a tag to one type, and refuse it to another.
    """
    instance_ids = _drawn(engine.instance_ids, engine.context.request_id)
    for kind in engine.kinds:
        what = plural_of(kind.type)
        if engine.leaves_too_much:
            engine.problem(
                f"more than {MOST_HELD:,} resources get tags that are handed on to others, and a "
                f"run can hold no more; the next run goes on with the {what}"
            )
            continue
        if engine.context.until_margin()():
            engine.problem(f"{TIME_WAS_UP} of the {what}")
            continue
        listing = engine.context.part_of_the_time(3 / 4)
        with closing(_listed(engine, kind, instance_ids, listing)) as resources:
            engine.remedy(engine.judge(resources, listing, remedies=remedies, what=what))
        if listing.passed:
            engine.problem(f"{TIME_WAS_UP} of the {what}")


def _listed(
    engine: Engine, kind: Kind, instance_ids: Sequence[str], out_of_time: Callable[[], bool]
) -> Generator[Resource, None, None]:
    """Yield what of a kind hangs off instances, each once; some calls are made side by side."""
    hanging, vpc_ids = engine.hanging(out_of_time), engine.context.assignment.vpc_ids

    def off(some: Sequence[str]) -> Iterator[list[Resource]]:
        yield hanging.off(kind, some, vpc_ids)

    shared = set[str]()  # only what hangs off several instances may be listed twice
    parts = map(off, chunks(instance_ids, instances_a_call(kind)))
    with closing(side_by_side(parts, SIDE_BY_SIDE)) as listed:
        for resource in itertools.chain.from_iterable(listed):
            above = [p for p in resource.parents if p.resource_type is ResourceType.INSTANCE]
            if len(above) > 1:
                if resource.ref.resource_id in shared:
                    continue
                shared.add(resource.ref.resource_id)
            yield resource


@contextmanager
def _few_collections() -> Iterator[None]:
    """Have Python look for cycles of garbage less often.

    Pages of instances are a million small objects and no cycle; looking for some as often as by
    default takes a tenth of a sweep's time. Not never, because calls that fail leave cycles behind.
    Afterwards it is as before, because clients are full of cycles, and the next event may come to
    the same process.
    """
    before = gc.get_threshold()
    gc.set_threshold(500_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def judge_all(engine: Engine, judged: Judged | None = None) -> Generator[list[Finding], None, None]:
    """Judge every instance of the VPCs; yield what is found, and tell ``judged`` of each.

    Listing may take three quarters of the time, so that some is left for what waits for its end.
    """
    context = engine.context
    vpc_ids, ec2 = context.assignment.vpc_ids, context.clients.ec2
    is_late, listing = context.part_of_the_time(1 / 2), context.part_of_the_time(3 / 4)
    if context.settings.finds_vpcs:
        engine.find_new_vpcs()
    else:
        _find_missing(engine)
    _check_overrides(engine)
    if not asks_for_managed(ec2):
        engine.note(
            "if the account hides instances that AWS services manage, this run does not see them: "
            "the SDK of this runtime cannot ask for them"
        )
    parts = _drawn(ID_DIGITS, context.request_id)
    instances = instances_of_vpcs(ec2, vpc_ids, context.ec2_calls(listing), is_late, listing, parts)
    yield from engine.judge(instances, listing, judged)
    if listing.passed:
        engine.has_seen_a_part()
        engine.problem(TIME_WAS_UP)
    else:
        _note_empty(engine)


def _check_overrides(engine: Engine) -> None:
    """End nothing where an override is of no VPC of ours: a misspelt one protects nobody."""
    settings = engine.context.settings
    strangers = sorted(settings.vpc_overrides.keys() - set(settings.vpc_ids))
    if strangers:
        named = ", ".join(strangers[:_MOST_NAMED])
        engine.problem(
            f"vpc_overrides names {named}, which this engine does not look after: correct the id, "
            "or take the override out; until then nothing is isolated, stopped or terminated"
        )
        engine.end_nothing(_OVERRIDE_OF_NONE)


def _find_missing(engine: Engine) -> None:
    """Remember which of the VPCs that are configured do not exist."""
    context = engine.context
    try:
        paced = context.ec2_calls(context.until_margin())
        ec2, vpc_ids = context.clients.ec2, context.assignment.vpc_ids
        for vpc_id in paced(lambda: list(missing_vpcs(ec2, vpc_ids))):
            engine.problem(f"{vpc_id} does not exist in this account and region")
    except AWS_ERRORS as error:
        engine.problem(f"it could not be checked whether the VPCs exist: {error}")


def _note_empty(engine: Engine) -> None:
    """Say in which VPCs no instance is to be seen: they may be shared, and others' instances."""
    empty = [vpc_id for vpc_id, tally in engine.tallies.items() if not tally.instances]
    if empty:
        named = ", ".join(empty[:_MOST_NAMED])
        more = f" and {len(empty) - _MOST_NAMED:,} more" if len(empty) > _MOST_NAMED else ""
        engine.note(
            f"no instance can be seen in {named}{more}: nothing runs there, or the VPC is shared "
            "and the instances belong to other accounts, and only an engine there sees them"
        )


def _drawn(items: Iterable[str], by: str) -> list[str]:
    """Return the items in an order that is another for each ``by``, such as the id of a run."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{by}{item}".encode()).digest())
