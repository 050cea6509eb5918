"""What scorers said of one strategy's answers and traces, as its record has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tts_bench.core.cost import Scored
from tts_bench.core.ledger import Given, Ledger
from tts_bench.records import AnswerRecord, ScoreRecord


def score_records(
    ledger: Ledger, answers: Sequence[AnswerRecord], given: Sequence[Given], place: Mapping[tuple[str, int], int]
) -> tuple[tuple[ScoreRecord, ...], tuple[AnswerRecord, ...]]:
    """All scores of `ledger`, and `answers` with those that they depend on.

    `given` are the originals of `answers`, `place` the index of each segment of the record. Concurrent branches finish
    in any order; the record must not tell.
    """
    every = sorted(ledger.scored.values(), key=lambda one: (place[one.of], one.by, one.origin))
    index = {_key(one): number for number, one in enumerate(every)}
    depend = [tuple(sorted({index[_key(one)] for one in each.lineage.scored})) for each in given]
    with_scores = (replace(answer, scored=its) if its else answer for answer, its in zip(answers, depend, strict=True))
    return tuple(_record(one, place[one.of]) for one in every), tuple(with_scores)


def _record(one: Scored, place: int) -> ScoreRecord:
    said = one.verdict
    return ScoreRecord(one.by, said.value, said.steps, place, one.origin, said.read, said.sampled, one.flops, said.said)


def _key(one: Scored) -> tuple[str, tuple[str, int]]:
    return one.origin, one.of
