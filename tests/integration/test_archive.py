"""What a run leaves in the bucket, against moto's S3."""

import gzip
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends

from tag_policy.model.assignment import Assignment, Mode, Scope, Trigger
from tag_policy.model.finding import Finding
from tag_policy.reporting import archive
from tag_policy.reporting import sns_message as report
from tag_policy.reporting.publish import RunError
from tag_policy.runs.context import RunContext
from tag_policy.runs.engine import Engine as RunEngine
from tests.integration.conftest import Engine, FakeContext, shared_clients
from tests.support import fleet
from tests.support.builders import outcome, ref
from tests.support.calls import AwsError, Call, failing, listening
from tests.support.embedded_aws import ACCOUNT_ID, REGION

BUCKET = "all-reports"
OF_THE_ENGINE = f"account={ACCOUNT_ID}/region={REGION}/engine=archive/"
SCHEDULED: dict[str, Any] = {"source": "aws.events", "detail-type": "Scheduled Event"}


@pytest.fixture
def engine(make_engine: Any) -> Engine:
    """An engine that keeps its reports."""
    made: Engine = make_engine("archive")
    return made


def run(engine: Engine, event: object = None) -> dict[str, Any]:
    return engine.run(SCHEDULED if event is None else event)


def kept(engine: Engine, kind: str) -> dict[str, bytes]:
    """Return the objects of a kind, by what their keys end in."""
    s3 = engine.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    start = f"tag-policy/{kind}/{OF_THE_ENGINE}"
    return {
        found["Key"].removeprefix(start): s3.get_object(Bucket=BUCKET, Key=found["Key"])[
            "Body"
        ].read()
        for found in listed
        if found["Key"].startswith(start)
    }


def findings(engine: Engine) -> list[dict[str, Any]]:
    (lines,) = kept(engine, "findings").values()
    return [json.loads(line) for line in gzip.decompress(lines).splitlines()]


def test_a_run_keeps_its_numbers_its_findings_and_a_page(engine: Engine) -> None:
    untagged, tagged = engine.launch(), engine.launch({"Name": "web"})

    summary = run(engine)

    day = f"date={engine.clock.now():%Y-%m-%d}/"
    (numbers,) = kept(engine, "runs").items()
    assert numbers[0].startswith(day)
    assert numbers[0].endswith("Z-11111111-2222-3333-4444-555555555555.json")
    machine = json.loads(numbers[1])
    assert machine["summary"] == summary
    assert numbers[1].count(b"\n") == 1, "a line, as Athena reads JSON"
    found = [(finding["resource_id"], finding["result"]) for finding in findings(engine)]
    assert sorted(found) == sorted([(untagged, "terminated"), *[(tagged, "tagged")] * 3])
    pages = kept(engine, "pages")
    assert sorted(name.partition("/")[0] for name in pages) == [day[:-1], "latest.html"]
    assert len(set(pages.values())) == 1
    assert untagged.encode() in pages["latest.html"]


def test_everything_that_is_kept_is_encrypted_by_s3_or_with_the_key_that_is_given(
    engine: Engine,
) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    engine.launch({"Name": "web"})

    def encryption() -> set[tuple[str, str]]:
        s3 = engine.client("s3")
        heads = [
            s3.head_object(Bucket=BUCKET, Key=one["Key"])
            for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        ]
        return {(h["ServerSideEncryption"], h.get("SSEKMSKeyId", "")) for h in heads}

    run(engine)
    assert encryption() == {("AES256", "")}
    engine.environment = {**engine.environment, "TAG_POLICY_REPORT_KMS_KEY_ARN": key}
    run(engine)
    assert encryption() >= {("aws:kms", key)}


def test_the_message_says_where_the_page_is(engine: Engine) -> None:
    engine.launch({"Name": "web"})

    run(engine)

    (page,) = [name for name in kept(engine, "pages") if name != "latest.html"]
    (email,) = engine.emails()
    (line,) = [line for line in email.text.splitlines() if line.startswith("As a page: ")]
    url = line.removeprefix("As a page: ")
    assert url.startswith(f"https://{REGION}.console.aws.amazon.com/s3/object/{BUCKET}?")
    start = f"tag-policy/pages/{OF_THE_ENGINE}".replace("=", "%3D")
    assert url.endswith(f"prefix={start}{page.replace('=', '%3D')}")


