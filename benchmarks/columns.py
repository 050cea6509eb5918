"""What columns cost the hf engine: its throughput with and without them, measured in pairs.

GSM8K questions, one sample each at temperature 1, as many in parallel as there are rows. All prompts are read before,
so only decoding is measured. Both runs of a pair sample the same tokens, and their order alternates. Times are CPU
seconds, since a machine is seldom idle; the pair with the median ratio is shown.

    OMP_NUM_THREADS=1 python -m benchmarks.columns --model FOLDER --data gsm8k/test.jsonl [--columns top_mean:20]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare

prepare()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.hf_vs_lm_eval import read_prompts  # noqa: E402
from tts_bench.columns import named  # noqa: E402
from tts_bench.engine import Request  # noqa: E402
from tts_bench.engines.hf.engine import HfEngine  # noqa: E402
from tts_bench.engines.hf.load import load  # noqa: E402

USUAL = ("top_mean:20", "entropy+logprob+top_mean:20")


def seconds(engine: HfEngine, requests: list[Request], columns: tuple[str, ...]) -> float:
    """CPU seconds for all `requests` in parallel."""
    asked = [replace(request, columns=columns) for request in requests]
    began = time.process_time()
    asyncio.run(engine.generate(asked))
    return time.process_time() - began


def pair(engine: HfEngine, requests: list[Request], columns: tuple[str, ...], *, turned: bool) -> tuple[float, float]:
    """CPU seconds without columns and with them; `turned`: the run with columns comes first."""
    if not turned:
        return seconds(engine, requests, ()), seconds(engine, requests, columns)
    having = seconds(engine, requests, columns)
    return seconds(engine, requests, ()), having


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("TTS_BENCH_DATA", "data")) / "gsm8k" / "test.jsonl"
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, default=data, help="JSON Lines with a column question")
    parser.add_argument("--columns", action="append", help="joined by +; several times for several rows of the table")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32, help="of each sample")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    engine = load(
        given.model,
        name="m",
        fingerprint="",
        device="cpu",
        dtype="float32",
        threads=1,
        max_num_seqs=given.rows,
        exact=False,
    )
    prompts = [engine.tokenizer.encode(prompt) for prompt in read_prompts(given.data, given.rows)]
    requests = [Request(prompt, (), given.tokens, str(number)) for number, prompt in enumerate(prompts)]
    seconds(engine, [replace(request, max_tokens=1) for request in requests], ())
    count = given.tokens * len(requests)
    print(f"{engine.info.settings['processor']}, {engine.vocabulary} tokens in the vocabulary\n")
    print("| columns | rows | tokens | without, tokens per CPU s | with | ratio | of all pairs |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for text in given.columns or USUAL:
        columns = named(frozenset(text.split("+")))
        pairs = [pair(engine, requests, columns, turned=bool(n % 2)) for n in range(given.pairs)]
        ratios = sorted(with_ / without for without, with_ in pairs)
        without, with_ = sorted(pairs, key=lambda each: each[1] / each[0])[len(pairs) // 2]
        rates = f"{count / without:.1f} | {count / with_:.1f} | {with_ / without:.3f}"
        spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
        print(f"| {', '.join(columns)} | {given.rows} | {count} | {rates} | {spread} |", flush=True)
    asyncio.run(engine.close())


if __name__ == "__main__":
    main()
