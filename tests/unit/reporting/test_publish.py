"""The end of a run: who is told, in which order, and what becomes of what cannot be told."""

import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.assignment import Scope, Trigger
from tag_policy.model.outcome import Result
from tag_policy.model.rule import RuleError
from tag_policy.reporting.archive import Archive
from tag_policy.reporting.publish import (
    PublishError,
    is_kept,
    kept,
    log_the_end,
    opened_archive,
    publish,
)
from tag_policy.reporting.report import Report, Tally
from tag_policy.reporting.sns_message import Message
from tests.support.builders import NOW, mark, outcome, ref, report, settings
from tests.support.clock import SimulatedClock
from tests.support.small_aws import SmallAws, refusal

OF_EVENTS = {"trigger": Trigger.EVENTS, "scope": Scope.SOME}
ANNOUNCED = [
    outcome(Result.MARKED, resource=ref(f"i-{number:017x}"), mark=mark(NOW, NOW))
    for number in range(1_500)
]
"""More than one message has room for."""


class Bucket:
    """S3 that takes everything, or nothing."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.keys: list[str] = []

    def get_object(self, **_: Any) -> Any:
        raise refusal("NoSuchKey", 404)

    def put_object(self, **of: Any) -> None:
        if self.error is not None:
            raise self.error
        self.keys.append(of["Key"])


def keep(
    of: Report, bucket: Bucket, out_of_time: Callable[[], bool] = lambda: False
) -> tuple[Report, list[str]]:
    opened = Archive(lambda: cast("Any", bucket), "reports", "", out_of_time)
    try:
        return kept(of, opened), bucket.keys
    finally:
        opened.close()


def publishing(of: Report, aws: SmallAws) -> Any:
    paced = PacedCalls(SimulatedClock(NOW), lambda: False)
    return publish(of, settings(), aws.clients, paced)


# The topic


def test_a_run_that_has_nothing_to_say_bothers_nobody() -> None:
    aws = SmallAws()

    assert list(publishing(report(), aws)) == []
    assert aws.published == []


def test_each_message_is_handed_over_once_it_was_accepted_and_before_the_next_is_sent() -> None:
    """So that what it names is marked, whatever becomes of the next one."""
    aws = SmallAws()
    in_turn = publishing(report(outcomes=ANNOUNCED), aws)

    first: Message = next(in_turn)

    assert [one["Message"] for one in aws.published] == [first.body]
    assert len(list(in_turn)) == len(aws.published) - 1 > 0


def test_a_message_that_is_refused_in_the_middle_leaves_what_was_told_before_it_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = SmallAws(failing={"Publish": [None, refusal("AuthorizationError", 403)]})
    in_turn = publishing(report(outcomes=ANNOUNCED), aws)
    first: Message = next(in_turn)

    with pytest.raises(PublishError, match="could not be published to arn:aws:sns"):
        next(in_turn)

    assert [one["Message"] for one in aws.published] == [first.body]
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    whole: str = vars(line)["report"]
    assert all(one.finding.resource.resource_id in whole for one in ANNOUNCED)


def test_whatever_keeps_a_message_back_people_could_not_be_told_and_that_is_one_error() -> None:
    aws = SmallAws(failing={"Publish": [MemoryError("no room for a message")]})

    with pytest.raises(PublishError, match="no room for a message"):
        list(publishing(report(problems=["p"]), aws))


# The bucket


def test_without_a_bucket_there_is_no_archive_and_nobody_asks_for_the_time() -> None:
    def out_of_time() -> bool:
        raise AssertionError("nothing is kept")

    with opened_archive(settings(), SmallAws().clients, out_of_time) as opened:
        assert opened is None


def test_with_a_bucket_there_is_one_that_writes_into_it() -> None:
    how = settings(report_bucket="reports", report_prefix="tags/")

    with opened_archive(how, SmallAws().clients, lambda: False) as opened:
        assert opened is not None
        assert opened.bucket == "reports"
        assert "prefix=tags/pages/account%3D123456789012/" in opened.url(report())


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", {"ServerSideEncryption": "AES256"}),
        ("arn:key", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:key"}),
    ],
    ids=["by S3", "with a key"],
)
def test_each_object_says_how_it_is_encrypted(key: str, said: dict[str, str]) -> None:
    class Bucket:
        def __init__(self) -> None:
            self.put: list[dict[str, Any]] = []

        def put_object(self, **request: Any) -> None:
            self.put.append(request)

        def get_object(self, **_: Any) -> None:
            raise refusal("NoSuchKey")

    bucket, clients = Bucket(), SmallAws().clients
    clients.__dict__["s3"] = bucket
    how = settings(report_bucket="reports", report_kms_key_arn=key)

    with opened_archive(how, clients, lambda: False) as opened:
        assert opened is not None
        opened.keep(report())

    assert bucket.put
    assert all(said.items() <= request.items() for request in bucket.put)
    assert all(("SSEKMSKeyId" in request) == bool(key) for request in bucket.put)


@pytest.mark.parametrize(
    ("changes", "belongs"),
    [
        ({}, True),
        (OF_EVENTS, False),
        ({**OF_EVENTS, "outcomes": [outcome()]}, True),
        ({**OF_EVENTS, "problems": ["no time"]}, True),
        ({**OF_EVENTS, "rule_errors": [RuleError("7", "bad")]}, False),
        ({"trigger": Trigger.MANUAL, "scope": Scope.SOME}, False),
    ],
    ids=str,
)
def test_a_sweep_is_kept_in_any_case_and_any_other_run_where_it_has_something_to_say(
    changes: dict[str, Any], belongs: bool
) -> None:
    of = report(**changes)

    returned, keys = keep(of, Bucket())

    assert is_kept(of) is bool(keys) is belongs
    assert returned is of


def test_the_numbers_of_a_run_are_put_last_so_that_where_they_are_the_rest_is_too() -> None:
    _, keys = keep(report(), Bucket())

    assert keys[0].startswith("findings/")
    assert keys[-1].startswith("runs/")


@pytest.mark.parametrize(
    "error", [refusal("AccessDenied", 403), OSError("no space"), ZeroDivisionError()], ids=repr
)
def test_a_report_that_cannot_be_kept_fails_the_run_and_says_where_it_was_to_be(
    error: Exception,
) -> None:
    returned, _ = keep(report(problems=["p"]), Bucket(error))

    assert returned.failed
    assert returned.problems[0] == "p"
    assert returned.problems[1].startswith("the report could not be kept in the bucket reports: ")


def test_events_that_were_dealt_with_do_not_come_back_because_a_report_was_not_kept() -> None:
    of = report(**OF_EVENTS, outcomes=[outcome()])

    returned, _ = keep(of, Bucket(refusal("AccessDenied", 403)))

    assert not returned.failed
    assert not returned.complete, "but it is told"


def test_where_no_time_is_left_nothing_is_put_and_that_is_said() -> None:
    returned, keys = keep(report(), Bucket(), lambda: True)

    assert keys == []
    assert "there was no time left for it" in returned.problems[0]


# The log


def lines(of: Report, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    with caplog.at_level(logging.INFO, "tag_policy"):
        log_the_end(of)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_the_log_ends_with_all_that_is_wrong_and_then_the_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    of = report(rule_errors=[RuleError("7", "bad")], notes=["a note"], problems=["a", "b"])

    assert lines(of, caplog) == [
        ("ERROR", "rule 7: bad"),
        ("WARNING", "a note"),
        ("ERROR", "a"),
        ("ERROR", "b"),
        ("INFO", "summary"),
    ]
    assert vars(caplog.records[-1])["summary"]["rule_errors"] == 1


@pytest.mark.parametrize(("number", "of_vpcs"), [(0, 0), (1, 0), (2, 2)])
def test_vpcs_have_numbers_of_their_own_where_there_are_several(
    number: int, of_vpcs: int, caplog: pytest.LogCaptureFixture
) -> None:
    of = report(by_vpc={f"vpc-{n}": Tally(n, n, n, n) for n in range(number)})

    said = [line for _, line in lines(of, caplog)]

    assert said.count("summary of a VPC") == of_vpcs
    assert said.count("summary") == 1, "metric filters count it"


def test_what_is_wrong_may_hold_percent_signs(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(report(problems=["100 %s of %d"]), caplog)[0] == ("ERROR", "100 %s of %d")
