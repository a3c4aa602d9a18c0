"""What a CloudWatch dashboard shows, from its body.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name, and dimensions."""

# What has other characters than letters and digits must stand in quotes.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
_SEARCH = re.compile(
    r'SEARCH\(\'\{"(?P<namespace>[^"]+)",(?P<keys>("\w+",?)+)\} MetricName="(?P<name>\w+)"'
    r'( Engine="[\w-]+")?'
)


def metrics_of(body: str) -> Iterator[Metric]:
    """Yield every metric that a dashboard names, expressions aside."""
    for widget in json.loads(body)["widgets"]:
        above: Sequence[Any] = ()
        for metric in widget["properties"].get("metrics", []):
            names = [part for part in metric if isinstance(part, str)]
            if not names:
                continue  # an expression
            whole = [above[at] if name == "." else name for at, name in enumerate(names)]
            above = whole
            namespace, name, *dimensions = whole
            pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
            yield namespace, name, frozenset(pairs)


def searches_of(body: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield what each search of a dashboard is for: namespace, name, and keys of dimensions."""
    for widget in json.loads(body)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            expression = metric[0].get("expression", "") if isinstance(metric[0], dict) else ""
            if "SEARCH" not in expression:
                continue
            match = _SEARCH.search(expression)
            assert match, f"{expression} is not understood"
            keys = match["keys"].replace('"', "").split(",")
            yield match["namespace"], match["name"], frozenset(keys)


def expressions_of(body: str) -> Iterator[tuple[set[str], set[str]]]:
    """Yield, for each widget with ids, the ids that it gives and those that expressions name."""
    for widget in json.loads(body)["widgets"]:
        options = [
            m[-1] for m in widget["properties"].get("metrics", []) if isinstance(m[-1], dict)
        ]
        given = {option["id"] for option in options if "id" in option}
        named = {
            name
            for option in options
            if "SEARCH" not in option.get("expression", "")
            for name in re.findall(r"[a-z]\w*", option.get("expression", ""))
        }
        yield given, named
