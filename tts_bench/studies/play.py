"""A study played: its parts one after the other here, or several at once in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tts_bench.config import RunConfig
from tts_bench.engines import kinds
from tts_bench.engines.environment import prepare as prepare_environment
from tts_bench.errors import UserError
from tts_bench.options import aliases, options_of
from tts_bench.studies import folder
from tts_bench.studies.part import Outcome, Watch, played
from tts_bench.studies.processes import spread
from tts_bench.studies.study import Part, Study


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

    went = _here(left, ready, watch) if jobs == 1 else spread(left, ready, watch, jobs)
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
