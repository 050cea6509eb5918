"""The card says which step's row the token holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.learning.made_up import thinker, trainer
from tests.learning.test_train import closing, quiet
from tts_bench.learning.session import _facts
from tts_bench.tokens import find, tokenfile


@pytest.mark.parametrize(
    ("rewards", "patience", "steps", "row_of_step", "stopped_early"),
    [
        ([0.1, 0.5, 0.2, 0.3], 2, 5, 1, True),
        ([0.5, 0.1, 0.2, 0.3], 3, 5, 0, True),
        ([0.1, 0.5, 0.2, 0.3], 2, 3, 1, False),  # no better up to the last step: it goes back, after all its steps
        ([0.1, 0.5, 0.2, 0.3], 3, 3, 3, False),
        ([0.1, 0.5, 0.2, 0.3], 0, 3, 3, False),
    ],
)
def test_the_card_says_which_steps_row_it_holds_and_whether_steps_were_left_out(
    tmp_path: Path, rewards: list[float], patience: int, steps: int, row_of_step: int, stopped_early: bool
) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "t", lambda _: 1.0, steps=steps, evaluate_every=1, patience=patience)
        scores = iter(rewards)
        made._held_out = lambda row: {"reward": next(scores)}  # type: ignore[method-assign]
        facts = _facts(made, made.train(quiet, quiet), None)
    assert facts["row_of_step"] == row_of_step
    assert facts["stopped_early"] is stopped_early
    assert facts["steps"] == 3
    assert facts["best_step"] == rewards.index(max(rewards))


def test_a_card_from_before_it_said_so_can_be_read() -> None:
    for folder in find.shipped().values():
        assert tokenfile.load_card(folder).training["best_step"] == 12
