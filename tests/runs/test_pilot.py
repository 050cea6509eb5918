"""A pilot and the run that follows it: nothing is made twice, and what was foretold is what is found."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.killed import counts
from tests.runs.samples import execute, write_sums
from tts_bench.cli import main as root
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.present import planned
from tts_bench.present.progress import Progress
from tts_bench.runs import pilot
from tts_bench.runs.defaults import COMPARISON, POCKET_TASK
from tts_bench.runs.pilot import Estimate, Played, chosen, play, sustained
from tts_bench.runs.run import Run, prepare
from tts_bench.solving.solve import Item

STRATEGIES = ("baseline:budgets=4+20", "budget-forcing:extensions=2", "majority-vote:samples=4")
COUNT = 24


def config(data: Path, **model: object) -> RunConfig:
    return RunConfig(ModelConfig(engine="scripted", **model), ("gsm8k",), STRATEGIES, data_dir=data)  # type: ignore[arg-type]


def played(run: Run, problems: int) -> Played:
    progress = Progress(problems, list(run.labels.values()), Console(file=io.StringIO()))
    return play(run, problems, progress, loaded=1.5)


def test_the_run_that_follows_makes_only_what_the_pilot_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot, "_SECONDS", 0.0)  # or all is played: the script is quick
    data = write_sums(tmp_path / "data", COUNT)
    first = played(prepare(config(data), tmp_path / "a" / "run"), 5)
    assert first.forecast.pilot == 5
    assert not (tmp_path / "a" / "run").exists()
    execute(prepare(config(data), tmp_path / "a" / "run"))
    execute(prepare(config(data), tmp_path / "b" / "run"))
    made = counts(tmp_path / "b" / "run")["made"]
    assert counts(tmp_path / "a" / "run")["made"] == made - first.forecast.made
    assert 0 < first.forecast.made < made / 2
    assert (tmp_path / "a/run/records.jsonl").read_bytes() == (tmp_path / "b/run/records.jsonl").read_bytes()
    assert first.forecast.tokens.value == pytest.approx(made, rel=0.15)
    folder = [path for path in (tmp_path / "a" / "run").rglob("*.jsonl") if path.is_file()]
    assert first.forecast.records.value == pytest.approx(sum(path.stat().st_size for path in folder), rel=0.05)


def test_a_pilot_of_everything_foretells_exactly_and_a_second_one_makes_nothing(tmp_path: Path) -> None:
    data = write_sums(tmp_path / "data", COUNT)
    first = played(prepare(config(data), tmp_path / "a" / "run"), COUNT).forecast
    tokens = float(first.made)
    assert first.tokens == Estimate(tokens, tokens, tokens)
    assert first.seconds is not None
    assert first.seconds.value >= 1.5  # to load it again
    second = played(prepare(config(data), tmp_path / "a" / "run"), COUNT).forecast
    assert (second.made, second.seconds, second.tokens, second.records) == (0, None, first.tokens, first.records)


def test_a_short_pilot_goes_on_until_the_engine_has_worked_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot, "_SECONDS", 1e6)
    data = write_sums(tmp_path / "data", COUNT)
    assert played(prepare(config(data), tmp_path / "a" / "run"), 2).forecast.pilot == COUNT


@given(sizes=st.dictionaries(st.sampled_from("abc"), st.integers(1, 60), min_size=1), repeats=st.integers(1, 2))
def test_every_beginning_of_the_order_is_spread_over_tasks_and_lengths(sizes: dict[str, int], repeats: int) -> None:
    items = [
        Item(task, doc, repeat, "x" * (size - 1 - doc), (), lambda text: text)
        for task, size in sizes.items()
        for doc in range(size)
        for repeat in range(repeats)
    ]
    groups = chosen(items)
    assert Counter(item.key for group in groups for item in group) == Counter(item.key for item in items)
    assert all(len({item.key[:2] for item in group}) == 1 and len(group) == repeats for group in groups)
    for count in range(1, len(groups) + 1):
        taken = Counter(group[0].task for group in groups[:count])
        for task, size in sizes.items():
            fair = count * size / len(groups)
            assert abs(taken[task] - fair) <= 2 * len(sizes) + 2
    for task, size in sizes.items():
        lengths = [len(group[0].prompt) for group in groups if group[0].task == task]
        if size >= 16:  # of eight, some in each quarter
            assert len({min(4 * length // size, 3) for length in lengths[:8]}) == 4


def test_the_rate_is_the_one_that_is_kept_up_whatever_begins_and_ends_slowly() -> None:
    rng = np.random.default_rng(1)
    free, ended = np.zeros(64), []
    for _ in range(800):  # generations of 50 tokens and more at 10 a second, 64 at once
        place, tokens = int(free.argmin()), int(rng.integers(50, 150))
        free[place] += tokens / 10
        ended.append((float(free[place]), tokens))
    made, marks = 0, [(0.0, 0)]
    for at, tokens in sorted(ended):
        made += tokens
        marks.append((at, made))
    assert sustained(marks) == pytest.approx(640, rel=0.1)
    assert sustained([(0.0, 0), (5.0, 0)]) == 0.0


def test_plan_and_a_dry_run_print_costs_and_prospects_and_refuse_what_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_sums(tmp_path / "data", COUNT)
    given = ["--engine", "scripted", "--tasks", "gsm8k", "--data-dir", str(data)]
    strategies = [word for name in STRATEGIES for word in ("--strategy", name)]
    more = ["--pilot", "6", "--detect", "0.1", "--planned-seeds", "3", "--rate", "big=1000"]
    assert root._run(["plan", *given, *strategies, *more]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in ("what 24 problems will take", "time on big", "n for 10", "With 3 seeds", "differences detectable"):
        assert words in said
    assert root._run(["run", *given, "--strategy", "baseline", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "what 24 problems will take" in said
    assert "No comparison: there is one strategy only" in said
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"generations.sqlite"}
    wrong = {
        "--pilot 0": "--pilot is 0; it takes",
        "--detect 3": "--detect is 3; it takes a share",
        "--rate h100": "--rate is 'h100'; it takes NAME=TOKENS_PER_SECOND",
        "--rate h100=-3": "--rate is 'h100=-3'; it takes",
        "--planned-seeds 0": "--planned-seeds is 0; it takes",
    }
    for options, message in wrong.items():
        assert root._run(["plan", *options.split()]) == 2
        assert message in capsys.readouterr().err


def test_the_document_of_a_plan_is_json(tmp_path: Path) -> None:
    run = prepare(config(write_sums(tmp_path / "data", COUNT)), tmp_path / "a" / "run")
    made = planned.plan(played(run, 6), seeds=2, difference=0.05, rates={"big": 100.0})
    read = json.loads(json.dumps(planned.content(made), allow_nan=False))
    assert read["forecast"]["tokens"]["value"] == made.forecast.tokens.value
    assert read["elsewhere"]["big"]["value"] == pytest.approx(made.forecast.tokens.value * 2 / 100 / 3600)
    assert {"left", "right", "detectable", "needed"} <= read["prospects"][0].keys()


@pytest.mark.slow
def test_on_the_pocket_model_tokens_are_foretold_within_15_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot, "_SECONDS", 0.0)  # eight problems, on a quick machine too
    run = RunConfig(ModelConfig(model="pocket"), (POCKET_TASK,), COMPARISON[:2], limit=100)
    said = played(prepare(run, tmp_path / "a" / "run"), 8).forecast
    execute(prepare(run, tmp_path / "a" / "run"))
    made = counts(tmp_path / "a" / "run")["made"] + said.made
    assert said.pilot == 8
    assert said.tokens.value == pytest.approx(made, rel=0.15)
