"""What the harness itself costs: its share of a run's time on the hf engine, and problems per second without a model.

hf: the share of a run's generation time in which the engine is idle, for budget forcing with two extensions. scripted:
budget forcing with four extensions, with generation store and records on disk, median of three runs.

    python -m benchmarks.overhead [--part hf] [--model smollm2] [--threads 1]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare as prepare_environment

prepare_environment()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402

from rich.console import Console  # noqa: E402

from benchmarks.apples import write_apples  # noqa: E402
from tts_bench.config import ModelConfig, RunConfig  # noqa: E402
from tts_bench.core.scheduler import Scheduler  # noqa: E402
from tts_bench.core.scoring import Scoring  # noqa: E402
from tts_bench.core.store import Store  # noqa: E402
from tts_bench.engines import kinds  # noqa: E402
from tts_bench.engines.scripted import ScriptedEngine  # noqa: E402
from tts_bench.present.progress import Progress  # noqa: E402
from tts_bench.runs.run import Run, prepare  # noqa: E402

SHARE, RATE = 0.03, 1000.0  # at most, at least


@dataclass(frozen=True)
class Timing:
    wall: float
    cpu: float
    engine: float  # seconds of it inside the engine
    tokens: int
    problems: int


def on_hf(given: argparse.Namespace, folder: Path) -> Timing:
    """A whole run; only generation counts, not the scoring by lm-eval after it."""
    limits = {"max_thinking_tokens": given.max_thinking_tokens, "max_answer_tokens": given.max_answer_tokens}
    engine = kinds.changed("hf", threads=given.threads, max_num_seqs=given.in_flight)
    model = ModelConfig(given.model, engine, **limits)
    strategies = ("budget-forcing:extensions=2",)
    config = RunConfig(model, ("gsm8k",), strategies, limit=given.limit, in_flight=given.in_flight)
    run = prepare(config, folder / "run")
    began = time.process_time()
    with quiet(run) as progress:
        outcome = run.execute(progress)
    cpu = time.process_time() - began
    if outcome.errors:
        raise RuntimeError(outcome.errors[0].error)
    timing = json.loads((outcome.out / "run.json").read_text("utf-8"))["timing"]
    return Timing(timing["generation_seconds"], cpu, timing["engine_seconds"], timing["tokens"]["made"], len(run.items))


def on_scripted(problems: int, folder: Path) -> Timing:
    """The generating part of a run: what a run does before lm-eval scores it."""
    data = write_apples(problems, folder)
    model = ModelConfig(engine="scripted")
    config = RunConfig(model, ("gsm8k",), ("budget-forcing:extensions=4",), data_dir=data)
    run = prepare(config, folder / "run")
    run.folder.path.mkdir()
    run.folder.begin(run.header())
    with quiet(run) as progress, Store(run.store) as store:
        scheduler = Scheduler(run.model.engine, store)
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(run._generate(scheduler, Scoring({}, store), progress))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    records = list(run.folder.unscored(run._order))
    if len(records) != problems or any(record.error or len(record.answers) != 5 for record in records):
        raise RuntimeError("not every problem was answered five times")
    assert isinstance(run.model.engine, ScriptedEngine)
    return Timing(wall, cpu, run.model.engine.busy_seconds, scheduler.counts.made, problems)


def quiet(run: Run) -> Progress:
    return Progress(len(run.items), list(run.labels.values()), Console(file=io.StringIO()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["hf", "scripted"], action="append")
    parser.add_argument("--model", default="smollm2", help="folder, hub id or alias")
    parser.add_argument("--limit", type=int, default=64, help="problems of GSM8K on hf")
    parser.add_argument("--in-flight", type=int, default=64, help="of them, and rows of the engine")
    parser.add_argument("--max-thinking-tokens", type=int, default=96)
    parser.add_argument("--max-answer-tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--problems", type=int, default=2000, help="problems on scripted")
    given = parser.parse_args()
    good = True
    if "scripted" in (given.part or ["scripted"]):
        timings = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as scratch:
                timings.append(on_scripted(given.problems, Path(scratch)))
        timing = sorted(timings, key=lambda timing: timing.wall)[1]
        rate = timing.problems / timing.wall
        print("| engine | problems | wall s | CPU s | problems per s | problems per CPU s | in the script, s |")
        print("|---|---|---|---|---|---|---|")
        print(
            f"| scripted | {timing.problems} | {timing.wall:.2f} | {timing.cpu:.2f} | {rate:.0f} "
            f"| {timing.problems / timing.cpu:.0f} | {timing.engine:.2f} |\n",
            flush=True,
        )
        good = good and rate >= RATE
    if "hf" in (given.part or ["hf"]):
        with tempfile.TemporaryDirectory() as scratch:
            timing = on_hf(given, Path(scratch))
        share = 1 - timing.engine / timing.wall
        print("| engine | problems | tokens | generating, wall s | in the engine, s | outside it |")
        print("|---|---|---|---|---|---|")
        print(
            f"| hf | {timing.problems} | {timing.tokens} | {timing.wall:.2f} | {timing.engine:.2f} | {share:.1%} |",
            flush=True,
        )
        good = good and share <= SHARE
    sys.exit(not good)


if __name__ == "__main__":
    main()
