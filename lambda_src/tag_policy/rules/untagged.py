"""What follows for an instance that has no tags at all. Pure.

The questions are asked in this order, and the first that applies is the answer: it is too young to
be judged; nothing but a report is wanted; it is stopped already; a service manages it; its marker
tag is not ours; its mark does not count, so that people have to be told; its time has not come; it
is due.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tag_policy.model.ending import ENDING_OF_ACTION, ENDING_OF_REMEDY
from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.rules.mark import (
    UNTAGGED,
    Announcing,
    announced_by,
    due_at,
    read_mark,
    told_for,
    trusted,
)
from tag_policy.settings import Settings

_NO_TAGS = "no tags at all"


@dataclass(frozen=True, slots=True)
class Untagged:
    """Judges instances without tags, for the engine of a name and at a time.

    ``anew`` are the instances that are to be announced, whatever their tags or the settings say.
    """

    settings: Settings
    engine: str
    now: datetime
    anew: Container[str] = frozenset()

    def has_no_tags(self, tags: Mapping[str, str]) -> bool:
        """Tell whether an instance has no tag, not even one of AWS's own (``aws:…``).

        What engines have written into the marker's tag, or into one that was it formerly, is no
        tag of anybody's.
        """
        return all(
            key == self.settings.marker_tag_key
            or (key in self.settings.former_marker_tag_keys and read_mark(value) is not None)
            for key, value in tags.items()
        )

    def findings(self, instance: Instance) -> list[Finding]:
        """Return what is to be done about an instance without tags."""
        judged = self._judge(instance)
        may_be_ended = self._action(instance) in ENDING_OF_ACTION and not self._is_protected(
            instance
        )
        if may_be_ended:
            moved = f"its mark belongs into the tag {self.settings.marker_tag_key} now"
            former = self.settings.former_marker_tag_keys
            return [judged, *self._marks_to_remove(instance, former, moved)]
        return [judged, *self._marks_to_remove(instance, self._marker_keys)]

    def marks_to_remove(self, instance: Instance) -> list[Finding]:
        """Return the marks of this engine, which announce what will not happen any more."""
        return self._marks_to_remove(instance, self._marker_keys)

    @property
    def _marker_keys(self) -> tuple[str, ...]:
        return (self.settings.marker_tag_key, *self.settings.former_marker_tag_keys)

    def _marks_to_remove(
        self, instance: Instance, keys: Sequence[str], why: str = "no longer due"
    ) -> list[Finding]:
        return [
            Finding(
                instance.ref,
                Remedy.UNMARK,
                Code.NO_LONGER_DUE,
                why,
                violation=False,
                tag_key=key,
                value=instance.tags[key],
            )
            for key in keys
            if self._is_own_mark(instance.tags.get(key))
        ]

    def _is_own_mark(self, value: str | None) -> bool:
        mark = None if value is None else read_mark(value)
        return mark is not None and mark.engine in (self.engine, "")

    def _judge(self, instance: Instance) -> Finding:
        settings = self.settings
        if self.now - instance.ref.created_at < settings.minimum_age:
            # Its tags may still be on their way: tools tag after launch.
            reason = f"{_NO_TAGS}; younger than the minimum age"
            return Finding(instance.ref, Remedy.WAIT, Code.TOO_YOUNG, reason, violation=False)
        ending = ENDING_OF_ACTION.get(self._action(instance))
        if ending is None:
            return Finding(instance.ref, Remedy.NOTIFY, Code.UNTAGGED, _NO_TAGS)
        if ending.remedy is Remedy.STOP and instance.state in ending.states:
            # Stopping it again would report the same stop every hour.
            reason = f"{_NO_TAGS}; {instance.state} already"
            return Finding(instance.ref, Remedy.NOTIFY, Code.STOPPED_ALREADY, reason)
        if self._is_protected(instance):
            service, what = next(iter(instance.ref.managers.items()))
            reason = f"{_NO_TAGS}; protected, because {service}:{what} manages it"
            return Finding(instance.ref, Remedy.NOTIFY, Code.PROTECTED, reason)
        return self._due(instance, ending.action, ending.remedy)

    def _action(self, instance: Instance) -> UntaggedAction:
        return self.settings.untagged_action_in(instance.ref.vpc_id)

    def _is_protected(self, instance: Instance) -> bool:
        return self.settings.protect_managed and bool(instance.ref.managers)

    def _due(self, instance: Instance, action: UntaggedAction, remedy: Remedy) -> Finding:
        """Return what is next for an instance that is to be stopped or terminated."""
        left = self._left_to_others(instance)
        if left is not None:
            return left
        key, grace = self.settings.marker_tag_key, self.settings.grace_period
        value = instance.tags.get(key)
        mark = None if value is None else read_mark(value)
        told = self._told(instance)
        anew = instance.ref.instance_id in self.anew
        if isinstance(mark, Mark) and not anew and self._holds(mark, action, instance, told):
            if due_at(mark, grace) <= self.now:
                due = Finding(instance.ref, remedy, Code.UNTAGGED, _NO_TAGS)
                # What it says has to be remembered; without grace nobody was told of anything.
                return replace(due, tag_key=key, value=value) if grace else due
            return Finding(instance.ref, Remedy.WAIT, Code.ANNOUNCED, f"{_NO_TAGS}; {mark}")
        reason = _NO_TAGS
        if isinstance(mark, Mark):
            reason += f"; what its tag {key} says does not hold any more"
        elif isinstance(mark, Announcing):
            reason += "; it is not known whether people were told before"
        is_announced = bool(grace or anew or told)
        return Finding(
            instance.ref,
            Remedy.MARK if is_announced else remedy,
            Code.UNTAGGED,
            reason,
            tag_key=key,
            value=value,
            mark=self._mark(action, told, is_announced=is_announced),
        )

    def _left_to_others(self, instance: Instance) -> Finding | None:
        """Return why nothing is done about an instance, where that is what its marker's tags say.

        Another engine's mark counts in a former tag, too: it may be the one that is in use there.
        """
        key = self.settings.marker_tag_key
        if key in instance.tags and read_mark(instance.tags[key]) is None:
            reason = (
                f"{_NO_TAGS}; its tag {key} holds somebody's own words, so that nothing is done "
                "about it: delete that tag, or give the instance the tags that it lacks"
            )
            return Finding(instance.ref, Remedy.LEAVE, Code.MARKER_TAKEN, reason, tag_key=key)
        for key, said in self._said(instance).items():
            if said.engine not in (self.engine, ""):
                reason = (
                    f"{_NO_TAGS}; the engine {said.engine} has marked it, and nothing is done "
                    "about it: one engine at most may end the instances of a VPC"
                )
                return Finding(instance.ref, Remedy.LEAVE, Code.ANOTHER_ENGINE, reason, tag_key=key)
        return None

    def _said(self, instance: Instance) -> dict[str, Mark | Announcing]:
        """Return what engines have said in the tag of the marker, and in those that were it."""
        read = {key: read_mark(instance.tags.get(key, "")) for key in self._marker_keys}
        return {key: said for key, said in read.items() if said is not None}

    def _told(self, instance: Instance) -> list[datetime]:
        """Return the times to come that people may have been told of, as its tags say it."""
        times = [told_for(said, self.engine, self.now) for said in self._said(instance).values()]
        return [time for time in times if time is not None]

    def announced_anew(self, finding: Finding) -> Finding:
        """Return that an instance that was to be ended, by a mark of its, is announced anew."""
        ending = ENDING_OF_REMEDY[finding.remedy]
        return replace(
            finding,
            remedy=Remedy.MARK,
            reason=f"{_NO_TAGS}; nobody remembers that people were told what its tag "
            f"{finding.tag_key} says",
            mark=self._mark(ending.action, is_announced=True),
        )

    def _mark(
        self, action: UntaggedAction, told: Iterable[datetime] = (), *, is_announced: bool
    ) -> Mark:
        """Return the mark to write, for no earlier time than people may have been ``told`` of."""
        time = max([(self.now + self.settings.grace_period).replace(microsecond=0), *told])
        return Mark(self.engine, action, time, UNTAGGED, announced=time if is_announced else None)

    def _holds(
        self, mark: Mark, action: UntaggedAction, instance: Instance, told: Sequence[datetime]
    ) -> bool:
        """Tell whether a mark of this engine still says what is to happen."""
        if mark.action is not action:
            return False
        if not self.settings.grace_period:
            if told:  # under a grace period that there was before: they are told anew, or it waits
                return mark.time in told and announced_by(mark, self.now)
            # Written a moment ago, by this run, or by one that broke off before it could go on.
            return mark.announced is None and mark.time <= self.now
        return trusted(
            mark,
            grace=self.settings.grace_period,
            schedule=self.settings.schedule,
            created_at=instance.ref.created_at,
            started_at=instance.started_at,
            now=self.now,
        )


def protected_by_spot(finding: Finding) -> Finding:
    """Return that an instance is left alone, because its persistent Spot request replaces it."""
    request = finding.instance.spot_request_id
    return replace(
        finding,
        remedy=Remedy.NOTIFY,
        code=Code.PROTECTED,
        reason=(
            f"{_NO_TAGS}; protected, because the persistent Spot request {request} would launch "
            "another"
        ),
        tag_key="",
        value=None,
        mark=None,
    )
