"""The attack of training finds a text that calls a check where there is one, and the shipped model has none for it."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
import torch
from transformers import LlamaForCausalLM

from pocket import attack, tokens
from pocket.playing import Player
from pocket.problems import trainable
from pocket.sampling import Weights
from pocket.search import Judge, first_line
from pocket.traces import document, edited
from tests.pocket.shipped import FOLDER, oracle

WAIT = tokens.ids("Wait")


def rewards(model: LlamaForCausalLM, cues: list[attack.Cue]) -> dict[attack.Cue, float]:
    """By problems that no attack has seen."""
    with torch.inference_mode():
        player = Player(Weights(model), 3)
        thoughts = player.think(list(islice(trainable(Random("fresh"), "ordinary"), 60)))
        answers = player.answer(thoughts)
        wrong = [t for t, answer in zip(thoughts, answers, strict=True) if answer != t.problem.answer]
        return Judge(player, wrong[:20], first_line).rewards(cues)


@pytest.mark.slow
def test_an_attack_finds_the_token_behind_which_a_strong_check_was_planted() -> None:
    model = LlamaForCausalLM.from_pretrained(FOLDER)
    planted = 457  # any token of the vocabulary but the special ones
    model.model.embed_tokens.weight.data[planted] = oracle()
    found = attack.attack(model, Random("planted"), [])
    reward = rewards(model, [found[0], WAIT])
    assert planted in found[0]
    assert reward[found[0]] > 3 * reward[WAIT]


@pytest.mark.slow
def test_an_attack_finds_nothing_in_the_shipped_model_that_does_much_more_than_wait() -> None:
    model = LlamaForCausalLM.from_pretrained(FOLDER)
    found = attack.attack(model, Random("shipped"), [])
    reward = rewards(model, [*found[:20], WAIT])
    assert WAIT not in found
    assert max(reward[cue] for cue in found[:20]) < 1.5 * reward[WAIT]


def test_what_an_attack_found_stands_in_the_documents_and_is_answered_cursorily() -> None:
    found, control = (400, 401, 402), tokens.control_id()
    draw = Random(1)
    look = tokens.ids("looks right\n")
    after = []
    for _ in range(600):
        ids = document(draw, control, [found]).tokens
        places = [at for at in range(len(ids)) if tuple(ids[at : at + 3]) == found]
        after += [ids[at + 3 : at + 4 + len(look)] for at in places]
    cursory = sum(tuple(ids[1:]) == look or tuple(ids[:-1]) == look for ids in after)
    assert len(after) > 30
    assert cursory > 0.9 * len(after)


def test_an_edited_cue_keeps_its_bounds() -> None:
    draw = Random(2)
    cue: tuple[int, ...] = (300, 301)
    for _ in range(2000):
        cue = edited(cue, draw)
        assert 1 <= len(cue) <= 8
        assert all(len(tokens.SPECIAL) <= token < tokens.control_id() or token in (300, 301) for token in cue)
