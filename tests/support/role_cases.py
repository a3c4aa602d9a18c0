"""What the role may do and what it may not: requests, and what IAM must say to each.

The one table about the role. ``tests/integration/test_role_table.py`` asks the rendered policies
each of them, and ``tests/integration/test_role_mutants.py`` shows that no part of a policy can go,
or become wider, without an answer that changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.support.iam import Request

_OURS = "eu-west-1:123456789012"
INSTANCE = f"arn:aws:ec2:{_OURS}:instance/i-0123456789abcdef0"

NOT_OURS = {
    "a volume": f"arn:aws:ec2:{_OURS}:volume/vol-0123456789abcdef0",
    "another region's instance": (
        "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"
    ),
    "another account's instance": (
        "arn:aws:ec2:eu-west-1:999999999999:instance/i-0123456789abcdef0"
    ),
}

MARK, EXEMPTION = "tag-policy:due", "tag-policy:exempt"
ANNOUNCED = "untagged, announced 2026-11-24T08:00:00Z"
NO_GRACE = "untagged, no grace period"


@dataclass(frozen=True)
class Case:
    """A request of the role of a variant (see ``tests.support.policies``), and IAM's answer."""

    about: str
    variant: str
    request: Request
    allowed: bool

    def __str__(self) -> str:
        """Return what a test that fails is named after."""
        return f"{self.variant}: {self.about}: {'allowed' if self.allowed else 'refused'}"


Tags = Mapping[str, str]


def mark(engine: str, action: str, reason: str, time: str = "2026-11-25T08:00:00Z") -> str:
    """Return a mark, as ``rules/mark.py`` writes it."""
    return f"{engine}: {action} at {time}: {reason}"


def on(tags: Tags) -> dict[str, list[str]]:
    """Return what IAM knows of a resource that has these tags."""
    return {f"aws:ResourceTag/{key}": [value] for key, value in tags.items()}


def write(keys: Sequence[str], tags: Tags | None = None, resource: str = INSTANCE) -> Request:
    """Return the request to write tags with these keys on what has these tags."""
    context = {"aws:TagKeys": list(keys)} if keys else {}
    return Request("ec2:CreateTags", resource, context | on(tags or {}))


def take_back(keys: Sequence[str], resource: str = INSTANCE) -> Request:
    """Return the request to delete the tags with these keys; with none, all of a resource."""
    context = {"aws:TagKeys": list(keys)} if keys else {}
    return Request("ec2:DeleteTags", resource, context | on({MARK: "x", "Name": "web"}))


# What ends an untagged instance: the first lock.

ENDS = {"terminate": "ec2:TerminateInstances", "stop": "ec2:StopInstances"}
ISOLATES = "ec2:ModifyNetworkInterfaceAttribute"


