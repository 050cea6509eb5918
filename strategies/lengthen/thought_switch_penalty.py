"""TIP: switching to a new thought is penalized early in the current one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.lengthen.biases import first_tokens, spoken
from tts_bench.strategies.sampling import at_least


@dataclass(frozen=True)
class ThoughtSwitchPenalty:
    """TIP (arXiv 2501.18585): words that begin a new thought are penalized in the first tokens of each thought.

    For the first `beta` tokens of a thought, `alpha` is subtracted from the logits of these words. A thought begins
    at the start of thinking and at each of these words.

    Differs: a text of several tokens is penalized through its first token. The words are an option. The run's
    temperature and cut-offs stay unchanged.
    Costs: the sampled tokens. From the first token on, samples are not shared with other strategies.
    Unsuitable if: the first token of a word also begins other words, which are then penalized too.

    Options:
        alpha: amount subtracted from logits; 0 is the baseline.
        beta: number of first tokens of a thought with the penalty.
        words: words that begin a new thought; each also in lower case and after a space.
        budget: thinking tokens; none sets no limit.
    """

    alpha: float = 3.0
    beta: int = 600
    words: tuple[str, ...] = ("Alternatively",)
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)

    def __post_init__(self) -> None:
        at_least(1, beta=self.beta, budget=self.budget)
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"alpha is {self.alpha}; it takes a number from 0 upwards")
        if not self.words or not all(word.strip() for word in self.words):
            raise ValueError(f"words is {self.words}; it takes words that are not blank, such as Alternatively")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("bias", "stops") if self.alpha else ("stops",)

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
