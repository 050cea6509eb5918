"""What keeps a comparison honest: which votes are expectations, what is pooled, what errors and hidden samples do."""

from __future__ import annotations

import json
import random
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.made_up import answer, failed, record
from tests.analysis.run_folders import FIXTURES, write_run
from tests.analysis.voters import TOKENS, plain, sampled
from tests.scripts import World, rambler
from tts_bench.analysis.compare import compare
from tts_bench.analysis.curve import Point, heading
from tts_bench.analysis.points import points
from tts_bench.analysis.pool import pool
from tts_bench.analysis.profile import profile
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import curve_of, series_of
from tts_bench.api import Answer, Problem, Reasoner, Sampling
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.present import plot
from tts_bench.present.words import paragraphs, rows
from tts_bench.records import Record
from tts_bench.solving.solve import Arm


def folder(path: Path, records: Sequence[Record], **identity: Any) -> Path:
    """The run.json of `write_run` names another metric than records of samples have."""
    written = write_run(path, records, **identity)
    header = json.loads((written / "run.json").read_text())
    header["metrics"] = dict.fromkeys(header["metrics"], next(iter(records[0].answers[0].scores)))
    (written / "run.json").write_text(json.dumps(header))
    return written


@dataclass(frozen=True)
class Samples:
    """Votes of samples, in one of several ways."""

    how: str

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(4)]
        answers = [await branch.answer(await branch.think()) for branch in branches]
        best = max(answers, key=lambda one: one.text)
        for count in range(1, 5 if self.how != "hides" else 4):
            first = answers[:count]
            if self.how == "chooses":
                yield reasoner.vote([best] * (count + 1) + first)
            elif self.how == "orders":
                yield reasoner.vote(sorted(first, key=lambda one: one.text))
            elif self.how == "votes on votes":
                yield reasoner.vote([reasoner.vote(first), *first])
            elif self.how == "repeats":
                yield reasoner.vote([answers[0]] * count)
            else:
                yield reasoner.vote(first)


@dataclass(frozen=True)
class Mixed:
    """Votes of one sample more each time, which are drawn alike or not."""

    how: str

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers: list[Answer] = []
        for place in range(3):
            door = reasoner.branch(str(place))
            if self.how in ("prompts", "another prompt"):
                door = door.ask(f"You are number {place if self.how == 'prompts' else 7}. How many?")
            temperature = {"temperatures": (place + 1) / 4, "another temperature": 0.5}.get(self.how)
            trace = await door.think(
                max_tokens=5 + place if self.how == "lengths" else 5,
                sampling=None if temperature is None else Sampling(temperature),
                effort=("low", "medium", "high")[place] if self.how == "efforts" else None,
            )
            last = Sampling(place / 4) if self.how == "last words" else None
            answers.append(await door.answer(trace, sampling=last))
            yield reasoner.vote(answers)


ALIKE = ("alike", "another prompt", "another temperature")


@pytest.mark.parametrize("how", [*ALIKE, "prompts", "temperatures", "efforts", "lengths", "last words"])
def test_samples_that_are_drawn_in_different_ways_are_no_pool(how: str) -> None:
    """Their order is the strategy's own: the first of them is not the mean over all."""
    [found] = World(rambler, max_thinking=400).run_arms([Arm("mixed", Mixed(how))])
    assert [one.ballots for one in found.answers] == [1, 2, 3]
    assert len(pool(found)) == (3 if how in ALIKE else 0)


def test_thoughts_of_any_length_are_a_pool_where_no_end_is_told() -> None:
    """As of imported outputs, each of which was cut by whoever made it."""
    [found] = World(rambler, max_thinking=400).run_arms([Arm("mixed", Mixed("lengths"))])
    untold = replace(found, segments=tuple(replace(segment, end=0) for segment in found.segments))
    assert len(pool(untold)) == 3


