"""The decisions: what an instance lacks, and what the rules ask for. Pure; no client, no clock."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tag_policy.model import (
    Action,
    Finding,
    Instance,
    Remedy,
    Rule,
    UntaggedAction,
)
from tag_policy.model.tag_text import is_blank, trimmed
from tag_policy.rules import functions as values
from tag_policy.rules.exemption import read_exemption
from tag_policy.rules.mark import Mark, read_mark
from tag_policy.settings import Settings

_NO_TAGS = "no tags at all"

_ENDING = {
    UntaggedAction.TERMINATE: Remedy.TERMINATE,
    UntaggedAction.STOP: Remedy.STOP,
}


def evaluate(
    instance: Instance, rules: Sequence[Rule], settings: Settings, now: datetime
) -> list[Finding]:
    """Return what is to be done about one instance; an empty list when nothing is.

    An instance without any tag, not even one of AWS's own (``aws:…``), gets the untagged action
    instead of the rules, unless that action is ``remediate``. The engine's own mark is no such tag.
    An exempt instance is left alone.
    """
    if is_exempt(instance, settings, now):
        return []
    tags = instance.tags.keys() - {settings.marker_tag_key}
    untagged = not tags and settings.untagged_action is not UntaggedAction.REMEDIATE
    found = [_untagged(instance, settings, now)] if untagged else []
    if not untagged:
        found += _untidy_tags(instance, rules, now)
    may_be_ended = (
        untagged and settings.untagged_action in _ENDING and not _is_protected(instance, settings)
    )
    if settings.marker_tag_key in instance.tags and not may_be_ended:
        found.append(_unmark(instance, settings))
    return found


def is_exempt(instance: Instance, settings: Settings, now: datetime) -> bool:
    """Tell whether an instance carries an exemption tag that has not expired; see exemption.py."""
    value = instance.tags.get(settings.exempt_tag_key)
    return read_exemption(value, now.astimezone(UTC).date()).exempts


def _untagged(instance: Instance, settings: Settings, now: datetime) -> Finding:
    if now - instance.ref.created_at < settings.minimum_age:
        # Its tags may still be on their way: tools tag after launch.
        reason = f"{_NO_TAGS}; younger than the minimum age"
        return Finding(instance.ref, Remedy.WAIT, reason, violation=False)
    remedy = _ENDING.get(settings.untagged_action)
    if remedy is None:
        return Finding(instance.ref, Remedy.NOTIFY, _NO_TAGS)
    if remedy is Remedy.STOP and instance.state in ("stopping", "stopped"):
        # Stopping it again would report the same stop every hour.
        reason = f"{_NO_TAGS}; {instance.state} already"
        return Finding(instance.ref, Remedy.NOTIFY, reason)
    if _is_protected(instance, settings):
        service, what = next(iter(instance.ref.managers.items()))
        reason = f"{_NO_TAGS}; protected, because {service}:{what} manages it"
        return Finding(instance.ref, Remedy.NOTIFY, reason)
    return _due(instance, remedy, settings, now)


def _is_protected(instance: Instance, settings: Settings) -> bool:
    return settings.protect_managed and bool(instance.ref.managers)


def _due(instance: Instance, remedy: Remedy, settings: Settings, now: datetime) -> Finding:
    """Return what is next for an instance that is to be stopped or terminated."""
    value = instance.tags.get(settings.marker_tag_key)
    mark = None if value is None else read_mark(value)
    if mark is not None and mark.time < instance.started_at.replace(microsecond=0):
        mark = None  # it was stopped, and somebody has started it since
    if mark is not None and mark.action is settings.untagged_action:
        if mark.time <= now:
            return Finding(instance.ref, remedy, _NO_TAGS)
        return Finding(instance.ref, Remedy.WAIT, f"{_NO_TAGS}; {mark}")
    reason = _NO_TAGS
    if value is not None:
        reason += f"; what its tag {settings.marker_tag_key} says does not hold, and is set anew"
    new = Mark(settings.untagged_action, now + settings.grace_period, _NO_TAGS)
    return Finding(
        instance.ref,
        Remedy.MARK if settings.grace_period else remedy,
        reason,
        tag_key=settings.marker_tag_key,
        value=str(new),
    )


def _unmark(instance: Instance, settings: Settings) -> Finding:
    return Finding(
        instance.ref,
        Remedy.UNMARK,
        "no longer due",
        violation=False,
        tag_key=settings.marker_tag_key,
    )


def _untidy_tags(instance: Instance, rules: Sequence[Rule], now: datetime) -> Iterable[Finding]:
    owner: str | None = None
    for rule in rules:
        present = rule.tag_key in instance.tags
        if present and not is_blank(instance.tags[rule.tag_key]):
            continue
        if not present and not rule.required and rule.action is Action.UPDATE:
            continue
        if owner is None:
            owner = _owner(instance, rules)
        yield Finding(
            instance.ref,
            Remedy.TAG,
            reason=_reason(present, rule.required),
            violation=present or rule.required,
            tag_key=rule.tag_key,
            value=_value(rule, now),
            fallback=rule.default if rule.action is Action.USER_LOOKUP else "",
            owner=owner,
        )


def _owner(instance: Instance, rules: Iterable[Rule]) -> str:
    """Return who launched an instance as far as its tags tell: a fallback names nobody."""
    told = (
        trimmed(instance.tags.get(rule.tag_key, ""))
        for rule in rules
        if rule.action is Action.USER_LOOKUP
    )
    fallbacks = {trimmed(rule.default) for rule in rules if rule.action is Action.USER_LOOKUP}
    return next((owner for owner in told if owner and owner not in fallbacks), "")


def _reason(present: bool, required: bool) -> str:
    if present:
        return "tag empty"
    return "required tag missing" if required else "tag missing"


def _value(rule: Rule, now: datetime) -> str | None:
    match rule.action:
        case Action.UPDATE:
            return rule.default
        case Action.FUNCTION:
            return values.parse(rule.default)(now)
        case Action.USER_LOOKUP:
            return None
