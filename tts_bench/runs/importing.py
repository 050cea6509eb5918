"""The import of recorded outputs: everything is read and checked before anything is written where a user looks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tts_bench import models, registry
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import UserError
from tts_bench.files import FULL
from tts_bench.lm_eval import replay
from tts_bench.pools import read
from tts_bench.pools.file import NAME, About, Pool
from tts_bench.pools.making import Making, Tokenizer
from tts_bench.pools.problems import By, Problems
from tts_bench.pools.split import Reading
from tts_bench.runs.checked import Checked, check
from tts_bench.runs.folder import RunFolder
from tts_bench.solving.model import load_checked
from tts_bench.tasks import catalog, loading
from tts_bench.thinking import chosen

_ENCODED = 1 << 19  # characters whose encodings are in memory at once: an encoding takes some 90 times its text
MOST = 64  # samples of the vote that is played where no strategy is named: each is a rung that lm-eval scores


@dataclass(frozen=True)
class ImportConfig:
    """What is imported, as what, and what is played on it."""

    files: tuple[Path, ...]
    task: str
    model: str
    out: Path | None = None
    tokenizer: str | None = None
    thinking: str | None = None
    think_start: str | None = None
    think_end: str | None = None
    by: By = "question"
    strategies: tuple[str, ...] = ()
    data_dir: Path | None = None


def import_pool(config: ImportConfig) -> tuple[About, Checked]:
    """Read the files into a pool in the run's folder, and check the run that is to be played on it.

    Raises:
        UserError: anything that cannot be, in the files or in `config`; nothing is written then.
        OSError: the disk is full.
    """
    if not config.model.strip():
        raise UserError("--model is empty; expected the name of the model that generated the outputs, as --model NAME.")
    reading = _reading(config)
    out = config.out or Path("runs") / _default_name(config)
    RunFolder(out).check()
    RunFolder(out).check_pool()
    built = registry.build_all(config.strategies) if config.strategies else []
    catalog.check([config.task])
    tokenizer = _tokenizer(config.tokenizer) if config.tokenizer else None
    sources = [read.source(path) for path in config.files]
    for source in sources:
        if any(other is not source and other.sha256 == source.sha256 for other in sources):
            raise UserError(f"{source.path} is given twice, or is the same as another file. Leave one out.")
    tasks = loading.load([config.task], config.data_dir)
    if len(tasks.tasks) > 1:
        raise UserError(
            f"--task {config.task} is a group. Import one of its tasks: {', '.join(list(tasks.tasks)[:8])}."
        )
    [(task, loaded)] = tasks.tasks.items()
    items = replay.collect(tasks, {task: list(range(len(loaded.task.eval_docs)))})
    if any(item.repeat for item in items):
        raise UserError(f"{task} repeats each problem, so its outputs cannot be told apart. Use another task.")
    problems = Problems(task, loaded.task.eval_docs, [item.prompt for item in items], config.by)
    making = Making(config.model, task, loaded.sha256, problems, reading, tokenizer)
    with _beside(out) as part:
        about = making.write(sources, part)
        strategies = config.strategies or _usual(about)
        run = RunConfig(ModelConfig(str(part), "replay"), (config.task,), strategies, data_dir=config.data_dir, out=out)
        model = load_checked(check(run, built or None).model)
        for each in built or registry.build_all(strategies):
            model.admit(each)
        _put(part, out, about)
    return about, check(replace(run, model=ModelConfig(str(out), "replay")))


def _reading(config: ImportConfig) -> Reading | None:
    form = chosen(config.thinking, config.think_start, config.think_end)
    if form is None:
        return None
    return Reading(form if form.mode == "delimited" else None)


def _usual(about: About) -> tuple[str, ...]:
    vote = min(about.fewest, MOST)
    return ("baseline", f"majority-vote:samples={vote}") if vote > 1 else ("baseline",)


def _default_name(config: ImportConfig) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in config.model).strip(".-")
    return f"{plain[:80] or 'outputs'}-{catalog.short(config.task).replace('/', '-')}-imported"


def _tokenizer(name: str) -> Tokenizer:
    from tts_bench.engines.openai.tokenizer import digest, load_tokenizer

    folder = models.tokenizer_folder(name)
    inner: Any = load_tokenizer(folder, name).inner
    backend = getattr(inner, "backend_tokenizer", None)
    if backend is None:
        raise UserError(f"--tokenizer {name} has no tokenizer.json, so its tokens have no offsets. Use another.")

    def offsets(texts: Sequence[str]) -> Iterator[list[int]]:
        for some in portions(texts, _ENCODED):
            for encoding in backend.encode_batch(some, add_special_tokens=False):
                yield [begin for begin, _ in encoding.offsets]

    shown = name if models.can_be_found(name) and not Path(name).is_dir() else Path(name).name
    return Tokenizer(f"{shown} (sha256 {digest(folder)[:12]})", offsets)


def portions(texts: Sequence[str], bound: int) -> Iterator[list[str]]:
    """`texts` in lists, each of which ends with the text that brings it to `bound` characters."""
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= bound:
            yield some
            some, size = [], 0
    if some:
        yield some


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A file that is gone in the end, on the disk of the folder `out`, which is made and is gone if it stays empty.

    Raises:
        UserError: the folder cannot be made.
    """
    folders = (out.absolute(), *out.absolute().parents)
    missing = [folder for folder in folders if not folder.exists()]
    there = next(folder for folder in folders if folder.is_dir())
    part = there / f".{out.name}.{os.getpid()}.pool.part"
    try:
        _make(out)
        part.unlink(missing_ok=True)
        yield part
    finally:
        for left in (part, Path(f"{part}-journal")):
            left.unlink(missing_ok=True)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"--out {out} cannot be made: {error.strerror}. Give another folder.") from error


def _put(part: Path, out: Path, about: About) -> None:
    """Move a whole pool into the run's folder, unless it is there."""
    there = out / NAME
    if there.exists():
        if Pool(there).about != about:
            raise UserError(f"--out {out} holds another pool. Give another folder.")
        return
    os.replace(part, there)
