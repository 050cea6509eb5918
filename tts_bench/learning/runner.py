"""Rollouts played and judged, each process its share: all that a step needs of them, small enough to be passed on."""

from __future__ import annotations

import time
from collections.abc import Sequence as Many
from dataclasses import dataclass
from statistics import fmean

from tts_bench.api import LearnedToken
from tts_bench.core.scheduler import Scheduler
from tts_bench.learning import memory
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.problems import Problems, Verdict
from tts_bench.learning.process_group import ProcessGroup
from tts_bench.learning.rollouts import Rollout, sample
from tts_bench.learning.sequences import Sequence, sequence
from tts_bench.solving.model import Model
from tts_bench.solving.solve import Item


@dataclass(frozen=True)
class ScoredRollout:
    """A rollout and what the scorer says of it."""

    verdict: Verdict
    extra: int  # generated tokens beyond those of the answer without the token
    cues: int
    cues_wanted: int
    truncated: bool
    sequence: Sequence | None  # as the loss reads it; None where no cue was put in


@dataclass(frozen=True)
class Group:
    """The rollouts of one problem."""

    before: float  # share that was right without the token; with a shared first thinking 0 or 1
    members: tuple[ScoredRollout, ...]


@dataclass
class RolloutRunner:
    """Runs the strategy `learned-token` with whatever engine `model` has."""

    config: TrainConfig
    model: Model
    problems: Problems
    processes: ProcessGroup
    judging: float = 0.0  # seconds spent in the scorer so far, by this process

    def run(
        self, scheduler: Scheduler, token: LearnedToken, items: Many[Item], *, group: int = 1, stream: str
    ) -> list[Group]:
        """A group of rollouts for each item, in their order.

        Raises:
            UserError: out of memory, or a process of the group has ended.
        """

        def mine(share: Many[Item]) -> list[Group]:
            batch = scheduler.engine.info.settings.get("max_num_seqs")
            smaller = f"--max-num-seqs below {batch}" if batch else "a smaller --max-num-seqs"
            with memory.told(f"{smaller}, or a smaller --max-thinking-tokens"):
                groups = sample(
                    scheduler,
                    self.model.conditions,
                    token,
                    share,
                    extensions=self.config.continuations,
                    group=group,
                    shared=self.config.shared_prefix,
                    stream=stream,
                )
            began = time.perf_counter()
            judged = [self._judged(rollouts) for rollouts in groups]
            self.judging += time.perf_counter() - began
            return judged

        return self.processes.each(items, mine)

    def _judged(self, rollouts: Many[Rollout]) -> Group:
        judge = self.problems.judge
        return Group(
            fmean(judge(one.item, one.first).correct for one in rollouts),
            tuple(
                ScoredRollout(
                    judge(one.item, one.last),
                    one.extra,
                    one.trace.cues,
                    one.trace.cues_wanted,
                    one.trace.truncated,
                    sequence(one.trace),
                )
                for one in rollouts
            ),
        )
