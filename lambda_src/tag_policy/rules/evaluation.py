"""The decisions: what a resource lacks, and what the rules ask for. Pure; no client, no clock."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

from tag_policy.model.finding import Code, Finding, Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.model.resource import Resource, ResourceType
from tag_policy.model.rule import Action, Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_text import trimmed
from tag_policy.model.target import Target
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.actions import KINDS
from tag_policy.rules.aliases import Spellings
from tag_policy.rules.conditions import Context
from tag_policy.rules.escalation import Escalation
from tag_policy.rules.exemption import Exemption, read_exemption, unreadable_exemption
from tag_policy.rules.judging import Judge
from tag_policy.rules.mark import read_mark
from tag_policy.rules.sources import TagsOfParents
from tag_policy.rules.untagged import Untagged
from tag_policy.settings import Settings

_ANYWHERE = Target("aws", "", "")

_UNWANTED = "the tag must not be used"


def _nothing_was_read(*_: str) -> Value:
    return Unknown.VALUE


@dataclass(frozen=True)
class Evaluator:
    """Judges resources by the rules of a run, for the engine of a name and at the time of the run.

    Called with a resource, it returns its verdict. An instance without any tag, not even one of
    AWS's own (``aws:…``), gets the untagged action instead of the rules, unless that action is
    ``remediate``. The engine's own mark is no such tag. An exempt resource is left alone, and so is
    what hangs off it. ``anew``
    are the instances that are to be announced, whatever their marks say. ``target`` is where they
    are, for rules that concern some regions or accounts. ``tags_of_parents`` tells which tags
    VPCs, subnets, and what else instances are in or were made of, have. ``taken`` are keys of items
    that are no rules: they are no other spelling of any key.
    """

    rules: Sequence[Rule]
    settings: Settings
    engine: str
    now: datetime
    anew: Container[str] = frozenset()
    target: Target = _ANYWHERE
    tags_of_parents: TagsOfParents = _nothing_was_read
    taken: Collection[str] = ()

    @cached_property
    def untagged(self) -> Untagged:
        """What judges an instance without tags."""
        return Untagged(self.settings, self.engine, self.now, self.anew)

    @cached_property
    def escalation(self) -> Escalation:
        """What says what follows for instances that have tags, and not as rules ask."""
        return Escalation(self.rules, self.untagged.marker, self.anew)

    def announced_anew(self, finding: Finding) -> Finding:
        """Return that an instance that was to be ended, by a mark of its, is announced anew."""
        by = self.escalation if finding.rule_id else self.untagged
        return by.announced_anew(finding)

    @cached_property
    def _now_here(self) -> datetime:
        """Now, in the time zone in which days are counted."""
        return self.now.astimezone(self.settings.time_zone)

    @cached_property
    def today(self) -> date:
        """The day of the run, in the time zone of the settings."""
        return self._now_here.date()

    @cached_property
    def judges(self) -> Mapping[ResourceType, Sequence[Judge]]:
        """What judges each type of resource by the rules, in their order."""
        unlocked = {
            *map(as_iam_compares, self.settings.unlocked_tag_keys),
            *(as_iam_compares(rule.tag_key) for rule in self.rules if rule.is_unlocked),
        }
        keys = {*self._marker_keys, self.settings.exempt_tag_key, *self.taken}
        for rule in self.rules:
            keys |= {rule.tag_key, *rule.aliases}
        taken = frozenset(map(as_iam_compares, keys))
        judges: dict[ResourceType, list[Judge]] = {}
        for of_type in ResourceType:
            rules = _that_apply(rule for rule in self.rules if of_type in rule.resource_types)
            conditional = {rule.tag_key for rule in rules if rule.when}
            judges[of_type] = [
                Judge(
                    rule,
                    self._now_here,
                    self.tags_of_parents,
                    taken,
                    is_conditional=rule.tag_key in conditional,
                    is_unlocked=as_iam_compares(rule.tag_key) in unlocked,
                )
                for rule in rules
            ]
        return judges

    @cached_property
    def _marker_keys(self) -> frozenset[str]:
        settings = self.settings
        return frozenset({settings.marker_tag_key, *settings.former_marker_tag_keys})

    def __call__(self, resource: Resource) -> Verdict:
        """Return what is to be done about one resource."""
        key = self.settings.exempt_tag_key
        value = resource.tags.get(key)
        exemption = read_exemption(value, self.today)
        if exemption is Exemption.UNREADABLE:
            return Verdict((unreadable_exemption(resource.ref, key, value or ""),), exempt=True)
        above = (read_exemption(parent.tags.get(key), self.today) for parent in resource.parents)
        if exemption.exempts or any(one.exempts for one in above):
            return Verdict(exempt=True)
        waiting: list[int] = []
        if not isinstance(resource, Instance):
            return Verdict(tuple(self._untidy_tags(resource, waiting)))
        action = self.settings.untagged_action_in(resource.ref.vpc_id)
        if action is not UntaggedAction.REMEDIATE and self.untagged.has_no_tags(resource.tags):
            return Verdict(tuple(self.untagged.findings(resource)))
        untidy = list(self._untidy_tags(resource, waiting))
        return Verdict(tuple(self.escalation.findings(resource, untidy, waiting)))

    def _untidy_tags(self, resource: Resource, waiting: list[int]) -> Iterator[Finding]:
        """Yield what rules find, each seeing the tags as those before it leave them.

        ``waiting`` is filled with the ids of the rules of which that is not known yet.

        The first rule for a key that concerns the resource is the rule for it. Where it is not
        known yet whether one does, or what it would write, neither is what the later ones for its
        key would say.
        """
        owner: str | None = None
        left: dict[str, Value] = {}  # of the tags that a rule changes: what they will hold
        asked_for: set[str] = set()  # of these, what a rule has asked for
        decided = set[str]()
        left_out: dict[str, set[str]] = {}  # by key: what kept rules of it from concerning this one
        removed = set[str]()
        unwanted: list[tuple[Rule, bool]] = []  # and whether that rests on what is to be written
        is_violated = False
        asked = self._asked(resource, left, asked_for)
        for judge in self.judges[resource.type]:
            rule = judge.rule
            asked_for.clear()
            if judge.is_conditional:
                if rule.tag_key in decided:
                    continue
                asked_for |= left_out.get(rule.tag_key, set())
                concerns = judge.when.holds(asked())
                if concerns is False:
                    left_out[rule.tag_key] = set(asked_for)
                    continue
                decided.add(rule.tag_key)
                if concerns is None:
                    waiting.append(rule.rule_id)
                    left[rule.tag_key] = Unknown.VALUE
                    continue
            if rule.action is Action.REMOVE:
                unwanted.append((rule, bool(asked_for)))
                continue
            found = judge.findings(resource, asked)
            if found is None:
                waiting.append(rule.rule_id)
                is_violated = is_violated or judge.violates(resource)
                left[rule.tag_key] = Unknown.VALUE
                continue
            for finding in found:
                if owner is None:
                    owner = _owner(resource, self.rules)
                told = replace(finding, owner=owner) if owner else finding
                if asked_for and finding.remedy in (Remedy.TAG, Remedy.REPORT):
                    told = replace(told, rests_on=frozenset(asked_for))
                if finding.remedy is Remedy.REMOVE:
                    # What a tag rests on that is to be written has to be seen first.
                    told = replace(told, after_writing=told.after_writing or bool(asked_for))
                    removed.add(finding.tag_key)
                    left[finding.tag_key] = Unknown.VALUE  # in a call of its own, behind all others
                elif finding.remedy is not Remedy.REPORT:
                    left[finding.tag_key] = Unknown.VALUE if told.value is None else told.value
                yield told
        # When it is known what is written, which may take the place of the last tag. No rule asks
        # for a tag that is deleted (see rules/table.py).
        for rule, after_writing in unwanted:
            for finding in self._unwanted(resource, rule, left, removed):
                if finding.remedy is Remedy.REMOVE:
                    removed.add(rule.tag_key)
                after_writing = after_writing or finding.after_writing
                who = _owner(resource, self.rules) if owner is None else owner
                yield replace(finding, owner=who, after_writing=after_writing)
        if waiting:
            yield _waits(resource, waiting, violation=is_violated)

    def _unwanted(
        self,
        resource: Resource,
        rule: Rule,
        left: Mapping[str, Value],
        removed: Collection[str],
    ) -> Sequence[Finding]:
        """Return that a tag which is not to be used is to be deleted; never the last one."""
        value = resource.tags.get(rule.tag_key)
        if value is None:
            return ()
        others = {
            key
            for key, other in resource.tags.items()
            if key not in removed and key != rule.tag_key and self._is_of_people(key, other)
        }
        written = any(isinstance(value, str) for value in left.values())
        finding = Finding(
            resource.ref,
            Remedy.REMOVE if others or written else Remedy.REPORT,
            Code.NOT_ALLOWED,
            _UNWANTED
            if others or written
            else f"{_UNWANTED}; it stays, because it is the last tag",
            tag_key=rule.tag_key,
            value=value if others or written else None,
            rule_id=rule.rule_id,
            found=value,
            note=rule.note,
            after_writing=not others,
        )
        return (finding,)

    def _is_of_people(self, key: str, value: str) -> bool:
        """Tell whether a tag is somebody's: no mark of any engine's, and none of AWS's.

        Without a tag of people's, an instance has no tags for this engine or another, or has none
        as soon as it leaves its group.
        """
        return (
            key not in self._marker_keys and not key.startswith("aws:") and read_mark(value) is None
        )

    def _asked(
        self, resource: Resource, left: Mapping[str, Value], asked_for: set[str]
    ) -> Callable[[], Context]:
        """Return what gives the rules what they may ask for; made once, where one does."""

        def tag(key: str) -> Value:
            if key not in left:
                return resource.tags.get(key)
            asked_for.add(key)
            return left[key]

        made: list[Context] = []

        def asked() -> Context:
            if not made:
                facts = self.settings.facts
                spellings = Spellings(resource.tags)
                made.append(Context(resource, tag, self.target, self.now, facts, spellings))
            return made[0]

        return asked

    def allowed(self, finding: Finding) -> Finding:
        """Return a finding whose value was looked up, as its rule wants it."""
        judge = self._of_creators.get(finding.rule_id)
        if judge is None or not finding.value or finding.remedy is not Remedy.TAG:
            return finding
        return judge.allowed(finding)

    @cached_property
    def _of_creators(self) -> Mapping[int, Judge]:
        """What judges values that are looked up, by RuleId."""
        judges = (
            judge
            for of_type in self.judges.values()
            for judge in of_type
            if judge.says_something_of_creators
        )
        return {judge.rule.rule_id: judge for judge in judges}


def _that_apply(rules: Iterable[Rule]) -> list[Rule]:
    """Return those of the rules for a type that no earlier one for the same key settles."""
    settled = set[str]()
    applying: list[Rule] = []
    for rule in rules:
        if rule.tag_key not in settled:
            applying.append(rule)
        if not rule.when:
            settled.add(rule.tag_key)
    return applying


def _waits(resource: Resource, rule_ids: Sequence[int], *, violation: bool) -> Finding:
    which = "rule {} waits: it depends" if len(rule_ids) == 1 else "rules {} wait: they depend"
    return Finding(
        resource.ref,
        Remedy.WAIT,
        Code.NOT_KNOWN_YET,
        f"{which.format(', '.join(map(str, rule_ids)))} on a tag that is not written yet, or on a "
        "source that could not be read; the next run looks again",
        violation=violation,
    )


def _owner(resource: Resource, rules: Iterable[Rule]) -> str:
    """Return who made a resource as far as its tags tell: a fallback names nobody."""
    lookups = [rule for rule in rules if KINDS[rule.action].is_creator]
    fallbacks = {trimmed(rule.default) for rule in lookups}
    told = (trimmed(resource.tags.get(rule.tag_key, "")) for rule in lookups)
    return next((owner for owner in told if owner and owner not in fallbacks), "")
