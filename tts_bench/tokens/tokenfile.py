"""A learned token on disk: a folder with `token.safetensors` (one float32 tensor "row") and `card.json`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from tts_bench import foreign
from tts_bench.api import LearnedToken
from tts_bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA = 1
TENSOR_FILE, CARD_FILE, TENSOR = "token.safetensors", "card.json", "row"
_WIDEST = 1_000_000  # hidden units
_LARGEST = 8 * foreign.MB  # bytes of the file of a row as wide


@dataclass(frozen=True)
class Card:
    """What must be known of a token to use it, and to make it again."""

    name: str  # e.g. "<|continue-thinking|>"
    model: str  # hub id or name of the model it was trained for
    fingerprint: str  # of that model's weights, config and tokenizer
    hidden_size: int
    init: str  # text whose embedding the row started from
    training: dict[str, Any]  # data, steps, rewards ...: facts, as JSON values
    licence: str
    digest: str  # SHA-256 of the row's little-endian float32 bytes
    schema: int = field(default=SCHEMA)


def save(
    folder: Path,
    row: Sequence[float],
    *,
    name: str,
    model: str,
    fingerprint: str,
    init: str,
    training: Mapping[str, Any],
    licence: str,
    beside: Mapping[str, bytes] | None = None,
) -> LearnedToken:
    """Write a token folder, whole or not at all. `row` has one number for each hidden unit; it is kept as float32.

    `beside` are further files, such as a training log, by name.

    Raises:
        UserError: `folder` exists and is not empty.
        ValueError: `row` is empty or holds NaN or infinity.
    """
    import numpy as np
    from safetensors.numpy import save_file

    check_free(folder)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
        values = np.asarray(row, dtype="<f4")
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError("a token's row takes at least one number, all of them finite in float32")
    token = make_token(name, fingerprint, values)
    card = Card(name, model, fingerprint, values.size, init, dict(training), licence, token.digest)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        staged = Path(scratch) / folder.name
        staged.mkdir()
        save_file({TENSOR: values}, staged / TENSOR_FILE)
        text = json.dumps(dataclasses.asdict(card), ensure_ascii=False, indent=2, allow_nan=False)
        (staged / CARD_FILE).write_text(text + "\n", encoding="utf-8")
        for file, data in (beside or {}).items():
            (staged / file).write_bytes(data)
        os.replace(staged, folder)
    return token


def check_free(folder: Path) -> None:
    """Refuse a folder that `save` would refuse.

    Raises:
        UserError: it exists and is not empty, is a link, or cannot be made where it is to be.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise UserError(f"{folder} exists already. Name a new folder for the token, or move that one away.")
    there = next(parent for parent in folder.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{folder} cannot be made: {there} is not a writable folder. Name another place.")


def load(path: Path) -> LearnedToken:
    """The token of a folder that `save` wrote, checked against its card.

    Raises:
        UserError: no such folder, no card, or a row that is damaged or not the one the card speaks of.
    """
    card = load_card(path)
    values = _row(path / TENSOR_FILE, card.hidden_size)
    token = make_token(card.name, card.fingerprint, values)
    if token.digest != card.digest:
        raise UserError(
            f"{path / TENSOR_FILE} does not match its card: found SHA-256 {token.digest[:16]}..., "
            f"expected {card.digest[:16]}.... Copy the folder again from where it came."
        )
    return token


def load_card(path: Path) -> Card:
    """The card of a token folder, without its row.

    Raises:
        UserError: no such folder, no card, another schema version, or fields that do not fit.
    """
    if not path.is_dir():
        found = "is a file" if path.exists() else "does not exist"
        raise UserError(f"token folder {path} {found}. Pass the folder that holds {TENSOR_FILE} and {CARD_FILE}.")
    file = path / CARD_FILE
    if not file.is_file():
        raise UserError(f"{path} has no {CARD_FILE}: a token without its card cannot be matched to a model.")
    try:
        data = foreign.document(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON: {error}.") from error
    if data.get("schema") != SCHEMA:
        found = repr(data.get("schema"))[:80]
        raise UserError(f"{file} has schema {found}; this version of tts-bench reads {SCHEMA}.")
    types = {key: dict if key == "training" else hint for key, hint in get_type_hints(Card).items()}
    if wrong := sorted(set(data) ^ set(types)):
        raise UserError(
            f"{file} has missing or unknown fields: {', '.join(wrong)[:200]}. Expected: {', '.join(types)}."
        )
    for key, kind in types.items():
        if type(data[key]) is not kind:
            raise UserError(f"{file}: {key} is a {type(data[key]).__name__}; it takes a {kind.__name__}.")
    if not 1 <= data["hidden_size"] <= _WIDEST:
        raise UserError(f"{file}: hidden_size is {data['hidden_size']}; it takes 1 to {_WIDEST:,}.")
    return Card(**data)


def _row(file: Path, hidden_size: int) -> NDArray[np.float32]:
    import numpy as np
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise UserError(f"there is no {file}. Pass the folder that holds {TENSOR_FILE} and {CARD_FILE}.")
    try:
        foreign.check_size(file, _LARGEST)
        with safe_open(file, framework="numpy") as tensors:
            names = sorted(tensors.keys())
            if names != [TENSOR]:
                raise UserError(
                    f"{file} holds the tensors {', '.join(names) or '(none)'}; it takes one named {TENSOR!r}."
                )
            tensor = tensors.get_slice(TENSOR)
            shape, dtype = tensor.get_shape(), tensor.get_dtype()
            if dtype != "F32":
                raise UserError(f"{file}: row is {dtype}; it takes float32 (F32). Write it again with tokenfile.save.")
            if shape != [hidden_size]:
                raise UserError(f"{file}: row has shape {shape}; its card says hidden_size {hidden_size}.")
            values: NDArray[np.float32] = tensors.get_tensor(TENSOR)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{file} is damaged: {error}. Copy the folder again from where it came.") from error
    if not np.isfinite(values).all():
        raise UserError(f"{file}: row holds NaN or infinity; all its numbers must be finite.")
    return values


def make_token(name: str, fingerprint: str, values: NDArray[np.float32]) -> LearnedToken:
    """The token of a float32 row [hidden] and the model with `fingerprint`."""
    digest = hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()
    return LearnedToken(name, tuple(values.tolist()), fingerprint, digest)
