"""The search for a text that does what the oracle row does: a cue, of any tokens, that calls a full check.

A cue is first judged by its reward on problems that the model got wrong: the probability that a right check follows,
by its first line (cheap) or whole. The best are then played, and ranked by the accuracy that they lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from random import Random

import torch

from pocket import tokens
from pocket.playing import Player, Thought
from pocket.problems import Problem, held_out
from pocket.traces import true_lines

Cue = tuple[int, ...]

_WRONG = 20  # problems on which a cue's reward is judged
_AT_ONCE = 20  # cues judged side by side
_PIECES, _RANDOM = 1200, 2000
_STARTS, _SWEEPS, _PER_PLACE = 4, 2, 150  # of the coordinate search on a check's first line
_WHOLE_PER_PLACE = 40  # ... and of the one on whole checks
_PLAYED, _PLAYED_ON = 30, 300  # cues that are played, and on how many problems
_KEPT = 5  # returned


def best_cues(player: Player, draw: Random) -> tuple[list[Cue], int]:
    """The cues that do best when played, the best first, and the number of cues that were judged in all."""
    thoughts = player.think(list(islice(held_out(draw, "ordinary"), 400)))
    answers = player.answer(thoughts)
    wrong = [t for t, answer in zip(thoughts, answers, strict=True) if answer != t.problem.answer][:_WRONG]
    lines, checks = Judge(player, wrong, first_line), Judge(player, wrong, _whole_check)
    rewards = lines.rewards({*_short(), *_pieces(player, wrong, draw), *_random(draw)})
    for length in range(3, 3 + _STARTS):
        start = max((cue for cue in rewards if len(cue) <= length), key=lambda cue: rewards[cue])
        padded = _any(draw, length - len(start)) + start
        rewards |= _ascend(lines.rewards, padded, draw, _SWEEPS, _PER_PLACE)
    leading = sorted(rewards, key=lambda cue: -rewards[cue])[: 2 * _PLAYED]
    whole = checks.rewards(leading)
    for start in sorted(whole, key=lambda cue: -whole[cue])[:2]:
        whole |= _ascend(checks.rewards, start, draw, 1, _WHOLE_PER_PLACE)
    ranked = sorted(whole, key=lambda cue: -whole[cue])[:_PLAYED]
    judges = player.think(list(islice(held_out(draw, "ordinary"), _PLAYED_ON)))
    played = {cue: sum(player.extend(judges, cue, 1).right[1]) for cue in ranked}
    return sorted(ranked, key=lambda cue: -played[cue])[:_KEPT], lines.judged + checks.judged


def _short() -> set[Cue]:
    """Every single token, and each before and after "Wait"."""
    wait = tokens.ids("Wait")
    every = [(token,) for token in range(tokens.control_id())]
    return {*every, *(wait + each for each in every), *(each + wait for each in every)}


def _pieces(player: Player, thoughts: Sequence[Thought], draw: Random) -> set[Cue]:
    """Pieces of what the model wrote itself, checks included, alone and around "Wait"."""
    rows = player.rows([thought.ids for thought in thoughts])
    before = [len(thought.ids) for thought in thoughts]
    rows.feed([(tokens.control_id(),)] * len(thoughts))
    rows.sample(tokens.ids(tokens.END_THINK)[0], 60)
    made: set[Cue] = set()
    wait = tokens.ids("Wait")
    while len(made) < _PIECES:
        index = draw.randrange(len(thoughts))
        ids = rows.ids[index][before[index] + 1 :] if draw.random() < 0.7 else thoughts[index].ids
        at = draw.randrange(len(ids))
        piece = tuple(ids[at : at + draw.randint(1, 8)])
        made.add(draw.choice((piece, wait + piece, piece + wait, piece + tokens.ids("\n"))))
    return made


def _random(draw: Random) -> set[Cue]:
    made: set[Cue] = set()
    while len(made) < _RANDOM:
        made.add(_any(draw, draw.randint(2, 6)))
    return made


def _any(draw: Random, length: int) -> Cue:
    return tuple(draw.randrange(tokens.control_id()) for _ in range(length))


def _ascend(
    judge: Callable[[Iterable[Cue]], dict[Cue, float]], start: Cue, draw: Random, sweeps: int, per_place: int
) -> dict[Cue, float]:
    """Greedy coordinate ascent: at each place of a cue in turn, the token with the highest reward."""
    best, rewards = start, judge([start])
    for _ in range(sweeps):
        for place in draw.sample(range(len(start)), len(start)):
            others = draw.sample(range(tokens.control_id()), per_place)
            rewards |= judge({(*best[:place], token, *best[place + 1 :]) for token in others} - rewards.keys())
            best = max(rewards, key=lambda cue: rewards[cue])
    return rewards


def first_line(problem: Problem) -> str:
    """What a right check begins with."""
    return true_lines(problem, check=True)[0]


def _whole_check(problem: Problem) -> str:
    return "".join(true_lines(problem, check=True)) + f"so {problem.answer}\n"


class Judge:
    """The mean probability of what `hoped` says of each problem, after a cue, for many cues."""

    def __init__(self, player: Player, thoughts: Sequence[Thought], hoped: Callable[[Problem], str]) -> None:
        self._rows = player.rows([thought.ids for _ in range(_AT_ONCE) for thought in thoughts])
        self._lengths = [len(ids) for ids in self._rows.ids]
        self._hoped = [tokens.ids(hoped(thought.problem)) for thought in thoughts]
        self.judged = 0

    def rewards(self, cues: Iterable[Cue]) -> dict[Cue, float]:
        made: dict[Cue, float] = {}
        ordered = sorted(cues, key=lambda cue: (len(cue), cue))  # like lengths side by side, and the same in every run
        self.judged += len(ordered)
        for start in range(0, len(ordered), _AT_ONCE):
            together = ordered[start : start + _AT_ONCE]
            made |= zip(together, self._judge(together), strict=True)
        return made

    def _judge(self, cues: Sequence[Cue]) -> list[float]:
        padded = [*cues, *[cues[0]] * (_AT_ONCE - len(cues))]
        breaks = tokens.ids("\n")
        opened = [cue if cue[-1:] == breaks else cue + breaks for cue in padded]
        added = [cue + hoped for cue in opened for hoped in self._hoped]
        logits = self._rows.feed(added)
        self._rows.rewind(self._lengths)
        wanted = torch.zeros(logits.shape[:2], dtype=torch.long)
        taken = torch.zeros(logits.shape[:2])
        cued = [cue for cue in padded for _ in self._hoped]
        for row, (ids, cue) in enumerate(zip(added, cued, strict=True)):  # logits at i speak of token i + 1
            wanted[row, : len(ids) - 1] = torch.tensor(ids[1:])
            taken[row, len(cue) - 1 : len(ids) - 1] = 1
        chance = logits.log_softmax(-1).gather(-1, wanted[..., None])[..., 0]
        reward = (chance * taken).sum(-1).exp().view(len(padded), -1).mean(-1)
        return reward[: len(cues)].tolist()