@pytest.mark.parametrize("how", ["plain", "chooses", "orders", "votes on votes", "repeats", "hides"])
def test_a_pool_is_believed_only_where_the_reasoner_voted_on_the_first_k_of_it(how: str) -> None:
    world = World(rambler, max_thinking=150)
    items = [world.item(doc, f"Problem {doc}") for doc in range(8)]
    records = world.run_arms([Arm("mine", Samples(how))], items=items)
    assert {len(pool(one)) for one in records} == ({4} if how == "plain" else {0}) or how == "orders"
    assert how != "orders" or any(not pool(one) for one in records)  # one that was in order by luck makes no line
    wanted = {"chooses": [3, 5, 7, 9], "votes on votes": [0, 0, 0, 0], "hides": [1, 2, 3]}
    if how == "votes on votes":
        assert records[0].answers[-1].ballots == 0
    else:
        assert [one.ballots for one in records[0].answers] == wanted.get(how, [1, 2, 3, 4])


def test_a_best_of_n_that_is_billed_through_a_vote_keeps_its_own_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    luck, records = random.Random(0), []
    for doc in range(40):
        said = luck.choices(["g", "b", "c"], [2, 3, 1], k=4)
        best = said.index("g") if "g" in said else 0
        chosen = [[*range(k), *[best if best < k else 0] * (k + 1)] for k in range(1, 5)]  # the lineage of a plain vote
        records += [plain(said, doc=doc, strategy="vote"), sampled(said, chosen, doc=doc, strategy="best")]
    run, drawn = folder(tmp_path / "run", records), list[Point]()
    monkeypatch.setattr(plot, "write_figure", lambda curve, *_, **__: drawn.extend(curve))
    assert root._run(["plot", str(run), "--out", str(tmp_path / "a.svg")]) == 0
    right = [one.answers[-1].scores["strict"] for one in records if one.strategy == "best"]
    for curve in (drawn, curve_of(series_of([read_run(run)])[0])):
        last = {point.strategy: point.accuracy for point in curve if point.rung == "4"}
        assert last["best"] == pytest.approx(sum(right) / 40, abs=1e-12)
        assert (last["best"] or 0.0) > (last["vote"] or 0.0) + 0.2


def test_old_records_are_read_and_their_votes_not_guessed(tmp_path: Path) -> None:
    for schema in (1, 2):
        series, notes = series_of([read_run(FIXTURES / f"run-schema-{schema}")])
        assert all(line.votes is None for one in series for line in one.grids.values())
        assert [note for note in notes if f"of schema {schema}, do not say which votes were plain" in note]
    assert series_of([read_run(FIXTURES / "run-schema-3")])[1] == []


