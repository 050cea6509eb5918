"""The report keeps to itself: hostile text does nothing, and nothing goes in or out."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error

from tests.analysis.browser import needs_chromium, opened
from tests.analysis.made_runs import write_run
from tests.analysis.report_pages import RECORDS, choose
from tts_bench.present.report.page import page as whole
from tts_bench.present.report.payload import build

pytestmark = needs_chromium


def test_hostile_text_is_shown_as_text_and_does_nothing(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["hostile"]) as tab:
        for place in range(tab.count("#list button")):
            choose(tab, place)
            tab.page.eval_on_selector_all("details", "nodes => nodes.forEach(node => { node.open = true; })")
            assert tab.count("main script, main img, main style, main a, main iframe") == 0
        choose(tab, 0)
        pre = tab.texts(".segment.answer pre")[0]
        assert "<img src=x onerror=alert(2)><svg onload=alert(3)>" in pre
        assert "&lt;b&gt;" in pre
        assert r"\u202egnp.exe\u2066\u0000\u001b[31m\u0085\u200b" in pre
        whole = tab.page.evaluate("document.body.textContent + document.body.getHTML()")
        assert not set(whole) & set("\u202e\u2066\x00\x1b\x85\u200b")
        handlers = "nodes => nodes.flatMap(n => [...n.attributes]).filter(a => a.name.startsWith('on')).length"
        assert tab.page.eval_on_selector_all("main *", handlers) == 0
        assert tab.page.evaluate("document.body.scrollWidth") <= 1280


def test_the_policy_lets_nothing_out_and_no_other_script_run(browser: Browser, reports: dict[str, Path]) -> None:
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"
    page = browser.new_page()
    try:
        page.goto(reports["plain"].as_uri())
        page.wait_for_selector("html[data-ready]")
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate(f"fetch('{place}/fetch')")
        page.evaluate(
            "place => { const host = document.createElement('div');"
            "host.innerHTML = `<img src=${place}/image onerror='window.ran = 1'><iframe src=${place}/frame></iframe>`;"
            "document.body.append(host); const script = document.createElement('script');"
            "script.textContent = 'window.ran = 2'; document.body.append(script); new Image().src = `${place}/late`; }",
            place,
        )
        page.wait_for_timeout(300)
        assert page.evaluate("window.ran") is None
        assert asked == []
    finally:
        page.close()
        server.shutdown()


def test_a_page_that_reloads_itself_is_let_by_its_policy_and_shows_what_was_written_since(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "r.html"
    path.write_text(whole(build([write_run(tmp_path / "few", RECORDS[:6])]), reload=1))
    later = whole(build([write_run(tmp_path / "all", RECORDS)]))
    page, said = browser.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    try:
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        before = page.locator("#list button").count()
        path.write_text(later)
        page.locator("#list button").nth(before).wait_for(state="attached", timeout=20_000)
        assert said == []
    finally:
        page.close()
