"""What the tests of rules share."""

import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def _function_in_japan(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
