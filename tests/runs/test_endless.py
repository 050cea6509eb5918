"""Claim: a strategy that does not end is a timeout of its own, and nothing that it leaves keeps a run from ending."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import endless, forked
from tests.scripts import World, rambler
from tts_bench.api import Answer, Problem, Reasoner, Strategy
from tts_bench.cli import main as root
from tts_bench.conformance import apart
from tts_bench.records import Record, to_line
from tts_bench.solving import loop
from tts_bench.solving.solve import Arm, solve
from tts_bench.solving.watchdog import watchdog

FILE = Path(endless.__file__)


@dataclass(frozen=True)
class CancelsItself:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        raise asyncio.CancelledError
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class RaisesWhatWasNeverRaised:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        raise ExceptionGroup("\ud800", [ValueError("\ud800" * 10_000)])
        yield await reasoner.answer(await reasoner.think())


def records(*strategies: Strategy, timeout: float = 0.4) -> list[Record]:
    world = World(rambler)

    async def all_of_them() -> list[Record]:
        async with watchdog(timeout):
            arms = [Arm(str(place), strategy) for place, strategy in enumerate(strategies)]
            jobs = [solve(arm, world.item(), world.scheduler, world.conditions, timeout) for arm in arms]
            return list(await asyncio.gather(*jobs))

    return loop.run(all_of_them())


def test_a_strategy_that_sets_and_cancels_an_alarm_spares_no_other_its_end() -> None:
    before = signal.getsignal(signal.SIGALRM)
    try:
        good, bad = records(endless.SetsAnAlarm(), endless.SpinsAndSwallowsOrdinaryErrors())
        assert good.error is None
        assert bad.error is not None
        assert bad.error.kind == "timeout"
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN  # its own business
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(endless.Swallows(), marks=pytest.mark.slow),
        endless.SwallowsWhileItSleeps(),
        endless.SpinsInATask(),
        endless.SpinsAndSwallowsOrdinaryErrors(),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_a_strategy_that_swallows_its_end_is_a_timeout_and_the_others_go_on(strategy: Strategy) -> None:
    bad, good = records(strategy, endless.LeavesATask())
    assert bad.error is not None
    assert bad.error.kind == "timeout"
    assert good.error is None


@pytest.mark.parametrize(
    ("strategy", "message"),
    [(CancelsItself(), "CancelledError:  (test_endless.py:"), (RaisesWhatWasNeverRaised(), "ValueError: \\ud800")],
    ids=["CancelsItself", "RaisesWhatWasNeverRaised"],
)
def test_an_error_of_any_kind_is_a_record_that_can_be_written(strategy: Strategy, message: str) -> None:
    bad, good = records(strategy, endless.LeavesATask())
    assert bad.error is not None
    assert (bad.error.kind, bad.error.message[: len(message)]) == ("raised", message)
    assert len(to_line(bad).encode()) < 20_000
    assert good.error is None


def test_a_generator_that_is_left_open_is_left_alone() -> None:
    """asyncio would close it, and wait for as long as it likes, when all is done."""
    [record] = records(endless.LeavesAGenerator())
    assert record.error is None
    assert endless.left_open
    assert not endless.closed


@pytest.mark.parametrize("timeout", ["0.001", "0.02"])
def test_no_timeout_is_too_short_for_a_run_that_ends(timeout: str, tmp_path: Path) -> None:
    command = ["run", "--engine", "scripted", "--limit", "8", "--timeout", timeout, "--out", str(tmp_path / "run")]
    done = _tts_bench(*command)
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "records.jsonl").read_text("utf-8").count("\n") == 24


@pytest.mark.parametrize("name", ["LeavesAThread", "LeavesAThreadOfTheLoop"])
def test_a_thread_that_a_strategy_leaves_behind_keeps_no_run_from_ending(name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = _tts_bench("run", "--engine", "scripted", "--limit", "2", "--strategy", f"{FILE}:{name}", "--out", str(out))
    assert done.returncode == 0
    assert (out / "curve.json").is_file()


@pytest.mark.parametrize("name", ["Swallows", "BlocksInC"])
def test_check_ends_a_strategy_that_nothing_else_ends_and_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(apart, "SILENCE", 5.0)
    assert root._run(["strategies", "check", f"{FILE}:{name}"]) == 2
    out = capsys.readouterr().out
    assert out.startswith("fail       answers")
    assert "did not finish within 5 s" in out or "nothing came of it for 5 s" in out
    assert out.count("not tried") == 12


def test_check_ends_though_importing_the_file_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(apart, "SILENCE", 5.0)
    (tmp_path / "mine.py").write_text("import itertools\nmax(itertools.repeat(0))\n")
    assert root._run(["strategies", "check", f"{tmp_path / 'mine.py'}:Mine"]) == 2
    assert "mine.py:Mine does not load: nothing came of it for 5 s" in capsys.readouterr().err


def _tts_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(forked.MAIN, *arguments, timeout=120)
