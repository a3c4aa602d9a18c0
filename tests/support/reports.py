"""Reports for tests of what people and machines are told."""

import json
from datetime import timedelta
from typing import Any

from tag_policy.model.outcome import Result
from tag_policy.model.remedy import Remedy
from tag_policy.reporting import sns_message
from tag_policy.reporting.report import Report
from tests.support.builders import NOW, mark, outcome

TOMORROW = NOW + timedelta(days=1)
MARK = mark(TOMORROW, TOMORROW)
ONE_OF_EACH = [
    outcome(Result.TAGGED),
    outcome(Result.NOTIFIED, remedy=Remedy.NOTIFY, tag_key="", value=None),
    outcome(Result.MARKED, mark=MARK),
    outcome(Result.UNMARKED, remedy=Remedy.UNMARK, tag_key="due", value=None),
    outcome(Result.DEFERRED, value=None, detail="its event may be on its way"),
    outcome(Result.FAILED, code="TagLimitExceeded", detail="too many tags"),
    outcome(Result.STOPPED, remedy=Remedy.STOP, tag_key="", value=None),
    outcome(Result.TERMINATED, remedy=Remedy.TERMINATE, tag_key="", value=None),
    outcome(Result.LEFT, remedy=Remedy.LEAVE, tag_key="due", value=None),
    outcome(Result.REPORTED, remedy=Remedy.REPORT, value=None, rule_id=10, note="ask ops"),
    outcome(Result.AUDITED, remedy=Remedy.STOP, tag_key="", value=None),
    outcome(
        Result.ISOLATED, remedy=Remedy.ISOLATE, tag_key="", value=None, found="eni-1: sg-1, sg-2"
    ),
    outcome(Result.REMOVED, remedy=Remedy.REMOVE, tag_key="cc", value="4711"),
]


def parts(of: Report) -> tuple[str, dict[str, Any]]:
    """Return what the first message of a report says, for people and for machines."""
    message = json.loads(sns_message.message(of))
    return message["email"], json.loads(message["default"])
