"""A run: every strategy on every problem in one pass, each rung scored by lm-eval, and all of it written down."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from tts_bench import config_file, models
from tts_bench.analysis import curve as curves
from tts_bench.analysis.points import points
from tts_bench.config import RunConfig
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import Store
from tts_bench.engines.kinds import Starting
from tts_bench.errors import UserError
from tts_bench.lm_eval import replay
from tts_bench.lm_eval.rungs import Rungs
from tts_bench.records import Record, view
from tts_bench.runs import numbers, outside, provenance
from tts_bench.runs.checked import Checked, check
from tts_bench.runs.collector import seldom_collected
from tts_bench.runs.folder import SCHEMA, STORE, RunFolder
from tts_bench.runs.numbers import Keep
from tts_bench.runs.portable import portable
from tts_bench.runs.recorded import recorded_documents
from tts_bench.runs.scorers import RunScorer, load_scorers
from tts_bench.solving import loop
from tts_bench.solving.admission import most_in_flight, work_on
from tts_bench.solving.model import Model, begin, given_up_on_error, load_checked
from tts_bench.solving.solve import Arm, Item, solve
from tts_bench.solving.surroundings import put_back
from tts_bench.solving.watchdog import watchdog
from tts_bench.tasks import catalog, loading
from tts_bench.tasks.yaml_bounds import with_included
from tts_bench.version import __version__


class Progress(Protocol):
    """Who is told how far a run has come, such as `tts_bench.present.progress.Progress`."""

    def stage(self, text: str) -> None:
        """What the run is doing now."""

    def problem_done(self) -> None:
        """Every strategy has finished one more problem."""

    def answered(self, strategy: str, correct: float | None, record: Record) -> None:
        """The strategy of that label finished a problem, with a quick score; None where there is none."""

    def tokens(self, n: int) -> None:
        """The engine generated `n` more tokens."""


@dataclass(frozen=True)
class RunResult:
    """What a finished run amounts to."""

    out: Path
    curve: list[curves.Point]
    errors: list[Record]


@dataclass(frozen=True)
class Run:
    """A run whose settings are all checked: nothing is written before `execute()`."""

    config: RunConfig
    folder: RunFolder
    store: Path
    arms: tuple[Arm, ...]
    tasks: loading.LoadedTasks
    model: Model
    documents: dict[str, list[int]]
    items: list[Item]
    scorers: tuple[RunScorer, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """What people read in the place of each strategy's id."""
        return {arm.id: arm.label for arm in self.arms}

    @property
    def in_flight(self) -> int:
        """Problems worked on at once."""
        return self.config.in_flight or most_in_flight(self.model.engine.info)

    def header(self) -> dict[str, Any]:
        """What is needed to repeat the run; `identity` is what its records depend on."""
        facts = self.model.facts()
        identity = {
            "tts_bench": __version__,
            "strategies": [arm.id for arm in self.arms],
            "sources": {arm.id: arm.source for arm in self.arms},
            "tasks": list(map(catalog.short, self.config.tasks)),
            "limit": self.config.limit,
            "data": {task.name: task.sha256 for task in self.tasks.tasks.values()},
            "model": facts["model"]["fingerprint"],
            "engine": facts["engine"]["identity"],
            "timeout": self.config.timeout,
            **{
                key: facts[key]
                for key in ("thinking_format", "sampling", "max_thinking_tokens", "max_answer_tokens", "system", "seed")
            },
            **({"template": facts["template"]} if "template" in facts else {}),
            **({"scorers": {one.name: one.identity() for one in self.scorers}} if self.scorers else {}),
        }
        return {
            "identity": identity,
            **facts,
            **({"scorers": {one.name: one.facts() for one in self.scorers}} if self.scorers else {}),
            "data": {
                task.name: {
                    "source": Path(task.source).name,
                    "sha256": task.sha256,
                    "documents": len(self.documents[task.name]),
                }
                for task in self.tasks.tasks.values()
            },
            "metrics": self._metrics(),
            "labels": self.labels,
            "problems": len(self.items),
            "in_flight": self.in_flight,
            "config": portable(self.config),
            "begun_in": os.path.relpath(Path.cwd(), self.folder.path),
            "command": (provenance.resumes() and self.folder.command()) or provenance.command(),
            "versions": provenance.versions(),
            "hardware": provenance.hardware(),
        }

    def readable(self, line: list[curves.Point]) -> list[curves.Point]:
        """The curve with labels in the place of ids."""
        return curves.labelled(line, self.labels)

    def execute(self, progress: Progress) -> RunResult:
        """Generate, score, write.

        Raises:
            StoreError: the generation store is unusable.
            UserError: another run is at work in the folder.
            OSError: the folder cannot be written; no file is left half-written.
        """
        header = self.header()
        # The store comes first: one that cannot be used leaves no folder behind.
        with Store(self.store) as store, self.folder.owned(header["identity"]):
            scoring = Scoring({one.name: one.scorer for one in self.scorers}, store)
            return self._execute(header, Scheduler(self.model.engine, store), scoring, progress)

    def _execute(self, header: dict[str, Any], scheduler: Scheduler, scoring: Scoring, progress: Progress) -> RunResult:
        started = time.perf_counter()
        ran = self._outside_code()
        self.folder.begin({**header, "outside_code": outside.listed(ran)})
        numbers.clear(self.folder.path)
        progress.stage("generating")
        loop.run(self._generate(scheduler, scoring, progress))
        generated = time.perf_counter()
        progress.stage("scoring by lm-eval")
        rungs = Rungs.of(self.folder.unscored(self._order, view), self.model.conditions.format.answer_text)
        for arm in self.arms:
            self._score(arm, rungs)
        if self.config.keep_logprobs:
            numbers.finish(self.folder.path)
        self.folder.finish(rungs.scored(self.folder.unscored(self._order)))
        line = points(self.folder.records(), metrics=self._metrics())
        of = {"model": self.model.engine.info.model, "thinking_format": self.model.conditions.format.name}
        curves.write_curve(self.folder.path / "curve.json", line, {**of, "labels": self.labels})
        errors = self.folder.errors()
        timing = {
            "generation_seconds": generated - started,
            "scoring_seconds": time.perf_counter() - generated,
            "engine_seconds": self.model.engine.busy_seconds,
            "tokens": vars(scheduler.counts),
            **({"scores": vars(scoring.counts)} if self.scorers else {}),
        }
        end = {"status": "finished", "errors": len(errors), "records_sha256": self.folder.digest()}
        code = outside.listed({**self._outside_code(), **ran})  # what was imported meanwhile, too
        self.folder.write_json("run.json", {"schema": SCHEMA, **end, **header, "outside_code": code, "timing": timing})
        return RunResult(self.folder.path, line, errors)

    def _outside_code(self) -> dict[Path, str]:
        tasks = [path for name in self.config.tasks if catalog.is_file(name) for path in with_included(Path(name))]
        return outside.files([*tasks, *self.model.code, *(path for one in self.scorers for path in one.loaded.code)])

    async def _generate(self, scheduler: Scheduler, scoring: Scoring, progress: Progress) -> None:
        try:
            with self.folder.appending() as append, self._keeping() as keep:
                await self.play(self.items, scheduler, scoring, progress, append, keep)
        finally:
            await self.close()

    async def play(
        self,
        items: Iterable[Item],
        scheduler: Scheduler,
        scoring: Scoring,
        progress: Progress,
        append: Callable[[Record], None],
        keep: Keep | None = None,
    ) -> None:
        """Every strategy on `items`; `append` takes the records of each item as it is finished.

        Raises:
            StoreError, UserError, OSError: as `execute`.
        """

        async def work(item: Item) -> None:
            for record in await self._solve(item, scheduler, scoring, keep):
                append(record)
                progress.answered(self.labels[record.strategy], self._running_score(record), record)
            progress.problem_done()

        ticking = asyncio.create_task(_tick(scheduler, progress))
        try:
            with put_back(), seldom_collected():
                async with watchdog(self.config.timeout):
                    await work_on(items, work, scheduler, self.config.in_flight)
        finally:
            ticking.cancel()

    async def close(self) -> None:
        """End the engine and the scorers."""
        await self.model.engine.close()
        for one in self.scorers:
            await one.scorer.close()

    def _keeping(self) -> AbstractContextManager[Keep | None]:
        """What keeps the numbers beside the tokens of a record, if that is wanted."""
        return numbers.appending(self.folder.path, self._order) if self.config.keep_logprobs else nullcontext()

    async def _solve(self, item: Item, scheduler: Scheduler, scoring: Scoring, keep: Keep | None) -> list[Record]:
        """All strategies at once: what they share is generated once, by whichever comes first."""
        conditions, timeout = self.model.conditions, self.config.timeout

        def solved(arm: Arm) -> Coroutine[Any, Any, Record]:
            return solve(arm, item, scheduler, conditions, timeout, scoring=scoring, keep=keep)

        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(solved(arm)) for arm in self.arms]
        return [job.result() for job in jobs]

    def _running_score(self, record: Record) -> float | None:
        """For the screen alone: whatever a task's code makes of a text that no filter has seen, it ends no run."""
        if record.error:
            return None
        loaded, text = self.tasks.tasks[record.task], record.answers[-1].text
        try:
            scores = loaded.task.process_results(loaded.task.eval_docs[record.doc_id], [text])
            return replay.number(scores[loaded.metrics[0]])
        except Exception:
            return None

    def _metrics(self) -> dict[str, str]:
        """The main metric of each task."""
        return {task.name: task.metrics[0] for task in self.tasks.tasks.values()}

    def _score(self, arm: Arm, rungs: Rungs) -> None:
        names = arm.rungs(rungs.count(arm.id))

        def write(rung: int, results: dict[str, Any]) -> None:
            self.folder.write_lm_eval(arm.id, names[rung], results)

        replay.score_rungs(self.tasks, rungs, arm.id, write)

    def _order(self, record: Record) -> tuple[int, ...]:
        tasks, arms = list(self.documents), [arm.id for arm in self.arms]
        return (tasks.index(record.task), record.doc_id, record.repeat, arms.index(record.strategy))


