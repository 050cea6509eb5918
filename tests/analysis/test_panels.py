"""The picture of many strategies: everyone has a name and a place, and the front is what nothing cheaper beats."""

from __future__ import annotations

import io
import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from rich.console import Console

from tts_bench import presets
from tts_bench.analysis.curve import Point, wilson
from tts_bench.analysis.names import told_apart
from tts_bench.present import terminal
from tts_bench.present.look import PLAIN, Look
from tts_bench.present.panels import CROWD, OTHERS, Lines, by_group, front, spread
from tts_bench.present.plot import draw


def point(name: str, tokens: float, accuracy: float, index: int = 0) -> Point:
    low, high = wilson(accuracy, 300)
    values = {"generated": tokens, "generated_median": tokens, "generated_p90": tokens}
    return Point("sums", name, str(index), index, 300, 0, "exact", accuracy, low, high, accuracy, {}, values)


def crowd(names: list[str]) -> list[Point]:
    drawn = random.Random(1)
    return [point(name, drawn.uniform(20, 900), drawn.uniform(0.2, 0.9)) for name in names]


MANY = [*presets.groups()[presets.SHELF], *(f"./mine.py:Mine{place}" for place in range(CROWD))]


def test_of_a_crowd_each_group_has_a_panel_and_each_strategy_a_name_within_the_picture() -> None:
    figure = draw(crowd(MANY), Look("pocket"))
    groups = by_group({name: [] for name in MANY})
    assert [axes.get_title("left") for axes in figure.axes] == [group for group in groups if group != presets.CONTROLS]
    named = [text.get_text() for axes in figure.axes for text in axes.texts]
    controls = set(groups[presets.CONTROLS])
    assert sorted(named) == sorted(set(MANY) - controls)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for axes in figure.axes for text in axes.texts]  # without their leaders
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(box.overlaps(other) for place, box in enumerate(boxes) for other in boxes[:place])
    assert controls <= {text.get_text() for text in figure.legends[0].get_texts()}


def test_strategies_that_differ_in_an_option_have_the_names_that_tell_them_apart() -> None:
    cues = [f"budget-forcing:extensions=2,cue={cue}" for cue in ("Wait", "Hmm", "Next")]
    long = "./mine.py:BeginsAndGoesOnAndOnAndOnUntilItEnds"
    figure = draw(crowd([*cues, long, *(f"./mine.py:Mine{place}" for place in range(CROWD))]), Look("pocket"))
    named = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"budget-forcing:cue=Wait", "budget-forcing:cue=Hmm", "budget-forcing:cue=Next"} < named
    assert "./mine.py:Begin...AndOnUntilItEnds" in named


@given(st.lists(st.sampled_from(["a", "a:n=1", "a:n=1,k=2", "a:k=2", "a:k=2,n=3", "b:n=1", "b:n=1,k=2"]), unique=True))
def test_names_stay_as_different_as_they_were(labels: list[str]) -> None:
    found = told_apart(labels)
    assert len(set(found.values())) == len(labels)
    assert list(found) == labels


def test_a_comma_within_a_value_does_not_divide_it() -> None:
    labels = [r"a:cue=So\, wait,n=1", r"a:cue=So\, next,n=1"]
    assert list(told_apart(labels).values()) == [r"a:cue=So\, wait", r"a:cue=So\, next"]


def test_what_no_group_has_stands_among_the_others() -> None:
    lines: Lines = {"./x.py:Mine:n=2": [], "budget-forcing:extensions=2": [], "majority-vote": []}
    found = by_group(lines)
    assert list(found) == [presets.CONTROLS, "lengthen", OTHERS]
    assert list(found[OTHERS]) == ["./x.py:Mine:n=2"]


points = st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 1)), min_size=1, max_size=30)


@given(points)
def test_the_front_is_what_nothing_as_cheap_or_cheaper_beats_or_equals(drawn: list[tuple[float, float]]) -> None:
    everything = [point(str(place), tokens, accuracy) for place, (tokens, accuracy) in enumerate(drawn)]
    found = {(each.generated, each.accuracy) for each in front(everything, PLAIN.place)}
    best = {
        (cost, score)
        for cost, score in drawn
        if not any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in drawn) and score >= 0
    }
    assert found == best


@given(st.dictionaries(st.text("abcdef", min_size=1), st.floats(0, 1), min_size=1, max_size=11))
def test_names_are_apart_in_the_order_of_their_lines_and_within_the_panel(heights: dict[str, float]) -> None:
    places = spread(heights, 0.085)
    assert places.keys() == heights.keys()
    ordered = sorted(places.values())
    assert all(high - low >= 0.085 - 1e-9 for low, high in pairwise(ordered))
    assert ordered[0] >= -1e-9
    assert ordered[-1] <= 1 + 1e-9
    by_place, by_height = (
        sorted(places, key=places.__getitem__),
        sorted(heights, key=lambda name: (heights[name], name)),
    )
    assert by_place == by_height


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 10).map(lambda tenth: tenth / 10), min_size=1))
def test_names_that_do_not_touch_stay_where_their_lines_end(heights: dict[str, float]) -> None:
    if len(set(heights.values())) == len(heights):
        assert spread(heights, 0.085) == heights


def test_a_terminal_shows_of_a_crowd_one_rung_each_and_draws_controls_and_leaders() -> None:
    curve = [*crowd(MANY), *(point("majority-vote", 100.0 * place, 0.5, place) for place in range(1, 9))]
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    terminal.show(curve, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    table, _, drawing = said.partition("100%") if "100%" in said else said.partition("mean generated")
    assert all(table.count(f" {name} ") <= 1 for name in MANY)
    assert "Only the last rung of each strategy is shown" in drawing
    assert "curve.png has a panel for each group" in drawing
