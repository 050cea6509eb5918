"""A line of a curve as a tracker takes it: names, parameters, a step of metrics for each rung, files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tts_bench.analysis.curve import Point, by_line
from tts_bench.analysis.runs import RunData, read_run
from tts_bench.analysis.series import curve_of, series_of
from tts_bench.errors import UserError
from tts_bench.files import sha256_of
from tts_bench.measures import columns
from tts_bench.text import safe

FILES = ("curve.json", "curve.png", "curve.svg")  # and not run.json: an address in it may hold a password
REPORT = "report.html"  # up to 30 MB: with a run's first line only
_LONGEST = 500  # characters of a parameter: every tracker accepts that many
_SHARES = ("n", "errors", "accuracy", "low", "high", "overall")

Param = str | int | float | bool


@dataclass(frozen=True)
class Line:
    """One strategy on one task of one run: a run of a tracker."""

    id: str  # of the records, the task and the strategy: the same run has it wherever its folder is
    name: str
    params: dict[str, Param]
    rungs: list[dict[str, float]]  # metrics; the place in the list is the step
    files: list[Path]


def lines(folders: Sequence[Path]) -> list[Line]:
    """The lines of finished runs and of the finished parts of studies.

    Raises:
        UserError: a folder is neither, or its run is not as it was left.
    """
    return [line for folder in folders for run in _runs(folder) for line in _of(run)]


def _runs(folder: Path) -> list[Path]:
    if (folder / "run.json").exists() or not folder.is_dir() or not (folder / "study.toml").exists():
        return [folder]
    from tts_bench.studies.file import read
    from tts_bench.studies.folder import states

    found = [state.part.folder for state in states(read(folder)) if state.readable]
    if not found:
        raise UserError(f"no part of the study in {folder} is finished. Run it with tts-bench study run.")
    return found


def _of(folder: Path) -> Iterator[Line]:
    run = read_run(folder)
    series, _ = series_of([run])
    ids = {one.name: one.strategy for one in series}
    digest = sha256_of(folder / "records.jsonl")
    files = [folder / name for name in (*FILES, REPORT) if (folder / name).is_file()]
    for task, of_task in by_line(curve_of(series)).items():
        for strategy, points in of_task.items():
            key = json.dumps([digest, task, ids[strategy]])
            yield Line(
                sha256(key.encode()).hexdigest()[:16],
                safe(f"{folder.resolve().name} {task} {strategy}")[:_LONGEST],
                _params(run, task, strategy, ids[strategy], points),
                [_metrics(point) for point in points],
                files,
            )
            files = [file for file in files if file.name != REPORT]


def _params(run: RunData, task: str, strategy: str, strategy_id: str, points: Sequence[Point]) -> dict[str, Param]:
    """What the answers depend on. Addresses, commands and paths, which may hold a secret, are not among it."""
    header, identity = run.header, run.header["identity"]
    said = {
        "run": run.path.resolve().name,
        "task": task,
        "metric": points[0].metric,
        "strategy": strategy,
        "strategy_id": strategy_id,
        "rungs": ", ".join(point.rung for point in points),
        "model": header.get("model", {}).get("name"),
        "engine": header.get("engine", {}).get("name"),
        "exact": header.get("engine", {}).get("exact"),
        "thinking_format": _inner(identity, "thinking_format").get("name"),
        **{f"thinking.{key}": value for key, value in _inner(identity, "sampling", "thinking").items()},
        **{key: identity.get(key) for key in ("max_thinking_tokens", "max_answer_tokens", "system", "limit", "seed")},
        "data_sha256": identity["data"].get(task),
        "tts_bench": identity.get("tts_bench"),
    }
    return {key: _plain(value) for key, value in said.items() if value is not None}


def _inner(found: Any, *keys: str) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _plain(value: object) -> Param:
    return value if isinstance(value, bool | int | float) else safe(str(value))[:_LONGEST]


def _metrics(point: Point) -> dict[str, float]:
    """What a table shows of a rung; `metric/NAME` are the task's other metrics. What there is not is left out."""
    flat = point.flat()
    found = {name: flat[name] for name in (*_SHARES, *(row.name for row in columns()))}
    found |= {f"metric/{key(name)}": value for name, value in point.metrics.items()}
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def key(name: str) -> str:
    """`name` with only those characters that every tracker accepts in the name of a metric."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:200]
