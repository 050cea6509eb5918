"""Peak memory of an update of a token's row, against that of loading the model and generating with it.

Each in a fresh process: one generates in four rows; the other does the same, then makes an update from four synthetic
sequences in one micro-batch, with 200 tokens before the first cue and 100 after it. The update's activations count.

    OMP_NUM_THREADS=1 python benchmarks/training_memory.py [--model qwen2.5-coder-0.5b] [--dtype bfloat16]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare

prepare()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from typing import cast  # noqa: E402

import torch  # noqa: E402

from tts_bench.config import ModelConfig  # noqa: E402
from tts_bench.engine import Request, Sampling  # noqa: E402
from tts_bench.engines.hf.engine import HfEngine  # noqa: E402
from tts_bench.learning import grpo  # noqa: E402
from tts_bench.learning.sequences import CUE, Sequence  # noqa: E402
from tts_bench.learning.start import embedding_of  # noqa: E402
from tts_bench.solving.model import load_model  # noqa: E402

RATIO = 1.5  # at most
ROWS, BEFORE, AFTER = 4, 200, 100  # sequences; tokens of each before the first cue and after it


def peak(given: argparse.Namespace) -> float:
    """Peak memory of this process in MiB."""
    config = ModelConfig(
        given.model, f"hf:device=cpu,dtype={given.dtype},threads=1,max_num_seqs={ROWS}", thinking="end-of-turn"
    )
    engine = cast(HfEngine, load_model(config).engine)
    words = tuple(range(100, 100 + BEFORE))
    asked = [Request(words, (), AFTER, f"memory {row}", Sampling()) for row in range(ROWS)]
    made = asyncio.run(engine.generate(asked))
    if given.only == "training":
        row = embedding_of(engine, "Wait").clone().requires_grad_()
        sampled = [(*one.tokens, *words)[:AFTER] for one in made]
        sequences = [Sequence(words, (CUE, *tokens[:-1]), tokens, 1.0) for tokens in sampled]
        settings = grpo.Settings(engine.tokenizer.size, 1.0, inner=1, clip=0.2, micro_batch=ROWS)
        change = grpo.update(engine.model, row, torch.optim.AdamW([row], lr=0.01), sequences, settings)
        if not change.gradient:
            raise RuntimeError("the update changed nothing")
    asyncio.run(engine.close())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="folder, hub id or alias")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--only", choices=["generating", "training"], help="print one of the two")
    given = parser.parse_args()
    if given.only:
        print(peak(given))
        return
    again = [sys.executable, __file__, "--model", given.model, "--dtype", given.dtype, "--only"]
    generating, training = (
        float(subprocess.run([*again, what], check=True, capture_output=True, text=True).stdout)
        for what in ("generating", "training")
    )
    print("| model | generating, MiB | training, MiB | ratio |\n|---|---|---|---|")
    print(f"| {given.model}, {given.dtype} | {generating:,.0f} | {training:,.0f} | {training / generating:.2f} |")
    sys.exit(training > RATIO * generating)


if __name__ == "__main__":
    main()
