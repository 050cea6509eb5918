import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.analysis.made_up import answer, failed, made_up, record
from tests.analysis.run_folders import FIXTURES, write_run
from tts_bench.analysis.compare import compare
from tts_bench.analysis.compute import AXES
from tts_bench.analysis.family import Statement
from tts_bench.analysis.profile import flips, profile
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import Series
from tts_bench.analysis.table import Grid
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.present.comparison import _slope
from tts_bench.present.words import paragraphs


def series(name: str, scores: NDArray[np.float64], tokens: Sequence[float], cues: bool = False) -> Series:
    """A series with `scores` (problems, rungs) and costs that vary a little around `tokens`."""
    n, rungs = scores.shape
    spent = np.array(tokens) * np.random.default_rng(n).uniform(0.8, 1.2, (n, 1))
    nothing = np.zeros((n, rungs))
    values = {
        **dict.fromkeys(("generated", "sequential", "flops"), spent),
        **dict.fromkeys(("prompt", "forced", "truncated", "no_answer"), nothing),
        "cues": nothing + (np.arange(rungs) if cues else 0),
        "cues_wanted": nothing + (np.arange(rungs) if cues else 0),
        "right_to_wrong": np.maximum(scores[:, :1] - scores, 0),
        "wrong_to_right": np.maximum(scores - scores[:, :1], 0),
        "right_answered": scores,
        "spent": spent,
    }
    line = Grid(
        "sums",
        name,
        "strict",
        tuple(range(n)),
        ("",) * n,
        tuple(map(str, range(rungs))),
        values,
        {"strict": scores},
        None,
    )
    return Series(name, name, 0, {"sums": line})


def right(n: int, *counts: int) -> NDArray[np.float64]:
    """Scores with the first so many problems right, a column for each count."""
    return np.array([[float(problem < count) for count in counts] for problem in range(n)])


def only(statements: Sequence[Statement], left: str) -> Statement:
    [found] = [statement for statement in statements if statement.left == left and statement.kind == "last"]
    return found


def test_a_difference_its_test_and_its_ratio_are_those_counted_by_hand() -> None:
    better = right(100, 50, 60)
    better[:4, 1] = 0
    found = compare([series("baseline", right(100, 50), [100.0]), series("wait", better, [100.0, 290.0], cues=True)])
    [said] = found.statements
    assert (said.difference, said.better, said.worse, said.problems) == pytest.approx((0.06, 10, 4, 100))
    assert (said.p, said.ratio) == pytest.approx((0.1795654, 2.9))
    assert (said.adjusted, said.test, said.left_rung) == (said.p, "exact McNemar test", "1")
    assert said.low < 0 < said.difference < said.high


def test_the_papers_gains_come_out_of_its_table() -> None:
    """arXiv 2506.11274, GSM8K-Platinum with Cmax 2 and Bmax 8192: mean accuracies of 1,209 problems."""
    luck = np.random.default_rng(0).dirichlet(np.ones(1209)) * 1209
    strategies = [
        series(name, np.clip(mean * luck[:, None] / 20 + mean * 0.95, 0, 2), [100.0])
        for name, mean in (("baseline", 0.7841), ("wait", 0.7971), ("learned", 0.8263))
    ]
    said = compare(strategies, resamples=1000).statements
    wait, learned = only(said, "wait").difference, only(said, "learned").difference
    assert (round(100 * wait, 2), round(100 * learned, 2)) == (1.30, 4.22)
    assert learned / wait == pytest.approx(3.2, abs=0.05)


def test_at_matched_compute_the_longer_curve_is_read_between_its_rungs() -> None:
    wait, vote = (
        series("wait", right(400, 100, 160), [100.0, 200.0]),
        series("vote", right(400, 100, 240), [100.0, 400.0]),
    )
    [said] = [
        s for s in compare([series("baseline", right(400, 100), [100.0]), wait, vote]).statements if s.kind != "last"
    ]
    assert (said.left_rung, said.right_rung) == ("1", "0 to 1")
    assert said.difference == pytest.approx(160 / 400 - (100 + 240) / 2 / 400, abs=1e-6)
    assert said.low < said.difference < said.high


