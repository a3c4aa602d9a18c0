"""The body of a request to EC2, written once.

botocore writes it twice, to sign it and to send it, and quotes each name and value of it on the
way, needed or not: half of what a call about 200 instances computes. It takes a body that is
written already, through an extension point of its own.
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from botocore.session import Session

_NEEDS_NO_QUOTES = re.compile(r"[\w.~-]*", re.ASCII)


def register(session: "Session") -> None:
    """Have the EC2 clients of a botocore session write their requests with this module."""
    session.register("before-call.ec2", _write)


def _write(**event: Any) -> None:
    """Write the body of a request that is about to be signed, where that is still to be done."""
    params = event["params"]
    body = params.get("body")
    if isinstance(body, dict):
        written = [f"{_quoted(name)}={_quoted(str(value))}" for name, value in body.items()]
        params["body"] = "&".join(written).encode()


def _quoted(text: str) -> str:
    return text if _NEEDS_NO_QUOTES.fullmatch(text) else quote_plus(text)
