"""The report in a real Chromium: what it shows, and how it is worked with."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.analysis.browser import Tab, needs_chromium, opened
from tests.analysis.report_pages import POINTS, RECORDS, choose
from tts_bench.analysis.compare import compare
from tts_bench.analysis.compute import AXES
from tts_bench.analysis.front import front
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import curve_of, series_of
from tts_bench.measures import Shown, columns
from tts_bench.present.front import rows
from tts_bench.present.words import reading, sentences
from tts_bench.records import Record

pytestmark = needs_chromium


def percent(share: float | None) -> str:
    assert share is not None
    return f"{100 * share:.1f}"


def places(tab: Tab) -> list[float]:
    found = tab.page.eval_on_selector_all(".point .halo", "nodes => nodes.map(node => +node.getAttribute('cx'))")
    return list(map(float, found))


def test_a_hovered_point_tells_its_numbers(tab: Tab) -> None:
    scored = [point for point in POINTS if point.n]
    assert tab.count(".point") == len(scored)
    for index, point in enumerate(scored):
        tab.page.locator(".point .halo").nth(index).hover(force=True)
        told = " ".join(tab.texts(".tip"))
        assert f"rung {point.rung}" in told
        assert f"{percent(point.accuracy)}%" in told
        assert f"{percent(point.low)} to {percent(point.high)}%" in told
    tab.page.mouse.move(2, 2)
    assert tab.page.locator(".tip").is_hidden()


@pytest.mark.parametrize("log", [True, False])
def test_points_stand_where_their_compute_says_on_every_axis(tab: Tab, log: bool) -> None:
    tab.page.get_by_label("log2 scale").set_checked(log)
    for axis in AXES.values():
        tab.page.get_by_label("Compute", exact=True).select_option(axis.name)
        assert tab.texts(".axis-title") == [axis.label + (", log2" if log else "")]
        values = [axis.of(point) for point in POINTS if point.n]
        scaled = [math.log2(value) if log else value for value in values]
        low, high, at = scaled.index(min(scaled)), scaled.index(max(scaled)), places(tab)
        for value, x in zip(scaled, at, strict=True):
            share = (value - scaled[low]) / ((scaled[high] - scaled[low]) or 1)
            assert x - at[low] == pytest.approx(share * (at[high] - at[low]), abs=1e-6)


def test_a_line_can_be_taken_off_the_chart_and_put_back(tab: Tab) -> None:
    shown = tab.count(".point")
    button = tab.page.locator("#legend button").first
    button.click()
    assert tab.count(".point") < shown
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert tab.count(".point") == shown


def column(tab: Tab, name: str) -> list[str]:
    heads = [head.strip() for head in tab.texts("#table th")]
    return tab.texts(f"#table tbody td:nth-child({heads.index(name) + 1})")


@pytest.mark.parametrize("name", ["Accuracy", "lenient", "Tokens", "Truncated"])
def test_a_press_on_a_heading_sorts_by_numbers_and_another_turns_the_order(tab: Tab, name: str) -> None:
    def number(text: str) -> float:
        return float(text.replace(",", "").rstrip("%"))

    button = tab.page.locator("#table th button", has_text=name)
    unsorted = Counter(column(tab, name))
    for order, reverse in (("descending", True), ("ascending", False)):
        button.click()
        found = [number(text) for text in column(tab, name)]
        assert found == sorted(found, reverse=reverse)
        assert len(set(found)) > 1
        assert tab.count(f"#table th[aria-sort={order}]") == 1
    assert Counter(column(tab, name)) == unsorted


def test_the_table_holds_every_point(tab: Tab) -> None:
    assert column(tab, "Accuracy") == [f"{percent(point.accuracy)}%" for point in POINTS]
    assert column(tab, "Rung") == [point.rung for point in POINTS]
    assert column(tab, "Tokens") == [f"{point.generated:,.0f}" for point in POINTS]


def test_table_and_tips_have_every_measure_that_pages_show_and_headings_say_what_it_is(tab: Tab) -> None:
    titles = {
        head.inner_text().strip(): head.get_attribute("title") for head in tab.page.locator("#table th button").all()
    }
    tip_of = tab.page.locator(".point .halo")
    tip_of.last.hover(force=True)
    told = dict(zip(tab.texts(".tip dt"), tab.texts(".tip dd"), strict=True))
    last = [point for point in POINTS if point.n][-1]
    for row in columns(Shown.PAGES):
        heading = row.label[0].upper() + row.label[1:]
        assert titles[heading] == row.legend
        if row.unit == "tokens":
            marked = " !" if row.beside and last.spent > 1.5 * last.generated else ""
            assert told[heading] == f"{row.of(last):,.0f}{marked}"
            shown = [f"{row.of(point):,.0f}" if row.of(point) is not None and point.n else "\u2013" for point in POINTS]
            assert [text.removesuffix(" !") for text in column(tab, heading)] == shown
    assert len({column(tab, name)[-1] for name in ("Tokens", "Median", "P90")}) > 1


def rights(record: Record) -> list[bool]:
    return [answer.scores["strict"] == 1 for answer in record.answers]


TRAITS: dict[str, Callable[[Record], bool]] = {
    "Right": lambda record: not record.error and rights(record)[-1],
    "Wrong": lambda record: not record.error and not rights(record)[-1],
    "Flipped": lambda record: len(set(rights(record))) > 1,
    "Truncated": lambda record: any(answer.truncated for answer in record.answers),
    "No answer": lambda record: not record.error and record.answers[-1].extracted is None,
    "Errors": lambda record: record.error is not None,
}


@pytest.mark.parametrize("chips", [*((name,) for name in TRAITS), ("Right", "Flipped"), ("Wrong", "Truncated")])
def test_filters_find_what_the_records_say(tab: Tab, chips: tuple[str, ...]) -> None:
    for chip in chips:
        tab.page.locator("#filters").get_by_role("button", name=chip, exact=True).click()
    wanted = [record for record in RECORDS if all(TRAITS[chip](record) for chip in chips)]
    assert tab.texts("#found") == [f"{len(wanted)} trace{'' if len(wanted) == 1 else 's'} of {len(RECORDS)}"]
    assert [text.split(" ")[0] for text in tab.texts("#list bdi:first-child") if "/" in text] == [
        record.problem for record in wanted[:20]
    ]


def test_right_and_wrong_take_each_others_place_and_a_strategy_narrows_the_list(tab: Tab) -> None:
    filters = tab.page.locator("#filters")
    filters.get_by_role("button", name="Right").click()
    filters.get_by_role("button", name="Wrong").click()
    assert filters.get_by_role("button", name="Right").get_attribute("aria-pressed") == "false"
    filters.get_by_role("button", name="Wrong").click()
    filters.get_by_label("Strategy").select_option("2")
    assert tab.texts("#found") == [f"10 traces of {len(RECORDS)}"]
    filters.get_by_label("Problem number").fill("3")
    assert tab.texts("#found") == [f"1 trace of {len(RECORDS)}"]


def test_a_trace_shows_the_segments_of_each_rung_and_what_they_cost(tab: Tab) -> None:
    tab.page.get_by_label("Problem number").fill("4")
    for place, record in enumerate(record for record in RECORDS if record.doc_id == 4):
        choose(tab, place)
        for rung, answer in enumerate(record.answers):
            tab.page.locator(".rungs button").nth(rung).click()
            assert tab.texts(".segment pre") == [record.segments[at].text.strip() for at in answer.segments]
            kinds = tab.page.eval_on_selector_all(".segment", "nodes => nodes.map(node => node.classList[1])")
            assert kinds == [record.segments[at].kind for at in answer.segments]
            told = " ".join(tab.texts(".keys span"))
            spent = f"{answer.cost.generated} tokens billed of {record.spent.generated:,} made for this problem"
            assert f"{spent}, {answer.cost.sequential} one after the other" in told
            assert f"Thinking {answer.cost.thinking}" in told


def test_the_overview_says_what_compare_says(tab: Tab, reports: dict[str, Path]) -> None:
    series, _ = series_of([read_run(reports["plain"].parent / "plain")])
    comparison = compare(series)
    assert tab.page.locator("#verdicts li").all_inner_texts() == sentences(comparison)
    assert tab.page.locator("#verdicts p").inner_text() == reading(comparison)


def test_the_front_is_that_of_compare(tab: Tab, reports: dict[str, Path]) -> None:
    series, _ = series_of([read_run(reports["plain"].parent / "plain")])
    budgets = front(series)
    shown = [row.locator("td").all_inner_texts() for row in tab.page.locator("#front tbody tr").all()]
    assert shown == [[budget.task, *cells] for budget, cells in zip(budgets, rows(budgets), strict=True)]
    assert len(shown) > 2
    tab.page.locator("#front th button").nth(3).click()
    accuracies = [
        float(row.locator("td").nth(3).inner_text().split()[0]) for row in tab.page.locator("#front tbody tr").all()
    ]
    assert accuracies == sorted(accuracies, reverse=True)


def test_a_trace_shows_the_right_answer_as_text_where_the_task_gives_one(
    tab: Tab, browser: Browser, reports: dict[str, Path]
) -> None:
    choose(tab, 0)
    assert "Right answer no <b>7</b>" in " ".join(tab.page.locator("#trace .verdict").inner_text().split())
    with opened(browser, reports["hostile"]) as other:
        choose(other, 0)
        assert "Right answer" not in other.page.locator("#trace").inner_text()
        assert "Nothing is compared here: there is one strategy only" in other.page.locator("#verdicts").inner_text()


def test_a_vote_shows_its_ballots(tab: Tab) -> None:
    tab.page.get_by_label("Strategy", exact=True).select_option("2")
    votes = [record for record in RECORDS if record.strategy.startswith("majority") and not record.error]
    for place, record in enumerate(votes):
        choose(tab, place)
        ballots = Counter(record.segments[at].extracted for at in record.answers[-1].segments)
        del ballots[None]  # segments that are no answers; each answer of this script can be read
        rows = [row.split("\t") for row in tab.page.locator(".ballots tbody tr").all_inner_texts()]
        assert {said: int(votes) for said, votes, _ in rows} == ballots
        assert [said for said, _, outcome in rows if outcome == "chosen"] == [record.answers[-1].extracted]


def test_an_error_says_what_went_wrong(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Errors", exact=True).click()
    choose(tab, 0)
    assert "ValueError: no (mine.py:3)" in " ".join(tab.texts("#trace .notice"))


def test_two_runs_stand_side_by_side(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["two"]) as tab:
        assert len({name.partition(":")[0] for name in tab.texts("#legend button")}) == 2
        tab.page.get_by_label("Run", exact=True).select_option("1")
        assert tab.texts("#found") == ["29 traces of 59"]
        assert tab.count(".run") == 2


def test_seeds_taken_together_have_the_table_that_compare_prints(browser: Browser, reports: dict[str, Path]) -> None:
    series, _ = series_of([read_run(reports["seeds"].parent / name) for name in ("plain", "seeded")])
    curve = curve_of(series)
    with opened(browser, reports["seeds"]) as tab:
        rows = [
            row.all_inner_texts() for row in (r.locator("td") for r in tab.page.locator("#verdicts tbody tr").all())
        ]
        assert [row[1:3] for row in rows] == [[point.strategy, point.rung] for point in curve]
        assert [row[3] for row in rows] == [f"{percent(point.accuracy)}%" for point in curve]
        heads = tab.texts("#verdicts th")
        assert {row[heads.index("Seeds")] for row in rows} == {"2"}
        assert [row[heads.index("Of all")] for row in rows] == [
            f"{100 * (point.overall or 0.0):.1f}%" if point.errors else "\u2013" for point in curve
        ]
        assert {row[heads.index("Between seeds")] for row in rows} == {"0.0 points"}  # the same records twice


def test_what_was_left_out_is_said_on_the_page_and_at_the_trace(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["few"]) as tab:
        assert any("texts of 1 of 10 problems" in text for text in tab.texts("#notes p"))
        choose(tab, 0)
        assert "not in this file" in " ".join(tab.texts("#trace .notice"))
        assert tab.count(".rungs button") == 3


def focused(tab: Tab) -> str:
    return str(
        tab.page.evaluate(
            "(() => { const at = document.activeElement;"
            "return at.closest('#chart') ? 'chart' : at.closest('section')?.id + ' ' + at.localName; })()"
        )
    )


def test_everything_is_reached_and_worked_with_the_keyboard_alone(tab: Tab) -> None:
    keys = tab.page.keyboard
    keys.press("Tab")
    assert tab.page.evaluate("document.activeElement.className") == "skip"
    reached = []
    for _ in range(150):
        keys.press("Tab")
        reached.append(focused(tab))
        if reached[-1] == "chart":
            first = tab.texts(".tip strong")
            keys.press("ArrowRight")
            second = tab.texts(".tip strong")
            keys.press("ArrowDown")
            assert len({*first, *second, *tab.texts(".tip strong")}) == 3
        if reached[-1] == "traces button" and tab.page.evaluate("document.activeElement.closest('#list') !== null"):
            break
    assert {"overview button", "curves select", "curves input", "curves button", "chart"} <= set(reached)
    assert {"results button", "traces select", "traces input", "traces button"} <= set(reached)
    assert reached.count("chart") == 1  # one stop, however many points
    keys.press("ArrowDown")
    keys.press("Enter")
    tab.page.wait_for_selector(".segment")
    assert tab.page.locator("#list button").nth(1).get_attribute("aria-current") == "true"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.page.evaluate(outline) == "solid"


@pytest.mark.parametrize("width", [320, 768, 1024])
@pytest.mark.parametrize("name", ["two", "hostile"])
def test_no_width_scrolls_sideways(browser: Browser, reports: dict[str, Path], width: int, name: str) -> None:
    with opened(browser, reports[name], viewport={"width": width, "height": 700}) as tab:
        choose(tab, 2)
        tab.page.eval_on_selector_all("details", "nodes => nodes.forEach(node => { node.open = true; })")
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


CONTRASTS = (Path(__file__).parent / "contrast.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out_in_light_and_dark(browser: Browser, reports: dict[str, Path], scheme: str) -> None:
    with opened(browser, reports["two"], color_scheme=scheme) as tab:
        assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(246, 247, 249)" if scheme == "light" else "rgb(18, 22, 28)"
        )
        choose(tab, 1)
        tab.page.eval_on_selector_all("details", "nodes => nodes.forEach(node => { node.open = true; })")
        tab.page.locator(".point .halo").first.hover(force=True)
        found = tab.page.evaluate(CONTRASTS)
        assert len(found) > 300
        assert [entry for entry in found if entry["ratio"] < entry["least"]] == []


def test_the_run_header_is_there_whole(tab: Tab, reports: dict[str, Path]) -> None:
    header = json.loads((reports["plain"].parent / "plain" / "run.json").read_text())
    assert json.loads(tab.texts(".run pre")[0]) == header
