"""What a training step's rollouts cost beyond the engine, and how a step's time is spent.

The rollouts of one step (scheduler, reasoner, forcing, tokenizer and all) against the same requests given directly to
the engine, each as soon as the one that it continues has ended, as in the rollouts. Both generate the same tokens. The
medians of several alternating rounds.

    python benchmarks/training_rollouts.py [--model pocket] [--task pocket_arithmetic] [--threads 1] [--steps 3]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare as prepare_environment

prepare_environment()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import fmean, median  # noqa: E402

from tts_bench.api import LearnedToken  # noqa: E402
from tts_bench.config import ModelConfig  # noqa: E402
from tts_bench.core.scheduler import Scheduler  # noqa: E402
from tts_bench.core.store import Store  # noqa: E402
from tts_bench.engine import Engine, EngineInfo, Generation, Request, Tokenizer  # noqa: E402
from tts_bench.engines import kinds  # noqa: E402
from tts_bench.learning.config import TrainConfig  # noqa: E402
from tts_bench.learning.rollouts import sample  # noqa: E402
from tts_bench.learning.session import prepare  # noqa: E402
from tts_bench.learning.train import LogLine, Trainer  # noqa: E402

SHARE = 0.7  # of the engine's throughput, at least


@dataclass(frozen=True)
class Asked:
    request: Request
    before: int  # number of requests answered when this one arrived


class Recorder:
    """An engine that records its requests, and the order of its answers."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.asked: list[Asked] = []
        self.answered: list[tuple[Request, Generation]] = []

    @property
    def info(self) -> EngineInfo:
        return self.inner.info

    @property
    def tokenizer(self) -> Tokenizer:
        return self.inner.tokenizer

    @property
    def busy_seconds(self) -> float:
        return self.inner.busy_seconds

    def learn(self, token: LearnedToken) -> int:
        return self.inner.learn(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.asked += [Asked(request, len(self.answered)) for request in requests]
        made = await self.inner.generate(requests)
        self.answered += zip(requests, made, strict=True)
        return made

    async def close(self) -> None:
        await self.inner.close()


@dataclass(frozen=True)
class Plan:
    """Requests, each with the index of the one that it waits for."""

    requests: list[Request]
    waits: list[int | None]

    @staticmethod
    def of(recorder: Recorder) -> Plan:
        """A request waits for the one, among those answered before it, whose text it continues furthest."""
        requests = [one.request for one in recorder.asked]
        places = {id(request): place for place, request in enumerate(requests)}
        waits = []
        for one in recorder.asked:
            furthest, parent = 0, None
            for request, generation in recorder.answered[: one.before]:
                if request.prompt == one.request.prompt:
                    shared = common((*request.prefix, *generation.tokens), one.request.prefix)
                    if shared > furthest:
                        furthest, parent = shared, places[id(request)]
            waits.append(parent)
        return Plan(requests, waits)

    async def play(self, engine: Engine) -> int:
        """Tokens that were generated."""
        ended = [asyncio.Event() for _ in self.requests]

        async def one(place: int) -> int:
            wait = self.waits[place]
            if wait is not None:
                await ended[wait].wait()
            [made] = await engine.generate([self.requests[place]])
            ended[place].set()
            return len(made.tokens)

        return sum(await asyncio.gather(*(one(place) for place in range(len(self.requests)))))


def common(one: Sequence[int], other: Sequence[int]) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


@dataclass(frozen=True)
class Timing:
    tokens: int
    wall: float
    cpu: float


def rollouts(trainer: Trainer, engine: Engine) -> int:
    config, scheduler = trainer.config, Scheduler(engine, Store(None))
    sample(
        scheduler,
        trainer.model.conditions,
        trainer.token(trainer.start),
        trainer.problems.batch(0, config.problems_per_step, trainer.model.conditions.seed),
        extensions=config.continuations,
        group=config.group,
        shared=config.shared_prefix,
        stream="step 0",
    )
    return scheduler.counts.made


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        engine = kinds.changed("hf", max_num_seqs=given.rows, threads=given.threads)
        model = ModelConfig(given.model, engine, top_k=0, top_p=1.0, min_p=0.0)
        sizes = {"problems_per_step": given.problems, "group": given.group, "continuations": given.continuations}
        limits = {"steps": given.steps, "hold_out": 8, "patience": 0, "test_problems": 0}
        trainer = prepare(TrainConfig(model, given.task, Path(scratch) / "token", **sizes, **limits))
        try:
            good = against_engine(trainer, given.rounds)
            log = trainer.train(lambda line: None, print).log
        finally:
            asyncio.run(trainer.model.engine.close())
    split([line for line in log if line["step"]])
    sys.exit(not good)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket", help="folder, hub id or alias")
    parser.add_argument("--task", default="pocket_arithmetic")
    parser.add_argument("--threads", type=int, default=1)
    for name, default in {"problems": 16, "group": 16, "continuations": 1, "rows": 64, "steps": 3, "rounds": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def against_engine(trainer: Trainer, rounds: int) -> bool:
    engine = trainer.model.engine
    recorder = Recorder(engine)
    rollouts(trainer, recorder)  # both sides find the rows of the engine as this round leaves them
    plan = Plan.of(recorder)
    ways: dict[str, Callable[[], int]] = {
        "rollouts": lambda: rollouts(trainer, engine),
        "engine alone": lambda: asyncio.run(plan.play(engine)),
    }
    timings: dict[str, list[Timing]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            tokens = way()
            timings[name].append(Timing(tokens, time.perf_counter() - wall, time.process_time() - cpu))
    if len({timing.tokens for found in timings.values() for timing in found}) != 1:
        raise RuntimeError(f"not the same tokens everywhere: {timings}")
    config = trainer.config
    print(f"{len(plan.requests)} requests of {config.problems_per_step} problems x {config.group} rollouts\n")
    print("| | tokens | wall s | CPU s | tokens per s | tokens per CPU s |")
    print("|---|---|---|---|---|---|")
    rates = {}
    for name, found in timings.items():
        tokens = found[0].tokens
        wall, cpu = median(one.wall for one in found), median(one.cpu for one in found)
        rates[name] = (tokens / wall, tokens / cpu)
        print(f"| {name} | {tokens} | {wall:.2f} | {cpu:.2f} | {tokens / wall:.0f} | {tokens / cpu:.0f} |")
    wall, cpu = (own / alone for own, alone in zip(rates["rollouts"], rates["engine alone"], strict=True))
    print(f"\nRollouts have {wall:.0%} of the engine's tokens a second, {cpu:.0%} of its tokens a CPU second.\n")
    return min(wall, cpu) >= SHARE


def split(log: list[LogLine]) -> None:
    print("| step | rollouts s | reward s | update s | tokens | tokens per s | in the engine |")
    print("|---|---|---|---|---|---|---|")
    for line in log:
        seconds, engine = line["seconds"], line["engine"]
        print(
            f"| {line['step']} | {seconds['rollouts']:.2f} | {seconds['reward']:.2f} | {seconds['update']:.2f} "
            f"| {engine['tokens']} | {engine['tokens'] / seconds['rollouts']:.0f} "
            f"| {engine['seconds'] / seconds['rollouts']:.0%} |"
        )
    means = [fmean(line["seconds"][name] for line in log) for name in ("rollouts", "reward", "update")]
    print(f"| mean | {' | '.join(f'{mean:.2f}' for mean in means)} | | | |", flush=True)


if __name__ == "__main__":
    main()
