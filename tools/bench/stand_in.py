"""The endpoints of AWS as far as the runners use them: they answer at once, or as AWS, and count.

Its own process, so that what it costs is not on the bill of what is measured. It answers
DescribeInstances with precomputed instances, remembers tags that are written, instances that are
ended and items that are put into a table, so that they are found again, and tells with ``/state``
what has been done.
"""

import argparse
import asyncio
import bisect
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tools.bench import latency
from tools.bench.latency import Limits
from tools.bench.vpc import ACCOUNT_ID, VPC_ID, Shape, Vpc

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_EVENTS_A_PAGE = 50

RULES: dict[str, list[dict[str, Any]]] = {
    "two tags": [
        {"RuleId": "1", "TagKey": "ProjectCode", "Action": "Update", "Default": "Proj007"},
        {"RuleId": "3", "TagKey": "Expires", "Action": "Function", "Default": "today()"},
    ],
}
RULES["three tags"] = [
    RULES["two tags"][0],
    {"RuleId": "2", "TagKey": "CreatedBy", "Action": "UserLookup"},
    RULES["two tags"][1],
]
# Of tags that each instance has where there are more, and has right.
_STANDARD: list[dict[str, Any]] = [
    {"RuleId": "10", "TagKey": "cost-centre-00", "AllowedValues": ["none", "value *"]},
    {"RuleId": "20", "TagKey": "cost-centre-01", "AllowedPattern": "^value [0-9]{2}$"},
    {
        "RuleId": "30",
        "TagKey": "cost-centre-02",
        "Normalize": ["trim", "lower"],
        "Synonyms": {"value 02": ["second", "two*"]},
        "AllowedValues": ["value 01", "value 02", "value 03"],
    },
    {"RuleId": "40", "TagKey": "cost-centre-03", "When": {"tag:Team": ["plat*"]}},
    {"RuleId": "50", "TagKey": "cost-centre-04", "When": {"age": [">7d"]}, "Note": "ask finance"},
    {
        "RuleId": "60",
        "TagKey": "cost-centre-05",
        "Action": "Update",
        "Default": "value 05",
        "AllowedValues": ["value 0*"],
    },
]
_LADDER = {"stop": "7d", "terminate": "14d"}
RULES["nine rules"] = RULES["three tags"] + _STANDARD
RULES["nine rules that end"] = RULES["three tags"] + [
    rule | {"Escalate": _LADDER} for rule in _STANDARD
]
"""The rules of the jobs."""


def _typed(name: str, value: Any) -> dict[str, Any]:
    """Return an attribute of an item as DynamoDB writes it."""
    if name == "RuleId":
        return {"N": value}
    if isinstance(value, list):
        return {"L": [_typed("", one) for one in value]}
    if isinstance(value, dict):
        return {"M": {key: _typed("", one) for key, one in value.items()}}
    return {"S": value}


