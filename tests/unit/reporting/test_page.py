"""The page as a file, to which strangers cannot add anything. In a browser: tests/page."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.assignment import Mode
from tag_policy.model.outcome import Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.text import DETAIL_LIMIT, clean
from tag_policy.reporting import page
from tag_policy.reporting.sns_message import as_record
from tests.support.builders import NOW, outcome, ref, report

NASTY = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "{{DATA}} {{VERDICT}}",
    "\u2028\u2029\u202e\x00",
    "😀" * 256,
]


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and what stands in each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.contents: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.contents.setdefault(self.found[-1][0] if self.found else "", []).append(data)


def data_of(text: str) -> dict[str, Any]:
    (data,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL
    )
    parsed: dict[str, Any] = json.loads(data)
    return parsed


def rendered(texts: list[str], **changes: Any) -> str:
    outcomes = [
        outcome(resource=ref(name=text), value=text, detail=text, owner=text) for text in texts
    ]
    lines = [json.dumps(as_record(one), ensure_ascii=False) for one in outcomes]
    return page.render(report(outcomes=outcomes, problems=texts, **changes), [], lines)


EMPTY = [tag for tag, _ in Elements(rendered([])).found]


@given(st.lists(st.text(max_size=300) | st.sampled_from(NASTY), max_size=4))
def test_whatever_strangers_write_the_page_has_the_same_elements(texts: list[str]) -> None:
    text = rendered(texts)

    assert [tag for tag, _ in Elements(text).found] == EMPTY
    found = data_of(text)["findings"]
    shown = [clean(text, DETAIL_LIMIT) for text in texts]
    assert [finding.get("new_value", "") for finding in found] == shown


def test_the_page_lets_its_own_script_and_style_run_and_no_other() -> None:
    text = rendered(NASTY)
    elements = Elements(text)
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in elements.found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))

    assert directives["default-src"] == "'none'"
    assert directives.keys() == {
        "default-src",
        "base-uri",
        "form-action",
        "style-src",
        "script-src",
    }
    for name in ("script", "style"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert directives[f"{name}-src"] == f"'sha256-{digest}'"


def test_the_page_loads_nothing_from_anywhere() -> None:
    elements = Elements(rendered(NASTY)).found

    assert not [
        tag for tag, attributes in elements if {"src", "href", "action"} & attributes.keys()
    ]
    assert not {"link", "img", "iframe", "object", "base", "form"} & {tag for tag, _ in elements}


def test_the_verdict_can_be_read_without_a_script() -> None:
    text = rendered(["x"])

    assert "NEEDS ACTION: the run is incomplete, 1 tag written." in html.unescape(
        text.partition("<noscript>")[0]
    )
    audit = rendered(["x"], mode=Mode.AUDIT)
    assert "AUDIT: NOTHING WAS CHANGED" in audit.partition("<noscript>")[0]


def test_what_does_not_fit_is_counted() -> None:
    outcomes = [outcome(Result.TERMINATED, remedy=Remedy.TERMINATE), outcome()]
    text = page.render(report(outcomes=outcomes), [], [json.dumps(as_record(outcomes[0]))])

    data = data_of(text)
    assert data["findings_left_out"] == 1
    assert data["summary"]["outcomes"]["tagged"] == 1


def test_a_point_of_the_chart_has_the_numbers_of_its_run() -> None:
    point = page.point(report(instances=10, compliant=7, exempt=1, violations=4))

    assert (point["instances"], point["compliant"], point["violations"]) == (10, 7, 4)
    assert point["complete"]
    assert json.loads(json.dumps(point)) == point


GOOD = {
    "time": "2026-11-23T07:00:00+00:00",
    "complete": True,
    "instances": 10,
    "compliant": 7,
    "exempt": 1,
    "violations": 4,
}


def test_the_points_of_a_history_are_those_that_were_kept_oldest_first() -> None:
    earlier = GOOD | {"time": "2026-11-23T06:00:00+00:00"}

    assert page.points({"runs": [GOOD, earlier]}, NOW) == [earlier, GOOD]
    elsewhere = GOOD | {"time": "20261123T090000+02:00", "more": [1]}
    assert page.points({"runs": [elsewhere]}, NOW) == [GOOD], "in the form of every other"


@pytest.mark.parametrize(
    "change",
    [
        {"time": "0001-01-01T00:00:00+14:00"},
        {"time": "9999-12-31T23:59:59-14:00"},
        {"time": "2019-12-31T23:59:59+00:00"},
        {"time": "2026-11-23T08:00:01+00:00"},
        {"time": "2026-11-23T07:00:00"},
        {"time": "2026-11-23"},
        {"time": "x" * 100_000},
        {"time": 1e308},
        {"time": ["2026-11-23T07:00:00+00:00"]},
        {"complete": 1},
        {"instances": -1},
        {"instances": 10**4000},
        {"compliant": 1e308},
        {"exempt": True},
        {"violations": float("inf")},
        {"violations": {"a": []}},
    ],
    ids=lambda change: f"{change!r:.60}",
)
def test_a_point_that_no_run_has_made_is_left_out(change: dict[str, Any]) -> None:
    assert page.points({"runs": [GOOD | change, GOOD, change, [], None]}, NOW) == [GOOD]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*GOOD, "runs"]), inner, max_size=6)
        ),
    )
)
def test_whatever_stands_in_a_history_the_page_of_it_can_be_made(value: Any) -> None:
    history = page.points({"runs": [value, GOOD | (value if isinstance(value, dict) else {})]}, NOW)

    assert data_of(page.render(report(), history, []))["history"] == history
