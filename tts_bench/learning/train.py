"""A training run: rollouts, rewards, updates, a checkpoint after each step, and nothing changed but one row."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, cast

import numpy as np
import torch

from tts_bench.api import LearnedToken
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.learning import grpo, memory
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.problems import Problems
from tts_bench.learning.process_group import SOLO, ProcessGroup
from tts_bench.learning.runner import Group, RolloutRunner
from tts_bench.learning.state import State, TrainingFolder
from tts_bench.solving.model import Model
from tts_bench.tokens import tokenfile

LogLine = dict[str, Any]
Report = Callable[[LogLine], None]

_PATIENT = 3  # first steps in which rewards may all be equal before the user is warned


@dataclass
class Trainer:
    """All that a run needs, checked. `train()` goes on from the last checkpoint."""

    config: TrainConfig
    model: Model  # makes the rollouts: any engine that takes learned tokens
    learner: HfEngine  # has the weights that gradients pass through; `model.engine` itself unless told otherwise
    problems: Problems
    folder: TrainingFolder
    start: torch.Tensor
    processes: ProcessGroup = SOLO

    def __post_init__(self) -> None:
        self.learner.model.requires_grad_(False)
        self._runner = RolloutRunner(self.config, self.model, self.problems, self.processes)
        self._watched = Scheduler(self.model.engine, Store(None))  # keeps held-out problems' thinking before the cue

    def train(self, report: Report, warn: Callable[[str], None]) -> State:
        """Train up to the last step, or until the held-out problems get no better.

        Raises:
            UserError: out of memory, with what to make smaller; a row that is no longer finite, whose step is not
                kept; or another process of the group has ended.
            OSError: the folder cannot be written to.
        """
        state = self.processes.first(self.folder.load) or State(0, self.start.clone(), self.start)
        row = state.row.to(self.start.device).requires_grad_()
        state.row = row
        optimizer = torch.optim.AdamW([row], lr=1.0, weight_decay=0.0)
        if state.moments:
            own = {"param_groups": optimizer.state_dict()["param_groups"], "state": {0: dict(state.moments)}}
            optimizer.load_state_dict(own)  # to where the row is
        if not state.log:
            state.log.append({"step": 0, **self._row_facts(row), "held_out": self._held_out(row)})
            self._save(state)
        for line in state.log:
            report(line)
        while state.step < self.config.steps and not stalled(state.log, self._patience):
            line = self._step(state.step, row, optimizer)
            state.step += 1
            line["step"] = state.step
            state.moments = {name: tensor.clone() for name, tensor in optimizer.state[row].items()}
            if state.step % self.config.evaluate_every == 0 or state.step == self.config.steps:
                line["held_out"] = self._held_out(row)
            state.log.append(line)
            if best(state.log) == state.step:
                state.best = row.detach().clone()
            self._save(state)
            report(line)
            if state.step == _PATIENT and not any(line["groups"] for line in state.log[1:]):
                warn(equal_rewards(state.log[1:]))
        if (kept := self.row_of_step(state)) < state.step:
            state.row = cast(torch.Tensor, state.best) if kept else self.start
        return state

    def row_of_step(self, state: State) -> int:
        """The step whose row a training that ended at `state` is worth: the best, if nothing got better, or the last.

        0 is the row that it started from.
        """
        found = best(state.log) if stalled(state.log, self._patience) else None
        return state.step if found is None else found

    def _save(self, state: State) -> None:
        self.processes.first(lambda: self.folder.save(state))

    def token(self, row: torch.Tensor) -> LearnedToken:
        values = row.detach().cpu().numpy().astype(np.float32)
        return tokenfile.make_token(self.config.name, self.learner.info.fingerprint, values)

    @property
    def _patience(self) -> int:
        return 0 if self.config.shuffle_rewards else self.config.patience  # true scores must not save a control

    def _step(self, step: int, row: torch.Tensor, optimizer: torch.optim.Optimizer) -> LogLine:
        config, engine, seed = self.config, self.model.engine, self.model.conditions.seed
        clock, judging, busy = [time.perf_counter()], self._runner.judging, engine.busy_seconds
        scheduler = Scheduler(engine, Store(None))
        items = self.problems.batch(step, config.problems_per_step, seed)
        groups = self._runner.run(scheduler, self.token(row), items, group=config.group, stream=f"step {step}")
        clock.append(time.perf_counter())
        judging, busy = self._runner.judging - judging, engine.busy_seconds - busy
        rewards = [[one.verdict.reward(config.format_reward) for one in group.members] for group in groups]
        if config.shuffle_rewards:
            chance = np.random.default_rng((seed, step))
            rewards = [chance.permutation(group).tolist() for group in rewards]
        rate = self._rate(step)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        sequences = grpo.weighed([[one.sequence for one in group.members] for group in groups], rewards)
        with memory.told(f"--micro-batch below {config.micro_batch}"):
            change = grpo.update(self.learner.model, row, optimizer, sequences, self._settings(), self.processes)
        clock.append(time.perf_counter())
        both, update = np.diff(clock)
        seconds = {"rollouts": both - judging, "reward": judging, "update": update}
        made = self.processes.all(lambda: (scheduler.counts.made, busy))
        return {
            **_facts(groups, rewards),
            "loss_tokens": change.tokens,
            "gradient": change.gradient,
            "clipped": change.clipped,
            "lr": rate,
            **self._row_facts(row),
            "seconds": {name: round(float(value), 3) for name, value in seconds.items()},
            "engine": {"tokens": sum(own for own, _ in made), "seconds": round(max(own for _, own in made), 3)},
        }

    def _rate(self, step: int) -> float:
        """Cosine to 0, from `lr` times the norm of the start over the root of its length: AdamW moves numbers alike."""
        full = self.config.lr * float(self.start.norm()) / math.sqrt(len(self.start))
        return full * (1 + math.cos(math.pi * step / self.config.steps)) / 2

    def _settings(self) -> grpo.Settings:
        config = self.config
        temperature = self.model.conditions.continuation.temperature
        return grpo.Settings(self.learner.vocabulary, temperature, config.inner, config.clip, config.micro_batch)

    def _held_out(self, row: torch.Tensor) -> LogLine | None:
        if not self.problems.held_out:
            return None
        groups = self._runner.run(self._watched, self.token(row), self.problems.held_out, stream="held out")
        ends = [group.members[0] for group in groups]
        return {
            "accuracy": fmean(one.verdict.correct for one in ends),
            "before": fmean(group.before for group in groups),
            "reward": fmean(one.verdict.reward(self.config.format_reward) for one in ends),
            "extra_tokens": fmean(one.extra for one in ends),
        }

    def _row_facts(self, row: torch.Tensor) -> LogLine:
        at = row.detach()
        cosine = float(torch.nn.functional.cosine_similarity(at, self.start, dim=0))
        return {"row_norm": float(at.norm()), "cosine": cosine}


def best(log: Sequence[LogLine]) -> int | None:
    """The step with the highest held-out reward, the first of several; None where nothing was held out."""
    watched = [line for line in log if line.get("held_out")]
    return max(watched, key=lambda line: line["held_out"]["reward"])["step"] if watched else None


def stalled(log: Sequence[LogLine], patience: int) -> bool:
    """Whether the last `patience` evaluations brought nothing better than the best before them; 0: never."""
    if not patience:
        return False
    steps = [line["step"] for line in log if line.get("held_out")]
    found = best(log)
    return found is not None and sum(step > found for step in steps) >= patience


def equal_rewards(log: Sequence[LogLine]) -> str:
    """Why nothing can be learned so far."""
    asked, forced = sum(line["cues_wanted"] for line in log), sum(line["cues"] for line in log)
    if not forced:
        why = f"none of {asked} cues was put in: thinking runs into its budget. Give a larger --max-thinking-tokens"
    else:
        accuracy = fmean(line["accuracy"] for line in log)
        why = (
            f"the share of right answers is {accuracy:.0%}: all of a group are right or all are wrong. Take "
            f"{'harder' if accuracy > 0.5 else 'easier'} problems, a larger --group or a higher --temperature"
        )
    return f"within each group all rewards were equal in the first {len(log)} steps, so nothing can be learned: {why}."


def _facts(groups: list[Group], rewards: list[list[float]]) -> LogLine:
    flat = [one for group in groups for one in group.members]
    return {
        "reward": fmean(reward for group in rewards for reward in group),
        "accuracy": fmean(one.verdict.correct for one in flat),
        "before": fmean(group.before for group in groups),
        "format": fmean(one.verdict.boxed for one in flat),
        "extra_tokens": fmean(one.extra for one in flat),
        "cues": sum(one.cues for one in flat),
        "cues_wanted": sum(one.cues_wanted for one in flat),
        "truncated": fmean(one.truncated for one in flat),
        "groups": sum(min(group) != max(group) for group in rewards),
    }
