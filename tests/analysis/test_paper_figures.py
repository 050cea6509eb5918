"""What a paper asks of a figure: a metric, a size, names of its own, a linear axis, and LaTeX."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.analysis.made_up import answer, made_up, record
from tests.analysis.run_folders import write_run
from tts_bench.analysis.curve import by_line, marked
from tts_bench.analysis.points import points
from tts_bench.cli.main import _run
from tts_bench.present.look import Look
from tts_bench.present.pgfplots import tex
from tts_bench.present.plot import draw

METRICS = {"gsm8k": "exact_match"}
POINT = re.compile(r"\(([\d.e+]+), ([\d.]+)\) \+= \(0, ([\d.]+)\) -= \(0, ([\d.]+)\)")


@pytest.mark.parametrize("linear", [False, True])
def test_latex_has_every_shown_point_with_its_interval(linear: bool) -> None:
    curve = points(made_up(n=50), metrics=METRICS)
    shown = [point for line in by_line(curve)["gsm8k"].values() for point in marked(line)]
    made = tex(curve, Look(linear=linear))
    found = [tuple(map(float, numbers)) for numbers in POINT.findall(made)]
    for (x, y, above, below), point in zip(found, shown, strict=True):
        assert x == pytest.approx(point.generated)
        assert (y, y + above, y - below) == pytest.approx(
            [100 * (value or 0.0) for value in (point.accuracy, point.high, point.low)], abs=0.02
        )
    assert ("xmode=log" in made) != linear
    assert made.count("(log scale)") == (not linear)


def test_a_name_is_no_latex_command() -> None:
    hostile = r"\input{/etc/passwd}$x_1$%&#^~"
    made = tex(points([record(answer(1.0), strategy=hostile)], metrics=METRICS), Look(title=r"\write18{ls}"))
    assert r"\input" not in made
    assert r"\write18" not in made
    assert re.search(r"(?<!\\)[$&#%](?!.*usepackage)", made.replace("% \\usepackage", "").replace("} % ", "}")) is None


def test_a_figure_has_the_size_and_the_axis_that_were_asked_for() -> None:
    curve = points(made_up(n=20), metrics=METRICS)
    figure = draw(curve, Look(linear=True, size=(3.3, 2.4)))
    assert figure.get_size_inches().tolist() == [3.3, 2.4]
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_xlim()[0]) == ("linear", 0)
    assert draw(curve).axes[0].get_xscale() == "log"
    assert draw(curve).axes[0].get_xlabel().endswith("(log scale)")


def test_a_suffix_in_capitals_is_the_same_kind_of_file(tmp_path: Path) -> None:
    folder = str(write_run(tmp_path / "run", made_up(n=5)))
    for name in ("a.TEX", "a.SVG"):
        assert _run(["plot", folder, "--out", str(tmp_path / name)]) == 0
    assert "\\begin{tikzpicture}" in (tmp_path / "a.TEX").read_text()


def test_a_figure_of_another_metric_with_names_of_its_own(tmp_path: Path) -> None:
    arms = ("baseline:budgets=64", "majority-vote:samples=2")
    records = [record(answer(0.0, lenient=1.0), doc=doc, strategy=name) for name in arms for doc in range(5)]
    folder = str(write_run(tmp_path / "run", records))
    svg = tmp_path / "a.svg"
    label = "majority-vote=Vote of 2"
    assert _run(["plot", folder, "--out", str(svg), "--metric", "lenient", "--label", label]) == 0
    ElementTree.parse(svg)
    text = svg.read_text()
    assert "<!-- Vote of 2 -->" in text
    assert "<!-- lenient (95% interval) -->" in text
    assert "<!-- 100% -->" in text
