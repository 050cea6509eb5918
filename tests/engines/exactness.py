"""Runs engines over several orders and loads and prints what came of each; started by test_hf_exact.py."""

from __future__ import annotations

from tts_bench.engines.environment import prepare

prepare()  # before torch

import asyncio  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

from tts_bench.engine import Generation, Request, Sampling  # noqa: E402
from tts_bench.engines.hf.engine import HfEngine  # noqa: E402
from tts_bench.engines.hf.load import load  # noqa: E402

Texts = dict[int, str]


def requests_of(engine: HfEngine, count: int) -> list[Request]:
    """Requests of many lengths: some share a prompt, sample, have known tokens after the prompt, or ask for columns."""
    chance = random.Random(0)
    requests = []
    for index in range(count):
        prompt = engine.tokenizer.encode("How many apples are left? " * chance.randint(1, 4) + f"Problem {index // 3}.")
        prefix = engine.tokenizer.encode("Wait, let me think again.") if index % 4 == 0 else ()
        sampling = Sampling() if index % 5 else Sampling(temperature=0.6, top_k=20, top_p=0.95)
        columns = ("entropy", "logprob", "top_mean:20") if index % 3 else ()
        limit = chance.randint(2, 14)
        requests.append(Request(prompt, prefix, limit, f"stream {index}", sampling, columns=columns))
    return requests


async def two_rounds(engine: HfEngine, index: int, request: Request, texts: Texts) -> None:
    """Generate, then go on from what came out after a cue."""
    (first,) = await engine.generate([request])
    cue = engine.tokenizer.encode("Wait")
    again = replace(request, prefix=(*request.prefix, *first.tokens, *cue), max_tokens=4, stream=request.stream + "b")
    (second,) = await engine.generate([again])
    texts[index] = digest([first, second])


def digest(generations: Sequence[Generation]) -> str:
    what = [(generation.tokens, generation.columns) for generation in generations]
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


async def run(engine: HfEngine, order: Sequence[int], requests: Sequence[Request], flying: int) -> Texts:
    limit = asyncio.Semaphore(flying)
    texts: Texts = {}

    async def one(index: int) -> None:
        async with limit:
            await two_rounds(engine, index, requests[index], texts)

    await asyncio.gather(*(one(index) for index in order))
    return texts


def outcomes_of(threads: int, folder: str, dtype: str, count: int, rows: Sequence[int]) -> dict[str, object]:
    outcomes: dict[str, object] = {}
    for most in rows:
        engine = load(
            Path(folder), name="m", fingerprint="f", device="cpu", dtype=dtype, threads=threads, max_num_seqs=most
        )
        requests = requests_of(engine, count)
        everything = list(range(len(requests)))
        shuffled = random.Random(1).sample(everything, len(everything))
        if outcomes:
            outcomes[f"{most} rows, 32 in flight, shuffled"] = asyncio.run(run(engine, shuffled, requests, 32))
        else:
            outcomes[f"{most} rows, 32 in flight"] = asyncio.run(run(engine, everything, requests, 32))
            outcomes[f"{most} rows, 1 in flight, a third"] = asyncio.run(run(engine, shuffled[::3], requests, 1))
        outcomes[f"{most} exact"] = engine.info.exact
        asyncio.run(engine.close())
    return outcomes


if __name__ == "__main__":
    threads, *cases = json.loads(sys.argv[1])
    print(json.dumps([outcomes_of(threads, *case) for case in cases]))
