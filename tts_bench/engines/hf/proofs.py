"""Proofs that are kept: what passed its self-test on this machine need not pass it again at every start.

A proof is a small file in the user's cache. It holds for the same weights, settings, libraries, processor and code, to
the letter; any difference, and any damage, has the self-test run again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tts_bench import foreign, models
from tts_bench.engines.environment import of_libraries
from tts_bench.engines.hf.decoder import Products
from tts_bench.files import write_whole


def facts(**own: object) -> dict[str, Any]:
    """All that the arithmetic of an engine on this processor depends on; `own` are those of the engine itself."""
    return {
        **own,
        "code": _code(),
        "torch": [str(torch.__version__), torch.version.git_version, torch.__config__.show()],
        "libraries": {"transformers": transformers.__version__, "numpy": np.__version__},
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "environment": of_libraries(),
    }


def kept(of: dict[str, Any]) -> Products | None:
    """How matrices were multiplied in the proof of these facts; None without a proof."""
    try:
        found = foreign.document(_place(of))
    except (OSError, ValueError):
        return None
    block, wide = found.get("block"), found.get("wide")
    if found.get("facts") != of or type(block) is not int or type(wide) is not bool:
        return None
    return Products(block, wide)


def keep(of: dict[str, Any], products: Products) -> None:
    """Keep that the self-test passed with these facts. A cache that cannot be written has the next start repeat it."""
    place = _place(of)
    said = {"facts": of, **products._asdict()}
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(said).encode())


def _place(of: dict[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
    return models.cache_folder() / "proofs" / f"{digest}.json"


def _code() -> str:
    """The SHA-256 of this engine's own source."""
    sources = sorted((each for each in files(__package__).iterdir() if each.name.endswith(".py")), key=lambda e: e.name)
    return hashlib.sha256(b"\0".join(each.read_bytes() for each in sources)).hexdigest()


def _processor() -> list[str]:
    """What the first processor is and can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return [platform.machine(), platform.processor()]
    told = ("vendor_id", "cpu family", "model", "stepping", "microcode", "cache size", "flags", "Features", "CPU ")
    return [line for line in lines if line.startswith(told)]
