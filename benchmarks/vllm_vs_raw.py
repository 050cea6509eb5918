"""vLLM through the harness against vLLM alone: the same requests given to `LLM.generate`, all at once.

Two engines with the same options run side by side and alternate. The harness runs a strategy on GSM8K problems. Its
requests are recorded and given to the other engine with the resulting lengths: once all at once, and once thinking
before answers, since answers need the thinking; the faster way counts. Each round has its own problems, so neither
engine finds a round's prompts in its cache. Then both are restarted in the other order for the same rounds: of two
equal engines on one machine, the one started first was slower by several percent. Rates and ratios are geometric means
over all rounds, where a ratio compares both sides of one round: by wall clock, which is what counts on a quiet machine,
and by CPU time of all processes, which includes the busy loop in which vLLM's engine process waits for its worker.
`seeds` is vLLM's own sampling with a seed per request, which our random streams replace.

The second table is sampling alone: the token of the largest logit, by us and by vLLM; our inverse of the cumulative
distribution, one number per token; keyed Gumbel noise, one number per token of the vocabulary; and vLLM's own sampler
with a seed per row.

    python -m benchmarks.vllm_vs_raw [--model smollm2] [--problems 32] [--rounds 2] [--threads 1] [--vllm KEY=VALUE,...]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import geometric_mean
from typing import Any, cast

import psutil
import torch
from rich.console import Console

from benchmarks.vllm_drawing import draws
from tts_bench import models
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import Store
from tts_bench.engine import Engine, Generation, Request, Sampling
from tts_bench.engines import kinds
from tts_bench.engines.openai.engine import seed_of
from tts_bench.engines.vllm import options
from tts_bench.present.progress import Progress
from tts_bench.runs.folder import RunFolder
from tts_bench.runs.run import Run, prepare

RATIO = 0.95  # at least
HEADER = """\
| sampling | requests | tokens | harness, tokens/s | LLM.generate | ratio | CPU ratio | with seeds | ratio | CPU ratio |
|---|---|---|---|---|---|---|---|---|---|"""


@dataclass
class Kept:
    """An engine that records its requests and their results, and is closed explicitly."""

    inner: Engine
    asked: list[tuple[Request, Generation]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.inner, name)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        found = await self.inner.generate(requests)
        self.asked += zip(requests, found, strict=True)
        return found

    async def close(self) -> None:
        """Left to the owner."""


@dataclass(frozen=True)
class Timing:
    tokens: int
    wall: float
    processes: dict[str, float]  # CPU seconds of this process and of each that it has started

    @classmethod
    def of(cls, work: Callable[[], int]) -> Timing:
        before, wall = cpu_seconds(), time.perf_counter()
        tokens = work()
        wall, after = time.perf_counter() - wall, cpu_seconds()
        return cls(tokens, wall, {name: spent - before.get(name, 0) for name, spent in after.items()})

    @property
    def cpu(self) -> float:
        return sum(self.processes.values())

    @property
    def rate(self) -> float:
        return self.tokens / self.wall

    @property
    def cpu_rate(self) -> float:
        return self.tokens / self.cpu


@dataclass(frozen=True)
class Round:
    """The same requests through the harness, and to vLLM in two ways, each with and without its own seeds."""

    requests: int
    ours: Timing
    plain: tuple[Timing, Timing]
    seeds: tuple[Timing, Timing]

    def rates(self) -> tuple[float, ...]:
        """Tokens per second of the harness, and of vLLM alone with ratios by wall and CPU time; then with seeds."""
        found = [self.ours.rate]
        for ways in (self.plain, self.seeds):
            wall, cpu = max(way.rate for way in ways), max(way.cpu_rate for way in ways)
            found += [wall, self.ours.rate / wall, self.ours.cpu_rate / cpu]
        return tuple(found)

    def tell(self, mode: str, harness_first: bool) -> None:
        """Print the wall-clock ratio and the CPU time of each process to standard error."""
        order = f"{'harness' if harness_first else 'LLM'} started first"
        print(f"{mode}, {order}: ratio {self.rates()[2]:.2f}", file=sys.stderr)
        for name, timing in {"harness": self.ours, "all at once": self.plain[0], "in two": self.plain[1]}.items():
            spent = {process: f"{cpu:.1f}" for process, cpu in timing.processes.items() if cpu > 1 / 20}
            print(f"{mode}, {order}, {name}: {timing.wall:.1f} s by the clock; CPU s {spent}", file=sys.stderr)


def cpu_seconds() -> dict[str, float]:
    mine = psutil.Process()
    return {f"{each.name()} {each.pid}": sum(each.cpu_times()[:2]) for each in (mine, *mine.children(recursive=True))}


def through_harness(run: Run, items: Sequence[Any], folder: Path) -> int:
    """Generate for `items` as a run does; returns the number of tokens."""
    engine = cast(Kept, run.model.engine)
    engine.asked.clear()
    part = replace(run, items=list(items), folder=RunFolder(folder))
    part.folder.begin(part.header())
    with Progress(len(items), list(run.labels.values()), Console(file=io.StringIO())) as progress, Store(None) as store:
        scheduler = Scheduler(engine, store)
        asyncio.run(part._generate(scheduler, Scoring({}, store), progress))
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


def raw_ways(
    llm: Any,  # noqa: ANN401
    asked: Sequence[tuple[Request, Generation]],
    *,
    seeds: bool,
) -> tuple[Timing, Timing]:
    """The same requests given to vLLM all at once, and with thinking before answers."""

    def timed(*parts: Sequence[tuple[Request, Generation]]) -> Timing:
        llm.reset_prefix_cache()
        return Timing.of(lambda: sum(raw(llm, part, seeds) for part in parts))

    first, second = ([each for each in asked if bool(each[0].prefix) == later] for later in (False, True))
    return timed(asked), timed(first, second)


def compare(given: argparse.Namespace) -> bool:
    """Print the table of rates; returns whether the harness keeps up."""
    modes = {mode: {"greedy": 0.0, "sampled": 1.0}[mode] for mode in given.sampling or ("greedy", "sampled")}
    rounds: dict[str, list[Round]] = {mode: [] for mode in modes}
    for harness_first in (True, False):
        with tempfile.TemporaryDirectory() as scratch, engines(given, Path(scratch), harness_first) as (run, llm):
            items = list(run.items)
            for mode, temperature in modes.items():
                drawn = Sampling(temperature=temperature)
                conditions = replace(run.model.conditions, thinking=drawn, continuation=drawn, answer=drawn)
                these = replace(run, model=replace(run.model, conditions=conditions))
                for number in range(given.rounds):
                    part, items = items[: given.problems], items[given.problems :]
                    played = play(these, llm, part, Path(scratch) / f"{mode}-{number}", seeds=bool(temperature))
                    rounds[mode].append(played)
                    if given.processes:
                        played.tell(mode, harness_first)
    print(HEADER)
    ratios = [show(mode, each) for mode, each in rounds.items()]
    return min(ratios) >= RATIO


def passed_on(given: argparse.Namespace) -> dict[str, object]:
    """Options of vLLM's own."""
    return dict(kinds.chosen(f"vllm:{given.vllm}" if given.vllm else "vllm").options.vllm)


