"""One item of the rules table: the rule that it states, or what is wrong with it. Pure.

What is right between several items is in rules/table.py.
"""

import itertools
import re
from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from tag_policy.model.error import TagPolicyError
from tag_policy.model.ladder import LEAST, LONGEST, Ladder, Step
from tag_policy.model.remedy import End, MaxEscalation
from tag_policy.model.resource import ResourceType
from tag_policy.model.rule import GIVEN_FACT, TAG_FACT, Action, Conditions, Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_limits import MAX_TAG_KEY_LENGTH, MAX_TAG_VALUE_LENGTH
from tag_policy.model.tag_text import is_blank, quoted, trimmed
from tag_policy.rules import functions
from tag_policy.rules.actions import KINDS
from tag_policy.rules.conditions import ConditionError, When, types_that_know
from tag_policy.rules.dates import read_date, read_length
from tag_policy.rules.functions import ValueCallError
from tag_policy.rules.pattern import PatternError, compile_pattern
from tag_policy.rules.sources import SourceError, sources_of
from tag_policy.rules.value_spelling import EXCLUDING, NORMALIZERS, Spelling
from tag_policy.rules.values import Standard

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

_ATTRIBUTES = (
    *("RuleId", "TagKey", "Action", "Required", "Default"),
    *("ResourceTypes", "When", "Aliases", "Rename", "Normalize", "Synonyms", "AllowedValues"),
    *("AllowedPattern", "ReplaceInvalid", "From", "Expires", "MaxLifetime", "Escalate", "Note"),
)

MAX_SOURCES = 20
"""Sources of a rule."""

MAX_ALIASES = 50
"""Other spellings of a rule's key."""

MAX_PATTERNS = 100
"""Patterns of all conditions of a rule."""

MAX_ALLOWED_VALUES = 500
"""Allowed values of a rule; more are a pattern."""

MAX_NOTE_LENGTH = 200
"""Characters of a note, which stands next to each finding."""

_NAMELESS = "(without RuleId)"
_MOST_NAMED = 3
# As many digits as a number has in DynamoDB.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,37}")
_YES_OR_NO = {"Y": True, "N": False}


class ItemError(TagPolicyError):
    """What is wrong with one item; never leaves the rules."""


def _rule_id_text(item: "Item") -> str:
    return item.get("RuleId", {}).get("N", "")


def name_of(item: "Item") -> str:
    """Return what an item is called in the report: its RuleId as it stands there, if it has one."""
    text = _rule_id_text(item)
    return (text if text.isprintable() and len(text) <= 40 else quoted(text)) or _NAMELESS


def rule_id_of(item: "Item") -> int | None:
    """Return the RuleId of an item; None where it is none."""
    text = _rule_id_text(item)
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def to_rule(
    item: "Item",
    own_keys: Container[str],
    facts: Container[str],
    max_escalation: MaxEscalation = MaxEscalation.NONE,
    resource_types: Container[ResourceType] = frozenset(ResourceType),
) -> Rule:
    """Return the rule that an item states.

    ``own_keys`` are the engine's, as IAM compares them; ``facts`` the names of what Terraform gives
    rules to know; ``max_escalation`` how far rules may go; ``resource_types`` what the role of the
    engine knows. Raises ItemError where it states none.
    """
    _refuse_unknown_attributes(item)
    rule_id = rule_id_of(item)
    if rule_id is None:
        raise ItemError("RuleId must be a positive whole number, such as 10")
    tag_key, action = _tag_key(item), _action(item)
    if as_iam_compares(tag_key) in own_keys:
        raise ItemError(
            f"TagKey {quoted(tag_key)} is the engine's own mark or exemption; "
            "choose another key, such as 'ProjectCode'"
        )
    rule = Rule(
        rule_id=rule_id,
        tag_key=tag_key,
        action=action,
        resource_types=_resource_types(item, resource_types),
        required=_yes_or_no(item, "Required", otherwise=True),
        default=_default(item, action),
        sources=_sources(item, own_keys),
        aliases=_aliases(item, tag_key, own_keys),
        rename=_yes_or_no(item, "Rename", otherwise=False),
        allowed_values=_allowed_values(item),
        allowed_pattern=_allowed_pattern(item),
        expires=_yes_or_no(item, "Expires", otherwise=False),
        max_lifetime=_max_lifetime(item),
        note=_note(item),
        when=_when(item, own_keys),
        normalize=_normalize(item),
        synonyms=_synonyms(item),
        replace_invalid=_yes_or_no(item, "ReplaceInvalid", otherwise=False),
        escalate=_escalate(item, max_escalation),
    )
    _refuse_what_does_not_go_together(rule)
    _refuse_unknown_facts(rule, facts)
    _refuse_what_no_type_knows(rule)
    _refuse_what_cannot_be_right(rule)
    return rule


