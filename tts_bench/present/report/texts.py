"""The texts of a report: one compressed blob a problem, of which the page unpacks the one that is looked at."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tts_bench.records import Record, SegmentRecord

Kept = Literal["none", "errors", "flips", "all"]  # each holds the ones before it
_RANKS: dict[Kept, int] = {"none": -1, "errors": 0, "flips": 1, "all": 2}


def packed(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """`value` as JSON in zlib in base64: ASCII without `<`, the same for the same value.

    JSON escapes what is not ASCII, so that text no UTF-8 can hold (unpaired surrogates) survives as well.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return b64encode(zlib.compress(text.encode(), 6)).decode()


def flipped(record: Record, metric: str) -> bool:
    """Whether a right answer (a score of 1 or more) and a wrong one follow each other in the record's rungs."""
    return len({answer.scores.get(metric, 0.0) >= 1 for answer in record.answers}) > 1


@dataclass
class Texts:
    """Blobs in the order of their problems, each with its rank: what an error or a flip makes worth a look is first."""

    blobs: list[str] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)

    def add(self, group: Sequence[Record], strategies: Sequence[int], metric: str, gold: str | None = None) -> None:
        """Add what a problem's records hold; `strategies` are their places in the report's table of strategies, `gold`
        is the right answer where the task gives one.
        """
        if any(record.error for record in group):
            self.ranks.append(0)
        else:
            self.ranks.append(1 if any(flipped(record, metric) for record in group) else 2)
        pool = _Pool(group)
        entries = [
            {
                "strategy": strategy,
                "schema": record.schema,
                "segments": [_segment(part, pool) for part in record.segments],
                "answers": [answer.segments for answer in record.answers],
            }
            for record, strategy in zip(group, strategies, strict=True)
        ]
        self.blobs.append(packed({"texts": pool.texts, "records": entries, "gold": gold}))

    def wanted(self, kept: Kept) -> int:
        """How many problems `kept` names."""
        return sum(rank <= _RANKS[kept] for rank in self.ranks)

    def keep(self, kept: Kept, room: int) -> list[str]:
        """The blobs, with "" in the place of those that `kept` leaves out or that `room` characters do not hold."""
        chosen = [""] * len(self.blobs)
        for place in sorted(range(len(self.blobs)), key=lambda place: (self.ranks[place], place)):
            if self.ranks[place] <= _RANKS[kept] and len(self.blobs[place]) <= room:
                chosen[place] = self.blobs[place]
                room -= len(self.blobs[place])
        return chosen


class _Pool:
    """Texts of a problem, each once: one origin is one generation, of which shorter cuts are beginnings."""

    def __init__(self, group: Sequence[Record]) -> None:
        longest: dict[str, str] = {}
        for record in group:
            for segment in record.segments:
                if len(segment.text) > len(longest.get(segment.origin, "")):
                    longest[segment.origin] = segment.text
        self._longest = longest
        self._places: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        return list(self._places)

    def place(self, segment: SegmentRecord) -> int:
        text = self._longest.get(segment.origin, "")
        # A cut inside a character decodes to something else: then it is a text of its own.
        held = text if text.startswith(segment.text) else segment.text
        return self._places.setdefault(held, len(self._places))


def _segment(part: SegmentRecord, pool: _Pool) -> dict[str, Any]:
    text = part.text
    return {
        "kind": part.kind,
        "text": pool.place(part),
        "length": len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2,  # as in a page
        "tokens": part.tokens,
        "end": part.end,
        "paid": part.paid,
        "start": part.start,
        "extracted": part.extracted,
    }
