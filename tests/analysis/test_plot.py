import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pytest

import tts_bench as tb
from tests.analysis.made_up import answer, made_up, record
from tests.analysis.run_folders import write_run
from tts_bench.analysis.compute import axis_of
from tts_bench.analysis.curve import Point
from tts_bench.analysis.points import points
from tts_bench.cli.main import _run
from tts_bench.present.axis import token_axis
from tts_bench.present.look import Look
from tts_bench.present.plot import draw, write_plots
from tts_bench.records import ErrorRecord

METRICS = dict.fromkeys(("gsm8k", "math500", "aime24", "$x_1$ & <b>"), "exact_match")


def test_the_same_points_give_the_same_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    curve = points(made_up(("gsm8k", "math500"), n=20), metrics=METRICS)
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": None}):
        write_plots(curve, tmp_path / "a.png", tmp_path / "a.svg", title="smollm2")
    write_plots(curve, tmp_path / "b.png", tmp_path / "b.svg", title="smollm2")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "a.svg").read_bytes()


def test_drawing_leaves_matplotlibs_settings_as_they_were(tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 17, "timezone": "CET"}):
        before = dict(mpl.rcParams)
        write_plots(points(made_up(n=5), metrics=METRICS), tmp_path / "a.png", tmp_path / "a.svg")
        assert dict(mpl.rcParams) == before


def test_names_are_text_and_never_formulas_or_markup(tmp_path: Path) -> None:
    names = [r"bad $\frac{$", "_hidden", "<script>", "line\nbreak\x1b[31m", "x" * 200]
    records = [record(answer(1.0), strategy=name, task="$x_1$ & <b>") for name in names]
    write_plots(points(records, metrics=METRICS), tmp_path / "a.png", tmp_path / "a.svg", title="$$")
    assert b"<script" not in (tmp_path / "a.svg").read_bytes()
    legend = draw(points(records, metrics=METRICS)).legends[0]
    assert [text.get_text() for text in legend.get_texts()][:4] == [
        names[0],
        "_hidden",
        "<script>",
        r"line\nbreak\x1b[31m",
    ]


def short(curve: list[Point]) -> list[Point]:
    return [replace(point, strategy=point.strategy.split(":")[0]) for point in curve]


def test_names_stand_at_the_ends_of_lines_where_they_fit_and_else_in_a_legend() -> None:
    arms = ("baseline:budgets=64+128+256", "majority-vote:samples=64")
    few = draw(short(points(made_up(n=100, arms=arms), metrics=METRICS)))
    assert not few.legends
    assert {text.get_text() for text in few.axes[0].texts} == {"baseline", "majority-vote"}
    many = draw(points(made_up(n=100), metrics=METRICS))
    assert len(many.legends[0].get_texts()) == 4
    assert not many.axes[0].texts


@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_each_task_has_its_panel_with_ticks_at_powers_of_two(tasks: int) -> None:
    figure = draw(points(made_up(tuple(METRICS)[:tasks], n=20), metrics=METRICS))
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title().split()[0] for axes in panels] == list(METRICS)[:tasks]
    assert "256" in [label.get_text() for label in panels[0].get_xticklabels()]


@pytest.mark.parametrize("tasks", [1, 2])
def test_a_long_label_of_the_axis_stays_below_its_panel(tasks: int) -> None:
    hardware = {"gpu": "NVIDIA H100 80GB HBM3, power limit 500.00 W, driver 560.35.05"}
    axis = axis_of("seconds", {"timing": {"tokens": {"made": 7338}, "engine_seconds": 1.0}, "hardware": hardware})
    assert "at 7,338 tokens a second on NVIDIA" in axis.label
    figure = draw(points(made_up(tuple(METRICS)[:tasks], n=20), metrics=METRICS), Look(axis=axis))
    figure.draw_without_rendering()
    labels = [axes.xaxis.label.get_window_extent() for axes in figure.axes if axes.get_xlabel()]
    assert len(labels) == tasks
    assert all(figure.bbox.x0 <= label.x0 and label.x1 <= figure.bbox.x1 for label in labels)
    assert all(left.x1 < right.x0 for left, right in pairwise(labels))


@pytest.mark.parametrize("tasks", [1, 2])
def test_long_titles_stay_in_the_figure(tasks: int) -> None:
    metrics = {f"{task}_{'of_a_long_name_' * 6}": "exact_match" for task in list(METRICS)[:tasks]}
    figure = draw(points(made_up(tuple(metrics), n=20), metrics=metrics), Look("What was measured, and where " * 6))
    figure.draw_without_rendering()
    titles = [text.get_window_extent() for text in (*figure.texts, *(axes.title for axes in figure.axes))]
    assert all(figure.bbox.x0 <= title.x0 and title.x1 <= figure.bbox.x1 for title in titles)
    assert all(left.x1 < right.x0 for left, right in pairwise(titles[1:]))


