"""The samples behind a majority vote, found again in its record: what each said, and what it would score."""

from __future__ import annotations

from tts_bench.records import Record, SegmentRecord


def pool(record: Record) -> list[SegmentRecord]:
    """The answers that were voted on, in the order of the samples; empty where the record is of no plain vote.

    A plain vote's samples can be exchanged: each is one stretch of thinking from the prompt on and one answer, and its
    k-th rung rests on the first k of them. What was forced, or thought on from another's thinking, is none.
    """
    if record.error or len(record.answers) < 2:
        return []
    if sum(record.segments[place].kind == "answer" for place in record.answers[-1].segments) != len(record.answers):
        return []
    rungs = [[record.segments[place] for place in answer.segments] for answer in record.answers]
    ballots = [segment for segment in rungs[-1] if segment.kind == "answer"]
    thoughts = [segment for segment in rungs[-1] if segment.kind == "thinking"]
    kinds = {segment.kind for segment in rungs[-1]}
    plain = "cue" not in kinds and len({thought.start for thought in thoughts}) == 1
    origins = [ballot.origin for ballot in ballots]
    nested = all(
        [segment.origin for segment in rung if segment.kind == "answer"] == origins[:place]
        for place, rung in enumerate(rungs, 1)
    )
    return ballots if plain and nested and len(ballots) == len(thoughts) else []


def verdicts(record: Record, metric: str) -> dict[str | None, float]:
    """The score of each extracted answer of a vote's pool, as far as lm-eval has scored it."""
    scored = {ballot.extracted: ballot.scores[metric] for ballot in pool(record) if metric in ballot.scores}
    return scored | {answer.extracted: answer.scores[metric] for answer in record.answers if metric in answer.scores}
