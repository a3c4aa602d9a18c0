"""EventBridge's events of EC2, which moto does not send.

Launches, starts and tag changes in moto reach the rules whose pattern they match, and through them
the queues that are their targets, where the queue's policy lets the rule.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event.html
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from moto.cloudtrail.models import cloudtrail_backends
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.models.tags import TagBackend
from moto.events.models import EventPattern, EventPatternParser, Rule, events_backends
from moto.events.responses import EventsHandler
from moto.moto_api._internal import mock_random
from moto.sqs.models import sqs_backends

from tests.support.extensions import replace


def extend() -> None:
    """Send an event for each start of an instance and each change of its tags."""
    replace(InstanceBackend, "start_instances", _make_start_instances)
    replace(TagBackend, "create_tags", _make_change_tags)
    replace(TagBackend, "delete_tags", _make_change_tags)
    replace(EventPattern, "_flatten_dict", lambda _: staticmethod(_flattened))
    replace(EventsHandler, "test_event_pattern", lambda _: _test_event_pattern)


_silent = threading.local()


@contextmanager
def silence() -> Iterator[None]:
    """Send nothing of changed tags meanwhile: moto launches an instance and then tags it."""
    _silent.now = True
    try:
        yield
    finally:
        _silent.now = False


def _test_event_pattern(self: EventsHandler) -> tuple[str, Any]:
    text = self._get_param("EventPattern")
    pattern = EventPattern(text, EventPatternParser(text).parse())
    matches = pattern.matches_event(json.loads(self._get_param("Event")))
    return json.dumps({"Result": matches}), self.response_headers


def _flattened(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the fields of an event by their paths; moto does not look into objects in arrays.

    A field of such objects has the values of all of them.
    https://github.com/aws/event-ruler#rules-and-events-with-arrays
    """
    flat: dict[str, Any] = {}
    for name, value in node.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and value:
            flat |= _flattened(value, path)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            for one in value:
                for inner, its in _flattened(one, path).items():
                    flat[inner] = [*flat.get(inner, []), *(its if isinstance(its, list) else [its])]
        else:
            flat[path] = value
    return flat


def tell_of_launch(account_id: str, region: str, record: Mapping[str, Any]) -> None:
    """Send what follows a launch: its state changes, the tags that it was launched with, and
    CloudTrail's record where there is a trail.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    """
    ids = [item["instanceId"] for item in record["responseElements"]["instancesSet"]["items"]]
    time = datetime.fromisoformat(record["eventTime"])
    tell_of_start(account_id, region, ids, time)
    backend = ec2_backends[account_id][region]
    for instance_id in ids:
        _tell_of_tags(backend, instance_id, {}, dict(backend.tags.get(instance_id, {})))
    trails = cloudtrail_backends[account_id][region].trails.values()
    if any(trail.status.is_logging for trail in trails):
        send(account_id, region, "aws.ec2", "AWS API Call via CloudTrail", [], record, time)


def tell_of_start(
    account_id: str, region: str, instance_ids: Iterable[str], time: datetime | None = None
) -> None:
    """Send that instances are pending, and then running."""
    for instance_id in instance_ids:
        for state in ("pending", "running"):
            send(
                account_id,
                region,
                "aws.ec2",
                "EC2 Instance State-change Notification",
                [_arn(account_id, region, instance_id)],
                {"instance-id": instance_id, "state": state},
                time,
            )


def send(
    account_id: str,
    region: str,
    source: str,
    kind: str,
    resources: list[str],
    detail: Mapping[str, Any],
    time: datetime | None = None,
) -> None:
    """Send an event to the targets of every rule that it matches."""
    rules = [
        rule
        for rule in events_backends[account_id][region].event_buses["default"].rules.values()
        if rule.state == "ENABLED" and rule.event_pattern.get_pattern()
    ]
    if not rules:
        return
    event: Any = {
        "version": "0",
        "id": str(mock_random.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account_id,
        "time": (time or datetime.now(UTC)).timestamp(),
        "region": region,
        "resources": resources,
        "detail": detail,
    }
    for rule in rules:
        if rule.event_pattern.matches_event(event):
            _check_that_queues_take_it(rule)
            rule.send_to_targets(event, transform_input=False)


def _check_that_queues_take_it(rule: Rule) -> None:
    """Raise PermissionError for a target that does not let the rule send, which moto never asks."""
    for target in rule.targets:
        queue = sqs_backends[rule.account_id][rule.region_name].get_queue(
            target["Arn"].rsplit(":", 1)[-1]
        )
        statements = json.loads(queue.policy)["Statement"]
        if not any(_lets_send(s, rule.arn, queue.queue_arn) for s in statements):
            raise PermissionError(f"{rule.arn} may not send to {queue.queue_arn}")


def _lets_send(statement: Mapping[str, Any], rule_arn: str, queue_arn: str) -> bool:
    arns = statement["Condition"].get("ArnEquals", {}).get("aws:SourceArn", [])
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "sqs:SendMessage"
        and statement["Resource"] == queue_arn
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and rule_arn in ([arns] if isinstance(arns, str) else arns)
    )


def _make_start_instances(original: Callable[..., Any]) -> Callable[..., Any]:
    def start_instances(self: Any, instance_ids: list[str]) -> Any:
        started = original(self, instance_ids)
        tell_of_start(self.account_id, self.region_name, instance_ids)
        return started

    return start_instances


def _make_change_tags(original: Callable[..., bool]) -> Callable[..., bool]:
    def change_tags(self: Any, resource_ids: list[str], tags: dict[str, str]) -> bool:
        before = {resource_id: dict(self.tags[resource_id]) for resource_id in resource_ids}
        done = original(self, resource_ids, tags)
        if not getattr(_silent, "now", False):
            for resource_id, had in before.items():
                if resource_id.startswith("i-"):
                    _tell_of_tags(self, resource_id, had, dict(self.tags[resource_id]))
        return done

    return change_tags


def _tell_of_tags(
    backend: EC2Backend, instance_id: str, had: Mapping[str, str], has: Mapping[str, str]
) -> None:
    """Send that the tags of an instance have changed, if they have.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tag-changes.html
    """
    if has == had:
        return
    send(
        backend.account_id,
        backend.region_name,
        "aws.tag",
        "Tag Change on Resource",
        [_arn(backend.account_id, backend.region_name, instance_id)],
        {
            "changed-tag-keys": sorted(key for key, _ in had.items() ^ has.items()),
            "service": "ec2",
            "resource-type": "instance",
            "version": 1,
            "tags": dict(has),
        },
    )


def _arn(account_id: str, region: str, instance_id: str) -> str:
    return f"arn:aws:ec2:{region}:{account_id}:instance/{instance_id}"
