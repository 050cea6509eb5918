"""The kind `reward-model`: its options, and what is refused before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tts_bench import models
from tts_bench.api import Aggregation
from tts_bench.engines import hardware
from tts_bench.engines.kinds import there
from tts_bench.options import at_least, option
from tts_bench.scorer import Part
from tts_bench.scorers.kinds import Loaded, ScorerKind, Setup


@dataclass(frozen=True)
class RewardModelOptions:
    """
    Raises:
        ValueError: a number out of range.
        UserError: a device or dtype that is none.
    """

    model: str = field(metadata={"help": "Folder or hub id of the reward model.", "place": True})
    layout: Literal["outcome", "qwen", "skywork", "rlhflow", "math-shepherd"] = option(
        "outcome", "How its family words a problem and a solution, with the tags of its steps."
    )
    reads: Part = option("all", "What of a candidate it reads: all, thinking or answer.")
    step: str = option("", "What cuts a text into steps, such as a blank line.", shown="as its family has it")
    aggregate: Aggregation = option("last", "Value of a candidate whose steps are scored: one of these.")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps.")
    dtype: str = option("auto", "auto (float32 on a processor, else bfloat16), float32, bfloat16 or float16.")
    threads: int | None = option(None, "Threads of the processor.", shown="PyTorch's own number")
    trust_remote_code: bool = option(False, "Run code that comes with the model.")

    def __post_init__(self) -> None:
        at_least(1, self, "threads")
        hardware.check_names(self.device, self.dtype)
        if self.step and self.layout == "outcome":
            raise ValueError("step means nothing to layout=outcome, which scores the whole. Leave one of them out")


def _check(setup: Setup[RewardModelOptions]) -> None:
    models.examine(setup.options.model, of=models.REWARD)


def _load(setup: Setup[RewardModelOptions]) -> Loaded:
    from tts_bench.scorers.reward_model.load import load

    found = models.resolve(setup.options.model, progress=setup.progress, of=models.REWARD)
    return Loaded(load(found, setup.options), found.source, found.notes)


kind = ScorerKind(
    "scores by a reward model from transformers: the outcome, or each step",
    RewardModelOptions,
    _load,
    check=_check,
    installed=there("torch", "transformers"),
    install="pip install torch transformers",
)
