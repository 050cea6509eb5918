"""vLLM through the harness against vLLM alone: the same requests given to `LLM.generate`, all at once.

Two engines with the same options stand side by side and take turns. The harness runs a strategy on GSM8K problems; what
it asked for is kept, and given to the other engine with the lengths that came out: all at once, and thinking before
answers, as the second need the first; the faster way counts. Each round has problems of its own, so neither finds a
round's prompts in its cache; the round with the median ratio is shown. `seeds` is vLLM's own sampling with a seed for
each request, what our own streams are in the place of.

The second table is the drawing alone: our inverse of the cumulative distribution, one number for each token, and keyed
Gumbel noise, one number for each token of the vocabulary.

    python benchmarks/vllm_vs_raw.py [--model smollm2] [--problems 32] [--threads 1] [--vllm KEY=VALUE,...]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import torch
from rich.console import Console
from torch import Tensor

from tts_bench import models
from tts_bench.engines.base import Engine, Generation, Request, Sampling
from tts_bench.engines.openai.engine import seed_of
from tts_bench.engines.vllm import options
from tts_bench.engines.vllm.draws import draw
from tts_bench.harness.config import ModelConfig, RunConfig
from tts_bench.harness.folder import RunFolder
from tts_bench.harness.progress import Progress
from tts_bench.harness.run import Run, prepare
from tts_bench.scheduler import Scheduler
from tts_bench.store import Store
from tts_bench.streams import uniform

RATIO = 0.95  # at least
ROUNDS = 3


@dataclass
class Kept:
    """An engine that keeps what it was asked for and what came of it, and is closed by hand."""

    inner: Engine
    asked: list[tuple[Request, Generation]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.inner, name)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        found = await self.inner.generate(requests)
        self.asked += zip(requests, found, strict=True)
        return found

    async def close(self) -> None:
        """Left to whoever made it."""


@dataclass(frozen=True)
class Timing:
    tokens: int
    wall: float
    cpu: float

    @classmethod
    def of(cls, work: Callable[[], int]) -> Timing:
        """CPU seconds are those of this process and all that it has started."""
        cpu, wall = cpu_seconds(), time.perf_counter()
        tokens = work()
        return cls(tokens, time.perf_counter() - wall, cpu_seconds() - cpu)

    @property
    def rate(self) -> float:
        return self.tokens / self.wall


def cpu_seconds() -> float:
    mine = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (mine, *mine.children(recursive=True)))


def through_harness(run: Run, engine: Kept, items: Sequence[Any], folder: Path) -> int:
    """Generate for `items` as a run does; returns how many tokens."""
    engine.asked.clear()
    part = replace(run, items=list(items), folder=RunFolder(folder), model=replace(run.model, engine=engine))
    part.folder.begin(part.header())
    with Progress(len(items), list(run.labels.values()), Console(file=io.StringIO())) as progress, Store(None) as store:
        scheduler = Scheduler(engine, store)
        asyncio.run(part._generate(scheduler, progress))
    return scheduler.counts.made


def raw(llm: Any, asked: Sequence[tuple[Request, Generation]], seeds: bool) -> int:  # noqa: ANN401
    from vllm import SamplingParams

    params = [
        SamplingParams(
            temperature=request.sampling.temperature,
            seed=seed_of(request) if seeds else None,
            max_tokens=len(generation.tokens),
            ignore_eos=True,
            detokenize=False,
        )
        for request, generation in asked
    ]
    prompts = [{"prompt_token_ids": [*request.prompt, *request.prefix]} for request, _ in asked]
    found = llm.generate(prompts, params, use_tqdm=False)
    return sum(len(output.outputs[0].token_ids) for output in found)


def best_raw(llm: Any, asked: Sequence[tuple[Request, Generation]], *, seeds: bool) -> Timing:  # noqa: ANN401
    """The faster of two ways to give vLLM the same requests."""
    waves = [[each for each in asked if bool(each[0].prefix) == later] for later in (False, True)]
    timings = []
    for parts in ([asked], waves):
        llm.reset_prefix_cache()
        timings.append(Timing.of(lambda parts=parts: sum(raw(llm, part, seeds) for part in parts)))
    return max(timings, key=lambda timing: timing.rate)


def compare(given: argparse.Namespace) -> bool:
    """Print the table of rates; whether the harness keeps up."""
    modes = {mode: {"greedy": 0.0, "sampled": 1.0}[mode] for mode in given.sampling or ("greedy", "sampled")}
    model = ModelConfig(
        model=given.model,
        engine="vllm",
        dtype=given.dtype,
        rows=given.rows,
        threads=given.threads,
        exact=False,
        vllm=given.vllm,
        max_thinking_tokens=given.max_thinking_tokens,
        max_answer_tokens=16,
    )
    strategy, per_round = f"majority-vote:samples={given.samples}", given.problems
    config = RunConfig(model, ("gsm8k",), (strategy,), limit=per_round * ROUNDS * len(modes), in_flight=given.in_flight)
    with tempfile.TemporaryDirectory() as scratch:
        run = prepare(config, Path(scratch) / "run")
        engine = Kept(run.model.engine)
        llm = raw_engine(given)
        good, items = True, list(run.items)
        print("| sampling | requests | tokens | tokens/s harness | LLM.generate | ratio | CPU ratio | seeds | ratio |")
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        for mode, temperature in modes.items():
            drawn = Sampling(temperature=temperature)
            settings = replace(run.model.settings, thinking=drawn, continuation=drawn, answer=drawn)
            these = replace(run, model=replace(run.model, settings=settings))
            rounds = []
            for number in range(ROUNDS):
                part, items = items[:per_round], items[per_round:]
                place = Path(scratch) / f"{mode}-{number}"
                ours = Timing.of(lambda run=these, part=part, place=place: through_harness(run, engine, part, place))
                plain = best_raw(llm, engine.asked, seeds=False)
                seeds = best_raw(llm, engine.asked, seeds=True) if temperature else plain
                rounds.append((ours, plain, seeds, len(engine.asked)))
            ours, plain, seeds, requests = sorted(rounds, key=lambda each: each[0].rate / each[1].rate)[ROUNDS // 2]
            ratio, cpu = ours.rate / plain.rate, plain.cpu / plain.tokens / (ours.cpu / ours.tokens)
            print(
                f"| {mode} | {requests} | {ours.tokens} | {ours.rate:.0f} | {plain.rate:.0f} | {ratio:.2f} | {cpu:.2f} "
                f"| {seeds.rate:.0f} | {ours.rate / seeds.rate:.2f} |",
                flush=True,
            )
            good = good and ratio >= RATIO
        asyncio.run(engine.inner.close())
    return good


def raw_engine(given: argparse.Namespace) -> Any:  # noqa: ANN401
    from vllm import LLM

    return LLM(
        model=str(models.resolve(given.model).folder),
        dtype=given.dtype,
        max_num_seqs=given.rows,
        enable_prefix_caching=True,
        skip_tokenizer_init=True,
        **options.parse(given.vllm),
    )


def by_noise(logits: Tensor, keys: Sequence[int]) -> Tensor:
    """The Gumbel-max trick: noise for every token of the vocabulary, from a generator for each row."""
    noise = torch.empty_like(logits)
    for row, key in zip(noise, keys, strict=True):
        row.exponential_(generator=torch.Generator(logits.device).manual_seed(key))
    return (logits - noise.log_()).argmax(dim=1)


def draws(rows: int) -> None:
    """Print what one step's drawing costs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(
        f"\n| {device}, {rows} rows, vocabulary | inverse, ms | top-k 20 and top-p 0.95, ms | keyed Gumbel noise, ms |"
    )
    print("|---|---|---|---|")
    for vocabulary in (49_152, 151_936):
        logits = torch.randn(rows, vocabulary, device=device) * 3
        plain, both = [Sampling()] * rows, [Sampling(0.6, top_k=20, top_p=0.95)] * rows
        numbers = [uniform("drawing", row) for row in range(rows)]
        cells = (
            took(lambda logits=logits, plain=plain, numbers=numbers: draw(logits, plain, numbers)),
            took(lambda logits=logits, both=both, numbers=numbers: draw(logits, both, numbers)),
            took(lambda logits=logits: by_noise(logits, range(rows))),
        )
        print(f"| {vocabulary} | {' | '.join(f'{cell:.1f}' for cell in cells)} |", flush=True)


def took(work: Callable[[], Tensor]) -> float:
    """Milliseconds, the median of nine."""
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        work().cpu()
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[4] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="folder, hub id or alias")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--problems", type=int, default=32, help="in each of three rounds")
    parser.add_argument("--samples", type=int, default=2, help="for each problem")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--max-thinking-tokens", type=int, default=96)
    memory = "kv_cache_memory_bytes=1000000000"
    parser.add_argument("--vllm", default=memory, help="options of vLLM's own, for both; on a GPU leave it empty")
    parser.add_argument("--sampling", choices=["greedy", "sampled"], action="append")
    parser.add_argument("--part", choices=["compare", "draws"], action="append")
    given = parser.parse_args()
    parts, good = given.part or ["compare", "draws"], True
    if "compare" in parts:
        good = compare(given)
    if "draws" in parts:
        torch.set_num_threads(given.threads)
        draws(given.rows)
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
