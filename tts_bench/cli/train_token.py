"""`tts-bench train-token`."""

from __future__ import annotations

from pathlib import Path
from re import sub
from typing import Annotated, Any

import typer

from tts_bench.cli import flags
from tts_bench.config import ModelConfig
from tts_bench.engines import kinds
from tts_bench.engines.hf.kind import HfOptions
from tts_bench.errors import UserError
from tts_bench.grammar import split_name
from tts_bench.learning.config import TrainConfig

_MODEL, _ROLLOUTS, _LEARNING, _JUDGING = "Model", "Rollouts", "Learning", "Judging"
_ROWS = 64  # sequences that the hf engine decodes together, where nothing is said


@flags.takes(
    flags.of(ModelConfig, "seed"),
    flags.of(TrainConfig, "name", "data_dir", "licence"),
    flags.of(
        TrainConfig,
        *("steps", "inner", "lr", "clip", "micro_batch", "format_reward", "shuffle_rewards"),
        panel=_LEARNING,
    ),
    flags.of(
        TrainConfig,
        *("problems_per_step", "group", "continuations", "rollout_engine", "shared_prefix"),
        panel=_ROLLOUTS,
    ),
    flags.of_engines("vllm", panel=_ROLLOUTS),
    flags.of(ModelConfig, "temperature", "max_thinking_tokens", "max_answer_tokens", panel=_ROLLOUTS),
    flags.of(
        TrainConfig,
        *("hold_out", "evaluate_every", "patience", "test_task", "test_problems", "test_continuations", "votes"),
        panel=_JUDGING,
    ),
    flags.of(ModelConfig, "engine", panel=_MODEL),
    flags.of(HfOptions, "device", "dtype", "rows", "threads", "trust_remote_code", panel=_MODEL, rows=str(_ROWS)),
    flags.of(ModelConfig, "thinking", "think_start", "think_end", "answer_suffix", "system", panel=_MODEL),
)
def train_token(
    given: dict[str, Any],
    model: Annotated[str, typer.Option(help="Folder, GGUF file, hub id or alias.")] = "pocket",
    task: Annotated[str, typer.Option(help="Task with a train split.")] = "pocket_arithmetic",
    out: Annotated[Path | None, typer.Option(help="Folder of the token.", show_default="tokens/MODEL-SEED")] = None,
    start: Annotated[str, typer.Option("--from", help="Text whose embedding the row starts from.")] = "Wait",
) -> None:
    """Train a continue-thinking token: one embedding row of a frozen model, by reinforcement learning.

    The same command again resumes. top-k, top-p and min-p are off: the loss follows plain sampling. Several processes
    share the work: torchrun --standalone --nproc-per-node N -m tts_bench train-token ...
    """
    from tts_bench.learning.team import follows

    try:
        _train({**given, "model": model, "task": task, "out": out, "start": start})
    except UserError:
        if follows():  # the leading process says it
            raise typer.Exit(2) from None
        raise


def _train(given: dict[str, Any]) -> None:
    from tts_bench.learning.precheck import precheck
    from tts_bench.learning.team import joined

    config = _config(given)
    with joined() as team:
        with team.united():
            precheck(config)
        from tts_bench.cli.report_token import train_and_show  # loads torch and lm-eval

        train_and_show(config, team)


def _config(given: dict[str, Any]) -> TrainConfig:
    texts = flags.texts_of_engine(given)
    more = {"vllm": texts.pop("vllm")} if "vllm" in texts else {}
    rollouts = given.get("rollout_engine", "hf")
    if more and split_name(rollouts, "engine")[0] != "vllm":
        raise UserError(
            f"--vllm {more['vllm']} means nothing without --rollout-engine vllm. Add that, or leave it out."
        )
    if more:
        given = {**given, "rollout_engine": kinds.chosen(rollouts, more).spec}
    engine = kinds.chosen(given.get("engine", "hf"), texts)
    if getattr(engine.options, "rows", _ROWS) is None:
        engine = kinds.chosen(kinds.changed(engine.spec, rows=_ROWS))
    model = ModelConfig(**{**flags.of_class(ModelConfig, given), "engine": engine.spec}, top_k=0, top_p=1.0, min_p=0.0)
    name = sub(r"[^A-Za-z0-9_.+-]", "_", given["model"].rstrip("/").rpartition("/")[2])
    out = given["out"] or Path("tokens") / f"{name}-{model.seed}"
    return TrainConfig(**{**flags.of_class(TrainConfig, given), "model": model, "out": out})
