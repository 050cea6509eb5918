"""Devices and number formats: their names, and what this machine has, mostly without importing torch."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tts_bench.errors import UserError, did_you_mean

DEVICES = ("cuda", "mps", "cpu")  # in the order in which "auto" takes them
MOST = 1024  # processes of a run, or threads of one
DTYPES = ("float32", "bfloat16", "float16")
# What the drivers of NVIDIA, Tegra, AMD and WSL put there: without any of them no torch finds an accelerator on Linux.
_DRIVERS = ("nvidiactl", "nvidia0", "nvhost-gpu", "nvgpu", "kfd", "dxg")


def check_names(device: str, dtype: str) -> None:
    """Refuse a device or dtype that does not exist anywhere; a device may be numbered, as in "cuda:0".

    Raises:
        UserError: it is neither "auto" nor a known name.
    """
    unnumbered = re.sub(r"(?<=^cuda):\d+$", "", device)
    for kind, name, known in (("device", unnumbered, DEVICES), ("dtype", dtype, DTYPES)):
        if name not in ("auto", *known):
            raise UserError(f"there is no {kind} {name!r}. {did_you_mean(name, ('auto', *known))}")


def check_counts(of: object, *names: str) -> None:
    """Refuse numbers of processes or threads beyond what a system gives, which would end the program without a word.

    Raises:
        ValueError: one is above `MOST`; None stands for a number that the program finds.
    """
    for name in names:
        if (value := getattr(of, name)) is not None and value > MOST:
            raise ValueError(
                f"{name} is {value}; it takes at most {MOST}, and this machine has {os.cpu_count()} processors"
            )


def accelerated() -> bool:
    """Whether torch finds an accelerator here; it is imported only where there may be one."""
    if sys.platform == "linux" and not any(Path("/dev", name).exists() for name in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def cores() -> int:
    """Threads that torch takes where nobody says how many: one for each core, however many hyperthreads it has."""
    there = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    count = len({_siblings(number) for number in there})
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(int(said), count) if said.isdecimal() and int(said) else count


def _siblings(number: int) -> str:
    """The processors on the same core, as Linux lists them; where it does not, the processor alone."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text(encoding="ascii")
    except OSError:
        return str(number)
