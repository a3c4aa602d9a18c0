"""EventBridge Scheduler, strict where AWS is: moto takes any word for a time zone."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import Schedule

from tests.support.extensions import replace


def extend() -> None:
    """Refuse time zones that there are not."""
    replace(Schedule, "__init__", _make_checked)
    replace(Schedule, "update", _make_checked)


def _make_checked(original: Callable[..., None]) -> Callable[..., None]:
    def checked(self: Schedule, **given: Any) -> None:
        _check(given["schedule_expression_timezone"])
        original(self, **given)

    return checked


def _check(time_zone: str | None) -> None:
    # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    try:
        ZoneInfo(time_zone or "UTC")
    except (KeyError, OSError, ValueError):
        raise ValidationException("Invalid Schedule Expression Timezone.") from None
