"""CloudWatch Logs: metrics of what is logged, and saved queries; moto only keeps the filters.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.moto_api._internal import mock_random

from tests.support.calls import AwsError, refusal
from tests.support.extensions import add, replace
from tests.support.filter_pattern import PatternError, matches, parse, select


def extend() -> None:
    """Make metrics of what is logged, refuse patterns that cannot be read, and keep queries."""
    replace(LogsBackend, "put_log_events", _make_put_log_events)
    replace(LogsResponse, "put_metric_filter", _make_put_metric_filter)
    add(LogsResponse, "put_query_definition", _put_query_definition)
    add(LogsResponse, "describe_query_definitions", _describe_query_definitions)
    add(LogsResponse, "delete_query_definition", _delete_query_definition)


def _make_put_log_events(original: Callable[..., Any]) -> Callable[..., Any]:
    def put_log_events(
        self: LogsBackend, log_group_name: str, log_stream_name: str, log_events: Any
    ) -> Any:
        answer = original(self, log_group_name, log_stream_name, log_events)
        cloudwatch = cloudwatch_backends[self.account_id][self.region_name]
        for found in self.filters.get_matching_filters(log_group_name=log_group_name):
            for namespace, datum in data_of(found, log_events):
                cloudwatch.put_metric_data(namespace, [datum])
        return answer

    return put_log_events


def data_of(
    metric_filter: dict[str, Any], log_events: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a filter makes of some lines: the namespace, and a datum of PutMetricData.

    As for AWS, a value that a line does not have, or that is no number, makes no datum.
    """
    test = parse(metric_filter["filterPattern"])
    (transformation,) = metric_filter["metricTransformations"]
    for event in log_events:
        line = matches(test, event["message"])
        value = transformation["metricValue"]
        if line is not None and value.startswith("$"):
            value = select(line, value)
        dimensions = {
            name: select(line, selector)
            for name, selector in (transformation.get("dimensions") or {}).items()
        }
        if line is None or isinstance(value, bool) or None in (value, *dimensions.values()):
            continue
        yield (
            transformation["metricNamespace"],
            {
                "MetricName": transformation["metricName"],
                "Value": float(value),
                "Timestamp": datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
                "Dimensions": [{"Name": k, "Value": str(v)} for k, v in dimensions.items()],
            },
        )


def _make_put_metric_filter(original: Callable[..., Any]) -> Callable[..., Any]:
    def put_metric_filter(self: LogsResponse) -> Any:
        try:
            parse(self._get_param("filterPattern"))
        except PatternError as error:
            return refusal(self, AwsError("InvalidParameterException", str(error)))
        return original(self)

    return put_metric_filter


def _queries(self: LogsResponse) -> dict[str, dict[str, Any]]:
    queries: dict[str, dict[str, Any]] = self.logs_backend.__dict__.setdefault(
        "query_definitions", {}
    )
    return queries


def _put_query_definition(self: LogsResponse) -> str:
    query_id = self._get_param("queryDefinitionId") or str(mock_random.uuid4())
    _queries(self)[query_id] = {
        "queryDefinitionId": query_id,
        "name": self._get_param("name"),
        "queryString": self._get_param("queryString"),
        "logGroupNames": self._get_param("logGroupNames") or [],
        "queryLanguage": "CWLI",
    }
    return json.dumps({"queryDefinitionId": query_id})


def _describe_query_definitions(self: LogsResponse) -> str:
    prefix = self._get_param("queryDefinitionNamePrefix") or ""
    found = [query for query in _queries(self).values() if query["name"].startswith(prefix)]
    return json.dumps({"queryDefinitions": found})


def _delete_query_definition(self: LogsResponse) -> str:
    gone = _queries(self).pop(self._get_param("queryDefinitionId"), None)
    return json.dumps({"success": gone is not None})
