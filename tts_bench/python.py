"""`tts-bench run` from Python: in a script, in a running event loop, in a notebook.

import tts_bench as tb

run = tb.run(model="pocket", strategies=["baseline", Mine(rounds=2)], limit=50)
run.table()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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

if TYPE_CHECKING:
    from tts_bench.present.study_results import StudyResults

_T = TypeVar("_T")


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
    own = {built.id: built for built in map(registry.built, (each for each in strategies if not isinstance(each, str)))}
    named = tuple(each if isinstance(each, str) else registry.built(each).id for each in strategies)
    said: dict[str, Any] = {"strategies": named, "tasks": tuple(tasks)}
    said |= {"model": model, "limit": limit, "out": out and str(out)}
    if named and not tasks and model in (None, POCKET):
        said["tasks"] = (POCKET_TASK,)  # and not the default comparison beside what was named
    said = {key: value for key, value in said.items() if value not in (None, ())}
    plain = {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}
    values = config_file.values({key: _listed(value) for key, value in {**plain, **said}.items()}, lambda key: "")
    return _apart(lambda: _played(values, own, quiet=quiet))


def load(*folders: str | Path, allow_different: bool = False, metric: str | None = None) -> Results:
    """Load runs together; of an unfinished run, the problems that all strategies have finished.

    Accuracy uses the metric named `metric`, such as "lenient", or each task's main one.

    Raises:
        UserError: as `Results`.
    """
    if not folders:
        raise UserError('load() takes folders of runs, such as load("runs/demo").')
    return Results(*folders, allow_different=allow_different, metric=metric)


def study(file: str | Path, *, jobs: int = 1, quiet: bool = False) -> StudyResults:
    """Run the unfinished parts of a study, `jobs` at a time, and return the results.

    `file` is a study file or a study folder. A part that fails is left out of the results, whose `notes` name it.

    Raises:
        UserError: a mistake in the file, before anything is generated; or no part is finished.
    """
    if jobs < 1:
        raise UserError(f"jobs is {jobs}; it takes a whole number from 1 upwards.")
    return _apart(lambda: _studied(Path(file), jobs, quiet=quiet))


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


def _listed(value: Any) -> Any:  # noqa: ANN401 - as it came
    return list(value) if isinstance(value, tuple) else value
