"""A study read: its seeds pooled, its rungs as one table, its differences as one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tts_bench.analysis.compare import stated, stated_of
from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.curve import Point
from tts_bench.analysis.family import Comparison, Statement, as_one_family
from tts_bench.analysis.front import Budget, front
from tts_bench.analysis.runs import RunData, read_run
from tts_bench.analysis.series import Series, curve_of, series_of
from tts_bench.errors import UserError
from tts_bench.studies.apart import answered, seeds_together, share_a_task, together
from tts_bench.studies.folder import State, states
from tts_bench.studies.study import Named, Study

Row = dict[str, Any]
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Line:
    """One rung of one strategy of one model on one task, over all seeds that are there."""

    model: str
    strategy_id: str
    point: Point  # its `strategy` is the name in tables, without the model

    def row(self) -> Row:
        """As JSON values by column."""
        flat = {key: value for key, value in self.point.flat().items() if key != "metrics"}
        return {"model": self.model, **flat, "strategy_id": self.strategy_id}


@dataclass(frozen=True)
class Compared:
    """A study's one family of differences, and what the study calls those that it names."""

    comparison: Comparison
    names: dict[Key, str]

    @staticmethod
    def key(statement: Statement) -> Key:
        """What tells a difference from the others of its family."""
        return statement.task, statement.left, statement.right, statement.kind

    def listed(self) -> list[str]:
        """The name of each difference, in their order; empty where it has none."""
        return [self.names.get(self.key(statement), "") for statement in self.comparison.statements]