class StandIn:
    """The state of one run, on top of a VPC that stays as it is."""

    def __init__(self, vpc: Vpc, *, is_slow: bool = False) -> None:
        self._vpc = vpc
        self._is_slow = is_slow
        self._times = [launch.time.timestamp() for launch in vpc.launches]
        self._parts: dict[str, Sequence[int]] = {}
        self._pages: dict[tuple[str, int, int], bytes] = {}
        self.reset("two tags")

    def reset(self, job: str) -> None:
        """Begin anew, with the rules of a job."""
        self._items = RULES[job]
        self.calls = Counter[str]()
        self.throttled = Counter[str]()
        self.first_call = 0.0
        self.about = 0  # instances that the last answer is about
        self.limits = Limits(time.monotonic) if self._is_slow else None
        self.written: dict[str, dict[str, str]] = {}
        self.ended: set[str] = set()
        self.remembered: dict[str, Any] = {}

    def state(self) -> dict[str, Any]:
        """Return what was called, and what was done."""
        keys = Counter(key for tags in self.written.values() for key in tags)
        number = self._vpc.number
        right = sum(
            tags.get("CreatedBy") == self._vpc.creator(number[i])
            for i, tags in self.written.items()
        )
        return {
            "calls": dict(self.calls),
            "throttled": dict(self.throttled),
            "first_call": self.first_call,
            "written": dict(keys),
            "creators_right": right,
            "wrongly_tagged": len(self.written.keys() - {*self._vpc.lacking, *self._vpc.untagged}),
            "ended": len(self.ended),
            "wrongly_ended": len(self.ended - set(self._vpc.untagged)),
        }

    def query(self, action: str, form: dict[str, list[str]]) -> bytes:
        """Answer a call of EC2, SNS, STS or IAM, which are asked with forms."""
        answer: dict[str, Callable[[dict[str, list[str]]], Any]] = {
            "DescribeInstances": self._describe_instances,
            "DescribeVpcs": lambda _: f"<vpcSet><item><vpcId>{VPC_ID}</vpcId></item></vpcSet>",
            "CreateTags": self._create_tags,
            "DeleteTags": self._delete_tags,
            "DescribeSpotInstanceRequests": lambda _: "<spotInstanceRequestSet/>",
            "TerminateInstances": self._terminate_instances,
            "Publish": lambda _: "<PublishResult><MessageId>1</MessageId></PublishResult>",
            "GetCallerIdentity": lambda _: (
                f"<GetCallerIdentityResult><Account>{ACCOUNT_ID}</Account><Arn>arn:aws:iam::"
                f"{ACCOUNT_ID}:user/bench</Arn><UserId>AIDAEXAMPLE</UserId></GetCallerIdentityResult>"
            ),
            "ListAccountAliases": lambda _: (
                "<ListAccountAliasesResult><AccountAliases><member>bench</member></AccountAliases>"
                "</ListAccountAliasesResult>"
            ),
        }
        found = answer[action](form)
        if isinstance(found, bytes):
            return found
        return _document(action, found).encode()

    def _describe_instances(self, form: dict[str, list[str]]) -> bytes:
        filters = dict(_filters(form))
        wanted = filters.pop("instance-id", [])
        digits = "".join(sorted(one[-1] for one in wanted if one.startswith("i-*")))
        ids = [*_listed(form, "InstanceId"), *([] if digits else wanted)]
        running = "running" in filters.get("instance-state-name", ["running"])
        if ids or not running:
            ids = ids or sorted(self.ended)
            return self._these([i for i in ids if self._matches(i, filters)])
        return self._page(digits, form)

    def _page(self, digits: str, form: dict[str, list[str]]) -> bytes:
        """Return a page of the instances whose ids end in some digits, as they were at first."""
        if digits not in self._parts:
            self._parts[digits] = self._vpc.ending_in(digits)
        part = self._parts[digits]
        start = int(form.get("NextToken", ["0"])[0])
        size = int(form.get("MaxResults", ["1000"])[0])
        end = min(start + size, len(part))
        self.about = end - start
        if (digits, start, end) not in self._pages:
            token = f"<nextToken>{end}</nextToken>" if end < len(part) else ""
            found = "".join(self._vpc.reservations(part[start:end]))
            page = f"<reservationSet>{found}</reservationSet>{token}"
            self._pages[digits, start, end] = _document("DescribeInstances", page).encode()
        return self._pages[digits, start, end]

    def _matches(self, instance_id: str, filters: dict[str, list[str]]) -> bool:
        state = "terminated" if instance_id in self.ended else "running"
        keys = filters.get("tag-key")
        return state in filters.get("instance-state-name", [state]) and (
            keys is None or any(key in self._keys(instance_id) for key in keys)
        )

    def _keys(self, instance_id: str) -> set[str]:
        of_old = {key for key, _ in self._vpc.tags(self._vpc.number[instance_id])}
        return of_old | self.written.get(instance_id, {}).keys()

    def _these(self, ids: list[str]) -> bytes:
        self.about = len(ids)
        items = "".join(map(self._instance, ids))
        reservation = (
            f"<item><reservationId>r-0</reservationId><instancesSet>{items}</instancesSet></item>"
        )
        return _document(
            "DescribeInstances", f"<reservationSet>{reservation}</reservationSet>"
        ).encode()

    def _instance(self, instance_id: str) -> str:
        before, tags, after = self._vpc.fragments[self._vpc.number[instance_id]]
        if instance_id in self.ended:
            before = before.replace("<name>running</name>", "<name>terminated</name>")
        for key, value in self.written.get(instance_id, {}).items():
            tags += f"<item><key>{key}</key><value>{value}</value></item>"
        return before + tags + after

    def _create_tags(self, form: dict[str, list[str]]) -> str:
        tags = {
            form[f"Tag.{n}.Key"][0]: form.get(f"Tag.{n}.Value", [""])[0]
            for n in _numbers(form, "Tag.{}.Key")
        }
        ids = list(_listed(form, "ResourceId"))
        self.about = len(ids)
        for instance_id in ids:
            self.written.setdefault(instance_id, {}).update(tags)
        return "<return>true</return>"

    def _delete_tags(self, form: dict[str, list[str]]) -> str:
        keys = [form[f"Tag.{n}.Key"][0] for n in _numbers(form, "Tag.{}.Key")]
        for instance_id in _listed(form, "ResourceId"):
            for key in keys:
                self.written.get(instance_id, {}).pop(key, None)
        return "<return>true</return>"

    def _terminate_instances(self, form: dict[str, list[str]]) -> str:
        ids = list(_listed(form, "InstanceId"))
        self.ended.update(ids)
        items = "".join(
            f"<item><instanceId>{i}</instanceId><currentState><code>32</code><name>shutting-down"
            "</name></currentState><previousState><code>16</code><name>running</name>"
            "</previousState></item>"
            for i in ids
        )
        return f"<instancesSet>{items}</instancesSet>"

    def target(self, action: str, body: dict[str, Any]) -> bytes:
        """Answer a call of DynamoDB or CloudTrail, which are asked with JSON."""
        answer: dict[str, Callable[[dict[str, Any]], str]] = {
            "Scan": self._scan,
            "BatchGetItem": self._batch_get_item,
            "BatchWriteItem": self._batch_write_item,
            "LookupEvents": self._lookup_events,
        }
        return answer[action](body).encode()

    def _scan(self, _: dict[str, Any]) -> str:
        items = [{k: _typed(k, v) for k, v in item.items()} for item in self._items]
        return json.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)})

    def _batch_get_item(self, body: dict[str, Any]) -> str:
        ((table, asked),) = body["RequestItems"].items()
        keys = (key["Key"]["S"] for key in asked["Keys"])
        found = [self.remembered[key] for key in keys if key in self.remembered]
        return json.dumps({"Responses": {table: found}, "UnprocessedKeys": {}})

    def _batch_write_item(self, body: dict[str, Any]) -> str:
        (requests,) = body["RequestItems"].values()
        items = [request["PutRequest"]["Item"] for request in requests]
        self.remembered |= {item["Key"]["S"]: item for item in items}
        return json.dumps({"UnprocessedItems": {}})

    def _lookup_events(self, body: dict[str, Any]) -> str:
        (attribute,) = body["LookupAttributes"]
        if attribute["AttributeKey"] == "ResourceName":
            launch = self._vpc.launch_of.get(attribute["AttributeValue"])
            return f'{{"Events": [{launch.event if launch else ""}]}}'
        last = bisect.bisect_right(self._times, body.get("EndTime", float("inf")))
        end = int(body.get("NextToken", last))
        start = max(0, end - _EVENTS_A_PAGE)
        events = ", ".join(launch.event for launch in reversed(self._vpc.launches[start:end]))
        token = f', "NextToken": "{start}"' if start else ""
        return f'{{"Events": [{events}]{token}}}'


