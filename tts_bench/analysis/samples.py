"""What a record says of single traces: samples of a pool with their lengths, and answers at cuts of one trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tts_bench.analysis.stated import stated
from tts_bench.records import Record, SegmentRecord

_OF_SAMPLES = {"prompt", "thinking", "closing", "answer", "probe"}  # kinds of segments: anything else changed a trace


@dataclass(frozen=True)
class Sample:
    """One stretch of thinking from the prompt on, and its answer."""

    tokens: int  # of thinking
    extracted: str | None
    stated: tuple[str | None, ...] = ()  # result by each tenth of the thinking, where asked for


@dataclass(frozen=True)
class Cut:
    """The answer after the first `tokens` tokens of a trace's thinking."""

    tokens: int
    extracted: str | None
    score: float


def samples(record: Record, *, stating: bool = False) -> list[Sample]:
    """The samples of a pool that was drawn whole, in the order of its branches; empty if the record has no such pool.

    `stating`: with what their thinking states.

    Each thought once from the task's prompt on and answered once. If any trace was cut off without an answer, was gone
    on with, or was given other text, those that are left are no random draw of lengths: no pool.
    """
    if record.error or any(segment.kind not in _OF_SAMPLES for segment in record.segments):
        return []
    thinking, answers = _by_stream(record, "thinking"), _by_stream(record, "answer")
    starts = {segment.start for own in thinking.values() for segment in own}
    if len(thinking) < 2 or len(starts) != 1 or thinking.keys() != answers.keys():
        return []
    found = []
    for stream in sorted(thinking, key=_place):
        own = thinking[stream]
        said = answers[stream]
        if len({segment.origin for segment in own}) != 1 or len({segment.origin for segment in said}) != 1:
            return []
        whole = max(own, key=lambda segment: segment.tokens)
        if said[0].start < own[0].start + whole.tokens:  # the answer to a shorter version
            return []
        found.append(Sample(whole.tokens, said[0].extracted, stated(whole.text) if stating else ()))
    return found


def _place(stream: str) -> tuple[int, int, str]:
    """The main trace is the first sample of a pool, then branches come by their number."""
    branch = json.loads(f"{stream}]")[2]
    last = branch[-1] if branch else "0"
    return len(branch) > 1, int(last) if last.isdecimal() else 0, stream


def cuts(record: Record, metric: str) -> list[Cut]:
    """The answers of the rungs at cuts of one trace, by rising length; empty where the rungs are anything else.

    The last of them is the answer to the whole thinking, which has to have ended by itself. A cut behind it lies within
    the end of thinking: it is left out.
    """
    if record.error or len(record.answers) < 2 or record.answers[-1].truncated:
        return []
    if any(segment.kind not in _OF_SAMPLES for segment in record.segments):
        return []
    found: dict[int, Cut] = {}
    for answer in record.answers:
        parts = [record.segments[place] for place in answer.segments]
        thinking = [part for part in parts if part.kind == "thinking"]
        if not thinking or sum(part.kind == "answer" for part in parts) != 1 or metric not in answer.scores:
            return []
        whole = max(thinking, key=lambda part: part.tokens)  # in the end, that of the last rung
        found.setdefault(whole.tokens, Cut(whole.tokens, answer.extracted, answer.scores[metric]))
    traces = {segment.origin for segment in record.segments if segment.kind == "thinking"}
    if len(traces) != 1 or max(found) > whole.tokens + whole.end:
        return []
    return [found[tokens] for tokens in sorted(found) if tokens <= whole.tokens]


def verdicts(record: Record, metric: str) -> dict[str | None, float]:
    """The score of each extracted answer of `record`, as far as lm-eval has scored it."""
    scored = {
        part.extracted: part.scores[metric]
        for part in record.segments
        if part.kind == "answer" and metric in part.scores
    }
    return scored | {answer.extracted: answer.scores[metric] for answer in record.answers if metric in answer.scores}


def _by_stream(record: Record, kind: str) -> Mapping[str, list[SegmentRecord]]:
    """Segments of `kind` by the stream they share with the others of their trace: its name without the phase."""
    found: dict[str, list[SegmentRecord]] = {}
    for segment in record.segments:
        if segment.kind == kind:
            found.setdefault(segment.stream.rpartition(",")[0], []).append(segment)
    return found
