"""The environment of the function, read once into a frozen dataclass."""

import base64
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Self, TypeVar

from tag_policy.model.assignment import Mode
from tag_policy.model.error import TagPolicyError
from tag_policy.model.remedy import MaxEscalation, UntaggedAction
from tag_policy.model.resource import ResourceType
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_text import quoted, trimmed

_VPC_ID = re.compile(r"vpc-[0-9a-f]+")
_GROUP_ID = re.compile(r"sg-[0-9a-f]+")
_EXAMPLE_VPCS = '{"ids": ["vpc-0a1b2c3d4e5f67890"]}'
_PACKED = "gzip:"
_MOST_UNPACKED = 1_000_000
_TOPIC_ARN = re.compile(r"arn:[^:]+:sns:[^:]+:\d{12}:[^:]+")

_DURATION = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNIT = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}

_Choice = TypeVar("_Choice", bound=StrEnum)


class CreatorFormat(StrEnum):
    """How a creator is written into a tag."""

    NAME = "name"
    ARN = "arn"
    ROLE_AND_NAME = "role/name"


class AttributionDetails(StrEnum):
    """What is written next to a creator, so that an auditor finds the event that proves it."""

    OFF = "off"
    EVENT_ID = "event_id"
    EVENT_TIME = "event_time"


class Unchanged(StrEnum):
    """How often a report lists what is as it was when people were last told of it."""

    EVERY_RUN = "every_run"
    DAILY = "daily"
    NEVER = "never"


class _Answer(StrEnum):
    TRUE = "true"
    FALSE = "false"


class SettingsError(TagPolicyError):
    """The environment lacks a variable or holds one that cannot be used; names all of them."""


