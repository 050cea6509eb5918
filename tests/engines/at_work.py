"""What workers are asked in tests, and what one engine alone says to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.engines.scripted_engines import scripted
from tts_bench.engine import Generation, Request
from tts_bench.engines.scripted import SCRIPTS, ScriptedEngine
from tts_bench.engines.workers import Workers

T = TypeVar("T")


def requests(count: int) -> list[Request]:
    encode = ScriptedEngine(SCRIPTS["adder"]).tokenizer.encode
    return [Request(encode(f"What is {n} and {n % 7}?\n<think>"), (), 100, f"s{n}") for n in range(count)]


def asked(engine: Workers, of: Callable[[Workers], Awaitable[T]]) -> T:
    async def work() -> T:
        try:
            return await of(engine)
        finally:
            await engine.close()

    return asyncio.run(work())


def alone(given: list[Request]) -> list[Generation]:
    return asyncio.run(scripted().generate(given))
