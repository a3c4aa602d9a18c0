"""How a creator is written into a tag. Pure."""

import hashlib
import re
import unicodedata
from functools import lru_cache

from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.model.tag_limits import MAX_TAG_VALUE_LENGTH
from tag_policy.settings import AttributionDetails, CreatorFormat

DETAIL_SUFFIX = {
    AttributionDetails.EVENT_ID: ":event-id",
    AttributionDetails.EVENT_TIME: ":event-time",
}
"""What the key of a detail tag ends in, after the key that it belongs to; iam.tf has them too."""

_ALLOWED_SIGNS = frozenset(" _.:/=+-@")
"""Beside letters and numbers, what a tag may hold wherever it is read.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

_DIGEST_LENGTH = 16
_ENDS_LIKE_A_DIGEST = re.compile(rf".*=[0-9a-f]{{{_DIGEST_LENGTH}}}", re.DOTALL)


def creator_tag(launch: Launch, how: CreatorFormat) -> str:
    """Return the value of a creator's tag: never blank, and always fit for a tag.

    A principal without an ARN (an AWS service) keeps its name in the format ``arn``, one without a
    role in the format ``role/name``. An instance is always named with its role, because its id says
    nothing once it is gone.
    """
    if how is CreatorFormat.ARN and launch.arn:
        return fit(launch.arn)
    with_role = how is CreatorFormat.ROLE_AND_NAME or launch.kind is PrincipalKind.INSTANCE
    if with_role and launch.role and launch.role != launch.name:
        return fit(f"{launch.role}/{launch.name}")
    return fit(launch.name)


def detail_tag(tag_key: str, launch: Launch, details: AttributionDetails) -> tuple[str, str] | None:
    """Return key and value of the tag that leads an auditor to the event; None where it is off."""
    match details:
        case AttributionDetails.EVENT_ID:
            value = launch.event_id
        case AttributionDetails.EVENT_TIME:
            value = f"{launch.event_time:%Y-%m-%dT%H:%M:%SZ}"
        case AttributionDetails.OFF:
            return None
    return tag_key + DETAIL_SUFFIX[details], value


@lru_cache  # the same few names, thousands of times in a run
def fit(name: str) -> str:
    """Fit a name into a tag value without making two names look alike.

    A name that has to be changed ends in a hash of the whole of it, and so does one that looks as
    if it did already: different names have different values. The name is not blank.
    """
    fitting = "".join(
        character if _allowed(character) else "_" for character in name.strip() or "_"
    )
    if fitting.lower().startswith("aws:"):
        fitting = f"_{fitting}"  # AWS keeps the prefix for itself, in values too
    unchanged = fitting == name and len(name) <= MAX_TAG_VALUE_LENGTH
    if unchanged and not _ENDS_LIKE_A_DIGEST.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    return f"{fitting[: MAX_TAG_VALUE_LENGTH - len(digest) - 1]}={digest}"


def _allowed(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN" or character in _ALLOWED_SIGNS
