"""How each tracker is told of a line, once: a function for each, which says whether the line is there already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tts_bench.errors import UserError
from tts_bench.present.trackers.line import Line
from tts_bench.text import safe

ID = "tts_bench_id"
_WHOLE = "tts-bench-whole"  # in W&B's folder of a run: all of it was logged
# What the libraries would send to their makers on their own.
_QUIET = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}
Log = Callable[[Line, str], bool]


@dataclass(frozen=True)
class Tracker:
    """A tracker and the distribution that brings it."""

    module: str
    log: Log  # a line into the project of that name; False: it is there already, and nothing was logged


def log(lines: Sequence[Line], to: str, project: str) -> tuple[int, int]:
    """Log `lines`; returns how many were logged and how many were there already.

    Raises:
        UserError: the tracker is not installed, refuses, or has all lines already.
    """
    tracker = TRACKERS[to]
    if find_spec(tracker.module) is None:
        raise UserError(f"--to {to} needs a package. Type: pip install 'test-time-scaling-bench[{to}]'")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    logged = 0
    for line in lines:
        try:
            logged += tracker.log(line, project)
        except UserError:
            raise
        except Exception as error:  # libraries raise what they like, for a server, a disk, a name
            why = safe(" ".join(str(error).split()) or type(error).__name__)[:300].rstrip(".")
            done = f" {logged} of {len(lines)} were logged before it; repeat the command to continue." if logged else ""
            raise UserError(f"{to} could not log {line.name}: {why}.{done}") from error
    if not logged:
        raise UserError(f"{to} already has all {len(lines)} tracker runs in project {project}. Give another --project.")
    return logged, len(lines) - logged


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _mlflow(line: Line, project: str) -> bool:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client: Any = MlflowClient()
    found = client.get_experiment_by_name(project)
    experiment = found.experiment_id if found else client.create_experiment(project)
    for run in client.search_runs([experiment], filter_string=f"tags.{ID} = '{line.id}'"):
        if run.info.status == "FINISHED":
            return False
        client.delete_run(run.info.run_id)  # of a command that was stopped
    run = client.create_run(experiment, run_name=line.name, tags={ID: line.id})
    client.log_batch(run.info.run_id, params=[Param(name, str(value)) for name, value in line.params.items()])
    for step, rung in enumerate(line.rungs):
        metrics = [Metric(name, value, run.info.start_time, step) for name, value in rung.items()]
        client.log_batch(run.info.run_id, metrics=metrics)
    for file in line.files:
        client.log_artifact(run.info.run_id, str(file))
    client.set_terminated(run.info.run_id)
    return True


def _wandb(line: Line, project: str) -> bool:
    import wandb

    where, name = Path(os.environ.get("WANDB_DIR", ".")), _digest(project, line.id)
    begun = list((where / "wandb").glob(f"*run-*-{name}*"))
    if any((folder / _WHOLE).exists() for folder in begun):
        return False
    for folder in begun:
        if folder.name.startswith("offline-"):
            shutil.rmtree(folder)  # of a command that was stopped: it must not be uploaded
    tries = f"-{len(begun)}" if begun else ""
    settings = wandb.Settings(
        console="off", silent=True, disable_git=True, save_code=False, x_disable_stats=True, x_disable_meta=True
    )
    away = None if os.environ.get("WANDB_MODE") or wandb.api.api_key else "offline"  # and asks for no login
    config = {**line.params, ID: line.id}
    run: Any = wandb.init(
        project=project, name=line.name, id=name + tries, resume="never", config=config, mode=away, settings=settings,
        dir=str(where),
    )  # fmt: skip
    run.define_metric("generated")
    run.define_metric("*", step_metric="generated")  # charts are over tokens from the start
    folder = Path(run.dir).parent
    try:
        for step, rung in enumerate(line.rungs):
            run.log(rung, step=step)
        for file in line.files:
            copy = shutil.copyfile(file, Path(run.dir) / file.name)  # of a file elsewhere it keeps a link only
            run.save(str(copy), base_path=run.dir, policy="now")
    finally:
        run.finish()
    (folder / _WHOLE).touch()
    return True


def _trackio(line: Line, project: str) -> bool:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    runs = trackio.Api().runs(project) if SQLiteStorage.get_project_db_path(project).exists() else ()
    for found in runs:
        if (found.config or {}).get(ID) == line.id:
            if len(SQLiteStorage.get_logs(project, found.name, run_id=found.id)) == len(line.rungs):
                return False
            SQLiteStorage.delete_run(project, found.name, run_id=found.id)  # of a command that was stopped
    run: Any = trackio.init(
        project=project, name=f"{line.name} {line.id[:6]}", config={**line.params, ID: line.id}, embed=False,
        auto_log_gpu=False, auto_log_cpu=False,
    )  # fmt: skip
    try:
        for step, rung in enumerate(line.rungs):
            run.log(rung, step=step)
    finally:
        run.finish()
    return True


TRACKERS = {
    "mlflow": Tracker("mlflow", _mlflow),
    "wandb": Tracker("wandb", _wandb),
    "trackio": Tracker("trackio", _trackio),
}
