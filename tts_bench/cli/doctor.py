"""`tts-bench doctor`: what this machine has, what is missing, and how to install it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from tts_bench import models
from tts_bench.cli.printing import Json, emit
from tts_bench.errors import UserError
from tts_bench.plugins import DISTRIBUTION
from tts_bench.runs.defaults import POCKET
from tts_bench.text import safe

_PYTHON = (3, 11)
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
_ROOM = 2_000_000_000  # bytes: the small models, converted, and a run


@dataclass(frozen=True)
class Finding:
    """One line. `mend` is the command that fixes it, if needed; only requirements make the exit code 1."""

    what: str
    found: str
    mend: str = ""
    required: bool = True


def doctor(
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Run the two controls of the pocket model (under a minute).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is installed here, what is missing, and how to install it.

    Exit code 1 if a requirement is missing or a control is off its known result.
    """
    if self_test:
        _play_controls(as_json=as_json)
        return
    findings = [*_machine(), *_packages(), *_engines(), *_accelerator(), *_data(), *_models()]
    if as_json:
        emit({"findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings)
    if any(finding.mend and finding.required for finding in findings):
        raise typer.Exit(1)


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings:
        mark = "ok" if not finding.mend else "MISSING" if finding.required else "-"
        print(f"{mark:<8} {finding.what:<26} {safe(finding.found)}")
        if finding.mend:
            print(f"{'':<8} type: {finding.mend}")


def _play_controls(*, as_json: bool) -> None:
    from tts_bench import controls
    from tts_bench.config import ModelConfig

    # Whoever asks for it wants to know of this machine as it is now: no kept proof counts.
    verdicts = controls.play(ModelConfig(model=POCKET, engine="hf:kept_proof=false"))
    if as_json:
        emit({"controls": [asdict(verdict) for verdict in verdicts]})
    else:
        for verdict in verdicts:
            print(f"{'ok' if verdict.sound else 'WRONG':<8} {verdict.control:<26} {safe(verdict.said)}")
    if not all(verdict.sound for verdict in verdicts):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    python = platform.python_version()
    old = sys.version_info < _PYTHON
    yield Finding("python", f"{python} in {sys.prefix}", "install Python 3.11 or later" if old else "")
    yield Finding("processor", f"{os.cpu_count()} threads, {platform.machine()} {' '.join(_cpu_features())}".rstrip())
    if hasattr(os, "sysconf"):
        yield Finding("memory", decimal(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    free = shutil.disk_usage(_existing(models.cache_folder())).free
    yield Finding(
        "disk at the cache",
        f"{decimal(free)} free",
        f"free {decimal(_ROOM)}, or set TTS_BENCH_CACHE to another disk" if free < _ROOM else "",
        required=False,
    )


def _cpu_features() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return [name for name in _FEATURES if name in flags]


def _packages() -> Iterator[Finding]:
    """Every package that this one requires, without importing any."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        yield Finding(DISTRIBUTION, "not installed", f"pip install {DISTRIBUTION}")
        return
    yield Finding(DISTRIBUTION, metadata.version(DISTRIBUTION))
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = ""
        fits = bool(version) and requirement.specifier.contains(version, prereleases=True)
        command = f"pip install '{requirement.name}{requirement.specifier}'"
        yield Finding(requirement.name, version or "not installed", "" if fits else command)


def _engines() -> Iterator[Finding]:
    """Each engine with what it supports; packages of built-in engines are among the requirements above."""
    from tts_bench.engines.kinds import listed

    for engine in listed():
        what = f"engine {engine.name}"
        if engine.kind is None:
            yield Finding(what, "broken", engine.problem, required=False)
        elif found := engine.kind.installed():
            yield Finding(what, f"{found}: {engine.kind.summary}; {engine.kind.can}")
        else:
            yield Finding(what, f"not installed: {engine.kind.summary}", engine.kind.install, required=False)


def _accelerator() -> Iterator[Finding]:
    try:
        import torch
    except Exception as error:  # a broken installation fails in many ways
        yield Finding("torch loads", f"no: {type(error).__name__}: {error}", "pip install --force-reinstall torch")
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding(f"GPU {index}", f"{properties.name}, {decimal(properties.total_memory)}")
    if torch.backends.mps.is_available():
        yield Finding("GPU", "Apple MPS")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield Finding("GPU", "none that torch sees: runs use the processor")


def _data() -> Iterator[Finding]:
    from tts_bench.tasks.catalog import describe, names
    from tts_bench.tasks.data import load_rows

    for name in names():
        if "test" not in describe(name).shipped:
            continue
        try:
            rows = load_rows(name)
        except UserError as error:
            yield Finding(f"data {name}", str(error), f"pip install --force-reinstall {DISTRIBUTION}")
        else:
            yield Finding(f"data {name}", f"{len(rows.rows)} rows, {rows.source}")


def _models() -> Iterator[Finding]:
    yield Finding("cache", str(models.cache_folder()))
    first = models.lacking() or models.without_pip()  # without it, fetching ends in an error
    for alias in models.ALIASES.values():
        if models.here(alias):
            yield Finding(f"model {alias.name}", "here")
        else:
            found = "not fetched, and something is missing for it" if first else "not fetched"
            yield Finding(f"model {alias.name}", found, first or f"tts-bench models get {alias.name}", required=False)


def _existing(path: Path) -> Path:
    return next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