def test_every_finding_that_the_log_has_is_kept(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    nasty = ["<script>alert(1)</script>", "a\u202eb", "😀" * 60, "é\u2028ü"]
    for name in nasty:
        engine.launch({"Name": name})

    run(engine)

    found = findings(engine)
    assert len(found) == 12
    logged = [vars(record) for record in caplog.records if hasattr(record, "result")]
    for one, line in zip(found, logged, strict=True):
        assert {k: v for k, v in one.items() if k not in ("time", "request_id")} == {
            k: line[k] for k in one if k not in ("time", "request_id")
        }


def test_the_chart_shows_the_runs_about_everything_and_no_rehearsal(engine: Engine) -> None:
    engine.launch({"Name": "web"})
    fine = {"ProjectCode": "P", "CreatedBy": "x", "Expires": "never"}
    fleet.launch(engine, engine.vpc, fine, count=3)

    for event in (SCHEDULED, {}, {"mode": "audit"}):
        run(engine, event)
        engine.clock.sleep(3600)

    (history,) = kept(engine, "history").values()
    runs = json.loads(history)["runs"]
    assert [(of["instances"], of["compliant"]) for of in runs] == [(4, 3), (4, 4)]
    assert b'"compliant": 3' in kept(engine, "pages")["latest.html"]


def test_a_run_without_rules_is_no_point_of_the_chart(engine: Engine) -> None:
    engine.set_rules({})

    with pytest.raises(RunError, match="no valid rule"):
        run(engine)

    assert len(kept(engine, "runs")) == 1
    assert kept(engine, "history") == {}


def test_the_history_does_not_grow_without_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_IN_HISTORY", 3)
    for _ in range(5):
        run(engine)

    (history,) = kept(engine, "history").values()
    assert len(json.loads(history)["runs"]) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"runs": 1}',
        b'{"runs": [1]}',
        b'{"runs": [{"instances": 1, "compliant": 1}]}',
        b'{"runs": [{"time": "x", "complete": true, "instances": NaN, "compliant": 1}]}',
        b"[" * 100_000,
        b"\xff",
        b'{"runs": [' + b"1" * 5_000 + b"]}",
        b'{"runs": [{"time": "2026-01-01T00:00:00Z", "complete": true, "instances": 1e308,'
        b'"compliant": 0, "exempt": 0, "violations": 0}]}',
        b'{"runs": [' + b" " * 40 * 2**20 + b"]}",
    ],
    ids=lambda content: f"{content[:60]!r}",
)
def test_a_history_that_somebody_has_spoilt_begins_anew(engine: Engine, content: bytes) -> None:
    key = f"tag-policy/history/{OF_THE_ENGINE}history.json"
    engine.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    run(engine)

    (history,) = kept(engine, "history").values()
    assert len(json.loads(history)["runs"]) == 1
    assert len(kept(engine, "pages")) == 2


def test_a_history_of_too_many_runs_is_cut_on_a_page_too(engine: Engine) -> None:
    key = f"tag-policy/history/{OF_THE_ENGINE}history.json"
    numbers = {"complete": True, "instances": 1, "compliant": 1, "exempt": 0, "violations": 0}
    runs = [{"time": f"2020-01-01T00:{n // 60:02}:{n % 60:02}Z", **numbers} for n in range(500)]
    content = json.dumps({"runs": runs}).encode()
    engine.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    run(engine, {"mode": "audit"})  # a rehearsal does not write the history

    (page,) = kept(engine, "pages").values()
    assert page.count(b'"time": "2020-01-01T') == archive.MOST_IN_HISTORY


def test_a_sweep_that_has_nothing_to_say_is_kept_all_the_same(engine: Engine) -> None:
    run(engine)

    assert engine.emails() == []
    assert len(kept(engine, "runs")) == 1
    assert findings(engine) == []


def test_an_audit_is_kept_and_cannot_be_mistaken(engine: Engine) -> None:
    engine.launch()

    run(engine, {"mode": "audit"})

    (page,) = kept(engine, "pages").values()
    assert b"AUDIT: NOTHING WAS CHANGED" in page
    assert engine.changes() == ["PutObject"] * 3


def test_when_the_bucket_refuses_people_are_told_and_the_run_fails(engine: Engine) -> None:
    instance = engine.launch({"Name": "web"})

    with (
        failing("PutObject", AwsError("AccessDenied", status=403)),
        pytest.raises(RunError, match="could not be kept in the bucket all-reports"),
    ):
        run(engine)

    assert engine.tags(instance)["ProjectCode"] == "Proj007"
    (email,) = engine.emails()
    assert "ALL WELL: 3 tags written." in email.text, "people are told before it is kept"
    assert kept(engine, "runs") == {}


def test_a_history_that_cannot_be_read_is_not_begun_anew(engine: Engine) -> None:
    run(engine)

    with failing("GetObject", AwsError("AccessDenied", status=403)), pytest.raises(RunError):
        run(engine)

    (history,) = kept(engine, "history").values()
    assert len(json.loads(history)["runs"]) == 1


def test_a_page_that_cannot_be_made_does_not_keep_the_message_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.launch({"Name": "web"})
    monkeypatch.setattr(archive.page, "render", lambda *_: 1 / 0)

    with pytest.raises(RunError, match="could not be kept"):
        run(engine)

    assert len(engine.emails()) == 1


