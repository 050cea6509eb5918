"""Numbers beside all sampled tokens of a run, in one compressed file beside its records, where they are asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

from tts_bench.columns import Columns
from tts_bench.files import writing_whole
from tts_bench.records import Record

FILE = "logprobs.jsonl.gz"
_PART = "logprobs.part.jsonl"

Numbers = Mapping[str, Columns]  # by the origin of a segment
Keep = Callable[[Record, Numbers], None]
Place = tuple[int, ...]  # of a record among all


def clear(folder: Path) -> None:
    """Drop what an interrupted run has left."""
    (folder / _PART).unlink(missing_ok=True)


@contextmanager
def appending(folder: Path, place: Callable[[Record], Place]) -> Iterator[Keep]:
    """What keeps the numbers of a record until the run ends. An interrupted run makes these again, from the store."""
    with (folder / _PART).open("w", encoding="utf-8", newline="\n") as file:

        def append(record: Record, numbers: Numbers) -> None:
            line = {"task": record.task, "doc_id": record.doc_id, "repeat": record.repeat, "strategy": record.strategy}
            columns = {origin: _written(numbers[origin]) for origin in sorted(numbers)}
            file.write(f"{json.dumps(place(record))}\t{json.dumps(line | {'columns': columns}, ensure_ascii=False)}\n")

        yield append


def finish(folder: Path) -> None:
    """Write the file in the order of records, the same bytes whatever order they were finished in."""
    part = folder / _PART
    with (
        part.open("rb") as file,
        writing_whole(folder / FILE) as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
    ):
        places = []
        while line := file.readline():
            places.append((json.loads(line.partition(b"\t")[0]), file.tell() - len(line)))
        for _, at in sorted(places):
            file.seek(at)
            packed.write(file.readline().partition(b"\t")[2])
    part.unlink()


def _written(columns: Columns) -> dict[str, list[float | None]]:
    """With the nine digits that tell a float32; what nobody knows is null."""
    return {
        name: [float(f"{value:.9g}") if isfinite(value) else None for value in values]
        for name, values in sorted(columns.items())
    }
