"""The clipped loss of GRPO (arXiv 2402.03300, equation 3, without its KL term) as a function of one embedding row."""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache, PreTrainedModel

from tts_bench.learning.sequences import CUE, NOTHING, Sequence

_CHUNK = 256  # positions whose logits are held at once: a row of them is as wide as the vocabulary


def log_probabilities(
    model: PreTrainedModel, row: Tensor, batch: Many[Sequence], *, vocabulary: int, temperature: float = 1.0
) -> list[Tensor]:
    """Log-probability of each sampled token of each sequence, [sampled] each, as a function of `row` [hidden].

    Only tokens below `vocabulary` can be sampled, so padded rows are masked, and the learned token, which is no row of
    the matrix, has no logit at all. The row stays float32 and is rounded where the model reads it, as the engine
    does. No copy of the embedding matrix is made, and prefixes, which do not depend on the row, are read without a
    graph, each different one once.
    """
    lengths, cache, mask = _read_prefixes(model, batch)
    width = max(len(sequence.inputs) for sequence in batch)
    device = mask.device
    inputs = torch.tensor([_filled(sequence.inputs, width, 0) for sequence in batch], device=device)
    targets = torch.tensor([_filled(sequence.targets, width, NOTHING) for sequence in batch], device=device)
    embedded = model.get_input_embeddings()(inputs.clamp(min=0))
    embedded = torch.where((inputs == CUE).unsqueeze(-1), row.to(embedded.dtype), embedded)
    hidden = model.base_model(
        inputs_embeds=embedded,
        attention_mask=torch.cat([mask, torch.ones_like(inputs)], dim=1),
        position_ids=lengths[:, None] + torch.arange(width, device=device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    chosen = targets != NOTHING
    found = _of_targets(model, hidden[chosen], targets[chosen], vocabulary, temperature)
    return list(torch.split(found, [sequence.sampled for sequence in batch]))


def surrogate(new: Tensor, old: Tensor, advantage: float, clip: float) -> Tensor:
    """Minus the clipped objective of each token of one sequence, [tokens]; `old` are the sampler's log-probabilities.

    With A the advantage and r = exp(new - old): -min(r A, clamp(r, 1 - clip, 1 + clip) A).
    """
    ratio = (new - old).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def check_head(model: PreTrainedModel) -> bool:
    """Whether the model's logits are what its output matrix makes of its last hidden states, and nothing more."""
    ids = torch.tensor([[0, 1, 2]], device=next(model.parameters()).device)
    with torch.no_grad():
        whole = model(input_ids=ids, use_cache=False).logits
        parts = _head(model)(model.base_model(input_ids=ids, use_cache=False).last_hidden_state)
    return bool(torch.equal(whole, parts))


def _read_prefixes(model: PreTrainedModel, batch: Many[Sequence]) -> tuple[Tensor, DynamicCache, Tensor]:
    """Lengths [batch], keys and values, and mask [batch, longest] of the sequences' prefixes."""
    unique = list(dict.fromkeys(sequence.prefix for sequence in batch))
    longest = max(map(len, unique))
    device = next(model.parameters()).device
    mask = torch.tensor([_filled([1] * len(prefix), longest, 0) for prefix in unique], device=device)
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model.base_model(
            input_ids=torch.tensor([_filled(prefix, longest, 0) for prefix in unique], device=device),
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )
        places = torch.tensor([unique.index(sequence.prefix) for sequence in batch], device=device)
        cache.batch_select_indices(places)
    return mask.sum(1)[places], cache, mask[places]


def _of_targets(model: PreTrainedModel, hidden: Tensor, targets: Tensor, vocabulary: int, temperature: float) -> Tensor:
    """Log-probability of `targets` [n] after `hidden` [n, width], a few at a time: their logits are made again for the
    gradient, so that only a chunk of them is ever there."""

    def of(part: Tensor, wanted: Tensor) -> Tensor:
        logits = _head(model)(part)[:, :vocabulary]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
        return cast(Tensor, logits.gather(1, wanted[:, None])[:, 0] - logits.logsumexp(1))

    def remade(part: Tensor, wanted: Tensor) -> Tensor:
        return cast(Tensor, checkpoint(of, part, wanted, use_reentrant=False, preserve_rng_state=False))

    parts = zip(torch.split(hidden, _CHUNK), torch.split(targets, _CHUNK), strict=True)
    return torch.cat([remade(part, wanted) for part, wanted in parts])


def _head(model: PreTrainedModel) -> nn.Module:
    return cast(nn.Module, model.get_output_embeddings())


def _filled(tokens: Many[int], width: int, filler: int) -> list[Any]:
    return [*tokens, *[filler] * (width - len(tokens))]
