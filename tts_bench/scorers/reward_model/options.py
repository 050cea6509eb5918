"""The options of a reward model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tts_bench.api import Aggregation
from tts_bench.engines import hardware
from tts_bench.options import at_least, option
from tts_bench.scorer import Part


@dataclass(frozen=True)
class RewardModelOptions:
    """
    Raises:
        ValueError: a number is out of range.
        UserError: the device or dtype is unknown.
    """

    model: str = field(metadata={"help": "Folder or hub id of the reward model.", "place": True})
    layout: Literal["outcome", "qwen", "skywork", "rlhflow", "math-shepherd"] = option(
        "outcome", "Model family: how a problem and a solution are formatted, with the tags of steps."
    )
    reads: Part = option("all", "Part of a candidate to score: all, thinking or answer.")
    step: str = option("", "Step separator, such as a blank line.", shown="the family's own")
    aggregate: Aggregation = option("last", "How step scores are combined into the value.")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps.")
    dtype: str = option("auto", "auto (float32 on a CPU, else bfloat16), float32, bfloat16 or float16.")
    threads: int | None = option(None, "CPU threads.", shown="PyTorch's default")
    trust_remote_code: bool = option(False, "Run Python code that ships with the model.")

    def __post_init__(self) -> None:
        at_least(1, self, "threads")
        hardware.check_counts(self, "threads")
        hardware.check_names(self.device, self.dtype)
        if self.step and self.layout == "outcome":
            raise ValueError("step does not apply to layout=outcome, which scores the whole text. Remove one of them")
