"""An entry from the folder of a run, which has to be whole, without errors and as its run left it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tts_bench.analysis.curve import Point, read_curve
from tts_bench.analysis.runs import Numbers, RunData, read_header, read_records
from tts_bench.analysis.table import Grid
from tts_bench.errors import UserError
from tts_bench.files import sha256_of
from tts_bench.present.leaderboard.command import plain
from tts_bench.present.leaderboard.entry import FORMAT, PLAIN, Entry
from tts_bench.present.leaderboard.recompute import complete, digest, packed, per_problem, summaries


def entry_of(folder: Path) -> Entry:
    """The entry of a finished run.

    Raises:
        UserError: as `read_run`; or the run is incomplete, has errors, was changed after it was written, holds records
            of several runs, or texts that a leaderboard does not take.
    """
    header = read_header(folder)
    if header.get("errors"):
        raise UserError(
            f"{folder} holds {header['errors']} errors: an entry needs every problem. records.jsonl has the "
            f"reasons; repeat the run's command to retry these problems."
        )
    numbers = Numbers(folder, header)
    for record in read_records(folder, header):
        numbers.add(record)
    curve = numbers.curve()
    run, records = numbers.run(), sha256_of(folder / "records.jsonl")
    try:
        _check_header(run)
        _check_complete(run)
        _check_curve(run, curve)
        return Entry.model_validate(complete(_content(run, records)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(
            f"{folder} cannot be an entry: {'.'.join(map(str, first['loc']))} is {str(first['input'])[:80]!r}. "
            f"{said(first)}."
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / 'run.json'} is not as written by a run ({error}). Repeat the run.") from error


def said(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """What is wrong with a field, in words for a person."""
    if error["loc"][-1:] == ("command",):
        return "A command is one line of plain words, as shlex.join writes it, without ; & | < > $ ` and \\"
    if error["type"] == "value_error" or error.get("ctx", {}).get("pattern") == PLAIN:
        return "A text is one line, not blank, without control or invisible characters, and without <, >, | and `"
    return str(error["msg"])


def name_of(entry: Entry) -> str:
    """The file name of an entry: its model, and what tells its settings from others."""
    return f"{slug(entry.model.name)}-{entry.run.identity[:8]}.json"


def slug(text: str) -> str:
    """`text` as a part of a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:60].strip("-.") or "unnamed"


def _check_header(run: RunData) -> None:
    """What run.json says twice it has to say alike."""
    header, identity = run.header, run.header["identity"]
    pairs = {"model": (header["model"]["fingerprint"], identity["model"])}
    pairs |= {f"data of {task}": (held["sha256"], identity["data"][task]) for task, held in header["data"].items()}
    alike = ("thinking_format", "sampling", "max_thinking_tokens", "max_answer_tokens", "system", "seed")
    pairs |= {key: (header[key], identity[key]) for key in alike}
    pairs["template"] = (header.get("template"), identity.get("template"))
    for name, (said_here, said_there) in pairs.items():
        if said_here != said_there:
            raise UserError(f"{run.path / 'run.json'} was changed: it gives two values for {name}. Repeat the run.")


def _check_complete(run: RunData) -> None:
    for task in run.header["metrics"]:
        wanted = run.header["data"][task]["documents"]
        for strategy in run.header["identity"]["strategies"]:
            grid = run.grids.get(task, {}).get(strategy)
            if grid is not None and grid.failed:
                raise UserError(f"{run.path}: {strategy!r} has {len(grid.failed)} errors on {task}; an entry has none.")
            found = 0 if grid is None else len(grid.documents)
            if found != wanted:
                raise UserError(
                    f"{run.path} is incomplete: {strategy!r} has {found} of {wanted} problems of {task}. Repeat "
                    f"the run's command to finish it."
                )
            if grid is not None and len(set(grid.rungs)) < len(grid.rungs):
                raise UserError(f"{run.path}: {strategy!r} has two rungs with the same name on {task}.")
        if len({(grid.documents, grid.prompts) for grid in run.grids[task].values()}) > 1:
            raise UserError(f"{run.path} is mixed: its strategies had different prompts on {task}. Repeat the run.")


def _check_curve(run: RunData, found: Sequence[Point]) -> None:
    """The run left what its records give in curve.json, an older one without the newest columns.

    Intervals are left out: they follow from the scores, and an older version had another formula for averages.
    """
    _, left = read_curve(run.path / "curve.json")
    for mine, theirs in zip(found, left, strict=False):
        known = {name: value for name, value in mine.values.items() if name in theirs.values}
        if replace(mine, values=known, low=theirs.low, high=theirs.high) != theirs:
            raise UserError(
                f"{run.path} was changed after its run: on {mine.task}, {mine.strategy!r} at {mine.rung!r}, "
                f"records.jsonl does not give what curve.json says. Repeat the run."
            )
    if len(found) != len(left):
        raise UserError(f"{run.path} was changed after its run: curve.json has {len(left)} points, not {len(found)}.")


def _worded(identity: dict[str, Any]) -> dict[str, Any]:
    """How a problem is worded: the thinking format, and what the chat template is told, where that is anything."""
    told = {key: identity[key] for key in ("template",) if key in identity}
    return {**identity["thinking_format"], **told}


def _content(run: RunData, records: str) -> dict[str, Any]:
    header, identity = run.header, run.header["identity"]
    system = identity["system"]
    return {
        "format": FORMAT,
        "model": {key: header["model"][key] for key in ("name", "fingerprint", "source", "parameters", "notes")},
        "run": {
            "command": plain(header["command"]),
            "identity": digest(identity),
            "records": records,
            "seed": identity["seed"],
            "limit": identity["limit"],
            "thinking_format": identity["thinking_format"]["name"],
            "thinking_format_sha256": digest(_worded(identity)),
            "system": None if system is None else digest(system),
            "max_thinking_tokens": identity["max_thinking_tokens"],
            "max_answer_tokens": identity["max_answer_tokens"],
            "sampling": {phase: {k: float(v) for k, v in how.items()} for phase, how in identity["sampling"].items()},
            "engine": identity["engine"],
            "versions": header["versions"],
        },
        "tasks": {task: _task(run, task) for task in header["metrics"]},
    }


def _task(run: RunData, task: str) -> dict[str, Any]:
    grids = run.grids[task]
    first = next(iter(grids.values()))
    return {
        "metric": first.metric,
        "data": run.header["data"][task]["sha256"],
        "prompts": digest(list(zip(first.documents, first.prompts, strict=True))),
        "problems": len(first.documents),
        "strategies": {
            strategy: {
                "label": run.label(strategy),
                "source": run.header["identity"]["sources"][strategy],
                "rungs": {rung: _rung(grid, place) for place, rung in enumerate(grid.rungs)},
            }
            for strategy, grid in grids.items()
        },
    }


def _rung(grid: Grid, place: int) -> dict[str, Any]:
    """What each problem has, and a place for all that `complete` makes of it."""
    columns = {"score": grid.score, **{row.name: grid.values[row.name] for row in per_problem()}}
    problems = {name: packed(array[:, place].tolist()) for name, array in columns.items()}
    return {**dict.fromkeys(row.name for row in summaries()), "problems": problems}
