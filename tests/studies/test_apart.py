"""Claims about strategies, seeds and parts without a problem in common: they are left out, and the rest is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.present.study_results import StudyResults

HALVES = """\
from dataclasses import dataclass
from pathlib import Path

class Base:
    def fails(self, number, task):
        return False
    async def solve(self, problem, reasoner):
        task, _, number = problem.id.rpartition("/")
        if self.fails(int(number), task):
            raise ValueError("no")
        yield await reasoner.answer(await reasoner.think())

@dataclass(frozen=True)
class Even(Base):
    def fails(self, number, task):
        return task == "pocket_arithmetic" and number % 2 == 1

@dataclass(frozen=True)
class Odd(Base):
    def fails(self, number, task):
        return task == "pocket_arithmetic" and number % 2 == 0

@dataclass(frozen=True)
class Sums(Base):
    def fails(self, number, task):
        return task == "pocket_flat"

@dataclass(frozen=True)
class Flat(Base):
    def fails(self, number, task):
        return task == "pocket_arithmetic"

@dataclass(frozen=True)
class Never(Base):
    def fails(self, number, task):
        return True

@dataclass(frozen=True)
class Turns(Base):
    "Even problems with the first seed, odd ones with the second."
    def fails(self, number, task):
        seen = Path(f"seen-{number}")
        first = not seen.exists()
        seen.touch()
        return first == (number % 2 == 1)
"""
EVEN, ODD, SUMS, FLAT, NEVER, TURNS = (
    f"./halves.py:{name}" for name in ("Even", "Odd", "Sums", "Flat", "Never", "Turns")
)
VOTE = ("pocket_arithmetic", "whole/majority-vote", "whole/baseline")
WHOLE = ["baseline", "majority-vote:samples=2"]
LEFT_OUT = (
    f"No problem of pocket_arithmetic was finished by all of other/{EVEN}, other/{ODD}: they are not compared on it."
)
Report = Callable[..., str]


@pytest.fixture
def reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Report:
    """Play and report a study of the model `whole` and of another one, and give what the report says."""
    monkeypatch.chdir(tmp_path)
    Path("halves.py").write_text(HALVES)

    def report(other: list[str], *, tasks: int = 1, seeds: int = 1, more: str = "") -> str:
        head = f"seeds = {list(range(seeds))}\ntasks = {['pocket_arithmetic', 'pocket_flat'][:tasks]}\nlimit = 4\n"
        tables = [
            f'[models.{name}]\nengine = "scripted"\nmodel = "adder"\nstrategies = {list(dict.fromkeys(specs))}\n'
            for name, specs in (("other", other), ("whole", [*WHOLE, *other] if more else WHOLE))
        ]
        Path("s.toml").write_text("\n".join([head, *tables, more]))
        assert root._run(["study", "run", "s.toml"]) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "other-0: finished, with" in said
        assert "parts finished without an error" in said
        assert root._run(["study", "report", "s.toml"]) == 0
        assert Path("runs/s/report.html").is_file()
        return " ".join(capsys.readouterr().out.split())

    return report


def compared() -> set[tuple[str, str, str]]:
    found = json.loads(Path("runs/s/comparisons.json").read_text())["statements"]
    return {(one["task"], one["left"], one["right"]) for one in found}


def test_a_model_whose_strategies_finished_no_problem_in_common_is_left_out_and_the_others_are_compared(
    reported: Report,
) -> None:
    said = reported([EVEN, ODD])
    assert LEFT_OUT in said
    assert compared() == {VOTE}


def test_a_task_without_a_problem_in_common_is_left_out_and_the_others_are_compared(reported: Report) -> None:
    reported([EVEN, ODD], tasks=2)
    assert {one for one in compared() if one[1].startswith("other")} == {
        ("pocket_flat", f"other/{ODD}", f"other/{EVEN}")
    }
    assert {task for task, left, _ in compared() if left.startswith("whole")} == {"pocket_arithmetic", "pocket_flat"}
    shown = StudyResults("s.toml")._data.fronts()
    assert {name: {budget.task for budget in budgets} for name, budgets in shown.items()} == {
        "other": {"pocket_flat"},
        "whole": {"pocket_arithmetic", "pocket_flat"},
    }


def test_a_named_comparison_without_a_problem_in_common_is_left_out_and_the_others_are_made(reported: Report) -> None:
    named = f'[comparisons.halves]\nleft = "{EVEN}"\nright = "{ODD}"\nmodels = ["other"]\n'
    named += '[comparisons.vote]\nleft = "majority-vote:samples=2"\nright = "baseline"\nmodels = ["whole"]\n'
    said = reported([EVEN, ODD], more=named)
    assert LEFT_OUT in said
    assert compared() == {VOTE}
    file = Path("s.toml")
    file.write_text(file.read_text().replace('right = "baseline"', 'right = "basline"'))
    assert root._run(["study", "report", "s.toml"]) == 2  # a misspelt name is an error as before


def test_strategies_without_a_task_in_common_are_not_compared_and_a_note_says_so(reported: Report) -> None:
    said = reported([SUMS, FLAT], tasks=2)
    assert f"other/{SUMS}, other/{FLAT} have results on different tasks: nothing of other is compared." in said
    assert compared() == {VOTE, ("pocket_flat", *VOTE[1:])}


def test_a_part_of_errors_only_is_left_out_and_named(reported: Report) -> None:
    assert "other-0 has only errors and is in no number." in reported([NEVER])
    assert compared() == {VOTE}


def test_a_strategy_whose_seeds_finished_no_problem_in_common_is_left_out_and_named(reported: Report) -> None:
    said = reported([TURNS, "baseline"], seeds=2)
    assert f"The seeds of other/{TURNS} on pocket_arithmetic have no problem in common: it is in no number." in said
    assert compared() == {VOTE}


def test_a_study_of_errors_only_is_refused_and_its_parts_are_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("halves.py").write_text(HALVES)
    text = f'tasks = ["pocket_arithmetic"]\nlimit = 4\nstrategies = ["{NEVER}"]\n[models.adder]\nengine = "scripted"\n'
    Path("s.toml").write_text(text)
    assert root._run(["study", "run", "s.toml"]) == 2
    told = capsys.readouterr()
    assert "adder-0: finished, with 4 errors" in told.out
    assert "adder-0 has only errors" in " ".join(told.err.split())
    with pytest.raises(UserError, match="adder-0 has only errors"):
        StudyResults("s.toml")
