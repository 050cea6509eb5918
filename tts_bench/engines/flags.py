"""Options of the built-in engines that the command line has a flag of its own for: `--rows 8` is `hf:rows=8`."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

from tts_bench.engines.hf.kind import HfOptions
from tts_bench.engines.openai.kind import OpenAIOptions
from tts_bench.engines.vllm.kind import VllmOptions


def flagged() -> dict[str, dict[type, Field[Any]]]:
    """By name, each option that has a flag: the classes of options that have it, and their fields."""
    found: dict[str, dict[type, Field[Any]]] = {}
    for cls in (HfOptions, VllmOptions, OpenAIOptions):
        for field in fields(cls):
            if field.metadata.get("flag"):
                found.setdefault(field.name, {})[cls] = field
    return found
