"""Chromium without a window for the tests of pages. Debian: apt-get install chromium; see .ci/run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Root has no sandbox to give it; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page with all that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def dismissed(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]


@contextmanager
def opened(browser: Browser, path: Path, **how: Any) -> Iterator[Tab]:
    """The page at `path`, drawn. At the end it must have complained of nothing and asked for nothing but itself."""
    with browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **how}) as context:
        context.set_default_timeout(10_000)
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: tab.said.append(message.text))
        tab.page.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.page.on("dialog", tab.dismissed)
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.goto(path.as_uri())
        tab.page.wait_for_selector("html[data-ready]")
        yield tab
        assert tab.said == []
        assert tab.asked == [path.as_uri()]
