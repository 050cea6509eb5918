"""Our draws as a logits processor of vLLM's second model runner, which runs on GPUs. Imported by vLLM's processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor

from tts_bench.engines.vllm.guard import end_with_starter
from tts_bench.engines.vllm.rows import Row, choose


class Draws(LogitsProcessor):
    """Chooses every token; vLLM's own sampler then takes it, for its logit is the largest."""

    def __init__(self, vllm_config: Any, req_states: Any) -> None:  # noqa: ANN401
        self._vocabulary: int = vllm_config.additional_config["vocabulary"]
        end_with_starter()
        self._rows: dict[int, Row] = {}  # by slot

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:  # noqa: ANN401
        described = sampling_params.extra_args
        if described is None:  # vLLM warms up with requests of its own
            self._rows.pop(req_idx, None)
            return False
        self._rows[req_idx] = Row.read(described)
        return True

    def apply(self, logits: Tensor, ctx: Any) -> Tensor:  # noqa: ANN401
        ours = [
            (place, row, int(length))
            for place, (slot, length) in enumerate(zip(ctx.idx_mapping_np, ctx.seq_lens_upper_bound_np, strict=False))
            if (row := self._rows.get(int(slot)))
        ]
        rows, lengths = [row for _, row, _ in ours], [length for _, _, length in ours]
        if len(ours) == len(logits):
            return choose(logits, rows, lengths, self._vocabulary)
        some = torch.tensor([place for place, _, _ in ours], dtype=torch.long, device=logits.device)
        logits[some] = choose(logits[some], rows, lengths, self._vocabulary)
        return logits
