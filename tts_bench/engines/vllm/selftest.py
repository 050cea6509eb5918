"""The self-test that earns the label "exact": do a request's numbers depend on what else is in flight?"""

from __future__ import annotations

import asyncio
from typing import Any

from tts_bench.engines.vllm.running import Running

_TOKENS = 24


async def check(running: Running, vocabulary: int, context: int, rows: int) -> str:
    """Generate from one prompt alone, again from vLLM's prefix cache, and among neighbours of other lengths.

    To be run on the engine's loop. vLLM tells the log-probability of each token; all are compared bit by bit.

    Returns:
        What was found to differ; empty where nothing was.
    """
    count = min(_TOKENS, context // 4)
    prompt = _tokens(vocabulary, min(200, context // 2), seed=1)
    alone = await _probe(running, prompt, count)
    if await _probe(running, prompt, count) != alone:
        return "a prompt from the prefix cache is not bit-identical to the same prompt prefilled anew"
    for others in {min(rows, size) - 1 for size in (2, 8, 32)} - {0}:
        lengths = [1 + (number * 37) % len(prompt) for number in range(others)]
        neighbours = [_probe(running, _tokens(vocabulary, size, seed=2 + size), count) for size in lengths]
        among, *_ = await asyncio.gather(_probe(running, prompt, count), *neighbours)
        if among != alone:
            return f"a request batched with {others} others is not bit-identical to itself alone"
    return ""


async def _probe(running: Running, prompt: list[int], count: int) -> list[tuple[int, float]]:
    """The tokens and their log-probabilities."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    from tts_bench.engine import Request, Sampling
    from tts_bench.engines.vllm.rows import Row

    request = Request(tuple(prompt), (), count, "self-test", Sampling())
    params: Any = SamplingParams(
        temperature=0.0,
        max_tokens=count,
        ignore_eos=True,
        detokenize=False,
        logprobs=0,
        output_kind=RequestOutputKind.FINAL_ONLY,
        extra_args=Row.describe(request),
    )
    found: list[tuple[int, float]] = []
    async for piece in running.tokens(prompt, params):
        for token, told in zip(piece.token_ids, piece.logprobs, strict=True):
            found.append((token, told[token].logprob))
    return found


def _tokens(vocabulary: int, count: int, seed: int) -> list[int]:
    return [(seed * 7919 + index * 104729) % vocabulary for index in range(count)]