def _refuse_unknown_attributes(item: "Item") -> None:
    """Refuse an item with an attribute that the engine does not know: it may narrow the rule."""
    unknown = sorted(item.keys() - set(_ATTRIBUTES))
    if not unknown:
        return
    named = ", ".join(f"{quoted(name, 20)}{_suggestion(name)}" for name in unknown[:_MOST_NAMED])
    more = f" and {len(unknown) - _MOST_NAMED:,} more" if len(unknown) > _MOST_NAMED else ""
    which, are = ("attribute", "is") if len(unknown) == 1 else ("attributes", "are")
    raise ItemError(
        f"{which} {named}{more} {are} not known, and might have narrowed the rule; known are "
        f"{', '.join(_ATTRIBUTES)}"
    )


def _suggestion(name: str) -> str:
    if len(name) > 2 * max(map(len, _ATTRIBUTES)):
        return ""  # and no time is spent on a name of 64 KB
    from difflib import get_close_matches  # here, because next to no run needs it

    known = {attribute.lower(): attribute for attribute in _ATTRIBUTES}
    near = get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {known[near[0]]!r}?)" if near else ""


def _text(item: "Item", attribute: str) -> str | None:
    """Return a string attribute; None when it is absent. Any other type is an error."""
    if attribute not in item:
        return None
    value = item[attribute]
    if "S" not in value:
        kind = next(iter(value), "nothing")
        raise ItemError(f"{attribute} is of type {kind}; it must be a string (S)")
    return value["S"]


def _tag_key(item: "Item") -> str:
    tag_key = _text(item, "TagKey")
    if tag_key is None or is_blank(tag_key):
        raise ItemError("TagKey is missing or blank; name the tag that the rule is about")
    if len(tag_key) > MAX_TAG_KEY_LENGTH:
        raise ItemError(f"TagKey is longer than {MAX_TAG_KEY_LENGTH} characters")
    if not tag_key.isprintable():
        raise ItemError(f"TagKey {quoted(tag_key)} holds a character that cannot be printed")
    if trimmed(tag_key) != tag_key:
        raise ItemError(f"TagKey {quoted(tag_key)} begins or ends with a blank; take it away")
    if tag_key.lower().startswith("aws:"):
        raise ItemError(f"TagKey {quoted(tag_key)} starts with 'aws:', which AWS keeps for itself")
    return tag_key


def _action(item: "Item") -> Action:
    text = _text(item, "Action")
    if text is None:
        return Action.CHECK
    if text not in list(Action):
        raise ItemError(f"Action is {quoted(text)}; it must be one of {', '.join(Action)}")
    return Action(text)


def _yes_or_no(item: "Item", attribute: str, *, otherwise: bool) -> bool:
    text = _text(item, attribute)
    if text is None:
        return otherwise
    if text not in _YES_OR_NO:
        raise ItemError(f"{attribute} is {quoted(text)}; it must be 'Y' or 'N'")
    return _YES_OR_NO[text]


def _allowed_values(item: "Item") -> tuple[str, ...]:
    if "AllowedValues" not in item:
        return ()
    values = _list(
        item["AllowedValues"],
        "AllowedValues must be a list (L) of strings (S), one at least, such as 'prod', 'dev'",
    )
    if len(values) > MAX_ALLOWED_VALUES:
        raise ItemError(f"AllowedValues has more than {MAX_ALLOWED_VALUES}; use AllowedPattern")
    for value in values:
        if is_blank(value):
            raise ItemError("AllowedValues has a blank value, which matches no tag; drop it")
        if len(value) > MAX_TAG_VALUE_LENGTH:
            raise ItemError(f"AllowedValues has one longer than {MAX_TAG_VALUE_LENGTH} characters")
        if values.count(value) > 1:
            raise ItemError(f"AllowedValues has {quoted(value)} twice; once will do")
    return values


