"""From files of recorded outputs to one pool: read as a stream, matched, split, counted and written, batch by batch."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tts_bench.errors import UserError
from tts_bench.pools import counting
from tts_bench.pools.counting import Counted, Offsets
from tts_bench.pools.entry import Entry, Output
from tts_bench.pools.file import SAMPLES, About, Recorded, Writer
from tts_bench.pools.problems import Problems
from tts_bench.pools.read import Source
from tts_bench.pools.split import LOOKED_AT, Parts, Reading, told

_BATCH, _BYTES = 1000, 1 << 24  # outputs, and letters of their texts, that are in memory at once
_MOST_PLACES = 100_000  # outputs of a problem that a file may number


@dataclass(frozen=True)
class Tokenizer:
    """What counts tokens that nobody counted."""

    name: str  # with its SHA-256
    offsets: Offsets


@dataclass
class _Seen:
    """What is known of the outputs so far."""

    places: dict[int, int] = field(default_factory=dict)  # document -> its place in the pool
    taken: list[int] = field(default_factory=list)  # by place: a bit for each output
    names: dict[tuple[int, str], str] = field(default_factory=dict)  # file (-1: any) and name -> where it is
    units: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("stated", "pieces", "tokenizer"), 0))
    outputs: int = 0
    cut: int = 0
    unended: int = 0
    thinking: int = 0
    answer: int = 0
    logprobs: bool = True
    top: int | None = None
    scores: bool = True

    def place(self, document: int, wanted: int | None, where: str) -> int:
        """Where the document's next output goes, or the one numbered `wanted`.

        Raises:
            UserError: that one is there already, or a number is too large.
        """
        at = self.places.setdefault(document, len(self.places))
        if at == len(self.taken):
            self.taken.append(0)
        number = self.taken[at].bit_length() if wanted is None else wanted
        if number >= (SAMPLES if wanted is None else _MOST_PLACES):
            raise UserError(f"{where}: 'sample' is {number:,}; expected a number from 0 to {_MOST_PLACES - 1:,}.")
        if self.taken[at] >> number & 1:
            raise UserError(f"{where}: output {number} of the problem is already there. Remove one of the two.")
        self.taken[at] |= 1 << number
        return at * SAMPLES + number

    def check_once(self, entry: Entry, source: int) -> None:
        """
        Raises:
            UserError: the entry was read already, from this file or another.
        """
        for file, name in ((source, entry.name), (-1, entry.uuid)):
            if name and (known := self.names.setdefault((file, name), entry.where)) != entry.where:
                raise UserError(
                    f"{entry.where} is the sample of {known} again: both have {name}. Remove one of them; of a log and "
                    "its retry, import the retry alone."
                )

    def add(self, output: Output, parts: Parts, counted: Counted) -> None:
        self.units[counted.unit] += 1
        self.outputs += 1
        self.cut += bool(output.cut)
        self.unended += not output.cut and not parts.ended
        self.thinking, self.answer = max(self.thinking, counted.thinking), max(self.answer, counted.answer)
        self.logprobs = self.logprobs and bool(output.logprobs or not counted.thinking + counted.answer)
        if counted.thinking + counted.answer:
            count = len(output.top[0]) if output.top else 0
            self.top = count if self.top is None else min(self.top, count)
        self.scores = self.scores and output.score is not None


@dataclass(frozen=True)
class Making:
    """How a pool is made: its model and task, how outputs are read, and who counts."""

    model: str
    task: str
    data: str  # SHA-256 of the task's rows
    problems: Problems
    reading: Reading | None = None  # None: as the first outputs tell
    tokenizer: Tokenizer | None = None
    tell: Callable[[int], None] = lambda outputs: None  # is told of outputs that were read

    def write(self, sources: list[Source], path: Path) -> About:
        """Make the pool of all `sources` in the new file `path`.

        Raises:
            UserError: something in a file is not what it has to be; `path` is of no use then.
            OSError: the disk is full.
        """
        entries = chain.from_iterable(self._entries(source, place) for place, source in enumerate(sources))
        first = _first(entries)
        reading = self.reading or told(entry for _, entry in first)
        seen, by_file = _Seen(), [0] * len(sources)
        writer = Writer(path)
        try:
            for batch in _batches(chain(first, entries)):
                writer.put(self._rows(batch, reading, seen, by_file))
                self.tell(seen.outputs)
            about = self._about(sources, reading, seen, by_file)
            writer.finish(about)
        finally:
            writer.close()
        return about

    def _entries(self, source: Source, place: int) -> Iterator[tuple[int, Entry]]:
        return ((place, entry) for entry in source.entries())

    def _rows(
        self, batch: list[tuple[int, Entry]], reading: Reading, seen: _Seen, by_file: list[int]
    ) -> list[tuple[int, Recorded, float | None]]:
        placed: list[tuple[int, Output, Parts, str]] = []
        for source, entry in batch:
            seen.check_once(entry, source)
            document = self.problems.find(entry)
            by_file[source] += len(entry.outputs)
            for output in entry.outputs:
                at = seen.place(document, entry.place, entry.where)
                placed.append((at, output, reading.split(output, entry.where), entry.where))
        counted = [counting.stated(output, parts, where) for _, output, parts, where in placed]
        uncounted = [each for each, count in zip(placed, counted, strict=True) if count is None]
        more = iter(self._counted(uncounted) if uncounted else ())
        rows = []
        for (at, output, parts, _), known in zip(placed, counted, strict=True):
            count = known or next(more)
            seen.add(output, parts, count)
            rows.append((at, _recorded(output, parts, count), output.verdict))
        return rows

    def _counted(self, uncounted: list[tuple[int, Output, Parts, str]]) -> list[Counted]:
        if self.tokenizer is None:
            raise UserError(
                f"{uncounted[0][3]}: an output has no token count. Add 'tokens' to the file, or type "
                "--tokenizer with the model's name, hub id or folder."
            )
        return counting.by_tokenizer([parts for _, _, parts, _ in uncounted], self.tokenizer.offsets)

    def _about(self, sources: list[Source], reading: Reading, seen: _Seen, by_file: list[int]) -> About:
        if not seen.outputs:
            raise UserError(f"{sources[0].path} holds no output.")
        documents = list(seen.places)
        for document, taken in zip(documents, seen.taken, strict=True):
            if taken & (taken + 1):
                lacking = ((taken + 1) & ~taken).bit_length() - 1
                raise UserError(
                    f"output {lacking} of {self.task}/{document} is missing, and a later one is there: 'sample' has to "
                    "count from 0."
                )
        counts = [taken.bit_length() for taken in seen.taken]
        fewest = min(range(len(counts)), key=counts.__getitem__)
        return About(
            model=self.model,
            task=self.task,
            data=self.data,
            sources=[
                {"name": source.path.name, "sha256": source.sha256, "tool": source.tool, "outputs": outputs}
                for source, outputs in zip(sources, by_file, strict=True)
            ],
            tokens=seen.units,
            tokenizer=self.tokenizer.name if self.tokenizer and seen.units["tokenizer"] else "",
            format=reading.form.name if reading.form else "",
            fewest=counts[fewest],
            most=max(counts),
            fewest_of=f"{self.task}/{documents[fewest]}",
            outputs=seen.outputs,
            cut=seen.cut,
            unended=seen.unended,
            longest_thinking=seen.thinking,
            longest_answer=seen.answer,
            logprobs=seen.logprobs,
            top=seen.top or 0 if seen.logprobs else 0,
            scores=seen.scores,
            documents=documents,
        )


def _recorded(output: Output, parts: Parts, counted: Counted) -> Recorded:
    thought = parts.thinking.encode()
    top = chain.from_iterable(output.top)
    return Recorded(
        thought + parts.answer.encode(),
        len(thought),
        counted.thinking,
        counted.answer,
        parts.ended,
        counted.lengths,
        array("f", output.logprobs).tobytes(),
        array("f", top).tobytes(),
        output.score,
    )


def _size(entry: Entry) -> int:
    return sum(len(output.text) + len(output.thinking or "") for output in entry.outputs)


def _first(entries: Iterator[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """Those from which it is told how all are to be read."""
    found, size = [], 0
    for each in entries:
        found.append(each)
        size += _size(each[1])
        if len(found) == LOOKED_AT or size > _BYTES:
            break
    return found


def _batches(entries: Iterable[tuple[int, Entry]]) -> Iterator[list[tuple[int, Entry]]]:
    batch: list[tuple[int, Entry]] = []
    outputs = size = 0
    for each in entries:
        batch.append(each)
        outputs, size = outputs + len(each[1].outputs), size + _size(each[1])
        if outputs >= _BATCH or size > _BYTES:
            yield batch
            batch, outputs, size = [], 0, 0
    if batch:
        yield batch
