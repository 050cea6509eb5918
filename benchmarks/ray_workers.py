"""Two Ray workers against one: the same requests to one engine and to two, one thread each, on this machine.

GSM8K questions, greedy, float32, a fixed number of tokens each. Rounds alternate between one worker and two, each with
new prompts; sums are shown. For comparison, one engine with two threads instead of two engines.

    OMP_NUM_THREADS=1 python benchmarks/ray_workers.py [--model smollm2] [--prompts 32] [--tokens 48] [--rounds 3]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare

prepare()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

from tts_bench.engine import Request, Sampling  # noqa: E402
from tts_bench.engines import cluster, pool  # noqa: E402
from tts_bench.engines.hf.kind import HfOptions, load_hf  # noqa: E402
from tts_bench.engines.workers import Workers  # noqa: E402
from tts_bench.models import resolve  # noqa: E402
from tts_bench.tasks.data import load_rows  # noqa: E402

RATIO = 1.7  # at least


async def seconds(engine: Workers, requests: list[Request]) -> float:
    began = time.perf_counter()
    made = await engine.generate(requests)
    taken = time.perf_counter() - began
    if any(len(generation.tokens) != request.max_tokens for generation, request in zip(made, requests, strict=True)):
        raise RuntimeError("a generation has another length than was asked for")
    return taken


async def play(engines: dict[str, Workers], rounds: list[list[Request]]) -> dict[str, float]:
    """Seconds of each, over all rounds."""
    spent = dict.fromkeys(engines, 0.0)
    for engine in engines.values():  # one-time work is done before the clock starts
        await engine.generate(rounds[0][:2])
    for number, requests in enumerate(rounds[1:]):
        order = list(engines) if number % 2 else list(reversed(engines))
        for name in order:
            spent[name] += await seconds(engines[name], requests)
    for engine in engines.values():
        await engine.close()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="folder, hub id or alias")
    parser.add_argument("--prompts", type=int, default=32, help="of each round")
    parser.add_argument("--tokens", type=int, default=48, help="for each prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=16, help="of each engine")
    given = parser.parse_args()
    cluster.connect("local")
    found = resolve(given.model)
    shapes = {"1 worker": (1, 1), "2 workers": (2, 1), "1 worker, 2 threads": (1, 2)}
    engines = {}
    for name, (workers, threads) in shapes.items():
        given_options = HfOptions(
            device="cpu", dtype="float32", threads=threads, workers=workers, exact=False, max_num_seqs=given.rows
        )
        need = {"CPU": 0.25}  # all are loaded, and only one of them works at a time
        engines[name] = pool.start(given_options, found, need, load_hf, share=4, **given_options.of_each())
    encode = engines["1 worker"].tokenizer.encode
    questions = [str(row["question"]) for row in load_rows("gsm8k").rows]
    requests = [
        Request(encode(question), (), given.tokens, f"{number}", Sampling(0.0))
        for number, question in enumerate(questions[: given.prompts * (given.rounds + 1)])
    ]
    rounds = [requests[start : start + given.prompts] for start in range(0, len(requests), given.prompts)]
    spent = asyncio.run(play(engines, rounds))
    tokens = given.prompts * given.rounds * given.tokens
    print(f"{found.name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| engines | tokens | wall s | tokens per s | ratio |")
    print("|---|---|---|---|---|")
    for name, wall in spent.items():
        print(f"| {name} | {tokens} | {wall:.1f} | {tokens / wall:.1f} | {spent['1 worker'] / wall:.2f} |")
    sys.exit(spent["1 worker"] / spent["2 workers"] < RATIO)


if __name__ == "__main__":
    main()
