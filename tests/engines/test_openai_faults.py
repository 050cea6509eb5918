"""The openai engine with servers that fail: retries and errors, never a wrong answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.serving import Server, serving
from tests.on_hf import arms_of, items_of
from tests.tiny import make_tiny
from tts_bench.core.conditions import Conditions
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.openai import client
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import load
from tts_bench.errors import EngineError
from tts_bench.records import Record
from tts_bench.solving.solve import solve
from tts_bench.thinking import detect

GREEDY = Sampling(temperature=0)
BROKEN = ("429", "500", "502", "503", "504", "408", "cut", "half", "half-body", "hang", "drip")
WRONG = (
    *("usage 30", "usage -9", "prompt-usage", "no-usage", "negative"),
    *("model", "no-choice", "finish", "shorter"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("faulty"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)


@contextmanager
def endpoint(folder: Path, timeout: float = 20.0) -> Iterator[tuple[Server, OpenAIEngine]]:
    with serving(folder) as server:
        engine, _, _ = load(server.url, "served", tokenizer=str(folder), timeout=timeout)
        server.asked.clear()
        yield server, engine
        asyncio.run(engine.close())


def request(engine: OpenAIEngine) -> Request:
    tokenizer = engine.tokenizer
    return Request(tokenizer.encode("Tom has 12 apples"), (), 100, "s", GREEDY, frozenset(tokenizer.end_ids))


def ask(engine: OpenAIEngine) -> Generation:
    [made] = asyncio.run(engine.generate([request(engine)]))
    return made


@pytest.mark.parametrize("fault", [*BROKEN, *WRONG])
def test_a_fault_that_passes_leaves_no_trace(folder: Path, fault: str) -> None:
    with endpoint(folder, timeout=0.5 if fault in ("hang", "drip") else 20.0) as (server, engine):
        expected = ask(engine)
        server.faults.extend([fault, fault])
        assert ask(engine) == expected
        assert server.faulted == [fault] * 2
        assert len(server.asked) == 2


@pytest.mark.parametrize(("fault", "attempts"), [("500", 8), ("cut", 8), ("half", 8), ("usage 30", 3), ("model", 3)])
def test_a_fault_that_stays_becomes_an_error_that_says_what_it_was(folder: Path, fault: str, attempts: int) -> None:
    with endpoint(folder) as (server, engine):
        server.faults.extend([fault] * 20)
        with pytest.raises(EngineError, match=f"failed {attempts} times; the last time") as caught:
            ask(engine)
        assert len(server.faulted) == attempts
        assert server.asked == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "422", "302"])
def test_what_no_repetition_mends_is_not_repeated(folder: Path, status: str) -> None:
    with endpoint(folder) as (server, engine):
        server.faults.append(status)
        with pytest.raises(EngineError, match=f"status {status}: .*overloaded"):
            ask(engine)
        assert server.faulted == [status]


@pytest.mark.parametrize("value", ["1", "0.9", "date"])
@pytest.mark.parametrize("status", ["429", "503"])
def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(folder: Path, status: str, value: str) -> None:
    with endpoint(folder) as (server, engine):
        server.faults.append(f"{status} {value}")
        began = time.monotonic()
        ask(engine)
        assert 0.85 < time.monotonic() - began < 4


def test_a_server_that_is_gone_is_an_error_of_the_problem(folder: Path) -> None:
    with serving(folder) as server:
        engine, _, _ = load(server.url, "served", tokenizer=str(folder))
    with pytest.raises(EngineError, match="no connection"):
        ask(engine)
    asyncio.run(engine.close())


def test_an_engine_that_is_closed_asks_nothing_more(folder: Path) -> None:
    with endpoint(folder) as (server, engine):
        asyncio.run(engine.close())
        with pytest.raises(EngineError, match="the engine is closed"):
            ask(engine)
        assert server.asked == []


def test_a_cancelled_request_does_not_come_back(folder: Path) -> None:
    with endpoint(folder) as (server, engine):
        server.faults.extend(["500 30"])

        async def give_up() -> None:
            async with asyncio.timeout(0.3):
                await engine.generate([request(engine)])

        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        assert server.asked == []


def test_where_one_request_of_a_call_fails_nothing_is_asked_for_the_others_any_more(folder: Path) -> None:
    with endpoint(folder) as (server, engine):
        usual = request(engine)
        refused = replace(usual, stream="refused", max_tokens=9)
        server.mood = lambda body: "400" if body["max_tokens"] == 9 else "429 1"

        async def fail() -> None:
            sleeping = asyncio.ensure_future(engine.generate([usual]))
            await asyncio.sleep(0.3)
            with pytest.raises(EngineError, match="status 400"):
                await engine.generate([usual, refused])
            assert not sleeping.done()
            await engine.close()
            assert sleeping.cancelled()
            heard = len(server.faulted)
            await asyncio.sleep(2)
            assert len(server.faulted) == heard

        asyncio.run(fail())
        assert engine._client._http is None


def records_of(engine: OpenAIEngine, store: Store) -> list[Record]:
    """Records with their errors."""
    chosen = Conditions(detect(engine.tokenizer), thinking=GREEDY, max_answer=40)
    scheduler = Scheduler(engine, store)
    arms = arms_of("baseline:budgets=8+20", "budget-forcing:extensions=2", "majority-vote:samples=3")

    async def everything() -> list[Record]:
        return await asyncio.gather(*(solve(arm, item, scheduler, chosen, 60) for item in items_of() for arm in arms))

    return asyncio.run(everything())


def finished_once(server: Server) -> bool:
    return max(Counter(repr(body) for body in server.asked).values()) == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_through_a_faulty_server_gives_the_records_of_a_sound_one_and_finishes_nothing_twice(
    folder: Path, seed: int
) -> None:
    draws, tried = random.Random(seed), Counter[str]()
    kinds = [fault for fault in (*BROKEN, *WRONG) if fault not in ("hang", "drip")]

    def twice_at_most(body: dict[str, object]) -> str:
        tried[repr(body)] += 1
        return draws.choice(["", *kinds]) if tried[repr(body)] < 3 else ""

    with endpoint(folder) as (server, engine):
        expected = records_of(engine, Store(None))
        server.asked.clear()
        server.mood = twice_at_most
        found = records_of(engine, Store(None))
        assert len(server.faulted) > 10
        assert finished_once(server)
    assert found == expected
    assert not any(record.error for record in found)


def test_where_faults_outlast_retries_problems_have_errors_and_the_rest_is_right_and_a_repetition_mends_them(
    folder: Path,
) -> None:
    with endpoint(folder) as (server, engine):
        expected = records_of(engine, Store(None))
        server.asked.clear()
        store = Store(None)
        server.faults.extend(["model"] * 40)
        found = records_of(engine, store)
        failed = [record for record in found if record.error]
        assert failed
        assert {record.error.kind for record in failed if record.error} == {"engine"}
        for record, right in zip(found, expected, strict=True):
            told = [(answer.text, answer.cost) for answer in record.answers]
            assert told == [(answer.text, answer.cost) for answer in right.answers][: len(told)]
        server.faults.clear()
        assert records_of(engine, store) == expected
        assert finished_once(server)
