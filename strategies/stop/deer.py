"""DEER: stop thinking at a turning point where a trial answer is confident."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import exp, fsum
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Forced, Probe, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, fraction, known

CLOSERS = ("}\n", "} ", "}.", "},", "}$", "}\\")  # what ends a trial answer


@dataclass(frozen=True)
class Deer:
    """DEER (arXiv 2504.15895): at each "Wait", the model gives a trial answer; a confident one ends thinking.

    Confidence is the mean probability of the trial answer's tokens from the second on, in the model's own
    distribution. A trial answer of one token is not confident. Thinking ends when the confidence exceeds the
    threshold. The model waits for each trial answer.

    Differs: trial answers use the run's sampling settings for answers, while the code leaves the temperature at 1.
    There is no early answer within 50 tokens of the limit. Text is never tokenized again. The texts that end a trial
    answer are ours.
    Costs: each trial answer and the text that asks for it, as probe; the paper's lengths exclude both.
    Unsuitable if: the model does not write the cues, or the tokens of an answer are likely whatever it thinks.

    Options:
        cues: texts at which the model is asked for a trial answer.
        text: the inserted text that asks for it.
        threshold: confidence above which thinking ends, from 0 to 1; 1 is never reached.
        mean: how probabilities are combined: arithmetic, geometric or least.
        probes: maximum number of trial answers; after them the model thinks to its end.
        tokens: maximum tokens of a trial answer.
        budget: thinking tokens; none sets no limit.
    """

    cues: Annotated[tuple[str, ...], Forced] = ("Wait",)
    text: Annotated[str, Forced] = "\n**Final Answer**\n\\boxed"
    threshold: float = 0.95
    mean: Literal["arithmetic", "geometric", "least"] = "arithmetic"
    probes: int = 10
    tokens: int = 20
    budget: Annotated[int | None, Budget] = None
    groups = ("stop",)
    needs = ("logprob", "stops")

    def __post_init__(self) -> None:
        at_least(1, probes=self.probes, tokens=self.tokens, budget=self.budget)
        fraction(threshold=self.threshold)
        if not self.cues or not all(self.cues) or not self.text.strip():
            raise ValueError(f"cues is {self.cues} and text {self.text!r}; it takes texts that are not empty")
        if self.mean not in ("arithmetic", "geometric", "least"):
            raise ValueError(f"mean is {self.mean!r}; it takes arithmetic, geometric or least")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace, tried, door = await reasoner.think(stop=self.cues, max_tokens=self.budget), list[Probe](), reasoner
        while trace.stopped and not trace.truncated:
            if trace.thinking_tokens != self.budget:  # there a trial answer could stop nothing
                tried.append(await door.probe(trace, self.text, max_tokens=self.tokens, stop=CLOSERS))
                door = reasoner.branch("0", seen=tried)  # the same stream, after the trial answer
                if confidence(reasoner.logprobs(tried[-1]), self.mean) > self.threshold:
                    break
            stop = self.cues if len(tried) < self.probes else ()
            trace = await door.think(trace, stop=stop, max_tokens=self.budget)
        yield await door.answer(trace)


def confidence(logprobs: Sequence[float], mean: str) -> float:
    """The confidence of the tokens from the second on; 0 if there are none."""
    values = known(logprobs[1:])
    if not values:
        return 0.0
    if mean == "geometric":
        return exp(fsum(values) / len(values))
    return exp(min(values)) if mean == "least" else fsum(map(exp, values)) / len(values)
