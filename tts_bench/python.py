"""`tts-bench run` from Python: in a script, in a running event loop, in a notebook.

import tts_bench as tb

run = tb.run(model="pocket", strategies=["baseline", Mine(rounds=2)], limit=50)
run.table()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tts_bench import config_file, registry
from tts_bench.api import Strategy
from tts_bench.engines.environment import prepare as prepare_environment
from tts_bench.errors import UserError
from tts_bench.present.results import Results
from tts_bench.registry import BuiltStrategy
from tts_bench.runs.checked import check
from tts_bench.runs.defaults import POCKET, POCKET_TASK, resolved
from tts_bench.studies import given

if TYPE_CHECKING:
    from tts_bench.present.study_results import StudyResults

_T = TypeVar("_T")
_PATHS = ("out", "store", "data_dir")  # settings that are paths


def run(
    model: str | None = None,
    *,
    strategies: Sequence[str | Strategy | type[Strategy]] = (),
    tasks: Sequence[str] = (),
    limit: int | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Results:
    """Run strategies on tasks with a model, and return the results. Calling it again resumes the run.

    `strategies` are texts as for `--strategy`, names of groups, or your own classes and objects; without strategies
    and tasks, it is the default comparison. `settings` are the other keys of a configuration file
    (docs/configuration.md), such as `seed=1`, `engine="hf:max_num_seqs=32"`, `max_thinking_tokens=512`. `quiet` shows
    no progress.

    A problem that ended in an error is excluded from all results; `Results.records` has it.

    Raises:
        UserError: any of them is invalid; raised before anything is generated.
    """
    own: dict[str, BuiltStrategy] = {}
    lists = {"strategies": _several("strategies", strategies, "baseline"), "tasks": _several("tasks", tasks, "gsm8k")}
    for place, each in enumerate(lists["strategies"]):
        if not isinstance(each, str):
            built = registry.built(each)
            own[built.id], lists["strategies"][place] = built, built.id
    if lists["strategies"] and not lists["tasks"] and (model is None or model == POCKET):
        lists["tasks"] = [POCKET_TASK]  # and not the default comparison beside what was named
    single = {key: value for key, value in {"model": model, "limit": limit, "out": out}.items() if value is not None}
    said = {**settings, **{key: names for key, names in lists.items() if names}, **single}
    for key in _PATHS:
        if isinstance(said.get(key), str | PathLike):  # what is none is refused as in a configuration file
            given.path(key, said[key])
    values = config_file.values({key: _plain(value) for key, value in said.items()}, lambda key: "")
    return _apart(lambda: _played(values, own, quiet=quiet))


def load(*folders: str | Path, allow_different: bool = False, metric: str | None = None) -> Results:
    """Load runs together; of an unfinished run, the problems that all strategies have finished.

    Accuracy uses the metric named `metric`, such as "lenient", or each task's main one.

    Raises:
        UserError: as `Results`.
    """
    if not folders:
        raise UserError('load() takes folders of runs, such as load("runs/demo").')
    for folder in folders:
        if not isinstance(folder, str | PathLike):
            raise UserError(
                f"load() takes folders one by one, and {given.shown(folder)} is none. "
                'Type load("runs/a", "runs/b"), or load(*folders) for a list.'
            )
    return Results(*folders, allow_different=allow_different, metric=metric)


def study(file: str | Path, *, jobs: int = 1, quiet: bool = False) -> StudyResults:
    """Run the unfinished parts of a study, `jobs` at a time, and return the results.

    `file` is a study file or a study folder. A part that fails is left out of the results, whose `notes` name it.

    Raises:
        UserError: a mistake in the file, before anything is generated; or no part is finished.
    """
    if not isinstance(file, str | PathLike):
        raise UserError(f'study() takes one file, and {given.shown(file)} is none. Type study("cues.toml").')
    processes = given.whole("jobs", jobs, least=1)
    return _apart(lambda: _studied(given.path("file", file), processes, quiet=quiet))


def _studied(file: Path, jobs: int, *, quiet: bool) -> StudyResults:
    from tts_bench.present.study import Shown
    from tts_bench.present.study_results import StudyResults
    from tts_bench.studies.file import read
    from tts_bench.studies.play import play

    found = read(file)
    play(found, found.parts, Shown(len(found.parts), quiet=quiet), jobs=jobs)
    return StudyResults(file)


def _played(values: dict[str, Any], own: dict[str, BuiltStrategy], *, quiet: bool) -> Results:
    prepare_environment()  # before torch
    from tts_bench.present.progress import Progress
    from tts_bench.runs.run import load as loaded

    config = resolved(values)
    built = [own.get(spec) or registry.build(spec) for spec in config.strategies]
    ready = loaded(check(config, built))
    with Progress(len(ready.items), list(ready.labels.values()), quiet=quiet) as progress:
        return Results(ready.execute(progress).out)


def _apart(work: Callable[[], _T]) -> _T:
    """Run it here, or in its own thread if an event loop is already running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _several(name: str, values: Iterable[Any], such: str) -> list[Any]:
    """`values` as a list: what a generator gives comes once only. Nothing is said by an empty tuple.

    Raises:
        UserError: one text, something else that is not several, or nothing.
    """
    if isinstance(values, str):
        raise UserError(f"{name} is the text {given.shown(values)}; it takes several: [{given.shown(values)}].")
    try:
        each = iter(values)
    except TypeError as error:
        raise UserError(f"{name} is {given.shown(values)}; it takes several in a list, such as ['{such}'].") from error
    found = list(each)
    if not found and not isinstance(values, tuple):
        raise UserError(f"{name} is empty; it takes at least one, such as ['{such}']. Leave it out for the default.")
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - as it came
    """`value` as a configuration file has it: no path, no tuple, no number of numpy."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Real) and not isinstance(value, int | float):
        return int(value) if isinstance(value, Integral) else float(value)
    return value
