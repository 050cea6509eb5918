"""How much a run's memory grows while a server answers every request with an attack.

    python -m benchmarks.hostile_server

The server is a separate process. It is honest until the engine is loaded. Then 32 requests at a time, for 8192 tokens
each, get one hostile reply after another: each kind for all 32 at once, then all kinds mixed. Linux only, since no
other system reports a peak that can be reset.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.engines import hostile
from tests.engines.drawing import words
from tests.engines.serving import Server
from tests.engines.speaking import Said, refuse, speaking
from tests.tiny import make_tiny
from tts_bench.engine import Request
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import load
from tts_bench.errors import EngineError

CONNECTIONS, TOKENS = 32, 8192
BOUND = 300  # MB


def serve(folder: Path, told: Connection) -> None:
    """Answer requests for few tokens honestly; otherwise send the reply whose number ends the message."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    server = Server("", "vllm", tokenizer, words(tokenizer))
    kinds = [make() for make in hostile.replies().values()]

    def answer(path: str, body: dict[str, Any]) -> Said:
        if path != "completions":
            return refuse("no", 404)
        if body["max_tokens"] < 1000:
            return Said(server.complete(body))
        return kinds[int(str(tokenizer.decode(body["prompt"])).rpartition(" ")[2]) % len(kinds)]

    with speaking(answer) as place:
        told.send((place.url, len(kinds)))
        told.recv()


@contextmanager
def attacked(folder: Path) -> Iterator[tuple[OpenAIEngine, int]]:
    """An engine whose server has turned hostile, and its number of kinds of attack."""
    context = multiprocessing.get_context("fork")  # this process has started no thread yet
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(folder, theirs), daemon=True)
    process.start()
    url, kinds = ours.recv()
    engine, _, _ = load(url, "served", tokenizer=str(folder), timeout=20, connections=CONNECTIONS)
    engine._client._attempts = 1
    try:
        yield engine, kinds
    finally:
        ours.send("enough")
        process.join()


async def attack(engine: OpenAIEngine, kinds: int) -> int:
    """How many requests failed, each with a message."""
    numbers, failed = count(), 0

    async def one(kind: int) -> None:
        prompt = engine.tokenizer.encode(f"attack {kind}")
        await engine.generate([Request(prompt, (), TOKENS, f"{next(numbers)}")])

    mixed = [[(first + at) % kinds for at in range(CONNECTIONS)] for first in range(0, kinds, CONNECTIONS)]
    for batch in (*mixed, *([kind] * CONNECTIONS for kind in range(kinds))):
        results = await asyncio.gather(*map(one, batch), return_exceptions=True)
        if wrong := next((each for each in results if not isinstance(each, EngineError)), None):
            raise AssertionError(f"{wrong!r} came of an attack")
        failed += len(results)
    await engine.close()
    return failed


def measure() -> tuple[int, float]:
    """Number of attacks, and MB by which the peak exceeds the memory resident before."""
    with tempfile.TemporaryDirectory() as scratch, attacked(make_tiny(Path(scratch))) as (engine, kinds):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak to resident memory
        before = _resident("VmRSS")
        failed = asyncio.run(attack(engine, kinds))
        return failed, _resident("VmHWM") - before


def _resident(name: str) -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1000


def main() -> None:
    failed, grown = measure()
    print(f"{failed} attacks, {CONNECTIONS} at once: peak memory {grown:.0f} MB above its start (bound {BOUND} MB)")


if __name__ == "__main__":
    main()
