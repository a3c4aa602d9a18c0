"""Small makers of the engine's own objects, for tests that care about one field of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tag_policy.model.assignment import Mode, Scope, Trigger
from tag_policy.model.finding import Code, Finding, Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.mark import Mark
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import End, Remedy
from tag_policy.model.resource import ResourceRef
from tag_policy.model.rule import Action, Rule
from tag_policy.model.target import Target
from tag_policy.reporting.report import Outcomes, Report
from tag_policy.rules.evaluation import Evaluator
from tag_policy.settings import Settings

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

HOME = Target("aws", "eu-west-1", "123456789012")

PROJECT_CODE = Rule(1, "ProjectCode", Action.UPDATE, required=True, default="Proj007")
CREATED_BY = Rule(2, "CreatedBy", Action.USER_LOOKUP, required=True, default="Undefined")
EXPIRES = Rule(3, "Expires", Action.FUNCTION, required=False, default="today()")
DEFAULT_RULES = (PROJECT_CODE, CREATED_BY, EXPIRES)

ENVIRONMENT: Mapping[str, str] = {
    "TAG_POLICY_RULES_TABLE": "tag-policy-rules",
    "TAG_POLICY_STATE_TABLE": "tag-policy-state",
    "TAG_POLICY_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:tag-policy-reports",
    "TAG_POLICY_VPCS": '{"ids": ["vpc-abc123c1", "vpc-0def"]}',
    "TAG_POLICY_UNTAGGED_ACTION": "terminate",
    "TAG_POLICY_MODE": "enforce",
    "TAG_POLICY_MAX_ESCALATION": "none",
    "TAG_POLICY_GRACE_PERIOD": "0s",
    "TAG_POLICY_MINIMUM_AGE": "15m",
    "TAG_POLICY_MARKER_TAG_KEY": "tag-policy:due",
    "TAG_POLICY_FORMER_MARKER_TAG_KEYS": "[]",
    "TAG_POLICY_EXEMPT_TAG_KEY": "tag-policy:exempt",
    "TAG_POLICY_PROTECT_MANAGED": "true",
    "TAG_POLICY_MAX_DESTRUCTIVE": "10",
    "TAG_POLICY_CREATOR_FORMAT": "name",
    "TAG_POLICY_ATTRIBUTION_DETAILS": "off",
    "TAG_POLICY_ATTRIBUTION_DELAY_MINUTES": "30",
    "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS": "300",
    "TAG_POLICY_LOOKUPS_PER_SECOND": "2",
    "TAG_POLICY_REPORT_UNCHANGED": "daily",
}
"""The environment of a function as Terraform writes it, with Terraform's defaults."""


def settings(**changes: str) -> Settings:
    """Make settings; ``untagged_action="stop"`` changes ``TAG_POLICY_UNTAGGED_ACTION``."""
    changed = {f"TAG_POLICY_{name.upper()}": value for name, value in changes.items()}
    return Settings.from_env({**ENVIRONMENT, **changed})


def ref(
    instance_id: str = "i-0123456789abcdef0", name: str = "", created_at: datetime = NOW
) -> ResourceRef:
    """Make a reference to an instance."""
    return ResourceRef(instance_id, "vpc-abc123c1", name, created_at, {})


def instance(tags: Mapping[str, str], state: str = "running", **changes: Any) -> Instance:
    """Make an instance with some tags, a day old where nothing else is said."""
    yesterday = NOW - timedelta(days=1)
    reference = replace(ref(created_at=yesterday), **changes)
    return Instance(reference, state, dict(tags), started_at=yesterday)


ENGINE = "tag-policy"


def verdict(found: Instance, rules: Sequence[Rule], how: Settings, now: datetime = NOW) -> Verdict:
    """Return what the engine ``tag-policy`` says of an instance."""
    return Evaluator(rules, how, ENGINE, now)(found)


def evaluate(
    found: Instance, rules: Sequence[Rule], how: Settings, now: datetime = NOW
) -> list[Finding]:
    """Return what the engine ``tag-policy`` finds about an instance; nothing where it is exempt."""
    return list(verdict(found, rules, how, now).findings)


def mark(
    time: datetime,
    announced: datetime | None,
    action: End = End.TERMINATE,
    engine: str = ENGINE,
) -> Mark:
    """Make a mark of an untagged instance."""
    return Mark(engine, action, time, "untagged", announced)


def outcome(result: Result = Result.TAGGED, **changes: Any) -> Outcome:
    """Make an outcome, of a missing ProjectCode where nothing else is said.

    ``code`` is that of the outcome, ``finding_code`` that of its finding.
    """
    values: dict[str, Any] = {
        "resource": ref(),
        "remedy": Remedy.TAG,
        "reason": "required tag missing",
        "tag_key": "ProjectCode",
        "value": "Proj007",
    }
    detail, code = changes.pop("detail", ""), changes.pop("code", "")
    if "mark" in changes:
        changes = {"remedy": Remedy.MARK, "tag_key": "tag-policy:due", "value": None} | changes
    values["code"] = changes.pop("finding_code", Code.MISSING)
    return Outcome(Finding(**(values | changes)), result, detail, code)


def report(**changes: Any) -> Report:
    """Make a report of a run that found nothing."""
    values: dict[str, Any] = {
        "mode": Mode.ENFORCE,
        "trigger": Trigger.SCHEDULE,
        "scope": Scope.ALL,
        "acts": True,
        "rehearsal": False,
        "vpc_ids": ("vpc-abc123c1",),
        "target": HOME,
        "engine": "tag-policy",
        "time": NOW,
        "log_group": "/aws/lambda/tag-policy",
        "request_id": "00000000-0000-0000-0000-000000000000",
        "rules": 3,
    }
    outcomes = Outcomes(changes.pop("outcomes", ()))
    return Report(**(values | changes), outcomes=outcomes)
