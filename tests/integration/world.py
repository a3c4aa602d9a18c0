"""A world in which histories take place: engines, people, what AWS does to calls, and a witness."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from tag_policy.aws import threads
from tag_policy.aws.threads import Workers
from tag_policy.handler import RunError
from tag_policy.model.remedy import MaxEscalation
from tag_policy.resources import instance as listing
from tag_policy.rules.table import parse
from tests.integration.conftest import Engine, FakeContext, prepare
from tests.support import extensions, fleet
from tests.support.acts import Person, before
from tests.support.calls import AwsError, Call, acting, answering, listening
from tests.support.clock import SimulatedClock
from tests.support.faults import KilledError
from tests.support.iam import allows, requests_of
from tests.support.ledger import Ledger
from tests.support.past import born_at
from tests.support.policies import Policies, Rendered, as_configured
from tests.support.witness import ENDS, LADDERS, Run, Witness, goes_on_looking
from tests.support.workers import Interleaving, InTurn

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
EXEMPT = "tag-policy:exempt"
MARKERS = ("tag-policy:due", "tag-policy:later")
SECOND = "second"
"""The name of the other engine, which has the same VPCs."""

THROTTLED = "RequestLimitExceeded"
ERRORS = {THROTTLED: 503, "UnauthorizedOperation": 403, "InternalError": 500}
ESCALATING = {
    int(rule_id): {"TagKey": key, "Escalate": {end: f"{after}h" for end, after in ladder.items()}}
    for rule_id, (key, ladder) in LADDERS.items()
}
"""The rules of the engine that ends what has tags. Only the first VPC has a group that isolates."""

LOCKED = ("Name", "ProjectCode", EXEMPT)
"""Tags whose appearance keeps AWS from ending an instance, even within the milliseconds between the
look and the call."""

counted = Counter[str]()
"""How many histories have had something happen in them."""


@dataclass(frozen=True)
class Deed:
    """What somebody does before the ``number``-th call of a run, or call of an ``action``."""

    number: int
    action: str
    kind: str
    who: int
    key: str = ""
    value: str = ""


@dataclass(frozen=True)
class Plan:
    """A run, and what happens in the meantime; a number of 0 is never.

    ``fault`` are an action, an error code, how many calls are spared, and how many are hit.
    ``lost`` are an action and which of its answers is lost. ``order`` is the seed of the order in
    which calls that are made side by side reach AWS; with none, they are made one after the other.
    """

    deeds: Sequence[Deed] = ()
    fault: tuple[str, str, int, int] | None = None
    lost: tuple[str, int] | None = None
    refuses_message: int = 0
    kills_after: int = 0
    cuts_at: int = 0
    narrowed: int = 0
    audit: bool = False
    order: int = 0

    @property
    def is_calm(self) -> bool:
        """Whether nothing disturbs the run."""
        return replace(self, order=0) == Plan()


class World:
    """Engines that watch over two VPCs; to be closed."""

    def __init__(self, variant: str, rendered: Rendered, grace: int, limit: int) -> None:
        self._stack = ExitStack()
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        # Thousands of images for each history, none of which is asked for.
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        # Of thousands of histories nobody reads the log.
        self._stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        # Pages of two, and one call after the other: the same history makes the same calls.
        patch.setattr(listing, "PAGE_SIZE", 2)
        patch.setattr(listing, "DIGITS_A_PART", 8)
        patch.setattr(threads, "Workers", self._workers)
        self._interleaving: Interleaving | None = None
        self._stack.enter_context(acting(self._next_turn))
        self._stack.enter_context(mock_aws())
        extensions.install()
        self.variant = variant
        self.engine = prepare(variant)
        self._rendered = self.engine.policies(rendered)
        if variant == "escalating":
            project = {"TagKey": "ProjectCode", "Action": "Update", "Default": "x"}
            self.engine.set_rules({1: project} | ESCALATING)
        self.clock = self.engine.clock = SimulatedClock(START)
        self.engine.cloudtrail.clock = self.clock
        self.vpcs = [self.engine.vpc, fleet.create_vpc(self.engine)]
        self.elsewhere = fleet.create_vpc(self.engine)
        self.second = self._second_engine()
        self.grace, self.limit = timedelta(minutes=grace), limit
        self.marker, self.second_marker = MARKERS[0], MARKERS[0]
        self.ids: list[str] = []
        self.managed: set[str] = set()
        self.person = Person(self.engine, self.clock)
        self._policies: dict[tuple[Any, ...], Policies] = {}
        self.happened: set[str] = set()
        self.settled: dict[tuple[str, tuple[str, str]], datetime] = {}
        self.is_calm = False
        self.ledger = Ledger(self.clock, [self.engine.topic_arn, self.second.topic_arn])
        self.witness = Witness(self.clock, self.ledger, self.managed)
        self._plan: Plan | None = None
        self._stack.enter_context(self.ledger.kept())
        self._stack.enter_context(answering(self._lose))
        self._stack.enter_context(self.witness.counting())
        self._stack.enter_context(listening(self._disturb))
        self._stack.enter_context(listening(self._enforce))
        self._stack.enter_context(self.witness.watching())
        self.configure()

    def close(self) -> None:
        """Be gone, and count what has happened."""
        counted.update(self.happened | {"histories"})
        self._stack.close()

    def _workers(self, most: int) -> Workers:
        if self._interleaving is None or not self._is_ours():
            return InTurn(most)
        return self._interleaving.workers(most)

    def _next_turn(self, call: Call) -> None:
        if self._interleaving is not None and self._is_ours():
            self._interleaving.call(call)

    # Who is there, and how the engines are configured

    def _second_engine(self) -> Engine:
        second = Engine(SECOND, self.engine.untagged_action, "enforce", self.engine.vpc)
        second.clock = self.clock
        for table, key, kind in ((second.table, "RuleId", "N"), (f"{SECOND}-state", "Key", "S")):
            second.client("dynamodb").create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
                BillingMode="PAY_PER_REQUEST",
            )
        second.set_rules({1: {"TagKey": "ProjectCode", "Action": "Update", "Default": "second"}})
        second.client("sns").create_topic(Name=f"{SECOND}-reports")
        return second

    def configure(self) -> None:
        """Give both engines their environments."""
        former = [marker for marker in MARKERS if marker != self.marker]
        of_both = {
            "TAG_POLICY_GRACE_PERIOD": f"{self.grace // timedelta(minutes=1)}m",
            "TAG_POLICY_MINIMUM_AGE": "15m",
            "TAG_POLICY_SCHEDULE": "rate(1 hour)",
        }
        self.engine.environment = of_both | {
            "TAG_POLICY_MAX_DESTRUCTIVE": str(self.limit),
            "TAG_POLICY_MARKER_TAG_KEY": self.marker,
            "TAG_POLICY_FORMER_MARKER_TAG_KEYS": f'["{former[0]}"]',
        }
        self.second.environment = of_both | {"TAG_POLICY_MARKER_TAG_KEY": self.second_marker}
        self.something_happens()

    def reconfigure(
        self, grace: int | None, limit: int | None, marker: str | None, second_marker: str | None
    ) -> None:
        """Change what is not None of how the engines are configured; ``grace`` is in minutes."""
        self.grace = self.grace if grace is None else timedelta(minutes=grace)
        self.limit = self.limit if limit is None else limit
        self.marker = marker or self.marker
        self.second_marker = second_marker or self.second_marker
        self.configure()

    def something_happens(self) -> None:
        """Note that the next run has a reason to do something."""
        self.is_calm = False
        self.settled.clear()

    @property
    def vpc_ids(self) -> str:
        """The VPCs of both engines, as Terraform writes them."""
        return ",".join(vpc.vpc_id for vpc in self.vpcs)

    def launch(
        self, tags: Mapping[str, str], where: int = 0, *, managed: bool = False, age: int = 0
    ) -> str:
        """Launch an instance, so many minutes ago, in a VPC; 2 is one that is nobody's concern."""
        vpc = [*self.vpcs, self.elsewhere][where]
        (instance_id,) = fleet.launch(self.engine, vpc, tags)
        born_at(instance_id, self.clock.now() - timedelta(minutes=age))
        if managed:
            self.engine.let_a_service_manage(instance_id)
            self.managed.add(instance_id)
        self.ids.append(instance_id)
        self.something_happens()
        return instance_id

    def mark(self, kind: str, by_a_rule: str = "") -> str:
        """Return a mark that no engine has written, or that the other one has.

        ``by_a_rule`` is how it ends what has tags, where it is about such.
        """
        now, past = self.clock.now(), datetime(2020, 1, 1, tzinfo=UTC)
        ages = datetime(9999, 12, 31, tzinfo=UTC)
        engine, time, announced = {
            "past": (self.variant, past, past - timedelta(days=1)),
            "year 9999": (self.variant, ages, ages - timedelta(days=1)),
            "far too late": (self.variant, ages, now),
            "no grace": (self.variant, past, None),
            "just due": (self.variant, now, now - self.grace),
            "another engine's": ("somebody", now, now - timedelta(days=1)),
        }[kind]
        if by_a_rule and announced is None:
            announced = past  # without a grace period there are none about rules
        said = f"announced {announced:%Y-%m-%dT%H:%M:%SZ}" if announced else "no grace period"
        action, cause = self.engine.untagged_action, "untagged"
        if by_a_rule:
            action, cause = by_a_rule, self._cause
        return f"{engine}: {action} at {time:%Y-%m-%dT%H:%M:%SZ}: {cause}, {said}"

    @property
    def _cause(self) -> str:
        """What marks name rule 20 by, which anybody can read on an instance."""
        items = self.engine.client("dynamodb").scan(TableName=self.engine.table)["Items"]
        rules = parse(items, max_escalation=MaxEscalation.TERMINATE).rules
        return next((rule.cause for rule in rules if rule.rule_id == 20), "rule 20 (00000000)")

    # What people do

    def do(self, deed: Deed) -> None:
        """Have somebody do something."""
        if deed.kind == "launch":
            self.witness.somebody_acts()
            self.launch({}, deed.who % 3)
            return
        if deed.kind == "edit rules":
            item = {"TagKey": "ProjectCode", "Action": "Update", "Default": deed.value or "x"}
            more = ESCALATING if self.variant == "escalating" else {}
            self.engine.set_rules({1: item | {"Required": "Y"}} | more)
        elif deed.kind == "second engine":
            if self._plan is not None or not self.witness.run:
                for instance_id in self.ids:
                    self.witness.somebody_acts(instance_id)
            self.person.runs(_Run(self, self.second))()
        elif self.ids:
            instance_id = self.ids[deed.who % len(self.ids)]
            if self.witness.somebody_acts(instance_id):
                self.happened.add("an act between look and call")
            person = self.person
            {
                "tag": person.tags(instance_id, {deed.key: deed.value}),
                "untag": person.untags(instance_id, *([deed.key] if deed.key else [])),
                "start": person.starts(instance_id),
                "stop": person.stops(instance_id),
                "terminate": person.terminates(instance_id),
                "put back": person.puts_back(instance_id),
            }[deed.kind]()
        self.something_happens()

    def copy_mark(self, who: int, other: int) -> None:
        """Have somebody give an instance the mark of another one, as a copy of that would have."""
        if self.ids:
            copied = self.witness.tags(self.ids[other % len(self.ids)]).get(self.marker)
            if copied is not None:
                self.do(Deed(0, "", "tag", who, self.marker, copied))

    def wait(self, minutes: int) -> None:
        """Let time pass."""
        self.clock.sleep(minutes * 60)
        self.is_calm = False

    # Runs

    def run(self, plan: Plan = Plan()) -> Run:
        """Make a run of the engine, in which happens what is planned; examine it."""
        vpc_ids = [self.vpcs[plan.narrowed - 1].vpc_id] if plan.narrowed else None
        event = {"vpc_ids": vpc_ids} if vpc_ids else {}
        event |= {"mode": "audit"} if plan.audit else {}
        self._plan, self._counts = plan, Counter[str]()
        self._context = FakeContext(invoked_function_arn=self.engine.arn)
        self._interleaving = Interleaving(plan.order) if plan.order else None
        with ExitStack() as acts:
            for deed in plan.deeds:
                acts.enter_context(self._planned(deed))
            run, failed = self._run(self.engine, event, self._context, plan)
        if self._interleaving is not None and self._interleaving.most > 1:
            self.happened.add("calls side by side")
        self._plan = self._interleaving = None
        if not plan.is_calm:
            self.something_happens()
        else:
            self._examine_calm(run, failed=failed)
        self.check()
        return run

    def check(self) -> None:
        """Fail for what the witness has found wrong."""
        for error in self.witness.wrong:
            raise error

    def _run(
        self, engine: Engine, event: object, context: FakeContext, plan: Plan | None
    ) -> tuple[Run, bool]:
        settings = engine.settings(self.vpc_ids)
        narrowed, audit = (bool(plan and plan.narrowed), bool(plan and plan.audit))
        run = self.witness.begin(engine.variant, settings, narrowed=narrowed, audit=audit)
        failed = killed = False
        try:
            engine.run(event, context=context, vpc_ids=self.vpc_ids)
        except RunError:
            failed = True
        except KilledError:
            failed = killed = True
        finally:
            self.witness.end(run, killed=killed)
        return run, failed

    def _examine_calm(self, run: Run, *, failed: bool) -> None:
        """Examine a run that nothing has disturbed."""
        assert not failed, "a run fails without a fault"
        now = self.clock.now()
        announced = {
            (i, one.steps[i]): time for one in run.told for i, time in one.announced.items()
        }
        again = [
            i
            for i in announced.keys() & self.settled.keys()
            if now < self.settled[i] + timedelta(hours=24)
        ]
        assert not again, f"{again} are announced again, for no reason"
        if self.is_calm:
            assert not run.changes, f"a second run changes something: {run.changes}"
            assert not announced, "a second run announces something"
        self.is_calm = not run.ended_by_a_rule  # the next step is announced then
        # What somebody's mark has put off for longer than the engine would is announced once more.
        self.settled |= {i: time for i, time in announced.items() if time <= now + self._most(i)}

    def _most(self, step: tuple[str, tuple[str, str]]) -> timedelta:
        """Return how far ahead the engine itself announces a step, and a minute."""
        _, (_, rule_id) = step
        if rule_id:
            return timedelta(hours=max(LADDERS[rule_id][1].values()), minutes=1)
        return self.grace + timedelta(minutes=1)

    @contextmanager
    def _planned(self, deed: Deed) -> Iterator[None]:
        def mine(call: Call) -> bool:
            return self._is_ours() and not self._too_late(deed, call)

        with before(deed.number, lambda: self.do(deed), action=deed.action, when=mine):
            yield

    @staticmethod
    def _too_late(deed: Deed, call: Call) -> bool:
        """Tell of the milliseconds between a look and its call, where only a lock of IAM helps."""
        is_last = call.action in ENDS or goes_on_looking(call)
        return is_last and deed.kind == "tag" and deed.key not in LOCKED

    def _is_ours(self) -> bool:
        """Tell whether it is the engine whose run is planned that makes a call."""
        run = self.witness.run
        return run is not None and run.engine == self.variant and self._plan is not None

    def _disturb(self, call: Call) -> None:
        plan = self._plan
        if plan is None or not self._is_ours():
            return
        counts = self._counts
        counts[""] += 1
        counts[call.action] += 1
        if plan.kills_after and counts[""] > plan.kills_after:
            raise KilledError
        if plan.cuts_at and counts[""] == plan.cuts_at:
            self.witness.cut()
            self._context.remaining_millis[:] = [100]
        if plan.refuses_message and call.action == "Publish":
            self.happened.add("a refused message")
            raise AwsError("InternalError" if plan.refuses_message == 1 else "AuthorizationError")
        if plan.fault is not None and plan.fault[0] == call.action:
            _, code, spared, number = plan.fault
            if spared < counts[call.action] <= spared + number:
                self.happened.add("a fault")
                raise AwsError(code, status=ERRORS[code])

    def _lose(self, call: Call, answer: Any) -> Any:
        plan = self._plan
        if plan is None or plan.lost is None or not self._is_ours():
            return answer
        if call.action == plan.lost[0]:
            self._counts[f"answers of {call.action}"] += 1
            if self._counts[f"answers of {call.action}"] == plan.lost[1]:
                self.happened.add("a lost answer")
                raise ReadTimeoutError(endpoint_url="the embedded AWS")
        return answer

    def _enforce(self, call: Call) -> None:
        """Refuse what the role of the engine that is running does not allow, as AWS would."""
        run = self.witness.run
        if run is None:
            return
        settings = run.settings
        key = (run.engine, settings.marker_tag_key, bool(settings.grace_period))
        policies = self._policies.get(key)
        if policies is None:
            policies = self._policies[key] = as_configured(
                self._rendered,
                self.variant,
                run.engine,
                settings.marker_tag_key,
                settings.former_marker_tag_keys,
                has_grace=bool(settings.grace_period),
            )
        if not all(allows(policies, request) for request in requests_of(call)):
            self.happened.add("refused by IAM")
            code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
            raise AwsError(code, "not authorized by the role's policies", 403)

    # The end

    def finish(self) -> None:
        """Let undisturbed runs, days apart, end all that is due: nothing is lost.

        Two days, because a mark that could not be remembered is announced anew when it is due.
        """
        if self.witness.rightly_ended:
            self.happened.add("something is ended rightly")
        self.grace, self.limit = timedelta(hours=24), 100
        self.marker = MARKERS[0]
        self.configure()
        self.run()
        self.run()
        due = [i for i in self.ids if self._has_to_be_ended(i)]
        for _ in range(2):
            self.wait(24 * 60 + 5)
            self.run()
        climbing = [i for i in self.ids if self._climbs(i)]
        for _ in range(7):
            if all(self.witness.state(i) == "terminated" for i in climbing):
                break
            self.wait(24 * 60 + 5)
            self.run()
        for instance_id in climbing:
            state = self.witness.state(instance_id)
            assert state == "terminated", f"it should have been: {self.witness.tags(instance_id)}"
        _, states = next(e for e in ENDS.values() if e[0] == self.engine.untagged_action)
        for instance_id in due:
            state = self.witness.state(instance_id)
            assert state in states, f"it should have been ended: {self.witness.tags(instance_id)}"

    def _climbs(self, instance_id: str) -> bool:
        """Tell of an instance that a rule is about to end, step by step."""
        tags = self.witness.tags(instance_id)
        said = tags.get(self.marker, "")
        return (
            self.variant == "escalating"
            and said.startswith(f"{self.variant}: ")
            and ": rule " in said
            and tags.get(EXEMPT, "2020-01-01") == "2020-01-01"
            # In a former marker's tag, too, another engine's mark keeps this one from anything.
            and not any(
                tags.get(key, "").removeprefix("announcing ").startswith(("somebody: ", SECOND))
                for key in MARKERS
            )
            and self.witness.state(instance_id) == "running"
            and self.witness.vpc_of(instance_id) != self.elsewhere.vpc_id
            and instance_id not in self.managed
        )

    def _has_to_be_ended(self, instance_id: str) -> bool:
        tags = self.witness.tags(instance_id)
        return (
            tags.keys() == {self.marker}
            and tags[self.marker].startswith(f"{self.variant}: ")
            and self.witness.state(instance_id) == "running"
            and self.witness.vpc_of(instance_id) != self.elsewhere.vpc_id
            and instance_id not in self.managed
        )


@dataclass(frozen=True)
class _Run:
    """The second engine, of which a run is made by somebody."""

    world: World
    engine: Engine

    def run(self, event: object = None) -> Mapping[str, Any]:
        context = FakeContext(invoked_function_arn=self.engine.arn)
        self.world._run(self.engine, event or {}, context, None)
        return {}
