"""The best strategy of each budget, and which others are not told apart from it."""

import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console
from scipy import stats

from tests.analysis.made_up import made_up
from tests.analysis.run_folders import write_run
from tests.analysis.test_compare import right, series
from tests.analysis.test_equal_compute import many
from tts_bench.analysis import bootstrap, paired
from tts_bench.analysis import front as fronts
from tts_bench.analysis.compute import GENERATED
from tts_bench.analysis.front import front, within
from tts_bench.cli import main as root
from tts_bench.present.front import show


@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 20)), min_size=1, max_size=4)),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_each_budget_has_the_best_of_the_dearest_rungs_that_it_pays_for(
    drawn: list[tuple[list[tuple[int, int]]]],
) -> None:
    lines = [
        series(f"s{place}", right(20, *(score for _, score in rungs)), [float(cost) for cost, _ in rungs])
        for place, (rungs,) in enumerate(drawn)
    ]
    found = front(lines, resamples=100)
    means = {line.name: line.grids["sums"].values["generated"].mean(axis=0) for line in lines}
    for budget in found:
        paid = {name: np.flatnonzero(costs <= budget.budget).tolist() for name, costs in means.items()}
        rungs = {name: max(places, key=lambda at: (means[name][at], at)) for name, places in paid.items() if places}
        scores = {line.name: line.grids["sums"].scores["strict"] for line in lines}
        accuracy = {name: scores[name][:, rung].mean() for name, rung in rungs.items()}
        assert budget.accuracy == pytest.approx(max(accuracy.values()))
        assert accuracy[budget.name] == pytest.approx(budget.accuracy)
        assert budget.rung == str(rungs[budget.name])
        assert {rival.name: rival.difference for rival in budget.rivals} == {
            name: pytest.approx(value - budget.accuracy) for name, value in accuracy.items() if name != budget.name
        }
        assert budget.dearer == [line.name for line in lines if line.name not in rungs]
    every = np.concatenate([*means.values()]).clip(1)
    for amount, cost in ((found[0].budget, every.min()), (found[-1].budget, every.max())):
        assert amount / 2 < cost <= amount * (1 + 1e-9)


def test_a_rung_is_the_dearest_within_the_budget_and_the_later_of_two_alike() -> None:
    costs = np.array([10.0, 40.0, 20.0, 40.0])
    assert [within(costs, budget) for budget in (5, 10, 39, 40, 99)] == [None, 0, 2, 3, 3]


@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=9, max_size=9), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_many_tests_at_once_are_each_scipys_binomial_test(columns: list[list[float]]) -> None:
    expected = []
    for column in columns:
        told = [difference for difference in column if difference]
        expected.append(stats.binomtest(sum(d > 0 for d in told), len(told)).pvalue if told else 1.0)
    assert paired.p_values(np.array(columns).T, np.random.default_rng(0)) == pytest.approx(expected)


def test_many_sign_flips_at_once_come_to_the_count_of_all_signs() -> None:
    differences = np.random.default_rng(3).normal(0.3, 1.0, (12, 5))
    differences[:, 4] = 0.0
    signs = np.array(list(product([-1.0, 1.0], repeat=12)))
    exact = (np.abs(signs @ differences) >= np.abs(differences.sum(axis=0)) - 1e-9).mean(axis=0)
    found = paired.p_values(differences, np.random.default_rng(0), flips=40_000)
    assert found == pytest.approx([*exact[:4], 1.0], abs=0.01)
    alone = [paired.sign_flip(column, np.random.default_rng(1), 40_000) for column in differences[:, :4].T]
    assert found[:4] == pytest.approx(alone, abs=0.01)


def scores_of(rng: np.random.Generator, chances: list[float]) -> NDArray[np.float64]:
    """Right and wrong answers of strategies that find the same problems hard, one column each."""
    hard = rng.normal(0, 0.8, (150, 1))
    own = rng.normal(0, 0.6, (150, len(chances)))
    return np.asarray(hard + own < stats.norm.ppf(chances), dtype=float)


@pytest.mark.parametrize("chances", [[0.5] * 6, [0.6, 0.6, 0.3, 0.3, 0.2, 0.2], [0.55, 0.5, 0.5, 0.5, 0.45, 0.45]])
def test_the_truly_best_strategy_is_best_or_not_told_apart_in_95_of_100(chances: list[float]) -> None:
    rng, kept, runs = np.random.default_rng(1), 0, 300
    for run in range(runs):
        scores = scores_of(rng, chances)
        lines = [series(f"s{place}", scores[:, [place]], [50.0]) for place in range(len(chances))]
        last = front(lines, resamples=100, seed=run)[-1]
        kept += "s0" in {last.name, *(rival.name for rival in last.level)}
    assert kept / runs >= 0.95


def test_a_clearly_worse_strategy_is_told_apart() -> None:
    rng, told = np.random.default_rng(2), 0
    for run in range(40):
        scores = scores_of(rng, [0.7, 0.3])
        last = front([series(f"s{at}", scores[:, [at]], [50.0]) for at in range(2)], resamples=100, seed=run)[-1]
        told += [rival.name for rival in last.rivals if rival.told_apart] == ["s1"]
    assert told >= 38


def test_forty_strategies_are_resampled_once_and_stay_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []
    resampled = bootstrap.resampled_means

    def counted(values: NDArray[np.float64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        calls.append(values.shape)
        return resampled(values, resamples, rng)

    monkeypatch.setattr(fronts, "resampled_means", counted)
    found = front(many(40), resamples=1000)
    [(problems, columns)] = calls
    assert problems == 300
    assert columns <= 40 * len(found)
    screen = io.StringIO()
    show(found, GENERATED, [], Console(width=100, file=screen))
    text = screen.getvalue()
    assert "more" in text
    assert "--out has all" in text.replace("\n", " ")
    assert len(text.splitlines()) < 40


def test_compare_front_prints_a_row_for_each_budget_and_writes_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", made_up())
    out = tmp_path / "out.json"
    assert root._run(["compare", str(run), "--front", "--out", str(out), "--resamples", "1000"]) == 0
    text = capsys.readouterr().out
    assert "gsm8k, 100 problems: the best strategy of each budget of tokens" in text
    written = json.loads(out.read_text())["front"]
    assert [row["budget"] for row in written] == [2**power for power in range(6, 15)]
    for row in written:
        assert f"{row['budget']:,}" in text
        assert len(row["rivals"]) + len(row["dearer"]) == 3
        assert {*row["not_told_apart"]} == {rival["name"] for rival in row["rivals"] if rival["adjusted"] >= 0.05}
