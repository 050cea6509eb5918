"""The hf engine compared with the alternatives: HFLM for samples and for "Wait", plain transformers, one run per rung.

Everything runs in one process, one after the other, in CPU seconds. As in hf_vs_lm_eval.py, lengths are set from
outside for both sides, so that they do equal work, and are drawn uniformly with a fixed seed.

samples   16 samples per problem at temperature 1. HFLM in batches of 16.
wait      "Wait" four times, 16 to 128 tokens per round. HFLM is called again each round and re-reads everything.
library   one greedy sample per problem; `generate` in batches of 8, 16 and 32, and transformers' continuous batching.
prefix    problems under a shared header: prompt tokens that the engine reads, against the distinct ones (of a trie).
apart     the default comparison on the pocket model, against one run per rung of each strategy.
rows      one greedy sample per problem, 16 to 64 tokens, with 32, 64 and 128 rows.

    python -m benchmarks.hf_table --model FOLDER --data gsm8k/test.jsonl [--part samples] [--problems 4]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare as prepare_environment

prepare_environment()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402
from functools import partial  # noqa: E402
from itertools import accumulate, pairwise  # noqa: E402
from operator import eq, mul  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoTokenizer,
    ContinuousBatchingConfig,
    GenerationConfig,
    LogitsProcessorList,
)

from benchmarks.hf_vs_lm_eval import EndAt, FixedLengths, Work, read_prompts, run_engine, run_hflm, timed  # noqa: E402
from tts_bench.config import ModelConfig, RunConfig  # noqa: E402
from tts_bench.engine import Request, Sampling  # noqa: E402
from tts_bench.engines.hf.engine import HfEngine  # noqa: E402
from tts_bench.engines.hf.load import load  # noqa: E402
from tts_bench.present.progress import Progress  # noqa: E402
from tts_bench.runs.defaults import plan  # noqa: E402
from tts_bench.runs.run import prepare  # noqa: E402

SAMPLES, ROUNDS = 16, 5
TIMED, OTHERS = ("samples", "wait", "library"), ("prefix", "apart", "rows")
Row = tuple[str, str, int, float]  # part, who, tokens, CPU seconds


class Bench:
    """Both sides on one folder of weights, loaded on first use."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.chance = random.Random(0)
        self.prompts = read_prompts(given.data, 320)
        self.tokenizer = AutoTokenizer.from_pretrained(given.model)
        self.model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
        self._hflm: FixedLengths | None = None

    def engine(self, rows: int = 64) -> HfEngine:
        """A new engine, with an empty cache."""
        return load(
            self.given.model, name="m", fingerprint="", device="cpu", dtype="float32", threads=1, max_num_seqs=rows
        )

    @property
    def hflm(self) -> FixedLengths:
        self._hflm = self._hflm or FixedLengths(pretrained=self.model, tokenizer=self.tokenizer, batch_size=16)
        return self._hflm

    def work(self, problems: int, each: int, longest: int) -> Work:
        return [(prompt, self.chance.randint(16, longest)) for prompt in self.prompts[:problems] for _ in range(each)]

    def samples(self) -> Iterator[Row]:
        work = self.work(self.given.problems or 4, SAMPLES, 128)
        tokens = sum(length for _, length in work)
        yield "samples", "HFLM", tokens, run_hflm(self.hflm, work, sample=True).cpu
        yield "samples", "hf", tokens, run_engine(self.engine(), work, Sampling()).cpu

    def wait(self) -> Iterator[Row]:
        prompts = self.prompts[: self.given.problems or 64]
        rounds = [[self.chance.randint(16, 128) for _ in prompts] for _ in range(ROUNDS)]
        tokens = sum(map(sum, rounds))

        def on_hflm() -> None:
            contexts = list(prompts)
            for lengths in rounds:
                texts = run_hflm(self.hflm, list(zip(contexts, lengths, strict=True))).texts
                contexts = [f"{context}{text}Wait" for context, text in zip(contexts, texts, strict=True)]

        async def thoughts(engine: HfEngine) -> None:
            [wait] = engine.tokenizer.encode("Wait")

            async def one(prompt: str, lengths: Sequence[int]) -> None:
                request = Request(engine.tokenizer.encode(prompt), (), 1, prompt, Sampling(temperature=0))
                for length in lengths:
                    [made] = await engine.generate([replace(request, max_tokens=length)])
                    request = replace(request, prefix=(*request.prefix, *made.tokens, wait))

            await asyncio.gather(*map(one, prompts, zip(*rounds, strict=True)))

        yield "wait", "HFLM", tokens, timed(on_hflm).cpu
        engine = self.engine()
        yield "wait", "hf", tokens, timed(lambda: asyncio.run(thoughts(engine))).cpu

    def library(self) -> Iterator[Row]:
        work = self.work(self.given.problems or 32, 1, 96)
        tokens = sum(length for _, length in work)
        for size in (8, 16, 32):
            yield "library", f"generate, {size} rows", tokens, timed(partial(self._generate, work, size)).cpu
        yield "library", "continuous batching", tokens, timed(lambda: self._continuous(work)).cpu
        yield "library", "hf", tokens, run_engine(self.engine(), work).cpu

    def _generate(self, work: Work, size: int) -> None:
        """Batches of prompts of similar length, as in lm-eval."""
        self.tokenizer.padding_side, self.tokenizer.pad_token = "left", self.tokenizer.eos_token
        order = sorted(work, key=lambda one: len(one[0]))
        for batch in (order[start : start + size] for start in range(0, len(order), size)):
            inputs = self.tokenizer([prompt for prompt, _ in batch], return_tensors="pt", padding=True)
            end, lengths = self.tokenizer.eos_token_id, [length for _, length in batch]
            processor = LogitsProcessorList([EndAt(lengths, inputs.input_ids.shape[1], end)])
            options = {"max_new_tokens": max(lengths), "do_sample": False, "eos_token_id": end, "pad_token_id": end}
            self.model.generate(**inputs, **options, logits_processor=processor)

    def _continuous(self, work: Work) -> None:
        """Room for exactly all prompts at once: with its own defaults, it is many times slower on a CPU."""
        longest = max(len(self.tokenizer(prompt).input_ids) + length for prompt, length in work)
        room = ContinuousBatchingConfig(page_size=32, num_blocks=len(work) * (longest // 32 + 1), max_batch_tokens=128)
        model = AutoModelForCausalLM.from_pretrained(self.given.model, dtype=torch.float32).eval()
        config = GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0, max_new_tokens=512)
        manager = model.init_continuous_batching(generation_config=config, continuous_batching_config=room)
        manager.start()
        for prompt, length in work:
            manager.add_request(self.tokenizer(prompt).input_ids, max_new_tokens=length)
        finished = 0
        while finished < len(work):
            result = manager.get_result(timeout=1)
            finished += bool(result and result.is_finished())
        manager.stop(block=True)

    def rows(self) -> None:
        work = self.work(self.given.problems or 128, 1, 64)
        tokens = sum(length for _, length in work)
        print("| rows | tokens | CPU s | tokens per CPU s | CPU s to load and prove exact |\n|---|---|---|---|---|")
        for count in (32, 64, 128):
            began = time.process_time()
            engine = self.engine(count)
            loading = time.process_time() - began
            cpu = run_engine(engine, work).cpu
            print(f"| {count} | {tokens} | {cpu:.1f} | {tokens / cpu:.0f} | {loading:.1f} |", flush=True)
        print()

    def prefix(self) -> None:
        header = "\n\n".join(f"{prompt} 42" for prompt in self.prompts[-8:])
        work = [(f"{header}\n\n{prompt}", 2) for prompt in self.prompts[: self.given.problems or 64]]
        engine = self.engine()
        run_engine(engine, work)
        prompts = sorted(engine.tokenizer.encode(prompt) for prompt, _ in work)
        shared = sum(sum(accumulate(map(eq, *pair), mul)) for pair in pairwise(prompts))  # common beginnings
        whole, read = sum(map(len, prompts)), engine.counts.prefilled
        print("| prompts | tokens of them | unique | read | read / unique |\n|---|---|---|---|---|")
        print(f"| {len(work)} | {whole} | {whole - shared} | {read} | {read / (whole - shared):.3f} |\n")

    def apart(self) -> None:
        """Scoring and plotting included."""
        planned = plan("hf", None, (), (), self.given.problems or 20)
        model = ModelConfig(planned.model, "hf:workers=1,threads=1,max_num_seqs=128")
        together = RunConfig(model, planned.tasks, planned.strategies, limit=planned.limit)
        rungs = (
            *(f"baseline:budgets={budget}" for budget in (16, 24, 32, 64)),
            *(f"budget-forcing:extensions={count}" for count in range(1, 5)),
            *(f"learned-token:extensions={count}" for count in range(1, 5)),
            *(f"majority-vote:samples={count}" for count in range(2, 17)),
        )
        with tempfile.TemporaryDirectory() as scratch:
            play(replace(together, limit=2), Path(scratch) / "warm-up")
            made, cpu = play(together, Path(scratch) / "together")
            apart = [
                play(replace(together, strategies=(rung,)), Path(scratch) / str(place))
                for place, rung in enumerate(rungs)
            ]
        made_apart, cpu_apart = (sum(column) for column in zip(*apart, strict=True))
        print("| runs | tokens generated | CPU s |\n|---|---|---|")
        print(f"| the comparison in one | {made} | {cpu:.1f} |")
        print(f"| {len(rungs)} runs, one for each rung | {made_apart} | {cpu_apart:.1f} |")
        print(f"| ratio | {made / made_apart:.2f} | {cpu / cpu_apart:.2f} |\n", flush=True)


def play(config: RunConfig, folder: Path) -> tuple[int, float]:
    """Tokens generated and CPU seconds of a run with its own store, without loading the model."""
    own = replace(config, model=replace(config.model, store=folder / "generations.sqlite"))
    run = prepare(own, folder / "run")
    began = time.process_time()
    with Progress(len(run.items), list(run.labels.values()), Console(file=io.StringIO())) as progress:
        outcome = run.execute(progress)
    cpu = time.process_time() - began
    if outcome.errors:
        raise RuntimeError(outcome.errors[0].error)
    return json.loads((outcome.out / "run.json").read_text("utf-8"))["timing"]["tokens"]["made"], cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("TTS_BENCH_DATA", "data")) / "gsm8k" / "test.jsonl"
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, default=data, help="JSON Lines with a column question")
    parser.add_argument("--part", choices=[*TIMED, *OTHERS], action="append")
    parser.add_argument("--problems", type=int, help="other than each part's own number")
    given = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(given)
    for part in given.part or [*TIMED, *OTHERS]:
        if part not in TIMED:
            getattr(bench, part)()
            continue
        rows = list(getattr(bench, part)())
        print("| part | engine | tokens | CPU s | tokens per CPU s | hf is faster by |\n|---|---|---|---|---|---|")
        for name, who, tokens, cpu in rows:
            print(f"| {name} | {who} | {tokens} | {cpu:.1f} | {tokens / cpu:.0f} | {cpu / rows[-1][-1]:.2f} |")
        print(flush=True)


if __name__ == "__main__":
    main()
