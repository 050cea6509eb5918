"""Runs whose report is looked at in a browser: plain ones, and one in which every text is hostile."""

from __future__ import annotations

from dataclasses import replace

from tests.analysis.browser import Tab
from tests.analysis.made_runs import solved
from tts_bench.analysis.points import points
from tts_bench.records import ErrorRecord, Record

RECORDS = solved()


POINTS = points(RECORDS, metrics={"sums": "strict"})


LONG = "x" * 4000


HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>"
    "<a href='javascript:alert(4)'>\u202egnp.exe\u2066\x00\x1b[31m\x85\u200b<style>*{display:none}</style>"
    "<!-- --><script src='http://127.0.0.1/x.js'></script>${alert(5)}{{7*7}}&lt;b&gt;" + LONG
)


HOSTILE_NAME = "budget-forcing:cue=</script><img src=x onerror=alert(6)>\u202e" + LONG[:200]


def hostile(record: Record) -> Record:
    if record.error:
        return replace(record, strategy=HOSTILE_NAME, task=HOSTILE[:80], error=ErrorRecord("raised", HOSTILE))
    segments = tuple(replace(part, text=f"{part.text} {HOSTILE}", extracted=HOSTILE) for part in record.segments)
    answers = tuple(replace(answer, text=HOSTILE, extracted=HOSTILE) for answer in record.answers)
    return replace(record, strategy=HOSTILE_NAME, task=HOSTILE[:80], segments=segments, answers=answers)


def choose(tab: Tab, place: int) -> None:
    tab.page.locator("#list button").nth(place).click()
    tab.page.wait_for_selector(".segment, #trace .notice")
