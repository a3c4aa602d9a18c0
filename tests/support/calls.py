"""Sees every call that reaches the embedded AWS: records it, or answers it with an error.

Works below HTTP, at the one method of moto that all services share, so that it makes no difference
whether a call came from Terraform, from a test or from the deployed function.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends

from tag_policy.aws.clock import Clock
from tests.support.extensions import replace


@dataclass(frozen=True)
class Call:
    """One API call, as AWS would see it.

    ``resource_tags`` are the tags that the instances of a call, or of its network interface, had
    when it arrived, by their ids: IAM's conditions ask for them.
    """

    service: str
    action: str
    parameters: Mapping[str, Any]
    region: str
    account_id: str
    access_key: str
    resource_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def assumed_role(self) -> AssumedRole | None:
        """The session of a role that made the call, if one did."""
        sts = sts_backends[self.account_id]["aws"]
        return sts.get_assumed_role_from_access_key(self.access_key)

    @property
    def role_name(self) -> str | None:
        """The name of the role that made the call, if one did."""
        role = self.assumed_role
        return role.role_arn.rsplit("/", 1)[-1] if role else None

    @property
    def user_name(self) -> str | None:
        """The name of the IAM user that made the call, if one did."""
        iam = iam_backends[self.account_id]["aws"]
        user = iam.get_user_from_access_key_id(self.access_key)
        return user.name if user else None


class AwsError(ServiceException):
    """An error for the embedded AWS to answer with, in the protocol of the service."""

    def __init__(self, code: str, message: str = "refused by the test", status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


Listener = Callable[[Call], None]

Answer = Any
"""What moto answers: status, headers and body."""

_actors: list[Listener] = []
_listeners: list[Listener] = []
_last_words: list[Callable[[Call, Answer], Answer]] = []
_current = threading.local()

_SIDE_BY_SIDE = {"DescribeInstances", "CreateTags", "DeleteTags"}
_one_at_a_time = threading.Lock()
"""The engine makes these calls side by side; moto's backends are plain dictionaries."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have ``listener`` see every call before it is carried out; it may raise an ``AwsError``."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def acting(actor: Listener) -> Iterator[None]:
    """Have ``actor`` act just before each call reaches AWS: it sees the call, and not its tags.

    What it does has happened when the call arrives, for IAM's conditions as well as for the
    listeners.
    """
    _actors.append(actor)
    try:
        yield
    finally:
        _actors.remove(actor)


@contextmanager
def heard() -> Iterator[None]:
    """Have the calls that an actor or a listener makes heard like all others: a second engine's."""
    telling, _current.telling = getattr(_current, "telling", False), False
    try:
        yield
    finally:
        _current.telling = telling


@contextmanager
def answering(last_word: Callable[[Call, Answer], Answer]) -> Iterator[None]:
    """Have ``last_word`` see every call after it was carried out, and say what is answered.

    It may raise, for an answer that is lost, or for a caller that is gone by then.
    """
    _last_words.append(last_word)
    try:
        yield
    finally:
        _last_words.remove(last_word)


@contextmanager
def recording(when: Callable[[Call], bool] = lambda _: True) -> Iterator[list[Call]]:
    """Record every call that is made in the meantime, or those that ``when`` picks."""
    calls: list[Call] = []

    def record(call: Call) -> None:
        if when(call):
            calls.append(call)

    _listeners.insert(0, record)  # first, to see the calls that another one refuses
    try:
        yield calls
    finally:
        _listeners.remove(record)


@contextmanager
def failing(
    action: str, error: AwsError, when: Callable[[Call], bool] = lambda _: True
) -> Iterator[None]:
    """Answer the calls of an action with an error, or those of them that ``when`` picks."""

    def refuse(call: Call) -> None:
        if call.action == action and when(call):
            raise error

    with listening(refuse):
        yield


@contextmanager
def failing_for(
    time: timedelta, clock: Clock, action: str, error: AwsError
) -> Iterator[list[datetime]]:
    """Answer the calls of an action with an error for a while, from the first one on.

    Yields the times of the calls that were refused.
    """
    refused: list[datetime] = []

    def is_early(_: Call) -> bool:
        now = clock.now()
        early = not refused or now < refused[0] + time
        if early:
            refused.append(now)
        return early

    with failing(action, error, is_early):
        yield refused


def refusal(response: BaseResponse, error: AwsError) -> Any:
    """Return what an operation of moto answers with an error.

    Moto itself knows only the errors that are declared in the module of the service.
    """
    _, headers, body = response.serialized(ActionResult(error))
    headers["status"] = str(error.status)
    return error.status, headers, body


def current_call() -> Call | None:
    """Return the call that this thread is carrying out."""
    call: Call | None = getattr(_current, "call", None)
    return call


def extend() -> None:
    """Let every response of moto pass by the listeners."""
    replace(BaseResponse, "call_action", _make_call_action)


def _make_call_action(original: Callable[[BaseResponse], Any]) -> Callable[[BaseResponse], Any]:
    def call_action(self: BaseResponse) -> Any:
        parameters = _parameters(self)
        call = Call(
            service=self.boto3_service_name,
            action=self._get_action(),
            parameters=parameters,
            region=self.region,
            account_id=self.current_account,
            access_key=self.access_key,
        )
        return pass_by(self, call, original)

    return call_action


def pass_by(response: BaseResponse, call: Call, original: Callable[..., Answer]) -> Answer:
    """Carry a call out, unless a listener has it refused, and return what is answered."""
    try:
        _tell(_actors, call)
        call = changed(call, resource_tags=_tags_of(response, call.parameters))
        _tell(_listeners, call)
    except AwsError as error:
        return refusal(response, error)
    previous, _current.call = current_call(), call
    try:
        with _one_at_a_time if call.action in _SIDE_BY_SIDE else nullcontext():
            answer = original(response)
    finally:
        _current.call = previous
    if not getattr(_current, "telling", False):
        for last_word in _last_words:
            answer = last_word(call, answer)
    return answer


def _tags_of(
    response: BaseResponse, parameters: Mapping[str, Any]
) -> Mapping[str, Mapping[str, str]]:
    if response.boto3_service_name != "ec2":
        return {}
    backend = ec2_backends[response.current_account][response.region]
    ids = [*parameters.get("InstanceIds", []), *parameters.get("Resources", [])]
    interface = backend.enis.get(parameters.get("NetworkInterfaceId", ""))
    if interface is not None and interface.instance is not None:
        ids.append(interface.instance.id)
    tags = backend.tags
    return {resource_id: dict(tags.get(resource_id, {})) for resource_id in ids}


def _tell(listeners: Sequence[Listener], call: Call) -> None:
    if getattr(_current, "telling", False):
        return  # a call that a listener makes in its turn is nobody's concern
    _current.telling = True
    try:
        for listener in listeners:
            listener(call)
    finally:
        _current.telling = False


def _parameters(response: BaseResponse) -> Mapping[str, Any]:
    if response.automated_parameter_parsing:
        return dict(response.params)
    try:
        body = json.loads(response.body)
    except (TypeError, ValueError):
        return response._get_params()
    return body if isinstance(body, dict) else {}
