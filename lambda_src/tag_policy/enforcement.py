"""Findings to EC2 calls. The one place that changes anything.

Instances that need the same remedy share a call. Just before a call, its instances are looked at
once more, because minutes may lie between listing them and acting: one that was put right, or
ended, in between is left alone. A call that AWS refuses is split in two, down to the instance, so
that one bad instance never stops another's remedy.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tag_policy.model import Finding, InstanceRef, Mode, Outcome, Remedy, Result

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceStateChangeTypeDef

BATCH_SIZE = 200
"""Instances a call. AWS takes 1,000 and advises smaller batches.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

_RESULT_OF = {
    Remedy.TAG: Result.TAGGED,
    Remedy.TERMINATE: Result.TERMINATED,
    Remedy.STOP: Result.STOPPED,
    Remedy.NOTIFY: Result.NOTIFIED,
}

_PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "Unavailable",
    }
)
"""Codes of errors that pass by themselves: the call is left for the next run, not split."""

LookAgain = Callable[[Sequence[InstanceRef]], Iterable[Finding]]
"""Lists and evaluates some instances anew; see ``enforce``."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a remedy was not applied to an instance."""

    result: Result
    detail: str
    code: str = ""


_OUT_OF_TIME = _Refusal(Result.DEFERRED, "the time of this run was up; the next run goes on here")
_CHANGED = _Refusal(
    Result.DEFERRED, "the instance changed while the run was under way; the next run looks again"
)


class _NotConfirmedError(Exception):
    """AWS answered without an error, and does not say of every instance that it is ending."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Instances that get the same remedy, in one call."""

    remedy: Remedy
    tags: tuple[tuple[str, str], ...]
    findings: dict[str, list[Finding]]  # by instance id


def enforce(
    findings: Iterable[Finding],
    *,
    mode: Mode,
    ec2: "EC2Client",
    look_again: LookAgain,
    out_of_time: Callable[[], bool],
) -> Iterator[Outcome]:
    """Apply the remedies and yield an outcome for every finding.

    Every finding of ``Remedy.TAG`` must have its value. ``look_again`` returns what is found about
    some instances when they are looked at anew. ``out_of_time`` is asked before every call; what is
    left then is deferred. In audit mode no call is made, and the outcomes are those that the
    enforcing run would try for. AWS's errors become outcomes and are not raised.
    """
    if mode is Mode.AUDIT:
        yield from (Outcome(finding, _RESULT_OF[finding.remedy]) for finding in findings)
        return
    for batch in _batches(findings):
        if batch.remedy is Remedy.NOTIFY:
            yield from _outcomes(batch, {})
        else:
            yield from _outcomes(batch, _remedy(batch, ec2, look_again, out_of_time))


