"""Token ids that an endpoint tells beside its text: believed where they spell it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.serving import serving
from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import load
from tts_bench.errors import EngineError

Lie = Callable[[dict[str, Any], OpenAIEngine], None]


@pytest.fixture(scope="module")
def lying(tiny: Callable[..., Path]) -> Iterator[Callable[[Lie], Generation]]:
    """What becomes of a reply of a server that tells ids, changed."""
    folder = tiny()
    with serving(folder) as server:
        engine, _, _ = load(server.url, "served", tokenizer=str(folder))
        truth, encode = server.complete, engine.tokenizer.encode
        request = Request(encode("Tom has 12 apples"), (), 30, "s", Sampling(temperature=0), engine.tokenizer.end_ids)

        def ask_for(change: Lie) -> Generation:
            def lie(body: dict[str, Any]) -> dict[str, Any]:
                reply = truth(body)
                change(reply["choices"][0], engine)
                return reply

            server.complete = lie  # type: ignore[method-assign]
            return asyncio.run(engine.generate([request]))[0]

        yield ask_for
        asyncio.run(engine.close())


@pytest.mark.parametrize("wrong", [-1, 384 + 5, 10**6, 1 << 47, 2**62, True, "7", 7.5, None])
@pytest.mark.parametrize("place", [0, -1])
def test_token_ids_that_no_vocabulary_has_are_refused(
    lying: Callable[[Lie], Generation], wrong: object, place: int
) -> None:
    def change(choice: dict[str, Any], _: OpenAIEngine) -> None:
        choice["token_ids"][place] = wrong

    with pytest.raises(EngineError, match=r"vocabulary has|not as it has to be"):
        lying(change)


def test_token_ids_that_spell_another_text_than_the_reply_are_refused(lying: Callable[[Lie], Generation]) -> None:
    def change(choice: dict[str, Any], engine: OpenAIEngine) -> None:
        choice["token_ids"][4:5] = engine.tokenizer.encode("z")

    with pytest.raises(EngineError, match="spell another text"):
        lying(change)


def test_token_ids_that_spell_the_reply_are_taken(lying: Callable[[Lie], Generation]) -> None:
    assert len(lying(lambda choice, engine: None).tokens) > 1
