"""Token folders: what is written is read back, and what is damaged is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tts_bench import registry
from tts_bench.errors import UserError
from tts_bench.tokens import tokenfile

FACTS: dict[str, Any] = {
    "name": "<|continue-thinking|>",
    "model": "example/model",
    "fingerprint": "f" * 64,
    "init": "Wait",
    "training": {"steps": 3, "reward": [0.1, 0.2]},
    "licence": "Apache-2.0",
}
ROW = [0.1, -2.0, 3e-9, 4.0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenfile.save(tmp_path / "token", ROW, **FACTS)
    return tmp_path / "token"


def edit(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = json.loads((folder / "card.json").read_text())
        card.update(changes)
        (folder / "card.json").write_text(json.dumps({key: value for key, value in card.items() if value is not ...}))

    return change


def tensor(**tensors: Any) -> Callable[[Path], None]:
    return lambda folder: save_file(
        {key: np.asarray(value) for key, value in tensors.items()}, folder / "token.safetensors"
    )


def f32(*values: float) -> Any:  # noqa: ANN401
    return np.array(values, dtype=np.float32)


def test_what_is_saved_is_loaded_with_its_facts(folder: Path) -> None:
    token, card = tokenfile.load(folder), tokenfile.load_card(folder)
    assert token.row == tuple(f32(*ROW).tolist())
    assert (token.name, token.model, token.digest) == (FACTS["name"], FACTS["fingerprint"], card.digest)
    assert (card.training, card.init, card.hidden_size) == (FACTS["training"], "Wait", 4)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_any_float32_row_comes_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, row: list[float]) -> None:
    folder = tmp_path_factory.mktemp("row") / "token"
    saved = tokenfile.save(folder, row, **FACTS)
    loaded = tokenfile.load(folder)
    assert loaded == saved
    assert np.array(loaded.row, dtype="<f4").tobytes() == np.array(row, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "card.json").unlink(), ["no card.json"]),
        (lambda folder: (folder / "token.safetensors").unlink(), ["there is no"]),
        (lambda folder: (folder / "card.json").write_text("{"), ["cannot be read as JSON"]),
        (lambda folder: (folder / "card.json").write_bytes(b"\xff"), ["cannot be read as JSON"]),
        (lambda folder: (folder / "card.json").write_text("[]"), ["JSON list"]),
        (lambda folder: (folder / "token.safetensors").write_bytes(b"junk"), ["damaged"]),
        (edit(schema=2), ["schema 2", "reads 1"]),
        (edit(name=...), ["unknown fields: name"]),
        (edit(colour="red"), ["unknown fields: colour"]),
        (edit(hidden_size="4"), ["hidden_size is a str", "takes a int"]),
        (edit(hidden_size=8), ["shape [4]", "hidden_size 8"]),
        (edit(digest="0" * 64), ["does not match its card"]),
        (tensor(row=[f32(*ROW)]), ["shape [1, 4]"]),
        (tensor(row=f32(1, 2)), ["shape [2]"]),
        (tensor(row=np.array(ROW)), ["row is F64", "float32"]),
        (tensor(row=np.array(ROW, dtype=np.float16)), ["row is F16"]),
        (tensor(row=f32(0, 1, np.nan, 3)), ["NaN or infinity"]),
        (tensor(row=f32(0, 1, np.inf, 3)), ["NaN or infinity"]),
        (tensor(row=f32(1, 2, 3, 4)), ["does not match its card"]),
        (tensor(other=f32(*ROW)), ["holds the tensors other"]),
        (tensor(row=f32(*ROW), more=f32(1)), ["holds the tensors more, row"]),
    ],
)
def test_a_damaged_folder_is_refused(folder: Path, damage: Callable[[Path], None], words: list[str]) -> None:
    damage(folder)
    with pytest.raises(UserError) as error:
        tokenfile.load(folder)
    for word in words:
        assert word in str(error.value)


def test_a_missing_folder_and_a_file_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        tokenfile.load(folder / "none")
    with pytest.raises(UserError, match="is a file"):
        tokenfile.load(folder / "card.json")


@pytest.mark.parametrize("row", [[], [1.0, float("nan")], [1e39], [[1.0], [2.0]]])
def test_a_row_that_cannot_be_used_is_not_saved(tmp_path: Path, row: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        tokenfile.save(tmp_path / "token", row, **FACTS)
    assert not list(tmp_path.iterdir())


def test_a_token_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        tokenfile.save(tmp_path / "token", ROW, **{**FACTS, "training": {"loss": float("nan")}})
    assert not list(tmp_path.iterdir())


def test_an_existing_token_is_never_overwritten(folder: Path) -> None:
    before = (folder / "card.json").read_bytes()
    with pytest.raises(UserError, match="exists already"):
        tokenfile.save(folder, [1.0], **FACTS)
    assert (folder / "card.json").read_bytes() == before


def test_the_strategy_takes_a_token_folder_and_is_named_by_its_digest(folder: Path) -> None:
    built = registry.build(f"learned-token:token={folder},extensions=1")
    assert built.id == f"learned-token:token=sha256:{tokenfile.load(folder).digest[:16]},extensions=1,budget=none"
    with pytest.raises(UserError, match="does not exist"):
        registry.build("learned-token:token=nowhere")
