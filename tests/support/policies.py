"""The role's policies as Terraform renders them, for every shape that the inputs can give them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tag_policy.model.resource import ResourceType
from tests.support.embedded_aws import EmbeddedAws

Policies = list[dict[str, Any]]
"""The documents of all policies of a role."""

ISOLATION_GROUPS = {"vpc-0a1b2c3d4e5f67890": "sg-0a1b2c3d4e5f67890"}
"""What isolated instances get, by VPC."""

VPC_ID = "vpc-0a1b2c3d4e5f67890"
"""The VPC that the variants look after."""

_OF_ALL: dict[str, Any] = {
    "vpc_ids": [VPC_ID],
    "mode": "enforce",
    "grace_period": "0s",
    "rules": {
        "1": {"tag_key": "ProjectCode", "action": "Update", "default": "Proj007"},
        "2": {"tag_key": "CreatedBy", "action": "UserLookup"},
        "3": {"tag_key": "Expires", "action": "Function", "required": False, "default": "today()"},
    },
}

VARIANTS: dict[str, dict[str, Any]] = {
    "terminate": {"untagged_action": "terminate"},
    "stop": {"untagged_action": "stop"},
    "notify": {"untagged_action": "notify"},
    "remediate": {"untagged_action": "remediate"},
    "audit": {"untagged_action": "terminate", "mode": "audit"},
    # One VPC is enforced, and instances are stopped there; in the others, which are audited, they
    # would be terminated.
    "one-enforced": {
        "untagged_action": "terminate",
        "mode": "audit",
        "vpc_overrides": {"vpc-0a1b2c3d4e5f67890": {"mode": "enforce", "untagged_action": "stop"}},
    },
    # Instances are terminated in most VPCs, and stopped in one.
    "two-ends": {
        "untagged_action": "terminate",
        "vpc_overrides": {"vpc-0a1b2c3d4e5f67890": {"untagged_action": "stop"}},
    },
    "event-id": {"untagged_action": "terminate", "creator": {"details": "event_id"}},
    "shared": {
        "untagged_action": "notify",
        "rules_table": {"name": "shared-rules", "writable_tag_keys": ["Owner"]},
        "creator": {"details": "event_time"},
    },
    "events": {
        "untagged_action": "terminate",
        "event_triggers": {"launch": True, "state_change": True, "tag_change": True},
        "config_rule": "remediate",
    },
    "by-hand": {
        "untagged_action": "notify",
        "rules": {},
        "rules_table": {"writable_tag_keys": ["Owner"]},
        "creator": {"details": "event_id"},
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
    "spelling": {
        "untagged_action": "notify",
        "rules": {
            "10": {"tag_key": "Stage", "normalize": ["trim", "lower"]},
            "20": {
                "tag_key": "Backup",
                "action": "Update",
                "default": "daily",
                "allowed_values": ["daily", "none"],
                "replace_invalid": True,
            },
            "30": {"tag_key": "Team", "action": "Update", "default": "web"},
        },
    },
    "checks": {
        "untagged_action": "stop",
        "rules": {
            "10": {"tag_key": "Owner"},
            "20": {"tag_key": "Stage", "allowed_values": ["prod", "dev"]},
        },
    },
    "taking": {
        "untagged_action": "remediate",
        "rules": {
            "10": {"tag_key": "Center", "aliases": ["cc", "cost center"], "rename": True},
            "20": {"tag_key": "Team", "aliases": ["tm"]},
            "30": {"tag_key": "Old", "action": "Remove"},
            "40": {"tag_key": "Stage", "action": "Update", "from": ["vpc", "auto_scaling_group"]},
        },
    },
    # Rules are about what hangs off instances, too.
    "hanging": {
        "untagged_action": "stop",
        "rules": {
            "10": {
                "tag_key": "Center",
                "resource_types": [
                    *("instance", "volume", "network-interface"),
                    *("snapshot", "image", "elastic-ip"),
                ],
                "action": "Update",
                "from": ["volume", "instance", "vpc"],
            },
            "20": {"tag_key": "Owner", "action": "UserLookup"},
            "30": {
                "tag_key": "Owner",
                "resource_types": ["volume", "snapshot"],
                "action": "Update",
                "from": ["instance"],
            },
            "40": {"tag_key": "Old", "resource_types": ["volume"], "action": "Remove"},
        },
    },
    # Rules end instances that have tags; those without are stopped, by another statement.
    "escalating": {
        "untagged_action": "stop",
        "max_escalation": "terminate",
        "isolation_security_groups": ISOLATION_GROUPS,
        "rules": {
            "1": {"tag_key": "ProjectCode", "action": "Update", "default": "Proj007"},
            "10": {
                "tag_key": "Owner",
                "escalate": {"isolate": "1d", "stop": "7d", "terminate": "14d"},
            },
            "20": {"tag_key": "Stage", "action": "Update", "default": "dev"},
        },
    },
    # Those without tags are isolated, and no rule ends anything.
    "isolate": {
        "untagged_action": "isolate",
        "isolation_security_groups": ISOLATION_GROUPS,
    },
    # Rules stop instances at most, and nothing is done about those without tags.
    "stopping": {
        "untagged_action": "notify",
        "max_escalation": "terminate",
        "rules": {"10": {"tag_key": "Owner", "escalate": {"stop": "7d"}}},
    },
    "encrypted": {
        "untagged_action": "notify",
        "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-123456",
    },
}


def types_of(variant: str) -> list[str]:
    """Return what the rules of a variant are about, as Terraform tells the function."""
    rules = VARIANTS.get(variant, {}).get("rules", {}).values()
    return sorted({"instance"}.union(*(rule.get("resource_types", ()) for rule in rules)))


_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_EVERYTHING: dict[str, Any] = {
    "untagged_action": "terminate",
    "creator": {"details": "event_time"},
    "event_triggers": {"launch": True, "state_change": True, "tag_change": True},
    "config_rule": "evaluate",
    "kms_key_arn": _KEY,
    "rules_table": {"name": "t" * 255, "kms_key_arn": _KEY},
    "topic": {"arn": f"arn:aws:sns:eu-west-1:123456789012:{'t' * 256}", "kms_key_arn": _KEY},
    "report_bucket": {
        "name": "b" * 63,
        "prefix": "p" * 99 + "/",
        "kms_key_arn": _KEY,
    },
}

_BOTH_ENDS_IN_A_VPC: dict[str, Any] = {
    "vpc_overrides": {"vpc-0a1b2c3d4e5f67890": {"untagged_action": "stop"}},
    "function": {
        "vpc_config": {
            "subnet_ids": ["subnet-0a1b2c3d4e5f67890"],
            "security_group_ids": ["sg-0a1b2c3d4e5f67890"],
        }
    },
}

# More shapes, for questions about the policies alone.
#
# The longest ones are what nobody deploys: everything that makes a policy long, and as many tag
# keys as the module takes (tests/module/value_lock.tftest.hcl has one more of each refused).
SHAPES: dict[str, dict[str, Any]] = VARIANTS | {
    "warned": {
        "untagged_action": "terminate",
        "grace_period": "24h",
        "former_marker_tag_keys": ["due", "tag-policy:old"],
    },
    "given": {
        "rules": {},
        "rules_table": {
            "name": "shared-rules",
            "kms_key_arn": _KEY,
            "writable_tag_keys": ["Owner"],
        },
        "topic": {
            "arn": "arn:aws:sns:eu-west-1:123456789012:reports",
            "kms_key_arn": _KEY.replace("1234abcd", "5678abcd"),
        },
    },
    "escalation-audited": {
        "mode": "audit",
        "max_escalation": "terminate",
        "isolation_security_groups": ISOLATION_GROUPS,
        "rules": {"10": {"tag_key": "Owner", "escalate": {"isolate": "1d", "terminate": "14d"}}},
    },
    "escalation-of-the-table": {
        "untagged_action": "notify",
        "max_escalation": "stop",
        "rules": {},
        "rules_table": {"name": "shared-rules", "writable_tag_keys": ["Owner"]},
    },
    "in-vpc": {
        "untagged_action": "notify",
        "function": {
            "vpc_config": {
                "subnet_ids": ["subnet-0a1b2c3d4e5f67890"],
                "security_group_ids": ["sg-0a1b2c3d4e5f67890"],
            }
        },
    },
    "fullest": {
        "untagged_action": "notify",
        "rules": {},
        "rules_table": {"writable_tag_keys": [f"key-{number:08}" for number in range(99)]},
    },
    "n" * 40: _EVERYTHING
    | {
        "rules": {},
        "rules_table": {"writable_tag_keys": [f"key-{number:08}" for number in range(46)]},
    },
    "d" * 40: _EVERYTHING
    | {"rules": {}, "rules_table": {"writable_tag_keys": ["Owner"], "removable_tag_keys": ["cc"]}},
    "h" * 40: _EVERYTHING
    | {
        "rules": {},
        "rules_table": {
            "writable_tag_keys": ["Owner"],
            "removable_tag_keys": ["cc"],
            "resource_types": [str(one) for one in ResourceType],
        },
    },
    "e" * 40: _EVERYTHING
    | _BOTH_ENDS_IN_A_VPC
    | {
        "rules": {},
        "rules_table": {"writable_tag_keys": [f"key-{number:08}" for number in range(21)]},
    },
    # All three ends, by rules and without, in two VPCs that have a group.
    "i" * 40: _EVERYTHING
    | _BOTH_ENDS_IN_A_VPC
    | {
        "vpc_overrides": {
            "vpc-0a1b2c3d4e5f67890": {"untagged_action": "stop"},
            "vpc-0a1b2c3d4e5f67891": {"untagged_action": "isolate"},
        },
        "vpc_ids": ["vpc-0a1b2c3d4e5f67890", "vpc-0a1b2c3d4e5f67891"],
        "max_escalation": "terminate",
        "isolation_security_groups": {
            "vpc-0a1b2c3d4e5f67890": "sg-0a1b2c3d4e5f67890",
            "vpc-0a1b2c3d4e5f67891": "sg-0a1b2c3d4e5f67891",
        },
        "rules": {},
        "rules_table": {"writable_tag_keys": ["Owner"]},
    },
    "v" * 40: _EVERYTHING
    | _BOTH_ENDS_IN_A_VPC
    | {
        "creator": {"details": "off"},
        "rules": {},
        "rules_table": {"writable_tag_keys": [f"{number:0127}" for number in range(4)]},
    },
    "m" * 40: _EVERYTHING
    | {
        "creator": {"details": "off"},
        "rules": {},
        "rules_table": {"writable_tag_keys": [f"{number:0127}" for number in range(13)]},
    },
}

_MODULE = """
module "{name}" {{
  source  = "../.."
  name    = "{name}"
{inputs}
}}

