"""What `compare` says of every strategy beside a baseline and a majority vote at equal compute."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.analysis.test_compare import right, series
from tts_bench.analysis import paired
from tts_bench.analysis.compare import compare
from tts_bench.analysis.controls import sentences
from tts_bench.analysis.family import Comparison, Statement
from tts_bench.analysis.series import Series
from tts_bench.present.words import paragraphs


def matched(found: Comparison, left: str, right: str) -> list[Statement]:
    return [said for said in found.statements if (said.kind, said.left, said.right) == ("matched", left, right)]


def voted(line: Series, votes: NDArray[np.float64]) -> Series:
    """`line` as the majority vote of one budget, with these expectations."""
    grids = {task: replace(grid, votes=votes) for task, grid in line.grids.items()}
    return Series("majority-vote", f"majority-vote:samples={votes.shape[1]},budget=none", 0, grids)


def test_a_baseline_with_budgets_is_read_at_a_strategys_compute() -> None:
    short, base = right(400, 150), right(400, 100, 140, 180)
    found = compare([series("baseline", base, [64.0, 128.0, 256.0]), series("short", short, [128.0 * 2**0.5])])
    [said] = matched(found, "short", "baseline")
    assert (said.left_rung, said.right_rung) == ("0", "1 to 2")
    assert said.compute == pytest.approx(128 * 2**0.5, rel=0.05)
    assert said.difference == pytest.approx((150 - 160) / 400, abs=1e-6)
    assert said.low < said.difference < said.high
    assert not found.unmatched


def test_a_control_without_a_rung_on_one_side_is_named_and_not_extrapolated() -> None:
    found = compare(
        [
            series("baseline", right(100, 50), [100.0]),
            series("majority-vote", right(100, 50, 60), [200.0, 400.0]),
            series("dear", right(100, 70), [900.0]),
            series("cheap", right(100, 40), [30.0]),
        ],
        resamples=1000,
    )
    missing = {(one.name, one.control): (one.side, one.control_rung) for one in found.unmatched}
    assert missing == {
        ("majority-vote", "baseline"): ("above", "0"),
        ("dear", "baseline"): ("above", "0"),
        ("cheap", "baseline"): ("below", "0"),
        ("dear", "majority-vote"): ("above", "1"),
        ("cheap", "majority-vote"): ("below", "0"),
    }
    assert not any(said.kind == "matched" for said in found.statements)
    [text] = paragraphs(found)
    assert "majority-vote has no rung at or above the tokens of dear at 0 (" in text
    assert "majority-vote has no rung at or below the tokens of cheap at 0 (" in text


def test_a_strategy_that_costs_what_the_baseline_costs_is_compared_with_it_once() -> None:
    found = compare([series("baseline", right(100, 50), [100.0]), series("same", right(100, 60), [100.0])])
    [said] = found.statements
    assert said.kind == "last"
    assert said.ratio == pytest.approx(1.0)
    assert not found.unmatched


def test_one_sample_of_a_vote_is_the_baseline_of_a_run_without_one() -> None:
    expected = np.random.default_rng(0).uniform(size=(100, 4))
    vote = voted(series("majority-vote", right(100, 40, 40, 50, 60), [100.0, 200.0, 300.0, 400.0]), expected)
    other = series("other", right(100, 70), [300.0])
    found = compare([vote, other], resamples=1000)
    last = {said.left: said for said in found.statements if said.kind == "last"}
    assert {said.right for said in last.values()} == {"one sample of majority-vote"}
    assert last["other"].difference == pytest.approx(0.7 - expected[:, 0].mean())
    assert last["other"].ratio == pytest.approx(3.0)
    assert len(matched(found, "majority-vote", "other")) == 1
    named = compare([vote, other], baseline="other", resamples=1000)
    assert {said.right for said in named.statements if said.kind == "last"} == {"other"}


def test_each_task_without_a_baseline_has_one_sample_of_a_vote_for_one_whichever_vote_it_has() -> None:
    expected = np.random.default_rng(0).uniform(size=(100, 2))
    vote = voted(series("majority-vote", right(100, 40, 50), [100.0, 200.0]), expected)
    other = series("other", right(100, 70), [300.0])

    def on(one: Series, task: str, **changes: Any) -> Series:
        return replace(one, grids={task: replace(one.grids["sums"], task=task)}, **changes)

    votes = [on(vote, task, name=f"vote on {task}", strategy=f"majority-vote:samples={k},budget=none")
             for task, k in (("sums", 8), ("products", 16))]  # fmt: skip
    others = [on(other, task, name=f"other on {task}") for task in ("products", "sums")]
    for given in ([*votes, *others], [*others, *votes]):
        found = compare(given, resamples=1000)
        last = {(said.task, said.left): said for said in found.statements if said.kind == "last"}
        for task in ("sums", "products"):
            said = last[task, f"other on {task}"]
            assert said.right == f"one sample of vote on {task}"
            assert said.difference == pytest.approx(0.7 - expected[:, 0].mean())


def test_an_early_vote_is_no_baseline() -> None:
    vote = voted(series("majority-vote", right(100, 40, 50), [100.0, 200.0]), right(100, 40, 50))
    cut = replace(vote, strategy="majority-vote:samples=2,budget=64")
    found = compare([cut, series("other", right(100, 70), [150.0])], resamples=1000)
    assert [said.right for said in found.statements if said.kind == "last"] == ["majority-vote"]


def drawn(rng: np.random.Generator, n: int) -> tuple[list[Series], float]:
    """A vote of 1, 2, 4 and 8 samples and a strategy of three samples' cost, and their true difference there."""
    hard = rng.beta(1.2, 1.2, (n, 1))  # shared by both: pairs are correlated
    length = rng.lognormal(4.5, 0.5, (n, 1)) * (1 + hard)  # hard problems are long ones
    ks, gains = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.0, 0.05, 0.12, 0.16])
    chances = np.clip(0.8 - 0.6 * hard + gains, 0, 1)
    votes = (rng.uniform(size=(n, 1)) < chances).astype(float)
    mine = (rng.uniform(size=(n, 1)) < 0.82 - 0.6 * hard).astype(float)
    vote, other = series("majority-vote", votes, [1.0] * 4), series("other", mine, [1.0])
    spent = {"majority-vote": length * ks, "other": length * 3 * rng.uniform(0.7, 1.3, (n, 1))}
    lines = [series("baseline", mine, [1.0])]
    for line in (vote, other):
        grid = line.grids["sums"]
        values = {**grid.values, "generated": spent[line.name]}
        lines.append(replace(line, grids={"sums": replace(grid, values=values)}))
    share = np.log2(3 / 2)
    return lines, (0.05 + share * 0.07) - 0.02


