"""Tokens per CPU second of the hf engine, for prefill and decoding, against the ceiling set by its matrix products.

GSM8K questions, one greedy generation each, as many in parallel as there are rows. The ceiling multiplies every linear
layer of the model with as many rows as a step has (for prefill 512, without the head), and does nothing else. Engine
and ceiling alternate; the median of the rounds is shown. With `--context` there is one prompt of that many tokens, and
every row is a sample of it.

    OMP_NUM_THREADS=1 python -m benchmarks.throughput --model FOLDER --data gsm8k/test.jsonl [--dtype float32]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare

prepare()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from benchmarks.hf_vs_lm_eval import read_prompts  # noqa: E402
from tts_bench.engine import Request, Sampling  # noqa: E402
from tts_bench.engines.hf.engine import HfEngine  # noqa: E402
from tts_bench.engines.hf.load import load  # noqa: E402
from tts_bench.engines.hf.packed import PackedLinear, pack  # noqa: E402

PREFILL_ROWS = 512


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def generating(engine: HfEngine, requests: list[Request]) -> float:
    return seconds(lambda: asyncio.run(engine.generate(requests)))


def products(folder: Path, dtype: str) -> Callable[[int, bool], None]:
    """A function that multiplies every linear layer once with that many rows, the head on request."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    head = model.get_output_embeddings().weight.shape[0]
    linears = [module for module in model.modules() if type(module) is torch.nn.Linear]
    shapes = [(linear.in_features, linear.out_features) for linear in linears]
    pack(model)
    packed = [module for module in model.modules() if isinstance(module, PackedLinear)]

    @torch.inference_mode()
    def multiply(rows: int, with_head: bool) -> None:
        inputs = {width: torch.randn(rows, width, dtype=getattr(torch, dtype)) for width, _ in set(shapes)}
        for (width, out), layer in zip(shapes, packed, strict=True):
            if with_head or out != head:
                layer(inputs[width])

    return multiply


def requests_of(engine: HfEngine, data: Path, rows: int, context: int, first: int) -> list[Request]:
    """Prompts from line `first` on, so that no round finds another round's prompts in the cache."""
    if context:
        tokens = engine.tokenizer.encode("\n".join(read_prompts(data, first + 200 + context // 40)[first:]))
        prompts = [tokens[:context]] * rows
    else:
        prompts = [engine.tokenizer.encode(text) for text in read_prompts(data, first + rows)[first:]]
    return [Request(prompt, (), 1, str(n), Sampling(temperature=0)) for n, prompt in enumerate(prompts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("TTS_BENCH_DATA", "data")) / "gsm8k" / "test.jsonl"
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, default=data, help="JSON Lines with a column question")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64, help="of each generation")
    parser.add_argument("--context", type=int, default=0, help="tokens of one prompt that all rows share")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    options = {"device": "cpu", "dtype": given.dtype, "threads": 1, "max_num_seqs": given.rows}
    engine = load(given.model, name="m", fingerprint="", exact=given.rows <= 64, **options)
    multiply = products(given.model, given.dtype)
    prefill, step, layers, whole = [], [], [], []
    for number in range(given.rounds):
        asked = requests_of(engine, given.data, given.rows, given.context, number * given.rows)
        unique = len(asked[0].prompt) if given.context else sum(len(request.prompt) for request in asked)
        longer = [replace(request, max_tokens=given.tokens) for request in asked]
        prefill.append(generating(engine, asked) / unique)
        step.append(generating(engine, longer) / (given.tokens - 1))
        layers.append(seconds(lambda: multiply(PREFILL_ROWS, False)) / PREFILL_ROWS)
        whole.append(seconds(lambda: multiply(given.rows, True)))
    cost = median(prefill) * unique + median(step) * (given.tokens - 1)
    print(f"{engine.info.settings['processor']}; {engine.info.identity['arithmetic']}; {engine.info.exact_note}\n")
    columns = "dtype | rows | prompt tokens | tokens | prefill, per CPU s | of products | decoding | of products | all"
    print(f"| {columns} |\n|{'---|' * 9}")
    read, made, count = median(prefill), median(step), given.rows * given.tokens
    shares = median(layers) / read, median(whole) / made
    rates = f"{1 / read:.0f} | {shares[0]:.2f} | {given.rows / made:.0f} | {shares[1]:.2f} | {count / cost:.0f}"
    print(f"| {given.dtype} | {given.rows} | {unique} | {count} | {rates} |", flush=True)
    asyncio.run(engine.close())


if __name__ == "__main__":
    main()
