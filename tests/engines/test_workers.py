"""Claims about engines in processes: the same texts as one engine, whichever process answers and whichever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

import pytest

from tests.engines.at_work import alone, asked, requests
from tests.engines.scripted_engines import Exacting, Slow, deadly, rows_of_eight, scripted, slow, told, unloadable
from tests.tiny import make_tiny
from tts_bench.api import LearnedToken
from tts_bench.engine import EngineInfo, Generation, Request
from tts_bench.engines import processes
from tts_bench.engines.hf.kind import load_hf
from tts_bench.engines.processes import Process, start
from tts_bench.engines.workers import Workers
from tts_bench.errors import EngineError, UserError

quick = pytest.mark.usefixtures("forked_workers")  # what a fresh process has to show, two of the tests show


def kill(engine: Workers, number: int) -> None:
    transport = engine._workers[number].transport
    assert isinstance(transport, Process)
    os.kill(transport.process.pid or 0, signal.SIGKILL)
    transport.ending()  # not process.join(): the engine's thread waits for the same process


def test_processes_give_in_order_what_one_engine_gives() -> None:
    given = requests(60)
    found = asked(start(2, scripted), lambda engine: engine.generate(given))
    assert found == alone(given)
    assert len(set(found)) > 10


@quick
def test_both_processes_work_and_a_prompt_stays_with_one() -> None:
    async def work(engine: Workers) -> list[set[int]]:
        given = requests(20)
        await engine.generate(given)
        homes = {request.prompt: engine._workers.index(engine._home[hash(request.prompt)]) for request in given}
        await engine.generate(given)
        after = {request.prompt: engine._workers.index(engine._home[hash(request.prompt)]) for request in given}
        assert after == homes
        return [set(homes.values())]

    assert asked(start(2, scripted), work) == [{0, 1}]


@quick
def test_of_one_prompt_more_than_a_workers_rows_go_to_another_that_has_rows_to_spare() -> None:
    async def work(engine: Workers) -> list[int]:
        same = [replace(requests(1)[0], stream=f"s{number}") for number in range(24)]
        generating = asyncio.create_task(engine.generate(same))
        await asyncio.sleep(0.1)
        given = [len(worker.pending) for worker in engine._workers]
        await generating
        return given

    assert sorted(asked(start(3, rows_of_eight), work)) == [8, 8, 8]
    assert sorted(asked(start(3, slow), work)) == [0, 0, 24]  # it does not say how many rows it has


@quick
def test_what_a_dead_process_was_asked_is_answered_by_another() -> None:
    given = requests(20)

    async def work(engine: Workers) -> list[Generation]:
        generating = asyncio.create_task(engine.generate(given))
        await asyncio.sleep(0.1)
        assert engine._workers[0].pending
        kill(engine, 0)
        return [*await generating, *await engine.generate(given[:3])]

    found = asked(start(2, scripted, kind=Slow), work)
    assert found == alone(given) + alone(given[:3])


@quick
def test_where_no_process_is_left_requests_fail_with_the_exit_codes() -> None:
    async def work(engine: Workers) -> None:
        generating = asyncio.create_task(engine.generate(requests(5)))
        await asyncio.sleep(0.1)
        kill(engine, 0)
        with pytest.raises(EngineError, match="no worker is left: a worker process ended with code -9"):
            await generating

    asked(start(1, scripted, kind=Slow), work)


@quick
def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async def work(engine: Workers) -> list[Generation]:
        generating = asyncio.create_task(engine.generate(requests(5)))
        await asyncio.sleep(0.1)
        generating.cancel()
        with suppress(asyncio.CancelledError):
            await generating
        assert not engine._asked
        assert not any(worker.pending for worker in engine._workers)
        return await engine.generate(requests(5))

    assert asked(start(2, scripted, kind=Slow), work) == alone(requests(5))


@quick
def test_a_mistake_or_a_death_while_loading_says_what_to_type() -> None:
    with pytest.raises(UserError, match="there is no such model"):
        start(2, unloadable)
    with pytest.raises(UserError, match=r"ended with code 7 during startup.*try --workers 1"):
        start(1, deadly)


@quick
def test_a_token_that_does_not_fit_is_refused_by_the_processes() -> None:
    async def work(engine: Workers) -> EngineInfo:
        with pytest.raises(UserError, match="a row of 1 numbers; 2 were expected"):
            engine.learn(LearnedToken("t", (0.0,), engine.info.fingerprint, "d" * 64))
        engine.learn(LearnedToken("t", (0.0, 1.0), engine.info.fingerprint, "d" * 64))
        return engine.info

    assert asked(start(2, scripted, kind=Exacting), work).settings["workers"] == 2


@quick
def test_a_row_that_is_known_is_refused_where_it_comes_for_another_model() -> None:
    async def work(engine: Workers) -> None:
        token = LearnedToken("t", (0.0,), engine.info.fingerprint, "d" * 64)
        assert engine.learn(token) == engine.learn(token)
        with pytest.raises(UserError, match="trained for the model with fingerprint other"):
            engine.learn(replace(token, model="other"))

    asked(start(2, scripted), work)


@quick
def test_a_token_for_a_process_that_has_died_says_so() -> None:
    async def work(engine: Workers) -> None:
        kill(engine, 0)
        with pytest.raises(UserError, match="ended with code -9"):
            engine.learn(LearnedToken("t", (0.0,), engine.info.fingerprint, "d" * 64))

    asked(start(2, scripted), work)


@pytest.mark.slow
def test_hf_in_two_processes_gives_what_it_gives_in_one(tmp_path: Path) -> None:

    folder = make_tiny(tmp_path)
    arguments = {
        "folder": folder,
        "name": "tiny",
        "fingerprint": "f" * 64,
        "device": "cpu",
        "max_num_seqs": 8,
        "threads": 1,
    }
    one = load_hf(**arguments)
    encode = one.tokenizer.encode
    given = [Request(encode(f"{n} and {n % 3}"), (), 12, f"s{n}") for n in range(24)]

    async def work() -> list[Generation]:
        try:
            return await one.generate(given)
        finally:
            await one.close()

    several = start(2, load_hf, share=2, **arguments)
    assert isinstance(several, Workers)
    assert (several.info.exact, several.info.identity) == (True, one.info.identity)
    assert asked(several, lambda engine: engine.generate(given)) == asyncio.run(work())


SCRIPT = """
from tests.engines.scripted_engines import scripted
from tts_bench.engines.processes import start
from tts_bench.errors import UserError
try:
    start(2, scripted)
