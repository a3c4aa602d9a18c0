"""The environment of the function, read once into a frozen dataclass."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self, TypeVar

from tag_policy.model import Mode, TagPolicyError, UntaggedAction

_VPC_ID = re.compile(r"vpc-[0-9a-f]+")
_TOPIC_ARN = re.compile(r"arn:[^:]+:sns:[^:]+:\d{12}:[^:]+")

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


class SettingsError(TagPolicyError):
    """The environment lacks a variable or holds one that cannot be used; names all of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this deployment is told to do. Terraform writes it, a person reads it in the console.

    ``attribution_delay`` is how long after a launch its event may still be on its way;
    ``attribution_budget`` how much of a run may go into looking creators up.
    """

    rules_table: str
    topic_arn: str
    vpc_ids: tuple[str, ...]
    untagged_action: UntaggedAction
    mode: Mode
    creator_format: CreatorFormat
    attribution_details: AttributionDetails
    attribution_delay: timedelta
    attribution_budget: timedelta
    lookups_per_second: float

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Read the ``TAG_POLICY_*`` variables; those about creators have defaults.

        Raises SettingsError when any is missing or malformed, naming every such variable and, for
        each, a value that would be right.
        """
        reader = _Reader(environment)
        settings = cls(
            rules_table=reader.text("TAG_POLICY_RULES_TABLE", "tag-policy-rules"),
            topic_arn=reader.topic_arn("TAG_POLICY_TOPIC_ARN"),
            vpc_ids=reader.vpc_ids("TAG_POLICY_VPC_IDS"),
            untagged_action=reader.choice("TAG_POLICY_UNTAGGED_ACTION", UntaggedAction.NOTIFY),
            mode=reader.choice("TAG_POLICY_MODE", Mode.ENFORCE),
            creator_format=reader.choice_or(CreatorFormat.NAME, "TAG_POLICY_CREATOR_FORMAT"),
            attribution_details=reader.choice_or(
                AttributionDetails.OFF, "TAG_POLICY_ATTRIBUTION_DETAILS"
            ),
            attribution_delay=timedelta(
                minutes=reader.number_or(30, "TAG_POLICY_ATTRIBUTION_DELAY_MINUTES", 5, 1440)
            ),
            attribution_budget=timedelta(
                seconds=reader.number_or(300, "TAG_POLICY_ATTRIBUTION_BUDGET_SECONDS", 10, 600)
            ),
            lookups_per_second=reader.number_or(2, "TAG_POLICY_LOOKUPS_PER_SECOND", 0.1, 1000),
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

    def topic_arn(self, name: str) -> str:
        example = "arn:aws:sns:eu-west-1:123456789012:tag-policy-reports"
        value = self.text(name, example)
        if value and not _TOPIC_ARN.fullmatch(value):
            self.problems.append(
                f"{name} is {value!r}; expected the ARN of a topic, such as {example!r}"
            )
        return value

    def vpc_ids(self, name: str) -> tuple[str, ...]:
        example = "vpc-0a1b2c3d,vpc-4e5f6a7b"
        value = self.text(name, example)
        vpc_ids = [part.strip() for part in value.split(",")] if value else []
        for vpc_id in vpc_ids:
            if not _VPC_ID.fullmatch(vpc_id):
                self.problems.append(
                    f"{name} holds {vpc_id!r}; expected VPC ids separated by commas, "
                    f"such as {example!r}"
                )
        return tuple(dict.fromkeys(vpc_ids))

    def choice(self, name: str, example: _Choice) -> _Choice:
        value = self.text(name, example)
        return self._one_of(name, value, example) if value else example

    def choice_or(self, default: _Choice, name: str) -> _Choice:
        value = self._environment.get(name, "").strip()
        return self._one_of(name, value, default) if value else default

    def _one_of(self, name: str, value: str, example: _Choice) -> _Choice:
        choices = type(example)
        try:
            return choices(value)
        except ValueError:
            allowed = ", ".join(repr(str(choice)) for choice in choices)
            self.problems.append(f"{name} is {value!r}; expected one of {allowed}")
            return example

    def number_or(self, default: float, name: str, least: float, most: float) -> float:
        value = self._environment.get(name, "").strip() or str(default)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if least <= number <= most:
            return number
        self.problems.append(
            f"{name} is {value!r}; expected a number from {least} to {most}, such as {default}"
        )
        return default
