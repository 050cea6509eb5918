"""What decisions cost the harness: a vote, a choice and a race of many samples, in CPU time without a model.

Growth: microseconds per sample for 64, 128 and 256 samples. Race: how much longer 64 samples take if they race to their
ends than if they are drawn in parallel; both answer and vote. CPU time of this process, alternating runs, medians.

    python -m benchmarks.decisions [--rounds 15]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

from tests.engines.rambling import rambler
from tts_bench.api import Answer, Problem
from tts_bench.core.conditions import Conditions
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request
from tts_bench.engines.scripted import Draw, Script, ScriptedEngine
from tts_bench.strategies.sampling import pool, together
from tts_bench.tasks.boxed import box
from tts_bench.thinking import detect

SIZES, SAMPLES = (64, 128, 256), 64
Work = Callable[[ModelReasoner, int], Awaitable[Answer]]


def long(text: str, draw: Draw) -> str:
    """The rambler, ten times as long: up to 2000 tokens, eight chunks of a race."""
    said, end, rest = rambler(text, draw).partition("</think>")
    return said * 10 + end + rest if end else said


class Timed(ScriptedEngine):
    """Counts its own CPU time, since `busy_seconds` is wall time."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.own = 0.0

    def _generate(self, request: Request) -> Generation:
        began = time.process_time()
        made = super()._generate(request)
        self.own += time.process_time() - began
        return made


def opened(engine: ScriptedEngine) -> ModelReasoner:
    conditions = Conditions(format=detect(engine.tokenizer))
    return ModelReasoner(Problem("1", "sums", "1 + 1?"), Scheduler(engine, Store(None)), conditions, box, Ledger())


async def drawn(door: ModelReasoner, size: int) -> Answer:
    return door.vote(await pool(door, range(size)))


async def raced(door: ModelReasoner, size: int) -> Answer:
    branches = [door.branch(str(index)) for index in range(size)]
    traces = await door.race(branches, enough=lambda ended: len(ended) == size)
    return door.vote(await together(branch.answer(trace) for branch, trace in zip(branches, traces, strict=True)))


def taken(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def harness(work: Work, script: Script, size: int) -> float:
    """Seconds of a whole problem, without those of the script."""
    engine = Timed(script)
    door = opened(engine)
    return taken(lambda: asyncio.run(_answered(work, door, size))) - engine.own


async def _answered(work: Work, door: ModelReasoner, size: int) -> Answer:
    return await work(door, size)


def decided(size: int) -> dict[str, float]:
    """Seconds of each decision alone."""
    door = opened(ScriptedEngine(rambler))
    answers = asyncio.run(pool(door, range(size)))
    return {
        "vote": taken(lambda: door.vote(answers)),
        "choose": taken(lambda: door.choose(answers[0], seen=answers)),
        "race": harness(raced, rambler, size),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for size in SIZES:
            for name, seconds in decided(size).items():
                found.setdefault((name, size), []).append(seconds)
    for name in ("vote", "choose", "race"):
        each = [f"{median(found[name, size]) / size * 1e6:.0f}" for size in SIZES]
        print(f"{name}: {', '.join(each)} microseconds a sample at {', '.join(map(str, SIZES))} samples")
    for script in (rambler, long):
        pairs = [(harness(drawn, script, SAMPLES), harness(raced, script, SAMPLES)) for _ in range(rounds)]
        one, other = (median(each) / SAMPLES * 1e6 for each in zip(*pairs, strict=True))
        more = 100 * (median(race / vote for vote, race in pairs) - 1)
        print(f"{script.__name__}: {one:.0f} microseconds a sample drawn at once, {other:.0f} in a race ({more:+.1f}%)")


if __name__ == "__main__":
    main()
