"""Dynasor-CoT: stop thinking when trial answers agree."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, Probe, Problem, Reasoner
from tts_bench.strategies.sampling import at_least

DOUBTS = re.compile(r"(?i)\b(wait|hold|but|okay|no|hmm)\b")


@dataclass(frozen=True)
class Dynasor:
    """Dynasor-CoT (arXiv 2412.20993): a trial answer after each chunk of thinking; enough equal ones end it.

    The paper's levels, as agree and chunk: mild 8 and 64, low 5 and 64, mid 3 and 64, high 2 and 64, crazy 2 and 32.

    Differs: at the stop the model answers, while the code inserts the trial answer. Words of doubt are whole words;
    in the code, "know" contains "no". Trial answers use the run's sampling settings for answers. The text that asks
    for one is worded differently. Trial answers run beside the thinking, as in the paper, so `sequential` waits only
    for the one that ends it; what would be thought meanwhile, and dropped, is not sampled.
    Costs: each trial answer and the text that asks for it, as probe: about 30% of a chunk of 64.
    Unsuitable if: thinking takes fewer than agree x chunk tokens.

    Options:
        chunk: thinking tokens between two trial answers.
        agree: how many in a row must be equal, extracted and without a word of doubt.
        text: the inserted text that asks for one.
        tokens: maximum tokens of a trial answer.
        budget: thinking tokens; none sets no limit.
    """

    chunk: int = 64
    agree: int = 3
    text: Annotated[str, Forced] = "... Oh, now I see the answer to all of it.\n**Final Answer**\n\\boxed{"
    tokens: int = 20
    budget: Annotated[int | None, Budget] = None
    groups = ("stop",)
    needs = ("prefill",)

    def __post_init__(self) -> None:
        at_least(1, chunk=self.chunk, agree=self.agree, tokens=self.tokens, budget=self.budget)
        if not self.text.strip():
            raise ValueError(f"text is {self.text!r}; it takes a text that is not blank")

    def _end(self, tokens: int) -> int:
        return min(tokens + self.chunk, self.budget or tokens + self.chunk)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace, probes, more = await reasoner.think(max_tokens=self._end(0)), list[Probe](), True
        while more and not trace.thinking_ended and trace.thinking_tokens != self.budget:
            probes.append(await reasoner.probe(trace, self.text, max_tokens=self.tokens))
            if agreed(probes, self.agree):  # thinking ends by them, not by a limit, and is answered after them
                trace = reasoner.branch("0", seen=probes).cut(trace, trace.thinking_tokens)
                break
            grown = await reasoner.think(trace, max_tokens=self._end(trace.thinking_tokens))
            more, trace = grown.thinking_tokens > trace.thinking_tokens, grown
        yield reasoner.choose(await reasoner.answer(trace), seen=probes)


def agreed(probes: Sequence[Probe], count: int) -> bool:
    """Whether the last `count` give one answer, and none of them contains a word of doubt."""
    last = probes[-count:]
    said = {probe.extracted for probe in last}
    doubts = any(DOUBTS.search(probe.text) for probe in last)
    return len(last) == count and len(said) == 1 and said != {None} and not doubts
