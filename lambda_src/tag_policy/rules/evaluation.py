"""The decisions: what an instance lacks, and what the rules ask for. Pure; no client, no clock."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property

from tag_policy.model.finding import Code, Finding, Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import guarded_spelling
from tag_policy.model.tag_text import is_blank, quoted, trimmed
from tag_policy.rules.actions import KINDS
from tag_policy.rules.exemption import Exemption, read_exemption, unreadable_exemption
from tag_policy.rules.untagged import Untagged
from tag_policy.settings import Settings


@dataclass(frozen=True)
class Evaluator:
    """Judges instances by the rules of a run, for the engine of a name and at the time of the run.

    Called with an instance, it returns its verdict. An instance without any tag, not even one of
    AWS's own (``aws:…``), gets the untagged action instead of the rules, unless that action is
    ``remediate``. The engine's own mark is no such tag. An exempt instance is left alone. ``anew``
    are the instances that are to be announced, whatever their marks say.
    """

    rules: Sequence[Rule]
    settings: Settings
    engine: str
    now: datetime
    anew: Container[str] = frozenset()

    @cached_property
    def untagged(self) -> Untagged:
        """What judges an instance without tags."""
        return Untagged(self.settings, self.engine, self.now, self.anew)

    def __call__(self, instance: Instance) -> Verdict:
        """Return what is to be done about one instance."""
        value = instance.tags.get(self.settings.exempt_tag_key)
        exemption = read_exemption(value, self.now.astimezone(UTC).date())
        if exemption is Exemption.UNREADABLE:
            key = self.settings.exempt_tag_key
            return Verdict((unreadable_exemption(instance.ref, key, value or ""),), exempt=True)
        if exemption.exempts:
            return Verdict(exempt=True)
        action = self.settings.untagged_action_in(instance.ref.vpc_id)
        if action is not UntaggedAction.REMEDIATE and self.untagged.has_no_tags(instance.tags):
            return Verdict(tuple(self.untagged.findings(instance)))
        untidy = _untidy_tags(instance, self.rules, self.now)
        return Verdict((*untidy, *self.untagged.marks_to_remove(instance)))


def _untidy_tags(instance: Instance, rules: Sequence[Rule], now: datetime) -> Iterator[Finding]:
    owner: str | None = None
    for rule in rules:
        kind = KINDS[rule.action]
        present = rule.tag_key in instance.tags
        if present and not is_blank(instance.tags[rule.tag_key]):
            continue
        if not present and not rule.required and kind.only_if_required:
            continue
        if owner is None:
            owner = _owner(instance, rules)
        finding = Finding(
            instance.ref,
            Remedy.TAG,
            Code.EMPTY if present else Code.MISSING,
            reason=_reason(present, rule.required),
            violation=present or rule.required,
            tag_key=rule.tag_key,
            value=kind.fills(rule, now),
            fallback=rule.default if kind.is_creator else "",
            absent_keys=None if present else _only(rule.tag_key),
            owner=owner,
        )
        guarded = guarded_spelling(instance.tags, rule.tag_key)
        yield _refused_by_lock(finding, guarded) if guarded else finding


@cache
def _only(tag_key: str) -> frozenset[str]:
    """Return the set of one key, the same each time: a run may hold it for 100,000 instances."""
    return frozenset({tag_key})


def _refused_by_lock(finding: Finding, guarded: str) -> Finding:
    """Return a finding about a tag that IAM will not let the role write, for the sake of another.

    Known before a call is made, so that none is made in vain.
    """
    what = (
        "holds blanks, which IAM takes for a value and guards: empty it, or write the value"
        if guarded == finding.tag_key
        else f"is there as {quoted(guarded)}, for IAM the same key, which it guards: rename it"
    )
    return replace(
        finding,
        remedy=Remedy.LEAVE,
        code=Code.REFUSED_BY_LOCK,
        reason=f"{finding.reason}; it {what}",
        value=None,
        absent_keys=None,
    )


def _owner(instance: Instance, rules: Iterable[Rule]) -> str:
    """Return who launched an instance as far as its tags tell: a fallback names nobody."""
    lookups = [rule for rule in rules if KINDS[rule.action].is_creator]
    fallbacks = {trimmed(rule.default) for rule in lookups}
    told = (trimmed(instance.tags.get(rule.tag_key, "")) for rule in lookups)
    return next((owner for owner in told if owner and owner not in fallbacks), "")


def _reason(present: bool, required: bool) -> str:
    if present:
        return "tag empty"
    return "required tag missing" if required else "tag missing"