@dataclass(frozen=True, slots=True)
class VpcOverride:
    """What is said otherwise of one VPC; None is what holds of all."""

    mode: Mode | None = None
    untagged_action: UntaggedAction | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What this deployment is told to do. Terraform writes it, a person reads it in the console.

    ``seeded_rules`` are the rules that Terraform has made, where it owns them, by their ids and tag
    keys; None where people do, in the table.
    ``unlocked_tag_keys`` are those whose values IAM lets the role write over.
    ``named_tag_keys`` are those that the role's lock knows, where it may end something and people
    keep the rules; None elsewhere, because Terraform knows all of them there.
    ``facts`` are what Terraform gives rules to know, by name. ``resource_types`` are what rules may
    be about, and what the role knows.
    ``vpc_ids`` are the VPCs that it looks after. Where these are found anew in each run, they are
    empty here until ``with_vpcs`` says which there are: those that have all of ``vpc_tags``, or,
    with ``all_vpcs``, all of the account and region.
    ``default_mode`` and ``default_untagged_action`` hold of a VPC of which ``vpc_overrides`` say
    nothing else. ``max_escalation`` is how far rules may go with an instance that has tags;
    ``isolation_security_groups`` are the ids of the security groups that isolated instances get, by
    VPC.
    ``grace_period`` lies between the marking of an instance and its end; one younger than
    ``minimum_age`` is not marked yet. ``former_marker_tag_keys`` were ``marker_tag_key`` before, so
    that marks may still stand there. ``state_table`` is where the engine remembers what people were
    told. ``max_destructive`` is how many instances a run may end at
    most, and ``max_destructive_percent`` which share of those that it looks at, None where there is
    no such limit. ``attribution_delay`` is how long after a launch its event may still be on its
    way; ``attribution_budget`` how much of a run may go into looking creators up. ``queue_url`` is
    where events wait, empty where there are none; ``config_rule`` says whether AWS Config asks, and
    ``config_rule_remediates`` whether what it asks about is put right, too. ``schedule`` is when
    the sweep is, as EventBridge writes it, empty where there is none; ``time_zone`` is that of its
    hours, in which days are counted, too. ``report_bucket`` is where reports are kept, empty where
    they are not; their keys begin with ``report_prefix``, and
    ``report_kms_key_arn`` is the key that encrypts them, empty where S3 does.
    """

    rules_table: str
    seeded_rules: Mapping[int, str] | None
    unlocked_tag_keys: tuple[str, ...]
    named_tag_keys: tuple[str, ...] | None
    facts: Mapping[str, str]
    resource_types: frozenset[ResourceType]
    state_table: str
    topic_arn: str
    vpc_ids: tuple[str, ...]
    vpc_tags: Mapping[str, str]
    all_vpcs: bool
    default_untagged_action: UntaggedAction
    default_mode: Mode
    vpc_overrides: Mapping[str, VpcOverride]
    max_escalation: MaxEscalation
    isolation_security_groups: Mapping[str, str]
    grace_period: timedelta
    minimum_age: timedelta
    marker_tag_key: str
    former_marker_tag_keys: tuple[str, ...]
    exempt_tag_key: str
    protect_managed: bool
    max_destructive: int
    max_destructive_percent: float | None
    creator_format: CreatorFormat
    attribution_details: AttributionDetails
    attribution_delay: timedelta
    attribution_budget: timedelta
    lookups_per_second: float
    queue_url: str
    config_rule: bool
    config_rule_remediates: bool
    schedule: str
    time_zone: tzinfo
    report_unchanged: Unchanged
    report_bucket: str
    report_prefix: str
    report_kms_key_arn: str

    @property
    def mode(self) -> Mode:
        """The mode of a run: it enforces where any VPC is to be enforced (see ``mode_in``)."""
        modes = {override.mode for override in self.vpc_overrides.values()}
        return Mode.ENFORCE if Mode.ENFORCE in modes else self.default_mode

    def mode_in(self, vpc_id: str) -> Mode:
        """Return whether what is found in a VPC is acted on."""
        override = self.vpc_overrides.get(vpc_id)
        return self.default_mode if override is None else override.mode or self.default_mode

    def untagged_action_in(self, vpc_id: str) -> UntaggedAction:
        """Return what happens to an instance of a VPC that has no tags."""
        override = self.vpc_overrides.get(vpc_id)
        default = self.default_untagged_action
        return default if override is None else override.untagged_action or default

    @property
    def isolates_untagged(self) -> bool:
        """Whether an instance without tags is isolated anywhere."""
        actions = {override.untagged_action for override in self.vpc_overrides.values()}
        return UntaggedAction.ISOLATE in {self.default_untagged_action, *actions}

    @property
    def finds_vpcs(self) -> bool:
        """Whether each run has to find out which VPCs there are to look after."""
        return self.all_vpcs or bool(self.vpc_tags)

    def with_vpcs(self, vpc_ids: Sequence[str]) -> Self:
        """Return the settings of a run that has found out which VPCs there are."""
        return replace(self, vpc_ids=tuple(vpc_ids))

    @property
    def looks_again(self) -> bool:
        """Whether what is left is looked at again regularly: on a schedule, or daily for Config."""
        return bool(self.schedule) or (self.config_rule and self.config_rule_remediates)

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Read the ``TAG_POLICY_*`` variables.

        Terraform writes all of them, and knows the defaults; what is left out here are types of
        resources other than instances, the overrides, the queue, the schedule and its time zone,
        AWS Config, the share of ``max_destructive_percent`` and the bucket, where an engine has
        none. Raises SettingsError when any is missing or malformed, naming every such variable and,
        for each, a value that would be right.
        """
        reader = _Reader(environment)
        vpcs = reader.vpcs("TAG_POLICY_VPCS")
        settings = cls(
            rules_table=reader.text("TAG_POLICY_RULES_TABLE", "tag-policy-rules"),
            seeded_rules=reader.seeded_rules("TAG_POLICY_SEEDED_RULES"),
            unlocked_tag_keys=reader.texts_or_none("TAG_POLICY_UNLOCKED_TAG_KEYS") or (),
            named_tag_keys=reader.texts_or_none("TAG_POLICY_NAMED_TAG_KEYS"),
            facts=reader.facts("TAG_POLICY_FACTS"),
            resource_types=reader.resource_types("TAG_POLICY_RESOURCE_TYPES"),
            state_table=reader.text("TAG_POLICY_STATE_TABLE", "tag-policy-state"),
            topic_arn=reader.topic_arn("TAG_POLICY_TOPIC_ARN"),
            vpc_ids=tuple(vpcs.get("ids", ())),
            vpc_tags=vpcs.get("tags", {}),
            all_vpcs="all" in vpcs,
            default_untagged_action=reader.choice(
                "TAG_POLICY_UNTAGGED_ACTION", UntaggedAction.NOTIFY
            ),
            default_mode=reader.choice("TAG_POLICY_MODE", Mode.ENFORCE),
            vpc_overrides=reader.vpc_overrides("TAG_POLICY_VPC_OVERRIDES"),
            max_escalation=reader.choice("TAG_POLICY_MAX_ESCALATION", MaxEscalation.NONE),
            isolation_security_groups=reader.isolation_groups(
                "TAG_POLICY_ISOLATION_SECURITY_GROUPS"
            ),
            grace_period=reader.duration("TAG_POLICY_GRACE_PERIOD"),
            minimum_age=reader.duration("TAG_POLICY_MINIMUM_AGE"),
            marker_tag_key=reader.tag_key("TAG_POLICY_MARKER_TAG_KEY", "tag-policy:due"),
            former_marker_tag_keys=reader.texts("TAG_POLICY_FORMER_MARKER_TAG_KEYS"),
            exempt_tag_key=reader.tag_key("TAG_POLICY_EXEMPT_TAG_KEY", "tag-policy:exempt"),
            protect_managed=reader.is_true("TAG_POLICY_PROTECT_MANAGED"),
            max_destructive=int(reader.number("TAG_POLICY_MAX_DESTRUCTIVE", 10, 0, 1_000_000)),
            max_destructive_percent=reader.percentage("TAG_POLICY_MAX_DESTRUCTIVE_PERCENT"),
            creator_format=reader.choice("TAG_POLICY_CREATOR_FORMAT", CreatorFormat.NAME),
            attribution_details=reader.choice(
                "TAG_POLICY_ATTRIBUTION_DETAILS", AttributionDetails.OFF
            ),
            attribution_delay=timedelta(
                minutes=reader.number("TAG_POLICY_ATTRIBUTION_DELAY_MINUTES", 30, 5, 1440)
            ),
            attribution_budget=timedelta(
                seconds=reader.number("TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS", 300, 10, 600)
            ),
            # CloudTrail allows 2; more is for a stand-in that has no such limit.
            lookups_per_second=reader.number("TAG_POLICY_LOOKUPS_PER_SECOND", 2, 0.1, 1000),
            queue_url=reader.text_or_none("TAG_POLICY_QUEUE_URL"),
            config_rule=reader.is_true_or_not_said("TAG_POLICY_CONFIG_RULE"),
            config_rule_remediates=reader.is_true_or_not_said("TAG_POLICY_CONFIG_RULE_REMEDIATES"),
            schedule=reader.text_or_none("TAG_POLICY_SCHEDULE"),
            time_zone=reader.time_zone("TAG_POLICY_TIME_ZONE"),
            report_unchanged=reader.choice("TAG_POLICY_REPORT_UNCHANGED", Unchanged.DAILY),
            report_bucket=reader.text_or_none("TAG_POLICY_REPORT_BUCKET"),
            report_prefix=reader.text_or_none("TAG_POLICY_REPORT_PREFIX"),
            report_kms_key_arn=reader.text_or_none("TAG_POLICY_REPORT_KMS_KEY_ARN"),
        )
        own_keys = (
            settings.marker_tag_key,
            *settings.former_marker_tag_keys,
            settings.exempt_tag_key,
        )
        if len({as_iam_compares(key) for key in own_keys}) < len(own_keys):
            reader.problems.append(
                "of TAG_POLICY_MARKER_TAG_KEY, TAG_POLICY_FORMER_MARKER_TAG_KEYS and "
                "TAG_POLICY_EXEMPT_TAG_KEY, two are the same to IAM, which does not mind case; "
                "expected different keys, such as 'tag-policy:due' and 'tag-policy:exempt'"
            )
        if reader.problems:
            raise SettingsError("; ".join(reader.problems))
        return settings