def test_ticks_of_accuracy_are_what_they_say() -> None:
    curve = points([record(answer(0.0), doc=doc) for doc in range(15)], metrics=METRICS)
    [axes] = draw(curve).axes
    labels = dict(zip(axes.get_yticks(), (label.get_text() for label in axes.get_yticklabels()), strict=True))
    assert 0.025 in labels
    assert [float(label.rstrip("%")) for label in labels.values()] == pytest.approx([100 * tick for tick in labels])


@pytest.mark.parametrize(
    ("low", "high", "decimal", "ticks"),
    [
        (43, 91, False, ["48", "64"]),
        (34, 34, False, ["24", "32", "48"]),
        (60, 130, False, ["64", "96", "128"]),
        (25, 672, False, ["32", "64", "128", "256", "512"]),
        (4.6e7, 1e8, True, ["5e07", "6e07", "8e07", "1e08"]),
        (6e7, 6e8, True, ["1e08", "2e08", "5e08"]),
    ],
)
def test_a_short_axis_has_ticks_enough_to_be_read(low: float, high: float, decimal: bool, ticks: list[str]) -> None:
    assert list(token_axis([low, high], most=8, decimal=decimal).ticks.values()) == ticks


def test_ticks_of_small_amounts_are_written_out() -> None:
    assert list(token_axis([0.003, 0.06], most=8, decimal=True).ticks.values()) == ["0.005", "0.01", "0.02", "0.05"]


def test_curves_with_nothing_one_point_or_no_tokens_are_drawn(tmp_path: Path) -> None:
    failed = record(error=ErrorRecord("raised", "no"))
    free = replace(answer(37.5), cost=replace(answer().cost, thinking=0, forced=0, answer=0))
    for records in ([], [failed], [record(answer())], [record(free)]):
        write_plots(points(records, metrics=METRICS), tmp_path / "a.png", tmp_path / "a.svg")


def test_pyplot_is_not_used_and_matplotlib_only_when_drawing(tmp_path: Path) -> None:
    check = f"""
import sys
from pathlib import Path
from tts_bench.present.plot import write_plots
assert not {{"matplotlib", "numpy", "torch"}} & set(sys.modules)
write_plots([], Path({str(tmp_path / "a.png")!r}), Path({str(tmp_path / "a.svg")!r}))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", check], check=True)


ABROAD = "等等 日本 한국"


def test_what_the_font_has_no_glyph_for_is_one_note_and_no_warning_of_matplotlib(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    records = [record(answer(), doc=doc, task=task, strategy="baseline") for doc in range(3) for task in ("a", "b")]
    folder = write_run(tmp_path / "run", records)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("svg", "png", "pdf"):
            plotted = ["plot", str(folder), "--out", str(tmp_path / f"x.{kind}"), "--label", f"baseline={ABROAD}"]
            assert _run([*plotted, "--title", ABROAD * 2]) == 0
            said = " ".join("".join(capfd.readouterr()).split())
            assert said.count("has no glyph for") == 1
            assert "DejaVu Sans, has no glyph for 等 日 本 한 국: boxes stand in their place." in said
    with pytest.warns(UserWarning, match=r"^The font of figures, DejaVu Sans, has no glyph for 等") as heard:
        tb.load(folder).plot(tmp_path / "y.svg", title=ABROAD)
    assert len(heard) == 1
    assert _run(["plot", str(folder), "--out", str(tmp_path / "z.svg"), "--title", "à la carte − ½ Ω"]) == 0  # noqa: RUF001
    assert "no glyph" not in capfd.readouterr().out


def test_a_figure_without_room_for_its_texts_is_one_note(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, note = write_run(tmp_path / "run", made_up(n=5)), "The figure is too small for its texts."
    for size, said in (("1x1", 1), ("5x4", 0)):
        assert _run(["plot", str(folder), "--out", str(tmp_path / "x.svg"), "--size", size]) == 0
        heard = "".join(capfd.readouterr())
        assert (heard.count(note), heard.count("constrained_layout")) == (said, 0)


def test_a_run_and_a_study_say_so_of_their_figures_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--engine", "scripted", "--tasks", "gsm8k", "--limit", "2", "--out", str(tmp_path / "run")]
    cue = "budget-forcing:cue=等等"
    assert _run([*words, "--strategy", "baseline", "--strategy", cue]) == 0
    assert "".join(capfd.readouterr()).count("has no glyph for 等") == 1
    study = ["--model", "adder", "--seeds", "0,1", "--strategy", cue, "--strategy", "budget-forcing:cue=Wait"]
    assert _run([*words[:-1], str(tmp_path / "s"), *study]) == 0
    capfd.readouterr()
    assert _run(["study", "report", str(tmp_path / "s")]) == 0
    said = "".join(capfd.readouterr())
    assert said.count("has no glyph for 等") == 1
    assert "Glyph" not in said
