"""Scoring with a reward model: one text at a time, so that no score depends on what else is scored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tts_bench.api import Problem, aggregate
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.errors import EngineError
from tts_bench.scorer import Candidate, ScorerInfo, Verdict
from tts_bench.scorers.reward_model.layouts import LAYOUTS, Head, Reading

if TYPE_CHECKING:
    from tts_bench.scorers.reward_model.options import RewardModelOptions


class Net:
    """A body with its head."""

    def __init__(self, body: Any, head: nn.Module, kind: Head, window: int) -> None:  # noqa: ANN401
        """`window`: maximum number of tokens that it reads."""
        self.window = window
        self._body, self._head, self._kind = body, head, kind

    @torch.inference_mode()
    def scores(self, reading: Reading) -> list[float]:
        """One score per position of `reading`."""
        ids = torch.tensor([reading.ids], device=self._body.device)
        states = self._body(input_ids=ids, use_cache=False).last_hidden_state[0, list(reading.places)]
        found = self._head(states).float()
        if self._kind == "number":
            return [float(each) for each in found[:, 0]]
        if self._kind == "value":
            return [float(each) for each in found[:, 0].sigmoid()]
        good = 0 if self._kind == "words" else 1  # of two classes, the second is the good one
        return [float(each) for each in found.softmax(dim=-1)[:, good]]


class RewardModel:
    """Implements `tts_bench.scorer.Scorer`."""

    def __init__(
        self, net: Net, tokenizer: HfTokenizer, info: ScorerInfo, given: RewardModelOptions, threads: int
    ) -> None:
        self.info = info
        self._net, self._tokenizer, self._given = net, tokenizer, given
        self._layout = LAYOUTS[given.layout]
        # Its own thread: the number of PyTorch threads is set per thread and determines the order of sums.
        self._thread = ThreadPoolExecutor(1, "reward-model", torch.set_num_threads, (threads,))

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(self._thread, self._one, problem.prompt, each) for each in candidates]
        return list(await asyncio.gather(*jobs))

    def _one(self, problem: str, candidate: Candidate) -> Verdict:
        text, cut = candidate.text(self._given.reads), self._given.step or self._layout.step
        steps = [step.strip() for step in text.split(cut) if step.strip()] if self._layout.step else [text]
        reading = self._layout.read(self._tokenizer, problem, steps or [""])
        if len(reading.ids) > self._net.window:
            raise EngineError(
                f"the reward model {self.info.model} reads at most {self._net.window} tokens; a candidate has "
                f"{len(reading.ids)} with its problem"
            )
        scores = self._net.scores(reading)
        if not self._layout.step:
            return Verdict(scores[0], read=len(reading.ids))
        return Verdict(aggregate(scores, self._given.aggregate), tuple(scores), read=len(reading.ids))

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
