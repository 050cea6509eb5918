"""The hf engine against lm-eval's own HFLM: same weights, prompts, lengths and threads, one after the other in one run.

Both read GSM8K questions and decode greedily in float32, HFLM in batches of 16, the engine in 64 rows. Lengths are set
from outside for both, so that they do equal work: for the engine by each request's limit, for HFLM by the end token,
which a logits processor forces at that length and forbids before. Equal lengths: 32 prompts, 64 tokens each. Natural
lengths: 256 prompts, each with a length drawn uniformly from 16 to 256 tokens with a fixed seed. The short part runs
three times on different prompts, and the round with the median ratio of CPU seconds is shown. No prompt is used twice,
so the engine finds only the shared first words in its cache.

    python benchmarks/hf_vs_lm_eval.py --model FOLDER --data gsm8k/test.jsonl [--threads 1] [--part equal]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare

prepare()  # before torch

import argparse  # noqa: E402
import asyncio  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import dataclass, replace  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList  # noqa: E402

from tts_bench.engine import Request, Sampling  # noqa: E402
from tts_bench.engines.hf.engine import HfEngine  # noqa: E402
from tts_bench.engines.hf.load import load  # noqa: E402

GREEDY = Sampling(temperature=0)
Work = list[tuple[str, int]]  # prompts and lengths


class EndAt(LogitsProcessor):
    """Row i ends exactly at its `lengths[i]`-th token."""

    def __init__(self, lengths: list[int], width: int, end: int) -> None:
        self.lengths, self.width, self.end = torch.tensor(lengths), width, end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        due = self.lengths <= input_ids.shape[1] - self.width + 1
        scores[:, self.end] = -torch.inf
        scores[due] = -torch.inf
        scores[due, self.end] = 0.0
        return scores


class FixedLengths(HFLM):
    """HFLM unchanged, except that lengths are set from outside."""

    lengths: dict[tuple[int, ...], list[int]]  # by prompt: of each of its samples

    def _model_generate(self, context: torch.Tensor, attention_mask: torch.Tensor, **options: object) -> torch.Tensor:
        prompts = [tuple(row[mask.bool()].tolist()) for row, mask in zip(context, attention_mask, strict=True)]
        lengths = [self.lengths[prompt].pop() for prompt in prompts]
        processor = EndAt(lengths, context.shape[1], self.eot_token_id)
        options["logits_processor"] = LogitsProcessorList([processor])
        made: torch.Tensor = super()._model_generate(context, attention_mask=attention_mask, **options)
        return made


@dataclass
class Timing:
    wall: float
    cpu: float
    texts: Sequence[str] = ()


def timed(work: Callable[[], object]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def run_hflm(model: FixedLengths, work: Work, sample: bool = False) -> Timing:
    """Greedy, or at temperature 1."""
    model.lengths = {}
    for prompt, length in work:
        model.lengths.setdefault(tuple(model.tok_encode(prompt)), []).append(length)
    how = {"do_sample": True, "temperature": 1.0, "top_k": 0} if sample else {"do_sample": False}
    options = {"until": [], "max_gen_toks": max(length for _, length in work), **how}
    instances = [Instance("generate_until", {}, (prompt, options), index) for index, (prompt, _) in enumerate(work)]
    texts: list[str] = []
    timing = timed(lambda: texts.extend(model.generate_until(instances, disable_tqdm=True)))
    return replace(timing, texts=texts)


def run_engine(engine: HfEngine, work: Work, sampling: Sampling = GREEDY) -> Timing:
    requests = [
        Request(engine.tokenizer.encode(prompt), (), length, str(index), sampling)
        for index, (prompt, length) in enumerate(work)
    ]
    return timed(lambda: asyncio.run(engine.generate(requests)))


def read_prompts(path: Path, count: int) -> list[str]:
    with path.open(encoding="utf-8") as file:
        questions = [json.loads(next(file))["question"] for _ in range(count)]
    return [f"Question: {question}\nAnswer:" for question in questions]


def workloads(path: Path, parts: list[str]) -> tuple[Work, dict[str, list[Work]]]:
    """Warm-up work, and each part's rounds. No prompt is used twice, or the engine would find it in its cache."""
    chance = random.Random(0)
    prompts = read_prompts(path, 4 + 3 * 32 + 256)
    rounds = {
        "equal": [[(prompt, 64) for prompt in prompts[start : start + 32]] for start in (4, 36, 68)],
        "natural": [[(prompt, chance.randint(16, 256)) for prompt in prompts[100:]]],
    }
    return [(prompt, 16) for prompt in prompts[:4]], {part: rounds[part] for part in parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("TTS_BENCH_DATA", "data")) / "gsm8k" / "test.jsonl"
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, default=data, help="JSON Lines with a column question")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", choices=["equal", "natural"], action="append")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
    hflm = FixedLengths(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(given.model), batch_size=16)
    engine = load(given.model, name="m", fingerprint="", device="cpu", dtype="float32", threads=given.threads)
    processor = engine.info.settings["processor"]
    print(f"{processor}, {given.threads} thread(s), exact: {engine.info.exact}\n")
    print("| lengths | prompts | tokens | engine | wall s | CPU s | tokens per CPU s | wall ratio | CPU ratio |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    warm_up, parts = workloads(given.data, given.part or ["equal", "natural"])
    run_engine(engine, warm_up), run_hflm(hflm, warm_up)
    for part, rounds in parts.items():
        timings = [(run_hflm(hflm, work), run_engine(engine, work)) for work in rounds]
        base, ours = sorted(timings, key=lambda pair: pair[0].cpu / pair[1].cpu)[len(rounds) // 2]
        tokens = sum(length for _, length in rounds[0])
        for name, timing in (("HFLM", base), ("hf", ours)):
            rates = f"{tokens / timing.cpu:.1f} | {base.wall / timing.wall:.2f} | {base.cpu / timing.cpu:.2f}"
            row = f"{part} | {len(rounds[0])} | {tokens} | {name} | {timing.wall:.0f} | {timing.cpu:.0f} | {rates}"
            print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
