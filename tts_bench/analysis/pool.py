"""The samples behind a majority vote, found again in its record: what each said, and what it would score."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.records import Record, SegmentRecord


def pool(record: Record) -> list[SegmentRecord]:
    """The answers that were voted on, in the order of the samples; empty where the record is of no plain vote.

    A plain vote's samples can be exchanged: each is one stretch of thinking from the prompt on and one answer, and its
    k-th rung rests on the first k of them. What was forced, or thought on from another's thinking, is none.
    """
    if record.error or len(record.answers) < 2:
        return []
    last = [record.segments[place] for place in record.answers[-1].segments]
    ballots = [segment for segment in last if segment.kind == "answer"]
    if len(ballots) != len(record.answers):
        return []
    starts = [segment.start for segment in last if segment.kind == "thinking"]
    if len(starts) != len(ballots) or len(set(starts)) > 1:
        return []
    if any(segment.kind == "cue" for segment in last):
        return []
    origins = [ballot.origin for ballot in ballots]
    for count, answer in enumerate(record.answers, 1):
        parts = [record.segments[place] for place in answer.segments]
        if [part.origin for part in parts if part.kind == "answer"] != origins[:count]:
            return []
    return ballots


def verdicts(record: Record, ballots: Sequence[SegmentRecord], metric: str) -> dict[str | None, float]:
    """The score of each extracted answer of a vote's pool `ballots`, as far as lm-eval has scored it."""
    scored = {ballot.extracted: ballot.scores[metric] for ballot in ballots if metric in ballot.scores}
    return scored | {answer.extracted: answer.scores[metric] for answer in record.answers if metric in answer.scores}