def _document(action: str, content: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{action}Response xmlns="{_NAMESPACE}">'
        f"<requestId>1</requestId>{content}</{action}Response>"
    )


def _numbers(form: dict[str, list[str]], pattern: str) -> Iterator[int]:
    number = 1
    while pattern.format(number) in form:
        yield number
        number += 1


def _listed(form: dict[str, list[str]], name: str) -> Iterator[str]:
    for number in _numbers(form, f"{name}.{{}}"):
        yield form[f"{name}.{number}"][0]


def _filters(form: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for number in _numbers(form, "Filter.{}.Name"):
        yield form[f"Filter.{number}.Name"][0], list(_listed(form, f"Filter.{number}.Value"))


_THROTTLED = (
    b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded."
    b"</Message></Error></Errors><RequestID>1</RequestID></Response>"
)


def application(stand_in: StandIn) -> web.Application:
    """Return the web application of a stand-in."""

    async def answer(action: str, ask: Callable[[], bytes], content_type: str) -> web.Response:
        """Answer a call; where that takes as long as with AWS, other calls go on meanwhile."""
        stand_in.calls[action] += 1
        limits = stand_in.limits
        if limits is not None and not limits.let_pass(action):
            stand_in.throttled[action] += 1
            return web.Response(status=503, body=_THROTTLED, content_type="text/xml")
        stand_in.about = 0
        body = ask()
        if limits is not None:
            await asyncio.sleep(latency.seconds(action, stand_in.about))
        return web.Response(body=body, content_type=content_type)

    async def call(request: web.Request) -> web.Response:
        stand_in.first_call = stand_in.first_call or time.time()
        body = await request.read()
        target = request.headers.get("X-Amz-Target")
        if target:
            action = target.rpartition(".")[2]
            asked = json.loads(body)
            return await answer(
                action, lambda: stand_in.target(action, asked), "application/x-amz-json-1.1"
            )
        form = parse_qs(body.decode(), keep_blank_values=True)
        action = form["Action"][0]
        return await answer(action, lambda: stand_in.query(action, form), "text/xml")

    async def reset(request: web.Request) -> web.Response:
        stand_in.reset((await request.json())["job"])
        return web.Response()

    async def state(_: web.Request) -> web.Response:
        return web.json_response(stand_in.state())

    made = web.Application(client_max_size=2**26)
    made.router.add_post("/reset", reset)
    made.router.add_get("/state", state)
    made.router.add_post("/", call)
    return made


async def serve(stand_in: StandIn) -> None:
    """Serve on a free loopback port, and print its number."""
    runner = web.AppRunner(application(stand_in), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Build the VPC that the arguments describe, and serve it until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", help="the fields of a Shape, as JSON")
    parser.add_argument("now", help="when the benchmark runs, as ISO 8601")
    parser.add_argument("--slow", action="store_true", help="answer as AWS does, not at once")
    arguments = parser.parse_args()
    vpc = Vpc(Shape(**json.loads(arguments.shape)), datetime.fromisoformat(arguments.now))
    _ = vpc.fragments, vpc.launches, vpc.launch_of, vpc.lacking, vpc.untagged
    asyncio.run(serve(StandIn(vpc, is_slow=arguments.slow)))


if __name__ == "__main__":
    main()
