"""What one rule says of the tag of a resource, and what is to be done about it. Pure."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from tag_policy.model.finding import ALIAS, CREATOR, DEFAULT, FUNCTION, SPELLING, Code, Finding
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import NEVER, Resource, ResourceType
from tag_policy.model.rule import Action, Rule
from tag_policy.model.tag_keys import guarded_spelling
from tag_policy.model.tag_limits import MAX_TAG_VALUE_LENGTH
from tag_policy.model.tag_text import is_blank, quoted
from tag_policy.model.unknown import Unknown
from tag_policy.rules.actions import KINDS
from tag_policy.rules.aliases import Aliases
from tag_policy.rules.conditions import Context, When
from tag_policy.rules.sources import TagsOfParents, sources_of
from tag_policy.rules.value_spelling import Spelling
from tag_policy.rules.values import Standard, Wrong

_OWN = (CREATOR, DEFAULT, FUNCTION)

_MISSPELT = "not spelt as the rule says"

_MOST_NAMED = 3
"""Sources, or tags, that are named in a finding."""

Asked = Callable[[], Context]
"""Gives what conditions and sources are about; made where it is asked for, as next to none is."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A value, where it comes from, and what is wrong with it; empty where there is none.

    ``passed_over`` says of sources that have a value which is not allowed, ``conflict`` of one that
    has several, of which none is taken.
    """

    value: str | None
    source: str
    wrong: Wrong | None = None
    passed_over: str = ""
    conflict: str = ""

    @property
    def whence(self) -> str:
        """Where it was taken from, for people; empty where it is the rule's own."""
        if self.source.startswith(ALIAS):
            return f"taken from the tag {quoted(self.source.removeprefix(ALIAS))}"
        return "" if self.source in ("", *_OWN) else f"taken from {self.source}"


