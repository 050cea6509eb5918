"""Curves within a problem: by rank of a sample's length, and by tenths of the thinking."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.analysis.made_up import made_up
from tests.analysis.run_folders import write_run
from tests.scripts import World
from tts_bench.analysis.paired import cochran
from tts_bench.analysis.samples import Cut, cuts, samples
from tts_bench.analysis.within import Kind, Line, Missing, Values, by_rank, by_tenths, line_of, within
from tts_bench.cli import main as root
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.present.curves import _budgets
from tts_bench.records import Record

METRICS = {"sums": "exact_match"}
VOTE, BUDGETS = "majority-vote:samples=4", "baseline:budgets=" + "+".join(map(str, range(2, 140, 2)))


def lengthy(text: str, draw: Draw) -> str:
    """Thinks for 20 to 100 letters, and answers with one of three."""
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{{int(draw(0) * 3)}}}{END}"
    return "x" * (20 + int(draw(0) * 81)) + END_THINK


def played(*specs: str, problems: int = 12) -> list[Record]:
    """Records of `specs` on the scripted model; the right answer is 1 on odd problems and 0 on even ones."""
    world = World(lengthy)
    items = [world.item(doc, f"What is {doc}?") for doc in range(problems)]
    return [scored(record) for record in world.run(*specs, items=items)]


def scored(record: Record) -> Record:
    def verdict(extracted: str | None) -> dict[str, float]:
        return {"exact_match": float(extracted == str(record.doc_id % 2))}

    parts = [replace(s, scores=verdict(s.extracted)) if s.kind == "answer" else s for s in record.segments]
    answers = [replace(answer, scores=verdict(answer.extracted)) for answer in record.answers]
    return replace(record, segments=tuple(parts), answers=tuple(answers))


def curves(records: Iterable[Record], kind: Kind) -> tuple[list[Line], list[Missing]]:
    return within(records, METRICS, [kind], resamples=1000, seed=0)


def texts(record: Record) -> list[tuple[int, str]]:
    """Length and answer of each sample of a vote, by what each rung added to the one before."""
    found, before = [], set[int]()
    for answer in record.answers:
        new = [record.segments[place] for place in answer.segments if place not in before]
        before |= {*answer.segments}
        [thinking], [said] = ([part for part in new if part.kind == kind] for kind in ("thinking", "answer"))
        found.append((thinking.tokens, str(said.extracted)))
    return found


def test_the_samples_of_a_vote_are_those_that_each_rung_adds_in_their_order() -> None:
    for record in played("majority-vote:samples=12"):
        assert [(sample.tokens, str(sample.extracted)) for sample in samples(record)] == texts(record)


def test_a_curve_by_order_is_the_mean_over_problems_at_each_place() -> None:
    records = played(VOTE, problems=20)
    [line], missing = curves(records, "order")
    right = np.array([[said == str(record.doc_id % 2) for _, said in texts(record)] for record in records])
    assert [step.accuracy for step in line.steps] == pytest.approx(right.mean(axis=0))
    assert line.p == pytest.approx(cochran(right.astype(float)))
    assert (line.test, line.problems, missing) == ("Cochran's Q", 20, [])


def test_a_curve_by_length_is_the_mean_over_problems_of_sorted_samples() -> None:
    records = played(VOTE, problems=20)
    [line], missing = curves(records, "natural-length")
    tables = [sorted(texts(record)) for record in records]
    assert [step.tokens for step in line.steps] == pytest.approx(
        np.mean([[t for t, _ in row] for row in tables], axis=0)
    )
    right = np.zeros(4)
    for record, row in zip(records, tables, strict=True):
        for place, (tokens, _) in enumerate(row):
            same = [float(said == str(record.doc_id % 2)) for other, said in row if other == tokens]
            right[place] += sum(same) / len(same) / len(records)
    assert [step.accuracy for step in line.steps] == pytest.approx(right)
    assert (line.problems, line.left_out, missing) == (20, 0, [])


def test_convergence_is_the_latest_answer_within_each_tenth() -> None:
    records = played(BUDGETS, problems=20)
    [line], _ = curves(records, "convergence")
    rows = []
    for record in records:
        answers = {}
        for answer in record.answers:
            [*_, longest] = sorted(
                record.segments[place].tokens for place in answer.segments if record.segments[place].kind == "thinking"
            )
            answers[longest] = answer
        whole = max(answers)
        row = [
            [answers[cut] for cut in sorted(answers) if (tenth - 1) * whole < 10 * cut <= tenth * whole][-1:]
            for tenth in range(1, 11)
        ]
        if all(row):
            rows.append([answer.scores["exact_match"] for [answer] in row])
    assert len(rows) == line.problems
    assert line.problems + line.left_out == 20
    assert [step.accuracy for step in line.steps] == pytest.approx(np.mean(rows, axis=0))
    assert line.steps[-1].settled == 1.0


@given(st.lists(st.tuples(st.integers(1, 6), st.floats(0, 1)), min_size=1, max_size=8))
def test_samples_of_one_length_share_their_mean_and_their_order_does_not_matter(
    drawn: list[tuple[int, float]],
) -> None:
    lengths, scores = np.array(drawn, dtype=float).T
    found = by_rank(lengths, scores)
    again = by_rank(lengths[::-1], scores[::-1])
    assert found == pytest.approx(again)
    assert found.sum() == pytest.approx(scores.sum())
    for length in set(lengths.tolist()):
        assert found[np.sort(lengths) == length] == pytest.approx(scores[lengths == length].mean())


@given(st.sets(st.integers(1, 200), min_size=1, max_size=60))
def test_a_trace_has_all_tenths_only_where_a_cut_lies_in_each(lengths: set[int]) -> None:
    found = [Cut(tokens, None, 0.0) for tokens in sorted(lengths)]
    whole = max(lengths)
    expected = [[t for t in sorted(lengths) if (k - 1) * whole < 10 * t <= k * whole] for k in range(1, 11)]
    got = [cut.tokens for cut in by_tenths(found)]
    assert got == ([part[-1] for part in expected] if all(expected) else [])


def test_pools_that_were_not_drawn_whole_have_no_curve() -> None:
    """A sample that was cut off, gone on with or given a cue says nothing of natural lengths."""
    [forced] = played("budget-forcing:extensions=2", problems=1)
    assert samples(forced) == []
    assert cuts(forced, "exact_match") == []
    [vote] = played(VOTE, problems=1)
    assert cuts(vote, "exact_match") == []
    last = next(part for part in reversed(vote.segments) if part.kind == "answer")
    killed = replace(vote, segments=tuple(part for part in vote.segments if part is not last))
    assert samples(killed) == []
    [base] = played("baseline", problems=1)
    assert samples(base) == [] == cuts(base, "exact_match")


def test_votes_that_stop_early_have_no_curve_and_say_why() -> None:
    records = played(VOTE, problems=4) + [
        replace(record, strategy=VOTE_ID, doc_id=record.doc_id + 4)
        for record in played("majority-vote:samples=3", problems=4)
    ]
    lines, [missing] = curves([replace(record, strategy=VOTE_ID) for record in records], "natural-length")
    assert lines == []
    assert "it drew 3 to 4 samples" in missing.why


VOTE_ID = "early"


def test_thinking_that_reached_its_last_budget_is_left_out() -> None:
    records = played("baseline:budgets=" + "+".join(map(str, range(2, 62, 2))), problems=20)
    ended = [record for record in records if not record.answers[-1].truncated]
    [line], _ = curves(records, "convergence")
    assert 2 <= line.problems <= len(ended) < 20
    assert line.problems + line.left_out == 20


def halting(text: str, draw: Draw) -> str:
    """Thinks for 99 letters, and ends its thinking with a text of four tokens."""
    return f"\\boxed{{1}}{END}" if "</t>" in text.partition(THINK)[2] else "x" * 99 + "</t>"


def test_a_budget_within_the_end_of_thinking_is_no_cut_of_it_and_does_not_hide_the_others() -> None:
    world = World(halting)
    world.conditions = replace(world.conditions, format=replace(world.conditions.format, end="</t>"))
    [record] = world.run("baseline:budgets=50+101+200")
    thoughts = {(part.tokens, part.end) for part in record.segments if part.kind == "thinking"}
    assert thoughts == {(50, 0), (101, 0), (99, 4)}
    assert [cut.tokens for cut in cuts(scored(record), "exact_match")] == [50, 99]


def values_of(rng: np.random.Generator, n: int, chances: NDArray[np.float64]) -> Values:
    hard = rng.normal(0, 1, (n, 1))
    scores = (rng.uniform(size=(n, len(chances))) < np.clip(chances + 0.2 * hard, 0, 1)).astype(float)
    return Values(scores, np.ones_like(scores), None, 0)


def test_intervals_of_a_change_hold_the_truth_in_93_to_97_of_100() -> None:
    rng, chances = np.random.default_rng(0), np.array([0.4, 0.5, 0.55])
    grid = np.random.default_rng(1).normal(0, 1, (400_000, 1))
    truth = np.clip(chances + 0.2 * grid, 0, 1).mean(axis=0)
    inside, runs = np.zeros(2), 500
    for _ in range(runs):
        line = line_of("sums", "v", "natural-length", "m", values_of(rng, 120, chances), 1000, rng)
        inside += [
            step.change_low <= truth[at] - truth[0] <= step.change_high for at, step in enumerate(line.steps) if at
        ]
    assert (inside / runs >= 0.93).all()
    assert (inside / runs <= 0.97).all()


def test_a_flat_curve_is_called_rising_or_falling_in_at_most_6_of_100() -> None:
    rng = np.random.default_rng(2)
    flat = [
        line_of("sums", "v", "natural-length", "m", values_of(rng, 100, np.full(4, 0.5)), 100, rng).p
        for _ in range(400)
    ]
    assert np.mean(np.array(flat) < 0.05) <= 0.06


def test_the_budgets_advised_are_a_tenth_of_a_short_trace_apart_and_reach_the_longest() -> None:
    assert _budgets([100] * 9 + [305]) == "baseline:budgets=$(seq -s+ 10 10 320)"


def run_of(folder: Path, records: list[Record]) -> Path:
    return write_run(folder, records, tasks=["sums"])


def test_curves_prints_tables_and_writes_a_figure_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(tmp_path / "run", played(VOTE, BUDGETS))
    for name in ("a.svg", "b.svg", "c.json"):
        assert root._run(["curves", str(run), "--resamples", "1000", "--out", str(tmp_path / name)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "sums, majority-vote: accuracy by length of the sample, 12 problems" in text
    assert "sums, baseline: accuracy by share of the thinking" in text
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    written = json.loads((tmp_path / "c.json").read_text())
    assert [curve["kind"] for curve in written["curves"]] == ["natural-length", "order", "convergence"]
    assert [len(curve["steps"]) for curve in written["curves"]] == [4, 4, 10]
    assert [one["kind"] for one in written["missing"]] == ["stated"]  # letters are no result


def test_a_run_without_samples_or_cuts_says_what_to_add(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", made_up(n=10))
    assert root._run(["curves", str(run)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Add --strategy majority-vote:samples=16 to its command" in text
    assert "Add --strategy baseline:budgets=$(seq -s+ 100 100 1100) to its command" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "lengths"], "--kind lengths is not a curve"),
        (["--out", "a.gif"], "it takes .json, .png, .svg, .pdf"),
        (["--resamples", "3"], "--resamples is 3"),
        (["--out", "a.svg"], "there is no curve to draw"),
    ],
)
def test_mistakes_end_with_code_2_and_one_message(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", made_up(n=5))
    assert root._run(["curves", str(run), *arguments]) == 2
    assert said in capsys.readouterr().err
