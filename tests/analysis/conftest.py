"""Reports of runs, and the browser that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.analysis.browser import Tab, chromium, opened
from tests.analysis.made_runs import write_run, write_samples
from tests.analysis.report_pages import HOSTILE, RECORDS, hostile
from tts_bench.cli import main as root


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    plain = write_run(folder / "plain", RECORDS)
    other = write_run(folder / "other", [record for record in RECORDS if not record.error], seed=1)
    identity = {"strategies": list(dict.fromkeys(record.strategy for record in RECORDS)), "data": {"sums": "cd" * 32}}
    seeded = write_run(folder / "seeded", RECORDS, identity={**identity, "seed": 1})
    votes = [record for record in RECORDS if record.strategy.startswith("majority")]
    write_samples(plain, "sums", {record.doc_id: "no <b>7</b>" for record in RECORDS})
    facts = {"metrics": {HOSTILE[:80]: "strict"}, "command": HOSTILE, "model": {"name": HOSTILE, "notes": [HOSTILE]}}
    bad = write_run(folder / "</title><script>alert(7)".replace("/", "\u2215"), map(hostile, votes), **facts)
    made = {
        "plain": (plain,),
        "two": (plain, other),
        "seeds": (plain, seeded),
        "hostile": (bad,),
        "few": (plain, "--texts", "errors"),
    }
    for name, arguments in made.items():
        assert root._run(["report", *map(str, arguments), "--out", str(folder / f"{name}.html")]) == 0
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(scope="module")
def browser(reports: dict[str, Path]) -> Iterator[Browser]:  # after the runs: they need asyncio, which it occupies
    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Browser, reports: dict[str, Path]) -> Iterator[Tab]:
    with opened(browser, reports["plain"]) as tab:
        yield tab
