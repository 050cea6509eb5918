"""What runs in vLLM's worker processes: spare rows while weights are loaded, learned tokens written into them, and
columns handed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.model_loader import register_model_loader
from vllm.model_executor.model_loader.default_loader import DefaultModelLoader

from tts_bench.engines.vllm.measuring import KEPT
from tts_bench.models.folder import EMBEDDINGS

LOAD_FORMAT = "tts-bench"
_PADDED = tuple(f"{name}.weight" for name in (*EMBEDDINGS, "lm_head", "embed_out"))


@register_model_loader(LOAD_FORMAT)
class SpareRows(DefaultModelLoader):
    """Reads safetensors as ever; an embedding or output matrix with fewer rows than the model has ids gets zeros."""

    def __init__(self, load_config: Any) -> None:  # noqa: ANN401
        super().__init__(replace(load_config, load_format="safetensors"))

    def get_all_weights(self, model_config: Any, model: Any) -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401
        rows = model_config.get_vocab_size()
        for name, tensor in super().get_all_weights(model_config, model):
            missing = rows - len(tensor) if name.endswith(_PADDED) else 0
            yield name, torch.cat([tensor, tensor.new_zeros(missing, *tensor.shape[1:])]) if missing > 0 else tensor


class Rows:
    """Methods that vLLM mixes into its worker, to be called in every worker process."""

    def write_row(self, token: int, row: list[float]) -> int:
        """Make `row` the input embedding of the id `token`; returns how many matrices there were, here, to write to."""
        written = 0
        for module in self.get_model().modules():  # type: ignore[attr-defined]
            if not isinstance(module, VocabParallelEmbedding) or isinstance(module, ParallelLMHead):
                continue
            shard = module.shard_indices
            if shard.org_vocab_start_index <= token < shard.org_vocab_end_index:
                values = torch.tensor(row, dtype=torch.float32)
                with torch.inference_mode():
                    module.weight[token - shard.org_vocab_start_index].copy_(values)
                written += 1
        return written

    def take_columns(self, name: str) -> list[list[float]]:
        """Of a request, for each token that was drawn here: its stream position, then its numbers."""
        return [[position, *numbers] for position, numbers in KEPT.take(name).items()]
