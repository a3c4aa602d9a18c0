"""When the next sweep is, from the schedule that wakes the function. Pure."""

import re
from datetime import UTC, datetime, timedelta

_RATE = re.compile(r"rate\((\d{1,9}) (minute|hour|day)s?\)", re.ASCII)
_UNIT = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def next_run(schedule: str, now: datetime) -> str:
    """Return when the next sweep is, in words that follow "looked at again".

    ``schedule`` is as EventBridge writes it, or empty where there is none:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    rate = _RATE.fullmatch(schedule)
    if rate is not None:
        try:
            latest = now.astimezone(UTC) + int(rate[1]) * _UNIT[rate[2]]
        except OverflowError:
            return f"by {schedule}"
        return f"by {latest:%Y-%m-%d %H:%M} UTC"
    if schedule:
        return f"at the next time of {schedule}, UTC"
    return "when somebody runs the function: there is no schedule"
