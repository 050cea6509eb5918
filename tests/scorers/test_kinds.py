"""Claims about scorers by name: their grammar, functions of a file, kinds of other packages."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tts_bench.api import Problem
from tts_bench.errors import EngineError, UserError
from tts_bench.scorer import Candidate, Scorer, Verdict
from tts_bench.scorers import kinds
from tts_bench.scorers.kinds import SCORERS, ScorerKind

PROBLEM = Problem("sums/0", "sums", "What is 17 and 25?")
FILE = """
from beside import OFFSET


def letters(problem, candidate):
    return len(candidate.text()) + OFFSET


def steps(problem, candidate):
    return [len(step) for step in candidate.thinking.split()]


async def later(problem, candidate):
    return float(candidate.answer)


def fails(problem, candidate):
    raise KeyError(problem.id)


def whole(problem, candidate):
    from tts_bench.scorer import Verdict

    return Verdict(1.0, read=3, sampled=2, said="well")


number = 3
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "beside.py").write_text("OFFSET = 1\n")
    return tmp_path


def scorer(spec: str) -> Scorer:
    [one] = kinds.check([spec])
    return kinds.load(one).scorer


def values(scorer: Scorer, *answers: str) -> list[Verdict]:
    return asyncio.run(scorer.score(PROBLEM, [Candidate("a bb ccc", answer) for answer in answers]))


@pytest.mark.parametrize(
    ("name", "verdicts"),
    {
        "letters": [Verdict(13.0), Verdict(14.0)],
        "steps": [Verdict(3.0, (1.0, 2.0, 3.0))] * 2,
        "later": [Verdict(42.0), Verdict(143.0)],
        "whole": [Verdict(1.0, (), 3, 2, "well")] * 2,
    }.items(),
)
def test_a_function_of_a_file_gives_numbers_steps_or_verdicts(place: Path, name: str, verdicts: list[Verdict]) -> None:
    assert values(scorer(f"mine=function:call=./mine.py:{name}"), "42", "143") == verdicts


def test_steps_of_a_function_are_aggregated_as_asked(place: Path) -> None:
    assert values(scorer("mine=function:call=mine.py:steps,aggregate=mean"), "42")[0].value == 2.0


def test_a_function_that_fails_is_an_error_of_that_problem(place: Path) -> None:
    with pytest.raises(EngineError, match=r"the scorer mine\.py:fails failed: KeyError: 'sums/0'"):
        values(scorer("mine=function:call=mine.py:fails"), "42")


def test_another_text_of_the_file_or_of_one_beside_it_is_another_scorer(place: Path) -> None:
    def fingerprints(*names: str) -> set[str]:
        return {scorer(f"mine=function:call=mine.py:{name}").info.fingerprint for name in names}

    before = fingerprints("letters")
    assert fingerprints("letters") == before
    assert len(fingerprints("letters", "steps")) == 2
    (place / "beside.py").write_text("OFFSET = 2\n")
    assert fingerprints("letters") != before
    assert values(scorer("mine=function:call=mine.py:letters"), "42")[0].value == 14.0


def test_a_scorer_is_called_by_its_name_or_else_by_its_kind(place: Path) -> None:
    assert [one.name for one in kinds.check(["function:call=mine.py:steps", "b=function:call=mine.py:steps"])] == [
        "function",
        "b",
    ]
    for spec in ("b=function:call=mine.py:steps,aggregate=min", "prm=reward-model:model=x,layout=qwen,step=a\\,b"):
        assert kinds.chosen(kinds.chosen(spec).spec) == kinds.chosen(spec)


@pytest.mark.parametrize(
    ("specs", "says"),
    {
        ("x",): "there is no kind of scorer 'x'. Known: function, judge, pocket, recorded, reward-model.",
        ("a=functon:call=mine.py:steps",): "Did you mean 'function'?",
        ("a b=function:call=mine.py:steps",): "has the name 'a b'; it takes letters",
        ("=function:call=mine.py:steps",): "has the name ''",
        ("function",): "function needs the option call",
        ("function:call=mine.py",): "call is 'mine.py'; it takes ./file.py:function",
        ("function:call=gone.py:steps",): "there is no file 'gone.py'. Type the path of a Python file: ./file.py:FUNC",
        ("function:cal=mine.py:steps",): "has no option 'cal'. Did you mean 'call'?",
        ("function:call=mine.py:steps",) * 2: "two scorers are named 'function'. Type --scorer ANOTHER=function:",
    }.items(),
)
def test_a_scorer_that_cannot_be_is_refused_with_what_to_type(place: Path, specs: Sequence[str], says: str) -> None:
    with pytest.raises(UserError) as caught:
        kinds.check(specs)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["gone", "number", "Verdict"])
def test_what_is_no_function_of_the_file_is_refused(place: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"mine.py has no function '{name}'. Write `def {name}"):
        scorer(f"function:call=mine.py:{name}")


THEIRS = """
    from dataclasses import dataclass

    from tts_bench.scorer import ScorerInfo, Verdict
    from tts_bench.scorers.kinds import Loaded, ScorerKind


    @dataclass(frozen=True)
    class Options:
        base: float = 1.0


    class Theirs:
        def __init__(self, base):
            self.info = ScorerInfo("theirs", "theirs", "0", {"base": base})

        async def score(self, problem, candidates):
            return [Verdict(self.info.identity["base"]) for _ in candidates]

        async def close(self):
            pass


    kind = ScorerKind("says one number", Options, lambda setup: Loaded(Theirs(setup.options.base), "theirs 1"))
    missing = ScorerKind("is not there", Options, kind.load, installed=lambda: "", install="pip install theirs-more")
    bare = ScorerKind("forgets to wrap", Options, lambda setup: Theirs(1.0))
"""


@pytest.fixture
def theirs(install: Callable[..., None], place: Path) -> None:
    (place / "their_scorer.py").write_text(textwrap.dedent(THEIRS))
    names = ("kind", "missing", "bare", "Options")
    install("their-scorer", "\n".join(f"their-{name} = their_scorer:{name}" for name in names), SCORERS.name)


def test_a_kind_of_another_package_is_found_by_its_name(theirs: None) -> None:
    assert values(scorer("their-kind:base=2.5"), "42") == [Verdict(2.5)]


@pytest.mark.parametrize(
    ("spec", "says"),
    {
        "their-missing": "is missing a dependency. Type pip install theirs-more.",
        "their-bare": "loads as a Theirs; it must be a tts_bench.scorers.kinds.Loaded",
        "their-Options": "names a tts_bench.scorers.kinds.ScorerKind. Reinstall or remove that package.",
    }.items(),
)
def test_a_kind_that_is_broken_is_told_so(theirs: None, spec: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        scorer(spec)
    assert says in str(caught.value)


def test_options_that_are_no_frozen_dataclass_are_refused() -> None:
    with pytest.raises(ValueError, match=r"options is .*; it takes a frozen dataclass"):
        ScorerKind("x", dict, lambda setup: None)  # type: ignore[arg-type, return-value]
