"""What an archive reads back of what others may have written."""

import json
import logging
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody

from tag_policy.model.assignment import Trigger
from tag_policy.reporting.archive import MOST_BYTES_OF_HISTORY, archive
from tests.support.builders import report


class Endless:
    """An object without an end, which counts what is read of it, and knows whether it is closed."""

    def __init__(self, start: bytes = b"") -> None:
        self.start = start
        self.asked = 0
        self.closed = False

    def read(self, size: int | None = None) -> bytes:
        assert size is not None, "never the whole of it"
        self.asked += size
        head, self.start = self.start[:size], self.start[size:]
        return head.ljust(size)

    def close(self) -> None:
        self.closed = True


class Bucket:
    """S3 with one object in it, of any length that it pretends to have."""

    def __init__(self, raw: Any, length: int) -> None:
        self.raw, self.length = raw, length
        self.put: dict[str, bytes] = {}

    def get_object(self, **_: Any) -> dict[str, Any]:
        body = StreamingBody(self.raw, self.length)
        return {"Body": body, "ContentLength": self.length}

    def put_object(self, **of: Any) -> None:
        name, body = of["Key"].rpartition("/")[2], of["Body"]
        self.put[name] = body if isinstance(body, bytes) else body.read()


def keep(bucket: Bucket) -> Any:
    s3: Any = bucket
    with archive(lambda: s3, "b", "", lambda: False) as opened:
        opened.keep(report(trigger=Trigger.SCHEDULE))
    return json.loads(bucket.put["history.json"])["runs"]


@pytest.mark.parametrize(
    ("length", "read"), [(40 * 2**20, 0), (10, MOST_BYTES_OF_HISTORY + 1)], ids=["told", "lied"]
)
def test_of_a_history_that_is_too_large_no_more_is_read_than_it_may_have(
    length: int, read: int, caplog: pytest.LogCaptureFixture
) -> None:
    raw = Endless(b'{"runs": []}')

    runs = keep(Bucket(raw, length))

    assert len(runs) == 1
    assert raw.asked == read
    assert raw.closed
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "(it is too large for one); the history starts again" in warning


def test_a_history_whose_answer_breaks_off_is_not_begun_anew() -> None:
    class Short(Endless):
        def read(self, size: int | None = None) -> bytes:
            head, self.start = self.start[:size], self.start[size:]
            return head

    bucket = Bucket(Short(b'{"runs": []}'), 100)

    with pytest.raises(IncompleteReadError):
        keep(bucket)

    assert "history.json" not in bucket.put
