"""Findings to EC2 calls. The one place that changes anything.

Instances that need the same remedy share a call. Just before a call, its instances are looked at
once more, because minutes may lie between listing them and acting: one that was put right, or
ended, in between is left alone. A call that AWS refuses is split, by tag and then by instance, so
that one bad tag or instance never stops another's remedy; the parts wait until every other call
has had its turn.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tag_policy.aws import AWS_ERRORS
from tag_policy.inventory import states_by_id
from tag_policy.model import Finding, InstanceRef, Mode, Outcome, Remedy, Result

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceStateChangeTypeDef

BATCH_SIZE = 200
"""Instances a call. AWS takes 1,000 and advises smaller batches.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

_RESULT_OF = {
    Remedy.NOTIFY: Result.NOTIFIED,
    Remedy.TAG: Result.TAGGED,
    Remedy.UNMARK: Result.UNMARKED,
    Remedy.MARK: Result.MARKED,
    Remedy.STOP: Result.STOPPED,
    Remedy.TERMINATE: Result.TERMINATED,
}
"""What a remedy results in; gentlest first, which is the order of the calls."""

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

_ENDED = {
    Remedy.TERMINATE: ("shutting-down", "terminated"),
    Remedy.STOP: ("stopping", "stopped"),
}
"""The states that confirm a remedy."""

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
class _Call:
    """A remedy for some instances, in one call; all of them need the same tags.

    ``tried`` says that the instances were part of a call that failed. AWS may have carried out a
    part of that, so that their state has to be asked for before anything is said of them.
    """

    remedy: Remedy
    findings: dict[str, list[Finding]]  # by instance id
    tried: bool = False

    def of(self, instance_ids: Iterable[str]) -> "_Call":
        """Return the same for some of the instances."""
        return replace(self, findings={i: self.findings[i] for i in instance_ids})


def enforce(
    findings: Iterable[Finding],
    *,
    mode: Mode,
    ec2: "EC2Client",
    look_again: LookAgain,
    out_of_time: Callable[[], bool],
) -> Iterator[Outcome]:
    """Apply the remedies and yield an outcome for every finding, as it comes about.

    Every finding of ``Remedy.TAG`` must have its value; none is of ``Remedy.WAIT``. What is to be
    ended is marked first, where its finding has a mark. ``look_again`` returns what is found about
    some instances when they are looked at anew. ``out_of_time`` is asked before every call; what is
    left then is deferred. In audit mode no call is made, and the outcomes are those that the
    enforcing run would try for. AWS's errors become outcomes and are not raised.
    """
    if mode is Mode.AUDIT:
        yield from (Outcome(finding, _RESULT_OF[finding.remedy]) for finding in findings)
        return
    waiting = deque(_calls(findings))
    while waiting:
        call = waiting.popleft()
        if call.remedy is Remedy.NOTIFY:
            yield from _done(call)
        elif out_of_time():
            yield from _refused(call, _OUT_OF_TIME, ec2)
        else:
            yield from _carry_out(call, ec2, look_again, waiting)


def _carry_out(
    call: _Call, ec2: "EC2Client", look_again: LookAgain, waiting: deque[_Call]
) -> Iterator[Outcome]:
    """Make one call; put its parts at the end of ``waiting`` when AWS refuses it."""
    try:
        unchanged = _unchanged(call, look_again)
    except AWS_ERRORS as error:
        yield from _refused(call, _refusal(error), ec2)  # not looked at, so not touched
        return
    yield from _refused(call.of(i for i in call.findings if i not in unchanged), _CHANGED, ec2)
    call = call.of(unchanged)
    if not call.findings:
        return
    try:
        if _is_to_be_marked(call):
            _write_tags(call, ec2)
            waiting.append(_marked(call))
            return
        _send(call, ec2)
    except (*AWS_ERRORS, _NotConfirmedError) as error:
        tried = replace(call, tried=True)
        parts = [] if _passes(error) else _split(tried, _refusal(error))
        waiting.extend(parts)
        if not parts:
            yield from _refused(tried, _refusal(error), ec2)
    else:
        yield from _done(call)


def _is_to_be_marked(call: _Call) -> bool:
    """Tell whether the instances of a call have to be marked before they may be ended."""
    return call.remedy in _ENDED and any(f.tag_key for f in next(iter(call.findings.values())))


def _marked(call: _Call) -> _Call:
    """Return the call that ends what has just been marked.

    Its instances are looked at once more before that, and left alone when they are not seen with
    their mark, or when somebody has tagged them in the meantime.
    """
    findings = {
        instance_id: [replace(finding, tag_key="", value=None) for finding in some]
        for instance_id, some in call.findings.items()
    }
    return replace(call, findings=findings)


