"""Runs as lm-eval itself leaves them: a folder for each strategy and rung, with its results and samples files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tts_bench import foreign
from tts_bench.analysis.runs import finished
from tts_bench.errors import UserError
from tts_bench.files import file_name

Row = dict[str, Any]
_HASHES = ("doc_hash", "prompt_hash", "target_hash")


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Path and bytes of each file of the finished run in `folder`, as `lm-eval run --log_samples` would write it.

    The texts are what lm-eval scored at that rung: an answer, without the thinking before it. Problems that ended in
    an error are in no file.

    Raises:
        UserError: as `finished`, or the run's folder lacks lm-eval's files.
    """
    run = finished(folder).read()
    written = datetime.fromtimestamp((folder / "run.json").stat().st_mtime).isoformat().replace(":", "-")
    grids = [each for of_task in run.grids.values() for each in of_task.items()]
    for strategy, rung in dict.fromkeys((strategy, rung) for strategy, grid in grids for rung in grid.rungs):
        place = folder / "lm_eval" / file_name(strategy) / file_name(rung)
        name = f"{run.header.get('model', {}).get('name', '')}-{run.label(strategy)}-{rung}"
        hashes = {}
        for task in run.header["metrics"]:
            grid = run.grids.get(task, {}).get(strategy)
            required = grid is not None and rung in grid.rungs
            rows = _rows(place / f"samples_{file_name(task)}.jsonl", required=required)
            if rows:
                known = "".join(str(row.get(key)) for row in rows for key in _HASHES)
                hashes[task] = sha256(known.encode()).hexdigest()
                data = "".join(json.dumps(_sample(row), ensure_ascii=False) + "\n" for row in rows).encode()
                yield Path(file_name(name)) / f"samples_{file_name(task)}_{written}.jsonl", data
        results = _results(place, name, strategy, rung) | {"task_hashes": hashes}
        text = json.dumps(results, ensure_ascii=False, indent=2) + "\n"
        yield Path(file_name(name)) / f"results_{written}.json", text.encode()


def _rows(path: Path, *, required: bool) -> list[Row]:
    if not path.is_file() and not required:
        return []
    try:
        return [_row(foreign.parse(line)) for line in foreign.lines(path)]
    except (OSError, ValueError) as error:
        raise _lacking(path, error) from error


def _row(found: object) -> Row:
    if not isinstance(found, dict):
        raise ValueError("a line is not an object")
    return found


def _sample(row: Row) -> Row:
    """A row as lm-eval writes it into a file: arguments by name, replies and targets as texts."""
    asked = row.get("arguments")
    by_name = {
        f"gen_args_{place}": {f"arg_{number}": value for number, value in enumerate(each)}
        for place, each in enumerate(asked if isinstance(asked, list) else [])
    }
    texts = {key: _texts(row.get(key)) for key in ("resps", "filtered_resps")}
    return {**row, **texts, "arguments": by_name, "target": str(row.get("target"))}


def _texts(found: object) -> object:
    return [_texts(each) for each in found] if isinstance(found, list) else str(found)


def _results(place: Path, name: str, strategy: str, rung: str) -> Row:
    try:
        results = _row(foreign.document(place / "results.json"))
    except (OSError, ValueError) as error:
        raise _lacking(place / "results.json", error) from error
    about = {"model": "tts-bench", "model_args": f"strategy={strategy},rung={rung}"}
    return {**results, "config": about, "model_source": "tts-bench", "model_name": name}


def _lacking(path: Path, error: Exception) -> UserError:
    why = getattr(error, "strerror", None) or str(error)[:200]
    return UserError(f"{path}, which lm-eval wrote, cannot be read: {why}. Repeat the run's command.")
