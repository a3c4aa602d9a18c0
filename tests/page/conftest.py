"""The page of a report in a real browser: Chromium, without a screen."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tag_policy.model.outcome import Outcome
from tag_policy.reporting import page
from tag_policy.reporting.archive import MOST_ON_A_PAGE
from tag_policy.reporting.sns_message import as_record
from tests.support.builders import report

BINARIES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",  # it does not start as root otherwise
    "--disable-gpu",
    "--disable-background-networking",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as it is installed on this machine."""
    found = next(filter(None, map(shutil.which, BINARIES)), None)
    assert found, f"none of {', '.join(BINARIES)} is on PATH; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        yield chromium
        chromium.close()


@dataclass
class Seen:
    """A page that is open, and what went wrong in it: errors, requests, dialogs."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def rows(self) -> list[str]:
        """Return the text of each row of the findings that is shown."""
        return [row.inner_text() for row in self.page.locator("#findings tbody tr").all()]

    def column(self, number: int) -> list[str]:
        """Return the text of a column of the findings, counted from 1."""
        cells = self.page.locator(f"#findings tbody td:nth-child({number})")
        return cells.all_inner_texts()

    def text(self, selector: str) -> str:
        """Return the text of an element as it is shown."""
        return self.page.locator(selector).inner_text()


OpenPage = Callable[..., Seen]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Open the page of a report; at the end nothing may have gone wrong in any of them."""
    opened: list[Seen] = []

    def open_one(
        outcomes: Sequence[Outcome] = (),
        history: Sequence[Mapping[str, Any]] = (),
        *,
        width: int = 1280,
        scheme: Any = "light",
        **changes: Any,
    ) -> Seen:
        lines = [json.dumps(as_record(o), ensure_ascii=False) for o in outcomes[:MOST_ON_A_PAGE]]
        file = tmp_path / f"{len(opened)}.html"
        file.write_text(page.render(report(outcomes=outcomes, **changes), history, lines))
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        seen = Seen(context.new_page())
        seen.page.on("pageerror", lambda error: seen.wrong.append(str(error)))
        seen.page.on("console", lambda message: seen.wrong.append(message.text))
        seen.page.on("dialog", lambda dialog: (seen.wrong.append("dialog"), dialog.dismiss()))
        seen.page.on("request", lambda request: _note(seen, request.url, file.as_uri()))
        seen.page.goto(file.as_uri())
        opened.append(seen)
        return seen

    yield open_one
    for seen in opened:
        assert seen.wrong == []


def _note(seen: Seen, url: str, own: str) -> None:
    if url != own:
        seen.wrong.append(f"a request of {url}")