def _allowed_pattern(item: "Item") -> str:
    text = _text(item, "AllowedPattern")
    if text is None:
        return ""
    if not text:
        raise ItemError("AllowedPattern is empty, and would match everything; leave it out")
    try:
        compile_pattern(text)
    except PatternError as error:
        raise ItemError(f"AllowedPattern {error}") from None
    return text


def _max_lifetime(item: "Item") -> str:
    text = _text(item, "MaxLifetime")
    if text is None:
        return ""
    if read_length(text) is None:
        raise ItemError(
            f"MaxLifetime is {quoted(text)}; it must be a length of time up to ten years, such as "
            "'90d', '2w' or '6m'"
        )
    return text


def _list(value: "AttributeValueTypeDef", problem: str) -> tuple[str, ...]:
    """Return a list of strings, one at least; ``problem`` is what is said of anything else."""
    listed = value.get("L")
    if not listed or not all("S" in one for one in listed):
        raise ItemError(problem)
    return tuple(one["S"] for one in listed)


def _map_of_lists(item: "Item", attribute: str, problem: str) -> Conditions:
    """Return a map of lists of strings, one at least in each; empty when it is absent."""
    if attribute not in item:
        return ()
    said = item[attribute].get("M")
    if not said:
        raise ItemError(problem)
    return tuple((name, _list(value, problem)) for name, value in said.items())


def _resource_types(
    item: "Item", known_to_the_role: Container[ResourceType]
) -> tuple[ResourceType, ...]:
    if "ResourceTypes" not in item:
        return (ResourceType.INSTANCE,)
    types = _list(
        item["ResourceTypes"],
        "ResourceTypes must be a list (L) of strings (S), one at least, such as 'instance', "
        "'volume'",
    )
    if len(set(types)) < len(types):
        raise ItemError("ResourceTypes has one twice; once will do")
    for one in types:
        if one not in list(ResourceType):
            raise ItemError(
                f"ResourceTypes has {quoted(one)}, which is not one of {', '.join(ResourceType)}"
            )
        if ResourceType(one) not in known_to_the_role:
            raise ItemError(
                f"ResourceTypes has {quoted(one)}, which the engine's role may not touch; name it "
                "in rules_table.resource_types"
            )
    return tuple(map(ResourceType, types))


def _sources(item: "Item", own_keys: Container[str]) -> tuple[str, ...]:
    if "From" not in item:
        return ()
    sources = _list(
        item["From"],
        "From must be a list (L) of strings (S), one at least, such as 'subnet', 'vpc'",
    )
    if len(sources) > MAX_SOURCES:
        raise ItemError(f"From has more than {MAX_SOURCES} sources")
    if len(set(sources)) < len(sources):
        raise ItemError("From names a source twice; once will do")
    for source in sources:
        if source.startswith(TAG_FACT) and as_iam_compares(source[len(TAG_FACT) :]) in own_keys:
            raise ItemError(f"From names {quoted(source)}, which is the engine's own tag")
    return sources


def _aliases(item: "Item", tag_key: str, own_keys: Container[str]) -> tuple[str, ...]:
    if "Aliases" not in item:
        return ()
    aliases = _list(
        item["Aliases"],
        "Aliases must be a list (L) of strings (S), one at least, such as 'cost-center', 'cc'",
    )
    if len(aliases) > MAX_ALIASES:
        raise ItemError(f"Aliases has more than {MAX_ALIASES}")
    if len(set(aliases)) < len(aliases):
        raise ItemError("Aliases has one twice; once will do")
    for alias in aliases:
        if (
            is_blank(alias)
            or len(alias) > MAX_TAG_KEY_LENGTH
            or not alias.isprintable()
            or alias.lower().startswith("aws:")
        ):
            raise ItemError(f"Aliases has {quoted(alias)}, which people cannot use as a tag key")
        if alias == tag_key:
            raise ItemError(f"Aliases has {quoted(alias)}, which is the TagKey itself; drop it")
        if as_iam_compares(alias) in own_keys:
            raise ItemError(f"Aliases has {quoted(alias)}, the engine's own mark or exemption")
    return aliases


