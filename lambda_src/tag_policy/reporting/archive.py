"""What a run leaves in a bucket: its numbers, all of its findings, and a page to read.

Keys are partitioned as Athena and AWS Glue read them, so that one bucket serves engines of many
accounts and regions::

    runs/account=…/region=…/engine=…/date=2026-11-24/080000Z-<request id>.json
    findings/account=…/region=…/engine=…/date=2026-11-24/080000Z-<request id>.jsonl.gz
    pages/account=…/region=…/engine=…/date=2026-11-24/080000Z-<request id>.html
    pages/account=…/region=…/engine=…/latest.html
    history/account=…/region=…/engine=…/history.json

https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

import gzip
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from tag_policy.model.error import TagPolicyError
from tag_policy.reporting import page
from tag_policy.reporting.report import Report
from tag_policy.reporting.sns_message import head
from tag_policy.reporting.wording import WORDING

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

log = logging.getLogger(__name__)

MOST_ON_A_PAGE = 10_000
"""Findings that a page holds; a browser sorts and filters so many at once."""

MOST_BYTES_ON_A_PAGE = 6 * 2**20
"""However long they are: a page is made in memory."""

MOST_IN_HISTORY = 200
"""Runs that the chart of a page shows at most."""

MOST_BYTES_OF_HISTORY = 256 * 2**10
"""Of what is read as a history: eight times what so many runs take. Others may write there."""

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

Record = Mapping[str, str]


class ArchiveError(TagPolicyError):
    """The report could not be kept, for a reason of the engine's own."""


@contextmanager
def archive(
    s3: "Callable[[], S3Client]",
    bucket: str,
    prefix: str,
    out_of_time: Callable[[], bool],
    kms_key_arn: str = "",
) -> "Iterator[Archive]":
    """Give an archive for one run; what it has on disk is gone afterwards. Raises nothing."""
    opened = Archive(s3, bucket, prefix, out_of_time, kms_key_arn)
    try:
        yield opened
    finally:
        opened.close()