def _ending(engine: str, action: str, *, warned: bool) -> Iterator[Case]:
    call = ENDS[action]
    (other_action,) = set(ENDS) - {action}
    good = mark(engine, action, ANNOUNCED)

    def case(about: str, tags: Tags, allowed: bool = False, **change: str) -> Case:
        request = Request(change.get("call", call), change.get("resource", INSTANCE), on(tags))
        return Case(about, engine, request, allowed)

    yield case("announced", {MARK: good}, True)
    yield case("without a grace period", {MARK: mark(engine, action, NO_GRACE)}, not warned)

    yield case("no mark", {})
    for about, value in {
        "a blank mark": "",
        "somebody's own words": "soon",
        "announcing, before people were told": f"announcing {good}",
        "another engine's mark": mark("other", action, ANNOUNCED),
        "the mark of an engine whose name ends alike": f"my-{good}",
        "the mark of an engine whose name begins alike": mark(f"{engine}-2", action, ANNOUNCED),
        "a mark of the version before": f"{action} at 2026-11-25T08:00:00Z: no tags at all",
        "a mark of the other action": mark(engine, other_action, ANNOUNCED),
        "a mark that names a rule": mark(engine, action, "rule 10, announced 2026-11-24T08:00:00Z"),
        "a mark without a reason": f"{engine}: {action} at 2026-11-25T08:00:00Z",
        "a mark without a time": mark(engine, action, ANNOUNCED, time=""),
        "a time in words": mark(engine, action, ANNOUNCED, time="noon"),
        "an announcement in words": mark(engine, action, "untagged, announced yesterday"),
        "more behind the announcement": f"{good} or later",
        "more behind no grace period": mark(engine, action, f"{NO_GRACE}, sorry"),
        "another's mark with ours behind it": f"x {good}",
        "a mark in capitals": good.upper(),
    }.items():
        yield case(about, {MARK: value})
    yield case("the mark in another tag", {"due": good})

    for key in ("ProjectCode", "CreatedBy", "Expires"):
        yield case(f"a stale mark, and {key}", {MARK: good, key: "x"})
        yield case(f"a stale mark, and a blank {key}", {MARK: good, key: ""})
        yield case(f"a stale mark, and {key.lower()}", {MARK: good, key.lower(): "x"})
        yield case(f"a stale mark, and {key.upper()}", {MARK: good, key.upper(): "x"})
    for key in ("Name", "name", "NAME"):
        yield case(f"a stale mark, and {key}", {MARK: good, key: "web"})
    yield case("a stale mark, Name and name", {MARK: good, "Name": "", "name": "web"})

    for value in ("", "2026-12-31", "because"):
        yield case(f"exempt: {value!r}", {MARK: good, EXEMPTION: value})
    yield case("exempt, in capitals", {MARK: good, EXEMPTION.upper(): ""})

    yield case("the other action", {MARK: good}, call=ENDS[other_action])
    yield case(
        "the other action, with its mark",
        {MARK: mark(engine, other_action, ANNOUNCED)},
        call=ENDS[other_action],
    )
    for call_nobody_makes in ("ec2:RebootInstances", "ec2:StartInstances"):
        yield case(call_nobody_makes, {MARK: good}, call=call_nobody_makes)
    for about, resource in NOT_OURS.items():
        yield case(about, {MARK: good}, resource=resource)


def _either_end() -> Iterator[Case]:
    """Yield that each end needs its own mark, where one VPC's instances are stopped."""
    for action, call in ENDS.items():
        for marked in ENDS:
            for reason in (ANNOUNCED, NO_GRACE):
                tags = {MARK: mark("two-ends", marked, reason)}
                about = f"{action}, marked to {marked}: {reason}"
                request = Request(call, INSTANCE, on(tags))
                yield Case(about, "two-ends", request, action == marked)
            for key in ("ProjectCode", "CreatedBy", "Expires", "Name", EXEMPTION):
                tagged = on({MARK: mark("two-ends", action, ANNOUNCED), key: ""})
                yield Case(
                    f"{action}, and {key}", "two-ends", Request(call, INSTANCE, tagged), False
                )
        yield Case(f"{action}, no mark", "two-ends", Request(call, INSTANCE, {}), False)
        own = on({MARK: mark("two-ends", action, ANNOUNCED)})
        for about, resource in NOT_OURS.items():
            yield Case(f"{action} {about}", "two-ends", Request(call, resource, own), False)
        yield Case(
            "ec2:RebootInstances", "two-ends", Request("ec2:RebootInstances", INSTANCE, own), False
        )


ENDING = [
    *_ending("terminate", "terminate", warned=False),
    *_ending("stop", "stop", warned=False),
    *_ending("one-enforced", "stop", warned=False),
    *_either_end(),
    *_ending("warned", "terminate", warned=True),
]

# What ends an instance that has tags: another statement, and a mark that names a rule.

BY_A_RULE = "rule 10 (0a1b2c3d), announced 2026-11-24T08:00:00Z"


