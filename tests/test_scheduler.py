"""Claims about what is generated: once, whoever asks, in whatever order, at whatever length."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts import World, rambler
from tts_bench.engines.base import Generation, Request, Sampling
from tts_bench.engines.scripted import END_THINK, ScriptedTokenizer

ENDS = frozenset(ScriptedTokenizer().encode(END_THINK))


def request(world: World, max_tokens: int, stream: str = "s", prefix: str = "") -> Request:
    encode = world.engine.tokenizer.encode
    return Request(encode("q<think>"), encode(prefix), max_tokens, stream, stop_ids=ENDS)


@given(st.lists(st.integers(1, 250), min_size=1, max_size=8))
def test_any_lengths_in_any_order_at_once_sample_each_token_once(lengths: list[int]) -> None:
    world = World(rambler)

    async def ask() -> list[Generation]:
        return list(await asyncio.gather(*(world.scheduler.generate(request(world, length)) for length in lengths)))

    found = asyncio.run(ask())
    longest = max(found, key=lambda generation: len(generation.tokens))
    for length, generation in zip(lengths, found, strict=True):
        assert generation.tokens == longest.tokens[:length]
    assert world.scheduler.counts.made == len(longest.tokens)


@pytest.mark.parametrize(
    "other",
    [
        {"stream": "t"},
        {"prefix": (97,)},
        {"sampling": Sampling(0.5)},
        {"stop_ids": frozenset({1})},
        {"stop_texts": ("x",)},
        {"prompt": (98,)},
    ],
)
def test_the_key_tells_apart_all_that_determines_the_text(other: dict[str, object]) -> None:
    from dataclasses import replace

    world = World(rambler)
    one = request(world, 10)
    assert world.scheduler.key(one) != world.scheduler.key(replace(one, **other))
    assert world.scheduler.key(one) == world.scheduler.key(replace(one, max_tokens=99))


def test_prompt_and_prefix_are_told_apart() -> None:
    world = World(rambler)
    assert world.scheduler.key(Request((1, 2), (3,), 5, "s")) != world.scheduler.key(Request((1,), (2, 3), 5, "s"))


def test_records_do_not_depend_on_order_subset_or_concurrency() -> None:
    items = [World().item(number, f"Add {number} and {number * 3}.") for number in range(12)]
    specs = ("baseline:budgets=5+50", "budget-forcing:extensions=2", "majority-vote:samples=4")
    together = {(r.problem, r.strategy): r for r in World(rambler).run(*specs, items=items)}
    shuffled = items.copy()
    random.Random(1).shuffle(shuffled)
    for record in World(rambler).run(*reversed(specs), items=shuffled):
        assert record == together[record.problem, record.strategy]
    for item in items[::5]:
        for spec in specs:
            [record] = World(rambler).run(spec, items=[item])
            assert record == together[record.problem, record.strategy]


def test_a_failed_generation_is_neither_stored_nor_stuck() -> None:
    world = World(rambler)
    calls = 0
    real = world.engine.generate

    async def failing(requests: list[Request]) -> list[Generation]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("the engine broke")
        return await real(requests)

    world.engine.generate = failing  # type: ignore[method-assign, assignment]

    async def ask() -> list[Generation | BaseException]:
        ask_for = request(world, 20)
        return await asyncio.gather(*(world.scheduler.generate(ask_for) for _ in range(2)), return_exceptions=True)

    first, second = asyncio.run(ask())
    assert isinstance(first, RuntimeError)
    assert isinstance(second, Generation)
    assert len(world.store) == 1