def _normalize(item: "Item") -> tuple[str, ...]:
    if "Normalize" not in item:
        return ()
    problem = (
        "Normalize must be a list (L) of strings (S), each of them once, from "
        f"{', '.join(NORMALIZERS)}"
    )
    names = _list(item["Normalize"], problem)
    if len(set(names)) < len(names) or not NORMALIZERS.keys() >= set(names):
        raise ItemError(problem)
    for one, other in EXCLUDING:
        if one in names and other in names:
            raise ItemError(f"Normalize has {one} and {other}; one of them will do")
    return names


def _synonyms(item: "Item") -> Conditions:
    synonyms = _map_of_lists(
        item,
        "Synonyms",
        "Synonyms must be a map (M) of right values to lists (L) of what means the same (S), one "
        "at least, such as 'prod' to 'production', 'live*'",
    )
    rights = [right for right, _ in synonyms]
    patterns = [pattern for _, some in synonyms for pattern in some]
    if len(synonyms) + len(patterns) > MAX_ALLOWED_VALUES:
        raise ItemError(f"Synonyms has more than {MAX_ALLOWED_VALUES}")
    for value in (*rights, *patterns):
        if is_blank(value) or len(value) > MAX_TAG_VALUE_LENGTH:
            raise ItemError(
                f"Synonyms has a blank one, or one longer than {MAX_TAG_VALUE_LENGTH} characters"
            )
    for pattern in patterns:
        if patterns.count(pattern) > 1 or pattern in rights:
            raise ItemError(f"Synonyms says twice what {quoted(pattern)} means; once will do")
    for right in rights:
        if "*" in right:
            raise ItemError(f"Synonyms has the right value {quoted(right)}, which is a pattern")
    return synonyms


def _when(item: "Item", own_keys: Container[str]) -> Conditions:
    when = _map_of_lists(
        item,
        "When",
        "When must be a map (M) of facts to lists (L) of patterns (S), one at least, such as "
        "'tag:Stage' to 'prod', 'test-*'",
    )
    patterns = [pattern for _, some in when for pattern in some]
    if len(patterns) > MAX_PATTERNS or any(len(one) > MAX_TAG_VALUE_LENGTH + 1 for one in patterns):
        raise ItemError(
            f"When has more than {MAX_PATTERNS} patterns, or one longer than "
            f"{MAX_TAG_VALUE_LENGTH} characters"
        )
    try:
        When(when)
    except ConditionError as error:
        raise ItemError(f"When {error}") from None
    for fact, _ in when:
        key = fact.removeprefix(TAG_FACT)
        if fact.startswith(TAG_FACT) and (
            not 0 < len(key) <= MAX_TAG_KEY_LENGTH
            or not key.isprintable()
            or as_iam_compares(key) in own_keys
        ):
            raise ItemError(
                f"When asks for {quoted(fact)}, which is not a tag that people write; use one such "
                "as 'tag:Stage'"
            )
    return when


def _escalate(item: "Item", max_escalation: MaxEscalation) -> Ladder:
    if "Escalate" not in item:
        return ()
    problem = (
        f"Escalate must be a map (M) of {', '.join(End)} to the time after its announcement (S), "
        "such as 'stop' to '7d', 'terminate' to '14d'"
    )
    said = item["Escalate"].get("M")
    if not said or not all("S" in after for after in said.values()):
        raise ItemError(problem)
    for name in said:
        if name not in list(End):
            raise ItemError(f"{problem}; {quoted(name)} is not one of them")
    ladder = tuple(Step(end, said[end]["S"]) for end in End if end in said)
    for step in ladder:
        _check_step(step, max_escalation, problem)
    for gentler, step in itertools.pairwise(ladder):
        if gentler.delay >= step.delay:
            raise ItemError(
                f"Escalate has {gentler} and {step}; the gentler step has to come first"
            )
    return ladder


def _check_step(step: Step, max_escalation: MaxEscalation, problem: str) -> None:
    try:
        delay = step.delay
    except ValueError:
        raise ItemError(f"{problem}; {quoted(step.after)} is not such a time") from None
    if not LEAST[step.end] <= delay <= LONGEST:
        hours = LEAST[step.end] // timedelta(hours=1)
        raise ItemError(
            f"Escalate has {step}; an instance with tags is ended at least {hours}h and at most "
            f"{LONGEST.days}d after its announcement"
        )
    if not max_escalation.allows(step.end):
        raise ItemError(
            f"Escalate has {step}, which goes beyond the engine's max_escalation, "
            f"{max_escalation}; raise that in Terraform, or remove the step"
        )