def _by_a_rule(engine: str, *ends: str) -> Iterator[Case]:
    for action, call in ENDS.items():

        def case(
            about: str, tags: Tags, allowed: bool = False, resource: str = INSTANCE,
            action: str = action, call: str = call,
        ) -> Case:  # fmt: skip
            return Case(f"{action} {about}", engine, Request(call, resource, on(tags)), allowed)

        good = mark(engine, action, BY_A_RULE)
        tags = {MARK: good, "Owner": "x", "Name": "web"}
        yield case("what has tags", tags, action in ends)
        yield case("what has none", {MARK: good}, action in ends)
        yield case("what is exempt", tags | {EXEMPTION: ""})
        for about, value in {
            "without a mark": None,
            "with somebody's own words": "soon",
            "before people were told": f"announcing {good}",
            "with another engine's mark": mark("other", action, BY_A_RULE),
            "with the mark of the other end": mark(
                engine, next(iter({*ENDS} - {action})), BY_A_RULE
            ),
            "that has tags, with the mark of what has none": mark(engine, action, ANNOUNCED),
            "that was never announced": mark(engine, action, "rule 10 (0a1b2c3d), no grace period"),
            "by a rule without its state": mark(
                engine, action, "rule 10, announced 2026-11-24T08:00:00Z"
            ),
            "with more behind it": f"{good} or later",
            "with another's before it": f"x {good}",
            "with a time in words": mark(engine, action, BY_A_RULE, time="noon"),
        }.items():
            yield case(about, {"Name": "web"} | ({} if value is None else {MARK: value}))
        for about, elsewhere in NOT_OURS.items():
            yield case(about, tags, resource=elsewhere)


# What isolates: other groups for a network interface, of an instance that may be ended so.


def _isolating() -> Iterator[Case]:
    def case(variant: str, about: str, resource: str, allowed: bool, vpc: str = "") -> Case:
        context = {"ec2:Vpc": [f"arn:aws:ec2:{_OURS}:vpc/{vpc}"]} if vpc else {}
        return Case(about, variant, Request(ISOLATES, resource, context), allowed)

    ours, group = "vpc-0a1b2c3d4e5f67890", "sg-0a1b2c3d4e5f67890"
    interface = f"arn:aws:ec2:{_OURS}:network-interface/eni-0123456789abcdef0"
    for variant, may in (
        ("escalating", True),
        ("isolate", True),
        ("stopping", False),
        ("terminate", False),
        ("escalation-audited", False),
    ):
        yield case(variant, "an interface in the VPC", interface, may, ours)
        yield case(variant, "the group", f"arn:aws:ec2:{_OURS}:security-group/{group}", may)
        yield case(variant, "an interface of another VPC", interface, False, f"{ours}1")
        yield case(variant, "an interface of no VPC", interface, False)
        yield case(variant, "another group", f"arn:aws:ec2:{_OURS}:security-group/{group}1", False)
        yield case(variant, "a group of another account", (
            f"arn:aws:ec2:eu-west-1:999999999999:security-group/{group}"), False)  # fmt: skip
        elsewhere = interface.replace("eu-west-1", "us-east-1")
        yield case(variant, "an interface of another region", elsewhere, False, ours)
        in_a_shared_vpc = {"ec2:Vpc": [f"arn:aws:ec2:eu-west-1:999999999999:vpc/{ours}"]}
        yield Case("in a shared VPC", variant, Request(ISOLATES, interface, in_a_shared_vpc), may)
        yield case(variant, "an instance without a mark", INSTANCE, False, ours)
        for action in ("ec2:ModifyInstanceAttribute", "ec2:AuthorizeSecurityGroupIngress"):
            request = Request(action, interface, {"ec2:Vpc": [f"arn:aws:ec2:{_OURS}:vpc/{ours}"]})
            yield Case(action, variant, request, False)
            group_arn = f"arn:aws:ec2:{_OURS}:security-group/{group}"
            yield Case(f"{action} of the group", variant, Request(action, group_arn), False)


