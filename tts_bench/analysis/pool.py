"""The samples behind a majority vote, found again in its record: what each said, and what it would score."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tts_bench.records import Record, SegmentRecord

_NO_LABEL = re.compile(r'(?<!\\)"(?:ask |effort |Sampling\()(?:[^"\\]|\\.)*"')  # in a stream's key (core/check.py)


def pool(record: Record) -> list[SegmentRecord]:
    """The answers that were voted on, in the order of the samples; empty where the record is of no plain vote.

    Each rung has to say that the reasoner's vote made it, of the first k samples for the k-th, one ballot each. A
    choice that is put through a vote for its bill says another number of ballots, or another order. The samples have
    to be exchangeable: each is one stretch of thinking from the same prompt on and one answer, sampled and cut alike,
    without a cue, and no other sample was drawn, so that none was left out. Records before schema 3 do not say what a
    vote counted: no pool.
    """
    if record.error or len(record.answers) < 2:
        return []
    last = [record.segments[place] for place in record.answers[-1].segments]
    ballots = [segment for segment in last if segment.kind == "answer"]
    if [answer.ballots for answer in record.answers] != list(range(1, len(ballots) + 1)):
        return []
    thinking = [segment for segment in last if segment.kind == "thinking"]
    if len(thinking) != len(ballots) or len({segment.start for segment in thinking}) > 1:
        return []
    if any(len(set(map(_conditions, alike))) > 1 for alike in (thinking, ballots)):
        return []
    if record.answers[-1].truncated and _cut_apart(last):
        return []
    if any(segment.kind == "cue" for segment in last) or _sampled(record.segments) != _sampled(last):
        return []
    origins = [ballot.origin for ballot in ballots]
    for count, answer in enumerate(record.answers, 1):
        parts = [record.segments[place] for place in answer.segments]
        if [part.origin for part in parts if part.kind == "answer"] != origins[:count]:
            return []
    return ballots


def _conditions(segment: SegmentRecord) -> tuple[str, ...]:
    """What its stream says of its prompt, its effort and its sampling; nothing where all are the run's own."""
    return tuple(_NO_LABEL.findall(segment.stream))


def _cut_apart(segments: Sequence[SegmentRecord]) -> bool:
    """Whether thoughts were cut at different lengths. Imported outputs and whole replies do not say which were cut."""
    told = any(segment.end for segment in segments)
    return told and len({each.tokens for each in segments if each.kind == "thinking" and not each.end}) > 1


def _sampled(segments: Iterable[SegmentRecord]) -> set[str]:
    return {segment.origin for segment in segments if segment.kind in ("thinking", "answer")}


def verdicts(record: Record, ballots: Sequence[SegmentRecord], metric: str) -> dict[str | None, float]:
    """The score of each extracted answer of a vote's pool `ballots`, as far as lm-eval has scored it."""
    scored = {ballot.extracted: ballot.scores[metric] for ballot in ballots if metric in ballot.scores}
    return scored | {answer.extracted: answer.scores[metric] for answer in record.answers if metric in answer.scores}
