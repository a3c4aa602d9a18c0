"""The end of a run: its report into the bucket, the log and the topic."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from tag_policy.aws.clients import Clients
from tag_policy.aws.pace import PacedCalls
from tag_policy.model import TagPolicyError, Trigger
from tag_policy.reporting import sns as notify
from tag_policy.reporting.archive import Archive, archive
from tag_policy.reporting.message import whole_text
from tag_policy.reporting.report import Report, summaries_by_vpc, summary
from tag_policy.settings import Settings

log = logging.getLogger(__name__)


class RunError(TagPolicyError):
    """The run could not do what it was to do. What it did do is in the report and in the log."""


def opened_archive(
    settings: Settings, clients: Clients, out_of_time: Callable[[], bool]
) -> AbstractContextManager[Archive | None]:
    """Return the archive of a run, to be entered; it is None where no bucket is given.

    ``out_of_time`` is asked before each call: what comes after it needs time, too.
    """
    if not settings.report_bucket:
        return nullcontext()
    bucket, prefix = settings.report_bucket, settings.report_prefix
    return archive(lambda: clients.s3, bucket, prefix, out_of_time)


def kept(report: Report, archive: Archive) -> Report:
    """Keep a report in the bucket; return it with where it is, or with why it is not there.

    A sweep is kept even where it has nothing to say, so that the numbers of all of them are there.
    """
    if not (report.has_something_to_say or report.is_sweep):
        return report
    with_page = replace(report, page=archive.url(report))
    try:
        archive.keep(with_page)
    except Exception as error:
        # Whatever it is, people are told what was done.
        log.exception("the report could not be kept")
        problem = f"the report could not be kept in the bucket {archive.bucket}: {error}"
        # Events that were dealt with must not come back for that; the next sweep rings the alarm.
        return report.with_problem(problem, failed=report.trigger is not Trigger.EVENTS)
    return with_page


def log_the_end(report: Report) -> None:
    """Log what is wrong, and what metrics are made of (observability.tf)."""
    for rule_error in report.rule_errors:
        log.error("%s", rule_error)
    for problem in report.problems:
        log.error("%s", problem)
    if len(report.by_vpc) > 1:
        for of_vpc in summaries_by_vpc(report):
            log.info("summary of a VPC", extra={"vpc": of_vpc})
    log.info("summary", extra={"summary": summary(report)})


def tell(report: Report, settings: Settings, clients: Clients, paced: PacedCalls) -> None:
    """Publish the report, where it has something to say. Raises RunError where it cannot be.

    ``paced`` makes the call again where it is throttled, and leaves time to log the report.
    """
    if not report.has_something_to_say:
        return
    try:
        notify.publish(clients.sns, settings.topic_arn, report, paced)
    except Exception as error:
        log.error("the report could not be published", extra={"report": whole_text(report)})
        raise RunError(
            f"the report could not be published to {settings.topic_arn}: {error}"
        ) from error
