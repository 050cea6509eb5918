"""The pocket reasoner at work: thinking, cues in the place of its end, and answers, for many problems at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from pocket import tokens
from pocket.problems import Problem
from pocket.sampling import Rows, Weights
from pocket.traces import prompt

LIMIT = 120  # tokens of one round of thinking; a check of six events takes 45
_ANSWER_LIMIT = 12
_TOGETHER = 256  # rows
_BOX = re.compile(r"\\boxed\{(\d{1,2})\}")


@dataclass
class Thought:
    """A problem and the tokens of a prompt and of thinking about it, without its end."""

    problem: Problem
    ids: list[int]
    ended: bool


@dataclass
class Arm:
    """What one cue came to: for each rung and each thought, whether the answer was right; tokens sampled in all."""

    right: list[list[bool]]
    answers: list[list[int | None]]
    sampled: list[float] = field(
        default_factory=list
    )  # mean tokens of thinking at each rung, the first thinking included
    ended: float = 1.0  # share of rounds that ended by themselves


class Player:
    """A model and a source of randomness."""

    def __init__(self, weights: Weights, seed: int) -> None:
        self.weights = weights
        self.generator = torch.Generator().manual_seed(seed)
        (self._end,), (self._stop,) = tokens.ids(tokens.END_THINK), tokens.ids(tokens.END)

    def think(self, problems: Sequence[Problem], greedy: bool = False) -> list[Thought]:
        """A first thinking about each problem."""
        made: dict[int, Thought] = {}
        for group in _groups([len(problem.events) for problem in problems]):
            rows = self.rows([tokens.ids(prompt(problems[index])) for index in group])
            ended = rows.sample(self._end, LIMIT, greedy)
            for place, index in enumerate(group):
                made[index] = Thought(problems[index], rows.ids[place], ended[place])
        return [made[index] for index in range(len(problems))]

    def rows(self, contexts: Sequence[Sequence[int]]) -> Rows:
        return Rows(self.weights, self.generator, contexts)

    def answer(self, thoughts: Sequence[Thought], greedy: bool = False) -> list[int | None]:
        """An answer to each problem after what was thought."""
        return self.extend(thoughts, (), 0, greedy).answers[0]

    def extend(self, thoughts: Sequence[Thought], cue: Sequence[int], times: int, greedy: bool = False) -> Arm:
        """Answers after each thought, and again each time that `cue` took the place of the end of thinking."""
        count = len(thoughts)
        answers: list[list[int | None]] = [[None] * count for _ in range(times + 1)]
        used = [0] * (times + 1)
        rounds = ended = 0
        for group in _groups([len(thought.ids) for thought in thoughts]):
            rows = self.rows([thoughts[index].ids for index in group])
            prompts = [len(tokens.ids(prompt(thoughts[index].problem))) for index in group]
            for rung in range(times + 1):
                if rung:
                    rows.feed([cue] * len(group))
                    ended += sum(rows.sample(self._end, LIMIT, greedy))
                    rounds += len(group)
                used[rung] += sum(len(ids) - skipped for ids, skipped in zip(rows.ids, prompts, strict=True))
                for index, answer in zip(group, self._answers(rows, greedy), strict=True):
                    answers[rung][index] = answer
        right = [
            [answer == thought.problem.answer for answer, thought in zip(rung, thoughts, strict=True)]
            for rung in answers
        ]
        return Arm(right, answers, [round(each / count, 1) for each in used], ended / rounds if rounds else 1.0)

    def _answers(self, rows: Rows, greedy: bool) -> list[int | None]:
        lengths = [len(ids) for ids in rows.ids]
        rows.feed([tokens.ids(f"{tokens.END_THINK}\n\n")] * len(lengths))
        rows.sample(self._stop, _ANSWER_LIMIT, greedy)
        texts = [tokens.tokenizer().decode(ids[length:]) for ids, length in zip(rows.ids, lengths, strict=True)]
        rows.rewind(lengths)
        return [int(match[1]) if (match := _BOX.search(text)) else None for text in texts]


def _groups(sizes: Sequence[int]) -> list[list[int]]:
    """Indices in groups of like size, so that few rows wait for others."""
    order = sorted(range(len(sizes)), key=lambda index: sizes[index])
    return [order[start : start + _TOGETHER] for start in range(0, len(order), _TOGETHER)]
