"""Strategies on the hf engine with tiny or real models, without a run around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.tiny import Architecture, make_tiny
from tts_bench import loops, registry
from tts_bench.api import Answer, Problem, Reasoner, Strategy
from tts_bench.core.conditions import Conditions
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engine import Engine
from tts_bench.engines.hf.load import load
from tts_bench.records import Record
from tts_bench.solving.solve import Arm, Item, solve

FINGERPRINT = "f" * 64
QUESTIONS = (
    "Tom has 12 apples and gives away 5 of them. How many are left?",
    "What is 2 + 2?",
    "How many apples are 3 apples?",
    "Say hello.",
    "Is 7 odd?",
    "Name a colour.",
)


def make_thinker(folder: Path, architecture: Architecture, seed: int = 0) -> Path:
    """A tiny model that ends its thinking, its answers and its turns now and then: those tokens' logits are wide."""
    make_tiny(folder, architecture, False, seed=seed)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        for name, factor in (("</think>", 2.0), ("<|im_end|>", 2.0)):
            model.lm_head.weight[tokenizer.convert_tokens_to_ids(name)] *= factor
    model.save_pretrained(folder)
    return folder


@contextmanager
def engine_of(folder: Path, *, dtype: str = "float32", rows: int = 8, exact: bool = True) -> Iterator[Engine]:
    engine = load(
        folder, name="m", fingerprint=FINGERPRINT, device="cpu", dtype=dtype, max_num_seqs=rows, threads=1, exact=exact
    )
    try:
        yield engine
    finally:
        asyncio.run(engine.close())


def items_of(questions: Sequence[str] = QUESTIONS) -> list[Item]:
    return [Item("sums", index, 0, question, (), str) for index, question in enumerate(questions)]


def arms_of(*specs: str) -> list[Arm]:
    return [Arm(built.id, built.strategy) for built in registry.build_all(specs)]


def records_of(
    engine: Engine, conditions: Conditions, arms: Sequence[Arm], items: Sequence[Item], in_flight: int = 32
) -> list[Record]:
    """Records of all strategies on all items, from an empty store."""
    scheduler = Scheduler(engine, Store(None))

    async def everything() -> list[Record]:
        room = asyncio.Semaphore(in_flight)

        async def one(item: Item) -> list[Record]:
            async with room:
                return await asyncio.gather(*(solve(arm, item, scheduler, conditions, 600) for arm in arms))

        return [record for records in await asyncio.gather(*map(one, items)) for record in records]

    records = loops.run(everything())
    assert [record.error for record in records if record.error] == []
    return records


@dataclass(frozen=True)
class Kept:
    """A strategy whose answers are kept, token ids and all, by problem."""

    inner: Strategy
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        async for answer in self.inner.solve(problem, reasoner):
            self.answers.setdefault(problem.id, []).append(answer)
            yield answer


def answers_of(engine: Engine, conditions: Conditions, spec: str, items: Sequence[Item]) -> dict[str, list[Answer]]:
    """Answers of every rung for each problem, all problems at once; they are held against the records."""
    [arm] = arms_of(spec)
    kept = Kept(arm.strategy)
    for record in records_of(engine, conditions, [Arm(arm.id, kept)], items):
        for told, answer in zip(record.answers, kept.answers[record.problem], strict=True):
            lineage = [record.segments[place] for place in told.segments]
            assert [(s.kind, s.text, s.tokens, s.end) for s in lineage] == [
                (s.kind, s.text, len(s.tokens), len(s.end)) for s in answer.lineage
            ]
    return kept.answers
