"""The decisions: what an instance lacks, and what the rules ask for. Pure; no client, no clock."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache, cached_property, lru_cache

from tag_policy.model.finding import Code, Finding, Verdict
from tag_policy.model.instance import Instance, InstanceRef
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import as_iam_compares, guarded_spelling
from tag_policy.model.tag_limits import MAX_TAG_VALUE_LENGTH
from tag_policy.model.tag_text import is_blank, quoted, trimmed
from tag_policy.model.target import Target
from tag_policy.rules.actions import KINDS, Kind
from tag_policy.rules.conditions import Context, Unknown, Value, When
from tag_policy.rules.exemption import Exemption, read_exemption, unreadable_exemption
from tag_policy.rules.spelling import Spelling
from tag_policy.rules.untagged import Untagged
from tag_policy.rules.values import Standard, Wrong
from tag_policy.settings import Settings

_MISSPELT = "not spelt as the rule says"

_ANYWHERE = Target("aws", "", "")


@dataclass(frozen=True, slots=True)
class _Judging:
    """A rule, and what it takes to judge by it.

    ``rests_on_absence`` is False where some rule of its key concerns some instances only: then more
    than the absence of the tag has to be looked at again before it is filled. ``is_unlocked`` says
    that IAM lets values of its key be written over, because some rule of it may do so.
    """

    rule: Rule
    kind: Kind
    standard: Standard
    spelling: Spelling
    when: When
    rests_on_absence: bool
    is_unlocked: bool


@dataclass(frozen=True)
class Evaluator:
    """Judges instances by the rules of a run, for the engine of a name and at the time of the run.

    Called with an instance, it returns its verdict. An instance without any tag, not even one of
    AWS's own (``aws:…``), gets the untagged action instead of the rules, unless that action is
    ``remediate``. The engine's own mark is no such tag. An exempt instance is left alone. ``anew``
    are the instances that are to be announced, whatever their marks say. ``target`` is where they
    are, for rules that concern some regions or accounts.
    """

    rules: Sequence[Rule]
    settings: Settings
    engine: str
    now: datetime
    anew: Container[str] = frozenset()
    target: Target = _ANYWHERE

    @cached_property
    def untagged(self) -> Untagged:
        """What judges an instance without tags."""
        return Untagged(self.settings, self.engine, self.now, self.anew)

    @cached_property
    def today(self) -> date:
        """The day of the run, in UTC."""
        return self.now.astimezone(UTC).date()

    @cached_property
    def judging(self) -> Sequence["_Judging"]:
        """The rules, with what each says of values and of instances."""
        conditional = {rule.tag_key for rule in self.rules if rule.when}
        unlocked = {
            *map(as_iam_compares, self.settings.unlocked_tag_keys),
            *(as_iam_compares(rule.tag_key) for rule in self.rules if rule.changes_values),
        }

        def judging(rule: Rule) -> _Judging:
            standard = Standard(rule)
            return _Judging(
                rule,
                KINDS[rule.action],
                standard,
                Spelling(rule, standard.is_allowed),
                When(rule.when),
                rests_on_absence=rule.tag_key not in conditional,
                is_unlocked=as_iam_compares(rule.tag_key) in unlocked,
            )

        return list(map(judging, self.rules))

    def __call__(self, instance: Instance) -> Verdict:
        """Return what is to be done about one instance."""
        value = instance.tags.get(self.settings.exempt_tag_key)
        exemption = read_exemption(value, self.today)
        if exemption is Exemption.UNREADABLE:
            key = self.settings.exempt_tag_key
            return Verdict((unreadable_exemption(instance.ref, key, value or ""),), exempt=True)
        if exemption.exempts:
            return Verdict(exempt=True)
        action = self.settings.untagged_action_in(instance.ref.vpc_id)
        if action is not UntaggedAction.REMEDIATE and self.untagged.has_no_tags(instance.tags):
            return Verdict(tuple(self.untagged.findings(instance)))
        untidy = self._untidy_tags(instance)
        return Verdict((*untidy, *self.untagged.marks_to_remove(instance)))

    def _untidy_tags(self, instance: Instance) -> Iterator[Finding]:
        """Yield what rules find, each seeing the tags as those before it leave them.

        The first rule for a key that concerns the instance is the rule for it. Where it is not
        known yet whether one does, neither is what the later ones for its key would say.
        """
        owner: str | None = None
        left: dict[str, Value] = {}  # of the tags that a rule changes: what they will hold
        asked_for: set[str] = set()  # of these, what the conditions of a rule have asked for
        decided = set[str]()
        waiting: list[str] = []
        asked: Context | None = None
        for judging in self.judging:
            rule = judging.rule
            asked_for.clear()
            if not judging.rests_on_absence:
                if rule.tag_key in decided:
                    continue
                if asked is None:
                    asked = self._asked(instance, left, asked_for)
                concerns = judging.when.holds(asked)
                if concerns is False:
                    continue
                decided.add(rule.tag_key)
                if concerns is None:
                    waiting.append(str(rule.rule_id))
                    left[rule.tag_key] = Unknown.VALUE
                    continue
            finding = self._finding(instance, judging)
            if finding is None:
                continue
            if owner is None:
                owner = _owner(instance, self.rules)
            finding = replace(finding, owner=owner)
            if asked_for and finding.remedy is Remedy.TAG:
                finding = replace(finding, rests_on=frozenset(asked_for))
            if finding.remedy is not Remedy.REPORT:
                left[rule.tag_key] = Unknown.VALUE if finding.value is None else finding.value
            yield finding
        if waiting:
            yield _waits(instance, waiting)

    def _finding(self, instance: Instance, judging: "_Judging") -> Finding | None:
        """Return what is not as a rule says, and what is to be done about it; None where all is."""
        rule = judging.rule
        found = instance.tags.get(rule.tag_key)
        is_empty = found is None or is_blank(found)
        spelt = None
        if not is_empty:
            told = self._wrong(found or "", judging)
            if told is None:
                return None
            code, reason, spelt = told
        elif found is None and not rule.required and judging.kind.only_if_required:
            return None
        else:
            code = Code.MISSING if found is None else Code.EMPTY
            reason = _reason(found is not None, rule.required)
        finding = Finding(
            instance.ref,
            Remedy.REPORT,
            code,
            reason,
            violation=found is not None or rule.required,
            tag_key=rule.tag_key,
            rule_id=rule.rule_id,
            found="" if is_empty else found or "",
            note=rule.note,
        )
        if is_empty:
            return self._filled(finding, judging, instance.tags)
        if spelt is not None:
            return replace(finding, remedy=Remedy.TAG, value=spelt, unlocked=True)
        if rule.replace_invalid and code is Code.NOT_ALLOWED:
            return self._replaced(finding, judging)
        return finding

    def _wrong(self, found: str, judging: "_Judging") -> tuple[Code, str, str | None] | None:
        """Return what is wrong with a value, and how it is written rightly where that is known."""
        standard, spelling = judging.standard, judging.spelling
        if not standard.says_something and not spelling.changes_something:
            return None
        spelt = spelling.of(found)
        wrong = standard.wrong(spelt, self.today) or _too_long(spelt)
        if wrong is None:
            return None if spelt == found else (Code.MISSPELT, _MISSPELT, spelt)
        as_it_is = standard.wrong(found, self.today)
        if as_it_is is None:  # right as it stands, and not as the rule would spell it
            return (Code.MISSPELT, wrong.reason, None) if _too_long(spelt) else None
        return as_it_is.code, as_it_is.reason, None

    def _replaced(self, finding: Finding, judging: "_Judging") -> Finding:
        """Return that what is not allowed gives way to the rule's own value, if that is right."""
        value, wrong = self._own_value(finding.instance, judging)
        if wrong is not None:
            why = f"{finding.reason}; nor is the rule's own value written: {wrong.reason}"
            return replace(finding, reason=why)
        fallback = judging.rule.default if judging.kind.is_creator else ""
        return replace(finding, remedy=Remedy.TAG, value=value, fallback=fallback, unlocked=True)

    def _own_value(
        self, instance: InstanceRef, judging: "_Judging"
    ) -> tuple[str | None, Wrong | None]:
        """Return what a rule writes, and what is wrong with that; None where it is looked up."""
        value = judging.kind.fills(judging.rule, self.now, instance.created_at)
        if value is None:
            return None, None
        value = judging.spelling.of(value)
        return value, judging.standard.wrong(value, self.today) or _too_long(value)

    def _asked(self, instance: Instance, left: Mapping[str, Value], asked_for: set[str]) -> Context:
        def tag(key: str) -> Value:
            if key not in left:
                return instance.tags.get(key)
            asked_for.add(key)
            return left[key]

        return Context(instance, tag, self.target, self.now)

    def _filled(self, finding: Finding, judging: "_Judging", tags: Mapping[str, str]) -> Finding:
        """Return that a missing or empty tag is to be filled, if its rule has a right value."""
        rule, kind = judging.rule, judging.kind
        guarded = guarded_spelling(tags, rule.tag_key)
        if not kind.writes:
            there = f"it is there as {quoted(guarded)}" if guarded not in ("", rule.tag_key) else ""
            reason = _together(finding.reason, there, judging.standard.right)
            return replace(finding, reason=reason)
        value, wrong = self._own_value(finding.instance, judging)
        if wrong is not None:
            why = f"{finding.reason}; the rule's own value is not written: {wrong.reason}"
            return replace(finding, reason=why)
        is_absent = finding.code is Code.MISSING and judging.rests_on_absence
        filled = replace(
            finding,
            remedy=Remedy.TAG,
            value=value,
            fallback=rule.default if kind.is_creator else "",
            absent_keys=_only(rule.tag_key) if is_absent else None,
            unlocked=judging.is_unlocked,
        )
        if judging.is_unlocked:  # no lock takes blanks for a value, or another case for the same
            others = {k: v for k, v in tags.items() if k != rule.tag_key and not is_blank(v)}
            another = guarded_spelling(others, rule.tag_key)
            if not another:
                return filled
            return replace(finding, reason=f"{finding.reason}; it is there as {quoted(another)}")
        return _refused_by_lock(filled, guarded) if guarded else filled

    def allowed(self, finding: Finding) -> Finding:
        """Return a finding whose value was looked up, with the rule's default if it is not allowed.

        A default that its rule forbids is no rule: see rules/table.py.
        """
        judging = self._looked_up.get(finding.rule_id)
        if judging is None or not finding.value or finding.remedy is not Remedy.TAG:
            return finding
        spelt = judging.spelling.of(finding.value)
        wrong = judging.standard.wrong(spelt, self.today) or _too_long(spelt)
        if wrong is None or finding.value == finding.fallback:
            return replace(finding, value=spelt)
        return replace(
            finding,
            value=finding.fallback,
            reason=f"{finding.reason}; who launched it is not written: {wrong.reason}",
            launch=None,
            detail_tag=None,
        )

    @cached_property
    def _looked_up(self) -> Mapping[int, "_Judging"]:
        """The rules whose values are looked up, by RuleId, where they say something of values."""
        return {
            judging.rule.rule_id: judging
            for judging in self.judging
            if judging.kind.is_creator
            and (judging.standard.says_something or judging.spelling.changes_something)
        }


def _too_long(value: str) -> Wrong | None:
    """Say of a value that it is longer than a tag's may be: some letters are two in upper case."""
    if len(value) <= MAX_TAG_VALUE_LENGTH:
        return None
    return Wrong(Code.NOT_ALLOWED, f"as the rule spells it, it has {len(value)} characters")


def _waits(instance: Instance, rule_ids: Sequence[str]) -> Finding:
    which = "rule" if len(rule_ids) == 1 else "rules"
    return Finding(
        instance.ref,
        Remedy.WAIT,
        Code.NOT_KNOWN_YET,
        f"{which} {', '.join(rule_ids)} may concern it, which depends on a tag that is not written "
        "yet; the next run looks again",
        violation=False,
    )


@lru_cache(maxsize=1_000)
def _together(*parts: str) -> str:
    """Return what is said of a tag, the same text each time: a run may hold it 100,000 times."""
    return "; ".join(part for part in parts if part)


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
