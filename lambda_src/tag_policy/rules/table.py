"""The rules table: DynamoDB items to rules, and what is wrong with the items that are none."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.remedy import MaxEscalation
from tag_policy.model.resource import ResourceType
from tag_policy.model.rule import TAG_FACT, Rule, RuleError
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_limits import MAX_TAG_KEY_LENGTH
from tag_policy.model.tag_text import cut, quoted, trimmed
from tag_policy.rules.actions import KINDS
from tag_policy.rules.aliases import folded, forms_of
from tag_policy.rules.item import ItemError, name_of, rule_id_of, to_rule

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, ScanOutputTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

MOST_ITEMS = 10_000
MOST_BYTES = 4 * 2**20
"""What a table of rules may hold, written out: others may write into it, and a run that has no
memory left tells nobody why. What one page may hold, before it is read: ``aws/fast/parser.py``."""

_ITEMS_A_PAGE = 1_000

MAX_PROBLEM_LENGTH = 300
"""Characters of what is wrong with an item; items are written by strangers."""

_FOREIGN = (
    "Terraform owns the rules, but has not made this item, so it is not used. Put it into rules, "
    "or delete it; where people keep rules in the table, set rules_table.owner to 'table'"
)
_GONE = "Terraform has made this item, but it is not in the table; 'terraform apply' makes it again"


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
    nothing may be ended, because the item might have narrowed any of the rules. ``other_keys`` are
    those that the others are about.
    """

    rules: Sequence[Rule]
    errors: Sequence[RuleError]
    may_end: bool
    other_keys: frozenset[str] = frozenset()


