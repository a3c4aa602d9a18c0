"""CloudWatch: what Lambda and SQS tell it, and alarms that look at their metrics.

Moto keeps metrics and alarms, and never compares the one with the other.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import (
    Alarm,
    CloudWatchBackend,
    MetricDatum,
    MetricDatumBase,
    cloudwatch_backends,
)
from moto.cloudwatch.responses import CloudWatchResponse
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from tests.support.calls import AwsError, refusal
from tests.support.extensions import add, replace

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTIC: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
}


def extend() -> None:
    """Have alarms begin without data, as CloudWatch's do, and know those on other alarms.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
    """
    replace(Alarm, "__init__", _make_init)
    add(CloudWatchResponse, "put_composite_alarm", _put_composite_alarm)


def _put_composite_alarm(self: CloudWatchResponse) -> Any:
    taken = self.cloudwatch_backend.alarms.get(self._get_param("AlarmName"))
    if taken is not None and taken.rule is None:
        return refusal(self, AwsError("ValidationError", "a metric alarm has that name"))
    return self.put_metric_alarm()


def _make_init(original: Callable[..., None]) -> Callable[..., None]:
    def begin(self: Alarm, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.state_value = "INSUFFICIENT_DATA"

    return begin


def tell_of_invocation(account_id: str, region: str, function_name: str, *, failed: bool) -> None:
    """Put what Lambda puts of an invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    dimensions = [{"Name": "FunctionName", "Value": function_name}]
    values = {"Invocations": 1.0, "Errors": float(failed)}
    cloudwatch_backends[account_id][region].put_metric_data(
        "AWS/Lambda",
        [{"MetricName": k, "Value": v, "Dimensions": dimensions} for k, v in values.items()],
    )


def tell_of_queues(account_id: str, region: str, now: datetime) -> None:
    """Put what SQS puts of each queue every minute."""
    for queue in sqs_backends[account_id][region].queues.values():
        cloudwatch_backends[account_id][region].put_metric_data(
            "AWS/SQS",
            [
                {
                    "MetricName": name,
                    "Value": float(value),
                    "Timestamp": now,
                    "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
                }
                for name, value in (
                    ("ApproximateNumberOfMessagesVisible", len(queue.messages)),
                    ("ApproximateAgeOfOldestMessage", 0),
                )
            ],
        )


def evaluate(account_id: str, region: str, now: datetime) -> dict[str, str]:
    """Have every alarm look at its metric, and return the state of each, by its name.

    An alarm whose state has changed tells the topics that it names for that.
    """
    cloudwatch = cloudwatch_backends[account_id][region]
    states: dict[str, str] = {}
    for alarm in sorted(cloudwatch.alarms.values(), key=lambda one: one.rule is not None):
        before = alarm.state_value
        state = _state(cloudwatch, alarm, now) if alarm.rule is None else _of(alarm.rule, states)
        states[alarm.name] = state
        if state != before:
            alarm.update_state("Threshold Crossed", "{}", state)
            actions = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}
            for topic in actions.get(state, []):
                _tell(account_id, region, topic, alarm)
    return states


def _of(rule: str, states: Mapping[str, str]) -> str:
    """Return the state of an alarm on other alarms, of whose rules `AND` and `NOT` are known."""
    holds = []
    for part in rule.split(" AND "):
        match = re.fullmatch(r'(NOT )?(ALARM|OK|INSUFFICIENT_DATA)\("([^"]+)"\)', part)
        if match is None:
            raise NotImplementedError(rule)
        holds.append((states[match[3]] == match[2]) != bool(match[1]))
    return "ALARM" if all(holds) else "OK"


@dataclass(frozen=True)
class _Watched:
    """What an alarm looks at: one metric, and what stands for a period without data."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str
    period: timedelta
    filled: float | None = None


def _watched(alarm: Alarm) -> _Watched:
    """Return what an alarm looks at: its metric, or `FILL(metric, 0)`; other math is an error."""
    if not alarm.metric_data_queries:
        return _Watched(
            alarm.namespace,
            alarm.metric_name,
            frozenset((str(d.name), str(d.value)) for d in alarm.dimensions),
            alarm.statistic,
            timedelta(seconds=int(alarm.period)),
        )
    queries = {query.id: query for query in alarm.metric_data_queries}
    (result,) = [query for query in queries.values() if str(query.return_data).lower() == "true"]
    match = re.fullmatch(r"FILL\((\w+), 0\)", result.expression or "")
    stat = queries[match[1]].metric_stat if match else None
    if stat is None:
        raise NotImplementedError(f"{result.expression} of {alarm.name}")
    return _Watched(
        stat.metric.namespace,
        stat.metric.metric_name,
        frozenset((str(d.name), str(d.value)) for d in stat.metric.dimensions),
        stat.stat,
        timedelta(seconds=int(stat.period)),
        filled=0.0,
    )


def _state(cloudwatch: CloudWatchBackend, alarm: Alarm, now: datetime) -> str:
    watched = _watched(alarm)
    data = [
        (_aware(datum.timestamp, now), datum.value)
        for datum in cloudwatch.metric_data
        if isinstance(datum, MetricDatum) and _is_watched(datum, watched)
    ]
    compare, threshold = _COMPARE[alarm.comparison_operator], float(alarm.threshold)
    if watched.filled is None and int(alarm.evaluation_periods) > 1:
        # AWS would look further back for as many periods with data.
        raise NotImplementedError(f"{alarm.name} looks at several periods and fills none")
    breaching: list[bool | None] = []
    for number in range(int(alarm.evaluation_periods)):
        end = now - number * watched.period
        values = [value for time, value in data if end - watched.period < time <= end]
        if values:
            breaching.append(compare(_STATISTIC[watched.statistic](values), threshold))
        elif watched.filled is not None and data:
            breaching.append(compare(watched.filled, threshold))
        else:  # of no data at all, FILL makes nothing
            breaching.append(_MISSING[alarm.treat_missing_data or "missing"])
    if None in breaching:
        return alarm.state_value
    return "ALARM" if all(breaching) else "OK"


_MISSING = {"breaching": True, "notBreaching": False, "ignore": None}


def _is_watched(datum: MetricDatumBase, watched: _Watched) -> bool:
    dimensions = frozenset((str(d.name), str(d.value)) for d in datum.dimensions)
    return (datum.namespace, datum.name, dimensions) == (
        watched.namespace,
        watched.name,
        watched.dimensions,
    )


def _aware(time: datetime, like: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=like.tzinfo)


def _tell(account_id: str, region: str, topic: str, alarm: Alarm) -> None:
    """Publish what an alarm says; for a topic that is gone, it says it to nobody.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
    """
    if topic not in sns_backends[account_id][region].topics:
        return
    message = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account_id,
        "NewStateValue": alarm.state_value,
        "Region": region,
        "AlarmArn": alarm.alarm_arn,
    }
    subject = f'{alarm.state_value}: "{alarm.name}" in {region}'
    sns_backends[account_id][region].publish(json.dumps(message), arn=topic, subject=subject[:100])