def _note(item: "Item") -> str:
    text = _text(item, "Note")
    if text is None:
        return ""
    if is_blank(text) or len(text) > MAX_NOTE_LENGTH:
        raise ItemError(f"Note must have 1 to {MAX_NOTE_LENGTH} characters; leave it out for none")
    if not text.isprintable():
        raise ItemError("Note holds a character that cannot be printed, such as a line break")
    return text


def _refuse_what_does_not_go_together(rule: Rule) -> None:
    """Refuse what says how a value is found or judged, where none is."""
    if rule.rename and not rule.aliases:
        raise ItemError("Rename is 'Y', which needs Aliases: they say what to rename")
    try:
        sources = sources_of(rule)
    except SourceError as error:
        raise ItemError(f"From {error}") from None
    if rule.action is Action.CHECK and sources:
        raise ItemError("From says where a value comes from, but Check writes none; use Update")
    if rule.action is Action.UPDATE and not sources and not rule.default:
        raise ItemError(
            "Default is missing or blank; give the value to set, or From, which says where it "
            "comes from"
        )
    if rule.action is Action.REMOVE:
        plain = Rule(rule.rule_id, rule.tag_key, rule.action, rule.required, "")
        if replace(rule, note="", when=(), resource_types=plain.resource_types) != plain:
            raise ItemError(
                "Action is Remove, which says that the tag must not be used; only When, "
                "ResourceTypes and Note may go with it"
            )


def _refuse_unknown_facts(rule: Rule, facts: Container[str]) -> None:
    asked = [("When", fact) for fact, _ in rule.when] + [("From", said) for said in rule.sources]
    for attribute, said in asked:
        name = said.removeprefix(GIVEN_FACT)
        if said.startswith(GIVEN_FACT) and name not in facts:
            raise ItemError(
                f"{attribute} names {quoted(said)}, which is not in the input facts of this engine"
            )


def _refuse_what_no_type_knows(rule: Rule) -> None:
    """Refuse what says something of no type that the rule is about.

    What one of its types knows, and another does not, is as a tag that is not there.
    """
    types = frozenset(rule.resource_types)
    named = ", ".join(rule.resource_types)
    known = [("When asks for", fact, types_that_know(fact)) for fact, _ in rule.when]
    known += [("From names", source.said, source.types) for source in sources_of(rule)]
    for what, said, by in known:
        if types.isdisjoint(by):
            others = ", ".join(one for one in ResourceType if one in by)
            raise ItemError(
                f"{what} {quoted(said)}, which is not known of {named}; it is of {others}"
            )
    if rule.escalate and ResourceType.INSTANCE not in types:
        raise ItemError(
            f"Escalate says what becomes of instances, and the rule is about {named}; leave it out"
        )
    others_than_instances = types - {ResourceType.INSTANCE}
    if rule.action is Action.USER_LOOKUP and others_than_instances:
        raise ItemError(
            "Action is UserLookup, which finds who launched an instance; for what hangs off "
            "instances, use Update with From 'instance' in a rule of its own"
        )
    without = [one for one in rule.resource_types if one not in types_that_know("age")]
    if rule.action is Action.FUNCTION and rule.default.startswith("launched") and without:
        raise ItemError(
            f"Default is {quoted(rule.default)}, but EC2 does not say when {without[0]} came to "
            "be; use 'today()', or leave it out of ResourceTypes"
        )


