"""A training run on a tiny model, with problems whose reward a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.on_hf import make_thinker
from tts_bench.config import ModelConfig
from tts_bench.engine import Engine
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.problems import Problems
from tts_bench.learning.process_group import SOLO, ProcessGroup
from tts_bench.learning.start import embedding_of
from tts_bench.learning.state import TrainingFolder
from tts_bench.learning.train import Trainer
from tts_bench.solving.model import Model, load_model
from tts_bench.solving.solve import Item
from tts_bench.tasks.loading import LoadedTask

Score = Callable[[str], float]
SMALL: dict[str, Any] = {
    "steps": 3, "problems_per_step": 2, "group": 4, "micro_batch": 4, "hold_out": 2, "evaluate_every": 2, "patience": 0
}  # fmt: skip


def letters(text: str) -> float:
    """A score that tells texts of a random model apart."""
    return float(sum(map(ord, text)) % 2)


def thinker(
    folder: Path, architecture: str = "llama", dtype: str = "float32", rows: int = 8, **settings: object
) -> Model:
    """A tiny model that ends its thinking now and then, loaded."""
    if not folder.exists():
        make_thinker(folder, architecture)  # type: ignore[arg-type]
    chosen: dict[str, Any] = {"max_thinking_tokens": 60, "max_answer_tokens": 6, **settings}
    engine = f"hf:device=cpu,dtype={dtype},rows={rows},threads=1"
    return load_model(ModelConfig(str(folder), engine, thinking="think-tags", **chosen))


def problems(score: Score = letters, count: int = 8, hold_out: int = 2) -> Problems:
    task = SimpleNamespace(process_results=lambda _row, texts: {"right": score(texts[0])})
    loaded = cast(LoadedTask, SimpleNamespace(task=task, metrics=("right",)))
    items = [Item("sums:train", place, 0, f"What is {place} + 2?", (), lambda text: text) for place in range(count)]
    return Problems(loaded, [{}] * count, items[hold_out:], items[:hold_out], "0" * 64, "made up")


def trainer(
    model: Model,
    out: Path,
    score: Score = letters,
    *,
    processes: ProcessGroup = SOLO,
    learner: Engine | None = None,
    **options: object,
) -> Trainer:
    config = TrainConfig(ModelConfig(), "sums", out, **{**SMALL, **options})
    folder = TrainingFolder(out)
    processes.first(lambda: folder.claim(config.identity()))
    own = cast(HfEngine, learner or model.engine)
    start = embedding_of(own, "Wait")
    return Trainer(config, model, own, problems(score, hold_out=config.hold_out), folder, start, processes)
