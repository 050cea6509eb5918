"""One step of GRPO: advantages from the rewards of each group, and some updates of the row from the same rollouts."""

from __future__ import annotations

import math
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tts_bench.learning.loss import log_probabilities, surrogate
from tts_bench.learning.rollouts import Rollout
from tts_bench.learning.sequences import Sequence, sequence


def advantages(rewards: Many[float]) -> list[float]:
    """(r - mean) / standard deviation; exactly 0 for all where all rewards are equal."""
    if min(rewards) == max(rewards):
        return [0.0] * len(rewards)
    mean, deviation = fmean(rewards), pstdev(rewards)
    return [(reward - mean) / deviation for reward in rewards]


def weighed(groups: Many[Many[Rollout]], rewards: Many[Many[float]]) -> list[Sequence]:
    """The sequences that pull at the row: of groups whose rewards differ, those with a cue in them."""
    found = []
    for group, own in zip(groups, rewards, strict=True):
        for rollout, advantage in zip(group, advantages(own), strict=True):
            if advantage and (whole := sequence(rollout.trace)):
                found.append(replace(whole, advantage=advantage))
    return found


@dataclass(frozen=True)
class Settings:
    """Of an update; see `TrainConfig`."""

    vocabulary: int
    temperature: float
    inner: int
    clip: float
    micro_batch: int


@dataclass(frozen=True)
class Change:
    """What a step did."""

    tokens: int  # sampled tokens in the loss
    gradient: float  # norm, of the first update
    clipped: float  # share of tokens out of the clipping range, in the last update


def update(
    model: PreTrainedModel,
    row: Tensor,
    optimizer: torch.optim.Optimizer,
    sequences: Many[Sequence],
    settings: Settings,
) -> Change:
    """Change `row` by `settings.inner` steps of `optimizer`. Without sequences nothing changes, bit for bit.

    The loss is a mean over all sampled tokens of all sequences, so that micro-batches change nothing but rounding. The
    sampler's log-probabilities are those of the first pass: the row is still the sampler's then.
    """
    tokens = sum(one.sampled for one in sequences)
    if not tokens:
        return Change(0, 0.0, 0.0)
    gradient, clipped = 0.0, 0
    sampler: list[Tensor] = []  # log-probabilities, sequence by sequence
    for inner in range(settings.inner):
        optimizer.zero_grad()
        clipped, place = 0, 0
        for begin in range(0, len(sequences), settings.micro_batch):
            batch = sequences[begin : begin + settings.micro_batch]
            found = log_probabilities(
                model, row, batch, vocabulary=settings.vocabulary, temperature=settings.temperature
            )
            if inner == 0:
                sampler += [new.detach() for new in found]
            losses = []
            for one, new in zip(batch, found, strict=True):
                old, place = sampler[place], place + 1
                losses.append(surrogate(new, old, one.advantage, settings.clip))
                clipped += int(((new.detach() - old).exp() - 1).abs().gt(settings.clip).sum())
            (torch.cat(losses).sum() / tokens).backward()  # type: ignore[no-untyped-call]
        assert row.grad is not None
        if inner == 0:
            gradient = float(row.grad.norm())
        if not math.isfinite(gradient):
            raise FloatingPointError("the gradient is not finite")
        optimizer.step()
    return Change(tokens, gradient, clipped / tokens)
