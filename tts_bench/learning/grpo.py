"""One step of GRPO: advantages from the rewards of each group, and some updates of the row from the same rollouts."""

from __future__ import annotations

import math
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tts_bench.errors import UserError
from tts_bench.learning.loss import log_probabilities, surrogate
from tts_bench.learning.process_group import SOLO, ProcessGroup
from tts_bench.learning.sequences import Sequence


def advantages(rewards: Many[float]) -> list[float]:
    """(r - mean) / standard deviation; exactly 0 for all where all rewards are equal."""
    if min(rewards) == max(rewards):
        return [0.0] * len(rewards)
    mean, deviation = fmean(rewards), pstdev(rewards)
    return [(reward - mean) / deviation for reward in rewards]


def weighed(groups: Many[Many[Sequence | None]], rewards: Many[Many[float]]) -> list[Sequence]:
    """The sequences that pull at the row: of groups whose rewards differ, those with a cue in them."""
    return [
        replace(whole, advantage=advantage)
        for group, own in zip(groups, rewards, strict=True)
        for whole, advantage in zip(group, advantages(own), strict=True)
        if whole and advantage
    ]


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
    processes: ProcessGroup = SOLO,
) -> Change:
    """Change `row` by `settings.inner` steps of `optimizer`. Without sequences nothing changes, bit for bit.

    The loss is a mean over all sampled tokens of all sequences, so that micro-batches change nothing but rounding. They
    are dealt out to the processes and their gradients summed in one order, so that their number changes no bit.

    Raises:
        UserError: a gradient or the row is not finite; the row is of no use then.
    """
    tokens = sum(one.sampled for one in sequences)
    if not tokens:
        return Change(0, 0.0, 0.0)
    size = settings.micro_batch
    batches = [_Batch(sequences[start : start + size]) for start in range(0, len(sequences), size)]
    first = 0.0
    for inner in range(settings.inner):
        pulls = processes.each(batches, lambda mine: [batch.pull(model, row, settings, tokens) for batch in mine])
        row.grad = sum((pull.gradient for pull in pulls[1:]), pulls[0].gradient).to(row.device)
        norm = float(row.grad.norm())
        if not math.isfinite(norm):
            raise _diverged("gradient", inner, settings)
        if inner == 0:
            first = norm
        optimizer.step()
        if not bool(row.detach().isfinite().all()):
            raise _diverged("row", inner, settings)
    return Change(tokens, first, sum(pull.clipped for pull in pulls) / tokens)


def _diverged(what: str, inner: int, settings: Settings) -> UserError:
    return UserError(
        f"the {what} is not finite at update {inner + 1} of {settings.inner} of this step: the training has diverged. "
        "Nothing of the step is kept, and the last checkpoint stays. Give a smaller --lr, or --dtype float32, and "
        "another --out: other settings are another training."
    )


@dataclass(frozen=True)
class _Pull:
    """What one micro-batch does to the row."""

    gradient: Tensor  # [hidden], on the processor
    clipped: int  # tokens out of the clipping range


@dataclass
class _Batch:
    """Some sequences, and the sampler's log-probabilities of their tokens."""

    sequences: Many[Sequence]
    sampler: list[Tensor] | None = None  # those of the first pass: the row is still the sampler's then

    def pull(self, model: PreTrainedModel, row: Tensor, settings: Settings, tokens: int) -> _Pull:
        """Gradient of the share of these sequences in a mean over `tokens` tokens."""
        found = log_probabilities(
            model, row, self.sequences, vocabulary=settings.vocabulary, temperature=settings.temperature
        )
        self.sampler = self.sampler or [new.detach() for new in found]
        losses, clipped = [], 0
        for one, new, old in zip(self.sequences, found, self.sampler, strict=True):
            losses.append(surrogate(new, old, one.advantage, settings.clip))
            clipped += int(((new.detach() - old).exp() - 1).abs().gt(settings.clip).sum())
        [gradient] = torch.autograd.grad(torch.cat(losses).sum() / tokens, [row])
        return _Pull(gradient.cpu(), clipped)
