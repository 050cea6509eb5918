"""TIP: the beginning of a new thought is less likely while the last one is young."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.lengthen.biases import first_tokens, spoken
from tts_bench.strategies.sampling import at_least


@dataclass(frozen=True)
class ThoughtSwitchPenalty:
    """TIP (arXiv 2501.18585): words that begin another thought are less likely in the first tokens of each thought.

    For the first `beta` tokens of a thought, `alpha` is subtracted from the logits of these words. A thought begins
    with the thinking, and at each of the words.

    Differs: a text of several tokens is disfavoured by its first token. The words are an option. The run's temperature
    and cuts stay as they are.
    Costs: as sampled. From the first token on, samples are not shared with other strategies.
    Wrong where: a first token begins other words too: they are disfavoured with it.

    Options:
        alpha: what is subtracted from logits; 0 is the baseline.
        beta: tokens of a thought for which it is.
        words: words that begin another thought; each also in small letters and after a space.
        budget: thinking tokens; none sets no limit.
    """

    alpha: float = 3.0
    beta: int = 600
    words: tuple[str, ...] = ("Alternatively",)
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)
    needs = ("bias", "stops")

    def __post_init__(self) -> None:
        at_least(1, beta=self.beta, budget=self.budget)
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"alpha is {self.alpha}; it takes a number from 0 upwards")
        if not self.words or not all(word.strip() for word in self.words):
            raise ValueError(f"words is {self.words}; it takes words that are not blank, such as Alternatively")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        switches = tuple(dict.fromkeys(form for word in self.words for form in (word, word.lower())))
        plain = reasoner.sampling()
        wary = replace(plain, bias=first_tokens(reasoner, spoken(self.words), -self.alpha)) if self.alpha else plain
        trace: Trace | None = None
        begun, length, more = 0, 0, True
        while more:
            young = length < begun + self.beta
            ends = [end for end in (begun + self.beta if young else None, self.budget) if end is not None]
            trace = await reasoner.think(
                trace, stop=switches, max_tokens=min(ends, default=None), sampling=wary if young else plain
            )
            more = not trace.thinking_ended and trace.thinking_tokens > length
            length = trace.thinking_tokens
            begun = length if trace.stopped else begun
        yield await reasoner.answer(trace)
