"""A witness of runs: judges each call by what EC2 and SNS knew at that moment.

Whatever an engine believes of a mark, of an instance or of what people were told, is not asked.
What a mark is, is written down here once more, so that a fault in reading it does not hide itself.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends

from tag_policy.aws.clock import Clock
from tag_policy.settings import Settings
from tests.support.calls import Answer, Call, answering, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.ledger import Delivered, Ledger

ENDS = {
    "TerminateInstances": ("terminate", ("shutting-down", "terminated")),
    "StopInstances": ("stop", ("stopping", "stopped")),
    "ModifyNetworkInterfaceAttribute": ("isolate", ()),
}
"""The calls that end an instance, what marks call that, and the states that it leads to."""

LADDERS = {
    "10": ("Owner", {"isolate": 1, "stop": 2, "terminate": 26}),
    "20": ("Stage", {"stop": 1, "terminate": 25}),
}
"""Rules of one engine: the tag that each wants, and after how many hours what follows else."""

LEAST = {"isolate": 1, "stop": 1, "terminate": 24}
"""Hours within which nothing that has tags is ended so."""

LIVE = ("pending", "running", "stopping", "stopped")
_DIGITS = "0123456789abcdef"
HOUR = timedelta(hours=1)
APART = timedelta(seconds=10)
JUST_NOW = timedelta(seconds=5)

_A_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_CAUSE = r"(untagged|rule \d+ \([0-9a-f]{8}\))"
_FINAL = re.compile(
    rf"([A-Za-z][\w-]*): (isolate|stop|terminate) at ({_A_TIME}): {_CAUSE}, "
    rf"(?:announced ({_A_TIME})|(?<=untagged, )no grace period)"
)
_ANNOUNCING = re.compile(
    rf"announcing ([A-Za-z][\w-]*): (isolate|stop|terminate) at ({_A_TIME}): {_CAUSE}"
)
_SAID = re.compile(rf": (?:isolate|stop|terminate) at ({_A_TIME}): (?:untagged|rule )")
_EARLIER = re.compile(rf"(?:stop|terminate) at {_A_TIME}: no tags at all")
_SHOWN = re.compile(r"<instanceId>(i-[0-9a-f]+)</instanceId>")
_MORE = re.compile(r"<nextToken>[^<]+</nextToken>")


def engine_of(value: str) -> str | None:
    """Return which engine's mark a value is, final or not; empty for an earlier version's."""
    match = _FINAL.fullmatch(value) or _ANNOUNCING.fullmatch(value)
    if match is not None:
        return match[1]
    return "" if _EARLIER.fullmatch(value) else None


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@dataclass
class Run:
    """What the witness knows of a run that is under way, or is over.

    ``acted`` are the instances to which somebody did something in the meantime, ``looks`` when each
    instance was shown, and what tags it had then. ``told`` are its messages;
    ``shown_last`` is when it was shown by the looks since which there was no other call, whatever
    became of that call, and ``shown_before`` the same as the last other call found it. ``listed``
    are the digits that ids end in of which the last page was shown.
    """

    engine: str
    settings: Settings
    began: datetime
    narrowed: bool = False
    audit: bool = False
    exempt_before: frozenset[str] = frozenset()
    due_before: int = 0
    listed: set[str] = field(default_factory=set)
    saw_a_part: bool = False
    acted: set[str] = field(default_factory=set)
    anybody_acted: bool = False
    looks: dict[str, list[tuple[datetime, Mapping[str, str]]]] = field(default_factory=dict)
    shown_last: dict[str, datetime] = field(default_factory=dict)
    shown_before: dict[str, datetime] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    ended_by_a_rule: bool = False
    told: list[Delivered] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def may_end(self) -> bool:
        """Whether it has seen all, and was to act."""
        return self.has_listed_all and not (self.narrowed or self.audit or self.saw_a_part)

    @property
    def has_listed_all(self) -> bool:
        """Whether it was shown all instances, whatever digit their ids end in."""
        return self.listed == set(_DIGITS)


class Witness:
    """Sees the calls of some engines' runs, and keeps what is wrong with them.

    ``managed`` are the instances that a service manages. ``begin`` and ``end`` say which engine is
    running. The calls are seen after all that refuses them: what is examined is carried out.
    """

    def __init__(self, clock: Clock, ledger: Ledger, managed: set[str]) -> None:
        self._clock = clock
        self.ledger = ledger
        self._managed = managed
        self._running: list[Run] = []
        self.wrong: list[AssertionError] = []
        self.rightly_ended = Counter[str]()
        self.restarted: set[str] = set()
        ledger.on_delivery = self._examine_message

    # Runs, and what people do meanwhile

    @property
    def run(self) -> Run | None:
        """The run that is under way."""
        return self._running[-1] if self._running else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See every call; to be entered after all that may refuse one."""
        with answering(self._look), listening(self._see):
            yield

    @contextmanager
    def counting(self) -> Iterator[None]:
        """See every attempt at a call; to be entered before all that may refuse one."""

        def count(call: Call) -> None:
            run = self.run
            if run is not None and call.action != "DescribeInstances":
                run.shown_before, run.shown_last = run.shown_last, {}

        with listening(count):
            yield

    def begin(self, engine: str, settings: Settings, *, narrowed: bool, audit: bool) -> Run:
        """Take note of a run that begins."""
        now = self._clock.now()
        run = Run(engine, settings, now, narrowed=narrowed, audit=audit)
        run.exempt_before = frozenset(i for i in self._ids() if self._is_exempt(i, settings))
        run.due_before = sum(self._is_surely_due(i, run) for i in self._ids())
        self._running.append(run)
        return run

    def end(self, run: Run, *, killed: bool) -> None:
        """Take note of the end of a run, and of what people know of it by then."""
        self._running.remove(run)
        with self._noted():
            if run.told and not killed:
                named = {f["resource_id"] for one in run.told for f in one.findings}
                assert run.ended <= named, "somebody's instance is ended, and nobody is told"

    def somebody_acts(self, instance_id: str = "") -> bool:
        """Take note of what somebody does; tell whether a run had looked at the instance before."""
        seen = False
        for run in self._running:
            run.anybody_acted = True
            run.acted.add(instance_id)
            seen |= instance_id in run.looks
        return seen

    def cut(self) -> None:
        """Take note that the time of the run is up."""
        if self.run is not None and not self.run.has_listed_all:
            self.run.saw_a_part = True

    # What EC2 knows

    @property
    def _ec2(self) -> Any:
        return ec2_backends[ACCOUNT_ID][REGION]

    def _ids(self) -> list[str]:
        return [
            i.id for reservation in self._ec2.reservations.values() for i in reservation.instances
        ]

    def tags(self, instance_id: str) -> Mapping[str, str]:
        """Return the tags of an instance."""
        tags: Mapping[str, str] = self._ec2.tags.get(instance_id, {})
        return tags

    def state(self, instance_id: str) -> str:
        """Return the state of an instance."""
        return str(self._ec2.get_instance(instance_id).state)

    def vpc_of(self, instance_id: str) -> str:
        """Return the VPC of an instance."""
        return str(self._ec2.get_instance(instance_id).vpc_id)

    def _born(self, instance_id: str) -> datetime:
        interfaces = self._ec2.get_instance(instance_id).nics.values()
        born: datetime = min(interface.attach_time for interface in interfaces)
        return born

    def _is_exempt(self, instance_id: str, settings: Settings) -> bool:
        value = self.tags(instance_id).get(settings.exempt_tag_key)
        return value is not None and value != "2020-01-01"

    @staticmethod
    def _is_untagged(tags: Mapping[str, str], settings: Settings) -> bool:
        keys = (settings.marker_tag_key, *settings.former_marker_tag_keys)
        return all(key in keys and engine_of(value) is not None for key, value in tags.items())

    def _is_surely_due(self, instance_id: str, run: Run) -> bool:
        """Tell of what nobody could doubt that this run, undisturbed, would have to end it."""
        settings, tags = run.settings, self.tags(instance_id)
        instance = self._ec2.get_instance(instance_id)
        action = str(settings.default_untagged_action)
        states = ("pending", "running") if action == "stop" else LIVE
        if not (
            self._is_untagged(tags, settings)
            and instance.state in states
            and instance.vpc_id in settings.vpc_ids
            and instance_id not in self._managed
            and run.began - self._born(instance_id) >= settings.minimum_age
        ):
            return False
        if not settings.grace_period:
            ours = all(engine_of(value) in (run.engine, "") for value in tags.values())
            # What says another time may have been told: a lost answer may have been a good one.
            said = [_time(found[1]) for found in map(_SAID.search, tags.values()) if found]
            is_over = all(time <= run.began for time in said)
            return ours and is_over and tags.keys() <= set(settings.former_marker_tag_keys)
        match = _FINAL.fullmatch(tags.get(settings.marker_tag_key, ""))
        told = self.ledger.announcements(instance_id, run.engine)
        if match is None or match[1] != run.engine or match[2] != action or not told:
            return False
        if match[4] != "untagged":
            return False
        if self._remembered(instance_id, settings) != match[0]:
            return False  # it is announced anew
        at, time = told[-1]
        grace = settings.grace_period
        return (
            abs(time - _time(match[3])) < APART
            and time - at <= grace
            and max(time, at + grace) + APART < run.began < time + timedelta(hours=24)
            and instance.launch_time < time
        )

    def _remembered(self, instance_id: str, settings: Settings) -> str:
        """Return the mark of which the engine remembers that people were told of it."""
        key = {"Key": {"S": f"announced#{instance_id}"}}
        item = dynamodb_backends[ACCOUNT_ID][REGION].get_item(settings.state_table, key)
        return "" if item is None else str(item.attrs["Mark"].value)

    # What is examined

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            self.wrong.append(error)  # botocore would take it for a fault of the connection

    def _look(self, call: Call, answer: Answer) -> Answer:
        """Remember what EC2 shows."""
        run = self.run
        if run is None or call.action != "DescribeInstances":
            return answer
        _, _, body = answer
        text = body.decode() if isinstance(body, bytes) else str(body)
        shown = frozenset(_SHOWN.findall(text))
        now = self._clock.now()
        for instance_id in shown:
            tags = dict(self.tags(instance_id))
            run.looks.setdefault(instance_id, []).append((now, tags))
            run.shown_last[instance_id] = now
        if _is_listing(call) and not _MORE.search(text):
            run.listed |= _digits(call)
        return answer

    def _see(self, call: Call) -> None:
        run = self.run
        if run is None:
            return
        with self._noted():
            if call.action == "ModifyNetworkInterfaceAttribute":
                instance_id = self._instance_of(call.parameters["NetworkInterfaceId"])
                self._examine_end(instance_id, call, run, call.resource_tags[instance_id])
                groups = set(run.settings.isolation_security_groups.values())
                assert set(call.parameters["Groups"]) <= groups, "it gets another group"
            elif call.action in ENDS:
                for instance_id in call.parameters["InstanceIds"]:
                    self._examine_end(instance_id, call, run, call.resource_tags[instance_id])
            elif call.action == "CreateTags":
                self._examine_write(call, run)
            elif call.action == "DeleteTags":
                self._examine_delete(call, run)
        if call.action in (*ENDS, "CreateTags", "DeleteTags"):
            run.changes.append(call.action)

    def _instance_of(self, interface_id: str) -> str:
        return str(self._ec2.get_network_interface(interface_id).instance.id)

    def is_isolated(self, instance_id: str) -> bool:
        """Tell whether an instance has the security group of isolated ones alone."""
        interfaces = self._ec2.get_instance(instance_id).nics.values()
        return all({g.name for g in one.group_set} == {"isolated"} for one in interfaces)

    def _examine_end(self, instance_id: str, call: Call, run: Run, tags: Mapping[str, str]) -> None:
        now, settings = self._clock.now(), run.settings
        action, states = ENDS[call.action]
        instance = self._ec2.get_instance(instance_id)
        assert run.may_end, f"a run ends something that has seen a part of what there is: {run}"
        assert settings.exempt_tag_key not in tags, "it is exempt"
        assert instance.vpc_id in settings.vpc_ids, "it is of another VPC"
        assert instance_id not in self._managed, "it is managed"
        assert now - self._born(instance_id) >= settings.minimum_age, "it is too young"

        assert instance_id in run.shown_before, "it was not looked at right before"
        assert now - run.shown_before[instance_id] <= JUST_NOW, "the last look was too long ago"
        mark = _FINAL.fullmatch(tags.get(settings.marker_tag_key, ""))
        assert mark is not None, f"it has no mark: {tags}"
        assert mark[1] == run.engine, f"the mark is another engine's: {tags}"
        assert mark[2] == action, f"the mark announces something else: {tags}"
        if self._is_untagged(tags, settings):
            self._examine_what_has_no_tags(instance_id, action, mark, run, now)
        else:
            self._examine_by_a_rule(instance_id, action, mark, run, now)

        if instance.state not in states:
            run.ended.add(instance_id)
            self.rightly_ended[instance_id] += 1
        assert len(run.ended) <= settings.max_destructive, "more are ended than the limit allows"
        over = run.due_before > settings.max_destructive
        assert not over or run.anybody_acted, (
            f"{run.due_before} were due in all VPCs, and the limit is {settings.max_destructive}"
        )

    def _examine_what_has_no_tags(
        self, instance_id: str, action: str, mark: re.Match[str], run: Run, now: datetime
    ) -> None:
        settings = run.settings
        assert mark[4] == "untagged", f"it has no tags, and its mark says {mark[0]}"
        assert action == str(settings.default_untagged_action), (
            "it is ended otherwise than is configured"
        )
        untagged = [at for at, tags in run.looks[instance_id] if self._is_untagged(tags, settings)]
        assert untagged, "no look showed that it has no tags"
        assert untagged[-1] - untagged[0] >= APART, f"it was seen untagged once only: {untagged}"
        if settings.grace_period:
            self._examine_what_was_told(instance_id, run, now)

    def _examine_by_a_rule(
        self, instance_id: str, action: str, mark: re.Match[str], run: Run, now: datetime
    ) -> None:
        """The rule is violated, was when it was looked at, and people were told long enough ago."""
        rule_id = mark[4].removeprefix("rule ").partition(" ")[0]
        assert rule_id in LADDERS, f"it has tags, and its mark says {mark[0]}"
        key, ladder = LADDERS[rule_id]
        assert run.engine == "escalating", "this engine ends nothing that has tags"
        _, seen = run.looks[instance_id][-1]
        assert not seen.get(key, "").strip(), f"it was seen with {key}: {seen}"
        told = self.ledger.steps(instance_id, run.engine)
        assert told, "nobody was told"
        assert any(
            what == action and by == rule_id and time <= now and at + LEAST[action] * HOUR <= now
            for at, time, what, by in told
        ), f"nobody was told of this step in time: {told}, and it is {now}"
        assert any(by == rule_id and at + ladder[action] * HOUR <= now for at, _, _, by in told), (
            f"it is ended sooner than the rule says: {told}, and it is {now}"
        )
        _, last, *_ = told[-1]
        assert last <= now, f"people were told of a later time: {told}, and it is {now}"
        run.ended_by_a_rule = True

    def _examine_what_was_told(self, instance_id: str, run: Run, now: datetime) -> None:
        told = self.ledger.announcements(instance_id, run.engine)
        grace = run.settings.grace_period
        assert told, "nobody was told"
        assert any(at + grace <= now and time <= now for at, time in told), (
            f"nobody was told {grace} before: {told}, and it is {now}"
        )
        _, last = told[-1]
        assert last <= now, f"people were told of a later time: {told}, and it is {now}"

    def _examine_write(self, call: Call, run: Run) -> None:
        settings = run.settings
        assert not run.audit, "an audit writes a tag"
        for instance_id, tags in call.resource_tags.items():
            assert instance_id not in run.exempt_before or instance_id in run.acted, "it is exempt"
            vpc_id = self._ec2.get_instance(instance_id).vpc_id
            assert vpc_id in settings.vpc_ids, "it is of another VPC"
            for tag in call.parameters["Tags"]:
                before, value = tags.get(tag["Key"], ""), tag["Value"]
                if tag["Key"] == settings.marker_tag_key:
                    owner = engine_of(before)
                    present = tag["Key"] in tags
                    assert not present or owner in (run.engine, ""), (
                        f"{before!r} gives way to {value!r}"
                    )
                    self._examine_mark(instance_id, value, run)
                else:
                    assert not before.strip() or before == value, (
                        f"{before!r} gives way to {value!r}"
                    )

    def _examine_mark(self, instance_id: str, value: str, run: Run) -> None:
        """Only what people were told becomes a mark that counts."""
        final = _FINAL.fullmatch(value)
        if final is None:
            begun = _ANNOUNCING.fullmatch(value)
            assert begun is not None, f"{value!r} is no mark"
            assert begun[1] == run.engine, f"{value!r} is another engine's"
            return
        assert final[1] == run.engine, f"{value!r} is another engine's"
        if final[5] is None:
            assert not run.settings.grace_period, "a mark of no grace period, where there is one"
            return
        told = self.ledger.announcements(instance_id, run.engine)
        assert told, f"{value!r} is written, and nobody was told"
        at, time = told[-1]
        assert at >= run.began, f"{value!r} is written, and this run has told nobody"
        assert at <= _time(final[5]), f"{value!r} says that people were told before they were"
        assert time <= _time(final[3]), f"{value!r} is earlier than people were told: {time}"

    def _examine_delete(self, call: Call, run: Run) -> None:
        settings = run.settings
        assert not run.audit, "an audit deletes a tag"
        for instance_id, tags in call.resource_tags.items():
            assert instance_id not in run.exempt_before or instance_id in run.acted, "it is exempt"
            for tag in call.parameters["Tags"]:
                keys = (settings.marker_tag_key, *settings.former_marker_tag_keys)
                assert tag["Key"] in keys, f"{tag['Key']} is deleted"
                assert "Value" in tag, f"{tag['Key']} is deleted, whatever it says"
                if tags.get(tag["Key"]) == tag["Value"]:
                    mark = engine_of(tag["Value"])
                    assert mark in (run.engine, ""), f"{tag['Value']!r} is deleted"

    def _examine_message(self, one: Delivered) -> None:
        """What a message says was done is done, unless somebody has acted since."""
        run = self.run
        if run is None:
            return
        run.told.append(one)
        if one.is_audit:
            return
        with self._noted():
            assert one.engine == run.engine
            for finding in one.findings:
                instance_id, key = finding["resource_id"], finding.get("tag_key", "")
                if instance_id in run.acted:
                    continue
                tags, state = self.tags(instance_id), self.state(instance_id)
                match finding["result"]:
                    case "terminated":
                        assert state in ENDS["TerminateInstances"][1], f"it is {state}: {finding}"
                    case "stopped":
                        assert state in ENDS["StopInstances"][1], f"it is {state}: {finding}"
                    case "isolated":
                        assert self.is_isolated(instance_id), f"it is not: {finding}"
                    case "tagged":
                        assert tags.get(key) == finding["new_value"], f"{tags}: {finding}"
                    case "unmarked":
                        assert key not in tags, f"{tags}: {finding}"
                    case "marked":
                        begun = _ANNOUNCING.fullmatch(tags.get(key, ""))
                        assert begun is not None, f"{tags}: {finding}"
                        assert finding["due"].endswith(begun[3]), f"{tags}: {finding}"
            _ = one.announced  # people and machines are told the same


def goes_on_looking(call: Call) -> bool:
    """Tell whether a call is for another page of a look right before something is done."""
    return (
        call.action == "DescribeInstances"
        and not _is_listing(call)
        and ("NextToken" in call.parameters)
    )


def _is_listing(call: Call) -> bool:
    if call.action != "DescribeInstances":
        return False
    filters: Sequence[Mapping[str, Any]] = call.parameters.get("Filters", ())
    return any(one["Name"] == "vpc-id" for one in filters)


def _digits(call: Call) -> set[str]:
    """Return the digits that the ids of what is listed end in."""
    for one in call.parameters.get("Filters", ()):
        if one["Name"] == "instance-id":
            return {pattern[-1] for pattern in one["Values"]}
    return set(_DIGITS)
