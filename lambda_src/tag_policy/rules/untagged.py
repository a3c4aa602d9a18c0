"""What follows for an instance that has no tags at all. Pure.

The questions are asked in this order, and the first that applies is the answer: it is too young to
be judged; nothing but a report is wanted; it is stopped already; a service manages it; its marker
tag is not ours; its mark does not count, so that people have to be told; its time has not come; it
is due.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from tag_policy.model.ending import ENDING_OF_ACTION, ENDING_OF_REMEDY
from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance, security_groups
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End, Remedy, UntaggedAction
from tag_policy.rules.mark import UNTAGGED, announced_by, due_at, trusted
from tag_policy.rules.marker import Marker, not_understood
from tag_policy.settings import Settings

_NO_TAGS = "no tags at all"


@dataclass(frozen=True)
class Untagged:
    """Judges instances without tags, for the engine of a name and at a time.

    ``anew`` are the instances that are to be announced, whatever their tags or the settings say.
    """

    settings: Settings
    engine: str
    now: datetime
    anew: Container[str] = frozenset()

    @cached_property
    def marker(self) -> Marker:
        """What reads, and says, what stands in the marker's tags."""
        return Marker(self.settings, self.engine, self.now)

    def has_no_tags(self, tags: Mapping[str, str]) -> bool:
        """Tell whether an instance has no tag, not even one of AWS's own (``aws:…``).

        What engines have written into the marker's tag, or into one that was it formerly, is no
        tag of anybody's.
        """
        return self.marker.is_all(tags)

    def findings(self, instance: Instance) -> list[Finding]:
        """Return what is to be done about an instance without tags."""
        judged = self._judge(instance)
        may_be_ended = self._action(instance) in ENDING_OF_ACTION and not self._is_protected(
            instance
        )
        if may_be_ended:
            return [judged, *self.marker.former_marks_to_remove(instance)]
        return [judged, *self.marker.own_marks_to_remove(instance)]

    def _judge(self, instance: Instance) -> Finding:
        settings = self.settings
        if self.now - instance.ref.created_at < settings.minimum_age:
            # Its tags may still be on their way: tools tag after launch.
            reason = f"{_NO_TAGS}; younger than the minimum age"
            return Finding(instance.ref, Remedy.WAIT, Code.TOO_YOUNG, reason, violation=False)
        ending = ENDING_OF_ACTION.get(self._action(instance))
        if ending is None:
            return Finding(instance.ref, Remedy.NOTIFY, Code.UNTAGGED, _NO_TAGS)
        groups = settings.isolation_security_groups
        if ending.already is not None and ending.is_done(instance, groups):
            # Doing it again would report the same every hour.
            how = instance.state if ending.states else str(ending.result)
            reason = f"{_NO_TAGS}; {how} already"
            return Finding(instance.ref, Remedy.NOTIFY, ending.already, reason)
        if self._is_protected(instance):
            service, what = next(iter(instance.ref.managers.items()))
            reason = f"{_NO_TAGS}; protected, because {service}:{what} manages it"
            return Finding(instance.ref, Remedy.NOTIFY, Code.PROTECTED, reason)
        if ending.action is End.ISOLATE and (why_not := instance.cannot_be_isolated(groups)):
            reason = f"{_NO_TAGS}; it cannot be isolated, because {why_not}"
            return Finding(instance.ref, Remedy.NOTIFY, Code.UNTAGGED, reason)
        return self._due(instance, ending.action, ending.remedy)

    def _action(self, instance: Instance) -> UntaggedAction:
        return self.settings.untagged_action_in(instance.ref.vpc_id)

    def _is_protected(self, instance: Instance) -> bool:
        return self.settings.protect_managed and bool(instance.ref.managers)

    def _due(self, instance: Instance, end: End, remedy: Remedy) -> Finding:
        """Return what is next for an instance that is to be ended."""
        left = self.marker.left_to_others(instance, _NO_TAGS)
        if left is not None:
            return left
        key, grace = self.marker.key, self.settings.grace_period
        value = instance.tags.get(key)
        said = self.marker.said(instance)
        told = self.marker.told(instance)
        anew = instance.ref.resource_id in self.anew
        groups = security_groups(instance.interfaces) if end is End.ISOLATE else ""
        if isinstance(said, Mark) and not anew and self._holds(said, end, instance, told):
            if due_at(said, grace) <= self.now:
                due = Finding(instance.ref, remedy, Code.UNTAGGED, _NO_TAGS, found=groups)
                # What it says has to be remembered; without grace nobody was told of anything.
                return replace(due, tag_key=key, value=value) if grace else due
            return Finding(instance.ref, Remedy.WAIT, Code.ANNOUNCED, f"{_NO_TAGS}; {said}")
        is_announced = bool(grace or anew or told)
        return Finding(
            instance.ref,
            Remedy.MARK if is_announced else remedy,
            Code.UNTAGGED,
            f"{_NO_TAGS}{not_understood(said, key)}",
            tag_key=key,
            value=value,
            found=groups,
            mark=self.marker.to_write(end, UNTAGGED, grace, told, is_announced=is_announced),
        )

    def announced_anew(self, finding: Finding) -> Finding:
        """Return that an instance that was to be ended, by a mark of its, is announced anew."""
        ending = ENDING_OF_REMEDY[finding.remedy]
        return replace(
            finding,
            remedy=Remedy.MARK,
            reason=f"{_NO_TAGS}; no record that people were told what its tag "
            f"{finding.tag_key} says",
            mark=self.marker.to_write(ending.action, UNTAGGED, self.settings.grace_period),
        )

    def _holds(self, mark: Mark, end: End, instance: Instance, told: Sequence[datetime]) -> bool:
        """Tell whether a mark of this engine still says what is to happen."""
        if mark.action is not end or mark.cause != UNTAGGED:
            return False
        if not self.settings.grace_period:
            if told:  # under a grace period that there was before: they are told anew, or it waits
                return mark.time in told and announced_by(mark, self.now)
            # Written a moment ago, by this run, or by one that broke off before it could go on.
            return mark.announced is None and mark.time <= self.now
        return trusted(
            mark,
            longest=self.settings.grace_period,
            least=self.settings.grace_period,
            schedule=self.settings.schedule,
            created_at=instance.ref.created_at,
            started_at=instance.started_at,
            now=self.now,
        )


def protected_by_spot(finding: Finding) -> Finding:
    """Return that an instance is left alone, because its persistent Spot request replaces it."""
    request = finding.resource.spot_request_id
    what = finding.reason if finding.rule_id else _NO_TAGS
    none_of_that = "none of that follows: " if finding.rule_id else ""
    return replace(
        finding,
        remedy=Remedy.REPORT if finding.rule_id else Remedy.NOTIFY,
        code=Code.PROTECTED,
        reason=(
            f"{what}; {none_of_that}protected, because the persistent Spot request {request} would "
            "launch another"
        ),
        tag_key="",
        value=None,
        mark=None,
    )