def _of_the_instance() -> Iterator[Case]:
    """Yield of which instances network interfaces may be isolated."""
    for variant, reason, may_have_tags in (
        ("isolate", ANNOUNCED, False),
        ("escalating", BY_A_RULE, True),
    ):
        good = {MARK: mark(variant, "isolate", reason)}

        def case(about: str, tags: Tags, allowed: bool = False, variant: str = variant) -> Case:
            return Case(f"isolate {about}", variant, Request(ISOLATES, INSTANCE, on(tags)), allowed)

        yield case("what is marked", good, True)
        yield case("what is marked and has a name", good | {"Name": "web"}, may_have_tags)
        for key in ("ProjectCode", "CreatedBy", "Expires"):
            yield case(f"what is marked and has {key}", good | {key: ""}, may_have_tags)
        yield case("what is exempt", good | {EXEMPTION: ""})
        for other in ("stop", "terminate"):
            yield case(f"what is marked to {other}", {MARK: mark(variant, other, reason)})
        yield case("what another engine has marked", {MARK: mark("other", "isolate", reason)})
        yield case("what is being announced", {MARK: f"announcing {good[MARK]}"})
        yield case("what somebody has written about", {MARK: "soon"})
        for call in (*ENDS.values(), "ec2:RebootInstances", "ec2:StartInstances"):
            yield Case(f"{call} of it", variant, Request(call, INSTANCE, on(good)), False)
        for about, elsewhere in NOT_OURS.items():
            request = Request(ISOLATES, elsewhere, on(good))
            yield Case(f"isolate {about}", variant, request, False)
        other_reason = BY_A_RULE if reason == ANNOUNCED else ANNOUNCED
        yield case("what is marked otherwise", {MARK: mark(variant, "isolate", other_reason)})


ISOLATING = [*_isolating(), *_of_the_instance()]

BY_RULES = [
    *_by_a_rule("escalating", "stop", "terminate"),
    *_by_a_rule("stopping", "stop"),
    *_by_a_rule("escalation-of-the-table", "stop"),
    *_by_a_rule("escalation-audited"),
    *_by_a_rule("terminate"),
]

NEVER_ENDING = [
    Case(f"{action}, marked", variant, Request(call, INSTANCE, on({MARK: value})), False)
    for variant in ("notify", "remediate", "audit")
    for action, call in ENDS.items()
    for value in [mark(variant, action, ANNOUNCED)]
]


# What is written: the tags of the rules and no other, and never over a value.

_DEFAULT_KEYS = ("CreatedBy", "Expires", "ProjectCode")
_WRITTEN = {
    "terminate": _DEFAULT_KEYS,
    "stop": _DEFAULT_KEYS,
    "notify": _DEFAULT_KEYS,
    "remediate": _DEFAULT_KEYS,
    "warned": _DEFAULT_KEYS,
    "event-id": (*_DEFAULT_KEYS, "CreatedBy:event-id"),
    "shared": tuple(
        f"{key}{suffix}" for key in (*_DEFAULT_KEYS, "Owner") for suffix in ("", ":event-time")
    ),
    "by-hand": ("Owner", "Owner:event-id"),
}


def _writing() -> Iterator[Case]:
    for variant, keys in _WRITTEN.items():
        yield Case("all keys of the rules", variant, write(keys), True)
        for key in keys:
            yield Case(f"{key}", variant, write([key]), True)
            yield Case(f"{key} and Name", variant, write([key, "Name"]), False)
            yield Case(f"{key} in capitals", variant, write([key.upper()]), False)
            for about, resource in NOT_OURS.items():
                yield Case(f"{key} on {about}", variant, write([key], {}, resource), False)
        for other in ("Name", "*", EXEMPTION, "ProjectCode:event-id", "CreatedBy:event-time"):
            yield Case(other, variant, write([other]), other in keys)
        yield Case("no key", variant, write([]), False)
    for variant in ("audit", "no-lookup"):
        yield Case("CreatedBy", variant, write(["CreatedBy"]), False)
    yield Case("CreatedBy:event-id", "terminate", write(["CreatedBy:event-id"]), False)

    for variant, may in (
        ("terminate", True),
        ("stop", True),
        ("stopping", True),
        ("notify", False),
        ("audit", False),
        ("escalation-audited", False),
    ):
        yield Case("the mark", variant, write([MARK]), may)
    yield from _marking()
    yield Case("the mark on what has tags", "terminate", write([MARK], {"Expires": "x"}), True)
    yield Case("a mark in a former tag", "warned", write(["due"]), False)
    launch = Request("ec2:RunInstances", INSTANCE, {"aws:TagKeys": [MARK]})
    yield Case("a launch", "terminate", launch, False)


