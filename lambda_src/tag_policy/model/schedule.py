"""When the next sweep is, from the schedule that wakes the function. Pure."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_RATE = re.compile(r"rate\((\d{1,9}) (minute|hour|day)s?\)", re.ASCII)
_UNIT = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def next_run(schedule: str, now: datetime, time_zone: tzinfo = UTC) -> str:
    """Return when the next sweep is, in words that follow "looked at again".

    ``schedule`` is as EventBridge writes it, or empty where there is none, and a cron's hours are
    those of ``time_zone``:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    rate = _RATE.fullmatch(schedule)
    if rate is not None:
        try:
            latest = now.astimezone(UTC) + int(rate[1]) * _UNIT[rate[2]]
        except OverflowError:
            return f"by {schedule}"
        return f"by {latest:%Y-%m-%d %H:%M} UTC"
    if schedule:
        return f"at the next time of {schedule}, {time_zone}"
    return "when somebody runs the function: there is no schedule"


_CRON = re.compile(r"cron\((?P<fields>\S+(?: \S+){5})\)", re.ASCII)
_A_YEAR = timedelta(days=366)


def period(schedule: str) -> timedelta:
    """Return how long there may be between two sweeps; none where there is no schedule.

    ``schedule`` is as EventBridge writes it. Of a ``cron(…)`` it is an upper bound: an hour, a day,
    a week, a month or a year, by the largest field that is restricted.
    """
    rate = _RATE.fullmatch(schedule)
    if rate is not None:
        try:
            return int(rate[1]) * _UNIT[rate[2]]
        except OverflowError:
            return _A_YEAR
    cron = _CRON.fullmatch(schedule)
    if cron is None:
        return timedelta()
    _, hours, day_of_month, month, day_of_week, year = cron["fields"].split(" ")
    if _is_restricted(month) or _is_restricted(year):
        return _A_YEAR
    if _is_restricted(day_of_month):
        return timedelta(days=31)
    if _is_restricted(day_of_week):
        return timedelta(days=7)
    return timedelta(days=1) if _is_restricted(hours) else timedelta(hours=1)


def _is_restricted(field: str) -> bool:
    return field not in ("*", "?")
