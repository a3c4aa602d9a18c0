"""What people do, and between which two calls of a run they do it.

``with before(3, owner.tags(instance, Name="web")): engine.run()`` has an owner tag an instance just
before the third call of the run reaches AWS; with ``action="TerminateInstances"``, just before the
third call of that kind. Several acts follow one another, a call of the run between each two.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from moto.ec2.models import ec2_backends

from tag_policy.aws.clock import Clock
from tests.support import fleet
from tests.support.calls import Call, acting, heard
from tests.support.embedded_aws import ACCOUNT_ID, REGION
from tests.support.past import born_at

Act = Callable[[], object]
"""Something that somebody does."""


@dataclass
class Moment:
    """When acts were to happen, and before which calls they did; ``calls`` is empty if none did."""

    calls: list[Call] = field(default_factory=list)


@contextmanager
def before(
    number: int,
    *acts: Act,
    action: str = "",
    when: Callable[[Call], bool] = lambda _: True,
) -> Iterator[Moment]:
    """Have somebody act before the ``number``-th call, or call of an ``action``, that is made.

    Where there are more acts, the next one happens before the call after it, whatever that is.
    ``when`` picks the calls that count: those of one engine, where there are two.
    """
    moment = Moment()
    left = list(acts)
    passed = 0

    def act(call: Call) -> None:
        nonlocal passed
        if not left or not when(call):
            return
        passed += not action or call.action == action
        if passed >= number:
            moment.calls.append(call)
            left.pop(0)()

    with acting(act):
        yield moment


class Sweeper(Protocol):
    """An engine."""

    def run(self, event: object = None) -> Mapping[str, Any]:
        """Make one run."""


@dataclass(frozen=True)
class Person:
    """Somebody who owns instances: each method returns something that they may do.

    ``clock`` is the time at which what they launch and start begins.
    """

    aws: fleet.Aws
    clock: Clock

    @property
    def _ec2(self) -> Any:
        return self.aws.client("ec2")

    def tags(self, instance_id: str, tags: Mapping[str, str]) -> Act:
        """Write tags; an empty value empties one that is there."""
        tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
        return lambda: self._ec2.create_tags(Resources=[instance_id], Tags=tag_list)

    def untags(self, instance_id: str, *keys: str) -> Act:
        """Delete tags; all that there are, if none is named."""

        def untag() -> None:
            some = keys or tuple(fleet.tags_of(self.aws, instance_id))
            if some:
                tag_list = [{"Key": key} for key in some]
                self._ec2.delete_tags(Resources=[instance_id], Tags=tag_list)

        return untag

    def replaces(self, instance_id: str, key: str, value: str) -> tuple[Act, Act]:
        """Replace a tag, as tools do it: it is deleted, and then written anew."""
        return self.untags(instance_id, key), self.tags(instance_id, {key: value})

    def starts(self, instance_id: str) -> Act:
        """Start an instance that is stopped."""

        def start() -> None:
            instance = ec2_backends[ACCOUNT_ID][REGION].get_instance(instance_id)
            if instance.state == "stopped":
                self._ec2.start_instances(InstanceIds=[instance_id])
                instance.launch_time = self.clock.now()

        return start

    def stops(self, instance_id: str) -> Act:
        """Stop an instance that is running."""

        def stop() -> None:
            if fleet.state_of(self.aws, instance_id) == "running":
                self._ec2.stop_instances(InstanceIds=[instance_id])

        return stop

    def terminates(self, instance_id: str) -> Act:
        """Terminate an instance."""
        return lambda: self._ec2.terminate_instances(InstanceIds=[instance_id])

    def puts_back(self, instance_id: str) -> Act:
        """Give its network interfaces the default security group, whatever they have."""

        def put_back() -> None:
            answer = self._ec2.describe_instances(InstanceIds=[instance_id])
            (instance,) = answer["Reservations"][0]["Instances"]
            for interface in instance["NetworkInterfaces"]:
                default = self._ec2.describe_security_groups(
                    Filters=[
                        {"Name": "group-name", "Values": ["default"]},
                        {"Name": "vpc-id", "Values": [interface["VpcId"]]},
                    ]
                )["SecurityGroups"][0]
                self._ec2.modify_network_interface_attribute(
                    NetworkInterfaceId=interface["NetworkInterfaceId"],
                    Groups=[default["GroupId"]],
                )

        return put_back

    def launches(self, vpc: fleet.Vpc, ids: list[str], tags: Mapping[str, str]) -> Act:
        """Launch an instance; its id is then the last of ``ids``."""

        def launch() -> None:
            (instance_id,) = fleet.launch(self.aws, vpc, tags)
            born_at(instance_id, self.clock.now())
            ids.append(instance_id)

        return launch

    def runs(self, engine: Sweeper) -> Act:
        """Start a whole run of an engine, whose calls are heard as those of any other run."""

        def run() -> None:
            with heard(), suppress(Exception):  # what it fails of is told by itself
                engine.run()

        return run
