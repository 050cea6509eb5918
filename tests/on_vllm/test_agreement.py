"""vLLM and hf, each on their own arithmetic, say the same: tokens, events and scores. `make test-vllm`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tts_bench.tasks.data import load_rows

from tests.on_hf import arms_of, items_of, records_of
from tests.on_vllm.conftest import start_hf, start_vllm
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Engine, Generation, Request, Sampling
from tts_bench.thinking import detect

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

COUNT, SHARE = 200, 0.95
GREEDY = Sampling(temperature=0.0)
STRATEGIES = ("baseline:budgets=8+40", "budget-forcing:extensions=2", "majority-vote:samples=2")


@pytest.fixture(scope="module")
def real(smollm2: Path) -> Iterator[tuple[Engine, Engine]]:
    """SmolLM2 on vLLM and on hf."""
    engines = start_vllm(smollm2), start_hf(smollm2)
    yield engines
    for engine in engines:
        asyncio.run(engine.close())


def requests_of(engine: Engine, task: str, tokens: int) -> list[Request]:
    """Greedy requests as a run makes them for thinking, stops and all."""
    form, tokenizer = detect(engine.tokenizer), engine.tokenizer
    ids = tokenizer.end_ids | ({end[0]} if len(end := tokenizer.encode(form.end)) == 1 else set())
    texts = (form.end,) if len(end) > 1 else ("\n\n",)
    questions = [str(row["question"]) for row in load_rows(task).rows[:COUNT]]
    return [
        Request(tokenizer.encode(form.open(tokenizer.render(text))), (), tokens, text, GREEDY, frozenset(ids), texts)
        for text in questions
    ]


def check_agreement(ours: Sequence[Generation], theirs: Sequence[Generation]) -> None:
    alike = [(one, other) for one, other in zip(ours, theirs, strict=True) if one.tokens == other.tokens]
    print(f"{len(alike)} of {len(ours)} generations have equal tokens")
    assert len(ours) == COUNT
    assert len(alike) >= SHARE * COUNT
    assert all(one == other for one, other in alike)
    assert {one.finish for one in ours} == {"stop", "length"}


def both(engines: Sequence[Engine], task: str, tokens: int) -> list[list[Generation]]:
    return [asyncio.run(engine.generate(requests_of(engine, task, tokens))) for engine in engines]


def test_greedy_tokens_and_stops_agree_on_the_pocket_model(vllm_engine: Engine, hf_engine: Engine) -> None:
    check_agreement(*both((vllm_engine, hf_engine), "pocket_arithmetic", 36))


def test_greedy_tokens_and_stops_agree_on_a_real_model(real: tuple[Engine, Engine]) -> None:
    check_agreement(*both(real, "gsm8k", 16))


def test_every_event_of_every_strategy_agrees_wherever_the_text_does(vllm_engine: Engine, hf_engine: Engine) -> None:
    """Truncated, stopped, cues wanted and put in, what was extracted, and the bill; sampled text too."""
    count = -(-COUNT // len(STRATEGIES))
    items = items_of([str(row["question"]) for row in load_rows("pocket_arithmetic").rows[:count]])
    conditions = Conditions(format=detect(vllm_engine.tokenizer), max_thinking=60, max_answer=12)
    arms = arms_of(*STRATEGIES)
    ours, theirs = (records_of(engine, conditions, arms, items) for engine in (vllm_engine, hf_engine))
    alike = [
        (one, other)
        for one, other in zip(ours, theirs, strict=True)
        if [segment.text for segment in one.segments] == [segment.text for segment in other.segments]
    ]
    print(f"{len(alike)} of {len(ours)} records have equal text")
    assert len(alike) >= SHARE * len(ours)
    assert all(one == other for one, other in alike)
    answers = [answer for record in ours for answer in record.answers]
    assert any(answer.truncated for answer in answers)
    assert any(answer.cues for answer in answers)
    assert any(answer.cues < answer.cues_wanted for answer in answers)
