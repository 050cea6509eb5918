"""A run's configuration from the command line: a file or a run's folder, and the flags that override it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench import config_file
from tts_bench.cli import flags
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import UserError
from tts_bench.text import safe

if TYPE_CHECKING:
    from tts_bench.runs.checked import Checked

_MODEL, _GENERATION = "Model", "Generation"
FLAGS = (
    [
        flags.flag(
            "strategies",
            list[str],
            "NAME or NAME:key=value,... ; repeatable. Without a task, it joins baseline, budget-forcing and "
            "majority-vote.",
            "--strategy",
            shown="baseline, budget-forcing, majority-vote, learned-token",
        ),
        flags.flag(
            "groups",
            str,
            "Groups or strategies, comma-separated: shelf is all, cheap needs only a vote's pool; -NAME excludes one.",
            "--strategies",
        ),
        flags.flag(
            "tasks",
            str,
            "Tasks, comma-separated; lm_eval/NAME for lm-eval's own.",
            shown="pocket_arithmetic; gsm8k for other models",
        ),
        flags.flag("config", Path, "TOML or JSON file with the same keys as these flags; flags override it."),
    ],
    flags.of(RunConfig, leave_out=("model", "tasks", "strategies")),
    flags.of(ModelConfig, "model", "engine", panel=_MODEL),
    flags.of_engines(panel=_MODEL),
    flags.of(ModelConfig, leave_out=("model", "engine"), panel=_GENERATION),
)


def several() -> list[list[flags.Flag]]:
    """`FLAGS` of a command that takes several models and seeds."""
    model = flags.flag(
        "model",
        list[str],
        "Local folder, GGUF file, hub id or alias; for an endpoint, the served model name. Several make a study.",
        shown="pocket",
        panel=_MODEL,
    )
    seeds = flags.flag("seeds", str, "Random seeds, comma-separated; several make a study.", panel=_GENERATION)
    return [*([model if each.name == "model" else each for each in group] for group in FLAGS), [seeds]]


def configured(given: dict[str, Any], said: dict[str, Any] | None = None) -> RunConfig:
    """The configuration from the flags in `given`, the file that they name or the values `said`, and defaults.

    Raises:
        UserError: anything in it is invalid.
    """
    from tts_bench.runs.defaults import resolved

    if said is None:
        said = config_file.read(given["config"]) if "config" in given else {}
    typed = {**flags.of_class(RunConfig, given), **flags.of_class(ModelConfig, given)}
    if "tasks" in typed:
        typed["tasks"] = _listed(typed["tasks"])
    if "groups" in given:
        if not (groups := _listed(given["groups"])):
            raise UserError("--strategies names none. Give it a value, or leave it out.")
        typed["strategies"] = (*groups, *typed.get("strategies", ()))
    texts = flags.texts_of_engine(given)
    return resolved({**said, **typed}, texts, over="engine" not in typed, tell=_tell)


def checked(given: dict[str, Any], resume: Path | None = None) -> Checked:
    """`configured`, or `resumed` where a folder is given, and checked.

    Raises:
        UserError: anything in it is invalid; where it comes from the file that `given` names, with file and line.
    """
    from tts_bench.runs.checked import check

    if resume is not None:
        return check(resumed(resume, given))
    with _located(given):
        return check(configured(given))


@contextmanager
def _located(given: dict[str, Any]) -> Iterator[None]:
    """Put file and line before a message that begins with a flag, if it is the file that says it."""
    try:
        yield
    except UserError as error:
        flag = re.match("--([a-z-]+)", str(error))
        key = flag[1].replace("-", "_") if flag else ""
        if "config" not in given or key in given or key not in config_file.read(given["config"]):
            raise
        raise UserError(f"{config_file.place(given['config'], key)}{error}") from error


def resumed(folder: Path, given: dict[str, Any]) -> RunConfig:
    """The configuration of the run in `folder`, in the folder where it started; flags of speed may override it.

    Raises:
        UserError: there is no run, an earlier version started it, or the folder where it started is gone.
    """
    from tts_bench.runs.folder import RunFolder

    for name in ("config", "out"):
        if name in given:
            raise UserError(f"--resume continues the run in {folder}, which --{name} contradicts. Remove one of them.")
    out = folder.absolute()
    typed = {name: _from_here(name, value) for name, value in given.items()}
    said = RunFolder(folder).begun()
    return configured(typed, {**said, "out": Path(os.path.relpath(out))})


def _from_here(name: str, value: Any) -> Any:  # noqa: ANN401 - of any flag
    """A typed path is one of the folder where it was typed, not of that where the run was begun."""
    from tts_bench.models import ALIASES
    from tts_bench.tasks.catalog import is_file

    if isinstance(value, Path):
        return value.absolute()
    if name == "tasks":
        return ",".join(os.path.abspath(task) if is_file(task) else task for task in _listed(value))
    if name in ("model", "tokenizer") and value not in ALIASES and os.path.exists(value):
        return os.path.abspath(value)
    return value


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _tell(line: str) -> None:
    print(safe(line), file=sys.stderr)  # what is printed by `config show` is a file
