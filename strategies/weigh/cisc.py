"""Confidence-informed self-consistency (arXiv 2502.06233)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import exp, fsum
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Problem, Reasoner, Sampling, Turn
from tts_bench.strategies.sampling import at_least, countable, known, pool, together
from tts_bench.strategies.weigh.weights import softmax

RATE = "Rate your confidence in the proposed answer as either 0 or 1."
RATED = "Proposed confidence: ("
_ALWAYS = 100.0  # added to a logit: that token is drawn, and its log-probability is the model's own


@dataclass(frozen=True)
class Cisc:
    """CISC (arXiv 2502.06233): samples vote with softmax weights of the model's confidence in each.

    The confidence is the response probability, exp(mean log-probability of the sampled tokens, thinking and
    answer), or P(True): the model is asked for its confidence as 0 or 1, and the probability of 1 is divided by
    that of both. The weight of a sample is exp(confidence / temperature), normalized over the samples of the
    problem. One rung for each number of samples, 1 to all.

    Differs: P(True), the paper's best, is not the default, since it needs an engine that favours tokens and
    continues a text. It is asked in a separate turn after the answer, without the thinking; the paper asks in the
    same text. The paper tunes the temperature on problems with known answers; it is an option here, and 0.1 is not
    from the paper.
    Costs: nothing extra if log-probabilities come with the samples. P(True) re-reads each answer and samples two
    tokens.
    Unsuitable if: samples of one problem are about equally probable: it is then the plain vote.

    Options:
        confidence: response or p-true.
        temperature: temperature of the softmax, above 0; small values pick the most confident sample, large values
            give a plain vote.
        samples: number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    temperature: float = 0.1
    samples: int = 16
    budget: Annotated[int | None, Budget] = None
    confidence: Literal["response", "p-true"] = "response"
    groups = ("weigh", "cheap")

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)
        if self.confidence not in ("response", "p-true"):
            raise ValueError(f"confidence is {self.confidence!r}; it takes response or p-true")
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it takes a number above 0")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("logprob",) if self.confidence == "response" else ("bias", "logprob", "prefill")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        said = [answer.extracted for answer in answers]
        if self.confidence == "response":
            asked: list[Sequence[Answer]] = [()] * self.samples
            sure = [probability(reasoner, answer) for answer in answers]
        else:
            asked = await together(ratings(reasoner, problem, answer) for answer in answers)
            sure = [p_true(reasoner, each) for each in asked]
        for count in range(1, self.samples + 1):
            weights = softmax(sure[:count], said[:count], self.temperature)
            yield reasoner.vote(answers[:count], weights=weights, seen=[one for each in asked[:count] for one in each])


def probability(reasoner: Reasoner, answer: Answer) -> float:
    """The probability of the response, normalized by its length."""
    logprobs = known(reasoner.logprobs(answer.traces[0]))
    return exp(fsum(logprobs) / len(logprobs)) if logprobs else 0.0


async def ratings(reasoner: Reasoner, problem: Problem, answer: Answer) -> Sequence[Answer]:
    """Ratings of 0 and of 1, each forced on the model; empty if there is no answer to rate."""
    if answer.extracted is None:
        return ()
    turns = [Turn("user", problem.prompt), Turn("assistant", answer.text), Turn("user", RATE)]
    asked = reasoner.ask(turns, seen=[answer])
    drawn = [Sampling(temperature=0, bias=((digit, _ALWAYS),)) for digit in "01"]
    return await together(asked.answer(prefill=RATED, max_tokens=1, sampling=sampling) for sampling in drawn)


def p_true(reasoner: Reasoner, rated: Sequence[Answer]) -> float:
    """The probability of 1, given that it is 0 or 1; 0 if there was no answer."""
    if not rated:
        return 0.0
    zero, one = (reasoner.logprobs(each.traces[0])[-1] for each in rated)
    return 1 / (1 + exp(min(zero - one, 700.0)))
