"""Answers about creators to findings: which are ready, and which have to wait. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from tag_policy.creators.tag_value import creator_tag, detail_tag
from tag_policy.model.finding import DEFAULT, Finding
from tag_policy.model.launch import Answer, Known, Nobody, NotKnownYet
from tag_policy.model.outcome import CREATOR_UNREADABLE, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceRef
from tag_policy.settings import Settings


def waits_for_creator(finding: Finding) -> bool:
    """Tell whether a finding's value is still to be looked up."""
    return finding.remedy is Remedy.TAG and finding.value is None


def instances_to_look_up(findings: Iterable[Finding]) -> list[ResourceRef]:
    """Return the instances that wait for a creator, each once, whatever its number of tags."""
    waiting = {f.resource.resource_id: f.resource for f in findings if waits_for_creator(f)}
    return list(waiting.values())


def with_creators(
    findings: Iterable[Finding], answers: Mapping[str, Answer], settings: Settings
) -> tuple[list[Finding], list[Outcome]]:
    """Give each finding that waits for a creator its value; return the others as deferred.

    ``answers`` has one for every instance that ``instances_to_look_up`` returns of the findings.
    Nobody becomes the fallback of the rule; not known yet is left for the next run, and what only a
    person can mend has the code ``CREATOR_UNREADABLE``. Whoever is known is the owner in all
    findings about the instance.
    """
    ready: list[Finding] = []
    deferred: list[Outcome] = []
    owners = {
        instance_id: creator_tag(answer.launch, settings.creator_format)
        for instance_id, answer in answers.items()
        if isinstance(answer, Known)
    }
    for finding in findings:
        owner = owners.get(finding.resource.resource_id, finding.owner)
        if not waits_for_creator(finding):
            ready.append(replace(finding, owner=owner) if owner != finding.owner else finding)
            continue
        match answers[finding.resource.resource_id]:
            case Known(launch):
                ready.append(
                    replace(
                        finding,
                        value=owner,
                        owner=owner,
                        launch=launch,
                        detail_tag=detail_tag(
                            finding.tag_key, launch, settings.attribution_details
                        ),
                    )
                )
            case Nobody(why):
                reason = f"{finding.reason}; creator not found, {why}"
                ready.append(
                    replace(finding, value=finding.fallback, reason=reason, source=DEFAULT)
                )
            case NotKnownYet(why, code, by_hand):
                code = CREATOR_UNREADABLE if by_hand else code
                deferred.append(Outcome(finding, Result.DEFERRED, why, code))
            case _ as unreachable:
                assert_never(unreachable)
    return ready, deferred
