"""Clocks for tests: nobody waits."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """A clock on which sleep takes no time: what was to be slept has passed at once.

    It stands still otherwise at the time that it is given, or else goes with the machine's, for
    tests whose instances moto launches at the time of the machine.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start
        self.slept = timedelta()
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """Return the time."""
        return (self._start or datetime.now(UTC)) + self.slept

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept += timedelta(seconds=seconds)
        self.on_sleep()


class SharedTime:
    """One time for several threads, each with a clock of its own.

    It passes when all of them sleep, and then to the moment at which the first is to wake. Every
    thread must say when it is done (``leave``).
    """

    def __init__(self, start: datetime, threads: int) -> None:
        self._now = start
        self._running = threads
        self._sleeping: list[datetime] = []
        self._changed = threading.Condition()

    def now(self) -> datetime:
        """Return the time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Wait for the time to pass."""
        with self._changed:
            until = self._now + timedelta(seconds=seconds)
            self._sleeping.append(until)
            self._running -= 1
            self._let_time_pass()
            self._changed.wait_for(lambda: self._now >= until)

    def leave(self) -> None:
        """Take no further part in this time."""
        with self._changed:
            self._running -= 1
            self._let_time_pass()

    def _let_time_pass(self) -> None:
        if self._running or not self._sleeping:
            return
        self._now = min(self._sleeping)
        awake = [until for until in self._sleeping if until <= self._now]
        self._running = len(awake)
        self._sleeping = [until for until in self._sleeping if until > self._now]
        self._changed.notify_all()