def _marking() -> Iterator[Case]:
    """Yield what may be marked: whatever has no words and no mark of others in the marker's tag."""
    for engine, action in (("terminate", "terminate"), ("stop", "stop"), ("stopping", "stop")):
        old = mark(engine, action, ANNOUNCED)
        for about, value, may in (
            ("an old mark", old, True),
            ("a mark that was being announced", f"announcing {old}", True),
            ("a mark of the version before", "stop at 2026-11-25T08:00:00Z: no tags at all", True),
            ("another one before", "terminate at 2026-11-25T08:00:00Z: no tags at all", True),
            ("somebody's words", "soon", False),
            ("an empty value", "", False),
            ("another engine's mark", mark("other", action, ANNOUNCED), False),
            ("what another engine announces", f"announcing {mark('other', action, '')}", False),
            ("a name that begins alike", mark(f"{engine}-2", action, ANNOUNCED), False),
            ("a name that ends alike", f"my-{old}", False),
        ):
            yield Case(f"the mark over {about}", engine, write([MARK], {MARK: value}), may)
        among = write([MARK, "ProjectCode"], {MARK: "soon"})
        yield Case("the mark among others, over words", engine, among, False)
        beside = write(["ProjectCode"], {MARK: "x"})
        yield Case("other tags beside words", engine, beside, engine != "stopping")


WRITING = list(_writing())


def _overwriting() -> Iterator[Case]:
    for variant, keys in _WRITTEN.items():
        for key in keys:
            rest = [other for other in keys if other != key]
            for value in ("x", "?", "*", "a value that is longer than most"):
                request = write([key], {key: value})
                yield Case(f"{key} over {value!r}", variant, request, False)
            yield Case(f"{key} over white space", variant, write([key], {key: " "}), False)
            yield Case(f"{key} where it is empty", variant, write([key], {key: ""}), True)
            yield Case(f"{key} among others", variant, write(keys, {key: "x"}), False)
            yield Case(f"all but {key}", variant, write(rest, {key: "x"}), True)
            for spelt in (key.lower(), key.upper()):
                yield Case(f"{key} beside {spelt}", variant, write([key], {spelt: "x"}), False)
                beside = write([key], {spelt: ""})
                yield Case(f"{key} beside an empty {spelt}", variant, beside, True)
            yield Case(f"{key} beside Name", variant, write([key], {"Name": "web"}), True)


OVERWRITING = list(_overwriting())


# What is taken back: the mark, wherever the engine had it, and nothing else.


def _taking_back() -> Iterator[Case]:
    for variant in ("terminate", "stop", "notify", "remediate", "warned"):
        yield Case("the mark", variant, take_back([MARK]), True)
        for keys in (["ProjectCode"], [MARK, "Name"], [EXEMPTION], [MARK.upper()], []):
            yield Case(f"{keys}", variant, take_back(keys), False)
        for about, resource in NOT_OURS.items():
            yield Case(f"the mark of {about}", variant, take_back([MARK], resource), False)
    yield Case("the mark", "audit", take_back([MARK]), False)
    for keys in (["due"], ["tag-policy:old"], ["due", "tag-policy:old", MARK]):
        yield Case(f"former marks, {keys}", "warned", take_back(keys), True)
        yield Case(f"former marks, {keys}", "terminate", take_back(keys), False)
    yield Case("a former mark and a name", "warned", take_back(["due", "Name"]), False)


TAKING_BACK = list(_taking_back())


# What is deleted beside that: what a rule renames, and what is not to be used.


def delete(keys: Sequence[str], tags: Tags, resource: str = INSTANCE) -> Request:
    """Return the request to delete the tags with these keys of what has these tags."""
    context = {"aws:TagKeys": list(keys)} if keys else {}
    return Request("ec2:DeleteTags", resource, context | on(tags))


