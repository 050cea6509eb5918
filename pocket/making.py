"""From a seed to a model folder: train, cut off the control token, judge, and write the card."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from pocket import card, gate, release, tokens, training
from pocket.card import Facts
from pocket.settings import Settings
from tts_bench.errors import UserError
from tts_bench.models.aliases import MANIFEST
from tts_bench.models.folder import check

ORACLE = "oracle.safetensors"  # beside the model's folder, never in it: it belongs to no token


def make(settings: Settings, out: Path, sizes: gate.Sizes, say: Callable[[str], None]) -> None:
    """Train a model and put it at `out`, with the oracle row beside it at `OUT.oracle.safetensors`.

    What is unfinished lies at `OUT.training`, from where the same call goes on; a model that fails the gate is put at
    `OUT.failed`, and nothing at `out`.

    Raises:
        UserError: `out` is there already, a training with other settings lies beside it, or the gate fails.
    """
    work, failed = _beside(out, "training"), _beside(out, "failed")
    _check_free(out, failed)
    _check_same(work, settings)
    work.mkdir(parents=True, exist_ok=True)
    (work / "settings.json").write_text(json.dumps(settings.as_dict()), "utf-8")
    started = time.perf_counter()

    def tell(step: int, loss: float, speed: float) -> None:
        say(f"step {step} of {settings.total}, loss {loss:.4f}, {speed:,.0f} tokens/s")

    trained, curve = training.train(settings, work, tell)
    seconds = time.perf_counter() - started
    model, oracle = release.cut(trained)
    effects = gate.judge(model, oracle, settings.seed, sizes, say)
    folder = work / "model"
    shutil.rmtree(folder, ignore_errors=True)
    release.write(model, folder)
    facts = Facts(settings, curve, round(seconds), effects)
    write_card(folder, facts)
    save_file({"row": oracle}, _beside(out if facts.passed else failed, ORACLE))
    os.replace(folder, out if facts.passed else failed)
    shutil.rmtree(work)
    if not facts.passed:
        broken = "; ".join(f"{effect.name}: {effect.measured}" for effect in effects if not effect.holds)
        raise UserError(f"The model fails its gate and is not installed ({broken}). It lies in {failed}. Try a --seed.")


def write_card(folder: Path, facts: Facts) -> None:
    """Write the card of a model folder, for people and for programs, and the manifest of its files."""
    (folder / "README.md").unlink(missing_ok=True)
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "README.md").write_text(card.text(facts, weights), "utf-8")
    (folder / "card.json").write_text(json.dumps(facts.as_dict(), indent=1) + "\n", "utf-8")
    names = sorted(file.name for file in folder.iterdir() if file.name != MANIFEST)
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / MANIFEST).write_text(json.dumps({"files": files}, indent=2) + "\n", "utf-8")


def tell_of_seeds(folder: Path, others: Sequence[Path]) -> None:
    """Put the gates of other seeds' folders, installed or failed, into the card of a model folder.

    Raises:
        UserError: a folder without a card that `write_card` wrote.
    """
    gates = {str(facts.settings.seed): facts.effects for facts in map(_facts, others)}
    write_card(folder, replace(_facts(folder), others=gates))


def _facts(folder: Path) -> Facts:
    try:
        return card.read(json.loads((folder / "card.json").read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder} holds no card.json of a pocket model ({error}). Give what `python -m pocket train` wrote."
        ) from error


def judge(
    folder: Path, oracle: Path, seed: int, sizes: gate.Sizes, say: Callable[[str], None]
) -> Sequence[gate.Effect]:
    """The gate's table of a model folder.

    Raises:
        UserError: no such folder or row, or a row that does not fit the model.
    """
    check(folder)
    try:
        row = load_file(oracle)["row"]
    except (OSError, KeyError, SafetensorError) as error:
        raise UserError(f"{oracle} holds no oracle row ({error}). Give the file that its training wrote.") from error
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if not isinstance(model, LlamaForCausalLM) or model.config.vocab_size != tokens.control_id():
        raise UserError(f"{folder} is no pocket model. Give a folder that `python -m pocket train` wrote.")
    if row.shape != (model.config.hidden_size,):
        raise UserError(f"{oracle} has a row of shape {tuple(row.shape)}; {folder} takes {model.config.hidden_size}.")
    model.train(False)
    return gate.judge(model, row, seed, sizes, say)


def _beside(out: Path, what: str) -> Path:
    return out.with_name(f"{out.name}.{what}")


def _check_free(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            raise UserError(f"{folder} exists already. Give another --out, or move it away.")
    there = next(parent for parent in folders[0].absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(
            f"{folders[0]} cannot be made: {there} is no folder that can be written to. Give another --out."
        )


def _check_same(work: Path, settings: Settings) -> None:
    if not work.exists():
        return
    try:
        found = json.loads((work / "settings.json").read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if found != settings.as_dict():
        was = "no training of this program" if found is None else f"an unfinished training with {found}"
        raise UserError(
            f"{work} holds {was}. Give these settings to go on with it, move it away, or give another --out."
        )
    if (work / training.CHECKPOINT).exists():
        print(f"going on with the training in {work}", file=sys.stderr)
