"""A model's name, as the user gives it, made into a checked folder on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tts_bench import foreign
from tts_bench.errors import UserError, did_you_mean
from tts_bench.models.aliases import ALIASES, MANIFEST, Alias, Shipped
from tts_bench.models.cache import Progress, build, converted, downloads
from tts_bench.models.convert import ORIGIN, Unreadable, check_readers, convert
from tts_bench.models.folder import CAUSAL, TOKENIZER_FILES, Purpose, check, fingerprint, unapplied
from tts_bench.models.gguf_header import check_header
from tts_bench.models.wheels import fetch
from tts_bench.text import safe

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", *TOKENIZER_FILES)


_NOTE = 200  # letters of one that are shown


@dataclass(frozen=True)
class ModelFolder:
    """A model that is here, whole, and known by its fingerprint."""

    name: str  # as the user gave it
    folder: Path
    fingerprint: str  # SHA-256 of weights, config and tokenizer
    source: str  # where it came from, for the record
    notes: tuple[str, ...] = ()  # what a reader of results must know, e.g. that weights were dequantised


def resolve(
    name: str, *, cache: Path | None = None, progress: Progress | None = None, of: Purpose = CAUSAL
) -> ModelFolder:
    """The folder of model `name`, wanted for the purpose `of`: an alias, a local folder, a .gguf file, or a hub id
    (`org/name`).

    GGUF files, also those of aliases, are converted once into `cache` (the user's, see `cache_folder`).

    Raises:
        UserError: there is no such model, it cannot be fetched, it is damaged, or it lacks a part.
    """
    tell = progress or _silent
    if (alias := ALIASES.get(name)) is not None:
        return _from_package(alias) if isinstance(alias, Shipped) else _from_alias(alias, cache, tell)
    place = os.path.expanduser(name)
    if os.path.isdir(place):  # unlike Path's, it says no to what can be no path
        return _known(name, Path(place), "local folder", of=of)
    if os.path.isfile(place):
        return _from_file(name, Path(place), cache, tell)
    _check_hub_id(name)
    return _from_hub(name, of)


def at_hand(name: str) -> bool:
    """Whether `resolve` finds `name` without fetching or converting anything."""
    alias = ALIASES.get(name)
    return here(alias) if alias is not None else os.path.isdir(os.path.expanduser(name))


def can_be_found(name: str) -> bool:
    """Whether `name` is an alias, a local folder or written as a hub id; nothing is fetched."""
    return name in ALIASES or os.path.isdir(os.path.expanduser(name)) or bool(_HUB_ID.fullmatch(name))


def tokenizer_folder(name: str, *, cache: Path | None = None) -> Path:
    """A folder with the tokenizer of `name`: an alias, a local folder or a hub id; no weights are fetched from the hub.

    Raises:
        UserError: there is no such model, or it cannot be fetched.
    """
    if name in ALIASES:  # first, as in `resolve`
        return resolve(name, cache=cache).folder
    place = Path(os.path.expanduser(name))
    if os.path.isdir(place):
        return place
    _check_hub_id(name)
    return _snapshot(name, ("config.json", "generation_config.json", *TOKENIZER_FILES))


def examine(name: str, of: Purpose = CAUSAL) -> None:
    """Refuse what `resolve` would refuse, as far as that shows without fetching, converting or hashing.

    Raises:
        UserError: as `resolve`.
    """
    place = os.path.expanduser(name)
    if (alias := ALIASES.get(name)) is not None:
        if not here(alias):
            check_readers()
    elif os.path.isdir(place):
        check(Path(place), of)
    elif os.path.isfile(place):
        check_readers()
        with Path(place).open("rb") as file:
            _check_gguf(Path(place), file.read(4))
    else:
        _check_hub_id(name)


def _check_hub_id(name: str) -> None:
    if not _HUB_ID.fullmatch(name):
        raise UserError(
            f"No model is called {name!r}, and no folder or file of that name exists. {did_you_mean(name, ALIASES)} "
            "A model is one of these names, a local folder, a .gguf file, or a hub id (org/name)."
        )


def _check_gguf(path: Path, start: bytes) -> None:
    if start != b"GGUF":
        raise UserError(f"The model {path} is a file, but not a GGUF file. Give a model folder or a .gguf file.")
    try:
        check_header(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a complete GGUF file: {error}. Copy or download it again.") from error


def _silent(_what: str, _done: int, _of: int) -> None: ...


def _known(name: str, folder: Path, source: str, notes: Iterable[str] = (), of: Purpose = CAUSAL) -> ModelFolder:
    check(folder, of)
    origin = folder / ORIGIN
    if origin.is_file():
        notes = (*_origin_notes(origin), *notes)
    return ModelFolder(name, folder, fingerprint(folder), source, (*notes, *unapplied(folder)))


def _origin_notes(file: Path) -> list[str]:
    try:
        return [str(note)[:_NOTE] for note in list(foreign.document(file)["notes"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} cannot be read: {error}. Delete it; it only records where the weights came from."
        ) from error


def _from_file(name: str, path: Path, cache: Path | None, tell: Progress) -> ModelFolder:
    with path.open("rb") as file:
        _check_gguf(path, file.read(4))
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    target = converted(sha256, cache)

    def make(_scratch: Path, unfinished: Path) -> None:
        tell(f"converting {path.name}", 0, 0)
        convert(path.absolute(), unfinished)

    build(target, make)
    return _cached(name, target, f"GGUF file {path.name}, SHA-256 {sha256}")


def here(alias: Alias | Shipped) -> bool:
    """Whether the alias needs no fetching."""
    return isinstance(alias, Shipped) or converted(alias.sha256).is_dir()


def shipped_folder(alias: Shipped) -> Path:
    """Where a shipped model lies."""
    return Path(str(files("tts_bench.models"))) / alias.name


def _from_package(alias: Shipped) -> ModelFolder:
    folder = shipped_folder(alias)
    again = f"The model {alias.name} is part of tts-bench: install it again."
    try:
        expected = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        for file, sha256 in expected.items():
            found = hashlib.sha256((folder / file).read_bytes()).hexdigest()
            if found != sha256:
                raise UserError(
                    f"{folder / file} is damaged: its SHA-256 is {found[:16]}..., expected {sha256[:16]}.... {again}"
                )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} is damaged: {error}. {again}") from error
    return _known(alias.name, folder, "shipped with tts-bench", [alias.caveat])


def _from_alias(alias: Alias, cache: Path | None, tell: Progress) -> ModelFolder:
    target, kept = converted(alias.sha256, cache), downloads(alias.sha256, cache)

    def make(_scratch: Path, unfinished: Path) -> None:
        check_readers()
        gguf = fetch(alias, kept, tell)
        tell(f"converting {alias.name}", 0, 0)
        try:
            convert(gguf, unfinished)
        except Unreadable as error:  # its SHA-256 is right
            reason = safe(str(error.__cause__ or "it finds too few tensors"))[:200]
            raise UserError(
                f"The file of {alias.name} is whole (SHA-256 as expected), but transformers cannot convert it: "
                f"{reason}. It is kept in {gguf} and will not be downloaded again. Type: tts-bench doctor"
            ) from error

    build(target, make)
    shutil.rmtree(kept, ignore_errors=True)
    wheels = alias.wheels[0] if len(alias.wheels) == 1 else f"{alias.wheels[0]} to {alias.wheels[-1]}"
    return _cached(alias.name, target, f"PyPI {wheels}, GGUF SHA-256 {alias.sha256}", alias.caveat)


def _cached(name: str, folder: Path, source: str, *notes: str) -> ModelFolder:
    try:
        return _known(name, folder, source, notes)
    except UserError as error:
        raise UserError(f"{error} It is a copy in the cache: delete {folder} and repeat the command.") from error


def _from_hub(name: str, of: Purpose) -> ModelFolder:
    folder = _snapshot(name, _HUB_FILES)
    return _known(name, folder, f"hub {name} at {folder.name}", of=of)


def _snapshot(name: str, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except GatedRepoError as error:
        raise UserError(f"The model {name} is gated: accept its terms on the hub, then type: hf auth login") from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"The hub has no model {name}, or it is private. Check the name, or type: hf auth login"
        ) from error
    except (LocalEntryNotFoundError, OSError, ValueError) as error:
        why = safe(str(error).splitlines()[0][:100])
        raise UserError(
            f"{name} is not a local folder and cannot be fetched from the hub: {why}. "
            f"Where there is a network, type: hf download {name} --local-dir FOLDER; then give --model FOLDER here. "
            "Or use --model smollm2, which comes from PyPI."
        ) from error
