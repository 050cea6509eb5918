"""What sampling one step costs on vLLM's logits: our method, keyed noise, and vLLM's own with seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from tts_bench.engine import Sampling
from tts_bench.engines.vllm.draws import draw
from tts_bench.streams import uniform


def by_noise(logits: Tensor, keys: Sequence[int]) -> Tensor:
    """The Gumbel-max trick: noise for every token of the vocabulary, from one generator per row."""
    noise = torch.empty_like(logits)
    for row, key in zip(noise, keys, strict=True):
        row.exponential_(generator=torch.Generator(logits.device).manual_seed(key))
    return (logits - noise.log_()).argmax(dim=1)


def draws(rows: int) -> None:
    """Print the cost of sampling one step."""
    from vllm.platforms import current_platform
    from vllm.v1.sample.ops.topk_topp_sampler import TopKTopPSampler
    from vllm.v1.sample.sampler import Sampler

    current_platform.import_kernels()
    device, sampler = ("cuda" if torch.cuda.is_available() else "cpu"), TopKTopPSampler()
    seeded = {row: torch.Generator(device).manual_seed(row) for row in range(rows)}
    top_k = torch.full((rows,), 20, device=device)
    top_p = torch.full((rows,), 0.95, device=device)
    greedy, plain = [Sampling(temperature=0.0)] * rows, [Sampling()] * rows
    both = [Sampling(top_k=20, top_p=0.95)] * rows
    numbers = [uniform("drawing", row) for row in range(rows)]

    def theirs(logits: Tensor, k: Tensor | None, p: Tensor | None) -> Tensor:
        drawn: Tensor = sampler(logits.clone(), seeded, k, p)[0]
        return drawn

    print(f"\n| {device}, {rows} rows: ms | vocabulary | ours | keyed Gumbel noise | vLLM's, with seeds |")
    print("|---|---|---|---|---|")
    for vocabulary in (49_152, 151_936):
        logits = torch.randn(rows, vocabulary, device=device) * 3
        largest = (
            took(partial(draw, logits, greedy, numbers)),
            took(partial(Sampler.greedy_sample, logits)),
        )
        free = (
            took(partial(draw, logits, plain, numbers)),
            took(partial(by_noise, logits, range(rows))),
            took(partial(theirs, logits, None, None)),
        )
        cut = (
            took(partial(draw, logits, both, numbers)),
            took(partial(theirs, logits, top_k, top_p)),
        )
        print(f"| greedy | {vocabulary} | {largest[0]:.1f} | | {largest[1]:.1f} |")
        print(f"| all tokens | {vocabulary} | {' | '.join(f'{cell:.1f}' for cell in free)} |")
        print(f"| top-k 20, top-p 0.95 | {vocabulary} | {cut[0]:.1f} | | {cut[1]:.1f} |", flush=True)


def took(work: Callable[[], Tensor]) -> float:
    """Milliseconds, the median of nine; CPU time if there is no other device."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    times = []
    for _ in range(9):
        began = clock()
        work().cpu()
        times.append(clock() - began)
    return median(times) * 1000
