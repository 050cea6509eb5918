"""A token trained on vLLM's rollouts: `--rollout-engine vllm`. `make test-vllm`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from tts_bench.config import ModelConfig
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Engine, Sampling
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.learning import problems
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.session import check_rollouts
from tts_bench.learning.start import embedding_of
from tts_bench.learning.state import State, TrainingFolder
from tts_bench.learning.train import Trainer
from tts_bench.solving.model import Model
from tts_bench.thinking import Found, detect

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

SIZES = {"steps": 2, "problems_per_step": 8, "group": 8, "hold_out": 8, "evaluate_every": 2, "patience": 0}


def trained(engine: Engine, learner: HfEngine, out: Path) -> State:
    plain = Sampling()
    conditions = Conditions(
        detect(learner.tokenizer), thinking=plain, continuation=plain, answer=plain, max_thinking=200, max_answer=24
    )
    config = TrainConfig(ModelConfig(), "pocket_arithmetic", out, **SIZES)  # type: ignore[arg-type]
    folder = TrainingFolder(out)
    folder.claim(config.identity())
    data, start = problems.load(config.task, config.hold_out), embedding_of(learner, config.start)
    return Trainer(
        config, Model(engine, conditions, "", (), Found(conditions.format, "on")), learner, data, folder, start
    ).train(lambda _: None, print)


def test_rollouts_by_vllm_train_the_row_that_rollouts_by_hf_train(
    vllm_engine: Engine, hf_engine: Engine, tmp_path: Path
) -> None:
    learner = cast(HfEngine, hf_engine)
    check_rollouts(vllm_engine.info, learner.info)
    own = trained(hf_engine, learner, tmp_path / "hf")
    sampled = learner.busy_seconds
    other = trained(vllm_engine, learner, tmp_path / "vllm")
    assert learner.busy_seconds == sampled  # vLLM made all rollouts
    for one, two in zip(own.log, other.log, strict=True):
        print({name: (one.get(name), two.get(name)) for name in ("accuracy", "reward", "cosine", "engine", "seconds")})
    # Equal streams give equal texts, but where logits differ in their last bits around a draw.
    moved, likewise = own.row.detach() - own.start, other.row.detach() - own.start
    assert float(moved.norm()) > 0
    assert float(torch.nn.functional.cosine_similarity(moved, likewise, dim=0)) > 0.9
