"""What a user chooses of a training run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tts_bench.errors import UserError, did_you_mean
from tts_bench.harness.config import ModelConfig

NAME = "<|continue-thinking|>"
ROLLOUT_ENGINES = ("hf", "vllm")  # they take learned tokens, and the weights that are trained for


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
    steps: int = 20
    problems_per_step: int = 16
    group: int = 16  # rollouts of one problem
    continuations: int = 1
    inner: int = 4  # updates from the same rollouts
    lr: float = 0.1  # of the row's norm, for an update in which every number of the row moves alike
    clip: float = 0.2
    start: str = "Wait"  # text whose embedding the row starts from
    name: str = NAME
    rollout_engine: str = "hf"  # with "hf" one model in memory serves rollouts and updates
    vllm: str = ""  # options of vLLM's own, key=value,...
    shared_prefix: bool = True  # a group thinks alike up to the first end of thinking
    micro_batch: int = 16  # sequences of one forward pass
    format_reward: float = 0.1  # for a boxed answer, beside 1 for a right one
    shuffle_rewards: bool = False  # the control: within each group, so that nothing can be learned
    hold_out: int = 64  # training problems that are never trained on
    evaluate_every: int = 4  # steps between evaluations on them
    patience: int = 3  # evaluations without a better one before the run stops and goes back to it; 0: never
    test_task: str | None = None  # None: the test split of `task`
    test_problems: int = 300  # 0: no evaluation at the end
    test_continuations: int = 4
    votes: int = 16
    licence: str = "that of the model"
    data_dir: Path | None = None

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
            raise UserError("--patience needs problems to judge by: give --hold-out a number above 0.")
        for name in ("start", "name"):
            if not getattr(self, name).strip():
                raise UserError(f"{_option(name)} is {getattr(self, name)!r}; it takes a text that is not blank.")
        if self.rollout_engine not in ROLLOUT_ENGINES:
            raise UserError(
                f"--rollout-engine is {self.rollout_engine!r}; it takes an engine that a row can be put into. "
                f"{did_you_mean(self.rollout_engine, ROLLOUT_ENGINES)}"
            )
        if self.vllm and self.rollout_engine != "vllm":
            raise UserError(
                f"--vllm {self.vllm} means nothing without --rollout-engine vllm. Add that, or leave it out."
            )
        cap = self.model.max_thinking_tokens
        if cap is not None and cap < 2:
            raise UserError(f"--max-thinking-tokens is {cap}: no cue fits into that. Give more.")
        if self.model.temperature == 0:
            raise UserError("--temperature 0 makes all rollouts of a group alike: nothing can be learned. Give 1.")

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
        return values


def of_rollouts(config: TrainConfig) -> ModelConfig:
    """The model as its rollouts' engine loads it; the processor's threads and processes are the update's."""
    if config.rollout_engine == config.model.engine:
        return config.model
    return replace(config.model, engine=config.rollout_engine, vllm=config.vllm, threads=None, workers=None)


def _option(name: str) -> str:
    return "--from" if name == "start" else f"--{name.replace('_', '-')}"
