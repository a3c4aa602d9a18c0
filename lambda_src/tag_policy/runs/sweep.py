"""The sweep: every instance of the VPCs. The schedule's, a person's, and AWS Config's."""

import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.model.finding import Finding
from tag_policy.resources.instance import (
    ID_DIGITS,
    asks_for_managed,
    instances_of_vpcs,
    missing_vpcs,
)
from tag_policy.runs.engine import TIME_WAS_UP, Engine, Judged


def sweep(engine: Engine) -> None:
    """Judge every instance of the VPCs, and act."""
    with _few_collections():
        engine.remedy(judge_all(engine))


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


def judge_all(engine: Engine, judged: Judged | None = None) -> Iterator[list[Finding]]:
    """Judge every instance of the VPCs; yield what is found, and tell ``judged`` of each.

    Listing may take three quarters of the time, so that some is left for what waits for its end.
    """
    context = engine.context
    vpc_ids, ec2 = context.assignment.vpc_ids, context.clients.ec2
    is_late, listing = context.part_of_the_time(1 / 2), context.part_of_the_time(3 / 4)
    try:
        paced = context.paced(context.until_margin())
        for vpc_id in paced(lambda: list(missing_vpcs(ec2, vpc_ids))):
            engine.problem(f"{vpc_id} does not exist in this account and region")
    except AWS_ERRORS as error:
        engine.problem(f"whether the VPCs exist could not be asked: {error}")
    if not asks_for_managed(ec2):
        engine.note(
            "instances that AWS services manage may be hidden from this run, where the account "
            "hides them: the SDK of this runtime cannot ask for them"
        )
    parts = _drawn(ID_DIGITS, context.request_id)
    instances = instances_of_vpcs(ec2, vpc_ids, context.paced(listing), is_late, listing, parts)
    yield from engine.judge(instances, listing, judged)
    if listing.passed:
        engine.has_seen_a_part()
        engine.problem(TIME_WAS_UP)


def _drawn(items: str, by: str) -> list[str]:
    """Return the items in an order that is another for each ``by``, such as the id of a run."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{by}{item}".encode()).digest())
