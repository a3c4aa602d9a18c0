"""The rules table: DynamoDB items to rules, and what is wrong with the items that are none."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.error import TagPolicyError
from tag_policy.model.rule import TAG_FACT, Action, Conditions, Rule, RuleError
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_limits import MAX_TAG_KEY_LENGTH, MAX_TAG_VALUE_LENGTH
from tag_policy.model.tag_text import cut, is_blank, quoted, trimmed
from tag_policy.rules import functions
from tag_policy.rules.actions import KINDS
from tag_policy.rules.conditions import ConditionError, When
from tag_policy.rules.dates import read_date, read_length
from tag_policy.rules.functions import ValueCallError
from tag_policy.rules.pattern import PatternError, compile_pattern
from tag_policy.rules.spelling import EXCLUDING, NORMALIZERS, Spelling
from tag_policy.rules.values import Standard

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, ScanOutputTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

MOST_ITEMS = 10_000
MOST_BYTES = 4 * 2**20
"""What a table of rules may hold, written out: others may write into it, and a run that has no
memory left tells nobody why. What one page may hold, before it is read: ``aws/fast/parser.py``."""

_ITEMS_A_PAGE = 1_000

MAX_PROBLEM_LENGTH = 280
"""Characters of what is wrong with an item; items are written by strangers."""

_ATTRIBUTES = (
    *("RuleId", "TagKey", "Action", "Required", "Default"),
    *("When", "Normalize", "Synonyms", "AllowedValues", "AllowedPattern", "ReplaceInvalid"),
    *("Expires", "MaxLifetime", "Note"),
)

MAX_PATTERNS = 100
"""Patterns of all conditions of a rule."""

MAX_ALLOWED_VALUES = 500
"""Allowed values of a rule; more are a pattern."""

MAX_NOTE_LENGTH = 200
"""Characters of a note, which stands next to each finding."""
_MOST_NAMED = 3
_NAMELESS = "(without RuleId)"

# As many digits as a number has in DynamoDB.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,37}")
_YES_OR_NO = {"Y": True, "N": False}


_FOREIGN = (
    "Terraform owns the rules, and has not made this item; it is not used. Put it into rules, or "
    "delete it; where people keep rules in the table, set rules_table.owner to 'table'"
)
_GONE = "Terraform has made this item, and it is not in the table; 'terraform apply' makes it again"


class _ItemError(TagPolicyError):
    """What is wrong with one item; never leaves this module."""


def scan(dynamodb: "DynamoDBClient", table: str, paced: PacedCalls) -> list["Item"]:
    """Read every item of the table, page by page (a page of Scan holds at most 1 MB).

    ``paced`` makes the calls, and makes those again that are throttled. Raises botocore's
    ClientError, BotoCoreError or ResponseParserError when the table cannot be read, or holds more
    than a table of rules may.
    """
    items: list[Item] = []
    size = 0
    start: dict[str, Any] = {}
    while True:
        page = paced(partial(_page, dynamodb, table, start))
        items += page["Items"]
        size += len(str(page["Items"]))
        if len(items) > MOST_ITEMS or size > MOST_BYTES:
            raise ResponseParserError(
                f"it holds more than {MOST_ITEMS:,} items, or {MOST_BYTES // 2**20} MB of them, "
                "which no table of rules does"
            )
        if not page.get("LastEvaluatedKey"):
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _page(dynamodb: "DynamoDBClient", table: str, start: dict[str, Any]) -> "ScanOutputTypeDef":
    page = dynamodb.scan(TableName=table, ConsistentRead=True, Limit=_ITEMS_A_PAGE, **start)
    if "Items" not in page:
        raise ResponseParserError("a page of the table without items, which cannot be read")
    return page


@dataclass(frozen=True, slots=True)
class ParsedTable:
    """What the items of the table say.

    ``rules`` are the valid ones, in ascending order of RuleId; ``errors`` say of every other item
    why it is none. ``may_end`` is False where it cannot be told which tag a bad item is about: then
    nothing may be ended, because the item might have narrowed any of the rules.
    """

    rules: Sequence[Rule]
    errors: Sequence[RuleError]
    may_end: bool


def parse(
    items: Iterable["Item"],
    own_keys: Iterable[str] = (),
    seeded: Mapping[int, str] | None = None,
) -> ParsedTable:
    """Turn items into rules, and into errors where they are none.

    ``seeded`` are the ids and tag keys of the items that Terraform has made, where it owns the
    rules. Then any other item is an error, and says nothing of the others. One that has gone is an
    error, too, and as a bad item to the others.

    A rule about one of ``own_keys``, which are the engine's, is an error. So are, with keys
    compared as IAM does,

    - a rule about the same key as one with a lower RuleId that concerns every instance,
    - a rule whose conditions ask for a tag that a rule with the same or a higher RuleId may write:
      it would say another thing in the next run, and
    - a rule that comes after a bad item about its key, or about one that its conditions ask for: it
      would now concern what that item was meant for, or not what it was meant for itself. A bad
      item without a readable RuleId may come before any rule about its key.
    """
    own = {as_iam_compares(key) for key in own_keys}
    candidates: list[tuple[Item, Rule]] = []
    bad: list[tuple[Item, str]] = []
    foreign: list[RuleError] = []
    gone = set(seeded or ())
    for item in items:
        rule_id = _rule_id(item)
        gone.discard(rule_id or 0)
        if seeded is not None and rule_id not in seeded:
            foreign.append(RuleError(_name(item), _FOREIGN))
            continue
        try:
            candidates.append((item, _rule(item, own)))
        except _ItemError as error:
            bad.append((item, str(error)))
    candidates.sort(key=lambda candidate: candidate[1].rule_id)
    last_writers = {
        as_iam_compares(rule.tag_key): rule
        for _, rule in candidates
        if KINDS[rule.action].writes or rule.changes_values
    }
    for item, rule in list(candidates):
        try:
            _refuse_what_is_written_later(rule, last_writers)
        except _ItemError as error:
            candidates.remove((item, rule))
            bad.append((item, str(error)))
    missing: list[Item] = [
        {"RuleId": {"N": str(rule_id)}, "TagKey": {"S": (seeded or {})[rule_id]}}
        for rule_id in sorted(gone)
    ]
    silencers = _silencers([*missing, *(item for item, _ in bad)])
    rules: list[Rule] = []
    last: dict[str, Rule] = {}  # the last of the rules so far, by key
    for item, rule in candidates:
        key = as_iam_compares(rule.tag_key)
        try:
            _refuse_second(rule, last.get(key))
        except _ItemError as error:
            bad.append((item, str(error)))
            if last[key].tag_key != rule.tag_key:  # another tag for EC2, which nobody fills now
                silencers.setdefault(key, item)
            continue
        try:
            for asked in (rule.tag_key, *rule.asks_for_tags):
                _refuse_silenced(rule, asked, silencers.get(as_iam_compares(asked)))
        except _ItemError as error:
            bad.append((item, str(error)))
            silencers.setdefault(key, item)
        else:
            last[key] = rule
            rules.append(rule)
    return ParsedTable(
        rules=tuple(rules),
        errors=(
            *(
                RuleError(_name(item), cut(problem, MAX_PROBLEM_LENGTH))
                for item, problem in sorted(bad, key=lambda found: _id_or(float("inf"), found[0]))
            ),
            *(RuleError(str(rule_id), _GONE) for rule_id in sorted(gone)),
            *foreign,
        ),
        may_end=all(_meant_key(item) is not None for item, _ in bad),
    )


def _silencers(bad: Iterable["Item"]) -> dict[str, "Item"]:
    """Return the first bad item about each key; what may stand anywhere comes first."""
    first: dict[str, Item] = {}
    for item in sorted(bad, key=lambda item: _id_or(0, item)):
        key = _meant_key(item)
        if key is not None:
            first.setdefault(key, item)
    return first


def _meant_key(item: "Item") -> str | None:
    """Return the tag key that a bad item is about, as IAM compares it; None if it is unreadable.

    Blanks at its edges are a slip. What no tag can have as its key says nothing of the tag that was
    meant.
    """
    key = trimmed(item.get("TagKey", {}).get("S", ""))
    if not key or len(key) > MAX_TAG_KEY_LENGTH or not key.isprintable():
        return None
    return as_iam_compares(key)


def _refuse_second(rule: Rule, earlier: Rule | None) -> None:
    if earlier is None:
        return
    tag_key = quoted(rule.tag_key)
    if earlier.tag_key == rule.tag_key:
        if earlier.when:
            return
        raise _ItemError(
            f"TagKey {tag_key} is already the subject of rule {earlier.rule_id}, "
            "which concerns every instance, so that this one never applies; give each tag key one "
            "rule, or that one a When"
        )
    raise _ItemError(
        f"TagKey {tag_key} differs from that of rule {earlier.rule_id}, which counts, only in "
        "case; the locks in IAM take the two for one, so give them one rule"
    )


def _refuse_what_is_written_later(rule: Rule, last_writers: Mapping[str, Rule]) -> None:
    for tag_key in rule.asks_for_tags:
        writer = last_writers.get(as_iam_compares(tag_key))
        if writer is not None and writer.rule_id >= rule.rule_id:
            which = "it" if writer.rule_id == rule.rule_id else f"rule {writer.rule_id}"
            raise _ItemError(
                f"When asks for the tag {quoted(tag_key)}, which {which} may write; give the rule "
                "that asks a higher RuleId than the one that writes"
            )


def _refuse_silenced(rule: Rule, tag_key: str, bad: "Item | None") -> None:
    if bad is None or rule.rule_id < _id_or(0, bad):
        return
    where = (
        "an item without a readable RuleId, which may come before this rule"
        if _rule_id(bad) is None
        else f"rule {_name(bad)}, which comes before this one"
    )
    raise _ItemError(
        f"{'TagKey' if tag_key == rule.tag_key else 'When asks for'} {quoted(tag_key)}"
        f"{' is' if tag_key == rule.tag_key else ', which is'} that of {where} and cannot be used; "
        "this rule would now concern what that was meant for, so mend that first"
    )


def _rule_id_text(item: "Item") -> str:
    return item.get("RuleId", {}).get("N", "")


def _name(item: "Item") -> str:
    """Return what an item is called in the report: its RuleId as it stands there, if it has one."""
    text = _rule_id_text(item)
    return (text if text.isprintable() and len(text) <= 40 else quoted(text)) or _NAMELESS


def _rule_id(item: "Item") -> int | None:
    text = _rule_id_text(item)
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def _id_or(otherwise: float, item: "Item") -> float:
    rule_id = _rule_id(item)
    return otherwise if rule_id is None else rule_id


def _rule(item: "Item", own_keys: Container[str]) -> Rule:
    _refuse_unknown_attributes(item)
    rule_id = _rule_id(item)
    if rule_id is None:
        raise _ItemError("RuleId must be a positive whole number, such as 10")
    tag_key, action = _tag_key(item), _action(item)
    if as_iam_compares(tag_key) in own_keys:
        raise _ItemError(
            f"TagKey {quoted(tag_key)} is the engine's own mark or exemption; "
            "choose another key, such as 'ProjectCode'"
        )
    rule = Rule(
        rule_id=rule_id,
        tag_key=tag_key,
        action=action,
        required=_yes_or_no(item, "Required", otherwise=True),
        default=_default(item, action),
        allowed_values=_allowed_values(item),
        allowed_pattern=_allowed_pattern(item),
        expires=_yes_or_no(item, "Expires", otherwise=False),
        max_lifetime=_max_lifetime(item),
        note=_note(item),
        when=_when(item, own_keys),
        normalize=_normalize(item),
        synonyms=_synonyms(item),
        replace_invalid=_yes_or_no(item, "ReplaceInvalid", otherwise=False),
    )
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
    raise _ItemError(
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
        raise _ItemError(f"{attribute} is of type {kind}; it must be a string (S)")
    return value["S"]


def _tag_key(item: "Item") -> str:
    tag_key = _text(item, "TagKey")
    if tag_key is None or is_blank(tag_key):
        raise _ItemError("TagKey is missing or blank; name the tag that the rule is about")
    if len(tag_key) > MAX_TAG_KEY_LENGTH:
        raise _ItemError(f"TagKey is longer than {MAX_TAG_KEY_LENGTH} characters")
    if not tag_key.isprintable():
        raise _ItemError(f"TagKey {quoted(tag_key)} holds a character that cannot be printed")
    if trimmed(tag_key) != tag_key:
        raise _ItemError(f"TagKey {quoted(tag_key)} begins or ends with a blank; take it away")
    if tag_key.lower().startswith("aws:"):
        raise _ItemError(f"TagKey {quoted(tag_key)} starts with 'aws:', which AWS keeps for itself")
    return tag_key


def _action(item: "Item") -> Action:
    text = _text(item, "Action")
    if text is None:
        return Action.CHECK
    if text not in list(Action):
        raise _ItemError(f"Action is {quoted(text)}; it must be one of {', '.join(Action)}")
    return Action(text)


def _yes_or_no(item: "Item", attribute: str, *, otherwise: bool) -> bool:
    text = _text(item, attribute)
    if text is None:
        return otherwise
    if text not in _YES_OR_NO:
        raise _ItemError(f"{attribute} is {quoted(text)}; it must be 'Y' or 'N'")
    return _YES_OR_NO[text]


def _allowed_values(item: "Item") -> tuple[str, ...]:
    if "AllowedValues" not in item:
        return ()
    values = _list(
        item["AllowedValues"],
        "AllowedValues must be a list (L) of strings (S), one at least, such as 'prod', 'dev'",
    )
    if len(values) > MAX_ALLOWED_VALUES:
        raise _ItemError(f"AllowedValues are more than {MAX_ALLOWED_VALUES}; use AllowedPattern")
    for value in values:
        if is_blank(value):
            raise _ItemError(
                "AllowedValues has a blank one, which no tag's value would be; drop it"
            )
        if len(value) > MAX_TAG_VALUE_LENGTH:
            raise _ItemError(f"AllowedValues has one above {MAX_TAG_VALUE_LENGTH} characters")
        if values.count(value) > 1:
            raise _ItemError(f"AllowedValues has {quoted(value)} twice; once will do")
    return values


def _allowed_pattern(item: "Item") -> str:
    text = _text(item, "AllowedPattern")
    if text is None:
        return ""
    if not text:
        raise _ItemError("AllowedPattern is empty, and would match everything; leave it out")
    try:
        compile_pattern(text)
    except PatternError as error:
        raise _ItemError(f"AllowedPattern {error}") from None
    return text


def _max_lifetime(item: "Item") -> str:
    text = _text(item, "MaxLifetime")
    if text is None:
        return ""
    if read_length(text) is None:
        raise _ItemError(
            f"MaxLifetime is {quoted(text)}; it must be a length of time up to ten years, such as "
            "'90d', '2w' or '6m'"
        )
    return text


def _list(value: "AttributeValueTypeDef", problem: str) -> tuple[str, ...]:
    """Return a list of strings, one at least; ``problem`` is what is said of anything else."""
    listed = value.get("L")
    if not listed or not all("S" in one for one in listed):
        raise _ItemError(problem)
    return tuple(one["S"] for one in listed)


def _map_of_lists(item: "Item", attribute: str, problem: str) -> Conditions:
    """Return a map of lists of strings, one at least in each; empty when it is absent."""
    if attribute not in item:
        return ()
    said = item[attribute].get("M")
    if not said:
        raise _ItemError(problem)
    return tuple((name, _list(value, problem)) for name, value in said.items())


def _normalize(item: "Item") -> tuple[str, ...]:
    if "Normalize" not in item:
        return ()
    problem = (
        "Normalize must be a list (L) of strings (S), each of them once, and one of "
        f"{', '.join(NORMALIZERS)}"
    )
    names = _list(item["Normalize"], problem)
    if len(set(names)) < len(names) or not NORMALIZERS.keys() >= set(names):
        raise _ItemError(problem)
    for one, other in EXCLUDING:
        if one in names and other in names:
            raise _ItemError(f"Normalize has {one} and {other}; one of them will do")
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
        raise _ItemError(f"Synonyms are more than {MAX_ALLOWED_VALUES}")
    for value in (*rights, *patterns):
        if is_blank(value) or len(value) > MAX_TAG_VALUE_LENGTH:
            raise _ItemError(
                f"Synonyms has a blank one, or one above {MAX_TAG_VALUE_LENGTH} characters"
            )
    for pattern in patterns:
        if patterns.count(pattern) > 1 or pattern in rights:
            raise _ItemError(f"Synonyms says twice what {quoted(pattern)} means; once will do")
    for right in rights:
        if "*" in right:
            raise _ItemError(f"Synonyms has the right value {quoted(right)}, which is a pattern")
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
        raise _ItemError(
            f"When has more than {MAX_PATTERNS} patterns, or one above {MAX_TAG_VALUE_LENGTH} "
            "characters"
        )
    try:
        When(when)
    except ConditionError as error:
        raise _ItemError(f"When {error}") from None
    for fact, _ in when:
        key = fact.removeprefix(TAG_FACT)
        if fact.startswith(TAG_FACT) and (
            not 0 < len(key) <= MAX_TAG_KEY_LENGTH
            or not key.isprintable()
            or as_iam_compares(key) in own_keys
        ):
            raise _ItemError(
                f"When asks for {quoted(fact)}, which is no tag of people's; 'tag:Stage' would do"
            )
    return when


def _note(item: "Item") -> str:
    text = _text(item, "Note")
    if text is None:
        return ""
    if is_blank(text) or len(text) > MAX_NOTE_LENGTH:
        raise _ItemError(f"Note must have 1 to {MAX_NOTE_LENGTH} characters; leave it out for none")
    if not text.isprintable():
        raise _ItemError("Note holds a character that cannot be printed, such as a line break")
    return text


def _refuse_what_cannot_be_right(rule: Rule) -> None:
    """Refuse a rule by which nothing is right, or that would write what it forbids."""
    if rule.max_lifetime and not rule.expires:
        raise _ItemError("MaxLifetime goes with Expires 'Y', which says that the value is a date")
    if rule.expires and rule.action is Action.USER_LOOKUP:
        raise _ItemError("Expires is 'Y', and a creator is no date; use Check or Update")
    if rule.expires and rule.action is Action.FUNCTION:
        _refuse_what_expires_at_once(rule)
    if rule.allowed_values and rule.allowed_pattern:
        exact = [value for value in rule.allowed_values if "*" not in value]
        pattern = compile_pattern(rule.allowed_pattern)
        if len(exact) == len(rule.allowed_values) and not any(map(pattern.found_in, exact)):
            raise _ItemError("none of AllowedValues matches AllowedPattern, so that none is right")
    if rule.expires and rule.action is Action.UPDATE and read_date(rule.default) is None:
        raise _ItemError(f"Default is {quoted(rule.default)}, and Expires wants a date: YYYY-MM-DD")
    _refuse_replacing_nothing(rule)
    standard = Standard(replace(rule, expires=False))
    spelling = Spelling(rule, standard.is_allowed)
    _refuse_another_spelling(rule, spelling)
    for right, _ in rule.synonyms:
        if not standard.is_allowed(right):
            raise _ItemError(f"Synonyms has the right value {quoted(right)}, which is not allowed")
    if rule.action in (Action.UPDATE, Action.USER_LOOKUP):
        wrong = standard.wrong(rule.default, date.min)
        if wrong is not None:
            raise _ItemError(f"Default is a value that the rule forbids: {wrong.reason}")
        if spelling.of(rule.default) != rule.default:
            raise _ItemError(
                f"Default is {quoted(rule.default)}, and the rule spells it "
                f"{quoted(spelling.of(rule.default))}; write it so"
            )


def _refuse_what_expires_at_once(rule: Rule) -> None:
    """Refuse a computed date that is no good day for long, or later than the rule allows."""
    day = datetime(2001, 1, 1, tzinfo=UTC)  # of a month of 31 days: a month is no shorter than 30
    value = functions.parse(rule.default)(day, day)
    if value <= day.date().isoformat():
        raise _ItemError(
            f"Default is {quoted(rule.default)}, which has expired at once; give it an offset, "
            "such as 'today(+30d)'"
        )
    wrong = Standard(replace(rule, allowed_values=(), allowed_pattern="")).wrong(value, day.date())
    if wrong is not None:
        raise _ItemError(
            f"Default is {quoted(rule.default)}, which is later than MaxLifetime allows"
        )


def _refuse_replacing_nothing(rule: Rule) -> None:
    if not rule.replace_invalid:
        return
    if rule.action is Action.CHECK:
        raise _ItemError("ReplaceInvalid is 'Y', and Check has no value to write; use Update")
    if rule.expires:
        raise _ItemError(
            "ReplaceInvalid is 'Y', and a date that has passed is for people to change"
        )
    if not rule.allowed_values and not rule.allowed_pattern:
        raise _ItemError("ReplaceInvalid goes with AllowedValues or AllowedPattern")


def _refuse_another_spelling(rule: Rule, spelling: Spelling) -> None:
    """Refuse what Normalize changes: no value would be it, or it would not be written as it is."""
    said = [
        *(("AllowedValues", value) for value in rule.allowed_values),
        *(("Synonyms", word) for right, some in rule.synonyms for word in (right, *some)),
    ]
    for attribute, value in said:
        if spelling.normalized(value) != value:
            raise _ItemError(
                f"{attribute} has {quoted(value)}, which Normalize makes "
                f"{quoted(spelling.normalized(value))}; write it so"
            )


def _default(item: "Item", action: Action) -> str:
    kind = KINDS[action]
    default = _text(item, "Default")
    if default is not None and not kind.writes:
        raise _ItemError(
            "Default is given, and Check writes no value; leave it out, or make the Action 'Update'"
        )
    if default is None and kind.without is not None:
        return kind.without
    if default is None or is_blank(default):
        # A blank value would be found blank again by the next run, for ever.
        raise _ItemError(f"Default is missing or blank; {kind.default_is}")
    if len(default) > MAX_TAG_VALUE_LENGTH:
        raise _ItemError(f"Default is longer than {MAX_TAG_VALUE_LENGTH} characters")
    try:
        kind.check(default)
    except ValueCallError as error:
        raise _ItemError(f"Default {error}") from None
    return default
