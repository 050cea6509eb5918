"""What a run writes down for each problem and strategy: one JSON line, the same bytes whenever it is repeated."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from tts_bench.api import Answer, Cost, Segment, SegmentKind

SCHEMA = 1

ErrorKind = Literal["raised", "timeout", "nothing", "misuse", "engine"]


@dataclass(frozen=True)
class SegmentRecord:
    """A segment as text and counts. Segments of one origin are one generation, cut at several budgets."""

    kind: SegmentKind
    text: str
    tokens: int
    end: int  # tokens of the end of thinking or turn that was sampled after them
    paid: int  # tokens of a closing that were sampled as that end: `tokens + end - paid` is what the segment cost
    start: int
    stream: str
    origin: str


@dataclass(frozen=True)
class AnswerRecord:
    """One rung: the answer, what it cost, and what lm-eval said of it."""

    rung: str
    text: str
    extracted: str | None
    cost: Cost
    segments: tuple[int, ...]  # indices into the record's segments: the answer's lineage
    truncated: bool  # any thinking it depends on ran into its budget
    cues_wanted: int
    cues: int
    scores: dict[str, float] = field(default_factory=dict)  # metric name -> lm-eval's value


@dataclass(frozen=True)
class ErrorRecord:
    kind: ErrorKind
    message: str


@dataclass(frozen=True)
class Record:
    """Everything one strategy did on one problem. An error is a record, never a wrong answer."""

    task: str
    doc_id: int
    repeat: int
    problem: str
    strategy: str
    segments: tuple[SegmentRecord, ...]
    answers: tuple[AnswerRecord, ...]
    spent: Cost  # all that was generated for it, probe answers included
    error: ErrorRecord | None = None
    schema: int = SCHEMA

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.task, self.doc_id, self.repeat)


def _fields(part: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass; `asdict` would copy it deeply, ten times slower
    return {name: getattr(part, name) for name in part.__dataclass_fields__}


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_fields)


def to_line(record: Record) -> str:
    """The record as one line of canonical JSON, newline included."""
    return _ENCODER.encode(record) + "\n"


def from_line(line: str) -> Record:
    """The record of one line.

    Raises:
        ValueError: not JSON, another schema version, or fields that do not fit.
    """
    data: dict[str, Any] = json.loads(line)
    if data.get("schema") != SCHEMA:
        raise ValueError(f"record schema is {data.get('schema')!r}; this version reads {SCHEMA}")
    try:
        return Record(
            **{
                **data,
                "segments": tuple(SegmentRecord(**segment) for segment in data["segments"]),
                "answers": tuple(_answer(answer) for answer in data["answers"]),
                "spent": Cost(**data["spent"]),
                "error": ErrorRecord(**data["error"]) if data["error"] else None,
            }
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"fields do not fit the record schema: {error}") from error


def _answer(data: dict[str, Any]) -> AnswerRecord:
    return AnswerRecord(**{**data, "cost": Cost(**data["cost"]), "segments": tuple(data["segments"])})


def segment_record(segment: Segment) -> SegmentRecord:
    return SegmentRecord(
        kind=segment.kind,
        text=segment.text,
        tokens=len(segment.tokens),
        end=len(segment.end),
        paid=segment.paid,
        start=segment.start,
        stream=segment.stream,
        origin=segment.origin,
    )


def answer_record(rung: str, answer: Answer, index: dict[tuple[str, int], int]) -> AnswerRecord:
    """`index` gives the place among the record's segments of each origin and cost."""
    return AnswerRecord(
        rung=rung,
        text=answer.text,
        extracted=answer.extracted,
        cost=answer.cost,
        segments=tuple(index[segment.origin, segment.spent] for segment in answer.lineage),
        truncated=any(trace.truncated for trace in answer.traces),
        cues_wanted=sum(trace.cues_wanted for trace in answer.traces),
        cues=sum(trace.cues for trace in answer.traces),
    )