except UserError as error:
    print(error)
"""


def test_a_script_without_a_main_guard_is_told_of_it_once_and_not_of_memory(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(tmp_path / "mine.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=True)
    assert done.stdout.startswith("mine.py runs again in each worker process")
    assert "if __name__ == '__main__':" in done.stdout
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@quick
def test_threads_that_ask_at_once_how_a_process_ended_hear_the_same() -> None:
    process = Process(scripted, {})
    process.receive()
    os.kill(process.process.pid or 0, signal.SIGKILL)
    with ThreadPoolExecutor(8) as pool:
        said = [asked.result() for asked in [pool.submit(process.ending) for _ in range(8)]]
    assert set(said) == {"a worker process ended with code -9"}


def test_workers_are_forks_of_one_process_as_long_as_libraries_would_read_the_same_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = processes._context("json")
    assert isinstance(before, ForkServerContext) == (sys.platform == "linux")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert isinstance(processes._context("json"), SpawnContext)
    monkeypatch.undo()
    monkeypatch.setenv("OF_A_STRATEGY", "1")  # no library's: workers are told of it
    assert type(processes._context("json")) is type(before)
    assert isinstance(processes._context(""), SpawnContext)


def test_an_engine_that_nobody_waits_for_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    for load in (scripted, unloadable):
        worker = Process(load, {})
        worker._pipe.close()
        worker.process.join(60)
        assert worker.process.exitcode == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("warm", ["", "json"])
def test_a_worker_hears_no_interrupt_even_while_it_imports_and_knows_the_environment(
    monkeypatch: pytest.MonkeyPatch, warm: str
) -> None:
    monkeypatch.setenv("OF_A_TEST", warm)
    worker = Process(told, {"of": "OF_A_TEST"}, warm)
    for _ in range(20):
        os.kill(worker.process.pid or 0, signal.SIGINT)
    with pytest.raises(UserError, match=f"OF_A_TEST is '{warm}'"):
        Workers([worker])
