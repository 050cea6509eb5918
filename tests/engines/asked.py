"""What tests of the hf engine ask it for, and the types of their fixtures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.hf.engine import HfEngine

Tiny = Callable[..., Path]
Started = Callable[..., HfEngine]
Run = Callable[[HfEngine, Sequence[Request]], list[Generation]]
GREEDY = Sampling(temperature=0)


PROMPTS = (
    "Tom has 12 apples",
    "Wait, let me think again. How many are left?",
    "So the final answer is",
    "Hmm",
    "The answer is 42. Alternatively,",
)


def requests_of(engine: HfEngine, tokens: int = 40, sampling: Sampling = GREEDY) -> list[Request]:
    prompts = [engine.tokenizer.encode(prompt) for prompt in PROMPTS]
    return [Request(prompt, (), tokens, f"stream {i}", sampling) for i, prompt in enumerate(prompts)]
