"""What a user chooses of a training run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tts_bench.config import ModelConfig
from tts_bench.engines import kinds
from tts_bench.errors import UserError, did_you_mean
from tts_bench.grammar import split_name
from tts_bench.options import option

ROLLOUT_ENGINES = ("hf", "vllm")  # they take learned tokens, and the weights that are trained for
_SHARED = ("device", "dtype", "max_num_seqs", "exact", "trust_remote_code")


@dataclass(frozen=True)
class TrainConfig:
    """One row, trained for one model on one task.

    The defaults are those of arXiv 2506.11274, section 4, where they scale down: group 16, clip 0.2, no KL term, 4
    updates from the same rollouts, AdamW, cosine, one continuation, a start from "Wait".

    Raises:
        UserError: a value out of its range.
    """

    model: ModelConfig
    task: str
    out: Path
    start: str = option("Wait", "Text whose embedding the row starts from.")
    name: str = option("<|continue-thinking|>", "Name of the token.")
    data_dir: Path | None = option(None, "Folder with data files (or TTS_BENCH_DATA).")
    licence: str = option("that of the model", "Licence of the token, as its card states it.")
    steps: int = option(20, "Training steps; each collects rollouts and updates from them.")
    inner: int = option(4, "Gradient updates per batch of rollouts.")
    lr: float = option(0.1, "Learning rate, as a fraction of the row's norm.")  # every number of the row moves alike
    clip: float = option(0.2, "PPO clip range: maximum relative change of a token's probability per update.")
    micro_batch: int = option(16, "Sequences per forward pass.")
    format_reward: float = option(0.1, "Reward for a boxed answer, in addition to 1 for a correct one.")
    shuffle_rewards: bool = option(False, "Negative control: shuffle rewards within each group.")  # within each group
    problems_per_step: int = option(16, "Problems per step.")
    group: int = option(16, "Rollouts per problem.")
    continuations: int = option(1, "Number of times the token is inserted.")
    rollout_engine: str = option(
        "hf", "hf: the model being trained; vllm: a second copy, with options as vllm:option=value,..."
    )
    shared_prefix: bool = option(True, "Share the thinking up to the first cue within a group.")
    hold_out: int = option(64, "Training problems held out for evaluation.")
    evaluate_every: int = option(4, "Evaluate held-out problems every N steps.")
    patience: int = option(3, "Stop after N evaluations without improvement (0: never).")
    test_task: str | None = option(None, "Task for the final evaluation.", shown="--task")
    test_problems: int = option(300, "Test problems in the final evaluation (0: none).")
    test_continuations: int = option(4, "Number of times the token is inserted in the final evaluation.")
    votes: int = option(16, "Samples of the majority vote it is compared with.")

    def __post_init__(self) -> None:
        least = {"steps": 1, "problems_per_step": 1, "group": 2, "continuations": 1, "inner": 1, "micro_batch": 1}
        least |= {"hold_out": 0, "evaluate_every": 1, "patience": 0, "test_problems": 0, "test_continuations": 1}
        for name, low in {**least, "votes": 1}.items():
            if getattr(self, name) < low:
                why = ": a lone rollout has nothing to be better than" if name == "group" else ""
                raise UserError(f"{_option(name)} is {getattr(self, name)}; it takes at least {low}{why}.")
        for name, high in {"lr": math.inf, "clip": 1.0}.items():
            if not 0 < getattr(self, name) < high:  # NaN fails this comparison too
                limit = "" if high == math.inf else f" and below {high:g}"
                raise UserError(f"{_option(name)} is {getattr(self, name)}; it takes a number above 0{limit}.")
        if not 0 <= self.format_reward < math.inf:
            raise UserError(f"--format-reward is {self.format_reward}; it takes a number from 0 upwards.")
        if self.patience and not self.hold_out:
            raise UserError("--patience needs held-out problems: set --hold-out above 0.")
        for name in ("start", "name"):
            if not getattr(self, name).strip():
                raise UserError(f"{_option(name)} is {getattr(self, name)!r}; it takes a text that is not blank.")
        self._check_engines()
        cap = self.model.max_thinking_tokens
        if cap is not None and cap < 2:
            raise UserError(f"--max-thinking-tokens is {cap}: too small for a cue. Increase it.")
        if self.model.temperature == 0:
            raise UserError(
                "--temperature 0 makes all rollouts of a group identical, so nothing can be learned. Use 1."
            )

    def _check_engines(self) -> None:
        trained, (rollouts, more) = (
            split_name(self.model.engine, "engine")[0],
            split_name(self.rollout_engine, "engine"),
        )
        if trained != "hf":
            raise UserError(f"--engine is {trained!r}; gradients need the model in this process. Type --engine hf.")
        if rollouts not in ROLLOUT_ENGINES:
            raise UserError(
                f"--rollout-engine is {rollouts!r}; it takes an engine that supports learned tokens. "
                f"{did_you_mean(rollouts, ROLLOUT_ENGINES)}"
            )
        if rollouts == trained and more:
            raise UserError(
                f"--rollout-engine {self.rollout_engine}: with {rollouts} one model serves rollouts and updates. Type "
                f"--engine {self.rollout_engine}."
            )

    @property
    def one_engine(self) -> bool:
        """Whether one model in memory serves rollouts and updates."""
        return self.rollout_engine == split_name(self.model.engine, "engine")[0]

    def identity(self) -> dict[str, Any]:
        """The settings that decide what is learned, as JSON values; neither places nor speeds."""
        values = asdict(self)
        for name in (
            "model",
            "out",
            "data_dir",
            "test_task",
            "test_problems",
            "test_continuations",
            "votes",
            "licence",
        ):
            del values[name]
        name, more = split_name(self.rollout_engine, "engine")
        return {**values, "rollout_engine": name, "vllm": more or ""}


def of_rollouts(config: TrainConfig) -> ModelConfig:
    """The model as its rollouts' engine loads it: as for the update, where its own options say nothing else.

    The processor's threads and processes are the update's.

    Raises:
        UserError: an option of one of the engines is unknown or out of range.
    """
    if config.one_engine:
        return config.model
    own, update = kinds.chosen(config.rollout_engine).options, kinds.chosen(config.model.engine).options
    usual = type(own)()
    shared = {name: getattr(update, name) for name in _SHARED if getattr(own, name) == getattr(usual, name)}
    return replace(config.model, engine=kinds.changed(config.rollout_engine, **shared))


def _option(name: str) -> str:
    return "--from" if name == "start" else f"--{name.replace('_', '-')}"