class StudyData:
    """What is finished of a study. What no problem brings together is left out, and `notes` say so.

    Raises:
        UserError: nothing is, a finished part is not as its run left it, or parts cannot be looked at together.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.states: list[State] = states(study)
        finished = [state for state in self.states if state.readable]
        if not finished:
            raise UserError(f"no part of the study in {study.out} is finished. Run it with tts-bench study run.")
        self._read_states, self.notes = answered(finished)
        self._names = study.names()
        self.labels: dict[str, str] = {}  # what each strategy is called, by its id
        self._ids: dict[tuple[str, str], str] = {}  # by model and how the strategy is typed there
        self._series: dict[str, list[Series]] = {}
        advice = f"Remove the folder of the older one, and type tts-bench study run {study.out}"
        for model in study.models:
            if runs := [self._read(state) for state in self._read_states if state.part.model == model]:
                runs, lone = seeds_together(self._prefix(model), runs)
                series, notes = series_of(runs, one_group=True, advice=advice)
                self._series[model] = [self._renamed(model, one, runs) for one in series]
                self.notes += [*notes, *lone]
        if not any(self._series.values()):
            raise UserError(f"{' '.join(self.notes)} Nothing of {study.out} is left. Give one seed, or more problems.")
        self._compared = self._asked_for() if study.comparisons else self._by_default()
        if len(finished) < len(self.states):
            missing = [state.part.name for state in self.states if not state.readable]
            done = f"{len(finished)} of {len(self.states)} parts are finished"
            self.notes.insert(0, f"{done}; {', '.join(missing)} are not in any number.")

    @property
    def folders(self) -> list[Path]:
        """The folders of the parts that are read."""
        return [state.part.folder for state in self._read_states]

    def _read(self, state: State) -> RunData:
        """A part's run, whose strategies are called as they were typed."""
        run = read_run(state.part.folder)
        ids = run.header["identity"]["strategies"]
        typed = self.study.models[state.part.model].strategies
        if len(ids) != len(typed):
            raise UserError(
                f"{state.part.folder / 'run.json'} has other strategies than its configuration. Run it again."
            )
        for one, spec in zip(ids, typed, strict=True):
            self.labels.setdefault(one, self._names[spec])
            if (before := self._ids.setdefault((state.part.model, spec), one)) != one:
                raise UserError(
                    f"{state.part.folder} has another {spec} than the parts before it: {before}, {one}. Its defaults "
                    "changed between them; play these parts again."
                )
        return replace(run, header={**run.header, "labels": self.labels})

    def _renamed(self, model: str, one: Series, runs: Sequence[RunData]) -> Series:
        name = runs[0].label(one.strategy)
        return replace(one, name=f"{self._prefix(model)}{name}")

    def _prefix(self, model: str) -> str:
        """What strategies of a model are called by before their names, where there are several models."""
        return f"{model}/" if len(self.study.models) > 1 else ""

    @cached_property
    def lines(self) -> list[Line]:
        """Every rung: task by task, model by model. A vote of k has its expectation over all votes of k samples."""
        found = [
            Line(model, ids[point.strategy], replace(point, strategy=point.strategy.removeprefix(prefix)))
            for model, series in self._series.items()
            for ids in ({one.name: one.strategy for one in series},)
            for prefix in (self._prefix(model),)
            for point in curve_of(series)
        ]
        tasks = list(dict.fromkeys(line.point.task for line in found))
        return sorted(found, key=lambda line: tasks.index(line.point.task))

    def rows(self) -> list[Row]:
        """The study's one table: a row for each of `lines`."""
        return [line.row() for line in self.lines]

    def strategies(self) -> list[str]:
        """Names of all strategies, in the study's order, which is that of their colours everywhere."""
        return list(dict.fromkeys(self._names.values()))

    def compare(self, *, axis: ComputeAxis = GENERATED, resamples: int = 10_000, seed: int = 0) -> Compared | None:
        """The study's one family of differences; None where there is none.

        The family is what the study names. Where it names nothing, it is what `tts-bench compare` states of each model.
        """
        found: list[Comparison] = []
        names: dict[Key, str] = {}
        for one, series in self._compared:
            if one is None:
                found.append(stated(series, axis=axis, resamples=resamples, seed=seed))
                continue
            kind: Literal["last", "matched"] = "last" if one.at == "last" else "matched"
            said = stated_of(series[0], series[1], kind, axis=axis, resamples=resamples, seed=seed)
            names |= {Compared.key(statement): one.name for statement in said.statements}
            found.append(said)
        return Compared(as_one_family(found), names) if found else None

    def _asked_for(self) -> list[tuple[Named | None, list[Series]]]:
        """What the study names, with the two series of each model."""
        found: list[tuple[Named | None, list[Series]]] = []
        for one in self.study.comparisons:
            for model in one.models or self.study.models:
                sides = [side for spec in (one.left, one.right) if (side := self._find(model, spec)) is not None]
                if len(sides) == 2:
                    found += [(one, series) for series in self._sharing(model, sides)]
        return found

    def _by_default(self) -> list[tuple[Named | None, list[Series]]]:
        """All series of each model."""
        return [(None, kept) for model, series in self._series.items() for kept in self._sharing(model, series)]

    def _sharing(self, model: str, series: Sequence[Series]) -> list[list[Series]]:
        """`series` on the tasks where they share problems; nothing, and a note, where there is no such task."""
        kept, notes = together(series)
        if len(series) > 1 and not notes and not share_a_task(series):
            names = ", ".join(one.name for one in series)
            notes = [f"{names} have results on different tasks: nothing of {model} is compared."]
        self.notes += [note for note in notes if note not in self.notes]
        return [kept] if share_a_task(kept) else []

    def fronts(self, *, axis: ComputeAxis = GENERATED) -> dict[str, list[Budget]]:
        """By model, the best strategy of each budget, on the tasks of which its strategies have a problem in common."""
        return {
            model: front(together(series)[0], axis=axis) if len(series) > 1 else []
            for model, series in self._series.items()
        }

    def _find(self, model: str, spec: str) -> Series | None:
        """The series of a strategy as it was typed; None where nothing of the model is there, or it only failed."""
        known = self._ids.get((model, spec))
        return next((one for one in self._series.get(model, []) if one.strategy == known), None)