class Archive:
    """Gathers the findings of a run, on disk rather than in memory, and keeps them in a bucket.

    Lambda's ``/tmp`` has 512 MB: room for millions of findings, compressed as they are. The keys of
    all objects begin with ``prefix``. ``s3`` makes the client when it is needed; ``out_of_time`` is
    asked before every call, because people have to be told, whatever becomes of the bucket.
    Each object is encrypted with the key of ``kms_key_arn``, or by S3 itself where that is empty,
    and says so: organisations refuse a ``PutObject`` that does not.
    """

    def __init__(
        self,
        s3: "Callable[[], S3Client]",
        bucket: str,
        prefix: str,
        out_of_time: Callable[[], bool],
        kms_key_arn: str = "",
    ) -> None:
        self.bucket = bucket
        self._kms_key_arn = kms_key_arn
        self._s3 = s3
        self._prefix = prefix
        self._out_of_time = out_of_time
        self._broken: Exception | None = None
        self._on_disk = ExitStack()
        self._file: IO[bytes] | None = None
        self._lines: gzip.GzipFile | None = None

    def close(self) -> None:
        """Remove what is on disk; a disk that is full cannot keep anybody from being told."""
        with suppress(OSError, ValueError):
            if self._lines is not None:
                self._lines.close()
        with suppress(OSError, ValueError):
            self._on_disk.close()

    def add(self, record: Record) -> None:
        """Take in a finding. What goes wrong with that is raised by ``keep``, and not here."""
        try:
            line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
            self._opened()[1].write(line)
        except Exception as error:
            self._broken = self._broken or error

    def _opened(self) -> tuple[IO[bytes], gzip.GzipFile]:
        if self._file is None or self._lines is None:
            self._file = self._on_disk.enter_context(tempfile.TemporaryFile())
            self._lines = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=1, mtime=0)
        return self._file, self._lines

    def url(self, report: Report) -> str:
        """Return where AWS's console shows the page of a run, to whoever may read the bucket."""
        host = f"{report.target.region}.{_CONSOLES.get(report.target.partition, _CONSOLES['aws'])}"
        key = quote(self._key("pages", report, "html"))
        return f"https://{host}/s3/object/{self.bucket}?region={report.target.region}&prefix={key}"

    def keep(self, report: Report) -> None:
        """Put everything into the bucket, its numbers last: where they are, the rest is, too.

        Raises botocore's errors where the bucket does not take it, OSError where the disk did not,
        and ArchiveError where there is no time left.
        """
        if self._broken is not None:
            raise self._broken
        file, lines = self._opened()
        lines.close()
        file.seek(0)
        self._put(self._key("findings", report, "jsonl.gz"), file, "application/gzip")
        history = self._history(report)
        html = page.render(report, history, self._for_page(report, file)).encode()
        self._put(self._key("pages", report, "html"), html, _HTML)
        if report.is_sweep and not report.rehearsal:
            self._put(self._where("pages", report) + "latest.html", html, _HTML)
        run = json.dumps(head(report), ensure_ascii=False)
        self._put(self._key("runs", report, "json"), f"{run}\n".encode(), "application/json")

    def _where(self, kind: str, report: Report) -> str:
        target = report.target
        of = f"account={target.account_id}/region={target.region}/engine={report.engine}"
        return f"{self._prefix}{kind}/{of}/"

    def _key(self, kind: str, report: Report, ending: str) -> str:
        name = f"date={report.time:%Y-%m-%d}/{report.time:%H%M%S}Z-{report.request_id}"
        return f"{self._where(kind, report)}{name}.{ending}"

    def _client(self) -> "S3Client":
        if self._out_of_time():
            raise ArchiveError("there was no time left for it")
        return self._s3()

    def _put(self, key: str, body: "bytes | IO[bytes]", content_type: str) -> None:
        put = partial(
            self._client().put_object,
            Bucket=self.bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
        )
        if self._kms_key_arn:
            put(ServerSideEncryption="aws:kms", SSEKMSKeyId=self._kms_key_arn)
        else:
            put(ServerSideEncryption="AES256")

    def _history(self, report: Report) -> Sequence[Mapping[str, Any]]:
        """Return the numbers of the last sweeps, this one included, oldest first."""
        key = self._where("history", report) + "history.json"
        try:
            answer = self._client().get_object(Bucket=self.bucket, Key=key)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > MOST_BYTES_OF_HISTORY:
                    raise ValueError("it is too large for one")
                kept = json.loads(_bounded(body, MOST_BYTES_OF_HISTORY))
                runs = page.points(kept, report.time)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            runs = []
        except (TypeError, ValueError, RecursionError) as error:
            log.warning(
                "%s is not what an engine has put there (%s); the history starts again", key, error
            )
            runs = []
        runs = runs[-MOST_IN_HISTORY:]
        if report.is_sweep and not report.rehearsal and report.rules:
            runs = [*runs, page.point(report)][-MOST_IN_HISTORY:]
            self._put(key, json.dumps({"runs": runs}).encode(), "application/json")
        return runs

    def _for_page(self, report: Report, file: IO[bytes]) -> Iterator[str]:
        """Yield the JSON of the findings that a page holds: the gentlest are left out first."""
        left, size = MOST_ON_A_PAGE, 0
        quota: dict[str, int] = {}
        for worst in WORDING:
            quota[str(worst)] = min(report.outcomes.counted[worst], left)
            left -= quota[str(worst)]
        file.seek(0)
        with gzip.GzipFile(fileobj=file, mode="rb") as lines:
            for line in lines:
                result = _result(line)
                if quota[result] and size + len(line) <= MOST_BYTES_ON_A_PAGE:
                    quota[result] -= 1
                    size += len(line)
                    yield line.decode().rstrip("\n")


_HTML = "text/html; charset=utf-8"


def _bounded(body: "StreamingBody", most: int) -> bytes:
    """Return what a body holds; raises ValueError as soon as that is too much.

    The last read, which finds nothing more, has botocore check that the body is whole.
    """
    content = b""
    while len(content) <= most:
        part = body.read(most + 1 - len(content))
        if not part:
            return content
        content += part
    raise ValueError("it is too large for one")


def _result(line: bytes) -> str:
    """Return the result of a finding from its JSON, of which it is the first field.

    Parsing 300,000 lines for the sake of some of them takes seconds.
    """
    return line.split(b'"', 4)[3].decode()
