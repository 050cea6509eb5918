"""Calls of the hf engine beside each other: what they share, and how they end early."""

from __future__ import annotations

import asyncio

import pytest

from tests.engines.asked import Started, Tiny, requests_of
from tts_bench.engine import Generation


def test_cancelling_a_call_frees_its_rows(tiny: Tiny, started: Started) -> None:
    engine = started(tiny(), max_num_seqs=4)
    endless = requests_of(engine, 1900)[:4]

    async def scenario() -> list[Generation]:
        doomed = asyncio.create_task(engine.generate(endless))
        await asyncio.sleep(0.3)
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        steps = engine.counts.steps
        outcome = await asyncio.wait_for(engine.generate(requests_of(engine, 10)), 30)
        assert engine.counts.steps - steps < 100
        return outcome

    assert [len(generation.tokens) for generation in asyncio.run(scenario())] == [10] * 5


def test_concurrent_calls_share_batches(tiny: Tiny, started: Started) -> None:
    engine = started(tiny(), max_num_seqs=8)

    async def scenario() -> None:
        await asyncio.gather(*(engine.generate([request]) for request in requests_of(engine, 30)))

    asyncio.run(scenario())
    assert engine.counts.steps < 60  # one after the other it would be 145


def test_closing_cancels_what_is_in_flight(tiny: Tiny, started: Started) -> None:
    engine = started(tiny())

    async def scenario() -> None:
        call = asyncio.create_task(engine.generate(requests_of(engine, 1900)))
        await asyncio.sleep(0.2)
        await engine.close()
        with pytest.raises(asyncio.CancelledError):
            await call
        with pytest.raises(RuntimeError, match="closed"):
            await engine.generate(requests_of(engine))

    asyncio.run(scenario())
