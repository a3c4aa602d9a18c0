"""EventBridge Scheduler, strict where AWS is: moto takes any word for a time zone."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import Schedule

from tests.support.extensions import replace


def extend() -> None:
    """Refuse time zones that there are not."""
    replace(Schedule, "__init__", _make_init)
    replace(Schedule, "update", _make_update)


def _make_init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Schedule, **given: Any) -> None:  # noqa: N807 - takes the place of one
        _check(given["schedule_expression_timezone"])
        original(self, **given)

    return __init__


def _make_update(original: Callable[..., None]) -> Callable[..., None]:
    def update(self: Schedule, **given: Any) -> None:
        _check(given["schedule_expression_timezone"])
        original(self, **given)

    return update


def _check(time_zone: str | None) -> None:
    # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    try:
        ZoneInfo(time_zone or "UTC")
    except (KeyError, OSError, ValueError):
        raise ValidationException("Invalid Schedule Expression Timezone.") from None