@contextmanager
def engines(given: argparse.Namespace, scratch: Path, harness_first: bool) -> Iterator[tuple[Run, Any]]:
    """A run whose engine records its requests, and vLLM alone; both end with the block."""
    more = passed_on(given)
    model = ModelConfig(
        model=given.model,
        engine=kinds.changed(
            "vllm", dtype=given.dtype, max_num_seqs=given.rows, threads=given.threads, exact=False, vllm=more
        ),
        max_thinking_tokens=given.max_thinking_tokens,
        max_answer_tokens=16,
    )
    limit = given.problems * given.rounds * (len(given.sampling or ()) or 2)
    strategy = f"majority-vote:samples={given.samples}"
    config = RunConfig(model, ("gsm8k",), (strategy,), limit=limit, in_flight=given.in_flight)
    options.prepare()
    options.settle(threads=given.threads, invariant=False)
    llm = None if harness_first else raw_engine(given)
    run = prepare(config, scratch / "run")
    llm = llm or raw_engine(given)
    try:
        yield replace(run, model=replace(run.model, engine=Kept(run.model.engine))), llm
    finally:
        asyncio.run(run.model.engine.close())
        llm.llm_engine.engine_core.shutdown()


def play(run: Run, llm: Any, items: Sequence[Any], folder: Path, *, seeds: bool) -> Round:  # noqa: ANN401
    """One round: the harness, then its requests given to vLLM alone."""
    ours = Timing.of(lambda: through_harness(run, items, folder))
    asked = cast(Kept, run.model.engine).asked
    plain = raw_ways(llm, asked, seeds=False)
    return Round(len(asked), ours, plain, raw_ways(llm, asked, seeds=True) if seeds else plain)


def show(mode: str, rounds: Sequence[Round]) -> float:
    """Print a line of the table; the ratio to vLLM alone by the wall clock."""
    requests, tokens = (sum(each) for each in zip(*((one.requests, one.ours.tokens) for one in rounds), strict=True))
    rates = zip(*(one.rates() for one in rounds), strict=True)
    ours, plain, ratio, cpu_ratio, *seeds = map(geometric_mean, rates)
    print(
        f"| {mode} | {requests} | {tokens} | {ours:.0f} | {plain:.0f} | {ratio:.2f} | {cpu_ratio:.2f} "
        f"| {seeds[0]:.0f} | {seeds[1]:.2f} | {seeds[2]:.2f} |",
        flush=True,
    )
    return ratio


def raw_engine(given: argparse.Namespace) -> Any:  # noqa: ANN401
    from vllm import LLM

    return LLM(
        model=str(models.resolve(given.model).folder),
        dtype=given.dtype,
        max_num_seqs=given.rows,
        enable_prefix_caching=True,
        skip_tokenizer_init=True,
        **passed_on(given),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="folder, hub id or alias")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--problems", type=int, default=32, help="in each round")
    parser.add_argument("--rounds", type=int, default=2, help="in each order")
    parser.add_argument("--samples", type=int, default=2, help="for each problem")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--max-thinking-tokens", type=int, default=96)
    # Prompts in one piece: on a CPU, vLLM 0.32 ends with an error where one with a seed is read in parts.
    room = "kv_cache_memory_bytes=1000000000,max_num_batched_tokens=16384"
    parser.add_argument("--vllm", default=room, help="options of vLLM's own, for both; on a GPU leave it empty")
    parser.add_argument("--processes", action="store_true", help="tell each round's ratio and each process's seconds")
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