output "{name}" {{
  value = concat([module.{name}.role_policy_json], module.{name}.value_lock_policy_jsons)
}}
"""


def policies_of(iam: Any, role_name: str) -> Policies:
    """Return the documents of all policies that a role has in AWS: its own, and the attached."""
    own = [
        iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    ]
    attached = [
        iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]
        for policy in iam.list_attached_role_policies(RoleName=role_name)["AttachedPolicies"]
    ]
    return own + [
        iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])[
            "PolicyVersion"
        ]["Document"]
        for policy in attached
    ]


@dataclass(frozen=True, repr=False)
class Rendered:
    """What Terraform makes of the variants.

    ``policies`` has all policies of the role for each of ``SHAPES``, its own first, by its name.
    ``event_patterns`` has the patterns of the variant ``events``, by trigger.
    """

    policies: dict[str, Policies]
    event_patterns: dict[str, str]

    def __repr__(self) -> str:
        """Return no pages of policies, for the messages of tests that fail."""
        return "Rendered(…)"


def render(aws: EmbeddedAws) -> Rendered:
    """Render what the variants say.

    Applies no more than that needs: the policies are made of names, so that it is the event rules.
    """
    text = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
    for name, inputs in SHAPES.items():
        lines = "\n".join(
            f"  {key} = {json.dumps(value)}" for key, value in (_OF_ALL | inputs).items()
        )
        text += _MODULE.format(name=name, inputs=lines)
    module = aws.root_module(text)
    targets = [f"-target=module.{name}.data.aws_iam_policy_document.this" for name in SHAPES]
    targets.append("-target=module.events.aws_cloudwatch_event_rule.event")
    module.run("init", "-input=false")
    module.run("apply", "-input=false", "-auto-approve", *targets)
    outputs = module.outputs
    rules = aws.client("events").list_rules(NamePrefix="events-")["Rules"]
    return Rendered(
        policies={name: [json.loads(text) for text in outputs[name]] for name in SHAPES},
        event_patterns={
            rule["Name"].removeprefix("events-"): rule["EventPattern"]
            for rule in rules
            if "EventPattern" in rule
        },
    )


def as_configured(
    policies: Policies, of: str, name: str, marker: str, former: Sequence[str], *, has_grace: bool
) -> Policies:
    """Return the policies of the variant ``of`` as they are for an engine with another name.

    ``marker`` and ``former`` are its marker keys. Rendered they are for the default key, and for no
    grace period; with one, the mark without one is not enough (see ``has_no_grace`` in iam.tf).
    """
    text = json.dumps(policies)
    for before, after in (
        (f":table/{of}-", f":table/{name}-"),
        (f":{of}-reports", f":{name}-reports"),
        (f"/lambda/{of}:", f"/lambda/{name}:"),
        (f'"{of}: ', f'"{name}: '),
        (f'"announcing {of}: ', f'"announcing {name}: '),
        (_MARKER, marker),
    ):
        text = text.replace(before, after)
    changed: Policies = json.loads(text)
    for statement in (s for policy in changed for s in policy["Statement"]):
        condition = statement.get("Condition", {})
        if statement.get("Sid") == "TakeBackTheMark":
            condition["ForAllValues:StringEquals"]["aws:TagKeys"] = [marker, *former]
        marks = condition.get("StringLike", {}).get(f"aws:ResourceTag/{marker}", [])
        if marks and has_grace:
            condition["StringLike"][f"aws:ResourceTag/{marker}"] = [
                mark
                for mark in ([marks] if isinstance(marks, str) else marks)
                if not mark.endswith("no grace period")
            ]
    return changed


_MARKER = "tag-policy:due"
