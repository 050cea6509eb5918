"""NoWait: thinking without words of doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.lengthen.biases import first_tokens, spoken
from tts_bench.strategies.sampling import at_least

WORDS = ("Wait", "Alternatively", "Hmm", "But", "However", "Alternative", "Another", "Check", "Double-check")


@dataclass(frozen=True)
class NoWait:
    """NoWait (arXiv 2506.08343): words of doubt are banned while thinking.

    Each word is banned as written and in lower case, with and without a leading space.

    Differs: the list of words is ours. The paper searches the vocabulary for tokens that contain a word; here, a
    text of several tokens is banned through its first token. The run's temperature and cut-offs stay unchanged.
    Costs: the sampled tokens. The ban changes the distribution, so samples are not shared with other strategies.
    Unsuitable if: the first token of a word also begins other words, which are then banned too.

    Options:
        words: banned words.
        budget: thinking tokens; none sets no limit.
    """

    words: tuple[str, ...] = WORDS
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)
    needs = ("bias",)

    def __post_init__(self) -> None:
        at_least(1, budget=self.budget)
        if not self.words or not all(word.strip() for word in self.words):
            raise ValueError(f"words is {self.words}; it takes words that are not blank, such as Wait and Hmm")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        bias = first_tokens(reasoner, spoken(self.words), float("-inf"))
        sampling = replace(reasoner.sampling(), bias=bias)
        yield await reasoner.answer(await reasoner.think(max_tokens=self.budget, sampling=sampling))
