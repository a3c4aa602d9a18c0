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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from tag_policy import page
from tag_policy.model import Trigger
from tag_policy.report import head
from tag_policy.report_text import HEADINGS
from tag_policy.summary import Report

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

log = logging.getLogger(__name__)

MOST_ON_A_PAGE = 10_000
"""Findings that a page holds; a browser sorts and filters so many at once."""

MOST_IN_HISTORY = 200
"""Runs that the chart of a page shows at most."""

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

Record = Mapping[str, str]


@contextmanager
def archive(s3: "S3Client", bucket: str, prefix: str) -> "Iterator[Archive]":
    """Give an archive for one run; what it has on disk is gone afterwards.

    Lambda's ``/tmp`` has 512 MB: room for millions of findings, compressed as they are.
    """
    with tempfile.TemporaryFile() as file:
        yield Archive(s3, bucket, prefix, file)


class Archive:
    """Gathers the findings of a run, in a file rather than in memory, and keeps them in a bucket.

    The keys of all objects begin with ``prefix``.
    """

    def __init__(self, s3: "S3Client", bucket: str, prefix: str, file: IO[bytes]) -> None:
        self.bucket = bucket
        self._s3 = s3
        self._prefix = prefix
        self._file = file
        self._broken: OSError | None = None
        self._lines = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0)

    def add(self, record: Record) -> None:
        """Take in a finding. What goes wrong with that is raised by ``keep``, and not here."""
        try:
            self._lines.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            self._broken = error

    def url(self, report: Report) -> str:
        """Return where AWS's console shows the page of a run, to whoever may read the bucket."""
        host = f"{report.region}.{_CONSOLES.get(report.partition, _CONSOLES['aws'])}"
        key = quote(self._key("pages", report, "html"))
        return f"https://{host}/s3/object/{self.bucket}?region={report.region}&prefix={key}"

    def keep(self, report: Report) -> None:
        """Put everything into the bucket.

        Raises botocore's errors where the bucket does not take it, OSError where the disk did not.
        """
        if self._broken is not None:
            raise self._broken
        self._lines.close()
        run = json.dumps(head(report), ensure_ascii=False)
        self._put(self._key("runs", report, "json"), f"{run}\n".encode(), "application/json")
        self._file.seek(0)
        self._put(self._key("findings", report, "jsonl.gz"), self._file, "application/gzip")
        history = self._history(report)
        html = page.render(report, history, self._for_page(report)).encode()
        self._put(self._key("pages", report, "html"), html, _HTML)
        if report.is_sweep:
            self._put(self._where("pages", report) + "latest.html", html, _HTML)

    def _where(self, kind: str, report: Report) -> str:
        of = f"account={report.account_id}/region={report.region}/engine={report.engine}"
        return f"{self._prefix}{kind}/{of}/"

    def _key(self, kind: str, report: Report, ending: str) -> str:
        name = f"date={report.time:%Y-%m-%d}/{report.time:%H%M%S}Z-{report.request_id}"
        return f"{self._where(kind, report)}{name}.{ending}"

    def _put(self, key: str, body: "bytes | IO[bytes]", content_type: str) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def _history(self, report: Report) -> Sequence[Mapping[str, Any]]:
        """Return the numbers of the last runs of the schedule, this one included, oldest first."""
        key = self._where("history", report) + "history.json"
        try:
            kept = json.load(self._s3.get_object(Bucket=self.bucket, Key=key)["Body"])
            runs = [dict(run) for run in kept["runs"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            runs = []
        except (KeyError, TypeError, ValueError):
            log.warning("%s is not what an engine has put there; the history begins anew", key)
            runs = []
        if report.trigger is Trigger.SCHEDULE and report.rules:
            runs = [*runs, page.point(report)][-MOST_IN_HISTORY:]
            self._put(key, json.dumps({"runs": runs}).encode(), "application/json")
        return runs

    def _for_page(self, report: Report) -> Iterator[str]:
        """Yield the JSON of the findings that a page holds: the gentlest are left out first."""
        left = MOST_ON_A_PAGE
        quota: dict[str, int] = {}
        for worst in HEADINGS:
            quota[str(worst)] = min(report.outcomes.counted[worst], left)
            left -= quota[str(worst)]
        self._file.seek(0)
        with gzip.GzipFile(fileobj=self._file, mode="rb") as lines:
            for line in lines:
                result = _result(line)
                if quota[result]:
                    quota[result] -= 1
                    yield line.decode().rstrip("\n")


_HTML = "text/html; charset=utf-8"


def _result(line: bytes) -> str:
    """Return the result of a finding from its JSON, of which it is the first field.

    Parsing 300,000 lines for the sake of some of them takes seconds.
    """
    return line.split(b'"', 4)[3].decode()
