"""The gate's sampler is plain sampling from the model that transformers runs."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from transformers import LlamaForCausalLM

from pocket import tokens
from pocket.playing import Player
from pocket.sampling import Rows, Weights
from pocket.splits import flat_test, ordinary_test
from pocket.traces import prompt
from tests.pocket.shipped import FOLDER, oracle
from tests.tiny import generated

END, STOP = tokens.ids(tokens.END_THINK)[0], tokens.ids(tokens.END)[0]


@pytest.fixture(scope="module")
def contexts() -> list[tuple[int, ...]]:
    return [tokens.ids(prompt(problem)) for problem in (*ordinary_test()[:9], *flat_test()[:3])]


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(FOLDER)


@torch.inference_mode()
def test_logits_are_those_of_transformers_after_sampling_rewinding_and_feeding(
    model: LlamaForCausalLM, contexts: list[tuple[int, ...]]
) -> None:
    rows = Rows(Weights(model), torch.Generator().manual_seed(0), contexts)
    rows.sample(END, 60)
    rows.feed([tokens.ids("Wait")] * len(contexts))
    rows.sample(END, 60)
    rows.rewind([len(ids) - 3 for ids in rows.ids])
    added = [tokens.ids("so 3\n")[: 1 + index % 3] for index in range(len(contexts))]
    logits = rows.feed(added)
    for ids, each, got in zip(rows.ids, added, logits, strict=True):
        expected = model(torch.tensor([ids])).logits[0, -len(each) :]
        assert torch.allclose(got[: len(each)], expected, atol=1e-4)


@torch.inference_mode()
def test_greedy_rows_are_those_of_generate(model: LlamaForCausalLM, contexts: list[tuple[int, ...]]) -> None:
    rows = Rows(Weights(model), torch.Generator().manual_seed(0), contexts)
    assert all(rows.sample(END, 100, greedy=True))
    for context, ids in zip(contexts, rows.ids, strict=True):
        made = generated(model, torch.tensor([context]), do_sample=False, max_new_tokens=100, eos_token_id=END)
        assert made[0].tolist() == [*ids, END]


@torch.inference_mode()
def test_first_tokens_come_as_often_as_the_model_says(model: LlamaForCausalLM, contexts: list[tuple[int, ...]]) -> None:
    context, count = [*contexts[0], *tokens.ids("20a+3=")], 1500
    rows = Rows(Weights(model), torch.Generator().manual_seed(1), [context] * count)
    rows.sample(STOP, 1)
    seen = Counter(ids[-1] for ids in rows.ids)
    expected = model(torch.tensor([context])).logits[0, -1].softmax(-1)
    for token, chance in enumerate(expected.tolist()):
        assert abs(seen[token] / count - chance) < 4.5 * (chance * (1 - chance) / count) ** 0.5 + 2 / count


@torch.inference_mode()
def test_the_oracle_row_is_read_as_an_embedding(model: LlamaForCausalLM, contexts: list[tuple[int, ...]]) -> None:
    context, row = contexts[0], oracle()
    rows = Rows(Weights(model, row), torch.Generator(), [context])
    got = rows.feed([[model.config.vocab_size]])[0, -1]
    embedded = torch.cat([model.model.embed_tokens(torch.tensor([context])), row[None, None]], 1)
    assert torch.allclose(got, model(inputs_embeds=embedded).logits[0, -1], atol=1e-4)


@torch.inference_mode()
def test_the_same_seed_plays_the_same(model: LlamaForCausalLM) -> None:
    def play() -> list[list[int | None]]:
        player = Player(Weights(model), 3)
        return player.extend(player.think(ordinary_test()[:20]), tokens.ids("Wait"), 2).answers

    assert play() == play()
