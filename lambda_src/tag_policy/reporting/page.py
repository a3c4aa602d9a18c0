"""The report as a page for a browser, in one file that loads nothing from anywhere. Pure.

Tag values, names and reasons are written by strangers. They stand in the page as JSON, in which no
``<`` is left, and its script only ever sets them as text; the page's policy lets no other script
run than the one whose hash it names.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tag_policy.reporting.email import verdict
from tag_policy.reporting.report import Report
from tag_policy.reporting.sns_message import head
from tag_policy.reporting.wording import WORDING

_TEMPLATE = Path(__file__).with_name("page.html")


def render(report: Report, history: Iterable[Mapping[str, Any]], findings: Iterable[str]) -> str:
    """Return the page of a run.

    ``history`` are the ``point``s of the last runs, oldest first; ``findings`` is the JSON of the
    findings to show, as the log has them, worst first or in any other order.
    """
    shown = list(findings)
    data = json.dumps(
        head(report)
        | {
            "results": {r: [wording.label, wording.tone] for r, wording in WORDING.items()},
            "history": list(history),
            "findings_left_out": len(report.outcomes) - len(shown),
        },
        ensure_ascii=False,
    )
    data = f'{data[:-1]}, "findings": [{",".join(shown)}]}}'
    before, _, after = _template().partition("{{DATA}}")
    escaped = html.escape(verdict(report))
    return f"{before.replace('{{VERDICT}}', escaped)}{data.replace('<', _LESS_THAN)}{after}"


_LESS_THAN = "\\u003c"
"""What JSON may write instead of a ``<``, which could end the script element that it stands in."""


def point(report: Report) -> dict[str, Any]:
    """Return what the chart of later pages shows of a run."""
    return {
        "time": report.time.isoformat(timespec="seconds"),
        "complete": report.complete,
        "instances": report.instances,
        "compliant": report.compliant,
        "exempt": report.exempt,
        "violations": report.violations,
    }


def points(history: Any, until: datetime) -> list[dict[str, Any]]:
    """Return the points of a history that was kept, oldest first; what is none is left out.

    Whoever may write to the bucket may have written them: each is made anew, of a time up to
    ``until`` and of numbers that a run may have. Raises TypeError for what is no history at all.
    """
    if not isinstance(history, dict) or not isinstance(history.get("runs"), list):
        raise TypeError("a history is an object with a list of runs")
    found = [read for run in history["runs"] if (read := _point(run, until)) is not None]
    return sorted(found, key=lambda read: str(read["time"]))


_NUMBERS = ("instances", "compliant", "exempt", "violations")
_LARGEST = 10**9
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
"""What a point may hold: the chart of a page spans its times, and divides its numbers."""


def _point(run: Any, until: datetime) -> dict[str, Any] | None:
    """Return a point of a history in the form in which ``point`` makes one; None for any other."""
    try:
        time = datetime.fromisoformat(run["time"])
        good = (
            time.tzinfo is not None
            and _FIRST <= time <= until
            and type(run["complete"]) is bool
            and all(type(run[name]) is int and 0 <= run[name] <= _LARGEST for name in _NUMBERS)
        )
    except (KeyError, TypeError, ValueError):
        return None
    if not good:
        return None
    return {
        "time": time.astimezone(UTC).isoformat(timespec="seconds"),
        "complete": run["complete"],
        **{name: run[name] for name in _NUMBERS},
    }


def _template() -> str:
    """Return the template, with the hashes of its style and its script in its policy."""
    template = _TEMPLATE.read_text(encoding="utf-8")
    for name, element in (("STYLE", "<style>"), ("SCRIPT", "<script>")):
        content = template.partition(element)[2].partition(element.replace("<", "</"))[0]
        template = template.replace(f"{{{{{name}-HASH}}}}", _hash(content))
    return template


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
