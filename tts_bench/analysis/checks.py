"""What a record has to fit before its numbers count: its run, and the records before it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tts_bench.records import Record


@dataclass
class Checks:
    """The checks of one run's records, which are given one by one and not kept."""

    metrics: Mapping[str, str]  # the main metric of each of the run's tasks
    strategies: Collection[str] | None = None  # None: whatever the records have
    _seen: set[tuple[str, int, int, str]] = field(default_factory=set)
    _rungs: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # of task and strategy: the longest
    _schema: int | None = None

    def check(self, record: Record) -> None:
        """Refuse a record that does not fit.

        Raises:
            ValueError: it is of another run or schema, is there twice, has neither answer nor error, lacks a score or a
                segment that it names, has a score that is not finite, or calls a rung otherwise than those before it.
        """
        key, name = (*record.key, record.strategy), f"{record.problem} of {record.strategy!r}"
        known = self.strategies is None or record.strategy in self.strategies
        if not known or record.task not in self.metrics:
            raise ValueError(f"{name} belongs to another run: it is not in run.json")
        if key in self._seen:
            raise ValueError(f"{name} is duplicated: the file holds more than one run")
        self._seen.add(key)
        self._schema = self._schema or record.schema
        if record.schema != self._schema:
            raise ValueError(
                f"{name} has schema {record.schema}, lines before it {self._schema}: the file holds several runs"
            )
        if not record.error:
            self._check_answers(record, name)
            self._check_rungs(record, name)

    def _check_answers(self, record: Record, name: str) -> None:
        if not record.answers:
            raise ValueError(f"{name} has neither answer nor error")
        metric = self.metrics[record.task]
        for answer in record.answers:
            if answer.segments and not 0 <= min(answer.segments) <= max(answer.segments) < len(record.segments):
                raise ValueError(f"{name} refers to a segment on rung {answer.rung!r} that it does not have")
            if metric not in answer.scores:
                raise ValueError(f"{name} has no score {metric!r} on rung {answer.rung!r}")
            for score, value in answer.scores.items():
                if not math.isfinite(value):
                    raise ValueError(f"{name} has score {score!r} = {value} on rung {answer.rung!r}")

    def _check_rungs(self, record: Record, name: str) -> None:
        place, rungs = (record.task, record.strategy), tuple([answer.rung for answer in record.answers])
        longest = self._rungs.setdefault(place, rungs)
        if rungs == longest:
            return
        for index, (here, before) in enumerate(zip(rungs, longest, strict=False)):
            if here != before:
                raise ValueError(f"{name} calls rung {index} {here!r}; lines before it call it {before!r}")
        self._rungs[place] = max(rungs, longest, key=len)
