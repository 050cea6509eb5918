"""Shared by searches over steps: paths that grow by a step, are scored, and are forked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, log

from tts_bench.api import Aggregation, Answer, Reasoner, Score, Trace
from tts_bench.strategies.sampling import together
from tts_bench.strategies.weigh.scores import values


@dataclass(frozen=True)
class Path:
    """A line of thought: the handle that continues it, its thinking so far, and its score."""

    door: Reasoner
    trace: Trace | None = None
    value: float = 0.0
    is_open: bool = True  # whether it can grow
    steps: int = 0


@dataclass
class Search:
    """Grows and forks the paths of one search. `seen` collects all scores, since decisions are based on them."""

    reasoner: Reasoner
    stop: str
    scorer: str
    how: Aggregation | None
    budget: int | None
    seen: list[Score] = field(default_factory=list)

    def roots(self, count: int, first: int = 0) -> list[Path]:
        return [Path(self.reasoner.branch(str(number))) for number in range(first, first + count)]

    def fork(self, path: Path, copy: int) -> Path:
        """Copy 0 continues the stream of its parent; the others have streams that no root and no earlier fork has."""
        label = f"step {path.steps}, copy {copy}" if copy else "0"
        return replace(path, door=path.door.branch(label, seen=self.seen))

    async def grow(self, paths: Sequence[Path], *, whole: bool) -> list[Path]:
        """Grow each path by one step, or to the end of its thinking if `whole`, and score it."""
        stops = () if whole else (self.stop,)
        traces = await together(path.door.think(path.trace, stop=stops, max_tokens=self.budget) for path in paths)
        scores = await self.reasoner.score(traces, by=self.scorer)
        self.seen += scores
        return [
            Path(path.door, trace, value, not whole and self._can_grow(path.trace, trace), path.steps + 1)
            for path, trace, value in zip(paths, traces, values(scores, self.how), strict=True)
        ]

    def _can_grow(self, before: Trace | None, trace: Trace) -> bool:
        """If a limit coincides with the end of a step, there is no room left, though thinking has not ended."""
        room = self.budget is None or trace.thinking_tokens < self.budget
        grew = before is None or trace.thinking_tokens > before.thinking_tokens
        return bool(trace.stopped) and room and grew

    async def best(self, paths: Sequence[Path]) -> Answer:
        """The answer of the path with the highest score (ties: the first), billed for the whole search."""
        path = max(paths, key=lambda path: path.value)
        return self.reasoner.choose(await self._answer(path), seen=self.seen)

    async def weighted(self, paths: Sequence[Path]) -> Answer:
        """The vote of all paths, weighted by their scores, billed for the whole search."""
        answers = await together(map(self._answer, paths))
        return self.reasoner.vote(answers, weights=[path.value for path in paths], seen=self.seen)

    async def _answer(self, path: Path) -> Answer:
        """Of a path that cannot grow. One that a step left at its limit asks in vain for more: it is truncated."""
        trace = path.trace
        if trace is not None and trace.stopped and not trace.truncated:
            trace = await path.door.think(trace, max_tokens=self.budget)
        return await path.door.answer(trace)


def check_stop(stop: str) -> None:
    """Raises:
    ValueError: the text that ends a step is empty.
    """
    if not stop:
        raise ValueError("stop is ''; it takes a text that ends a step, such as a blank line")


def divides(width: int, n: int) -> None:
    """Raises:
    ValueError: n is not a multiple of the width.
    """
    if n % width:
        raise ValueError(f"width is {width}; it takes a divisor of n, {n}")


def shares(values: Sequence[float], width: int, temperature: float) -> list[int]:
    """REBASE's allocation: the number of children of each; `values` descend, and the shares add up to `width`.

    Each takes its rounded-up part of what is left. A tolerance before rounding keeps equal scores at equal shares: in
    floats 3 x (1/3) may be above 1.
    """
    parts = [exp((value - values[0]) / temperature) for value in values]
    given: list[int] = []
    left = width
    for place, part in enumerate(parts):
        total = sum(parts[place:])
        share = left * part / total - 1e-9 if total else 0.0
        given.append(max(0, -int(-share // 1)))
        left -= given[-1]
    return given


def particle_weights(scores: Sequence[float]) -> list[float]:
    """Softmax over the logits of scores: the odds of each, divided by the sum of all odds.

    Raises:
        ValueError: a score is not a probability.
    """
    for score in scores:
        if not 0 <= score <= 1:
            raise ValueError(f"the score is {score}; particle filtering takes scores from 0 to 1")
    clipped = [min(max(score, 1e-7), 1 - 1e-7) for score in scores]
    odds = [exp(log(score) - log(1 - score)) for score in clipped]
    total = sum(odds)
    return [each / total for each in odds]