def test_curves_that_do_not_meet_and_baselines_are_not_matched() -> None:
    strategies = [
        series("baseline", right(50, 10, 20), [50.0, 100.0]),
        series("wait", right(50, 20, 21), [100.0, 150.0]),
        series("vote", right(50, 20, 21), [300.0, 900.0]),
    ]
    assert [statement.kind for statement in compare(strategies, resamples=1000).statements] == ["last", "last"]


def test_words_say_what_is_shown_and_what_is_not() -> None:
    strategies = [
        series("baseline", right(300, 100), [100.0]),
        series("wait", right(300, 160), [290.0]),
        series("hmm", right(300, 101), [1e5]),
    ]
    [text] = paragraphs(compare(strategies))
    assert "wait at 0 is 20.0 points above baseline at 0 at 2.9 times the tokens (95% +1" in text
    assert "p < 0.001, 300 paired problems)" in text
    assert "No significant difference between hmm at 0 and baseline at 0" in text
    assert "detectable with 80% power: " in text
    assert "corrected by Holm over these 2 differences" in text


@pytest.mark.parametrize(("tokens", "written"), [(96.4, "96"), (1051.2, "1,0"), (2.5e14, "2.5e+14")])
def test_equal_costs_are_called_the_same_and_thousands_are_written_out(tokens: float, written: str) -> None:
    strategies = [series("baseline", right(300, 100), [tokens]), series("wait", right(300, 160), [1.004 * tokens])]
    [text] = paragraphs(compare(strategies))
    assert f"wait at 0 is 20.0 points above baseline at 0 at the same tokens ({written}" in text
    assert "e+03" not in text


def test_problems_that_not_all_arms_finished_are_left_out_and_counted() -> None:
    short = series("wait", right(40, 20), [10.0])
    found = compare([series("baseline", right(50, 20), [10.0]), short], resamples=1000)
    note = "Left out for all: 10 problems of sums that --limit or an early look kept from some runs (wait)."
    assert found.notes == [note]
    assert found.statements[0].problems == 40
    far = replace(short.grids["sums"], documents=tuple(range(100, 140)))
    with pytest.raises(UserError, match="no problem of sums was finished by all of baseline, wait"):
        compare([series("baseline", right(50, 20), [10.0]), replace(short, grids={"sums": far})])
    with pytest.raises(UserError, match="one strategy only"):
        compare([short])
    with pytest.raises(UserError, match="no two strategies solved one task"):
        compare([short, replace(short, name="hmm", grids={"products": far})])
    with pytest.raises(UserError, match="no strategy 'x'"):
        compare([short, series("hmm", right(40, 20), [10.0])], baseline="x")


def test_a_comparison_that_errors_leave_nothing_of_says_which_strategy_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run", [record(answer()), failed(strategy="guess")])
    assert run("compare", str(folder)) == 2
    said = capsys.readouterr().err
    assert "there is one strategy only" in said
    assert f"{folder}: guess has errors only on gsm8k and is in no number." in said


def test_the_same_data_and_seed_give_the_same_numbers() -> None:
    strategies = [series("baseline", right(60, 20), [10.0]), series("wait", right(60, 30) * 0.5, [20.0])]
    assert compare(strategies, seed=3) == compare(strategies, seed=3)


@pytest.mark.slow
def test_a_family_of_ten_true_nulls_is_called_different_in_at_most_6_of_100() -> None:
    """Four strategies beside a baseline, all as good at any length: four last rungs, six pairs at matched compute."""
    rng, families, called = np.random.default_rng(11), 200, 0
    for _ in range(families):
        chance = rng.beta(1, 1, (150, 1))
        strategies = [
            series(name, (rng.random((150, 3)) < chance).astype(float), [100.0, 200.0, length])
            for name, length in zip(("baseline", "a", "b", "c", "d"), (300.0, 400.0, 500.0, 600.0, 700.0), strict=True)
        ]
        said = compare(strategies, resamples=100).statements  # which make intervals, and no p-value
        assert len(said) == 10
        called += any(statement.significant for statement in said)
    assert called / families <= 0.06


