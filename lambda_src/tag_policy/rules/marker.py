"""What engines have said in the marker's tags of an instance. Pure.

There is one such tag, and those that were it formerly, where marks may still stand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End, Remedy
from tag_policy.rules.mark import Announcing, read_mark, told_for
from tag_policy.settings import Settings


@dataclass(frozen=True, slots=True)
class Marker:
    """Reads what stands in the marker's tags, and says what is to stand there.

    For the engine of a name, and at a time.
    """

    settings: Settings
    engine: str
    now: datetime

    @property
    def key(self) -> str:
        """The key of the tag in which marks are written."""
        return self.settings.marker_tag_key

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all tags in which marks may stand."""
        return (self.key, *self.settings.former_marker_tag_keys)

    def is_all(self, tags: Mapping[str, str]) -> bool:
        """Tell whether an instance has no tag but what engines have written into the marker's."""
        return all(
            key == self.key
            or (key in self.settings.former_marker_tag_keys and read_mark(value) is not None)
            for key, value in tags.items()
        )

    def own_marks_to_remove(
        self, instance: Instance, keys: Sequence[str] = (), why: str = "no longer due"
    ) -> list[Finding]:
        """Return that the marks of this engine are to go; those of some keys, or else all."""
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
            for key in keys or self.keys
            if self._is_own(instance.tags.get(key))
        ]

    def former_marks_to_remove(self, instance: Instance) -> list[Finding]:
        """Return that the marks of this engine in former tags are to go; the other may stay."""
        former = self.settings.former_marker_tag_keys
        if not former:
            return []
        why = f"its mark belongs in the tag {self.key} now"
        return self.own_marks_to_remove(instance, former, why)

    def _is_own(self, value: str | None) -> bool:
        said = None if value is None else read_mark(value)
        return said is not None and said.engine in (self.engine, "")

    def left_to_others(self, instance: Instance, about: str) -> Finding | None:
        """Return why nothing is done about an instance, where that is what its tags say.

        ``about`` is what is wrong with the instance. Another engine's mark counts in a former tag,
        too: it may be the one that is in use there.
        """
        if self.key in instance.tags and read_mark(instance.tags[self.key]) is None:
            reason = (
                f"{about}; nothing is done, because its tag {self.key} holds somebody's own words: "
                "delete that tag, or give the instance the tags it lacks"
            )
            return Finding(instance.ref, Remedy.LEAVE, Code.MARKER_TAKEN, reason, tag_key=self.key)
        for key, said in self._said(instance).items():
            if said.engine not in (self.engine, ""):
                reason = (
                    f"{about}; nothing is done, because the engine {said.engine} has marked it: "
                    "only one engine may end the instances of a VPC"
                )
                return Finding(instance.ref, Remedy.LEAVE, Code.ANOTHER_ENGINE, reason, tag_key=key)
        return None

    def _said(self, instance: Instance) -> dict[str, Mark | Announcing]:
        """Return what engines have said in the tag of the marker, and in those that were it."""
        read = {key: read_mark(instance.tags.get(key, "")) for key in self.keys}
        return {key: said for key, said in read.items() if said is not None}

    def said(self, instance: Instance) -> Mark | Announcing | None:
        """Return what stands in the tag in which marks are written."""
        value = instance.tags.get(self.key)
        return None if value is None else read_mark(value)

    def told(self, instance: Instance) -> list[datetime]:
        """Return the times to come that people may have been told of, as its tags say it."""
        times = [told_for(said, self.engine, self.now) for said in self._said(instance).values()]
        return [time for time in times if time is not None]

    def to_write(
        self,
        end: End,
        cause: str,
        delay: timedelta,
        told: Iterable[datetime] = (),
        *,
        is_announced: bool = True,
        lead: timedelta = timedelta(),
    ) -> Mark:
        """Return the mark to write, for no earlier time than people may have been ``told`` of."""
        time = max([(self.now + delay).replace(microsecond=0), *told])
        announced = time if is_announced else None
        return Mark(self.engine, end, time, cause, announced, lead)


def not_understood(said: Mark | Announcing | None, key: str) -> str:
    """Return why people are told, where a tag says something that does not count; or empty."""
    if isinstance(said, Mark):
        return f"; the mark in its tag {key} does not count"
    if isinstance(said, Announcing):
        return "; it is not known whether people were told before"
    return ""
