"""Claims about biases: what is banned is never drawn, what is added is added before all else, and keys know of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.on_hf import engine_of
from tests.scripts import World, rambler
from tests.tiny import make_tiny
from tts_bench.api import Sampling
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engine import Request
from tts_bench.engines.hf.sampling import draw
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.engines.vllm import draws, rows
from tts_bench.errors import EngineError, Misuse

BAN = float("-inf")
added = st.one_of(st.just(BAN), st.floats(-20, 20))
biases = st.dictionaries(st.integers(0, 11), added, max_size=11)


@given(st.integers(0, 99), biases, st.floats(0, 0.999), st.sampled_from([0.0, 0.7, 1.0]), st.sampled_from([0, 3]))
def test_a_bias_is_what_logits_with_it_would_give(
    seed: int, bias: dict[int, float], number: float, temperature: float, top_k: int
) -> None:
    logits = np.random.default_rng(seed).normal(size=(2, 12)).astype(np.float32)
    biased = Sampling(temperature, top_k, bias=tuple(bias.items()))
    plain = Sampling(temperature, top_k)
    by_hand = logits.copy()
    for token, more in bias.items():
        by_hand[0, token] += np.float32(more)
    assert draw(logits, [biased, plain], [number] * 2) == draw(by_hand, [plain, plain], [number] * 2)
    on_device = draws.draw(torch.from_numpy(logits), [biased, plain], [number] * 2)
    assert on_device.tolist() == draw(logits, [biased, plain], [number] * 2)
    assert bias.get(int(on_device[0])) != BAN


def test_a_bias_reaches_the_processor_of_vllm() -> None:
    request = Request((1,), (), 4, "s", Sampling(bias=((3, BAN), (4, 1.5))))
    assert rows.Row.read(rows.Row.describe(request)).sampling == request.sampling


def test_a_bias_of_nothing_is_no_other_key_and_any_other_is() -> None:
    assert Sampling().name == repr(Sampling()) == "Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)"
    scheduler = Scheduler(World(rambler).engine, Store(None))
    keys = {scheduler.key(Request((1,), (), 4, "s", Sampling(bias=bias))) for bias in ((), ((1, BAN),), ((1, -2.0),))}
    assert len(keys) == 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def test_a_strategy_bans_a_token_by_its_text_and_the_rest_of_the_run_is_as_it_was(folder: Path) -> None:
    with engine_of(folder) as engine:
        world = World(rambler)
        scheduler = Scheduler(engine, Store(None))
        from tts_bench.thinking import detect

        conditions = type(world.conditions)(format=detect(engine.tokenizer), max_answer=8, max_thinking=40)
        item = world.item()
        door = ModelReasoner(item.problem, scheduler, conditions, item.extract, Ledger())

        async def think() -> None:
            whole = await door.think()
            most = max(set(whole.segments[1].tokens), key=whole.segments[1].tokens.count)
            banned = await door.think(sampling=Sampling(bias=((engine.tokenizer.decode((most,)), BAN),)))
            assert most not in banned.segments[1].tokens
            assert banned.segments[1].origin != whole.segments[1].origin
            assert (await door.think()).segments == whole.segments
            with pytest.raises(Misuse, match=r"think\(\) was given a bias for .* tokens: name one"):
                await door.think(sampling=Sampling(bias=(("two words of text", BAN),)))
            with pytest.raises(Misuse, match=r"sampling= cannot be used: .*outside of the vocabulary"):
                await door.think(sampling=Sampling(bias=((10**9, BAN),)))
            with pytest.raises(Misuse, match="leaves no token"):
                await door.think(sampling=Sampling(bias=((0, 1e300),)))
            with pytest.raises(Misuse, match="leaves no token"):
                await door.think(
                    sampling=Sampling(
                        bias=tuple((token, BAN) for token in range(len(cast(HfTokenizer, engine.tokenizer).inner)))
                    )
                )

        asyncio.run(think())


def test_an_engine_without_biases_says_so() -> None:
    world = World(rambler)
    world.engine.info = replace(world.engine.info, capabilities=frozenset({"seeds"}))
    item = world.item()
    door = ModelReasoner(item.problem, world.scheduler, world.conditions, item.extract, Ledger())
    with pytest.raises(EngineError, match=r"think\(\) was given a bias, but the engine scripted supports none"):
        asyncio.run(door.think(sampling=Sampling(bias=(("a", BAN),))))


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_bias_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="bias of 3"):
        Sampling(bias=((3, value),))


@pytest.mark.parametrize("piece", [3, 256])
def test_a_script_never_says_a_banned_token_in_pieces_or_whole(piece: int) -> None:
    world = World(rambler)
    item = world.item()
    door = ModelReasoner(item.problem, world.scheduler, world.conditions, item.extract, Ledger(), piece=piece)
    said = asyncio.run(door.think()).segments[-1].text
    banned = tuple((letter, BAN) for letter in "abcdefghijklm")
    trace = asyncio.run(door.think(sampling=Sampling(bias=banned), stop=["never said"]))
    assert set(said) & set("abcdefghijklm")
    assert not set(trace.segments[-1].text) & set("abcdefghijklm")
    assert trace.thinking_ended


def test_a_bias_that_float32_has_not_is_added_as_a_device_adds_it() -> None:
    logits = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    logits[:, 0] = logits[:, 1] + np.float32(0.7)  # a tie, which goes to the first
    samplings = [Sampling(temperature=0, bias=((1, 0.7),))] * len(logits)
    assert draw(logits, samplings, [0.5] * len(logits)) == [0] * len(logits)
    assert draws.draw(torch.from_numpy(logits), samplings, [0.5] * len(logits)).tolist() == [0] * len(logits)
