"""The decisions: what an instance lacks, and what the rules ask for. Pure; no client, no clock."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from tag_policy import values
from tag_policy.model import (
    Action,
    Finding,
    Instance,
    Remedy,
    Rule,
    UntaggedAction,
)
from tag_policy.settings import Settings

_NO_TAGS = "no tags at all"


def evaluate(
    instance: Instance, rules: Sequence[Rule], settings: Settings, now: datetime
) -> list[Finding]:
    """Return what is to be done about one instance; an empty list when nothing is.

    An instance without any tag, not even one of AWS's own (``aws:…``), gets the untagged action
    instead of the rules, unless that action is ``remediate``.
    """
    if not instance.tags and settings.untagged_action is not UntaggedAction.REMEDIATE:
        return [_untagged(instance, settings.untagged_action)]
    return list(_untidy_tags(instance, rules, now))


def _untagged(instance: Instance, action: UntaggedAction) -> Finding:
    match action:
        case UntaggedAction.TERMINATE:
            return Finding(instance.ref, Remedy.TERMINATE, _NO_TAGS)
        case UntaggedAction.STOP if instance.state not in ("stopping", "stopped"):
            return Finding(instance.ref, Remedy.STOP, _NO_TAGS)
        case UntaggedAction.STOP:
            # Stopping it again would report the same stop every hour.
            reason = f"{_NO_TAGS}; {instance.state} already"
            return Finding(instance.ref, Remedy.NOTIFY, reason)
        case _:
            return Finding(instance.ref, Remedy.NOTIFY, _NO_TAGS)


def _untidy_tags(instance: Instance, rules: Iterable[Rule], now: datetime) -> Iterable[Finding]:
    for rule in rules:
        present = rule.tag_key in instance.tags
        if present and instance.tags[rule.tag_key].strip():
            continue
        if not present and not rule.required and rule.action is Action.UPDATE:
            continue
        yield Finding(
            instance.ref,
            Remedy.TAG,
            reason=_reason(present, rule.required),
            violation=present or rule.required,
            tag_key=rule.tag_key,
            value=_value(rule, now),
            fallback=rule.default if rule.action is Action.USER_LOOKUP else "",
        )


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
