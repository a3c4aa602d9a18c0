"""A second look at resources, just before something is done to them.

Minutes may lie between listing instances and acting, and people act in the meantime. There are two
ways to look again. The whole look describes the instances and judges them anew; nothing that ends
an instance, and nothing that deletes a tag, is done without one. The quick look is for findings
that rest on the absence of some tags alone: it only asks which of the instances have one of these
tags by now, which is next to none of them, and so takes next to no time.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.finding import Finding, Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import Resource
from tag_policy.resources.hanging import Hanging
from tag_policy.resources.instance import ended, instances_by_id, touched
from tag_policy.resources.kind import Kind
from tag_policy.resources.kinds import kind_of

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

FRESH = timedelta(seconds=10)
"""How old a look at an instance may be for its tags to be written without another one.

What EC2 tells may itself be some seconds old:
https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a whole look has seen: what is there, and in the VPCs, by id, and the verdicts.

    ``asked_at`` is when EC2 was asked for the first of them.
    """

    resources: Mapping[str, Resource]
    verdicts: Mapping[str, Verdict]
    asked_at: datetime

    @property
    def instances(self) -> Mapping[str, Instance]:
        """The instances among them, which are live."""
        return {i: one for i, one in self.resources.items() if isinstance(one, Instance)}

    def still(self, instance_id: str, findings: Iterable[Finding]) -> bool:
        """Tell whether all that was found about an instance is found again."""
        verdict = self.verdicts.get(instance_id)
        found = verdict.findings if verdict else ()
        again = {_identity(finding) for finding in found if not finding.after_writing}
        return all(_identity(finding) in again for finding in findings)

    def is_to_come(self, instance_id: str, findings: Iterable[Finding]) -> bool:
        """Tell whether tags are still to be deleted, when others were written."""
        verdict = self.verdicts.get(instance_id)
        found = verdict.findings if verdict else ()
        to_come = {_identity(finding) for finding in found if finding.after_writing}
        return all(_identity(finding) in to_come for finding in findings)

    def tag(self, instance_id: str, key: str) -> str | None:
        """Return the value of a tag of a resource; None where it has none, or is not there."""
        resource = self.resources.get(instance_id)
        return None if resource is None else resource.tags.get(key)

    def is_announcing(self, instance_id: str, mark: Mark) -> bool:
        """Tell whether an instance says that a mark is being announced, and is still to have it."""
        verdict = self.verdicts.get(instance_id)
        return verdict is not None and any(
            finding.value == mark.announcing
            and finding.mark is not None
            and (finding.mark.action, finding.mark.cause) == (mark.action, mark.cause)
            for finding in verdict.findings
        )


def _identity(finding: Finding) -> tuple[object, ...]:
    """Return by what a finding is known again.

    The rule that says so is a part of it, as another one may concern the instance by now, and so is
    the value that is to be written over, and the one that is to be written where it was taken from
    elsewhere; not the rule's own, as the creator may have been looked up since. What stands in the
    tag that is to be deleted, or marked, is a part of it, and whether an instance that is to be
    ended has a mark that counts.
    """
    match finding.remedy:
        case Remedy.TAG:
            taken = None if finding.comes_from_the_rule else finding.value
            return finding.remedy, finding.tag_key, finding.rule_id, finding.found, taken
        case Remedy.MARK | Remedy.UNMARK | Remedy.REMOVE:
            return finding.remedy, finding.tag_key, finding.value
        case (
            Remedy.ISOLATE
            | Remedy.STOP
            | Remedy.TERMINATE
            | Remedy.NOTIFY
            | Remedy.LEAVE
            | Remedy.REPORT
            | Remedy.WAIT
        ):
            # What is to give way to a mark has to be what stood there, as with MARK.
            # Another rule's time to end it is another matter, of which people were told, or not.
            value = finding.value if finding.mark else None
            return finding.remedy, finding.rule_id, finding.mark is None, value
        case _ as unreachable:
            assert_never(unreachable)


@dataclass(frozen=True, slots=True)
class _HaveEnded:
    """Which instances of the region have ended, as far as EC2 told when it was asked for it."""

    instance_ids: frozenset[str]
    asked_at: datetime


class SecondLook:
    """Looks at resources again, for one run; several threads may look at a time.

    ``vpc_ids`` says which VPCs are looked after, and may ask AWS anew; ``evaluate`` judges a
    resource as the run does; ``exempt_tag_key`` is the tag whose appearance changes everything;
    ``hanging`` tells of what is no instance.
    """

    def __init__(
        self,
        ec2: "EC2Client",
        vpc_ids: Callable[[], Collection[str]],
        evaluate: Callable[[Resource], Verdict],
        exempt_tag_key: str,
        paced: PacedCalls,
        hanging: Hanging,
    ) -> None:
        self.ec2 = ec2
        self._hanging = hanging
        self._vpc_ids = vpc_ids
        self._evaluate = evaluate
        self._exempt_tag_key = exempt_tag_key
        self._paced = paced
        self._have_ended: _HaveEnded | None = None

    def is_fresh(self, seen_at: datetime) -> bool:
        """Tell whether a look of a time is young enough for a tag to be written."""
        return self._paced.now() - seen_at < FRESH

    def whole(self, resource_ids: Sequence[str], ec2: "EC2Client | None" = None) -> Seen:
        """Describe resources, and judge them anew. Raises botocore's errors.

        Whoever makes a call right after it looks with the same ``ec2``: what has just been asked
        has an open connection.
        """
        asked_at = self._paced.now()
        vpc_ids = self._vpc_ids()  # first, so that the instances are what was looked at last
        found: dict[str, Resource] = {}
        of_kinds: dict[Kind | None, list[str]] = {}
        for resource_id in resource_ids:
            of_kinds.setdefault(kind_of(resource_id), []).append(resource_id)
        for kind, ids in of_kinds.items():
            shown: Iterable[Resource] = (
                instances_by_id(ec2 or self.ec2, ids, vpc_ids, self._paced)
                if kind is None
                else self._hanging.by_id(kind, ids, vpc_ids)
            )
            found |= {resource.ref.resource_id: resource for resource in shown}
        verdicts = {i: self._evaluate(resource) for i, resource in found.items()}
        return Seen(found, verdicts, asked_at)

    def unchanged(self, findings: Mapping[str, Sequence[Finding]]) -> tuple[list[str], datetime]:
        """Return the ids of those instances of which everything that was found is still so.

        ``findings`` are given by the id of the instance. The time is when EC2 was asked for the
        first of what the answer rests on. Raises botocore's errors.
        """
        asked_at = self._paced.now()
        rest_on_more = {
            instance_id
            for instance_id, some in findings.items()
            if any(finding.absent_keys is None for finding in some)
        }
        suspects = rest_on_more
        if cleared := findings.keys() - rest_on_more:
            keys = {key for some in findings.values() for f in some for key in f.absent_keys or ()}
            have_ended = self._ended_lately()
            asked_at = min(asked_at, have_ended.asked_at)
            keys |= {self._exempt_tag_key}
            have_a_key = touched(self.ec2, sorted(cleared), keys, self._paced)
            suspects = rest_on_more | (cleared & have_ended.instance_ids.union(have_a_key))
        seen = self.whole(sorted(suspects)) if suspects else None
        unchanged = [
            instance_id
            for instance_id, some in findings.items()
            if instance_id not in suspects or (seen is not None and seen.still(instance_id, some))
        ]
        return unchanged, asked_at

    def _ended_lately(self) -> _HaveEnded:
        """Return what has ended: asked for once, for the looks of some seconds.

        Threads that need it at once may each ask; no lock is held while AWS answers.
        """
        have_ended = self._have_ended
        if have_ended is None or not self.is_fresh(have_ended.asked_at):
            asked_at = self._paced.now()
            ids = frozenset(ended(self.ec2, self._paced))
            have_ended = self._have_ended = _HaveEnded(ids, asked_at)
        return have_ended
