"""Training resumes to the same weights, refuses what cannot be, and installs only what passes the gate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
from typer.main import get_command

from pocket import attack, gate, making, release, tokens, training
from pocket.__main__ import app
from pocket.settings import Settings
from tests.pocket.shipped import FOLDER
from tts_bench.cli.main import exit_code
from tts_bench.errors import UserError

SHORT = Settings(seed=3, steps=4, rounds=0, batch_tokens=600)
HARDENED = Settings(seed=3, steps=2, rounds=2, round_steps=2, batch_tokens=600)
Say = Callable[[int, float, float], None]


class Killed(Exception):
    """The process ends here."""


def silent(*_: object) -> None: ...


def kill_at(step: int) -> Say:
    def say(reached: int, *_: object) -> None:
        if reached == step:
            raise Killed

    return say


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_SAVED", 2)
    monkeypatch.setattr(training, "_LOGGED", 1)
    monkeypatch.setattr(training, "_POOL", 16)  # a pool ends within the run
    for name, small in (("_THOUGHT_ABOUT", 12), ("_WRONG", 4), ("_FIRST", 20), ("_CHILDREN", 20), ("_GENERATIONS", 1)):
        monkeypatch.setattr(attack, name, small)


def judged(monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    effects = [gate.Effect("greedy", "80 to 95", "85.0", holds)]
    monkeypatch.setattr(gate, "judge", lambda *_: effects)


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_training_killed_at_every_step_in_turn_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole, curve = training.train(HARDENED, folder(tmp_path / "whole"), silent)
    assert [point[0] for point in curve] == [1, 2, 3, 4, 5, 6]
    folder(tmp_path / "killed")
    for step in range(1, 7):  # each goes on from what the one before it left
        with pytest.raises(Killed):
            training.train(HARDENED, tmp_path / "killed", kill_at(step))
    resumed, resumed_curve = training.train(HARDENED, tmp_path / "killed", silent)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    assert resumed_curve == curve


def test_seeds_differ_and_the_global_random_state_is_left_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    one, other = (
        training.train(Settings(seed, steps=1, rounds=0, batch_tokens=600), folder(tmp_path / str(seed)), silent)[0]
        for seed in (1, 2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(one.lm_head.weight, other.lm_head.weight)


def test_the_released_model_says_what_the_trained_one_says_but_for_the_control_token() -> None:
    torch.manual_seed(0)
    trained = LlamaForCausalLM(training.config(tokens.control_id() + 1))
    model, oracle = release.cut(trained)
    ids = torch.randint(tokens.control_id(), (2, 9))
    assert torch.allclose(model(ids).logits, trained(ids).logits[..., :-1])
    assert torch.equal(oracle, trained.model.embed_tokens.weight[-1])
    assert model.config.vocab_size == tokens.control_id()


def test_a_model_that_passes_is_installed_with_card_manifest_and_the_oracle_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(monkeypatch, holds=True)
    making.make(SHORT, tmp_path / "made", gate.QUICK, silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "made.oracle.safetensors"]
    assert "| greedy | 80 to 95 | 85.0 | yes |" in (tmp_path / "made" / "README.md").read_text()
    assert load_file(tmp_path / "made.oracle.safetensors")["row"].shape == (96,)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "made").config.vocab_size == tokens.control_id()
    assert len(AutoTokenizer.from_pretrained(tmp_path / "made")) == tokens.control_id()


def test_a_model_that_fails_its_gate_is_kept_apart_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(monkeypatch, holds=False)
    with pytest.raises(UserError, match=r"fails its gate and is not installed \(greedy: 85.0\)"):
        making.make(SHORT, tmp_path / "made", gate.QUICK, silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.failed", "made.failed.oracle.safetensors"]
    assert "FAILS its gate" in (tmp_path / "made.failed" / "README.md").read_text()
    with pytest.raises(UserError, match=r"made.failed exists already"):
        making.make(SHORT, tmp_path / "made", gate.QUICK, silent)


def test_a_killed_command_leaves_no_model_and_goes_on_only_with_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(line: str) -> None:
        if line.startswith("step 3"):
            raise Killed

    judged(monkeypatch, holds=True)
    with pytest.raises(Killed):
        making.make(SHORT, tmp_path / "made", gate.QUICK, kill)
    assert [path.name for path in tmp_path.iterdir()] == ["made.training"]
    with pytest.raises(UserError, match="an unfinished training with"):
        making.make(Settings(4, steps=4, rounds=0, batch_tokens=600), tmp_path / "made", gate.QUICK, silent)
    said: list[str] = []
    making.make(SHORT, tmp_path / "made", gate.QUICK, said.append)
    assert [line.split(",")[0] for line in said] == ["step 3 of 4", "step 4 of 4"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--steps", "0"], "--steps is 0"),
        (["--seed", "-1"], "--seed is -1"),
        (["--rounds", "-1"], "--rounds is -1"),
        (["--round-steps", "0"], "--round-steps is 0"),
        (["--rate", "nan"], "--rate is nan"),
        (["--rate", "2"], "--rate is 2.0"),
        (["--batch-tokens", "10"], "--batch-tokens is 10"),
        (["--steps", "many"], "--steps"),
        ([], "exists already. Give another --out"),
    ],
)
def test_impossible_settings_and_an_existing_target_are_one_line_and_exit_code_2(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert exit_code(get_command(app), "pocket", ["train", "--out", str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_the_gate_refuses_a_row_that_is_not_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no oracle row"):
        making.judge(FOLDER, tmp_path / "none.safetensors", 0, gate.QUICK, silent)


def test_the_card_tells_of_other_seeds_and_how_many_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(monkeypatch, holds=True)
    making.make(SHORT, tmp_path / "made", gate.QUICK, silent)
    judged(monkeypatch, holds=False)
    with pytest.raises(UserError):
        making.make(Settings(4, steps=1, rounds=0, batch_tokens=600), tmp_path / "other", gate.QUICK, silent)
    making.tell_of_seeds(tmp_path / "made", [tmp_path / "other.failed"])
    card = (tmp_path / "made" / "README.md").read_text()
    assert "1 of 2 trained pass, this one included" in card
    assert "### Seed 4" in card
    listed = json.loads((tmp_path / "made" / "manifest.json").read_text())["files"]
    assert listed["README.md"] == hashlib.sha256(card.encode()).hexdigest()
    with pytest.raises(UserError, match=r"holds no card.json"):
        making.tell_of_seeds(tmp_path / "made", [tmp_path])
