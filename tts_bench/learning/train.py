"""A training run: rollouts, rewards, updates, a checkpoint after each step, and nothing changed but one row."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any, cast

import numpy as np
import torch

from tts_bench.api import LearnedToken
from tts_bench.engines.hf import HfEngine
from tts_bench.engines.hf.loop import out_of_memory
from tts_bench.errors import UserError
from tts_bench.harness.model import Model
from tts_bench.learning import grpo
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.problems import Problems, Verdict
from tts_bench.learning.rollouts import Rollout, sample
from tts_bench.learning.state import State, TrainingFolder
from tts_bench.scheduler import Scheduler
from tts_bench.store import Store
from tts_bench.tokens import tokenfile

Line = dict[str, Any]
Report = Callable[[Line], None]

_PATIENT = 3  # first steps in which rewards may all be equal before the user is warned


@dataclass
class Trainer:
    """All that a run needs, checked. `train()` goes on from the last checkpoint."""

    config: TrainConfig
    model: Model
    problems: Problems
    folder: TrainingFolder
    start: torch.Tensor

    def __post_init__(self) -> None:
        self.engine = cast(HfEngine, self.model.engine)
        self.engine.model.requires_grad_(False)
        self._watched = Scheduler(self.engine, Store(None))  # keeps what comes before the cue on held-out problems

    def train(self, report: Report, warn: Callable[[str], None]) -> State:
        """Train up to the last step, or until the held-out problems get no better.

        Raises:
            UserError: out of memory; the message says what to make smaller.
            OSError: the folder cannot be written to.
        """
        state = self.folder.load() or State(0, self.start.clone(), self.start)
        row = state.row.to(self.start.device).requires_grad_()
        state.row = row
        optimizer = torch.optim.AdamW([row], lr=1.0, weight_decay=0.0)
        if state.moments:
            optimizer.state[row] = dict(state.moments)
        if not state.log:
            state.log.append({"step": 0, **self._row_facts(row), "held_out": self._held_out(row)})
            self.folder.save(state)
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
            self.folder.save(state)
            report(line)
            if state.step == _PATIENT and not any(line["groups"] for line in state.log[1:]):
                warn(equal_rewards(state.log[1:]))
        if stalled(state.log, self._patience):  # back to the row that did best; the start, if none was better
            state.row = self.start if best(state.log) == 0 else cast(torch.Tensor, state.best)
        return state

    def token(self, row: torch.Tensor) -> LearnedToken:
        values = row.detach().cpu().numpy().astype(np.float32)
        return tokenfile.make_token(self.config.name, self.engine.info.fingerprint, values)

    @property
    def _patience(self) -> int:
        return 0 if self.config.shuffle_rewards else self.config.patience  # true scores must not save a control

    def _step(self, step: int, row: torch.Tensor, optimizer: torch.optim.Optimizer) -> Line:
        config, clock = self.config, [time.perf_counter()]
        items = self.problems.batch(step, config.problems_per_step, self.model.settings.seed)
        busy, sampled = self.engine.busy_seconds, self.engine.counts.sampled
        with _memory(f"--rows below {self.engine.info.settings['rows']}, or a smaller --max-thinking-tokens"):
            groups = sample(
                Scheduler(self.engine, Store(None)),
                self.model.settings,
                self.token(row),
                items,
                extensions=config.continuations,
                group=config.group,
                shared=config.shared_prefix,
                stream=f"step {step}",
            )
        clock.append(time.perf_counter())
        busy, sampled = self.engine.busy_seconds - busy, self.engine.counts.sampled - sampled
        verdicts = [[self.problems.judge(rollout.item, rollout.last) for rollout in group] for group in groups]
        rewards = [[verdict.reward(config.format_reward) for verdict in group] for group in verdicts]
        if config.shuffle_rewards:
            chance = np.random.default_rng((self.model.settings.seed, step))
            rewards = [chance.permutation(group).tolist() for group in rewards]
        clock.append(time.perf_counter())
        rate = self._rate(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        sequences = grpo.weighed(groups, rewards)
        with _memory(f"--micro-batch below {config.micro_batch}"):
            change = grpo.update(self.engine.model, row, optimizer, sequences, self._settings())
        clock.append(time.perf_counter())
        return {
            **_facts(groups, verdicts, rewards),
            "before": fmean(self.problems.judge(group[0].item, group[0].first).correct for group in groups),
            "loss_tokens": change.tokens,
            "gradient": change.gradient,
            "clipped": change.clipped,
            "lr": rate,
            **self._row_facts(row),
            "seconds": dict(zip(("rollouts", "reward", "update"), np.diff(clock).round(3).tolist(), strict=True)),
            "engine": {"tokens": sampled, "seconds": round(busy, 3)},
        }

    def _rate(self, step: int) -> float:
        """Cosine to 0, from `lr` times the norm of the start over the root of its length: AdamW moves numbers alike."""
        full = self.config.lr * float(self.start.norm()) / math.sqrt(len(self.start))
        return full * (1 + math.cos(math.pi * step / self.config.steps)) / 2

    def _settings(self) -> grpo.Settings:
        config = self.config
        temperature = self.model.settings.continuation.temperature
        return grpo.Settings(self.engine.vocabulary, temperature, config.inner, config.clip, config.micro_batch)

    def _held_out(self, row: torch.Tensor) -> Line | None:
        if not self.problems.held_out:
            return None
        groups = sample(
            self._watched,
            self.model.settings,
            self.token(row),
            self.problems.held_out,
            extensions=self.config.continuations,
            stream="held out",
        )
        judged = [
            (self.problems.judge(g[0].item, g[0].first), self.problems.judge(g[0].item, g[0].last)) for g in groups
        ]
        return {
            "accuracy": fmean(last.correct for _, last in judged),
            "before": fmean(first.correct for first, _ in judged),
            "reward": fmean(last.reward(self.config.format_reward) for _, last in judged),
            "extra_tokens": fmean(group[0].extra for group in groups),
        }

    def _row_facts(self, row: torch.Tensor) -> Line:
        at = row.detach()
        cosine = float(torch.nn.functional.cosine_similarity(at, self.start, dim=0))
        return {"row_norm": float(at.norm()), "cosine": cosine}


def best(log: Sequence[Line]) -> int | None:
    """The step with the highest held-out reward, the first of several; None where nothing was held out."""
    watched = [line for line in log if line.get("held_out")]
    return max(watched, key=lambda line: line["held_out"]["reward"])["step"] if watched else None


def stalled(log: Sequence[Line], patience: int) -> bool:
    """Whether the last `patience` evaluations brought nothing better than the best before them; 0: never."""
    if not patience:
        return False
    steps = [line["step"] for line in log if line.get("held_out")]
    found = best(log)
    return found is not None and sum(step > found for step in steps) >= patience


def equal_rewards(log: Sequence[Line]) -> str:
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


def _facts(groups: list[list[Rollout]], verdicts: list[list[Verdict]], rewards: list[list[float]]) -> Line:
    rollouts = [rollout for group in groups for rollout in group]
    flat = [verdict for group in verdicts for verdict in group]
    return {
        "reward": fmean(reward for group in rewards for reward in group),
        "accuracy": fmean(verdict.correct for verdict in flat),
        "format": fmean(verdict.boxed for verdict in flat),
        "extra_tokens": fmean(rollout.extra for rollout in rollouts),
        "cues": sum(rollout.trace.cues for rollout in rollouts),
        "cues_wanted": sum(rollout.trace.cues_wanted for rollout in rollouts),
        "truncated": fmean(rollout.trace.truncated for rollout in rollouts),
        "groups": sum(min(group) != max(group) for group in rewards),
    }


@contextmanager
def _memory(instead: str) -> Iterator[None]:
    try:
        yield
    except ExceptionGroup as group:
        if found := next((error for error in group.exceptions if out_of_memory(error)), None):
            raise UserError(f"out of memory ({found}). Set {instead}.") from group
        raise group.exceptions[0] from group
    except Exception as error:
        if out_of_memory(error):
            raise UserError(f"out of memory ({str(error).splitlines()[0][:200]}). Set {instead}.") from error
        raise