def test_intervals_at_equal_compute_hold_the_truth_between_rungs_in_93_to_97_of_100() -> None:
    rng, inside, runs = np.random.default_rng(0), 0, 600
    for run in range(runs):
        lines, truth = drawn(rng, 150)
        [said] = matched(compare(lines, resamples=1000, seed=run), "majority-vote", "other")
        assert said.left_rung in ("1 to 2", "2", "2 to 3", "1")
        inside += said.low <= truth <= said.high
    assert 0.93 <= inside / runs <= 0.97


def many(arms: int, rungs: int = 4) -> list[Series]:
    rng = np.random.default_rng(arms)

    def scores(width: int) -> NDArray[np.float64]:
        return np.asarray(rng.uniform(size=(300, width)) < 0.5, dtype=float)

    costs: Sequence[float] = [100.0 * 2**place for place in range(rungs)]
    lines = [series("baseline", scores(1), [100.0]), series("majority-vote", scores(rungs), costs)]
    return lines + [series(f"arm-{place}", scores(rungs), costs) for place in range(arms - 2)]


def test_the_work_grows_with_the_arms_and_not_with_their_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair has a test of 10,000 flips: they, and not seconds, are counted."""
    calls: Counter[str] = Counter()
    test = paired.p_value

    def counted(differences: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, str]:
        calls["tests"] += 1
        return test(differences, rng, flips=100)

    monkeypatch.setattr(paired, "p_value", counted)
    found = compare(many(40), resamples=1000)
    assert calls["tests"] == len(found.statements) == 39 + 38
    assert {said.right for said in found.statements if said.kind == "last"} == {"baseline"}
    assert {said.left for said in found.statements if said.kind == "matched"} == {"majority-vote"}
    [said] = [note for note in found.notes if "only" in note]
    assert said.startswith("Of 40 strategies each is compared with the baseline and majority-vote only, which leaves")
    assert "703 pairs" in said
    [short] = sentences([one for one in found.unmatched if one.control == "baseline"], "tokens")
    assert "and 33 more" in short
    [text] = paragraphs(found)
    assert "The other 65 differences are in the table only." in text


def test_few_strategies_are_compared_pair_by_pair() -> None:
    found = compare(many(6, rungs=2), resamples=1000)
    assert sum(said.kind == "matched" for said in found.statements) == 5 * 4 / 2
    assert not found.notes


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(1.0, "the same tokens"), (0.9951, "the same tokens"), (1.0049, "the same tokens"), (0.9949, "0.99 times the"),
     (1.0051, "1.01 times the"), (1.02, "1.02 times the"), (0.96, "0.96 times the"), (1.049, "1.05 times the"),
     (1.26, "1.3 times the"), (16.4, "16 times the")],
)  # fmt: skip
def test_costs_that_differ_by_half_a_percent_are_not_called_the_same(ratio: float, said: str) -> None:
    strategies = [series("baseline", right(300, 100), [1000.0]), series("wait", right(300, 160), [1000 * ratio])]
    [text] = paragraphs(compare(strategies, resamples=1000))
    assert f"wait at 0 is 20.0 points above baseline at 0 at {said}" in text
