"""The kind `reward-model`, and the checks before anything is loaded."""

from __future__ import annotations

from tts_bench import models
from tts_bench.engines.kinds import there
from tts_bench.scorers.kinds import Loaded, ScorerKind, Setup
from tts_bench.scorers.reward_model.options import RewardModelOptions


def _check(setup: Setup[RewardModelOptions]) -> None:
    models.examine(setup.options.model, of=models.REWARD)


def _load(setup: Setup[RewardModelOptions]) -> Loaded:
    from tts_bench.scorers.reward_model.load import load

    found = models.resolve(setup.options.model, progress=setup.progress, of=models.REWARD)
    return Loaded(load(found, setup.options), found.source, found.notes)


kind = ScorerKind(
    "scores with a transformers reward model: the outcome, or each step",
    RewardModelOptions,
    _load,
    check=_check,
    installed=there("torch", "transformers"),
    install="pip install torch transformers",
)
