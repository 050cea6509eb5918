"""Published strategies that stop or lengthen one trace, each in a class of under forty lines: examples, not a shelf."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from tests.published_votes import positive
from tts_bench.api import Answer, Forced, Probe, Problem, Reasoner


@dataclass(frozen=True)
class ProbeAgreement:
    """Dynasor-CoT (arXiv 2412.20993): ask for the answer every `chunk` tokens, until `agree` replies are equal.

    At the stop thinking is closed and the answer generated, where the paper's code puts in the reply.
    """

    chunk: int = 16
    agree: int = 2
    needs = ("prefill",)

    def __post_init__(self) -> None:
        positive(chunk=self.chunk, agree=self.agree)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace, probes, more = await reasoner.think(max_tokens=self.chunk), list[Probe](), True
        while more and not trace.thinking_ended and not agreed(probes, self.agree):
            probes.append(await reasoner.probe(trace, "... Oh, I got the answer.\n</think>\n\n", max_tokens=20))
            grown = await reasoner.think(trace, max_tokens=trace.thinking_tokens + self.chunk)
            more, trace = grown.thinking_tokens > trace.thinking_tokens, grown
        yield reasoner.choose(await reasoner.answer(trace), seen=probes)


def agreed(probes: Sequence[Probe], count: int) -> bool:
    """Whether the last `count` are one answer, and none of them doubts, by whole words."""
    last = probes[-count:]
    said = {probe.extracted for probe in last}
    doubts = any(re.search(r"(?i)\b(wait|hold|but|okay|no|hmm)\b", probe.text) for probe in last)
    return len(last) == count and len(said) == 1 and said != {None} and not doubts


@dataclass(frozen=True)
class SlowThenFast:
    """AlphaOne (arXiv 2505.24863): "Wait" after a paragraph by chance, less and less up to a moment; never after it."""

    moment: int = 40
    start: float = 0.4
    cue: Annotated[str, Forced] = "Wait"

    def __post_init__(self) -> None:
        positive(moment=self.moment)
        if not 0 <= self.start <= 1 or not self.cue.strip():
            raise ValueError(f"start is {self.start} and cue {self.cue!r}; they take a probability and a text")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        chance = reasoner.random("wait")
        trace = await reasoner.think(stop=["\n\n"], max_tokens=self.moment)
        while trace.stopped and trace.thinking_tokens < self.moment:
            if chance.random() < self.start * (1 - trace.thinking_tokens / self.moment):
                paragraph = reasoner.put(trace, trace.stopped)
                trace = reasoner.put(paragraph, self.cue, max_tokens=self.moment)
            trace = await reasoner.think(trace, stop=["\n\n"], max_tokens=self.moment)
        if not trace.thinking_ended:
            trace = await reasoner.think(trace, stop=[self.cue])
        yield await reasoner.answer(trace)
