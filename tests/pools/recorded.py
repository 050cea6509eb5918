"""The samples of a run's own records, written down as other programs would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tts_bench.records import Record, SegmentRecord, from_line


def records(folder: Path) -> list[Record]:
    return [from_line(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def votes(folder: Path) -> Iterator[tuple[Record, list[tuple[SegmentRecord, SegmentRecord]]]]:
    """The records of a run's majority vote, each with thinking and answer of its samples, in their order."""
    for record in records(folder):
        if record.strategy.startswith("majority-vote"):
            found: dict[int, dict[str, SegmentRecord]] = {}
            for segment in record.segments:
                if segment.stream:
                    _, _, branch, _ = json.loads(segment.stream)
                    found.setdefault(int(branch[0]) if branch else 0, {})[segment.kind] = segment
            yield record, [(found[place]["thinking"], found[place]["answer"]) for place in sorted(found)]


def plain(folder: Path, file: Path) -> Path:
    """JSON Lines with token counts, a line for each problem."""
    lines = []
    for record, samples in votes(folder):
        outputs = [
            {
                "thinking": thought.text + "</think>",
                "response": said.text,
                "thinking_tokens": thought.tokens + thought.end,
                "answer_tokens": said.tokens + said.end,
            }
            for thought, said in samples
        ]
        lines.append({"doc_id": record.doc_id, "responses": outputs})
    return write(file, lines)


def lm_eval(folder: Path, file: Path, questions: list[str]) -> Path:
    """lm-eval's samples, without token counts: a line for each problem and filter."""
    lines = []
    for name in ("strict-match", "flexible-extract"):
        for record, samples in votes(folder):
            texts = [f"{thought.text}</think>{said.text}" for thought, said in samples]
            doc = {"question": questions[record.doc_id], "answer": "#### 0"}
            lines.append({"doc_id": record.doc_id, "doc": doc, "resps": [texts], "filter": name, "metrics": []})
    return write(file, lines)


def write(file: Path, lines: list[Any]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file
