"""A vote that grows: who leads, what it depends on and what it costs, without going through what was counted before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tts_bench.api import Answer, Cost, Segment, Trace
from tts_bench.core.cost import Bill
from tts_bench.engine import EngineInfo


class Poll:
    """Answers counted by what was extracted from them."""

    def __init__(self, info: EngineInfo) -> None:
        self.answers: list[Answer] = []
        self.traces: tuple[Trace, ...] = ()
        self._info, self._bill = info, Bill(info)
        self._ballots: Counter[str] = Counter()
        self._first: dict[str | None, Answer] = {}  # with each extracted answer
        self._longest: dict[str, Segment] = {}  # by origin, as `cost.unique` has it
        self._sequential = 0

    def add(self, answers: Sequence[Answer]) -> None:
        """Count `answers` too."""
        for answer in answers:
            self.answers.append(answer)
            self.traces += answer.traces
            self._first.setdefault(answer.extracted, answer)
            if answer.extracted is not None:
                self._ballots[answer.extracted] += 1
            self._sequential = max(self._sequential, answer.cost.sequential)
            for trace in answer.traces:
                self._depend(trace.segments)

    def _depend(self, segments: tuple[Segment, ...]) -> None:
        for segment in segments:
            seen = self._longest.get(segment.origin)
            if seen is None:
                self._bill.add((segment,))
            elif segment.spent <= seen.spent:
                continue
            self._longest[segment.origin] = segment
            if seen is not None:  # it has grown: in the place of a shorter version, everything is counted anew
                self._bill = Bill(self._info).add(self._longest.values())

    def winner(self) -> Answer:
        """The first of those with the most frequent extracted answer; no answer never beats an answer."""
        # Of the most frequent, the first seen: among exchangeable samples each of them is as likely to be it.
        return self._first[max(self._ballots, key=self._ballots.__getitem__) if self._ballots else None]

    @property
    def lineage(self) -> tuple[Segment, ...]:
        """Unique segments of all traces, longest version of each."""
        return tuple(self._longest.values())

    def cost(self) -> Cost:
        return self._bill.total(self._sequential)
