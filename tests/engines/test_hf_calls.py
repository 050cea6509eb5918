"""Calls of the hf engine beside each other: what they share, and how they end early."""

from __future__ import annotations

import asyncio
from dataclasses import replace

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


def test_who_waits_for_a_trace_to_be_fed_goes_on_without_it_where_it_is_given_up(tiny: Tiny, started: Started) -> None:
    engine = started(tiny(), max_num_seqs=4)
    request = requests_of(engine, 10)[0]
    prefix = tuple(range(300, 340)) * 40

    async def scenario() -> tuple[Generation, Generation]:
        first = replace(request, prefix=prefix, stream="first")
        leading = asyncio.create_task(engine.generate([first]))
        while not engine.counts.fed:
            await asyncio.sleep(0)
        following = asyncio.create_task(engine.generate([replace(first, stream="second")]))
        while engine.counts.fed < 100:
            await asyncio.sleep(0)
        leading.cancel()
        [second], [alone] = await asyncio.wait_for(following, 60), await engine.generate([first])
        return second, alone

    second, first = asyncio.run(scenario())
    assert second.tokens == first.tokens  # both greedy
    assert engine.counts.fed <= len(prefix) + 10  # what was fed before it was given up stays


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
