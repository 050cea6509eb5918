"""A training from command to token folder: checked before it begins, resumed where it was, evaluated at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import torch

from tts_bench import __version__, models
from tts_bench.engines.hf import HfEngine
from tts_bench.errors import UserError
from tts_bench.harness import environment
from tts_bench.harness.model import Model, load_model
from tts_bench.learning import problems as training_problems
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.evaluation import Evaluation, evaluate
from tts_bench.learning.loss import check_head
from tts_bench.learning.picture import draw
from tts_bench.learning.problems import Problems
from tts_bench.learning.start import check_name, embedding_of
from tts_bench.learning.state import LOG, State, TrainingFolder
from tts_bench.learning.train import Report, Trainer, best
from tts_bench.tokens import tokenfile

PICTURE, EVALUATION = "curve.png", "evaluation"
ONE_SEED = (
    "one run proves nothing: rows that were trained on shuffled rewards differ from their start by some points too. "
    "Before any claim, train with --seed 1, 2, 3, 4 as well, and with --shuffle-rewards."
)


def prepare(config: TrainConfig, progress: models.Progress | None = None) -> Trainer:
    """Check everything, load the model, and claim the folder of the training.

    Raises:
        UserError: whatever is wrong with the task, its data, the model, its thinking, or `config.out`.
    """
    tokenfile.check_free(config.out)
    problems = training_problems.load(config.task, config.hold_out, config.data_dir)
    model = load_model(config.model, progress)
    try:
        trainer = _checked(config, problems, model)
    except BaseException:
        asyncio.run(model.engine.close())
        raise
    return trainer


def _checked(config: TrainConfig, problems: Problems, model: Model) -> Trainer:
    engine, settings = cast(HfEngine, model.engine), model.settings
    name = engine.info.model
    if settings.format.mode == "end-of-turn" and config.model.thinking is None:
        raise UserError(
            f"{name} has no thinking delimiter, and none is given. Type --think-start and --think-end, or "
            "--thinking end-of-turn to put the token in the place of its end of turn."
        )
    check_name(engine, config.name)
    _check_room(model, problems)
    if not check_head(engine.model):
        raise UserError(f"{name} does more than its output matrix to make logits; the training cannot follow it.")
    start = embedding_of(engine, config.start)
    if config.model.threads:
        torch.set_num_threads(config.model.threads)
    facts = model.facts()
    decisive = ("thinking_format", "sampling", "max_thinking_tokens", "max_answer_tokens", "system", "seed")
    folder = TrainingFolder(config.out)
    folder.claim(
        {
            "tts_bench": __version__,
            "model": engine.info.fingerprint,
            "engine": engine.info.identity,
            "data": problems.sha256,
            **config.identity(),
            **{key: facts[key] for key in decisive},
        }
    )
    return Trainer(config, model, problems, folder, start)


def _check_room(model: Model, problems: Problems) -> None:
    """Refuse prompts that leave no room to think on in the context window."""
    engine, settings = model.engine, model.settings
    for item in (*problems.training, *problems.held_out):
        rendered = settings.format.open(engine.tokenizer.render(item.prompt, settings.system))
        if len(rendered) < engine.info.context - settings.max_answer - 64:  # a token has a character at least
            continue
        length = len(engine.tokenizer.encode(rendered))
        if length + settings.max_answer + 64 > engine.info.context:
            raise UserError(
                f"the prompt of {item.problem.id} has {length} tokens, {settings.max_answer} are kept for the answer: "
                f"no room to think in a context of {engine.info.context}. Give a smaller --max-answer-tokens."
            )


def run(trainer: Trainer, report: Report, warn: Callable[[str], None]) -> Evaluation | None:
    """Train, evaluate, and write the token's folder; the model's engine is closed at the end.

    Raises:
        UserError: as `Trainer.train`, or the folder has come into use meanwhile.
    """
    config, folder = trainer.config, trainer.folder
    with folder.locked():
        try:
            state = trainer.train(report, warn)
            (folder.path / PICTURE).write_bytes(draw(state.log, f"{trainer.engine.info.model}: {config.task}"))
            if config.shuffle_rewards:
                warn("the rewards were shuffled: this token is a control, and should be worth nothing.")
            warn(ONE_SEED)
            found = None
            if config.test_problems:
                found = evaluate(config, trainer.model, trainer.token(state.row), folder.path / EVALUATION)
        finally:
            asyncio.run(trainer.engine.close())
        tokenfile.save(
            config.out,
            state.row.detach().cpu().tolist(),
            name=config.name,
            model=trainer.engine.info.model,
            fingerprint=trainer.engine.info.fingerprint,
            init=config.start,
            training=_facts(trainer, state, found),
            licence=config.licence,
            beside={LOG: folder.log_of(state), PICTURE: (folder.path / PICTURE).read_bytes()},
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
        "seed": trainer.model.settings.seed,
        "data": {"task": config.task, "source": trainer.problems.source, "sha256": trainer.problems.sha256},
        "thinking_format": facts["thinking_format"],
        "sampling": facts["sampling"],
        "max_thinking_tokens": facts["max_thinking_tokens"],
        "max_answer_tokens": facts["max_answer_tokens"],
        "engine": facts["engine"]["identity"],
        "steps": state.step,
        "best_step": best(state.log),
        "stopped_early": state.step < config.steps,
        "seconds": {
            part: round(sum(line["seconds"][part] for line in done), 1) for part in ("rollouts", "reward", "update")
        },
        "curve": [{key: line[key] for key in kept if key in line} for line in state.log],
        "evaluation": found.facts() if found else None,
        "command": environment.command(),
        "versions": environment.versions(),
        "caveat": ONE_SEED,
    }
