"""What a run writes down for each problem and strategy: one JSON line, the same bytes whenever it is repeated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from math import fsum, isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_type_hints

from tts_bench import foreign
from tts_bench.api import Answer, Cost, Segment, SegmentKind, Trace

if TYPE_CHECKING:
    from msgspec.json import Decoder
    from pydantic import TypeAdapter, ValidationError

SCHEMA = 4  # 1: segments had neither `extracted` nor `scores`; 2: answers had no `ballots`; 3: costs had no `probe`
READ = (1, 2, 3, 4)

ErrorKind = Literal["raised", "timeout", "nothing", "misuse", "engine"]


@dataclass(frozen=True)
class SegmentRecord:
    """A segment as text and counts. Segments of one origin are one generation, cut at several budgets."""

    kind: SegmentKind
    text: str
    tokens: int
    end: int  # tokens of the end of thinking or turn that was sampled after them
    paid: int  # of an answer prompt: tokens sampled as that end; `tokens + end - paid` is what the segment cost
    start: int
    stream: str
    origin: str
    extracted: str | None = None  # of an answer: its canonical form, what it says in a vote
    scores: dict[str, float] = field(default_factory=dict)  # of a ballot that no rung shows: lm-eval's values
    means: dict[str, float] = field(default_factory=dict)  # of each column beside its sampled tokens, where asked for


@dataclass(frozen=True)
class ScoreRecord:
    """What a scorer said of an answer or a trace. Scores of one origin are one computation: they cost it once."""

    by: str  # the scorer's name in the run
    value: float
    steps: tuple[float, ...]
    segment: int  # index into the record's segments: what was scored ends with it
    origin: str
    read: int  # tokens that the scorer read
    sampled: int  # tokens that it wrote
    flops: float
    said: str = ""  # what it wrote


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
    ballots: int = 0  # single answers that the reasoner's plain vote counted to make it; 0: it is of no such vote
    scored: tuple[int, ...] = ()  # indices into the record's scores: those that it depends on


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
    scored: tuple[ScoreRecord, ...] = ()  # all that scorers said for it

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.task, self.doc_id, self.repeat)


def _fields(part: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass; `asdict` would copy it deeply, ten times slower
    found = getattr(part, "__dict__", None) or {name: getattr(part, name) for name in part.__dataclass_fields__}
    return {key: value for key, value in found.items() if key != "scored"} if found.get("scored") == () else found


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_fields)


def to_line(record: Record) -> str:
    """The record as one line of canonical JSON, newline included."""
    return _ENCODER.encode(record) + "\n"


def from_line(line: str | bytes) -> Record:
    """The record of one line, of this schema version or an earlier one.

    Raises:
        ValueError: not JSON, another schema version, an unknown or missing field, a value of another type, a number
            that is not finite, or a count above 2^53, the largest that every reader of JSON takes.
    """
    raw = line.encode() if isinstance(line, str) else line
    if raw.count(b"{") > foreign.CONTAINERS:  # thoughts in LaTeX, or hostile: msgspec makes nothing of what it refuses
        _viewed(raw)
    try:
        record = _reader().validate_json(line, strict=True)
    except ValueError as error:
        first = cast("ValidationError", error).errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        _check_schema(line)
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from error
    if record.schema not in READ:
        raise ValueError(_other_schema(record.schema))
    _viewed(raw)
    return record


def view(line: bytes) -> Record:
    """What `from_line` gives, for those who only read it: in a third of the time, of classes with the same attributes.

    Raises:
        ValueError: as `from_line`.
    """
    import msgspec

    try:
        record = _viewer().decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return from_line(line)  # says what is wrong in the words that all readers have
    if record.schema not in READ:
        raise ValueError(_other_schema(record.schema))
    return record


def _viewed(line: bytes) -> None:
    import msgspec

    try:
        _viewer().decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)[:200]) from error


@cache
def _viewer() -> Decoder[Record]:
    """Every class of a record again as a struct of msgspec, with the same fields, types, defaults and properties."""
    import msgspec

    structs: dict[str, Any] = {}
    count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    bounded = {int: count, tuple[int, ...]: tuple[count, ...]}
    for kind in (Cost, ErrorRecord, SegmentRecord, ScoreRecord, AnswerRecord, Record):
        hints = get_type_hints(kind, localns=structs)  # where a class of ours is named, its struct is meant
        structs[kind.__name__] = msgspec.defstruct(
            kind.__name__,
            [(part.name, bounded.get(hints[part.name], hints[part.name]), *_default(part)) for part in fields(kind)],
            namespace={name: held for name, held in vars(kind).items() if isinstance(held, property)},
            frozen=True,
            forbid_unknown_fields=True,
            gc=False,
        )
    return msgspec.json.Decoder(structs["Record"])


def _default(part: Field[Any]) -> list[Any]:
    import msgspec

    if part.default_factory is not MISSING:
        return [msgspec.field(default_factory=part.default_factory)]
    return [] if part.default is MISSING else [part.default]


@cache
def _reader() -> TypeAdapter[Record]:
    from pydantic import ConfigDict, TypeAdapter, with_config

    return TypeAdapter(with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(Record))


def _check_schema(line: str | bytes) -> None:
    """A record of a later version fails on its fields first; what its reader has to hear is the version."""
    try:
        data = foreign.parse(line.encode() if isinstance(line, str) else line)
    except ValueError:
        return
    if isinstance(data, dict) and data.get("schema") not in READ:
        raise ValueError(_other_schema(data.get("schema")))


def _other_schema(found: object) -> str:
    return f"record schema is {repr(found)[:80]}; this version reads {READ[0]} to {READ[-1]}"


def segment_record(
    segment: Segment, extracted: str | None = None, numbers: Mapping[str, Sequence[float]] = MappingProxyType({})
) -> SegmentRecord:
    """`numbers`: those beside its tokens, by column. A mean that lacks one of its numbers is left out."""
    means = {name: fsum(values) / len(values) for name, values in numbers.items() if values} if numbers else {}
    return SegmentRecord(
        kind=segment.kind,
        text=segment.text,
        tokens=len(segment.tokens),
        end=len(segment.end),
        paid=segment.paid,
        start=segment.start,
        stream=segment.stream,
        origin=segment.origin,
        extracted=extracted,
        means={name: mean for name, mean in means.items() if isfinite(mean)},
    )


def answer_records(
    rungs: Iterable[str],
    answers: Iterable[tuple[Answer, int]],
    index: dict[tuple[str, int], int],
) -> tuple[AnswerRecord, ...]:
    """`answers`: each with the number of ballots that a plain vote counted for it. `index` gives the place among the
    record's segments of each origin and cost.

    A vote depends on all that the vote before it does and on one trace more: what grows is gone through once.
    """
    lineage: tuple[Segment, ...] = ()
    traces: tuple[Trace, ...] = ()
    places: tuple[int, ...] = ()
    truncated, wanted, cues = False, 0, 0
    records = []
    for rung, (answer, ballots) in zip(rungs, answers, strict=True):
        if answer.lineage[: len(lineage)] != lineage:
            lineage, places = (), ()
        if answer.traces[: len(traces)] != traces:
            traces, truncated, wanted, cues = (), False, 0, 0
        places += tuple(index[segment.origin, segment.spent] for segment in answer.lineage[len(lineage) :])
        for trace in answer.traces[len(traces) :]:
            truncated, wanted, cues = truncated or trace.truncated, wanted + trace.cues_wanted, cues + trace.cues
        lineage, traces = answer.lineage, answer.traces
        records.append(
            AnswerRecord(
                rung,
                answer.text,
                answer.extracted,
                answer.cost,
                places,
                truncated,
                wanted,
                cues,
                ballots=ballots,
            )
        )
    return tuple(records)