async def _tick(scheduler: Scheduler, progress: Progress) -> None:
    """Report new tokens once a second, also while no problem is finished."""
    reported = 0
    while True:
        made = scheduler.counts.made
        progress.tokens(made - reported)
        reported = made
        await asyncio.sleep(1)


def prepare(config: RunConfig, out: Path | None = None, progress: models.Progress | None = None) -> Run:
    """`load` of what `check` finds, into the folder `out` where it is given.

    Raises:
        UserError: whatever is wrong with strategies, tasks, data, model, their options, or `out`.
    """
    return load(check(config if out is None else replace(config, out=out)), progress)


def load(checked: Checked, progress: models.Progress | None = None, starting: Starting | None = None) -> Run:
    """Check everything else that can be checked before anything is generated or written.

    `progress` is told when a model has to be fetched; `starting` is what `begin` gave for `checked.model`.

    Raises:
        UserError: whatever is wrong with data, model, their options, or the folder.
    """
    config, out = checked.config, checked.config.out
    starting = starting or begin(checked.model)
    with given_up_on_error(starting):
        tasks = loading.load(config.tasks, config.data_dir)
        scorers = load_scorers(checked.scorers, progress)  # what is wrong there is told before a model is loaded
    model = load_checked(checked.model, progress, starting)
    sizes = {name: len(loaded.task.eval_docs) for name, loaded in tasks.tasks.items()}
    documents = {name: list(range(min(size, config.limit or size))) for name, size in sizes.items()}
    if recorded := model.engine.info.recorded:
        recorded, documents = recorded_documents(recorded, tasks, config.limit)
    admitted = [model.admit(built, recorded) for built in checked.strategies]
    arms = tuple(Arm(built.id, built.strategy, built.label, built.source) for built in admitted)
    for arm in arms:  # asked for before the run: what a strategy makes of itself meanwhile ends no run
        _ = arm.rungs(0), arm.columns
    if len({arm.id for arm in arms}) < len(arms):  # one names the shipped token, another leaves it open
        raise UserError(f"two --strategy options resolve to the same strategy, {arms[-1].id}. Leave one out.")
    items = replay.collect(tasks, documents)
    path = out or Path("runs") / _default_name(config, model)
    folder = RunFolder(path)
    if model.found.dated and config.model.template_date is None and (day := folder.template_date()) is not None:
        model = model.dated(day)
    store = config.model.store or path.parent / STORE
    run = Run(config, folder, store, arms, tasks, model, documents, items, scorers)
    run.folder.check()
    run.folder.claim(run.header()["identity"])
    return run


def _default_name(config: RunConfig, model: Model) -> str:
    """Model, tasks and a digest of the settings: other settings get a folder of their own."""
    said = {key: value for key, value in config_file.plain(config).items() if value != config_file.default(key)}
    digest = sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]
    words = (model.engine.info.model.rstrip("/").rpartition("/")[2], *map(catalog.short, config.tasks), digest)
    return "-".join(re.sub(r"[^\w.+]", "_", word) for word in words)
