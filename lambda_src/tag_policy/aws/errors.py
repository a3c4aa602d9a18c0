"""What an error of AWS's means for a remedy: whether it passes, and what people are told."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.aws.pace import is_throttled
from tag_policy.model.error import TagPolicyError
from tag_policy.model.outcome import Result
from tag_policy.model.text import DETAIL_LIMIT, clean

_PASSING = frozenset(
    {
        "ConcurrentTagAccess",
        "InternalError",
        "InternalFailure",
        "RequestTimeout",
        "ServiceUnavailable",
        "Unavailable",
    }
)
"""Codes of errors that pass by themselves: the call is left for the next run, not split."""


_ABOUT_ONE = frozenset(
    {
        "IncorrectInstanceState",
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Unavailable",
        "InvalidAllocationID.NotFound",
        "InvalidInstanceID.NotFound",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidSnapshot.NotFound",
        "InvalidVolume.NotFound",
        "OperationNotPermitted",
        "TagLimitExceeded",
        "UnsupportedOperation",
    }
)
"""Codes of errors that say something of a single resource, and nothing of the others.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a remedy was not applied to an instance; what AWS says is cleaned and cut."""

    result: Result
    detail: str
    code: str = ""

    def __post_init__(self) -> None:
        # An answer that cannot be read stands whole in its error: hundreds of kilobytes, which
        # would be kept for each instance of the call.
        object.__setattr__(self, "detail", clean(self.detail, DETAIL_LIMIT))
        object.__setattr__(self, "code", clean(self.code, DETAIL_LIMIT))


NOT_CONFIRMED = "NotConfirmed"
"""The code where nobody can say whether AWS has carried a call out."""


class NotConfirmedError(TagPolicyError):
    """AWS answered without an error, and does not say of every instance that it is ending."""


def passes(error: Exception) -> bool:
    """Tell whether an error has nothing to do with the instances of the call."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        in_passing = error.response["Error"]["Code"] in _PASSING
        return in_passing or is_throttled(error) or status >= 500
    return isinstance(error, AWS_ERRORS)  # timeouts, broken connections, unreadable answers


def is_about_one(error: Exception) -> bool:
    """Tell whether an error is about a single instance, so that others would fare better."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _ABOUT_ONE
    return isinstance(error, NotConfirmedError)


def refusal_of(error: Exception) -> Refusal:
    """Return why a call's remedy was not applied, as people are told it."""
    result = Result.DEFERRED if passes(error) else Result.FAILED
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return Refusal(result, error.response["Error"].get("Message", ""), code)
    code = NOT_CONFIRMED if isinstance(error, NotConfirmedError) else type(error).__name__
    return Refusal(result, str(error), code)