def test_flips_and_slopes_are_those_of_the_scores() -> None:
    changed = series("a", np.array([[1.0, 1], [1, 0], [0, 1], [0, 1], [0, 0]]), [100.0, 200.0]).grids["sums"]
    found = flips(changed)
    assert (found.right_to_wrong, found.wrong_to_right) == (0.2, 0.4)
    line = series("wait", right(100, 40, 46), [100.0, 200.0], cues=True).grids["sums"]
    told = profile(line)
    assert (told.performance, told.per_doubling, told.up) == pytest.approx((46, 6, 6))
    assert told.down is None
    assert told.cues_happened == 1.0
    assert profile(line, AXES["sequential"]).per_thousand == pytest.approx(60, rel=0.05)


def run(*arguments: str) -> int:
    return root._run(list(arguments))


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    return [str(write_run(tmp_path / "one", made_up(("gsm8k", "math500"), n=60)))]


def test_compare_prints_a_paragraph_for_each_task_and_writes_what_it_says(
    two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compare", *two, "--resamples", "1000", "--out", str(tmp_path / "said.json")) == 0
    shown = " ".join(capsys.readouterr().out.split())
    said = json.loads((tmp_path / "said.json").read_text())
    assert " ".join(said["text"].split()) in shown
    *tasks, reading = said["text"].split("\n")
    assert [text.partition(",")[0] for text in tasks] == ["On gsm8k", "On math500"]
    assert reading.startswith("Intervals are")
    assert len(said["statements"]) == 12
    assert "Holm over these 12 differences" in shown


@pytest.mark.parametrize("width", [80, 100, 200])
def test_names_stand_unbroken_whatever_the_width_of_the_terminal(
    width: int, two: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run("compare", *two, "--resamples", "1000") == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    tables = shown[shown.index("gsm8k, accuracies") :]
    for name, rungs in (("budget-forcing", 5), ("majority-vote", 7), ("learned-token", 3)):
        assert tables.count(name) == 2 * (rungs + 1 + 2 + 1)  # tasks: against the baseline, the two others, in itself


def test_slopes_are_written_without_powers_of_ten() -> None:
    assert [_slope(points) for points in (0.774, -4.23, 9.97, 70.6, -2861.3)] == [
        "+0.77",
        "-4.2",
        "+10",
        "+71",
        "-2,861",
    ]


@pytest.mark.parametrize("kind", ["svg", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("png", "pdf"))])
def test_plot_writes_an_overview_and_a_figure_of_each_task_with_the_same_bytes(
    kind: str, two: list[str], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        assert run("plot", *two, "--x", "flops", "--out", str(tmp_path / f"{name}.{kind}")) == 0
    for part in ("", "-gsm8k", "-math500"):
        assert (tmp_path / f"a{part}.{kind}").read_bytes() == (tmp_path / f"b{part}.{kind}").read_bytes()


@pytest.mark.parametrize("axis", ["tokens", "sequential", "prompt", "total", "flops", "seconds"])
def test_every_axis_is_drawn(axis: str, two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plot", *two, "--x", axis, "--out", str(tmp_path / "a.svg")) == 0
    shown = capsys.readouterr().out
    assert "Written" in shown
    assert ("20 tokens a second on an abacus" in shown) == (axis == "seconds")


def test_a_figure_of_other_models_names_them_and_says_so(
    two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = str(FIXTURES / "run-schema-2")
    assert run("plot", *two, old, "--allow-different", "--out", str(tmp_path / "a.svg")) == 0
    assert "differ in the model: " in capsys.readouterr().out
    assert "<!-- made-up, adder -->" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", "nowhere"], "nowhere is not a run folder"),
        (["compare", "{one}", "--x", "joules"], "no axis 'joules'"),
        (["compare", "{one}", "--x", "token"], "Did you mean 'tokens'?"),
        (["compare", "{one}", "--x", "seconds"], "cannot be compared"),
        (["compare", "{one}", "--x", "second"], "no axis 'second'. Known: flops, prompt, sequential, tokens, total."),
        (["compare", "{one}", "--resamples", "5"], "--resamples is 5"),
        (["compare", "{one}", "--seed", "-1"], "--seed is -1"),
        (["compare", "{one}", "--baseline", "x"], "no strategy 'x'"),
        (["compare", "{one}", "--out", "nowhere/a.json"], "--out nowhere/a.json cannot be written"),
        (["compare", "{one}", "{one}"], "with seed 0: give one of them"),
        (["compare", "{one}", "{old}"], "differ in the model"),
        (["plot", "{one}", "--out", "a.gif"], "ends in '.gif'; it takes .png, .svg, .pdf"),
        (["plot", "{one}", "--out", "nowhere/a.svg"], "the folder nowhere does not exist. Create it, or"),
        (["plot", "{one}", "--out", "a.svg", "--size", "3"], "it takes WIDTHxHEIGHT in inches, 1 to 40"),
        (["plot", "{one}", "--out", "a.svg", "--size", "nanx3"], "--size is 'nanx3'"),
        (["plot", "{one}", "--out", "a.svg", "--label", "majority=Vote"], "Did you mean 'majority-vote'?"),
        (["plot", "{one}", "--out", "a.svg", "--label", "baseline="], "--label 'baseline=' gives an empty label."),
        (
            ["plot", "{one}", "--out", "a.svg", "--label", "baseline= \t"],
            "gives an empty label. Type one after the '='",
        ),
        (["plot", "{one}", "--out", "a.svg", "--label", "majority-vote=baseline"], "gives two strategies the same"),
        (["plot", "{one}", "--out", "a.svg", "--metric", "exact"], "has no metric 'exact' on gsm8k"),
        (["compare", "{one}", "--metric", "exact_macth"], "Did you mean 'exact_match'?"),
    ],
)
def test_mistakes_end_with_code_2_one_message_and_nothing_written(
    arguments: list[str],
    said: str,
    two: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    old = str(FIXTURES / "run-schema-2")
    assert run(*(argument.format(one=two[0], old=old) for argument in arguments)) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["baseline", "\x1b[2J[bold]x[/]\u202e"]
    records = [record(answer(float(doc > 3)), doc=doc, strategy=name) for name in names for doc in range(9)]
    folder = write_run(tmp_path / "run", records)
    assert run("compare", str(folder), "--resamples", "1000") == 0
    assert run("plot", str(folder), "--out", str(tmp_path / "a.svg")) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert r"\x1b[2J[bold]x[/]" in "".join(shown.split())


def test_a_folder_whose_name_is_no_utf_8_is_an_escape_in_json(two: list[str], tmp_path: Path) -> None:
    odd = str(write_run(tmp_path / os.fsdecode(b"r\xff"), made_up(n=60), engine="another"))
    for words in (["compare", *two, odd], ["curves", odd]):
        out = tmp_path / f"{words[0]}.json"
        assert run(*words, "--resamples", "1000", "--out", str(out)) == 0
        assert odd.encode("utf-8", "backslashreplace") in out.read_bytes()
        json.loads(out.read_bytes())


def test_neither_compare_nor_plot_loads_torch_or_lm_eval(two: list[str], tmp_path: Path) -> None:
    code = f"""
import sys
from tts_bench.cli.main import _run
assert _run(["compare", {two[0]!r}]) == 0
assert _run(["plot", {two[0]!r}, "--out", {str(tmp_path / "a.svg")!r}]) == 0
assert not {{"torch", "lm_eval", "transformers", "matplotlib.pyplot"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_schema_1_run_is_compared_with_its_votes_as_they_were_scored() -> None:
    run_data = read_run(FIXTURES / "run-schema-1")
    vote = run_data.grids["gsm8k"]["majority-vote:samples=3,budget=none"]
    assert (vote.expected == vote.score).all()
