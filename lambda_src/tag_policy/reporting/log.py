"""What a line of the log may hold."""

import logging

from tag_policy.model.text import LINE_LIMIT, clean


class CleanRecord(logging.LogRecord):
    """A record whose message is one line, whatever it quotes.

    It is made for every line, by ``logging.setLogRecordFactory``, so that no call has to think of
    it. Fields beside the message are JSON, which ``as_record`` and ``summary`` make.
    https://docs.python.org/3/library/logging.html#logging.setLogRecordFactory
    """

    def getMessage(self) -> str:  # noqa: N802 (overrides logging's)
        """Return the message, cleaned and cut."""
        return clean(super().getMessage(), LINE_LIMIT)