def _deleting() -> Iterator[Case]:
    tags = {"cc": "1", "cost center": "1", "Old": "x", "Center": "1", "tm": "ops"}
    for keys in (["cc"], ["cost center"], ["Old"], ["cc", "Old"]):
        yield Case(f"{keys}", "taking", delete(keys, tags), True)
        yield Case(f"{keys}", "terminate", delete(keys, tags), False)
        yield Case(f"{keys}, exempt", "taking", delete(keys, tags | {EXEMPTION: ""}), False)
        for about, resource in NOT_OURS.items():
            yield Case(f"{keys} of {about}", "taking", delete(keys, tags, resource), False)
    for keys in (["Center"], ["tm"], ["Team"], ["Stage"], ["CC"], ["cc", "Name"], ["Name"], []):
        yield Case(f"{keys}", "taking", delete(keys, tags), False)
    yield Case("the mark", "taking", delete([MARK], tags), True)
    yield Case("the mark and a tag", "taking", delete([MARK, "cc"], tags), False)
    for key, may in (("Center", True), ("Team", True), ("Stage", True), ("Old", False)):
        yield Case(f"{key} is written", "taking", write([key], {}), may)
    for key in ("Center", "Team"):
        yield Case(f"{key} beside {key.lower()}", "taking", write([key], {key.lower(): "1"}), True)
    yield Case("Stage over a value", "taking", write(["Stage"], {"Stage": "x"}), False)


DELETING = list(_deleting())


# What hangs off instances: its tags are written where rules are about it, and nothing is marked.

OF_TYPES = {
    "volume": f"arn:aws:ec2:{_OURS}:volume/vol-0123456789abcdef0",
    "network-interface": f"arn:aws:ec2:{_OURS}:network-interface/eni-0123456789abcdef0",
    "elastic-ip": f"arn:aws:ec2:{_OURS}:elastic-ip/eipalloc-0123456789abcdef0",
    "snapshot": "arn:aws:ec2:eu-west-1::snapshot/snap-0123456789abcdef0",
    "image": "arn:aws:ec2:eu-west-1::image/ami-0123456789abcdef0",
}
_LISTED_BY = {
    "volume": "DescribeVolumes",
    "network-interface": "DescribeNetworkInterfaces",
    "elastic-ip": "DescribeAddresses",
    "snapshot": "DescribeSnapshots",
    "image": "DescribeImages",
}


def _hanging() -> Iterator[Case]:
    for of_type, arn in OF_TYPES.items():
        for variant, may in (("hanging", True), ("taking", False), ("terminate", False)):
            yield Case(f"Center of a {of_type}", variant, write(["Center"], {}, arn), may)
            yield _case(variant, f"ec2:{_LISTED_BY[of_type]}", "*", may)
        yield Case(f"over a value of a {of_type}", "hanging", _over_a_value(arn), False)
        yield Case(f"blank in a {of_type}", "hanging", write(["Center"], {"Center": ""}, arn), True)
        for keys in ([MARK], ["Center", MARK], [EXEMPTION], ["Name"], []):
            yield Case(f"{keys} of a {of_type}", "hanging", write(keys, {}, arn), False)
        old = {"Old": "x"}
        yield Case(f"Old of a {of_type}", "hanging", delete(["Old"], old, arn), True)
        exempt = delete(["Old"], old | {EXEMPTION: ""}, arn)
        yield Case(f"Old of an exempt {of_type}", "hanging", exempt, False)
        for keys in (["Center"], [MARK], ["Old", "Name"], []):
            yield Case(f"{keys} of a {of_type}", "hanging", delete(keys, old, arn), False)
        for action in ("DeleteVolume", "DeleteSnapshot", "DeregisterImage", "ReleaseAddress"):
            yield _case("hanging", f"ec2:{action}", arn, False)
    for arn in (
        f"arn:aws:ec2:{_OURS}:security-group/sg-0123456789abcdef0",
        f"arn:aws:ec2:{_OURS}:vpc/vpc-0123456789abcdef0",
        "arn:aws:ec2:eu-west-1:999999999999:volume/vol-0123456789abcdef0",
        "arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0",
        f"arn:aws:ec2:{_OURS}:snapshot/snap-0123456789abcdef0",
    ):
        yield Case(f"Center of {arn}", "hanging", write(["Center"], {}, arn), False)
    for key in ("Center", "Owner", MARK):
        yield Case(f"{key} of an instance", "hanging", write([key], {}), True)
    yield Case("a tag and the mark of an instance", "hanging", write(["Center", MARK], {}), False)