def _refuse_what_cannot_be_right(rule: Rule) -> None:
    """Refuse a rule by which nothing is right, or that would write what it forbids."""
    if rule.max_lifetime and not rule.expires:
        raise ItemError("MaxLifetime goes with Expires 'Y', which says that the value is a date")
    if rule.expires and rule.action is Action.USER_LOOKUP:
        raise ItemError("Expires is 'Y', but a creator is not a date; use Check or Update")
    if rule.expires and rule.action is Action.FUNCTION:
        _refuse_what_expires_at_once(rule)
    if rule.allowed_values and rule.allowed_pattern:
        exact = [value for value in rule.allowed_values if "*" not in value]
        pattern = compile_pattern(rule.allowed_pattern)
        if len(exact) == len(rule.allowed_values) and not any(map(pattern.found_in, exact)):
            raise ItemError("none of AllowedValues matches AllowedPattern, so no value is right")
    is_given = rule.action is not Action.UPDATE or rule.default
    if rule.expires and rule.action is Action.UPDATE and is_given and not read_date(rule.default):
        raise ItemError(f"Default is {quoted(rule.default)}, but Expires wants a date: YYYY-MM-DD")
    _refuse_replacing_nothing(rule)
    standard = Standard(replace(rule, expires=False))
    spelling = Spelling(rule, standard.is_allowed)
    _refuse_another_spelling(rule, spelling)
    for right, _ in rule.synonyms:
        if not standard.is_allowed(right):
            raise ItemError(f"Synonyms has the right value {quoted(right)}, which is not allowed")
    if is_given and rule.action in (Action.UPDATE, Action.USER_LOOKUP):
        wrong = standard.wrong(rule.default, date.min)
        if wrong is not None:
            raise ItemError(f"Default is a value that the rule forbids: {wrong.reason}")
        if spelling.of(rule.default) != rule.default:
            raise ItemError(
                f"Default is {quoted(rule.default)}, but the rule spells it "
                f"{quoted(spelling.of(rule.default))}; write it that way"
            )


def _refuse_what_expires_at_once(rule: Rule) -> None:
    """Refuse a computed date that is no good day for long, or later than the rule allows."""
    day = datetime(2001, 1, 1, tzinfo=UTC)  # of a month of 31 days: a month is no shorter than 30
    end = day.replace(day=31)  # when the end of the month is nearest
    compute = functions.parse(rule.default)
    value = compute(day, day)
    if value <= day.date().isoformat() or compute(end, end) < end.date().isoformat():
        raise ItemError(
            f"Default is {quoted(rule.default)}, which expires at once; give it an offset ahead, "
            "such as 'today(+30d)'"
        )
    wrong = Standard(replace(rule, allowed_values=(), allowed_pattern="")).wrong(value, day.date())
    if wrong is not None:
        raise ItemError(
            f"Default is {quoted(rule.default)}, which is later than MaxLifetime allows"
        )


def _refuse_replacing_nothing(rule: Rule) -> None:
    if not rule.replace_invalid:
        return
    if rule.action is Action.CHECK:
        raise ItemError("ReplaceInvalid is 'Y', but Check has no value to write; use Update")
    if rule.expires:
        raise ItemError("ReplaceInvalid is 'Y', but only people may change a date that has passed")
    if not rule.allowed_values and not rule.allowed_pattern:
        raise ItemError("ReplaceInvalid goes with AllowedValues or AllowedPattern")


def _refuse_another_spelling(rule: Rule, spelling: Spelling) -> None:
    """Refuse what Normalize changes: no value would be it, or it would not be written as it is."""
    said = [
        *(("AllowedValues", value) for value in rule.allowed_values),
        *(("Synonyms", word) for right, some in rule.synonyms for word in (right, *some)),
    ]
    for attribute, value in said:
        if spelling.normalized(value) != value:
            raise ItemError(
                f"{attribute} has {quoted(value)}, which Normalize turns into "
                f"{quoted(spelling.normalized(value))}; write it that way"
            )


def _default(item: "Item", action: Action) -> str:
    kind = KINDS[action]
    default = _text(item, "Default")
    if default is not None and not kind.writes:
        raise ItemError(
            f"Default is given, but {action} writes no value; leave it out, or make the Action "
            "'Update'"
        )
    if default is None and kind.without is not None:
        return kind.without
    if default is None or is_blank(default):
        # A blank value would be found blank again by the next run, for ever.
        raise ItemError(f"Default is missing or blank; {kind.default_is}")
    if len(default) > MAX_TAG_VALUE_LENGTH:
        raise ItemError(f"Default is longer than {MAX_TAG_VALUE_LENGTH} characters")
    try:
        kind.check(default)
    except ValueCallError as error:
        raise ItemError(f"Default {error}") from None
    return default
