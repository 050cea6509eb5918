"""Rollouts by another engine than the one that is updated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.learning.made_up import thinker, trainer
from tests.learning.test_train import closing, plain, quiet
from tts_bench.config import ModelConfig
from tts_bench.errors import UserError
from tts_bench.learning.config import TrainConfig, of_rollouts
from tts_bench.learning.session import check_rollouts


def test_rollouts_by_a_second_engine_train_the_same_row_bit_for_bit(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model, closing(thinker(tmp_path / "m", rows=4)) as other:
        alone = trainer(model, tmp_path / "alone").train(quiet, quiet)
        sampled = model.engine.busy_seconds
        made = trainer(other, tmp_path / "two", learner=model.engine)
        apart = made.train(quiet, quiet)
        assert model.engine.busy_seconds == sampled  # the model that is updated has sampled nothing
    assert torch.equal(alone.row, apart.row)
    assert not torch.equal(alone.row, alone.start)
    assert plain(alone.log) == plain(apart.log)


def test_an_engine_that_cannot_make_the_rollouts_is_refused(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        info = model.engine.info
    check_rollouts(info, info)
    unable = replace(info, name="served", capabilities=info.capabilities - {"learned-tokens"})
    with pytest.raises(UserError, match=r"the engine served does not support learned tokens. Type --rollout-engine hf"):
        check_rollouts(unable, info)
    with pytest.raises(UserError, match=r"holds a model with fingerprint 000.*Type --rollout-engine hf"):
        check_rollouts(replace(info, fingerprint="0" * 64), info)


def test_the_engine_of_the_rollouts_gets_its_own_options_and_not_those_of_the_update() -> None:
    config = TrainConfig(ModelConfig("m", "hf:rows=7,threads=3"), "t", Path("o"), rollout_engine="vllm:a=1")
    assert of_rollouts(config) == ModelConfig("m", "vllm:max_num_seqs=7,a=1")
    assert of_rollouts(replace(config, rollout_engine="hf")) is config.model
