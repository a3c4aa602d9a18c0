"""What a line of the log may hold."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given

from tag_policy.model.text import LINE_LIMIT
from tag_policy.reporting.log import CleanRecord
from tests.support.strangers import evil


@contextmanager
def records_of_the_function() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(CleanRecord)
    yield
    logging.setLogRecordFactory(before)


@given(evil)
def test_a_line_of_the_log_is_one_line_whatever_it_quotes(text: str) -> None:
    with records_of_the_function():
        log = logging.getLogger("tag_policy.test")
        record = log.makeRecord(log.name, 40, "", 0, "message %s is bad", (text,), None)

    said = record.getMessage()
    assert said.isprintable()
    assert len(said) <= LINE_LIMIT
    assert said.startswith("message ")
