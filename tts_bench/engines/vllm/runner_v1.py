"""Our draws as a logits processor of vLLM's first model runner, which runs on the CPU. Imported by vLLM's processes."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from tts_bench.engines.vllm.guard import end_with_starter
from tts_bench.engines.vllm.rows import Row, choose


class Draws(LogitsProcessor):
    """Chooses every token; vLLM's own sampler then takes it, for its logit is the largest."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:  # noqa: ANN401
        self._vocabulary: int = vllm_config.additional_config["vocabulary"]
        end_with_starter()
        self._rows: dict[int, tuple[Row, int, list[int]]] = {}  # with the tokens at first, and those sampled since

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: Any) -> None:  # noqa: ANN401
        process_dict_updates(
            self._rows, batch_update, lambda params, prompt, output: (Row.read(params.extra_args), len(prompt), output)
        )

    def apply(self, logits: Tensor) -> Tensor:
        batch = [self._rows[row] for row in range(len(logits))]
        lengths = [first + len(sampled) for _, first, sampled in batch]
        return choose(logits, [row for row, _, _ in batch], lengths, self._vocabulary)