def _calls(findings: Iterable[Finding]) -> Iterator[_Call]:
    """Group by instance and remedy, then by the tags to write; what ends instances comes last."""
    by_instance: dict[tuple[Remedy, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.remedy, finding.instance.instance_id)
        by_instance.setdefault(key, []).append(finding)

    groups: dict[tuple[Remedy, tuple[tuple[str, str], ...]], dict[str, list[Finding]]] = {}
    for (remedy, instance_id), some in by_instance.items():
        groups.setdefault((remedy, _tags(some)), {})[instance_id] = some

    gentlest_first = tuple(_RESULT_OF)
    for (remedy, _), group in sorted(
        groups.items(), key=lambda entry: gentlest_first.index(entry[0][0])
    ):
        ids = list(group)
        for start in range(0, len(ids), BATCH_SIZE):
            yield _Call(remedy, {i: group[i] for i in ids[start : start + BATCH_SIZE]})


def _tags(findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """Return the tags that some findings ask for; each key once, as EC2 demands."""
    details = [finding.detail_tag for finding in findings if finding.detail_tag]
    values = [(f.tag_key, f.value) for f in findings if f.value is not None]
    return tuple(dict([*details, *values]).items())


def _split(call: _Call, refusal: _Refusal) -> list[_Call]:
    """Return the parts of a refused call: a part a tag, else two halves; none of what is one.

    The last thing that is given up is the detail next to a creator, for the creator's sake.
    """
    some = next(iter(call.findings.values()))
    if len(some) > 1:
        return [
            replace(call, findings={i: [found[position]] for i, found in call.findings.items()})
            for position in range(len(some))
        ]
    ids = list(call.findings)
    middle = len(ids) // 2
    if middle:
        return [call.of(ids[:middle]), call.of(ids[middle:])]
    (finding,) = some
    return (
        [replace(call, findings={ids[0]: [_without_detail(finding, refusal.code)]})]
        if finding.detail_tag
        else []
    )


def _without_detail(finding: Finding, code: str) -> Finding:
    key, _ = finding.detail_tag or ("", "")
    reason = f"{finding.reason}; {key} could not be written next to it ({code})"
    return replace(finding, detail_tag=None, reason=reason)


def _done(call: _Call) -> Iterator[Outcome]:
    for findings in call.findings.values():
        for finding in findings:
            yield Outcome(finding, _RESULT_OF[finding.remedy])


def _refused(call: _Call, refusal: _Refusal, ec2: "EC2Client") -> Iterator[Outcome]:
    """Yield the refusal for each finding, but not for an instance that is ending all the same."""
    ending = _ending(call, ec2)
    yield from _done(call.of(ending))
    for instance_id, findings in call.findings.items():
        if instance_id not in ending:
            for finding in findings:
                yield Outcome(finding, refusal.result, refusal.detail, refusal.code)


def _ending(call: _Call, ec2: "EC2Client") -> set[str]:
    """Return those instances of a call that failed which AWS is ending nevertheless.

    A call that reports an error may have ended the instances of other zones, and an answer that
    was lost may have been a good one.
    """
    if not call.tried or call.remedy not in _ENDED:
        return set()
    try:
        states = states_by_id(ec2, list(call.findings))
    except AWS_ERRORS:
        return set()
    return {i for i, state in states.items() if state in _ENDED[call.remedy]}


def _unchanged(call: _Call, look_again: LookAgain) -> list[str]:
    """Return the ids of those instances of which everything that was found is still so."""
    instances = [findings[0].instance for findings in call.findings.values()]
    still = {(f.instance.instance_id, f.remedy, f.tag_key) for f in look_again(instances)}
    return [
        instance_id
        for instance_id, findings in call.findings.items()
        if all((instance_id, f.remedy, f.tag_key) in still for f in findings)
    ]


def _send(call: _Call, ec2: "EC2Client") -> None:
    instance_ids = list(call.findings)
    match call.remedy:
        case Remedy.TAG | Remedy.MARK:
            _write_tags(call, ec2)
        case Remedy.UNMARK:
            key = next(iter(call.findings.values()))[0].tag_key
            ec2.delete_tags(Resources=instance_ids, Tags=[{"Key": key}])
        case Remedy.STOP:
            stopping = ec2.stop_instances(InstanceIds=instance_ids)
            _confirm(call, stopping["StoppingInstances"])
        case Remedy.TERMINATE:
            terminating = ec2.terminate_instances(InstanceIds=instance_ids)
            _confirm(call, terminating["TerminatingInstances"])
        case Remedy.NOTIFY | Remedy.WAIT:
            raise AssertionError(f"nothing is called for a remedy of {call.remedy}")


def _write_tags(call: _Call, ec2: "EC2Client") -> None:
    tags = _tags(next(iter(call.findings.values())))
    ec2.create_tags(
        Resources=list(call.findings),
        Tags=[{"Key": key, "Value": value} for key, value in tags],
    )


def _confirm(call: _Call, answer: Iterable["InstanceStateChangeTypeDef"]) -> None:
    states = _ENDED[call.remedy]
    ending = {c["InstanceId"] for c in answer if c["CurrentState"]["Name"] in states}
    left = [instance_id for instance_id in call.findings if instance_id not in ending]
    if left:
        raise _NotConfirmedError(f"AWS does not confirm that {', '.join(left)} is {states[0]}")


def _passes(error: Exception) -> bool:
    """Tell whether an error has nothing to do with the instances of the call."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in _PASSING or status >= 500
    return isinstance(error, AWS_ERRORS)  # timeouts, broken connections, unreadable answers


def _refusal(error: Exception) -> _Refusal:
    result = Result.DEFERRED if _passes(error) else Result.FAILED
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return _Refusal(result, error.response["Error"].get("Message", ""), code)
    code = "NotConfirmed" if isinstance(error, _NotConfirmedError) else type(error).__name__
    return _Refusal(result, str(error), code)
