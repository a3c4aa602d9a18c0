"""The recorded launch events: one file each, which says where AWS documents its shape."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.event_history import Event

FOLDER = Path(__file__).parent.parent / "unit" / "events" / "launches"


def recorded(name: str) -> Event:
    """Return an event as LookupEvents does: its time as a datetime, its record as text."""
    event: Event = dict(recording(name)["event"])
    event["EventTime"] = datetime.fromisoformat(event["EventTime"])
    if "CloudTrailEvent" in event:
        event["CloudTrailEvent"] = json.dumps(event["CloudTrailEvent"])
    return event


def recording(name: str) -> Mapping[str, Any]:
    """Return a file as it is: ``documented_at``, perhaps a ``remark``, and the ``event``."""
    content: Mapping[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content
