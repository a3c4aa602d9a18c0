"""The rules table: DynamoDB items to rules, and what is wrong with the items that are none."""

import re
from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from tag_policy.aws.pace import PacedCalls
from tag_policy.model import Action, Rule, RuleError, TagPolicyError
from tag_policy.rules import functions as values

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, ScanOutputTypeDef

# Limits of EC2 tags.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
MAX_TAG_KEY_LENGTH = 127
MAX_TAG_VALUE_LENGTH = 256

UNKNOWN_CREATOR = "Undefined"
"""What ``UserLookup`` writes when nobody is found and the item names no fallback."""

MOST_ITEMS = 10_000
MOST_BYTES = 4 * 2**20
"""What a table of rules may hold, written out: others may write into it, and a run that has no
memory left tells nobody why. What one page may hold, before it is read: ``aws/fast/parser.py``."""

_ITEMS_A_PAGE = 1_000

_WHOLE_NUMBER = re.compile(r"[1-9][0-9]*")
_REQUIRED = {"Y": True, "N": False}


class _ItemError(TagPolicyError):
    """What is wrong with one item; never leaves this module."""


def scan(
    dynamodb: "DynamoDBClient", table: str, paced: PacedCalls
) -> list[Mapping[str, "AttributeValueTypeDef"]]:
    """Read every item of the table, page by page (a page of Scan holds at most 1 MB).

    ``paced`` makes the calls, and makes those again that are throttled. Raises botocore's
    ClientError, BotoCoreError or ResponseParserError when the table cannot be read, or holds more
    than a table of rules may.
    """
    items: list[Mapping[str, AttributeValueTypeDef]] = []
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


def parse(
    items: Iterable[Mapping[str, "AttributeValueTypeDef"]], own_keys: Container[str] = ()
) -> tuple[list[Rule], list[RuleError]]:
    """Turn items into rules in ascending order of RuleId, and into errors where they are none.

    Of two rules for one tag key the one with the lower RuleId counts; the other is an error. So is
    one about a key of ``own_keys``, which are the engine's.
    """
    rules: list[Rule] = []
    errors: list[RuleError] = []
    for item in sorted(items, key=_order):
        try:
            rule = _rule(item)
            _refuse_second(rule, rules)
            if rule.tag_key in own_keys:
                raise _ItemError(
                    f"TagKey {rule.tag_key!r} is the engine's own mark or exemption; "
                    "choose another key, such as 'ProjectCode'"
                )
        except _ItemError as error:
            errors.append(RuleError(_rule_id_text(item), str(error)))
        else:
            rules.append(rule)
    return rules, errors


def _refuse_second(rule: Rule, rules: Iterable[Rule]) -> None:
    for earlier in rules:
        if earlier.tag_key == rule.tag_key:
            raise _ItemError(
                f"TagKey {rule.tag_key!r} is already the subject of rule {earlier.rule_id}, "
                "which counts; give each tag key one rule"
            )


def _rule_id_text(item: Mapping[str, "AttributeValueTypeDef"]) -> str:
    return item.get("RuleId", {}).get("N", "(without RuleId)")


def _order(item: Mapping[str, "AttributeValueTypeDef"]) -> float:
    try:
        return float(_rule_id_text(item))
    except ValueError:
        return float("inf")


def _rule(item: Mapping[str, "AttributeValueTypeDef"]) -> Rule:
    rule_id, tag_key, action = _rule_id(item), _tag_key(item), _action(item)
    return Rule(
        rule_id=rule_id,
        tag_key=tag_key,
        action=action,
        required=_required(item),
        default=_default(item, action),
    )


def _rule_id(item: Mapping[str, "AttributeValueTypeDef"]) -> int:
    text = _rule_id_text(item)
    if not _WHOLE_NUMBER.fullmatch(text):
        raise _ItemError("RuleId must be a positive whole number, such as 10")
    return int(text)


def _text(item: Mapping[str, "AttributeValueTypeDef"], attribute: str) -> str | None:
    """Return a string attribute; None when it is absent. Any other type is an error."""
    if attribute not in item:
        return None
    value = item[attribute]
    if "S" not in value:
        kind = next(iter(value), "nothing")
        raise _ItemError(f"{attribute} is of type {kind}; it must be a string (S)")
    return value["S"]


def _quoted(text: str) -> str:
    """Quote what stands in the table, however long it is."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def _tag_key(item: Mapping[str, "AttributeValueTypeDef"]) -> str:
    tag_key = _text(item, "TagKey")
    if tag_key is None or not tag_key.strip():
        raise _ItemError("TagKey is missing; name the tag that the rule is about")
    if len(tag_key) > MAX_TAG_KEY_LENGTH:
        raise _ItemError(f"TagKey is longer than {MAX_TAG_KEY_LENGTH} characters")
    if not tag_key.isprintable():
        raise _ItemError(f"TagKey {tag_key!r} holds a character that cannot be printed")
    if tag_key.lower().startswith("aws:"):
        raise _ItemError(f"TagKey {tag_key!r} starts with 'aws:', which AWS keeps for itself")
    return tag_key


def _action(item: Mapping[str, "AttributeValueTypeDef"]) -> Action:
    text = _text(item, "Action")
    if text not in list(Action):
        what = "missing" if text is None else _quoted(text)
        raise _ItemError(f"Action is {what}; it must be one of {', '.join(Action)}")
    return Action(text)


def _required(item: Mapping[str, "AttributeValueTypeDef"]) -> bool:
    text = _text(item, "Required")
    if text is None:
        return True
    if text not in _REQUIRED:
        raise _ItemError(f"Required is {_quoted(text)}; it must be 'Y' or 'N'")
    return _REQUIRED[text]


def _default(item: Mapping[str, "AttributeValueTypeDef"], action: Action) -> str:
    default = _text(item, "Default")
    if default is None and action is Action.USER_LOOKUP:
        return UNKNOWN_CREATOR
    if default is None or not default.strip():
        # A blank value would be found blank again by the next run, for ever.
        raise _ItemError(f"Default is missing or blank; {_DEFAULT_OF[action]}")
    if len(default) > MAX_TAG_VALUE_LENGTH:
        raise _ItemError(f"Default is longer than {MAX_TAG_VALUE_LENGTH} characters")
    if action is Action.FUNCTION:
        try:
            values.parse(default)
        except values.ValueCallError as error:
            raise _ItemError(f"Default {error}") from None
    return default


_DEFAULT_OF = {
    Action.UPDATE: "give the value to set",
    Action.FUNCTION: "give the call to make, such as 'today()'",
    Action.USER_LOOKUP: "give the fallback, or leave the attribute out",
}