class FullDisk(io.RawIOBase):
    """A file on a disk without room: what is written stays in the buffer and fails again later."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, _: Any) -> int:
        raise OSError(28, "No space left on device")


def no_disk() -> Any:
    raise FileNotFoundError(2, "No usable temporary directory found")


@pytest.mark.parametrize("make_file", [lambda: io.BufferedRandom(FullDisk()), no_disk])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_disk_that_is_full_or_missing_stops_no_remedy_and_no_message(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, make_file: Any
) -> None:
    instances = [engine.launch({"Name": "web"}) for _ in range(3)]

    monkeypatch.setattr("tempfile.TemporaryFile", make_file)
    with pytest.raises(RunError, match="could not be kept"):
        run(engine)

    assert all(engine.tags(i).keys() >= {"ProjectCode", "CreatedBy", "Expires"} for i in instances)
    assert len(engine.emails()) == 1


def test_a_bucket_that_is_slow_keeps_nobody_from_being_told(engine: Engine) -> None:
    engine.launch({"Name": "web"})
    context = FakeContext(invoked_function_arn=engine.context.invoked_function_arn)
    engine.context = context

    def slow(call: Call) -> None:
        if call.service == "s3":
            context.remaining_millis = [context.remaining_millis[0] - 400_000]

    with listening(slow), pytest.raises(RunError, match="no time left"):
        run(engine)

    assert [call.action for call in engine.calls if call.service == "s3"] == [
        "PutObject",
        "GetObject",
        "PutObject",
    ]
    assert len(engine.emails()) == 1
    assert kept(engine, "runs") == {}, "its numbers are there only where the rest is"


def test_what_an_audit_found_is_kept_as_what_it_is(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    instance = engine.launch()

    run(engine, {"mode": "audit"})

    (finding,) = findings(engine)
    assert (finding["result"], finding["mode"]) == ("terminated", "audit")
    assert finding["request_id"] == "11111111-2222-3333-4444-555555555555"
    assert finding["time"].endswith("+00:00")
    assert f"would be terminated {instance}" in caplog.messages


def test_what_does_not_fit_on_a_page_is_left_out_the_gentlest_first(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_ON_A_PAGE", 4)
    for _ in range(2):
        engine.launch({"Name": "web"})
    untagged = [engine.launch() for _ in range(3)]

    run(engine)

    page = kept(engine, "pages")["latest.html"].decode()
    assert all(instance in page for instance in untagged)
    assert '"findings_left_out": 5' in page
    assert len(findings(engine)) == 9


def test_the_findings_of_events_are_kept_and_quiet_events_are_not(make_engine: Any) -> None:
    engine: Engine = make_engine("events")
    engine.keep_reports(BUCKET)
    engine.launch({"Name": "web"})

    engine.deliver()
    engine.deliver()

    engine.calls.clear()  # the role of this variant may not write there
    keys = list(s3_backends[ACCOUNT_ID]["aws"].buckets[BUCKET].keys)
    assert len([key for key in keys if key.startswith("runs/")]) == 1
    assert not [key for key in keys if "latest" in key or "history" in key]


def test_a_bucket_that_refuses_brings_no_event_back(
    make_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine: Engine = make_engine("events")
    engine.keep_reports(BUCKET)
    engine.launch({"Name": "web"})

    with failing("PutObject", AwsError("ServiceUnavailable", status=503)):
        batches = engine.deliver()

    engine.calls.clear()  # the role of this variant may not write there
    assert batches == 2, "and the engine's own tags, which find all in order"
    assert "could not be kept" in caplog.text
    assert engine.messages(engine.queue) == engine.messages(engine.dead_letters) == 0


class Counter(logging.Handler):
    """Counts the findings that are logged, by their instances, and keeps nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "resource_id"):
            self.logged.append(record.resource_id)


def test_three_hundred_thousand_findings_are_all_logged_and_kept_and_the_message_is_cut(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"i-{at:017x}" for at in range(300_000)]
    log, counter = logging.getLogger("tag_policy.runs.engine"), Counter()
    monkeypatch.setattr(log, "propagate", False)  # pytest would keep each line
    monkeypatch.setattr(log, "handlers", [counter])
    scope = Assignment(Trigger.SCHEDULE, Scope.ALL, (engine.vpc.vpc_id,), Mode.AUDIT)
    assert engine.context is not None
    this = RunEngine(
        RunContext.begin(scope, engine.context, engine.settings(), shared_clients(), engine.clock)
    )

    this.carry_out(lambda run: run.remedy(found(engine, ids)))

    assert counter.logged == ids
    assert [finding["resource_id"] for finding in findings(engine)] == ids
    topic = sns_backends[ACCOUNT_ID][REGION].topics[engine.topic_arn]
    (message,) = [notification[1] for notification in topic.sent_notifications]
    assert len(message.encode()) <= report.MESSAGE_LIMIT
    parts = json.loads(message)
    machine = json.loads(parts["default"])
    left_out = machine["findings_left_out"]
    assert len(machine["findings"]) + left_out == len(ids)
    assert f"{left_out:,} lines left out" in parts["email"]
    assert len(kept(engine, "pages")["latest.html"]) < 8 * 2**20


def found(engine: Engine, ids: list[str]) -> Iterator[list[Finding]]:
    """Yield what is found of so many instances, as a sweep does."""
    for instance_id in ids:
        instance = replace(ref(instance_id, name="web"), vpc_id=engine.vpc.vpc_id)
        yield [outcome(resource=instance, owner=f"user{instance_id[-1]}").finding]
