"""A study played: its parts one after the other here, or several at once in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tts_bench import config_file
from tts_bench.config import RunConfig
from tts_bench.engines import kinds
from tts_bench.engines.environment import prepare as prepare_environment
from tts_bench.errors import UserError
from tts_bench.files import FULL
from tts_bench.options import aliases, options_of
from tts_bench.studies import folder
from tts_bench.studies.study import Part, Study

if TYPE_CHECKING:
    from tts_bench.runs.run import Progress, Run


@dataclass(frozen=True)
class Outcome:
    """What came of a part."""

    part: Part
    errors: int = 0  # problems and strategies that ended in an error
    message: str = ""  # why it failed; empty: it is finished
    found: bool = False  # it was finished before

    @property
    def whole(self) -> bool:
        """Whether it is finished without an error."""
        return not self.message and not self.errors


class Watch(Protocol):
    """Who is told how a study goes."""

    def begun(self, part: Part) -> None:
        """A part is begun."""

    def progress(self, part: Part, run: Run) -> AbstractContextManager[Progress]:
        """What is told of the run of a part that is played in this process."""

    def ended(self, outcome: Outcome) -> None:
        """A part has ended."""


def play(
    study: Study, parts: Sequence[Part], watch: Watch, *, jobs: int = 1, engine: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Play those of `parts` that are not finished, `jobs` at a time, and give what came of each, in their order.

    `engine` are texts of options that change no text, for the engines that have them. What is finished is not played
    again; a part with errors is, from what is stored. A part that fails is named, and the others go on.

    Raises:
        UserError: the study's folder cannot be had, or no engine has an option of `engine`.
        OSError: the disk is full.
    """
    prepare_environment()  # before torch is imported, here or in a process of a part
    changed = {name: with_options(config, engine or {}) for name, config in study.models.items()}
    for option in engine or {}:
        if not any(_has(config, option) for config in study.models.values()):
            raise UserError(f"no engine of the study has an option --{option.replace('_', '-')}. Remove it.")
    folder.claim(study)
    found = {part.name: Outcome(part, found=True) for part in parts if folder.state_of(part).kind == "finished"}
    left = [part for part in parts if part.name not in found]
    for outcome in found.values():
        watch.ended(outcome)

    def ready(part: Part) -> Part:
        """As it is played: with the options of its engine, and the date that the model's other parts have told."""
        model = replace(part.config.model, engine=changed[part.model].model.engine)
        if model.template_date is None and (day := folder.template_date(study, part)) is not None:
            model = replace(model, template_date=day)
        return replace(part, config=replace(part.config, model=model))

    went = _here(left, ready, watch) if jobs == 1 else _beside(left, ready, watch, jobs)
    outcomes = {**found, **{outcome.part.name: outcome for outcome in went}}
    return [outcomes[part.name] for part in parts]


def with_options(config: RunConfig, engine: Mapping[str, str]) -> RunConfig:
    """`config` with those options of `engine` that its engine has."""
    own = {name: text for name, text in engine.items() if _has(config, name)}
    spec = kinds.chosen(config.model.engine, own, over=True).spec if own else config.model.engine
    return replace(config, model=replace(config.model, engine=spec))


def _has(config: RunConfig, option: str) -> bool:
    own = kinds.chosen(config.model.engine).kind.options
    return aliases(own).get(option, option) in {each.name for each in options_of(own)}


def _here(parts: Sequence[Part], ready: Callable[[Part], Part], watch: Watch) -> Iterator[Outcome]:
    for part in parts:
        watch.begun(part)
        outcome = played(ready(part), partial(watch.progress, part))
        watch.ended(outcome)
        yield outcome


def _beside(parts: Sequence[Part], ready: Callable[[Part], Part], watch: Watch, jobs: int) -> Iterator[Outcome]:
    from tts_bench.studies.processes import spread

    return spread(parts, ready, watch, jobs)


def played(part: Part, watched: Callable[[Run], AbstractContextManager[Progress]]) -> Outcome:
    """Play one part. Whatever is wrong with it is its own message; a full disk is everybody's.

    Raises:
        OSError: the disk is full.
    """
    from tts_bench.runs.checked import check
    from tts_bench.runs.run import load  # loads torch and lm-eval

    try:
        run = load(check(part.config))
        with watched(run) as progress:
            errors = len(run.execute(progress).errors)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        folder.failed(part, message)
        return Outcome(part, message=message)
    folder.mended(part)
    return Outcome(part, errors)


def asked(part: Part) -> dict[str, object]:
    """A part as JSON values, for another process."""
    return {"model": part.model, "seed": part.seed, "config": config_file.plain(part.config)}


def answered(values: Mapping[str, object]) -> Part:
    """The part that `asked` spoke of."""
    config = config_file.built(config_file.values(values["config"], lambda key: ""))
    return Part(str(values["model"]), int(str(values["seed"])), config)
