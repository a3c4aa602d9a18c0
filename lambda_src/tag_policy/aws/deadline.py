"""The time that Lambda gives a run, and when too little of it is left."""

from typing import Protocol


class Context(Protocol):
    """What the function uses of Lambda's context object.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str
    invoked_function_arn: str
    log_group_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""


class Deadline:
    """Tells when too little time is left to start another call, and remembers having said so."""

    def __init__(self, context: Context, reserved_seconds: float) -> None:
        self._context = context
        self._reserved_seconds = reserved_seconds
        self.passed = False

    def __call__(self) -> bool:
        """Tell whether it is too late for another call."""
        if seconds_left(self._context) < self._reserved_seconds:
            self.passed = True
        return self.passed


def seconds_left(context: Context) -> float:
    """Return the seconds until Lambda ends this invocation."""
    return context.get_remaining_time_in_millis() / 1000
