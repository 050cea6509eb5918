"""Claims about runs with scorers: what they are asked for, what they write, how they are refused and resumed."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from tests.refusals import place, refused, rows, write_data
from tests.runs import killable
from tests.scorers.made import make
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.lm_eval.lm import TTSBenchLM
from tts_bench.records import from_line

__all__ = ["place", "refused"]  # fixtures

BEST = str(Path(__file__).parents[1] / "best_of_n.py") + ":BestOfN"
FILE = '''
"""Scorers for tests of runs."""

import hashlib
import time


def constant(problem, candidate):
    return 0.25


def digest(problem, candidate):
    time.sleep(0.001)
    return [hashlib.sha256(part.encode()).digest()[0] / 256 for part in (problem.prompt, candidate.text())]
'''


ODD = """
from itertools import count

numbers = count()


def counting(problem, candidate):
    return next(numbers)


def gone(problem, candidate):
    raise KeyError("x")


def endless(problem, candidate):
    return float("inf")
"""


@pytest.fixture
def there(place: Path) -> Path:
    """A folder with data and a file of scorers, in which commands are typed."""
    write_data(rows())
    (place / "mine.py").write_text(FILE)
    return place


def run(*more: str) -> int:
    model = ["--engine", "scripted", "--tasks", "gsm8k", "--data-dir", "data"]
    return root._run(["run", *model, *more])


def test_a_run_scores_writes_it_down_and_bills_it(there: Path) -> None:
    more = ["--strategy", f"{BEST}:samples=4,scorer=prm", "--scorer", "prm=function:call=mine.py:digest"]
    assert run(*more, "--strategy", "majority-vote:samples=4", "--out", "runs/one") == 0
    said = json.loads((there / "runs/one/run.json").read_text())
    assert said["identity"]["scorers"]["prm"]["kind"] == "function"
    assert said["scorers"]["prm"]["model"] == "mine.py:digest"
    assert said["config"]["scorers"] == ["prm=function:call=mine.py:digest"]
    assert "mine.py" in {each["file"] for each in said["outside_code"]}
    counts = said["timing"]["scores"]
    assert 0 < counts["made"] <= counts["asked"]
    records = [from_line(line) for line in (there / "runs/one/records.jsonl").read_text().splitlines()]
    best = [record for record in records if "best_of_n" in record.strategy]
    assert all(len({score.segment for score in record.scored}) == 4 for record in best)
    assert not [record for record in records if record not in best and record.scored]
    curve = json.loads((there / "runs/one/curve.json").read_text())
    assert {point["verifier"] for point in curve["points"]} == {0.0}


def test_a_constant_scorer_is_the_first_sample_in_every_record(there: Path) -> None:
    more = ["--strategy", f"{BEST}:samples=4,scorer=same", "--scorer", "same=function:call=mine.py:constant"]
    assert run(*more, "--strategy", "baseline", "--out", "runs/one") == 0
    records = [from_line(line) for line in (there / "runs/one/records.jsonl").read_text().splitlines()]
    baseline = {record.problem: record.answers[0] for record in records if record.strategy.startswith("baseline")}
    best = [record for record in records if not record.strategy.startswith("baseline")]
    assert len(best) == len(baseline)
    for record in best:
        first = baseline[record.problem]
        for rung in record.answers:
            assert (rung.text, rung.extracted, rung.scores) == (first.text, first.extracted, first.scores)


def test_a_reward_models_readings_are_in_the_bill(there: Path) -> None:
    folder = make("outcome", there / "rm", labels=1)
    scorer = f"rm=reward-model:model={folder},threads=1"
    assert run("--strategy", f"{BEST}:samples=2,scorer=rm", "--scorer", scorer, "--out", "runs/one") == 0
    said = json.loads((there / "runs/one/run.json").read_text())
    assert said["scorers"]["rm"]["parameters"] > 1000
    assert said["config"]["scorers"] == ["rm=reward-model:model=rm,threads=1"]  # seen from here
    records = [from_line(line) for line in (there / "runs/one/records.jsonl").read_text().splitlines()]
    for record in records:
        one, both = record.answers
        reads = {score.origin: score.read for score in record.scored}  # equal texts are read once
        assert 0 < one.cost.verifier <= both.cost.verifier == record.spent.verifier == sum(reads.values())
        assert both.cost.flops > sum({score.origin: score.flops for score in record.scored}.values()) > 1e6
        assert both.cost.judge == 0


def test_the_same_command_makes_no_score_again_and_another_scorer_is_another_run(there: Path) -> None:
    best = ["--strategy", f"{BEST}:samples=4,scorer=prm", "--out", "runs/one", "--scorer"]
    assert run(*best, "prm=function:call=mine.py:digest") == 0
    first = (there / "runs/one/records.jsonl").read_bytes()
    assert root._run(["run", "--resume", "runs/one"]) == 0
    assert (there / "runs/one/records.jsonl").read_bytes() == first
    counts = json.loads((there / "runs/one/run.json").read_text())["timing"]["scores"]
    assert counts["made"] == 0
    assert counts["found"] > 0
    (there / "mine.py").write_text(FILE + "\n# another version\n")
    assert run(*best, "prm=function:call=mine.py:digest") == 2


def test_a_run_without_scorers_says_nothing_of_them(there: Path) -> None:
    assert run("--strategy", "baseline", "--out", "runs/one") == 0
    said = json.loads((there / "runs/one/run.json").read_text())
    assert "scorers" not in said
    assert "scorers" not in said["identity"]
    assert "scores" not in said["timing"]


@pytest.mark.parametrize(
    ("more", "says"),
    {
        (): "it needs a scorer called 'prm'. Type --scorer prm=KIND:option=value; 'tts-bench scorers' lists the kinds.",
        ("--scorer", "x=function:call=mine.py:digest"): "it needs a scorer called 'prm'. The run has x. Type --scorer",
    }.items(),
)
def test_a_strategy_that_needs_a_scorer_is_refused_with_what_to_type(
    there: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], says: str
) -> None:
    assert run("--strategy", f"{BEST}:scorer=prm", "--out", "runs/one", *more) == 2
    assert says in capsys.readouterr().err.replace("\n", " ")
    assert not (there / "runs").exists()


def test_a_run_says_which_scorers_it_has(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--strategy", f"{BEST}:samples=2,scorer=prm", "--scorer", "prm=function:call=mine.py:digest"]
    assert run(*more, "--out", "runs/one") == 0
    assert "scorer    prm: function mine.py:digest (sha256 " in capsys.readouterr().out


def test_scorers_in_a_file_are_those_of_the_flags(there: Path) -> None:
    Path("run.toml").write_text(f"""
        engine = "scripted"
        tasks = ["gsm8k"]
        data_dir = "data"
        out = "runs/one"
        strategies = ["{BEST}:samples=4,scorer=prm"]
        scorers = ["prm=function:call=mine.py:digest"]
    """)
    assert root._run(["run", "--config", "run.toml"]) == 0
    best = ["--strategy", f"{BEST}:samples=4,scorer=prm", "--scorer", "prm=function:call=mine.py:digest"]
    assert run(*best, "--out", "runs/two") == 0
    one, two = (Path("runs", name, "records.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two


def test_lm_evals_model_takes_scorers_and_refuses_a_strategy_that_lacks_its_own(there: Path) -> None:
    strategy = f"{BEST}:samples=4,scorer=same"
    with pytest.raises(UserError, match="it needs a scorer called 'same'"):
        TTSBenchLM(strategy, engine="scripted")
    ask = Instance("generate_until", {}, ("What is 17 and 25?", {"until": []}), 0, metadata=("sums", 0, 1))
    best = TTSBenchLM(strategy, engine="scripted", scorers="same=function:call=mine.py:constant")
    assert best.generate_until([ask]) == TTSBenchLM("baseline", engine="scripted").generate_until([ask])


def test_the_list_of_kinds_and_the_options_of_one(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["scorers"]) == 0
    said = capsys.readouterr().out
    assert all(kind in said for kind in ("function", "judge", "pocket", "reward-model", "tts-bench scorers check"))
    assert root._run(["scorers", "reward-model"]) == 0
    assert "math-shepherd" in capsys.readouterr().out.replace("\n", "").replace("- ", "-")


def test_check_says_what_a_scorer_says_and_refuses_one_that_takes_it_back(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / "odd.py").write_text(ODD)
    assert root._run(["scorers", "check", "function:call=mine.py:digest"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("value 0.")
    assert "\nsteps 0." in said
    for name, says in {
        "counting": "Scores must be repeatable",
        "gone": "failed: KeyError",
        "endless": "they have to be finite numbers",
    }.items():
        assert root._run(["scorers", "check", f"function:call=odd.py:{name}"]) == 2
        assert says in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.slow
def test_kill_9_changes_no_byte_and_makes_no_score_twice(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")  # lm-eval is imported once, here
    data = killable.write_problems(tmp_path / "data", 12)
    (tmp_path / "mine.py").write_text(FILE)
    with_scores: dict[str, Any] = {
        "strategies": ("majority-vote:samples=4", f"{BEST}:samples=6,scorer=prm", f"{BEST}:samples=4,scorer=prm"),
        "scorers": (f"prm=function:call={tmp_path}/mine.py:digest",),
    }
    began = time.monotonic()
    killable.run(data, tmp_path / "undisturbed" / "run", **with_scores)
    whole = time.monotonic() - began
    out, log = tmp_path / "killed" / "run", tmp_path / "log"
    points, killed = random.Random(7), 0
    for _ in range(20):
        child = fork.Process(target=killable.run, args=(data, out, log), kwargs=with_scores)
        child.start()
        child.join(points.uniform(0, whole / 4))
        if child.exitcode is None:
            child.kill()
            child.join()
            killed += child.exitcode == -signal.SIGKILL
    assert killed > 5
    last = fork.Process(target=killable.run, args=(data, out, log), kwargs=with_scores)
    last.start()
    last.join()
    assert last.exitcode == 0
    for name in ("records.jsonl", "curve.json"):
        assert (out / name).read_bytes() == (tmp_path / "undisturbed" / "run" / name).read_bytes(), name
    made = log.with_suffix(".scores").read_text().split()
    assert len(made) == len(set(made)) == 12 * 6
