"""The end of a run: its report to the topic, into the log and into the bucket.

What another way to be told touches: a pure module here that makes its form, as reporting/email.py
does; reporting/sns_message.py, where it is one more body of the same message; settings.py, main.tf,
iam.tf and variables.tf, where it goes elsewhere.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from tag_policy.aws.clients import Clients
from tag_policy.aws.pace import PacedCalls
from tag_policy.model.assignment import Trigger
from tag_policy.model.error import TagPolicyError
from tag_policy.reporting import sns
from tag_policy.reporting.archive import Archive, archive
from tag_policy.reporting.report import Report, summaries_by_vpc, summary
from tag_policy.reporting.sns_message import Message, messages, whole_text
from tag_policy.settings import Settings

log = logging.getLogger(__name__)


class RunError(TagPolicyError):
    """The run could not do what it was to do. What it did do is in the report and in the log."""


class PublishError(TagPolicyError):
    """People could not be told of everything."""


def opened_archive(
    settings: Settings, clients: Clients, out_of_time: Callable[[], bool]
) -> AbstractContextManager[Archive | None]:
    """Return the archive of a run, to be entered; it is None where no bucket is given.

    ``out_of_time`` is asked before each call.
    """
    if not settings.report_bucket:
        return nullcontext()
    bucket, prefix = settings.report_bucket, settings.report_prefix
    key = settings.report_kms_key_arn
    return archive(lambda: clients.s3, bucket, prefix, out_of_time, key)


def is_kept(report: Report) -> bool:
    """Tell whether a report belongs into the bucket.

    A sweep does even where it has nothing to say, so that the numbers of all of them are there.
    """
    return report.has_something_to_say or report.is_sweep


def kept(report: Report, archive: Archive) -> Report:
    """Keep a report in the bucket; return it, with why it is not there where that failed.

    People have been told by then, so that the link in the message may lead nowhere; the log says
    why, and the run fails.
    """
    if not is_kept(report):
        return report
    try:
        archive.keep(report)
    except Exception as error:
        log.exception("the report could not be kept")
        problem = f"the report could not be kept in the bucket {archive.bucket}: {error}"
        # Events that were dealt with must not come back for that; the next sweep rings the alarm.
        return report.with_problem(problem, failed=report.trigger is not Trigger.EVENTS)
    return report


def log_the_end(report: Report) -> None:
    """Log what is wrong, and what metrics are made of (metrics.tf)."""
    for rule_error in report.rule_errors:
        log.error("%s", rule_error)
    for note in report.notes:
        log.warning("%s", note)
    for problem in report.problems:
        log.error("%s", problem)
    if len(report.by_vpc) > 1:
        for of_vpc in summaries_by_vpc(report):
            log.info("summary of a VPC", extra={"vpc": of_vpc})
    log.info("summary", extra={"summary": summary(report)})


def publish(
    report: Report, settings: Settings, clients: Clients, paced: PacedCalls
) -> Iterator[Message]:
    """Publish the report, where it has something to say, in as many messages as it needs.

    ``paced`` makes the calls, and makes those again that are throttled; it leaves time to log the
    report. Yields each message after SNS has accepted it.
    Raises PublishError where one is not accepted; the log has the report then.
    """
    if not report.has_something_to_say:
        return
    for message in messages(report):
        try:
            sns.publish(clients.sns, settings.topic_arn, message, paced)
        except Exception as error:
            log.error("the report could not be published", extra={"report": whole_text(report)})
            raise PublishError(
                f"the report could not be published to {settings.topic_arn}: {error}"
            ) from error
        yield message
