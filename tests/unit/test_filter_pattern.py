"""The embedded AWS's own reading of filter patterns, by the examples of AWS's guide.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

import json
from typing import Any

import pytest

from tests.support.filter_pattern import PatternError, matches, parse, select

LINE: dict[str, Any] = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "cluster": {"number": 7, "ok": True},
}


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        '{ $.sourceIPAddress != "123.123.*" }',
        '{ $.sourceIPAddress = "111.111.*" }',
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.cluster.ok IS TRUE }",
        "{ ($.cluster.number > 6.5) && ($.cluster.number <= 7) }",
        '{ ($.eventType = "Other") || ($.cluster.number >= 7 && $.cluster.number != 8) }',
    ],
)
def test_a_line_that_a_pattern_means_matches(pattern: str) -> None:
    assert matches(parse(pattern), json.dumps(LINE)) == LINE


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "updatetrail" }',
        '{ $.arrayKey[2] = "value" }',
        '{ $.missing = "value" }',
        "{ $.missing > 0 }",
        "{ $.cluster.ok = 1 }",
        "{ $.cluster.ok IS FALSE }",
        "{ $.missing IS FALSE }",
        '{ $.cluster.number = "7" }',
    ],
)
def test_any_other_line_does_not(pattern: str) -> None:
    assert matches(parse(pattern), json.dumps(LINE)) is None


def test_a_line_that_is_no_json_matches_nothing() -> None:
    assert matches(parse('{ $.a != "b" }'), "START RequestId: 1") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ERROR",
        "{ $.a }",
        "{ $.a = }",
        '{ $.a = "x" ',
        '{ $.a > "x" }',
        "{ $.a = 1 } 2",
        "{ a=1 }",
    ],
)
def test_what_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse(pattern)


def test_a_selector_names_a_value() -> None:
    assert select(LINE, "$.objectList[0].name") == "a"
    assert select(LINE, "$.objectList[9].name") is None
