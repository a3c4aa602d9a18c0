"""Giving announced instances the mark that counts: the second of its two steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.errors import Refusal, passes, refusal_of
from tag_policy.aws.pace import PacedCalls, ThrottledError
from tag_policy.model.mark import Mark
from tag_policy.model.outcome import Outcome, Result
from tag_policy.resources.remedy_queue import BATCH_SIZE, CHANGED, OUT_OF_TIME
from tag_policy.resources.second_look import SecondLook

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import TagTypeDef

_MOST_TRIES = 8
"""Attempts to complete some marks, after which they are announced anew by the next run."""


def completed(mark: Mark, announced: datetime) -> Mark:
    """Return a mark as it counts, once people were told of it at a time."""
    return replace(mark, announced=announced, time=max(mark.time, announced + mark.lead))


class Marks:
    """Completes marks of which people were told. AWS's errors become outcomes."""

    def __init__(
        self, ec2_once: Callable[[], "EC2Client"], second_look: SecondLook, paced: PacedCalls
    ) -> None:
        self._ec2_once = ec2_once
        self._second_look = second_look
        self._paced = paced

    def complete(
        self, told: Sequence[Outcome], announced: datetime, out_of_time: Callable[[], bool]
    ) -> Iterator[tuple[Outcome, Outcome]]:
        """Give the instances of whom people were told the mark that counts.

        ``told`` are the outcomes that an accepted message names, ``announced`` is when it had been
        accepted, ``out_of_time`` is asked before every call. Yields each with what became of it:
        the same, or that it is left to the next run, which announces it anew. One without a mark
        has nothing to complete, keeps no other from its mark, and is not yielded.
        """
        by_mark: dict[Mark, dict[str, Outcome]] = {}
        for outcome in told:
            if (mark := outcome.finding.mark) is not None:
                by_mark.setdefault(mark, {})[outcome.finding.resource.resource_id] = outcome
        for mark, outcomes in by_mark.items():
            final = completed(mark, announced)
            ids = list(outcomes)
            for start in range(0, len(ids), BATCH_SIZE):
                some = {i: outcomes[i] for i in ids[start : start + BATCH_SIZE]}
                yield from self._complete(some, mark, final, out_of_time)

    def _complete(
        self,
        outcomes: Mapping[str, Outcome],
        mark: Mark,
        final: Mark,
        out_of_time: Callable[[], bool],
    ) -> Iterator[tuple[Outcome, Outcome]]:
        """Write the final mark where what was announced is still to be."""
        (one, *_) = outcomes.values()
        key = one.finding.tag_key
        left = list(outcomes)
        ec2 = self._ec2_once()
        refusal = OUT_OF_TIME
        for _ in range(_MOST_TRIES):
            if not left or out_of_time():
                break
            self._paced.wait()
            try:
                seen = self._second_look.whole(left)
                for changed in [i for i in left if not seen.is_announcing(i, mark)]:
                    left.remove(changed)
                    before = outcomes[changed]
                    is_done = seen.tag(changed, key) == str(final)  # an answer was lost
                    yield before, before if is_done else _deferred(before, CHANGED)
                if left:
                    self._write(ec2, left, key, final)
            except ThrottledError:
                continue
            except AWS_ERRORS as error:
                refusal = refusal_of(error)
                if not passes(error):
                    break
                continue
            yield from ((outcomes[i], outcomes[i]) for i in left)
            return
        yield from ((outcomes[i], _deferred(outcomes[i], refusal)) for i in left)

    def _write(self, ec2: "EC2Client", ids: Sequence[str], key: str, mark: Mark) -> None:
        tags: list[TagTypeDef] = [{"Key": key, "Value": str(mark)}]
        self._paced.once(lambda: ec2.create_tags(Resources=ids, Tags=tags))


def _deferred(outcome: Outcome, refusal: Refusal) -> Outcome:
    detail = (
        f"people were told, but it could not be marked: {refusal.detail}; it is announced again"
    )
    return replace(outcome, result=Result.DEFERRED, detail=detail, code=refusal.code)