class Judge:
    """Judges resources by one rule. Made once a run, because it remembers what it has worked out.

    ``now`` is when the run began, in the time zone in which days are counted.
    ``taken`` are the keys that rules and the engine have taken, as IAM compares them.
    ``is_conditional`` says that some rule of its key concerns some resources only, ``is_unlocked``
    that IAM lets values of its key be written over.
    """

    def __init__(
        self,
        rule: Rule,
        now: datetime,
        tags_of_parents: TagsOfParents,
        taken: Collection[str] = (),
        *,
        is_conditional: bool = False,
        is_unlocked: bool = False,
    ) -> None:
        self.rule = rule
        self.kind = KINDS[rule.action]
        self.when = When(rule.when)
        self.is_conditional = is_conditional
        self._now = now
        self._today = now.date()
        self._standard = Standard(rule)
        self._spelling = Spelling(rule, self._standard.is_allowed)
        self._aliases = Aliases(rule, taken)
        self._sources = sources_of(rule)
        self._tags_of_parents = tags_of_parents
        self._is_unlocked = is_unlocked
        self._judges_values = self._standard.says_something or self._spelling.changes_something
        self._takes = bool(rule.aliases or rule.sources)
        self._needs_creation = rule.action is Action.FUNCTION and "launched" in rule.default
        self._absent = frozenset({rule.tag_key})
        # What a value is taken from, or is absent for: it may be otherwise when that is written.
        self._may_change = bool(rule.aliases) or any(one.may_change for one in self._sources)

    @property
    def says_something_of_creators(self) -> bool:
        """Whether a creator that was looked up has to be judged before it is written."""
        return self.kind.is_creator and self._judges_values

    def findings(self, resource: Resource, asked: Asked) -> Sequence[Finding] | None:
        """Return what is not as the rule says, and what is to be done about it.

        None where that depends on a source which is not known yet.
        """
        rule, tags = self.rule, resource.tags
        found = tags.get(rule.tag_key)
        if found is not None and not is_blank(found):
            if not self._judges_values and not rule.aliases:
                return ()
            return self._of_value(resource, found, asked)
        if found is None and not self._takes and not rule.required and self.kind.only_if_required:
            return ()
        code = Code.MISSING if found is None else Code.EMPTY
        return self._of_nothing(resource, code, asked)

    def violates(self, resource: Resource) -> bool:
        """Tell whether a tag is required and not there, or is not as the rule says."""
        found = resource.tags.get(self.rule.tag_key)
        if found is None:
            return self.rule.required
        return is_blank(found) or self._told(found) is not None

    def allowed(self, finding: Finding) -> Finding:
        """Return a finding whose value was looked up, with the rule's default if it is not allowed.

        A default that its rule forbids is no rule: see rules/item.py.
        """
        spelt = self._spelling.of(finding.value or "")
        wrong = self._wrong(spelt)
        if wrong is None or finding.value == finding.fallback:
            return replace(finding, value=spelt)
        return replace(
            finding,
            value=finding.fallback,
            source=DEFAULT,
            reason=f"{finding.reason}; who launched it is not written: {wrong.reason}",
            launch=None,
            detail_tag=None,
        )

    def _finding(self, resource: Resource, code: Code, reason: str, **more: Any) -> Finding:
        """Return a finding, which is reported, and of which nothing is done, unless more is said.

        Made once, with all that it has: a copy with a change takes as long as all of the judging.
        """
        rule = self.rule
        what: dict[str, Any] = {
            "remedy": Remedy.REPORT,
            "violation": code is not Code.MISSING or rule.required,
            "tag_key": rule.tag_key,
        }
        return Finding(
            resource.ref,
            code=code,
            reason=reason,
            rule_id=rule.rule_id,
            note=rule.note,
            **(what | more),
        )

    def _of_value(self, resource: Resource, found: str, asked: Asked) -> Sequence[Finding] | None:
        """Return what is wrong with a value, and which tags of other spellings are in the way."""
        told = self._told(found)
        aliases = self._spellings(resource, asked)
        spelt = self._spelling.of(found)
        others = [one for one in aliases if self._is_another(one[1], spelt)]
        if others:
            what = f"with another value: {_named(others)}"
            reason = _together(told[1] if told else "", f"it is there {what}")
            return [self._conflict(resource, reason, violation=told is not None, found=found)]
        if told is None:
            return [*self._removals(resource, aliases, spelt)]
        code, reason, right = told
        if right is not None:
            how = {"remedy": Remedy.TAG, "value": right, "source": SPELLING, "unlocked": True}
            mended = self._finding(resource, code, reason, found=found, **how)
            return [mended, *self._removals(resource, aliases, spelt)]
        if self.rule.replace_invalid and code is Code.NOT_ALLOWED:
            return self._replaced(resource, reason, found, asked)
        return [self._finding(resource, code, reason, found=found)]

    def _spellings(self, resource: Resource, asked: Asked) -> Sequence[tuple[str, str]]:
        """Return the tags of other spellings of the key, with their values."""
        if not self.rule.aliases:
            return ()
        return self._aliases.of(resource.tags, asked().spellings)

    def _is_another(self, value: str, spelt: str) -> bool:
        """Tell whether the value of another spelling is allowed, and another one."""
        its = self._spelling.of(value)
        return its != spelt and self._wrong(its) is None

    def _told(self, found: str) -> tuple[Code, str, str | None] | None:
        """Return what is wrong with a value, and how it is written rightly where that is known."""
        if not self._judges_values:
            return None
        spelt = self._spelling.of(found)
        wrong = self._wrong(spelt)
        if wrong is None:
            return None if spelt == found else (Code.MISSPELT, _MISSPELT, spelt)
        as_it_is = self._standard.wrong(found, self._today)
        if as_it_is is None:  # right as it stands, and not as the rule would spell it
            return (Code.MISSPELT, wrong.reason, None) if _too_long(spelt) else None
        return as_it_is.code, as_it_is.reason, None

    def _wrong(self, spelt: str) -> Wrong | None:
        return self._standard.wrong(spelt, self._today) or _too_long(spelt)

    def _conflict(self, resource: Resource, reason: str, **more: Any) -> Finding:
        return self._finding(resource, Code.CONFLICT, reason, **more)

    def _removals(
        self,
        resource: Resource,
        aliases: Iterable[tuple[str, str]],
        spelt: str,
        *,
        after_writing: bool = False,
    ) -> Iterable[Finding]:
        """Yield that tags whose value stands in the rule's own by then are to be deleted."""
        for key, value in aliases:
            is_there = self._spelling.of(value) == spelt and self._wrong(spelt) is None
            if self._aliases.is_renamed(key) and is_there:
                reason = f"its value is in {self.rule.tag_key}"
                yield self._finding(
                    resource,
                    Code.ALIAS,
                    reason,
                    remedy=Remedy.REMOVE,
                    violation=False,
                    tag_key=key,
                    value=value,
                    found=value,
                    after_writing=after_writing,
                )

    def _of_nothing(self, resource: Resource, code: Code, asked: Asked) -> Sequence[Finding] | None:
        """Return that a missing or empty tag is to be filled, if there is a right value for it."""
        reason = _reason(code is Code.EMPTY, self.rule.required)
        is_missing = code is Code.MISSING
        aliases = self._spellings(resource, asked)
        values: dict[str, list[tuple[str, str]]] = {}
        not_allowed = []
        for key, value in aliases:
            spelt = self._spelling.of(value)
            if self._wrong(spelt) is None:
                values.setdefault(spelt, []).append((key, value))
            else:
                not_allowed.append(_has((key, value)))
        if len(values) > 1:
            tags = [one for some in values.values() for one in some]
            what = f"with different values: {_named(tags)}"
            violation = self.rule.required or not is_missing
            reason = _together(reason, f"it is there {what}")
            return [self._conflict(resource, reason, violation=violation)]
        for value, ((key, _), *_) in values.items():
            filled = self._filled(resource, code, reason, _Taken(value, f"{ALIAS}{key}"))
            return [filled, *self._removals(resource, aliases, value, after_writing=True)]
        withheld = is_missing and not self.rule.required and self.kind.only_if_required
        taken = self._taken(resource, asked, not_allowed, withheld=withheld)
        if isinstance(taken, Unknown):
            return None
        if taken.conflict:
            violation = self.rule.required or not is_missing
            return [
                self._conflict(resource, _together(reason, taken.conflict), violation=violation)
            ]
        if not taken.source and is_missing and not self.rule.required:
            return ()
        return [self._filled(resource, code, reason, taken)]

    def _taken(
        self,
        resource: Resource,
        asked: Asked,
        not_allowed: Iterable[str] = (),
        *,
        withheld: bool = False,
    ) -> _Taken | Unknown:
        """Return the value that the rule's sources have, or else its own, unless it is withheld.

        ``not_allowed`` says of other tags why they are not taken.
        """
        not_allowed = list(not_allowed)
        for source in self._sources:
            values = source.values(asked(), self._tags_of_parents)
            if isinstance(values, Unknown):
                return values
            right = {}
            for whence, value in values:
                spelt = self._spelling.of(value)
                if self._wrong(spelt) is None:
                    right[spelt] = f"{whence} has {quoted(spelt)}"
                else:
                    not_allowed.append(f"{whence} has {quoted(value)}")
            if len(right) > 1:
                told = _few(sorted(right.values()))
                return _Taken(
                    "", "", conflict=f"it hangs off several with different values: {told}"
                )
            for spelt in right:
                return _Taken(spelt, source.said)
        passed_over = _passed_over(not_allowed)
        rule, kind = self.rule, self.kind
        if withheld or not kind.writes or (rule.sources and not rule.default):
            return _Taken("", "", passed_over=passed_over)
        if self._needs_creation and resource.ref.created_at == NEVER:
            return Unknown.VALUE
        own = kind.fills(rule, self._now, resource.ref.created_at)
        if own is None:
            return _Taken(None, kind.source, passed_over=passed_over)
        own = self._spelling.of(own)
        return _Taken(own, kind.source, self._wrong(own), passed_over)

    def _replaced(
        self, resource: Resource, reason: str, found: str, asked: Asked
    ) -> Sequence[Finding] | None:
        """Return that what is not allowed gives way to what is taken for it, if that is right."""
        taken = self._taken(resource, asked)
        if isinstance(taken, Unknown):
            return None
        reason = _together(reason, taken.passed_over, taken.conflict, taken.whence)
        more: dict[str, Any] = {"found": found}
        if taken.wrong is not None:
            reason = f"{reason}; the rule's own value is not written either: {taken.wrong.reason}"
        elif taken.source:
            more |= {"remedy": Remedy.TAG, "value": taken.value, "source": taken.source}
            more |= {"fallback": self._fallback(taken), "unlocked": True}
        return [self._finding(resource, Code.NOT_ALLOWED, reason, **more)]

    def _fallback(self, taken: _Taken) -> str:
        return self.rule.default if taken.value is None else ""

    def _filled(self, resource: Resource, code: Code, reason: str, taken: _Taken) -> Finding:
        """Return that a missing or empty tag is to be filled, if nothing is in the way."""
        rule, tags = self.rule, resource.tags
        guarded = guarded_spelling(tags, rule.tag_key)
        reason = _together(reason, taken.passed_over, taken.whence)
        if not taken.source:
            there = f"it is there as {quoted(guarded)}" if guarded not in ("", rule.tag_key) else ""
            reason = _together(reason, "" if rule.aliases else there, self._standard.right)
            return self._finding(resource, code, reason)
        if taken.wrong is not None:
            reason = f"{reason}; the rule's own value is not written: {taken.wrong.reason}"
            return self._finding(resource, code, reason)
        if self._is_unlocked and not rule.aliases:
            # No lock takes blanks for a value, or another case for the same.
            others = {k: v for k, v in tags.items() if k != rule.tag_key and not is_blank(v)}
            another = guarded_spelling(others, rule.tag_key)
            if another:
                return self._finding(resource, code, f"{reason}; it is there as {quoted(another)}")
        elif guarded and not rule.aliases:
            return self._refused_by_lock(resource, reason, guarded)
        # What hangs off others is exempt with them, and moves from one to another: it is looked at
        # as a whole, with what it hangs off, right before each call.
        may_change = self._may_change or resource.type is not ResourceType.INSTANCE
        is_absent = code is Code.MISSING and not (self.is_conditional or may_change)
        return self._finding(
            resource,
            code,
            reason,
            remedy=Remedy.TAG,
            value=taken.value,
            source=taken.source,
            fallback=self._fallback(taken),
            absent_keys=self._absent if is_absent else None,
            unlocked=self._is_unlocked or may_change,
        )

    def _refused_by_lock(self, resource: Resource, reason: str, guarded: str) -> Finding:
        """Return a finding about a tag that IAM will not let the role write, for another's sake.

        Known before a call is made, so that none is made in vain.
        """
        what = (
            "holds blanks, which IAM takes for a value and guards: empty it, or write the value"
            if guarded == self.rule.tag_key
            else f"is there as {quoted(guarded)}, which IAM takes for the same key and guards: "
            "rename it"
        )
        return self._finding(
            resource,
            Code.REFUSED_BY_LOCK,
            f"{reason}; it {what}",
            remedy=Remedy.LEAVE,
            violation=self.rule.required or self.rule.tag_key in resource.tags,
        )


def _passed_over(sources: Sequence[str]) -> str:
    return f"not taken, because not allowed: {_few(sources)}" if sources else ""


def _named(tags: Sequence[tuple[str, str]]) -> str:
    return _few([_has(tag) for tag in tags])


def _few(said: Sequence[str]) -> str:
    more = f" and {len(said) - _MOST_NAMED} more" if len(said) > _MOST_NAMED else ""
    return f"{', '.join(said[:_MOST_NAMED])}{more}"


def _has(tag: tuple[str, str]) -> str:
    key, value = tag
    return f"{quoted(key)} has {quoted(value)}"


def _too_long(value: str) -> Wrong | None:
    """Say of a value that it is longer than a tag's may be: some letters are two in upper case."""
    if len(value) <= MAX_TAG_VALUE_LENGTH:
        return None
    return Wrong(Code.NOT_ALLOWED, f"as the rule spells it, it has {len(value)} characters")


@lru_cache(maxsize=1_000)
def _together(*parts: str) -> str:
    """Return what is said of a tag, the same text each time: a run may hold it 100,000 times."""
    return "; ".join(part for part in parts if part)


@cache
def _reason(present: bool, required: bool) -> str:
    if present:
        return "tag empty"
    return "required tag missing" if required else "tag missing"