class _Reader:
    """Reads variables one by one and remembers what was wrong, so that one error names it all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, example: str) -> str:
        value = self._environment.get(name, "").strip()
        if not value:
            self.problems.append(f"{name} is not set; expected, for example, {example!r}")
        return value

    def text_or_none(self, name: str) -> str:
        """Read a variable that is not there where an engine has no such thing; else empty."""
        return self._environment.get(name, "").strip()

    def time_zone(self, name: str) -> tzinfo:
        """Read a time zone of the IANA's database, which the runtime has to have, or UTC."""
        value = self.text_or_none(name)
        if not value:
            return UTC
        from zoneinfo import ZoneInfo  # takes milliseconds of a cold start

        try:
            return ZoneInfo(value)
        except (KeyError, OSError, ValueError):  # unknown, a folder, a path out of the database
            self.problems.append(
                f"{name} is {value!r}, which this runtime knows no time zone by; expected one such "
                "as 'Europe/Berlin'"
            )
            return UTC

    def texts_or_none(self, name: str) -> tuple[str, ...] | None:
        """Read a list of strings, as ``texts`` does; None where the variable is not there."""
        return self.texts(name) if self.text_or_none(name) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of strings, written as JSON because a tag key may hold any separator."""
        value = self.text(name, "[]")
        if not value:
            return ()
        try:
            texts = json.loads(_unpacked(value))
        except (ValueError, RecursionError, zlib.error):
            texts = None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self.problems.append(
                f"{name} is {value!r}; expected a list of tag keys in JSON, such as "
                "'[\"tag-policy:due\"]'"
            )
            return ()
        return tuple(texts)

    def resource_types(self, name: str) -> frozenset[ResourceType]:
        """Read what rules may be about; instances alone where the variable is not there."""
        said = self.texts(name) if self.text_or_none(name) else (ResourceType.INSTANCE,)
        known = list(ResourceType)
        if not set(said) <= set(known):
            self.problems.append(
                f"{name} is {quoted(str(list(said)), 200)}; expected types in JSON, from "
                f'{", ".join(known)}, such as \'["instance", "volume"]\''
            )
            return frozenset({ResourceType.INSTANCE})
        return frozenset(map(ResourceType, said)) | {ResourceType.INSTANCE}

    def seeded_rules(self, name: str) -> Mapping[int, str] | None:
        """Read ids and tag keys of the rules that Terraform owns; None where it owns none."""
        value = self.text_or_none(name)
        if not value:
            return None
        try:
            keys = json.loads(_unpacked(value))
            if keys and all(isinstance(key, str) for key in keys.values()):
                return {int(rule_id): key for rule_id, key in keys.items()}
        except (AttributeError, ValueError, RecursionError, zlib.error):
            pass
        self.problems.append(
            f"{name} is {quoted(value, 200)}; expected ids of rules and their tag keys in JSON, "
            'such as \'{"10": "Owner"}\''
        )
        return None

    def facts(self, name: str) -> Mapping[str, str]:
        """Read what Terraform gives rules to know: names and values; empty where it gives none."""
        return self._texts_by_name(name, "names and values", '{"team": "platforms"}', bool)

    def isolation_groups(self, name: str) -> Mapping[str, str]:
        """Read the security groups of isolated instances, by VPC; empty where there are none."""
        return self._texts_by_name(
            name,
            "ids of VPCs and of security groups",
            '{"vpc-0a1b2c3d4e5f67890": "sg-0a1b2c3d4e5f67890"}',
            lambda groups: _are_vpc_ids(groups) and all(map(_GROUP_ID.fullmatch, groups.values())),
        )

    def _texts_by_name(
        self, name: str, what: str, example: str, are_right: Callable[[dict[str, str]], bool]
    ) -> Mapping[str, str]:
        """Read strings by their names from JSON; empty where the variable is not there."""
        value = self.text_or_none(name)
        if not value:
            return {}
        try:
            texts = json.loads(_unpacked(value))
            if texts and _are_texts(texts.values()) and are_right(texts):
                return dict(texts)
        except (AttributeError, ValueError, RecursionError, zlib.error):
            pass
        self.problems.append(
            f"{name} is {quoted(value, 200)}; expected {what} in JSON, such as {example!r}"
        )
        return {}

    def topic_arn(self, name: str) -> str:
        example = "arn:aws:sns:eu-west-1:123456789012:tag-policy-reports"
        value = self.text(name, example)
        if value and not _TOPIC_ARN.fullmatch(value):
            self.problems.append(
                f"{name} is {value!r}; expected the ARN of a topic, such as {example!r}"
            )
        return value

    def tag_key(self, name: str, example: str) -> str:
        value = self._environment.get(name, "")
        if not value.strip():
            return self.text(name, example)
        if trimmed(value) != value:
            # IAM has the key with its blanks, from Terraform: another than what is trimmed here.
            self.problems.append(
                f"{name} is {quoted(value)}; expected a tag key without blanks at its edges, "
                f"such as {example!r}"
            )
        return value

    def vpcs(self, name: str) -> Mapping[str, Any]:
        """Read which VPCs: JSON with their ``ids``, their ``tags``, or ``"all": true``."""
        value = self.text(name, _EXAMPLE_VPCS)
        if not value:
            return {}
        try:
            vpcs = json.loads(_unpacked(value))
        except (ValueError, RecursionError, zlib.error):
            vpcs = None
        match vpcs:
            case {"ids": [*ids], **rest} if ids and not rest and _are_vpc_ids(ids):
                return {"ids": list(dict.fromkeys(ids))}
            case {"tags": {**tags}, **rest} if tags and not rest and _are_texts(tags.values()):
                return {"tags": tags}
            case {"all": True, **rest} if not rest:
                return {"all": True}
        self.problems.append(
            f"{name} is {quoted(value, 200)}; expected which VPCs to look after in JSON, such as "
            f'{_EXAMPLE_VPCS!r}, \'{{"tags": {{"Stage": "prod"}}}}\' or \'{{"all": true}}\''
        )
        return {}

    def vpc_overrides(self, name: str) -> Mapping[str, VpcOverride]:
        """Read what is said otherwise of some VPCs: JSON, by their ids; empty where nothing is."""
        value = self.text_or_none(name)
        if not value:
            return {}
        try:
            given = json.loads(_unpacked(value))
            overrides = {vpc_id: _vpc_override(**said) for vpc_id, said in given.items()}
        except (ValueError, TypeError, AttributeError, RecursionError, zlib.error):
            overrides = {}
        if overrides and _are_vpc_ids(overrides):
            return overrides
        self.problems.append(
            f"{name} is {quoted(value, 200)}; expected what is otherwise in some VPCs in JSON, "
            'such as \'{"vpc-0a1b2c3d4e5f67890": {"mode": "audit", "untagged_action": "stop"}}\''
        )
        return {}

    def choice(self, name: str, example: _Choice) -> _Choice:
        value = self.text(name, example)
        return self._one_of(name, value, example) if value else example

    def is_true(self, name: str) -> bool:
        return self.choice(name, _Answer.TRUE) is _Answer.TRUE

    def is_true_or_not_said(self, name: str) -> bool:
        return bool(self.text_or_none(name)) and self.is_true(name)

    def _one_of(self, name: str, value: str, example: _Choice) -> _Choice:
        choices = type(example)
        try:
            return choices(value)
        except ValueError:
            allowed = ", ".join(repr(str(choice)) for choice in choices)
            self.problems.append(f"{name} is {value!r}; expected one of {allowed}")
            return example

    def number(self, name: str, example: float, least: float, most: float) -> float:
        value = self.text(name, str(example))
        if not value:
            return example
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if least <= number <= most:
            return number
        self.problems.append(
            f"{name} is {value!r}; expected a number from {least} to {most}, such as {example}"
        )
        return example

    def percentage(self, name: str) -> float | None:
        if not self.text_or_none(name):
            return None
        return self.number(name, 5, 0, 100)

    def duration(self, name: str) -> timedelta:
        value = self.text(name, "24h")
        match = _DURATION.fullmatch(value)
        if not value:
            return timedelta()
        if match is None:
            self.problems.append(
                f"{name} is {value!r}; expected a whole number with s, m, h or d behind it, "
                "such as '30m' or '24h'"
            )
            return timedelta()
        return int(match[1]) * _UNIT[match[2]]


def _unpacked(value: str) -> str:
    """Return a text that Terraform has compressed where it was long.

    Raises ValueError or zlib.error where it is none.
    """
    if not value.startswith(_PACKED):
        return value
    packed = base64.b64decode(value.removeprefix(_PACKED), validate=True)
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)  # with the head of gzip
    text = unpacking.decompress(packed, _MOST_UNPACKED)
    if not unpacking.eof:
        raise ValueError("it is cut off, or longer than it can be")
    return text.decode()


def _vpc_override(mode: str | None = None, untagged_action: str | None = None) -> VpcOverride:
    """Return what is said of a VPC.

    Raises TypeError for a name that is not known, ValueError for a value that is not.
    """
    return VpcOverride(
        None if mode is None else Mode(mode),
        None if untagged_action is None else UntaggedAction(untagged_action),
    )


def _are_vpc_ids(ids: Iterable[object]) -> bool:
    return all(isinstance(vpc_id, str) and _VPC_ID.fullmatch(vpc_id) for vpc_id in ids)


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)
