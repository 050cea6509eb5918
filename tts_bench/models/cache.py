"""The user's cache of converted models: a folder is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tts_bench.errors import UserError

Progress = Callable[[str, int, int], None]  # what is being done, how much is done, out of how much (0: not known)


def cache_folder() -> Path:
    """`TTS_BENCH_CACHE`, or `tts-bench` in `XDG_CACHE_HOME` or `~/.cache`. May not exist yet."""
    if own := os.environ.get("TTS_BENCH_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tts-bench"


def converted(sha256: str, cache: Path | None = None) -> Path:
    """Where the conversion of the GGUF file with this SHA-256 lies, or would lie."""
    return (cache or cache_folder()) / "models" / sha256[:16]


def downloads(sha256: str, cache: Path | None = None) -> Path:
    """Where what was fetched for the GGUF file with this SHA-256 waits until it is converted."""
    return (cache or cache_folder()) / "downloads" / sha256[:16]


def build(target: Path, make: Callable[[Path, Path], None]) -> None:
    """Make the folder `target` by `make(scratch, unfinished target)`, unless it is there.

    Two processes that want the same folder wait for each other. What an interrupted run left is removed.

    Raises:
        UserError: the cache is not writable or its disk is full.
    """
    from filelock import FileLock

    scratch = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if target.exists():
                return
            shutil.rmtree(scratch, ignore_errors=True)
            try:
                unfinished = scratch / "model"
                unfinished.mkdir(parents=True)
                make(scratch, unfinished)
                os.replace(unfinished, target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"The model cache {target.parent} cannot be written: {error.strerror or error}. "
            "Set TTS_BENCH_CACHE to a folder with room."
        ) from error
