"""The role's policy as Terraform renders it, for every shape that the inputs can give it."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.embedded_aws import EmbeddedAws

VARIANTS: dict[str, dict[str, Any]] = {
    "terminate": {"untagged_action": "terminate"},
    "stop": {"untagged_action": "stop"},
    "notify": {"untagged_action": "notify"},
    "remediate": {"untagged_action": "remediate"},
    "audit": {"untagged_action": "terminate", "mode": "audit"},
    "event-id": {"untagged_action": "terminate", "attribution_details": "event_id"},
    "shared": {
        "untagged_action": "notify",
        "rules_table_name": "shared-rules",
        "writable_tag_keys": ["Owner"],
        "attribution_details": "event_time",
    },
    "events": {
        "untagged_action": "terminate",
        "event_triggers": {"launch": True, "state_change": True, "tag_change": True},
        "config_rule": True,
        "config_rule_remediates": True,
    },
    "by-hand": {
        "untagged_action": "notify",
        "rules": {},
        "writable_tag_keys": ["Owner"],
        "attribution_details": "event_id",
    },
    "archive": {
        "untagged_action": "terminate",
        "report_bucket": {
            "name": "all-reports",
            "prefix": "tag-policy/",
            "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-123456",
        },
    },
    "no-lookup": {
        "untagged_action": "notify",
        "rules": {"1": {"tag_key": "ProjectCode", "action": "Update", "default": "Proj007"}},
    },
    "encrypted": {
        "untagged_action": "notify",
        "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-123456",
    },
}

_MODULE = """
module "{name}" {{
  source  = "../.."
  name    = "{name}"
  vpc_ids = ["vpc-0a1b2c3d4e5f67890"]
{inputs}
}}

output "{name}" {{
  value = module.{name}.role_policy_json
}}
"""


@dataclass(frozen=True, repr=False)
class Rendered:
    """What Terraform makes of the variants.

    ``policies`` has the role's policy for each variant, by its name. ``event_patterns`` has the
    patterns of the variant ``events``, by trigger.
    """

    policies: dict[str, dict[str, Any]]
    event_patterns: dict[str, str]

    def __repr__(self) -> str:
        """Return no pages of policies, for the messages of tests that fail."""
        return "Rendered(…)"


def render(aws: EmbeddedAws) -> Rendered:
    """Render what the variants say.

    Applies no more than that needs: the tables, topics and log groups that the policies name, and
    the event rules.
    """
    text = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
    for name, inputs in VARIANTS.items():
        lines = "\n".join(f"  {key} = {json.dumps(value)}" for key, value in inputs.items())
        text += _MODULE.format(name=name, inputs=lines)
    module = aws.root_module(text)
    targets = [f"-target=module.{name}.data.aws_iam_policy_document.this" for name in VARIANTS]
    targets.append("-target=module.events.aws_cloudwatch_event_rule.event")
    module.run("init", "-input=false")
    module.run("apply", "-input=false", "-auto-approve", *targets)
    outputs = module.outputs
    rules = aws.client("events").list_rules(NamePrefix="events-")["Rules"]
    return Rendered(
        policies={name: json.loads(outputs[name]) for name in VARIANTS},
        event_patterns={
            rule["Name"].removeprefix("events-"): rule["EventPattern"]
            for rule in rules
            if "EventPattern" in rule
        },
    )