def test_equal_scores_are_never_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A vote that always wins has the score of the answer, exactly: no problem speaks for either.

    Quadrature gave the winner of such a pool 1 + 2.2e-16.
    """
    records = []
    for doc in range(60):
        said = ["g" if doc % 3 else "b"] * 4 + ["w", "x", "y", "y", "z", "z"]
        records += [plain(said, doc=doc), sampled(said[:1], [[0]], doc=doc, strategy="baseline")]
    run = folder(tmp_path / "run", records)
    [statement] = compare(series_of([read_run(run)])[0], resamples=1000).statements
    assert (statement.better, statement.worse, statement.difference, statement.p) == (0, 0, 0.0, 1.0)
    assert root._run(["compare", str(run), "--resamples", "1000", "--out", str(tmp_path / "said.json")]) == 0
    assert "-0.0" not in capsys.readouterr().out
    assert not re.search(r"-0\.0\b(?!\d)", (tmp_path / "said.json").read_text())


def test_a_difference_that_rounds_to_nothing_has_no_minus(tmp_path: Path) -> None:
    records = [record(answer(1.0), doc=doc, strategy="baseline") for doc in range(3000)]
    records += [record(answer(float(doc > 0)), doc=doc, strategy="other") for doc in range(3000)]
    [statement] = (comparison := compare(series_of([read_run(write_run(tmp_path / "run", records))])[0])).statements
    assert -0.0005 < statement.difference < 0
    assert rows([statement])[0][2] == "+0.0"
    assert "-0.0" not in " ".join(paragraphs(comparison))


def test_equal_means_of_other_shares_are_equal(tmp_path: Path) -> None:
    """0.1, 0.2 and 0.3 are 0.2 on average in any order, and not to the last digit where floats are added."""
    runs = []
    for seed, (left, right) in enumerate(zip((0.1, 0.2, 0.3), (0.3, 0.2, 0.1), strict=True)):
        records = [record(answer(left), doc=doc, strategy="baseline") for doc in range(9)]
        records += [record(answer(right), doc=doc, strategy="other") for doc in range(9)]
        runs.append(read_run(write_run(tmp_path / str(seed), records, seed=seed)))
    [statement] = compare(series_of(runs)[0], resamples=1000).statements
    assert (statement.better, statement.worse, statement.difference) == (0, 0, 0.0)


def test_one_rung_never_flips_against_itself_and_flips_are_those_within_a_seed(tmp_path: Path) -> None:
    luck, runs, flips = random.Random(1), [], []
    for seed in range(3):
        records = []
        for doc in range(50):
            first, last = luck.choice([0.0, 1.0]), luck.choice([0.0, 1.0])
            records.append(record(answer(first), doc=doc, strategy="baseline"))
            records.append(record(answer(first), answer(last, rung="1"), doc=doc, strategy="forced"))
            flips.append((first > last, first < last))
        runs.append(read_run(write_run(tmp_path / str(seed), records, seed=seed)))
    series, _ = series_of(runs)
    baseline, forced = (profile(one.grids["gsm8k"]).flips for one in series)
    assert baseline is not None
    assert forced is not None
    assert (baseline.right_to_wrong, baseline.wrong_to_right) == (0.0, 0.0)
    lost, gained = (sum(column) / len(flips) for column in zip(*flips, strict=True))
    assert (forced.right_to_wrong, forced.wrong_to_right) == pytest.approx((lost, gained), abs=1e-12)


def seeded(path: Path, seed: int, source: str, problems: int = 9, extra: Sequence[Record] = ()) -> Path:
    records = [record(answer(float(doc % 2)), doc=doc, strategy=name) for name in ("a", "b") for doc in range(problems)]
    return write_run(path, [*records, *extra], seed=seed, sources={"a": source, "b": "pkg 1"})


def test_seeds_of_another_version_of_a_strategy_are_refused_or_said(tmp_path: Path) -> None:
    runs = [read_run(seeded(tmp_path / str(seed), seed, f"a.py sha256:{seed // 2}")) for seed in range(3)]
    assert series_of(runs[:2])[1] == []
    with pytest.raises(
        UserError, match=r"differ in the version of a: a\.py sha256:0, a\.py sha256:1\..*--allow-different"
    ):
        series_of(runs)
    series, notes = series_of(runs, allow_different=True)
    assert [line.seeds for one in series for line in one.grids.values()] == [3, 3]
    assert len(notes) == 1
    assert "differ in the version of a" in notes[0]


def test_means_over_seeds_are_said_of_the_strategies_they_are_true_of(tmp_path: Path) -> None:
    both = [record(answer(1.0), doc=doc, strategy="b") for doc in range(9)]
    alone = [record(answer(float(doc % 2)), doc=doc, strategy="a") for doc in range(9)]
    runs = [read_run(write_run(tmp_path / "0", [*alone, *both])), read_run(write_run(tmp_path / "1", both, seed=1))]
    [text] = paragraphs(compare(series_of(runs)[0], resamples=1000))
    assert "resamples of the problems, means over seeds (2 of b; 1 of a)." in text
    two = [read_run(write_run(tmp_path / f"x{seed}", [*alone, *both], seed=seed)) for seed in range(2)]
    [text] = paragraphs(compare(series_of(two)[0], resamples=1000))
    assert "resamples of the problems, each the mean of 2 seeds." in text


def test_what_limit_cut_is_not_called_unfinished_and_what_failed_is(tmp_path: Path) -> None:
    gone = [failed(doc=doc, strategy="b") for doc in (9, 10)]
    runs = [
        read_run(seeded(tmp_path / "0", 0, "x", extra=gone)),
        read_run(seeded(tmp_path / "1", 1, "x", problems=6)),
    ]
    [statement], notes = (found := compare(series_of(runs)[0], resamples=1000)).statements, found.notes
    assert statement.problems == 6
    assert notes == [
        "Left out for all: 2 problems of gsm8k that ended in errors (b on 2).",
        "Left out for all: 3 problems of gsm8k that --limit or an early look kept from some runs (a, b).",
    ]


def test_seeds_and_the_deviation_between_them_stand_in_compare_and_in_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    folders = []
    for seed, right in enumerate((4, 8)):
        records = [record(answer(float(doc < right)), doc=doc, strategy=name) for name in "ab" for doc in range(10)]
        folders.append(str(write_run(tmp_path / str(seed), records, seed=seed)))
    assert root._run(["compare", *folders, "--resamples", "1000"]) == 0
    shown = capsys.readouterr().out
    [row] = [line.split() for line in shown.splitlines() if line.strip().startswith("a at 0")]
    assert row[3] == "60.0"
    assert row[-5:-2] == ["2", "28.3", "113"]  # seeds, standard deviation of 40 and 80, tokens
    assert root._run(["plot", *folders, "--out", str(tmp_path / "a.svg")]) == 0
    assert "gsm8k   (n = 10, 2 seeds)" in capsys.readouterr().out
    assert "(n = 10, 2 seeds)" in (tmp_path / "a.svg").read_text()


def test_errors_stand_in_compare_and_in_figures_as_wrong_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A strategy that raises where it is unsure has 100% of what is left, and 40% of all."""
    monkeypatch.setenv("COLUMNS", "120")
    records = [record(answer(float(doc < 5)), doc=doc, strategy="baseline") for doc in range(10)]
    records += [
        record(answer(1.0), doc=doc, strategy="sly") if doc < 4 else failed(doc=doc, strategy="sly")
        for doc in range(10)
    ]
    run = write_run(tmp_path / "run", records)
    assert root._run(["compare", str(run), "--resamples", "1000"]) == 0
    shown = capsys.readouterr().out
    [row] = [line for line in shown.splitlines() if line.strip().startswith("sly at 0 ") and "100.0 [" in line]
    assert "40.0" in row.split()
    [lines] = [{"sly": [point for point in curve_of(series_of([read_run(run)])[0]) if point.strategy == "sly"]}]
    assert heading("gsm8k", lines) == "gsm8k   (n = 4, sly has 6 errors: 40.0% of all)"


