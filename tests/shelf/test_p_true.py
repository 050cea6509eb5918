"""Claim: CISC's P(True) is the model's own probability of a 1 against a 0 behind its answer, and is paid for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.on_hf import engine_of
from tests.scripts import World, rambler
from tests.shelf.opened import answers, done, opened, plain, told
from tests.shelf.pools import shy, silent
from tests.tiny import make_tiny
from tts_bench.api import Strategy
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.strategies.sampling import once
from tts_bench.strategies.weigh.cisc import Cisc, p_true, ratings
from tts_bench.testing import CLAIMS, Claim, conform
from tts_bench.thinking import detect

ASKED = Cisc(samples=6, confidence="p-true")


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_it_keeps_every_claim(claim: Claim[Strategy]) -> None:
    conform(ASKED, claim)


def test_it_is_the_softmax_of_the_models_logits_of_both_digits(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path)
    with engine_of(folder) as engine:
        conditions = type(World(rambler).conditions)(
            format=detect(engine.tokenizer), max_answer=48, max_thinking=20, columns=("logprob",)
        )
        item = World(rambler).item()
        door = ModelReasoner(item.problem, Scheduler(engine, Store(None)), conditions, lambda text: "7", Ledger())

        async def asked() -> tuple[list[tuple[int, ...]], float]:
            rated = await ratings(door, item.problem, await once(door))
            return [each.traces[0].tokens for each in rated], p_true(door, rated)

        tokens, found = asyncio.run(asked())
        digits = [engine.tokenizer.encode(digit) for digit in "01"]
    assert [each[-1:] for each in tokens] == digits
    assert tokens[0][:-1] == tokens[1][:-1]
    logits = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([tokens[0][:-1]])).logits[0, -1]
    assert found == pytest.approx(logits[[token for (token,) in digits]].softmax(0)[1].item(), abs=1e-5)
    assert found != pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_small_temperatures_take_the_answer_that_is_rated_highest(seed: int) -> None:
    door = opened(shy, seed, columns=("logprob",))
    samples = [done(once(door.branch(str(index)))) for index in range(6)]
    rated = [p_true(door, done(ratings(door, door.problem, sample))) for sample in samples]
    best = max(range(6), key=lambda index: (samples[index].extracted is not None, rated[index]))
    [*_, answer] = answers(Cisc(1e-6, 6, confidence="p-true"), opened(shy, seed, columns=("logprob",)))
    assert answer.extracted == samples[best].extracted


def test_each_answer_is_read_again_and_two_tokens_are_sampled_for_it() -> None:
    found = answers(ASKED, opened(columns=("logprob",)))
    for count, answer in enumerate(found, 1):
        vote = plain(count, opened())
        texts = {trace.segments[-1].text for trace in vote.traces}
        assert answer.cost.thinking == vote.cost.thinking
        assert answer.cost.context > 0
        assert vote.cost.answer < answer.cost.answer <= vote.cost.answer + 2 * count
        assert answer.cost.answer == vote.cost.answer + 2 * len(texts)  # equal texts are asked about once


def test_what_gave_no_answer_is_not_asked_about() -> None:
    [*_, answer] = answers(ASKED, opened(silent, columns=("logprob",)))
    assert told(answer) == told(plain(6, opened(silent)))


def test_it_needs_an_engine_that_favours_tokens_and_the_default_does_not() -> None:
    assert Cisc().needs == ("logprob",)
    assert ASKED.needs == ("bias", "logprob", "prefill")
    with pytest.raises(ValueError, match="confidence is 'true'; it takes response or p-true"):
        Cisc(confidence="true")  # type: ignore[arg-type]
