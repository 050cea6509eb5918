"""Tasks as lm-eval's own objects, ready for `lm_eval.evaluator.evaluate`, with what the harness needs beside them."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lm_eval.api.group import Group
from lm_eval.api.instance import Instance
from lm_eval.api.task import Task
from lm_eval.config.task import TaskConfig
from lm_eval.tasks import TaskManager

from tts_bench.errors import UserError, did_you_mean
from tts_bench.tasks import scoring
from tts_bench.tasks.catalog import PREFIX, check, describe, is_file, names
from tts_bench.tasks.hooks import Docs
from tts_bench.tasks.yaml_bounds import check_folder, loaded
from tts_bench.tasks.yaml_places import Places


@dataclass(frozen=True)
class LoadedTask:
    """One task that is scored by itself; a group becomes several of these."""

    name: str  # as in lm-eval's results; lm-eval's own tasks keep the prefix lm_eval/
    task: Task
    extract: Callable[[str], str | None]  # a response's vote, found without the gold answer
    metrics: tuple[str, ...]  # the main one first
    filter: str  # name of the filter whose scores count: lm-eval's results have "METRIC,FILTER"
    sha256: str  # of the data
    source: str  # "shipped", the data file's path, or the hub's id


@dataclass(frozen=True)
class LoadedTasks:
    """What was asked for, flattened, and as `evaluate` takes it. Its groups aggregate their tasks there."""

    task_dict: dict[str, Any]  # "tasks", "groups" and "group_map"; for one `evaluate` after the other
    tasks: dict[str, LoadedTask]


def load(wanted: Sequence[str], data_dir: Path | None = None) -> LoadedTasks:
    """Load tasks by name: those of this package, lm-eval's own as `lm_eval/NAME`, or anyone's by their YAML file.

    Raises:
        UserError: unknown or repeated name, a task that does not generate text or needs more than text, or data that
            cannot be had.
    """
    check(wanted)
    known = [known for name in names() for known in (name, *describe(name).subtasks)]
    files = [Path(name) for name in wanted if is_file(name)]
    ours = [name for name in wanted if not name.startswith(PREFIX) and not is_file(name)]
    own = [name.removeprefix(PREFIX) for name in wanted if name.startswith(PREFIX)]
    loaded: list[Task | Group] = []
    with _quiet():
        if ours:
            metadata = {"data_dir": str(data_dir)} if data_dir else {}
            manager = TaskManager(include_path=Path(__file__).parent, include_defaults=False, metadata=metadata)
            loaded += _build(manager, ours, known)
        if own:
            manager = TaskManager()
            theirs = _build(manager, own, manager.all_tasks)
            for item in theirs:
                _rename(item)
            loaded += theirs
        for file in files:
            loaded += _from_file(file)
    try:
        task_dict = dict(TaskManager(include_defaults=False).load(loaded))
    except ValueError as error:  # a task asked for twice, alone and within its group
        raise UserError(f"{error}. Name each task once.") from error
    return LoadedTasks(task_dict, {name: _loaded(name, task) for name, task in task_dict["tasks"].items()})


def _from_file(file: Path) -> list[Task | Group]:
    """The task of a YAML file; other YAML files beside it are known to lm-eval too, for `include`."""
    folder = file.resolve().parent
    check_folder(folder)
    said = loaded(file)
    places = Places(file)
    manager = TaskManager(include_path=folder, include_defaults=False, metadata={"folder": str(folder)})
    if file.stem not in manager.all_tasks:
        raise UserError(
            f"{places.key('task')}the file holds no task {file.stem!r}. Write 'task: {file.stem}' in it: a task is "
            "called as its file."
        )
    if "group" in said and "class" not in said:
        places.check_members(said.get("task"), manager.all_tasks)
    elif "class" not in said:
        places.check([*(each.name for each in fields(TaskConfig)), "include", "task_list"])
        if not said.keys() & {"dataset_path", "custom_dataset"}:
            raise UserError(f"{places.at()}the task names no data. Write dataset_path or custom_dataset in it.")
    return _build(manager, [file.stem], manager.all_tasks, places.named_by)


def _build(
    manager: TaskManager, wanted: Sequence[str], known: Sequence[str], where: Callable[[str], str] = lambda said: ""
) -> list[Task | Group]:
    """`where` finds the place in a file that an error of lm-eval speaks of."""
    built: list[Task | Group] = []
    for name in wanted:
        if name not in manager.all_tasks:
            raise UserError(f"lm-eval has no task {name!r}. {did_you_mean(name, known)}")
        with _heard() as heard:
            try:
                found = manager.load(name)
            except UserError:
                raise
            except Exception as error:  # a task's own code: anything may come
                why = " ".join(f"{type(error).__name__}: {error}".split())
                told = "; ".join([why, *(record.getMessage() for record in heard)])[:500].rstrip(".!")
                raise UserError(f"{where(told)}lm-eval cannot load its task {name!r}: {told}. Correct it.") from error
        for task in found["tasks"].values():
            _check_kind(name, task)
        groups = found.get("groups", {})
        inner = {child for group in groups.values() for child in group.child_names}
        built += [group for group in groups.values() if group.name not in inner] or list(found["tasks"].values())
    return built


def _check_kind(name: str, task: Task) -> None:
    """Refuse what lm-eval would refuse in the midst of a run, in its own words and with a traceback."""
    other = f"expected a generate_until task, such as {PREFIX}gsm8k_cot_zeroshot."
    if task.OUTPUT_TYPE != "generate_until":
        raise UserError(f"The task {name!r} is of type {task.OUTPUT_TYPE}, which needs no text from the model; {other}")
    if getattr(task, "UNSAFE_CODE", False):
        raise UserError(
            f"The task {name!r} runs code that the model writes (unsafe_code), which tts-bench never does; {other}"
        )
    if getattr(task, "MULTIMODAL", False):
        raise UserError(f"The task {name!r} shows the model pictures or sound, and engines here take text; {other}")


def _rename(item: Task | Group) -> None:
    """Put the prefix before the names of a task, or of a group and all it holds: `gsm8k` is also a name of ours."""
    if isinstance(item, Task):
        item.set_config("task", PREFIX + item.task_name)
        return
    for name in item.child_names:
        child = item.pop(name)
        if child is not None:
            _rename(child)
            item.add(child)
    item.name = PREFIX + item.name


def _loaded(name: str, task: Task) -> LoadedTask:
    docs = task.eval_docs
    own = isinstance(docs, Docs)
    return LoadedTask(
        name=name,
        task=task,
        extract=scoring.extract if own else _by_filter(task),
        metrics=tuple(task.aggregation()),
        filter=task._filters[0].name,
        sha256=docs.sha256 if own else _digest(docs),
        source=docs.source if own else "/".join(part for part in (task.DATASET_PATH, task.DATASET_NAME) if part),
    )


def _by_filter(task: Task) -> Callable[[str], str | None]:
    """What the task's first filter makes of one response.

    A filter that needs the problem's row fails on a lone response; then whole responses are what is voted on. Where the
    metric is `exact_match`, what it does not look at is left out of the vote: the score calls 1,000 and 1000 equal.
    """
    ensemble = task._filters[0]
    spelled = _as_compared(task)

    def extract(text: str) -> str | None:
        instance = Instance("generate_until", doc={}, arguments=("", {}), idx=0, resps=[text])
        try:
            ensemble.apply([instance])
            found = instance.filtered_resps[ensemble.name]
        except Exception:
            found = text
        while isinstance(found, list | tuple):
            found = found[0] if found else ""
        vote = str(found).strip()
        return None if vote in ("", "[invalid]") else spelled(vote).strip() or None

    return extract


def _as_compared(task: Task) -> Callable[[str], str]:
    """A response as lm-eval's `exact_match` compares it, with the options that the task gives it."""
    metric = next(iter(task.aggregation()))
    options = getattr(task, "_metric_fn_kwargs", {}).get(metric) or {}
    own = task.config.process_results is None
    if not own or metric != "exact_match":
        return str
    ignored = [re.compile(pattern) for pattern in options.get("regexes_to_ignore") or ()]
    left_out = ""
    if options.get("ignore_punctuation"):
        left_out += string.punctuation
    if options.get("ignore_numbers"):
        left_out += string.digits

    def spelled(text: str) -> str:
        for pattern in ignored:
            text = pattern.sub("", text)
        text = text.lower() if options.get("ignore_case") else text
        return text.translate(str.maketrans("", "", left_out))

    return spelled


def _digest(docs: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for doc in docs:
        digest.update(json.dumps(doc, ensure_ascii=False, sort_keys=True, default=str).encode() + b"\n")
    return digest.hexdigest()


@contextmanager
def _heard() -> Iterator[list[logging.LogRecord]]:
    """What lm-eval says meanwhile: shown afterwards, unless all ends in an error, whose message may tell of it."""
    logger, heard = logging.getLogger("lm_eval"), list[logging.LogRecord]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = heard.append  # type: ignore[method-assign, assignment]
    before, logger.propagate = logger.propagate, False
    others, logger.handlers = logger.handlers, [handler]
    try:
        yield heard
    finally:
        logger.propagate, logger.handlers = before, others
    for record in heard:
        logger.handle(record)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without lm-eval's hints on how to pass metadata, one for each task."""
    logger = logging.getLogger("lm_eval.api.task")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