def test_what_is_spent_stands_beside_the_bill_and_is_marked_above_one_and_a_half_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    records = []
    for doc in range(10):
        records.append(sampled(["g"], [[0]], doc=doc, strategy="baseline"))
        records.append(sampled(["g"], [[0]], doc=doc, strategy="hides", spent=8))
        records.append(replace(sampled(["g"] * 4, [range(4)], doc=doc, strategy="drops", spent=5)))
    assert root._run(["compare", str(folder(tmp_path / "run", records)), "--resamples", "1000"]) == 0
    rows = {
        line.split()[0]: line.split()[-2:]
        for line in capsys.readouterr().out.splitlines()
        if " at 1 " in line and "[" in line and " - " not in line
    }
    each = TOKENS * 3 // 2
    assert rows["hides"] == [str(8 * each), "!"]
    assert rows["drops"] == [str(4 * each), str(5 * each)]
    assert rows["baseline"][-1] == str(each)


def test_which_votes_are_expectations_is_said_where_others_are_not(tmp_path: Path) -> None:
    luck, records = random.Random(2), []
    for doc in range(20):
        said = luck.choices("gb", k=4)
        records += [plain(said, doc=doc, strategy="fixed"), plain(said[: 2 + doc % 3], doc=doc, strategy="adaptive")]
    series, _ = series_of([read_run(folder(tmp_path / "run", records))])
    assert any("fixed is the expectation over all orders" in note for note in compare(series, resamples=1000).notes)
    assert not compare([series[0], replace(series[0], name="again")], resamples=1000).notes


def test_repeats_of_a_problem_are_one_problem(tmp_path: Path) -> None:
    records = [
        replace(record(answer(float(doc % 2)), doc=doc), repeat=repeat) for doc in range(30) for repeat in range(16)
    ]
    run = read_run(write_run(tmp_path / "run", records))
    [compared], [tabled] = curve_of(series_of([run])[0]), points(records, metrics=run.header["metrics"])
    for point in (compared, tabled):  # of `compare`, and of the run's table and curve.json
        assert (point.n, point.accuracy) == (30, 0.5)
        assert (point.low, point.high) == pytest.approx((0.3315, 0.6685), abs=1e-4)  # Wilson's of 15 of 30


def test_an_answer_that_no_vote_made_counts_no_ballots() -> None:
    assert [
        one.ballots for found in World(rambler).run("baseline:budgets=4+8", "budget-forcing") for one in found.answers
    ] == [0] * 7
