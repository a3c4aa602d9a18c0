"""S3: calls that listeners see, and bucket policies with conditions, of which moto knows none."""

import json
from collections.abc import Callable
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

from tests.support.calls import Call, pass_by
from tests.support.extensions import replace

_OPERATIONS = {"put_object": "PutObject", "get_object": "GetObject"}

_UNENCRYPTED = {"Bool": {"aws:SecureTransport": "false"}}


def extend() -> None:
    """Let reads and writes of objects pass by the listeners, and read bucket policies whole."""
    for name, action in _OPERATIONS.items():
        replace(S3Response, name, _make_operation(action))
    replace(FakeBucket, "get_permission", lambda _: _get_permission)


def _make_operation(action: str) -> Callable[..., Any]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(self: S3Response) -> Any:
            call = Call(
                service="s3",
                action=action,
                parameters={"Bucket": self.bucket_name, "Key": self.parse_key_name()},
                region=self.region,
                account_id=self.current_account,
                access_key=self.access_key,
            )
            return pass_by(self, call, original)

        return operation

    return make


def _get_permission(self: FakeBucket, action: str, resource: str) -> Any:
    """Say what the bucket's policy says of a call.

    The loopback endpoint stands for AWS's own, which speaks TLS: what a policy denies to calls
    without it is not about these. Any other condition is an error rather than a guess.
    """
    if self.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(self.policy)
    statements = [s for s in policy["Statement"] if s.get("Condition") != _UNENCRYPTED]
    if any("Condition" in statement for statement in statements):
        raise NotImplementedError(f"a condition in {statements}")
    if not statements:
        return PermissionResult.NEUTRAL
    document = json.dumps(policy | {"Statement": statements})
    return IAMPolicy(document).is_action_permitted(action, resource)
