"""The attack of training: a search for texts that call a check, by evolution, on problems that may be trained on.

What it finds is taught to be answered cursorily in the steps that follow (`traces.document`). It shares the measure of
a cue's reward with the gate's search, and neither problems, cues nor the way of searching.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from random import Random

import torch
from transformers import LlamaForCausalLM

from pocket import tokens
from pocket.playing import Player
from pocket.problems import trainable
from pocket.sampling import Weights
from pocket.search import Judge, first_line
from pocket.traces import edited, mixture

Cue = tuple[int, ...]

_THOUGHT_ABOUT, _WRONG = 100, 10  # problems, and those of them on which a cue is judged
_FIRST, _PARENTS, _CHILDREN, _GENERATIONS = 600, 40, 300, 8
_KEPT = 150


def attack(model: LlamaForCausalLM, draw: Random, known: Sequence[Cue]) -> list[Cue]:
    """The cues that most probably call a right check, of some 3,000 judged; `known` ones are where it starts."""
    with torch.inference_mode():
        player = Player(Weights(model), draw.getrandbits(32))
        problems = list(islice(trainable(draw, "ordinary"), _THOUGHT_ABOUT))
        thoughts = player.think(problems)
        answers = player.answer(thoughts)
        wrong = [t for t, answer in zip(thoughts, answers, strict=True) if answer != t.problem.answer][:_WRONG]
        judge = Judge(player, wrong, first_line)
        wait = tokens.ids("Wait")
        first = {mixture(problem, problem.start, draw) for problem in draw.choices(problems, k=_FIRST)} - {wait}
        rewards = judge.rewards({*first, *draw.sample(known, min(len(known), _FIRST // 2))})
        for _ in range(_GENERATIONS):
            parents = _best(rewards, _PARENTS)
            rewards |= judge.rewards({edited(draw.choice(parents), draw) for _ in range(_CHILDREN)} - rewards.keys())
        return _best({cue: reward for cue, reward in rewards.items() if cue != wait}, _KEPT)


def _best(rewards: dict[Cue, float], count: int) -> list[Cue]:
    return sorted(rewards, key=lambda cue: (-rewards[cue], cue))[:count]
