"""Nothing destructive by accident: in any history of launches, owners, faults and kills.

Hypothesis makes up histories; after each run every call that ended something is examined against
what EC2 knew at that moment, whatever the engine believed.
"""

from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from moto import mock_aws
from moto.ec2.models import ec2_backends

from tag_policy.handler import RunError
from tag_policy.rules.mark import read_mark
from tests.integration.conftest import Engine, prepare
from tests.support import extensions, fleet
from tests.support.calls import AwsError, Call, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION

DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"
MINIMUM_AGE = timedelta(minutes=15)
ENDS = ("TerminateInstances", "StopInstances")
FAULTS = ("CreateTags", "DeleteTags", "DescribeInstances", *ENDS)
ERRORS = {"RequestLimitExceeded": 503, "UnauthorizedOperation": 403, "InternalError": 500}


class KilledError(BaseException):
    """The run ends between two calls, as when Lambda's time is up."""


class Histories(RuleBasedStateMachine):
    """What may happen to some instances and to the engine that watches over them."""

    variant: ClassVar[str]

    @initialize(
        grace=st.sampled_from([0, 30, 24 * 60]),
        limit=st.integers(0, 4),
        untagged=st.integers(0, 3),
    )
    def begin(self, grace: int, limit: int, untagged: int) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(mock_aws())
        self.engine: Engine = prepare(self.variant)
        self.other_vpc = fleet.create_vpc(self.engine)
        self.grace = timedelta(minutes=grace)
        self.limit = limit
        self.set_environment()
        self.ids: list[str] = []
        self.announced: dict[str, datetime] = {}
        self.managed: set[str] = set()
        for number in range(untagged):
            self.launch({}, elsewhere=False, managed=number == 2)
        self.wait(20)

    def set_environment(self) -> None:
        self.engine.environment = {
            "TAG_POLICY_GRACE_PERIOD": f"{self.grace // timedelta(minutes=1)}m",
            "TAG_POLICY_MINIMUM_AGE": f"{MINIMUM_AGE // timedelta(minutes=1)}m",
            "TAG_POLICY_MAX_DESTRUCTIVE": str(self.limit),
        }

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        try:
            self.run_engine()  # without a fault
            changes = self.engine.changes()
            self.run_engine()
            assert self.engine.changes() == changes, "a second run changes nothing"
        finally:
            self.stack.close()

    # What people do

    @rule(
        tags=st.sampled_from([{}, {}, {"Name": "web"}, {EXEMPT: ""}, {DUE: "soon"}]),
        elsewhere=st.booleans(),
        managed=st.booleans(),
    )
    def launch(self, tags: dict[str, str], elsewhere: bool, managed: bool) -> None:
        vpc = self.other_vpc if elsewhere and managed else self.engine.vpc
        (instance,) = fleet.launch(self.engine, vpc, tags)
        born = self.engine.clock.now()
        backend = ec2_backends[ACCOUNT_ID][REGION].get_instance(instance)
        backend.launch_time = born
        for interface in backend.nics.values():
            interface.attach_time = born
        if managed and not elsewhere:
            self.engine.let_a_service_manage(instance)
            self.managed.add(instance)
        self.ids.append(instance)

    @precondition(lambda self: self.ids)
    @rule(
        data=st.data(),
        key=st.sampled_from(["Name", EXEMPT, DUE]),
        value=st.sampled_from(["", "x", "2020-01-01", "stop at 2020-01-01T00:00:00Z: x"]),
    )
    def tag(self, data: Any, key: str, value: str) -> None:
        instance = data.draw(st.sampled_from(self.ids))
        tag = {"Key": key, "Value": value}
        self.engine.client("ec2").create_tags(Resources=[instance], Tags=[tag])

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), key=st.sampled_from([None, "Name", EXEMPT, DUE]))
    def untag(self, data: Any, key: str | None) -> None:
        instance = data.draw(st.sampled_from(self.ids))
        keys = [key] if key else list(self.engine.tags(instance))
        tags = [{"Key": key} for key in keys]
        self.engine.client("ec2").delete_tags(Resources=[instance], Tags=tags)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def start(self, data: Any) -> None:
        instance = data.draw(st.sampled_from(self.ids))
        if self.engine.state(instance) == "stopped":
            self.engine.client("ec2").start_instances(InstanceIds=[instance])
            started = ec2_backends[ACCOUNT_ID][REGION].get_instance(instance)
            started.launch_time = self.engine.clock.now()

    @rule(minutes=st.sampled_from([1, 20, 40, 25 * 60]))
    def wait(self, minutes: int) -> None:
        self.engine.clock.sleep(minutes * 60)

    @rule(grace=st.sampled_from([0, 30, 24 * 60]))
    def change_grace(self, grace: int) -> None:
        self.grace = timedelta(minutes=grace)
        self.set_environment()

    @rule(limit=st.integers(0, 4))
    def change_limit(self, limit: int) -> None:
        self.limit = limit
        self.set_environment()

    @rule(required=st.sampled_from(["Y", "N"]), default=st.sampled_from(["a", "b"]))
    def edit_rules(self, required: str, default: str) -> None:
        item = {"TagKey": "ProjectCode", "Action": "Update"}
        self.engine.set_rules({1: item | {"Required": required, "Default": default}})

    # What the engine does

    @rule()
    def sweep(self) -> None:
        self.run_engine()

    @rule()
    def audit(self) -> None:
        changes = self.engine.changes()
        self.run_engine({"mode": "audit"})
        assert self.engine.changes() == changes

    @rule(
        action=st.sampled_from(FAULTS),
        code=st.sampled_from(sorted(ERRORS)),
        spared=st.integers(0, 3),
    )
    def sweep_with_a_fault(self, action: str, code: str, spared: int) -> None:
        left = spared

        def fail(call: Call) -> None:
            nonlocal left
            if call.action == action:
                left -= 1
                if left < 0:
                    raise AwsError(code, status=ERRORS[code])

        with listening(fail):
            self.run_engine()

    @rule(calls=st.integers(1, 12))
    def sweep_that_is_killed(self, calls: int) -> None:
        left = calls

        def kill(_: Call) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError

        with listening(kill):
            self.run_engine()

    def run_engine(self, event: object = None) -> None:
        before = len(self.engine.calls)
        with self.examined(), suppress(KilledError, RunError):
            self.engine.run(event)
        ended = {
            instance
            for call in self.engine.calls[before:]
            if call.action in ENDS
            for instance in call.parameters["InstanceIds"]
        }
        assert len(ended) <= self.limit

    @contextmanager
    def examined(self) -> Any:
        """Examine each call when it arrives, before it is carried out."""
        wrong: list[AssertionError] = []

        def examine(call: Call) -> None:
            try:
                self.examine(call)
            except AssertionError as error:
                wrong.append(error)  # botocore would take it for a fault of the connection

        with listening(examine):
            yield
        for error in wrong:
            raise error

    def examine(self, call: Call) -> None:
        if call.action in ENDS:
            for instance in call.parameters["InstanceIds"]:
                self.examine_end(instance, call)
        elif call.action in ("CreateTags", "DeleteTags"):
            for tags in call.resource_tags.values():
                assert tags.get(EXEMPT, "2020-01-01") == "2020-01-01", "exempt"
            self.note_announcement(call)

    def note_announcement(self, call: Call) -> None:
        for tag in call.parameters["Tags"]:
            mark = read_mark(tag["Value"]) if "Value" in tag else None
            if mark is not None:
                run_began = self.engine.clock.now() - timedelta(minutes=1)
                assert mark.time >= run_began + self.grace, "announced too early"
                self.announced |= dict.fromkeys(call.parameters["Resources"], mark.time)

    def examine_end(self, instance: str, call: Call) -> None:
        now = self.engine.clock.now()
        tags = call.resource_tags[instance]
        backend = ec2_backends[ACCOUNT_ID][REGION].get_instance(instance)
        mark = read_mark(tags.get(DUE, ""))
        assert tags.keys() == {DUE}, "compliant, or exempt, or its mark is gone"
        assert mark is not None
        assert mark.time <= now, "before its announced time"
        assert self.announced[instance] <= now, "before its announced time"
        assert f"{mark.action.capitalize()}Instances" == call.action
        born = min(interface.attach_time for interface in backend.nics.values())
        assert now - born >= MINIMUM_AGE, "too young"
        assert instance not in self.managed
        assert backend.vpc_id == self.engine.vpc.vpc_id


class TerminatingHistories(Histories):
    variant = "terminate"


class StoppingHistories(Histories):
    variant = "stop"


@pytest.fixture(autouse=True)
def _in_process_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each history has an AWS of its own."""
    extensions.install()
    monkeypatch.delenv("AWS_ENDPOINT_URL")


PROFILE = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TerminatingHistories.TestCase.settings = PROFILE
StoppingHistories.TestCase.settings = PROFILE
TestTerminatingHistories = TerminatingHistories.TestCase
TestStoppingHistories = StoppingHistories.TestCase