def _batches(findings: Iterable[Finding]) -> Iterator[_Batch]:
    """Group by instance and remedy, then by the tags to write; what ends instances comes last."""
    by_instance: dict[tuple[Remedy, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.remedy, finding.instance.instance_id)
        by_instance.setdefault(key, []).append(finding)

    groups: dict[tuple[Remedy, tuple[tuple[str, str], ...]], dict[str, list[Finding]]] = {}
    for (remedy, instance_id), some in by_instance.items():
        tags = tuple((f.tag_key, f.value or "") for f in some) if remedy is Remedy.TAG else ()
        groups.setdefault((remedy, tags), {})[instance_id] = some

    gentlest_first = (Remedy.NOTIFY, Remedy.TAG, Remedy.STOP, Remedy.TERMINATE)
    for (remedy, tags), group in sorted(
        groups.items(), key=lambda entry: gentlest_first.index(entry[0][0])
    ):
        ids = list(group)
        for start in range(0, len(ids), BATCH_SIZE):
            some_ids = ids[start : start + BATCH_SIZE]
            yield _Batch(remedy, tags, {i: group[i] for i in some_ids})


def _outcomes(batch: _Batch, refusals: dict[str, _Refusal]) -> Iterator[Outcome]:
    for instance_id, findings in batch.findings.items():
        refusal = refusals.get(instance_id)
        for finding in findings:
            if refusal is None:
                yield Outcome(finding, _RESULT_OF[finding.remedy])
            else:
                yield Outcome(finding, refusal.result, refusal.detail, refusal.code)


def _remedy(
    batch: _Batch, ec2: "EC2Client", look_again: LookAgain, out_of_time: Callable[[], bool]
) -> dict[str, _Refusal]:
    """Apply the remedy of a batch; return what was refused, by instance id."""
    if out_of_time():
        return dict.fromkeys(batch.findings, _OUT_OF_TIME)
    try:
        unchanged = _unchanged(batch, look_again)
    except (ClientError, BotoCoreError) as error:
        # Not looked at, so not touched.
        return dict.fromkeys(batch.findings, _refusal(error))

    refusals = {i: _CHANGED for i in batch.findings if i not in unchanged}
    refusals.update(_apply(batch, unchanged, ec2, out_of_time))
    return refusals


def _unchanged(batch: _Batch, look_again: LookAgain) -> list[str]:
    """Return the ids of those instances of which everything that was found is still so."""
    instances = [findings[0].instance for findings in batch.findings.values()]
    still = {(f.instance.instance_id, f.remedy, f.tag_key) for f in look_again(instances)}
    return [
        instance_id
        for instance_id, findings in batch.findings.items()
        if all((instance_id, f.remedy, f.tag_key) in still for f in findings)
    ]


def _apply(
    batch: _Batch, instance_ids: list[str], ec2: "EC2Client", out_of_time: Callable[[], bool]
) -> dict[str, _Refusal]:
    """Make the call for the instances; split them in two when AWS refuses."""
    if not instance_ids:
        return {}
    if out_of_time():
        return dict.fromkeys(instance_ids, _OUT_OF_TIME)
    try:
        _call(batch, instance_ids, ec2)
    except (ClientError, BotoCoreError, _NotConfirmedError) as error:
        if len(instance_ids) == 1 or _passes(error):
            return dict.fromkeys(instance_ids, _refusal(error))
        middle = len(instance_ids) // 2
        first, second = instance_ids[:middle], instance_ids[middle:]
        return _apply(batch, first, ec2, out_of_time) | _apply(batch, second, ec2, out_of_time)
    return {}


def _call(batch: _Batch, instance_ids: list[str], ec2: "EC2Client") -> None:
    match batch.remedy:
        case Remedy.TAG:
            ec2.create_tags(
                Resources=instance_ids,
                Tags=[{"Key": key, "Value": value} for key, value in batch.tags],
            )
        case Remedy.STOP:
            answer = ec2.stop_instances(InstanceIds=instance_ids)["StoppingInstances"]
            _confirm(instance_ids, answer, ("stopping", "stopped"))
        case Remedy.TERMINATE:
            answer = ec2.terminate_instances(InstanceIds=instance_ids)["TerminatingInstances"]
            _confirm(instance_ids, answer, ("shutting-down", "terminated"))
        case Remedy.NOTIFY:
            raise AssertionError("nothing is called for a remedy of notify")


def _confirm(
    instance_ids: Sequence[str],
    answer: Iterable["InstanceStateChangeTypeDef"],
    states: Sequence[str],
) -> None:
    ending = {c["InstanceId"] for c in answer if c["CurrentState"]["Name"] in states}
    left = [instance_id for instance_id in instance_ids if instance_id not in ending]
    if left:
        raise _NotConfirmedError(f"AWS does not confirm that {', '.join(left)} is {states[0]}")


def _passes(error: Exception) -> bool:
    """Tell whether an error has nothing to do with the instances of the call."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in _PASSING or status >= 500
    return isinstance(error, BotoCoreError)  # timeouts and broken connections


def _refusal(error: Exception) -> _Refusal:
    result = Result.DEFERRED if _passes(error) else Result.FAILED
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return _Refusal(result, error.response["Error"].get("Message", ""), code)
    return _Refusal(
        result,
        str(error),
        "NotConfirmed" if isinstance(error, _NotConfirmedError) else type(error).__name__,
    )
