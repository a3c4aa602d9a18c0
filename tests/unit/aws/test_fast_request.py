"""The lean request: what is sent is what botocore sends, to the last byte."""

from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.aws.fast import request as lean_request

OK = b"<CreateTagsResponse><return>true</return></CreateTagsResponse>"


class Sent:
    """A client of EC2 that sends nothing, and remembers what it would have sent."""

    def __init__(self, *, lean: bool) -> None:
        session = botocore.session.get_session()
        session.set_credentials("AKIAEXAMPLE", "example")
        if lean:
            lean_request.register(session)
        self.client: Any = session.create_client("ec2", "eu-west-1")
        self.client.meta.events.register("before-send", self._keep)
        self.bodies: list[bytes] = []
        self.headers: dict[str, Any] = {}

    def _keep(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        body = request.body
        self.bodies.append(body.encode() if isinstance(body, str) else body)
        self.headers = dict(request.headers)
        return AWSResponse(request.url, 200, {}, Raw())


class Raw:
    """The answer of EC2 on the wire."""

    def stream(self, **_: Any) -> list[bytes]:
        return [OK]


LEAN, FULL = Sent(lean=True), Sent(lean=False)
texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["a+b", "a b", "a&Tag.2.Key=b", "100%", "~", "é", "owner=x", "", "\n"]
)


@given(
    ids=st.lists(st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True), min_size=1, max_size=3),
    tags=st.dictionaries(texts, texts, min_size=1, max_size=3),
)
def test_tags_are_written_as_botocore_writes_them(ids: list[str], tags: dict[str, str]) -> None:
    for sent in (LEAN, FULL):
        sent.client.create_tags(
            Resources=ids, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )

    assert LEAN.bodies[-1] == FULL.bodies[-1]
    assert LEAN.headers["Content-Type"] == FULL.headers["Content-Type"]
    assert LEAN.headers["Content-Length"] == FULL.headers["Content-Length"]


def test_numbers_and_truths_are_written_as_botocore_writes_them() -> None:
    for sent in (LEAN, FULL):
        sent.client.describe_instances(
            DryRun=True, MaxResults=1000, Filters=[{"Name": "tag-key", "Values": ["a/b", "c"]}]
        )

    assert LEAN.bodies[-1] == FULL.bodies[-1]
    assert b"MaxResults=1000" in LEAN.bodies[-1]


def test_a_body_that_is_no_form_is_left_alone() -> None:
    params: dict[str, Any] = {"body": b"as it is"}

    lean_request._write(params=params)

    assert params == {"body": b"as it is"}
