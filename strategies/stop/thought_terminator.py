"""ThoughtTerminator: tell the model how many tokens are left, and stop it at a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.sampling import at_least

NOTICE = "\n\nNote: I have used {used} tokens, and {left} are left for me to give the final answer.\n\n"
LAST = "\n\nNote: there are no tokens left. I give the final answer now.\n"


@dataclass(frozen=True)
class ThoughtTerminator:
    """ThoughtTerminator (arXiv 2504.13367): notes in the thinking state how much time is left until a deadline.

    A note is inserted every min(250, deadline / 2) tokens, notes included. Thinking ends there if it already
    contains an answer in the task's format.

    Differs: the deadline is fixed; the paper also estimates it for each question. The answer follows the run's own
    end of thinking, while the paper decodes under a regular expression. The notes are worded differently.
    Costs: every note, as forced tokens.
    Unsuitable if: the task accepts any number as an answer, since thinking then ends at the first note. Compare it
    with baseline at the same budget.

    Options:
        deadline: thinking tokens, notes included; the paper tries 200, 500, 1000 and 2000.
    """

    deadline: Annotated[int, Budget] = 200
    groups = ("stop",)
    needs = ("prefill",)

    def __post_init__(self) -> None:
        at_least(1, deadline=self.deadline)

    @property
    def every(self) -> int:
        return max(1, min(250, self.deadline // 2))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        end = max(1, self.deadline - len(reasoner.tokens(LAST)) - 1)  # put() leaves room for a token after it
        trace = await reasoner.think(max_tokens=min(self.every, end))
        for at in range(2 * self.every, self.deadline + self.every, self.every):
            if trace.thinking_ended or reasoner.extract(thought(trace)) is not None or trace.thinking_tokens >= end:
                break
            used = trace.thinking_tokens
            notice = NOTICE.format(used=used, left=self.deadline - used)
            trace = reasoner.put(trace, notice, max_tokens=end)
            trace = await reasoner.think(trace, max_tokens=min(at, end))
        if not trace.thinking_ended and trace.thinking_tokens >= end:
            trace = reasoner.put(trace, LAST, max_tokens=self.deadline)
        elif reasoner.extract(thought(trace)) is not None:
            trace = reasoner.cut(trace, trace.thinking_tokens)  # ended by what it says, and not by a limit
        yield await reasoner.answer(trace)


def thought(trace: Trace) -> str:
    """What the model thought, without notes."""
    return "".join(segment.text for segment in trace.segments if segment.kind == "thinking")
