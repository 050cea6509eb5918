"""Claims about what is generated: once, whoever asks, in whatever order, at whatever length."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts import World, rambler
from tts_bench.core.store import Store, StoreError
from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.scripted import END_THINK, ScriptedEngine, ScriptedTokenizer
from tts_bench.errors import UserError
from tts_bench.streams import stream_key

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


wants = st.sets(st.sampled_from(("entropy", "logprob", "top_mean:3"))).map(lambda names: tuple(sorted(names)))


@given(st.lists(st.tuples(st.integers(1, 250), wants), min_size=1, max_size=8), st.booleans())
def test_whatever_columns_are_asked_for_in_whatever_order_they_are_those_of_one_whole(
    asked: list[tuple[int, tuple[str, ...]]], at_once: bool
) -> None:
    world = World(rambler)
    requests = [replace(request(world, length), columns=names) for length, names in asked]
    [whole] = asyncio.run(
        world.engine.generate([replace(request(world, 250), columns=("entropy", "logprob", "top_mean:3"))])
    )

    async def ask() -> list[Generation]:
        if at_once:
            return list(await asyncio.gather(*map(world.scheduler.generate, requests)))
        return [await world.scheduler.generate(each) for each in requests]

    for (length, names), found in zip(asked, asyncio.run(ask()), strict=True):
        assert found.tokens == whole.tokens[:length]
        assert dict(found.columns) == {name: whole.columns[name][:length] for name in names}
        assert found.finish == ("length" if length < len(whole.tokens) else whole.finish)
    counts, calls = world.scheduler.counts, world.scheduler.counts.engine_calls
    assert counts.asked == sum(min(length, len(whole.tokens)) for length, _ in asked)
    made = counts.made
    asyncio.run(ask())
    assert (counts.made, counts.engine_calls) == (made, calls)  # all of it is found again


def test_a_missing_column_is_made_from_its_beginning_and_a_cut_one_goes_on() -> None:
    world = World(rambler)
    counts = world.scheduler.counts

    def ask(length: int, *columns: str) -> tuple[int, int]:
        """Tokens made and found by it."""
        before = counts.made, counts.found
        asyncio.run(world.scheduler.generate(replace(request(world, length), columns=columns)))
        return counts.made - before[0], counts.found - before[1]

    assert ask(30) == (30, 0)
    assert ask(10, "logprob") == (10, 0)
    assert ask(20, "logprob") == (10, 10)
    assert ask(40, "logprob") == (20, 20)
    assert ask(40) == (0, 40)
    assert ask(25, "logprob") == (0, 25)
    assert ask(40, "entropy", "logprob") == (40, 0)
    assert ask(40, "entropy") == (0, 40)


def test_columns_that_the_engine_does_not_give_are_refused_and_nothing_is_made() -> None:
    world = World(rambler)
    world.engine.info = replace(world.engine.info, capabilities=frozenset({"seeds"}))
    with pytest.raises(UserError, match="returns no log-probabilities"):
        asyncio.run(world.scheduler.generate(replace(request(world, 9), columns=("logprob",))))
    assert world.scheduler.counts.engine_calls == 0


def test_an_engine_that_gives_other_tokens_when_asked_again_is_believed_with_its_numbers() -> None:
    """Where sums in another order tip a near tie, what has numbers replaces what has none, and stays."""
    world = World(rambler)
    plain = asyncio.run(world.scheduler.generate(request(world, 30)))
    real = world.engine.generate

    async def otherwise(requests: list[Request]) -> list[Generation]:
        found = await real(requests)
        return [replace(made, tokens=made.tokens[:10] + (120,) * (len(made.tokens) - 10)) for made in found]

    world.engine.generate = otherwise  # type: ignore[method-assign, assignment]
    asked = replace(request(world, 30), columns=("logprob",))
    measured = asyncio.run(world.scheduler.generate(asked))
    assert measured.tokens[10:] == (120,) * (len(plain.tokens) - 10)
    for again in (asked, request(world, 30)):
        assert asyncio.run(world.scheduler.generate(again)).tokens == measured.tokens
    assert world.scheduler.counts.engine_calls == 2


def test_the_key_is_the_same_whatever_columns_are_asked_for() -> None:
    world = World(rambler)
    one = request(world, 10)
    assert world.scheduler.key(one) == world.scheduler.key(replace(one, columns=("entropy",)))


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
def test_the_key_tells_apart_all_that_determines_the_text(other: dict[str, Any]) -> None:
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


def test_all_who_wait_for_a_generation_are_given_it_and_none_reads_the_store_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, reads = World(rambler), list[bytes]()
    read = world.store.get

    def spied(key: bytes) -> Generation | None:
        reads.append(key)
        return read(key)

    monkeypatch.setattr(world.store, "get", spied)

    async def ask() -> list[Generation]:
        return list(await asyncio.gather(*(world.scheduler.generate(request(world, 9)) for _ in range(40))))

    assert len(set(asyncio.run(ask()))) == len(reads) == world.scheduler.counts.engine_calls == 1
    assert (world.scheduler.counts.asked, world.scheduler.counts.found) == (40 * 9, 39 * 9)
    asyncio.run(ask())  # nobody holds it any more
    assert len(reads) == 41


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


def test_what_finishes_in_one_turn_is_stored_in_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    world, put = World(rambler), Store.put
    batches: list[int] = []

    def counted(store: Store, generations: list[tuple[bytes, Generation]]) -> None:
        batches.append(len(generations))
        put(store, generations)

    monkeypatch.setattr(Store, "put", counted)

    async def ask() -> None:
        for number in range(3):
            requests = (request(world, 9, f"{number} {place}") for place in range(16))
            for generation in asyncio.as_completed([world.scheduler.generate(each) for each in requests]):
                await generation
                assert len(world.store) == 16 * (number + 1)  # whoever has a generation finds it on disk

    asyncio.run(ask())
    assert batches == [16, 16, 16]


def test_a_generation_whose_asker_gave_up_meanwhile_is_stored_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world, generate = World(rambler), ScriptedEngine.generate

    async def ask() -> None:
        asking = asyncio.create_task(world.scheduler.generate(request(world, 20)))

        async def interrupted(engine: ScriptedEngine, requests: list[Request]) -> list[Generation]:
            made = await generate(engine, requests)
            asyncio.get_running_loop().call_soon(asking.cancel)
            return made

        monkeypatch.setattr(ScriptedEngine, "generate", interrupted)
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(ask())
    assert len(world.store) == 1


def test_a_store_that_cannot_be_written_is_told_to_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(rambler)

    def full(store: Store, generations: list[tuple[bytes, Generation]]) -> None:
        raise StoreError("no room")

    monkeypatch.setattr(Store, "put", full)

    async def ask() -> list[Generation | BaseException]:
        requests = (request(world, 9, str(number)) for number in range(3))
        return await asyncio.gather(*map(world.scheduler.generate, requests), return_exceptions=True)

    assert [type(error) for error in asyncio.run(ask())] == [StoreError] * 3


@given(st.integers(-(2**40), 2**40), st.text(), st.lists(st.text(), max_size=3), st.text())
def test_the_key_of_a_stream_is_json(seed: int, problem: str, branch: list[str], phase: str) -> None:
    dumped = json.dumps([seed, problem, branch, phase], ensure_ascii=False, separators=(",", ":"))
    assert stream_key(seed, problem, branch, phase) == dumped


@given(st.lists(st.sampled_from(["a", "\ud800", "\U0010ffff", "<", END_THINK, "<think>", "<|end|>", "é"])))
def test_the_script_s_tokenizer_has_one_token_for_each_character_and_name(parts: list[str]) -> None:
    tokenizer = ScriptedTokenizer()
    tokens = tokenizer.encode("".join(parts))
    assert tokenizer.decode(tokens) == "".join(parts)
    assert len(tokens) == len(parts)
    assert [token for token, part in zip(tokens, parts, strict=True) if len(part) == 1] == [
        ord(part) for part in parts if len(part) == 1
    ]
    shown = "".join((*parts, "\U000f0000", "\U000f0007"))  # learned tokens, each as a code point of its own
    assert tokenizer.decode((*tokens, 1 << 48, 1 << 48 | 7)) == shown
