"""`tts_bench.run` and `load`: what the commands do, from a program, in a running event loop, with one's own classes."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tts_bench as tb
from tests import forked
from tts_bench import registry
from tts_bench.api import Answer, Problem, Reasoner
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.strategies.majority_vote import MajorityVote


@dataclass(frozen=True)
class Mine:
    """Think in several branches, and take the last."""

    rounds: int = 2

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        for place in range(self.rounds):
            branch = reasoner.branch(str(place))
            yield await branch.answer(await branch.think())


def scripted(out: Path, *strategies: object, **settings: object) -> tb.Results:
    chosen = {"engine": "scripted", "tasks": ["gsm8k"], "limit": 3, "quiet": True, **settings}
    return tb.run(strategies=strategies, out=out, **chosen)  # type: ignore[arg-type]


def test_a_run_has_the_records_of_the_same_command(tmp_path: Path) -> None:
    found = scripted(tmp_path / "here", "baseline", MajorityVote(samples=3))
    words = ["--engine", "scripted", "--tasks", "gsm8k", "--limit", 3, "--out", tmp_path / "there"]
    arms = ["--strategy", "baseline", "--strategy", "majority-vote:samples=3"]
    done = forked.run(forked.MAIN, "run", *words, *arms)
    assert done.returncode == 0, done.stderr
    here, there = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("here", "there"))
    assert here == there
    assert found.folders == (tmp_path / "here",)
    assert found.table().equals(tb.load(tmp_path / "there").table())


def test_classes_and_objects_of_a_program_are_run_under_their_names(tmp_path: Path) -> None:
    found = scripted(tmp_path / "run", "baseline", Mine, Mine(rounds=3))
    assert list(dict.fromkeys(found.table().strategy)) == ["baseline", "Mine", "Mine:rounds=3"]
    header = json.loads((tmp_path / "run" / "run.json").read_text())
    assert all("sha256:" in source for name, source in header["identity"]["sources"].items() if "Mine" in name)


def test_it_runs_where_an_event_loop_is_running(tmp_path: Path) -> None:
    async def notebook() -> tb.Results:
        return scripted(tmp_path / "run", Mine)

    assert len(list(asyncio.run(notebook()).records())) == 3


def test_the_same_call_goes_on_with_what_is_there(tmp_path: Path) -> None:
    scripted(tmp_path / "run", Mine, limit=2)
    before = (tmp_path / "run" / "records.jsonl").read_bytes()
    assert scripted(tmp_path / "run", Mine, limit=2).to_pandas().shape[0] == 4
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == before
    with pytest.raises(UserError, match=r"holds another run.s records: its seed is 0"):
        scripted(tmp_path / "run", Mine, limit=2, seed=1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"limt": 3}, "there is no key 'limt'. Did you mean 'limit'"),
        ({"seed": "one"}, 'seed is "one"; it takes a whole number'),
        ({"tasks": ["gsm9k"]}, "gsm9k"),
        ({"strategies": ["majorty-vote"]}, "Did you mean 'majority-vote'"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    strategies = settings.pop("strategies", ["baseline"])
    with pytest.raises(UserError, match=said):
        scripted(tmp_path / "run", *strategies, **settings)  # type: ignore[misc]
    assert not (tmp_path / "run").exists()


def test_what_comes_once_is_taken_whole_and_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    each: list[object] = ["baseline", Mine, MajorityVote(samples=2)]
    found = tb.run(
        engine="scripted",
        strategies=(one for one in each),  # type: ignore[arg-type]
        tasks=map(str, ["gsm8k"]),  # type: ignore[arg-type]
        limit=np.int64(2),  # type: ignore[arg-type]
        temperature=np.float32(0.5),
        out=tmp_path / "run",
        quiet=True,
    )
    assert list(dict.fromkeys(found.table().strategy)) == ["baseline", "Mine", "majority-vote"]
    assert len(list(found.records())) == 6
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert (config["tasks"], config["limit"], config["temperature"]) == (["gsm8k"], 2, 0.5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategies": "baseline"}, "strategies is the text 'baseline'; it takes several: ['baseline']."),
        ({"tasks": "pocket_arithmetic"}, "tasks is the text 'pocket_arithmetic'; it takes several: ['pocket_"),
        ({"strategies": []}, "strategies is empty; it takes at least one, such as ['baseline']."),
        ({"strategies": iter(())}, "strategies is empty; it takes at least one"),
        ({"tasks": []}, "tasks is empty; it takes at least one, such as ['gsm8k']."),
        ({"strategies": Mine(rounds=3)}, "strategies is Mine(rounds=3); it takes several in a list"),
        ({"strategies": None}, "strategies is None; it takes several in a list"),
        ({"limit": np.array([1, 2])}, 'limit is "[1 2]"; it takes a whole number'),
        ({"limit": np.float64(2)}, "limit is 2.0; it takes a whole number"),
    ],
)
def test_what_is_not_several_or_no_number_is_refused_and_nothing_else_is_run(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        tb.run(engine="scripted", out=tmp_path / "run", quiet=True, **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("jobs", ["x", 0, 1.5, None, True])
def test_jobs_are_a_whole_number(jobs: object) -> None:
    said = f"jobs is {jobs!r}; it takes a whole number from 1 upwards."
    with pytest.raises(UserError, match=re.escape(said)):
        tb.study("gone.toml", jobs=jobs)  # type: ignore[arg-type]


def test_a_list_in_the_place_of_a_folder_or_a_file_is_refused() -> None:
    with pytest.raises(UserError, match=r"\['runs/r'\] is none. Type load\(.*load\(\*folders\) for a list"):
        tb.load(["runs/r"])  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"study\(\) takes one file, and \['a.toml'\] is none"):
        tb.study(["a.toml"])  # type: ignore[arg-type]


def test_what_is_no_strategy_is_refused_in_the_words_of_the_contract() -> None:
    class Plain:
        pass

    with pytest.raises(UserError, match="lacks solve"):
        registry.built(Plain)  # type: ignore[arg-type]


def test_a_registered_class_has_its_registered_name() -> None:
    assert registry.built(MajorityVote(samples=4)).id == registry.build("majority-vote:samples=4").id
    assert registry.built(MajorityVote).source == registry.build("majority-vote").source


def test_results_compare_draw_and_show_themselves(tmp_path: Path) -> None:
    found = scripted(tmp_path / "run", "baseline:budgets=4+8", "majority-vote:samples=4", limit=12)
    assert {statement.left for statement in found.compare().statements} >= {"majority-vote"}
    found.plot(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().lstrip().startswith("<?xml")
    shown = found._repr_html_()
    assert shown.startswith("<pre>")
    assert "<svg" in shown
    assert "majority-vote" in repr(found)
    with pytest.raises(UserError, match="load"):
        tb.load()


def test_a_figure_is_of_a_kind_and_in_a_folder_that_there_is(tmp_path: Path) -> None:
    found = scripted(tmp_path / "run", "baseline:budgets=4+8", limit=2)
    refused: dict[str | Path, str] = {
        "x.xyz": "path x.xyz ends in '.xyz'; it takes .png, .svg, .pdf, .tex.",
        "x": "path x has no ending; it takes .png, .svg, .pdf, .tex.",
        tmp_path / "no" / "x.png": f"the folder {tmp_path / 'no'} does not exist. Create it",
    }
    for path, said in refused.items():
        with pytest.raises(UserError, match=re.escape(said)):
            found.plot(path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"folder\.png is a folder; it takes a file"):
        found.plot(tmp_path / "folder.png")
    with pytest.raises(UserError, match="seed is -1; it takes a whole number from 0 upwards"):
        found.compare(seed=-1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tb.Results:
    return scripted(tmp_path_factory.mktemp("small") / "run", "baseline:budgets=4+8", "majority-vote:samples=2")


SIZE = "it takes width and height in inches, 1 to 40, such as (3.3, 2.4)."


@pytest.mark.parametrize(
    "size", [(-1, 2), (2, math.nan), (math.inf, 2), (1e9, 2), (0.5, 2), "3x2", (3,), (3, 2, "cm"), ("3", "2"), 3, {}]
)
def test_a_figure_has_a_width_and_a_height_that_can_be_drawn(small: tb.Results, size: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with pytest.raises(UserError, match=re.escape(f"size is {size!r}; {SIZE}")):
        small.plot(tmp_path / "a.svg", size=size)
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("size", [(3, 2), [3.5, 2], np.array([3, 2.5]), (np.float32(3), Fraction(5, 2))])
def test_a_size_may_be_any_two_numbers(small: tb.Results, size: Any) -> None:  # noqa: ANN401
    assert tuple(small.plot(size=size).get_size_inches()) == tuple(map(float, size))


@pytest.mark.parametrize("wrong", [3, None, [], b"tokens"])
@pytest.mark.parametrize("name", ["plot title", "plot axis", "compare axis", "load metric"])
def test_what_is_no_text_is_refused_where_a_text_is_taken(small: tb.Results, name: str, wrong: Any) -> None:  # noqa: ANN401
    verb, name = name.split()
    if name == "metric" and wrong is None:
        return  # the default
    called = partial(tb.load, *small.folders) if verb == "load" else getattr(small, verb)
    with pytest.raises(UserError, match=re.escape(f"{name} is {wrong!r}; it takes a text.")):
        called(**{name: wrong})


@pytest.mark.parametrize(
    ("path", "said"),
    [("a\0b", "; a path has no character of code 0. Give another"), ("a\ud800", ", which no file can be called. Give")],
)
def test_what_no_file_can_be_called_is_refused_by_its_name(small: tb.Results, path: str, said: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "out": lambda: tb.run(engine="scripted", limit=1, out=path, quiet=True),
        "store": lambda: tb.run(engine="scripted", tasks=["gsm8k"], limit=1, store=path, quiet=True),
        "data_dir": lambda: tb.run(engine="scripted", tasks=["gsm8k"], limit=1, data_dir=Path(path), quiet=True),
        "folder": lambda: tb.load(path),
        "file": lambda: tb.study(path),
        "path": lambda: small.plot(f"{path}.svg"),
    }
    for name, call in calls.items():
        with pytest.raises(UserError, match=rf"^{name} is '[ -~]*{re.escape(said)}"):
            call()


def test_a_figure_for_latex_is_that_of_the_command(tmp_path: Path) -> None:
    found = scripted(tmp_path / "run", "baseline:budgets=4+8", "majority-vote:samples=4", limit=12)
    found.plot(tmp_path / "here.TEX", title="a_b", linear=True)
    words = ["plot", str(tmp_path / "run"), "--out", str(tmp_path / "there.tex"), "--title", "a_b", "--linear"]
    assert root._run(words) == 0
    assert (tmp_path / "here.TEX").read_bytes() == (tmp_path / "there.tex").read_bytes()


def test_the_package_is_imported_in_a_tenth_of_what_torch_takes() -> None:
    code = "import sys, tts_bench; assert not {'torch', 'numpy', 'rich', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
