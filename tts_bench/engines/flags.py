"""Options of the built-in engines that also have a flag: `--max-num-seqs 8` is `hf:max_num_seqs=8`."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

from tts_bench.engines.hf.kind import HfOptions
from tts_bench.engines.openai.kind import OpenAIOptions
from tts_bench.engines.vllm.options import VllmOptions


def flagged() -> dict[str, dict[type, Field[Any]]]:
    """The options that have a flag, by name or alias: the option classes that have each, and their fields."""
    found: dict[str, dict[type, Field[Any]]] = {}
    for cls in (HfOptions, VllmOptions, OpenAIOptions):
        for field in fields(cls):
            if field.metadata.get("flag"):
                for name in filter(None, (field.name, field.metadata.get("alias"))):
                    found.setdefault(name, {})[cls] = field
    return found
