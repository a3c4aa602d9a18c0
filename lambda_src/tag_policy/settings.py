"""The environment of the function, read once into a frozen dataclass."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from tag_policy.model import Mode, TagPolicyError, UntaggedAction

_VPC_ID = re.compile(r"vpc-[0-9a-f]+")
_TOPIC_ARN = re.compile(r"arn:[^:]+:sns:[^:]+:\d{12}:[^:]+")

_Choice = TypeVar("_Choice", bound=StrEnum)


class SettingsError(TagPolicyError):
    """The environment lacks a variable or holds one that cannot be used; names all of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this deployment is told to do. Terraform writes it, a person reads it in the console."""

    rules_table: str
    topic_arn: str
    vpc_ids: tuple[str, ...]
    untagged_action: UntaggedAction
    mode: Mode

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Read the ``TAG_POLICY_*`` variables.

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
        choices = type(example)
        value = self.text(name, example)
        try:
            return choices(value)
        except ValueError:
            if value:
                allowed = ", ".join(repr(str(choice)) for choice in choices)
                self.problems.append(f"{name} is {value!r}; expected one of {allowed}")
            return example
