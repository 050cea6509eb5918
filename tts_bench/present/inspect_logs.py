"""Runs as logs of Inspect (inspect_ai): one log for each task, strategy and rung, for its viewer and its analysis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tts_bench import foreign
from tts_bench.analysis.runs import Source, documents_of, finished
from tts_bench.errors import UserError
from tts_bench.files import file_name
from tts_bench.pools.lines import QUESTIONS
from tts_bench.records import AnswerRecord, Record

VERSION = 2  # of Inspect's format


def logs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each log of the finished run in `folder`. Problems that ended in an error are samples of none.

    A sample's epoch is a repeat or the only one; its metadata has the answer's bill in tokens. Of an answer that rests
    on one trace the thinking is there too.

    Raises:
        UserError: as `finished`, or the run's folder lacks lm-eval's samples.
    """
    source = finished(folder)
    labels = source.header.get("labels", {})
    samples: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    asked = {task: _documents(source, task) for task in source.header["metrics"]}
    for record in source.records():
        for answer in record.answers:
            key = record.task, record.strategy, answer.rung
            made = _sample(record, answer, asked[record.task], source.header["metrics"][record.task], _model(source))
            samples.setdefault(key, []).append(made)
    for (task, strategy, rung), found in samples.items():
        name = "-".join([task, labels.get(strategy, strategy), rung])
        yield f"{file_name(name)}.json", _log(source, task, strategy, rung, found)


def _documents(source: Source, task: str) -> dict[int, tuple[str, str]]:
    """Question and target of each document, as lm-eval's samples in the run's folder have them.

    A rung lacks the documents on which its strategy failed, so files are read until all documents are there.
    """
    folder, count = source.path, documents_of(source.header, task)
    found: dict[int, tuple[str, str]] = {}
    for path in sorted((folder / "lm_eval").glob(f"*/*/samples_{file_name(task)}.jsonl")):
        if count and len(found) == count:
            break
        number = 1
        try:
            for number, line in enumerate(foreign.lines(path), 1):  # noqa: B007 - told where one is wrong
                row = foreign.parse(line)
                doc, target = row.get("doc", {}), row.get("target", "")
                question = next((str(doc[name]) for name in QUESTIONS if name in doc), str(row.get("arguments", "")))
                found.setdefault(int(row["doc_id"]), (question, str(target)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise UserError(f"{path}, line {number} is not an lm-eval sample. Repeat the run's command.") from error
    if not found:
        raise UserError(
            f"{folder} lacks lm-eval's samples of {task}, which hold its questions. Repeat the run's command."
        )
    return found


def _model(source: Source) -> str:
    return str(source.header.get("model", {}).get("name", "")) or "unknown"


def _sample(
    record: Record, answer: AnswerRecord, asked: dict[int, tuple[str, str]], main: str, model: str
) -> dict[str, Any]:
    question, target = asked.get(record.doc_id, ("", ""))
    metrics = sorted(answer.scores, key=lambda name: (name != main, name))  # Inspect takes the first for the verdict
    told = {"role": "assistant", "content": _content(record, answer)}
    cost = answer.cost
    usage = {
        "input_tokens": cost.prompt,
        "output_tokens": cost.generated,
        "total_tokens": cost.prompt + cost.generated,
        "reasoning_tokens": cost.thinking,
    }
    choice = {"message": told, "stop_reason": "max_tokens" if answer.truncated else "stop"}
    return {
        "id": record.doc_id,
        "epoch": record.repeat + 1,
        "input": question,
        "target": target,
        "messages": [{"role": "user", "content": question}, told],
        "output": {"model": model, "choices": [choice], "completion": answer.text, "usage": usage},
        "scores": {name: {"value": answer.scores[name], "answer": answer.extracted} for name in metrics},
        "metadata": {"sequential_tokens": cost.sequential, "flops": cost.flops, "ballots": answer.ballots},
        "store": {},
        "events": [],
        "model_usage": {model: usage},
        "attachments": {},
    }


def _content(record: Record, answer: AnswerRecord) -> list[dict[str, str]]:
    """What the model said; with several answers in its lineage, thoughts cannot be told to be this one's."""
    parts = [record.segments[place] for place in answer.segments]
    thoughts = "".join(part.text for part in parts if part.kind in ("thinking", "cue"))
    single = sum(part.kind == "answer" for part in parts) == 1
    reasoning = [{"type": "reasoning", "reasoning": thoughts}] if single and thoughts else []
    return [*reasoning, {"type": "text", "text": answer.text}]


def _log(source: Source, task: str, strategy: str, rung: str, samples: list[dict[str, Any]]) -> bytes:
    seed = source.header["identity"]["seed"]
    created = datetime.fromtimestamp((source.path / "run.json").stat().st_mtime, UTC)
    config = {"epochs": max(sample["epoch"] for sample in samples)}
    document = {
        "version": VERSION,
        "status": "success",
        "eval": {
            "created": created.isoformat(timespec="seconds"),
            "task": task,
            "dataset": {"name": task, "samples": len(samples)},
            "model": _model(source),
            "config": config,
            "metadata": {"strategy": strategy, "rung": rung, "seed": seed},
        },
        "samples": samples,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"
