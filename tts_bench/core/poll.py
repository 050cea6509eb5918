"""A vote that grows: who leads, what it depends on and what it costs, without going through what was counted before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tts_bench.api import Answer, Cost, Segment, Trace
from tts_bench.core.cost import Bill, Lineage, Scored, total
from tts_bench.core.ledger import Given
from tts_bench.engine import EngineInfo


class Poll:
    """Answers counted by what was extracted from them."""

    def __init__(self, info: EngineInfo, prompt: int) -> None:
        """`prompt`: length of the task's own prompt in tokens."""
        self.counted: list[Answer] = []  # as the strategy holds them
        self.traces: list[Trace] = []
        self._info, self._prompt, self._bill = info, prompt, Bill(info, prompt)
        self._ballots: defaultdict[str, float] = defaultdict(float)
        self._voters: dict[str | None, list[Answer]] = {}  # by extracted answer, in the order of first sight
        self._longest: dict[str, Segment] = {}  # by origin, as `cost.unique` has it
        self._dropped: list[Segment] = []
        self._scored: list[Scored] = []
        self._clock = 0

    def add(self, answers: Sequence[Answer], originals: Sequence[Given], weights: Sequence[float]) -> None:
        """Count `answers` too, whose originals are `originals`."""
        self.counted += answers
        for given, weight in zip(originals, weights, strict=True):
            answer = given.answer
            self.traces += answer.traces
            self._voters.setdefault(answer.extracted, []).append(answer)
            if answer.extracted is not None:
                self._ballots[answer.extracted] += weight
            self._clock = max(self._clock, given.lineage.clock)
            self._dropped += given.lineage.dropped
            self._scored += given.lineage.scored
            self._depend(given.lineage.kept)

    def _depend(self, segments: tuple[Segment, ...]) -> None:
        for segment in segments:
            seen = self._longest.get(segment.origin)
            if seen is None:
                self._bill.add((segment,))
            elif segment.spent <= seen.spent:
                continue
            self._longest[segment.origin] = segment
            if seen is not None:  # it has grown: in the place of a shorter version, everything is counted anew
                self._bill = Bill(self._info, self._prompt).add(self._longest.values())

    def winner(self, *, shortest: bool = False) -> Answer:
        """The first of those with the most frequent extracted answer; no answer never beats an answer.

        `shortest`: of the most frequent, the one that an answer with the shortest thinking has.
        """
        # Of the most frequent, the first seen: among exchangeable samples each of them is as likely to be it.
        most = max(self._ballots.values(), default=0.0)
        leading = [said for said, ballots in self._ballots.items() if ballots == most]
        if shortest:
            leading.sort(key=lambda said: min(map(_length, self._voters[said])))
        return self._voters[leading[0] if leading else None][0]

    @property
    def plain(self) -> int:
        """How many single answers it counted; 0 where one was counted more than once, or with others' cost."""
        single = len(self.counted) == len(self.traces) and not self._more
        return len(self.counted) if single else 0

    @property
    def lineage(self) -> Lineage:
        """All that the answers depend on."""
        return Lineage(tuple(self._longest.values()), tuple(self._dropped), self._clock, tuple(self._scored))

    @property
    def _more(self) -> bool:
        """Whether they depend on more than what ended in answers."""
        return bool(self._dropped or self._scored)

    def cost(self) -> Cost:
        return total(self._info, self._prompt, self.lineage) if self._more else self._bill.total(self._clock)


def _length(answer: Answer) -> int:
    return sum(trace.thinking_tokens for trace in answer.traces)
