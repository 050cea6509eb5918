"""Where a run was made: command, versions and hardware, without a path or a name that is nobody's business."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tts_bench.version import __version__

_PACKAGES = ("torch", "transformers", "tokenizers", "lm-eval", "datasets", "mpmath", "numpy")


def command() -> str:
    """The command as it was typed, with paths shortened to their last part where they are absolute.

    Paths in options (`--out=/a/b`, `--strategy learned-token:token=/a/b`) are, too.
    """
    name = Path(sys.argv[0]).name
    words = ["tts-bench" if name == "__main__.py" else name, *sys.argv[1:]]  # `python -m tts_bench` is the same
    return shlex.join(re.sub(r"(?:^|(?<==))/[^,]+", lambda path: Path(path[0]).name, word) for word in words)


def resumes() -> bool:
    """Whether the command goes on with a run by its folder, and so says nothing of its settings."""
    return any(word.partition("=")[0] == "--resume" for word in sys.argv[1:])


def versions() -> dict[str, str]:
    """Versions of what a result may depend on, and the commit where the package runs from a checkout."""
    found = {"tts-bench": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    commit = _commit()
    return {**found, "commit": commit} if commit else found


def hardware() -> dict[str, str | int]:
    """Processor, cores and memory in bytes."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        asked = subprocess.run(
            ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()