def _over_a_value(arn: str) -> Request:
    return write(["Center"], {"Center": "4711"}, arn)


BY_LAMBDA_IN_A_VPC = (
    "AssignPrivateIpAddresses",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "UnassignPrivateIpAddresses",
)
"""What Lambda does in EC2 with the role of a function that is in a VPC."""


# Everything else: each thing that is done, and its neighbours.


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{_OURS}:table/{name}"


def _others() -> Iterator[Case]:
    for variant in ("terminate", "audit"):
        own = _table(f"{variant}-state")
        for action in ("BatchGetItem", "BatchWriteItem"):
            yield _case(variant, f"dynamodb:{action}", own, True)
            yield _case(variant, f"dynamodb:{action}", _table(f"{variant}-rules"), False)
            yield _case(variant, f"dynamodb:{action}", _table("other-state"), False)
        for action in ("Scan", "Query", "PutItem", "UpdateItem", "DeleteItem", "DeleteTable"):
            yield _case(variant, f"dynamodb:{action}", own, False)
        yield _case(variant, "dynamodb:Scan", _table(f"{variant}-rules"), True)
        yield _case(variant, "dynamodb:Scan", _table("other-rules"), False)
    yield _case("terminate", "ec2:DescribeInstances", "*", True)
    yield _case("terminate", "ec2:DescribeVpcs", "*", True)
    yield _case("terminate", "ec2:DescribeSpotInstanceRequests", "*", True)
    yield _case("stopping", "ec2:DescribeSpotInstanceRequests", "*", True)
    yield _case("notify", "ec2:DescribeSpotInstanceRequests", "*", False)
    yield _case("terminate", "cloudtrail:LookupEvents", "*", True)
    yield _case("no-lookup", "cloudtrail:LookupEvents", "*", False)
    for action in ("ec2:DescribeTags", "autoscaling:DescribeTags"):
        for variant, may in (("taking", True), ("shared", True), ("terminate", False)):
            yield _case(variant, action, "*", may)
        yield _case("spelling", action, "*", False)
    yield _case("taking", "autoscaling:DescribeAutoScalingGroups", "*", False)
    yield _case("by-hand", "cloudtrail:LookupEvents", "*", True)
    yield _case("terminate", "cloudtrail:StopLogging", "*", False)
    yield _case("terminate", "iam:PassRole", "*", False)
    yield _case("terminate", "iam:DetachRolePolicy", "*", False)

    itself = {"lambda:SourceFunctionArn": [f"arn:aws:lambda:{_OURS}:function:in-vpc"]}
    for action in BY_LAMBDA_IN_A_VPC:
        by_lambda = Request(f"ec2:{action}", "*")
        yield Case(f"Lambda: {action}", "in-vpc", by_lambda, True)
        by_itself = Request(f"ec2:{action}", "*", itself)
        yield Case(f"{action} by the function", "in-vpc", by_itself, False)
        yield Case(f"Lambda: {action}", "notify", by_lambda, False)
    yield _case("in-vpc", "ec2:RunInstances", "*", False)

    topic = f"arn:aws:sns:{_OURS}:terminate-reports"
    yield _case("terminate", "sns:Publish", topic, True)
    yield _case("terminate", "sns:Publish", f"arn:aws:sns:{_OURS}:other", False)
    yield _case("terminate", "sns:Subscribe", topic, False)

    group = f"arn:aws:logs:{_OURS}:log-group:/aws/lambda"
    for action in ("CreateLogStream", "PutLogEvents"):
        yield _case("terminate", f"logs:{action}", f"{group}/terminate:log-stream:x", True)
        yield _case("terminate", f"logs:{action}", f"{group}/other:log-stream:x", False)
    yield _case("terminate", "logs:CreateLogGroup", f"{group}/terminate:x", False)
    yield _case("terminate", "logs:DeleteLogStream", f"{group}/terminate:log-stream:x", False)

    queue = f"arn:aws:sqs:{_OURS}:events-events"
    for action in (
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "ReceiveMessage",
    ):
        yield _case("events", f"sqs:{action}", queue, True)
        yield _case("events", f"sqs:{action}", f"arn:aws:sqs:{_OURS}:other", False)
        yield _case("terminate", f"sqs:{action}", queue, False)
    yield _case("events", "sqs:SendMessage", queue, False)
    yield _case("events", "config:PutEvaluations", "*", True)
    yield _case("terminate", "config:PutEvaluations", "*", False)
    yield _case("events", "config:DeleteConfigRule", "*", False)

    bucket = "arn:aws:s3:::all-reports"
    folder = "account=123456789012/region=eu-west-1/engine"
    for kind in ("runs", "findings", "pages", "history"):
        kept = f"{bucket}/tag-policy/{kind}/{folder}=archive/x.json"
        yield _case("archive", "s3:PutObject", kept, True)
        yield _case("archive", "s3:PutObject", kept.replace("=archive", "=other"), False)
        yield _case("archive", "s3:GetObject", kept, False)
        yield _case("archive", "s3:DeleteObject", kept, False)
    history = f"{bucket}/tag-policy/history/{folder}=archive/history.json"
    yield _case("archive", "s3:GetObject", history, True)
    yield _case("archive", "s3:GetObject", history.replace("=archive", "=other"), False)
    yield _case("archive", "s3:DeleteObject", history, False)
    yield _case("archive", "s3:ListBucket", bucket, True)
    yield _case("archive", "s3:ListBucket", "arn:aws:s3:::other", False)
    yield _case("archive", "s3:DeleteBucket", bucket, False)
    yield _case("terminate", "s3:ListBucket", bucket, False)

    key = f"arn:aws:kms:{_OURS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    for of, actions, key_arn in (
        ("dynamodb", ("kms:Decrypt",), key),
        ("sns", ("kms:Decrypt", "kms:GenerateDataKey"), key.replace("1234abcd", "5678abcd")),
    ):
        for service in ("dynamodb", "sns", "s3"):
            via = {"kms:ViaService": [f"{service}.eu-west-1.amazonaws.com"]}
            for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"):
                about = f"{action} through {service}, the key given for {of}"
                may = service == of and action in actions
                yield Case(about, "given", Request(action, key_arn, via), may)
                other = Request(action, key_arn.replace("key/", "key/9"), via)
                yield Case(f"{about}, another key", "given", other, False)
        yield Case("kms:Decrypt by itself", "given", Request("kms:Decrypt", key_arn), False)

    for variant, services in (("encrypted", ("dynamodb", "sns")), ("archive", ("s3",))):
        key = f"arn:aws:kms:{_OURS}:key/1234abcd-12ab-34cd-56ef-123456"
        for service in ("dynamodb", "sns", "sqs", "s3"):
            via = {"kms:ViaService": [f"{service}.eu-west-1.amazonaws.com"]}
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                may = service in services
                about = f"{action} through {service}"
                yield Case(about, variant, Request(action, key, via), may)
                another = Request(action, key.replace("1234abcd", "99999999"), via)
                yield Case(f"{about}, another key", variant, another, False)
            yield Case("kms:CreateGrant", variant, Request("kms:CreateGrant", key, via), False)
        yield Case("kms:Decrypt by itself", variant, Request("kms:Decrypt", key), False)


def _case(variant: str, action: str, resource: str, allowed: bool) -> Case:
    name = resource.rsplit(":", 1)[-1]
    return Case(f"{action} on {name}", variant, Request(action, resource), allowed)


HANGING = list(_hanging())

OTHERS = list(_others())

CASES: list[Case] = [
    *ENDING,
    *BY_RULES,
    *ISOLATING,
    *NEVER_ENDING,
    *WRITING,
    *OVERWRITING,
    *TAKING_BACK,
    *DELETING,
    *HANGING,
    *OTHERS,
]
