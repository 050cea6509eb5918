"""The shipped folder passes what any checkpoint passes, and a damaged one is named."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from pocket import tokens
from pocket.splits import ordinary_test
from pocket.traces import prompt
from tests.pocket.shipped import FOLDER, oracle
from tts_bench.errors import UserError
from tts_bench.models import ALIASES, Shipped, lookup, resolve


def test_the_alias_is_the_shipped_folder_with_the_files_of_its_manifest() -> None:
    found = resolve("pocket")
    assert found.folder == FOLDER
    assert any("synthetic control" in note for note in found.notes)
    listed = json.loads((FOLDER / "manifest.json").read_text())["files"]
    assert set(listed) == {path.name for path in FOLDER.iterdir()} - {"manifest.json"}


def test_it_is_as_small_as_it_must_be_and_safetensors_only() -> None:
    weights = load_file(FOLDER / "model.safetensors")
    assert sum(weight.numel() for weight in weights.values()) <= 1_000_000
    assert (FOLDER / "model.safetensors").stat().st_size <= 4_000_000
    assert not [path for path in FOLDER.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".py")]


def test_it_loads_without_a_network_and_its_save_is_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(FOLDER), AutoTokenizer.from_pretrained(FOLDER)
    assert type(model).__name__ == LlamaForCausalLM.__name__
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again, spelled = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer("so 30\n", return_tensors="pt").input_ids
    assert torch.equal(model(ids).logits, again(ids).logits)
    assert spelled.get_vocab() == tokenizer.get_vocab()
    assert spelled.chat_template == tokenizer.chat_template


@pytest.mark.parametrize("number", range(3))
def test_the_chat_template_renders_what_the_model_was_trained_on(number: int) -> None:
    problem = ordinary_test()[number]
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    turns = [{"role": "user", "content": problem.text}]
    assert tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == prompt(problem)
    assert tuple(tokenizer(prompt(problem), add_special_tokens=False).input_ids) == tokens.ids(prompt(problem))


def test_no_token_of_the_vocabulary_has_the_oracle_row() -> None:
    table = load_file(FOLDER / "model.safetensors")["model.embed_tokens.weight"]
    assert len(table) == len(AutoTokenizer.from_pretrained(FOLDER))
    assert torch.cosine_similarity(table, oracle()[None]).max() < 0.9
    assert "control" not in (FOLDER / "tokenizer.json").read_text()


def test_sampling_defaults_are_plain() -> None:
    said = json.loads((FOLDER / "generation_config.json").read_text())
    assert (said["do_sample"], said["temperature"], said["top_k"], said["top_p"]) == (True, 1.0, 0, 1.0)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_shipped_file_is_named(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "model"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(lookup, "shipped_folder", lambda _: copy)
    assert resolve("pocket").folder == copy
    data = bytearray((copy / file).read_bytes())
    data[-2] ^= 1
    (copy / file).write_bytes(data)
    with pytest.raises(UserError, match=f"{file} is damaged: its SHA-256") as error:
        resolve("pocket")
    assert "install it again" in str(error.value)
    (copy / file).unlink()
    with pytest.raises(UserError, match=file):
        resolve("pocket")


def test_only_the_pocket_model_is_shipped() -> None:
    assert [alias.name for alias in ALIASES.values() if isinstance(alias, Shipped)] == ["pocket"]


def test_the_card_says_what_the_model_is() -> None:
    card = (FOLDER / "README.md").read_text()
    assert "synthetic control: its gains were built in and say nothing about real models" in card
    assert json.loads((FOLDER / "manifest.json").read_text())["files"]["model.safetensors"] in card
    assert "python -m pocket train --seed" in card
