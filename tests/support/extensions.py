"""Puts what moto lacks into moto's own classes, once a process."""

from functools import cache
from typing import Any


@cache
def install() -> None:
    """Install all extensions; they serve moto's server and ``mock_aws`` alike."""
    from tests.support import (
        calls,
        moto_cloudtrail,
        moto_cloudwatch,
        moto_config,
        moto_ec2,
        moto_events,
        moto_hanging,
        moto_lambda,
        moto_logs,
        moto_s3,
        moto_scheduler,
        moto_sns,
        moto_speed,
        moto_sqs,
    )

    for module in (
        calls,
        moto_cloudtrail,
        moto_cloudwatch,
        moto_config,
        moto_ec2,
        moto_hanging,
        moto_events,
        moto_lambda,
        moto_logs,
        moto_s3,
        moto_scheduler,
        moto_sns,
        moto_speed,
        moto_sqs,
    ):
        module.extend()


def add(owner: type, name: str, method: Any) -> None:
    """Give a class a method that it lacks."""
    setattr(owner, name, method)


def replace(owner: object, name: str, make: Any) -> None:
    """Replace a method, or a function of a module, by what ``make`` returns when given it."""
    setattr(owner, name, make(getattr(owner, name)))