def parse(
    items: Iterable["Item"],
    own_keys: Iterable[str] = (),
    seeded: Mapping[int, str] | None = None,
    facts: Container[str] = (),
    max_escalation: MaxEscalation = MaxEscalation.NONE,
    resource_types: Container[ResourceType] = frozenset(ResourceType),
) -> ParsedTable:
    """Turn items into rules, and into errors where they are none.

    ``seeded`` are the ids and tag keys of the items that Terraform has made, where it owns the
    rules. Then any other item is an error, and says nothing of the others. One that has gone is an
    error, too, and as a bad item to the others.

    A rule about one of ``own_keys``, which are the engine's, is an error, and so is one that asks
    for a fact which is not among ``facts``, the names of those that Terraform gives, or goes beyond
    ``max_escalation``. So are, with keys compared as IAM does,

    - a rule about the same key as those with a lower RuleId that concern all of its types,
    - a rule whose conditions or sources ask for a tag that a rule with the same or a higher RuleId
      may write or delete: it would say another thing in the next run,
    - a rule with an alias that is the key of another rule, or an alias of another key, and
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
        rule_id = rule_id_of(item)
        gone.discard(rule_id or 0)
        if seeded is not None and rule_id not in seeded:
            foreign.append(RuleError(name_of(item), _FOREIGN))
            continue
        try:
            candidates.append((item, to_rule(item, own, facts, max_escalation, resource_types)))
        except ItemError as error:
            bad.append((item, str(error)))
    candidates.sort(key=lambda candidate: candidate[1].rule_id)
    last_changes: dict[str, Rule] = {}  # the last rule that writes a tag, by its key
    keys: dict[str, int] = {}
    named: dict[str, Rule] = {}  # the first rule with a spelling of its key, by the folded form
    deletes: dict[str, Rule] = {}  # the first rule that deletes a tag, by its key
    for _, rule in candidates:
        keys.setdefault(as_iam_compares(rule.tag_key), rule.rule_id)
        for form in forms_of(rule):
            named.setdefault(form, rule)
        for key in rule.deletes_keys:
            deletes.setdefault(as_iam_compares(key), rule)
        if KINDS[rule.action].writes or rule.is_unlocked:
            last_changes[as_iam_compares(rule.tag_key)] = rule
    for item, rule in list(candidates):
        try:
            _refuse_what_is_written_later(rule, last_changes)
            _refuse_what_is_deleted(rule, deletes)
            _refuse_alias_of_another(rule, keys, named)
        except ItemError as error:
            candidates.remove((item, rule))
            bad.append((item, str(error)))
    missing: list[Item] = [
        {"RuleId": {"N": str(rule_id)}, "TagKey": {"S": (seeded or {})[rule_id]}}
        for rule_id in sorted(gone)
    ]
    silencers = _silencers([*missing, *(item for item, _ in bad)])
    rules: list[Rule] = []
    last: dict[str, Rule] = {}  # the last of the rules so far, by key
    settled: dict[str, dict[ResourceType, Rule]] = {}  # those that concern all of a type, by key
    for item, rule in candidates:
        key = as_iam_compares(rule.tag_key)
        try:
            _refuse_second(rule, last.get(key), settled.get(key, {}))
        except ItemError as error:
            bad.append((item, str(error)))
            if last[key].tag_key != rule.tag_key:  # another tag for EC2, which nobody fills now
                silencers.setdefault(key, item)
            continue
        try:
            for asked in (rule.tag_key, *rule.asks_for_tags, *rule.aliases):
                _refuse_silenced(rule, asked, silencers.get(as_iam_compares(asked)))
        except ItemError as error:
            bad.append((item, str(error)))
            silencers.setdefault(key, item)
        else:
            last[key] = rule
            if not rule.when:
                settled.setdefault(key, {}).update(dict.fromkeys(rule.resource_types, rule))
            rules.append(rule)
    return ParsedTable(
        rules=tuple(rules),
        errors=(
            *(
                RuleError(name_of(item), cut(problem, MAX_PROBLEM_LENGTH))
                for item, problem in sorted(bad, key=lambda found: _id_or(float("inf"), found[0]))
            ),
            *(RuleError(str(rule_id), _GONE) for rule_id in sorted(gone)),
            *foreign,
        ),
        may_end=all(_meant_key(item) is not None for item, _ in bad),
        other_keys=frozenset(filter(None, map(_meant_key, (*missing, *(item for item, _ in bad))))),
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


def _refuse_second(rule: Rule, earlier: Rule | None, settled: Mapping[ResourceType, Rule]) -> None:
    """Refuse a rule about the key of an ``earlier`` one, if it would never apply.

    ``settled`` are the earlier rules about the key that concern each resource of a type.
    """
    if earlier is None:
        return
    tag_key = quoted(rule.tag_key)
    if earlier.tag_key != rule.tag_key:
        raise ItemError(
            f"TagKey {tag_key} differs only in case from that of rule {earlier.rule_id}, which "
            "counts; the locks in IAM take the two for one, so give them one rule"
        )
    if settled.keys() >= set(rule.resource_types):
        by = settled[rule.resource_types[0]]
        raise ItemError(
            f"TagKey {tag_key} already has rule {by.rule_id}, which concerns every "
            f"{rule.resource_types[0]}, so this one never applies; give each tag key one rule, or "
            "the earlier one a When"
        )


def _refuse_what_is_written_later(rule: Rule, last_changes: Mapping[str, Rule]) -> None:
    for tag_key in rule.asks_for_tags:
        other = last_changes.get(as_iam_compares(tag_key))
        if other is not None and other.rule_id >= rule.rule_id:
            which = "it" if other.rule_id == rule.rule_id else f"rule {other.rule_id}"
            raise ItemError(
                f"{_where_asked(rule, tag_key)} asks for the tag {quoted(tag_key)}, which {which} "
                "may write; give the rule that asks a higher RuleId than the one that writes"
            )


def _refuse_what_is_deleted(rule: Rule, deletes: Mapping[str, Rule]) -> None:
    for tag_key in rule.asks_for_tags:
        other = deletes.get(as_iam_compares(tag_key))
        if other is not None:
            which = "it" if other.rule_id == rule.rule_id else f"rule {other.rule_id}"
            raise ItemError(
                f"{_where_asked(rule, tag_key)} asks for the tag {quoted(tag_key)}, which {which} "
                "deletes, so the answer would change in the next run; ask for the tag that "
                "replaces it"
            )


def _refuse_alias_of_another(
    rule: Rule, keys: Mapping[str, int], named: Mapping[str, Rule]
) -> None:
    """Refuse an alias that is another rule's key, or means two keys."""
    own = as_iam_compares(rule.tag_key)
    for alias in rule.aliases:
        form = as_iam_compares(alias)
        if form != own and form in keys:
            raise ItemError(
                f"Aliases has {quoted(alias)}, which is the TagKey of rule {keys[form]}; a tag has "
                "one meaning, so drop one of them"
            )
    for spelling in (rule.tag_key, *rule.aliases) if rule.aliases else ():
        other = named[folded(spelling)]
        if as_iam_compares(other.tag_key) != own:
            raise ItemError(
                f"{quoted(spelling)} is a spelling of {quoted(other.tag_key)}, too, by the Aliases "
                f"of rule {other.rule_id}; a tag has one meaning, so drop one of them"
            )


def _where_asked(rule: Rule, tag_key: str) -> str:
    return "From" if f"{TAG_FACT}{tag_key}" in rule.sources else "When"


def _refuse_silenced(rule: Rule, tag_key: str, bad: "Item | None") -> None:
    if bad is None:
        return
    is_alias = tag_key in rule.aliases
    if rule.rule_id < _id_or(0, bad) and not is_alias:
        return
    where = (
        "an item without a readable RuleId, which may come before this rule"
        if rule_id_of(bad) is None
        else f"rule {name_of(bad)}, which {'is bad' if is_alias else 'comes before this one'}"
    )
    if tag_key == rule.tag_key:
        what = f"TagKey {quoted(tag_key)} is"
    else:
        names = "Aliases has" if is_alias else f"{_where_asked(rule, tag_key)} asks for"
        what = f"{names} {quoted(tag_key)}, which is"
    raise ItemError(
        f"{what} that of {where} and cannot be used; this rule would now apply to instances meant "
        "for that one, so fix that one first"
    )


def _id_or(otherwise: float, item: "Item") -> float:
    rule_id = rule_id_of(item)
    return otherwise if rule_id is None else rule_id
