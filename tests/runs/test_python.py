"""`tts_bench.run` and `load`: what the commands do, from a program, in a running event loop, with one's own classes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tts_bench as tb
from tests import forked
from tts_bench import registry
from tts_bench.api import Answer, Problem, Reasoner
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


def test_the_package_is_imported_in_a_tenth_of_what_torch_takes() -> None:
    code = "import sys, tts_bench; assert not {'torch', 'numpy', 'rich', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
