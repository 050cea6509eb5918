"""A training from command to token folder: checked before it begins, resumed where it was, evaluated at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import torch

from tts_bench import loops, models
from tts_bench.config import ModelConfig
from tts_bench.engine import Engine, EngineInfo
from tts_bench.engines import kinds
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.errors import UserError
from tts_bench.learning import problems as training_problems
from tts_bench.learning.config import TrainConfig, of_rollouts
from tts_bench.learning.evaluation import Evaluation, evaluate
from tts_bench.learning.loss import check_head
from tts_bench.learning.problems import Problems
from tts_bench.learning.process_group import SOLO, ProcessGroup
from tts_bench.learning.start import check_name, embedding_of
from tts_bench.learning.state import LOG, SETTINGS, State, TrainingFolder
from tts_bench.learning.train import Report, Trainer, best
from tts_bench.present.training import draw
from tts_bench.runs import provenance
from tts_bench.runs.folder import pinned_date
from tts_bench.solving.model import Model, load_model
from tts_bench.tokens import tokenfile
from tts_bench.version import __version__

PICTURE = "curve.png"
ONE_SEED = (
    "one run proves nothing: rows that were trained on shuffled rewards differ from their start by some points too. "
    "Before any claim, train with --seed 1, 2, 3, 4 as well, and with --shuffle-rewards."
)


def prepare(config: TrainConfig, progress: models.Progress | None = None, processes: ProcessGroup = SOLO) -> Trainer:
    """Check everything, load the model, and claim the folder of the training.

    Raises:
        UserError: whatever is wrong with the task, its data, the model, its thinking, or `config.out`.
    """
    config = replace(config, model=_share(config.model, processes))
    engines: list[Engine] = []
    try:
        with processes.united():
            tokenfile.check_free(config.out)
            test_task = config.test_task if config.test_problems else None
            problems = training_problems.load(config.task, config.hold_out, config.data_dir, test_task)
            model, learner = _load(config, engines, progress)
            folder = TrainingFolder(config.out)
            if model.found.dated and (day := pinned_date(folder.path / SETTINGS)) is not None:
                model = model.dated(day)  # that of the day on which it was begun
            start = _checked(config, problems, model, learner)
        identity = _identity(config, problems, model, learner)
        check_alike(processes.all(lambda: identity))
        processes.first(lambda: folder.claim(identity))
    except BaseException:
        for engine in engines:
            loops.run(engine.close())
        raise
    return Trainer(config, model, learner, problems, folder, start, processes)


def _share(model: ModelConfig, processes: ProcessGroup) -> ModelConfig:
    """Of the machine's cores, this process's own. Gradients need the model in this process, however tiny it is."""
    threads = kinds.chosen(model.engine).options.threads
    if threads is None and processes.size > 1:
        threads = max(1, len(os.sched_getaffinity(0)) // processes.beside)
    return replace(model, engine=kinds.changed(model.engine, threads=threads, workers=1))


def _load(config: TrainConfig, engines: list[Engine], progress: models.Progress | None) -> tuple[Model, HfEngine]:
    """The model with the engine of the rollouts, and the engine whose weights gradients pass through."""
    loaded = load_model(config.model, progress)
    engines.append(loaded.engine)
    learner = cast(HfEngine, loaded.engine)
    if threads := kinds.chosen(config.model.engine).options.threads:
        torch.set_num_threads(threads)
    if config.one_engine:
        return loaded, learner
    model = load_model(of_rollouts(config), progress)
    engines.append(model.engine)
    check_rollouts(model.engine.info, learner.info)
    return model, learner


def check_rollouts(rollouts: EngineInfo, learner: EngineInfo) -> None:
    """Refuse an engine that cannot make the rollouts of what `learner` trains.

    Raises:
        UserError: it takes no learned tokens, or holds another model.
    """
    if "learned-tokens" not in rollouts.capabilities:
        raise UserError(f"the engine {rollouts.name} does not support learned tokens. Type --rollout-engine hf.")
    if rollouts.fingerprint != learner.fingerprint:
        raise UserError(
            f"the engine {rollouts.name} holds a model with fingerprint {rollouts.fingerprint}; the token is for "
            f"{learner.model}, with {learner.fingerprint}. Type --rollout-engine hf."
        )


def check_alike(identities: Sequence[dict[str, Any]]) -> None:
    """Refuse processes that would not train the same row.

    Raises:
        UserError: they have other models, data, devices, arithmetic or versions.
    """
    first = identities[0]
    for rank, other in enumerate(identities):
        if different := sorted(key for key in first if first[key] != other[key]):
            key = different[0]
            raise UserError(
                f"process 0 and process {rank} differ in their {key}: {first[key]!r} and {other[key]!r}. Give all of "
                "them the same model and data, and each its own GPU, or start fewer processes."
            )


def _checked(config: TrainConfig, problems: Problems, model: Model, learner: HfEngine) -> torch.Tensor:
    """The row to start from."""
    name = learner.info.model
    if model.conditions.format.mode == "end-of-turn" and config.model.thinking is None:
        raise UserError(
            f"{name} has no thinking delimiter, and none is given. Type --think-start and --think-end, or "
            "--thinking end-of-turn to replace its end of turn by the token."
        )
    check_name(learner, config.name)
    _check_room(model, problems)
    if not check_head(learner.model):
        raise UserError(f"{name} computes logits with more than its output matrix, which training does not support.")
    return embedding_of(learner, config.start)


def _identity(config: TrainConfig, problems: Problems, model: Model, learner: HfEngine) -> dict[str, Any]:
    """All that decides what is learned: not how many processes do it."""
    facts = model.facts()
    decisive = ("thinking_format", "sampling", "max_thinking_tokens", "max_answer_tokens", "system", "seed")
    return {
        "tts_bench": __version__,
        "model": learner.info.fingerprint,
        "engine": model.engine.info.identity,
        "update": learner.info.identity,
        "data": problems.sha256,
        **config.identity(),
        **{key: facts[key] for key in (*decisive, "template") if key in facts},
    }


def _check_room(model: Model, problems: Problems) -> None:
    """Refuse prompts that leave no room to think on in the context window."""
    engine, conditions = model.engine, model.conditions
    for item in (*problems.training, *problems.held_out):
        rendered = conditions.format.open(engine.tokenizer.render(item.prompt, conditions.system))
        if len(rendered) < engine.info.context - conditions.max_answer - 64:  # a token has a character at least
            continue
        length = len(engine.tokenizer.encode(rendered))
        if length + conditions.max_answer + 64 > engine.info.context:
            raise UserError(
                f"the prompt of {item.problem.id} has {length} tokens, {conditions.max_answer} are reserved for the "
                f"answer: no room to think in a context of {engine.info.context}. Give a smaller --max-answer-tokens."
            )


def run(trainer: Trainer, report: Report, warn: Callable[[str], None]) -> Evaluation | None:
    """Train, evaluate, and write the token's folder; the engines are closed at the end.

    Of several processes, only the leading one evaluates and writes; the others return when the last step is done.

    Raises:
        UserError: as `Trainer.train`, or the folder has come into use meanwhile.
    """
    try:
        if not trainer.processes.leads:
            trainer.train(report, warn)
            return None
        with trainer.folder.locked():
            return _lead(trainer, report, warn)
    finally:
        for engine in {id(engine): engine for engine in (trainer.model.engine, trainer.learner)}.values():
            loops.run(engine.close())


def _lead(trainer: Trainer, report: Report, warn: Callable[[str], None]) -> Evaluation | None:
    config, folder, info = trainer.config, trainer.folder, trainer.learner.info
    state = trainer.train(report, warn)
    picture = draw(state.log, f"{info.model}: {config.task}")
    (folder.path / PICTURE).write_bytes(picture)
    if config.shuffle_rewards:
        warn("the rewards were shuffled: this token is a control, and should be worth nothing.")
    warn(ONE_SEED)
    found = None
    if config.test_problems:
        found = evaluate(config, trainer.model, trainer.token(state.row), folder.path)
    tokenfile.save(
        config.out,
        state.row.detach().cpu().tolist(),
        name=config.name,
        model=info.model,
        fingerprint=info.fingerprint,
        init=config.start,
        training=_facts(trainer, state, found),
        licence=config.licence,
        beside={LOG: folder.log_of(state), PICTURE: picture},
    )
    return found


def _facts(trainer: Trainer, state: State, found: Evaluation | None) -> dict[str, Any]:
    config, facts = trainer.config, trainer.model.facts()
    done = [line for line in state.log if line["step"]]
    kept = ("step", "reward", "accuracy", "before", "format", "extra_tokens", "cues", "cosine", "row_norm", "held_out")
    return {
        "method": "GRPO of one input-embedding row on a frozen model (arXiv 2506.11274)",
        "reward": f"{config.task} scorer + {config.format_reward:g} for a boxed answer",
        "settings": config.identity(),
        "seed": trainer.model.conditions.seed,
        "data": {"task": config.task, "source": trainer.problems.source, "sha256": trainer.problems.sha256},
        "thinking_format": facts["thinking_format"],
        "sampling": facts["sampling"],
        "max_thinking_tokens": facts["max_thinking_tokens"],
        "max_answer_tokens": facts["max_answer_tokens"],
        "engine": facts["engine"]["identity"],
        "steps": state.step,
        "best_step": best(state.log),
        "row_of_step": trainer.row_of_step(state),  # the best step's only where held-out problems got no better
        "stopped_early": state.step < config.steps,
        "seconds": {
            part: round(sum(line["seconds"][part] for line in done), 1) for part in ("rollouts", "reward", "update")
        },
        "curve": [{key: line[key] for key in kept if key in line} for line in state.log],
        "evaluation": found.facts() if found else None,
        "command": provenance.command(),
        "versions": provenance.versions(),
        "caveat": ONE_SEED,
    }
